//! The machine's clock was set: what waits for a time of day waits as long as it would have.

use rusqlite::{Connection, params};

use super::{Journal, JournalError, StepError};
use crate::clock::Jump;

/// The longest pause there is: a day that a remote asked for, and an hour for clocks that differ.
const FURTHEST_MS: i64 = 25 * 3_600_000;
/// What the paces and budgets of outgoing mail look back on.
const DAY_MS: i64 = 86_400_000;

impl Journal {
    /// Moves every open time by as much as the clock was set, in one transaction: when actions are due, since when they are unclear, when
    /// messages and sent mail are looked at again, and when mail went out that still counts against a pace. What was written after the
    /// clock was set, and before this, stays: it is by the new clock.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn clock_jumped(&self, Jump { by_ms, since_ms }: Jump) -> Result<(), JournalError> {
        let now = self.now_ms();
        self.write(move |connection| {
            let moved = params![by_ms, since_ms, now];
            connection.execute(
                "UPDATE action SET due_at = due_at + CASE WHEN changed_at BETWEEN ?2 AND ?3 THEN 0 ELSE ?1 END,
                                   unclear_at = unclear_at + CASE WHEN unclear_at BETWEEN ?2 AND ?3 THEN 0 ELSE ?1 END
                  WHERE status NOT IN ('done', 'rejected', 'parked')",
                moved,
            )?;
            connection.execute(
                "UPDATE message SET look_at = look_at + ?1 WHERE status = 'seen' AND changed_at NOT BETWEEN ?2 AND ?3",
                moved,
            )?;
            connection.execute(
                "UPDATE sent SET look_at = look_at + ?1, accepted_at = accepted_at + ?1
                  WHERE outcome = 'accepted' AND accepted_at NOT BETWEEN ?2 AND ?3",
                moved,
            )?;
            let before = now.saturating_sub(by_ms);
            connection.execute(
                "UPDATE sent SET at = at + ?1 WHERE at > ?4 AND at NOT BETWEEN ?2 AND ?3",
                params![by_ms, since_ms, now, before.saturating_sub(DAY_MS)],
            )?;
            if by_ms < 0 {
                // The age of a decision bounds how long a receiver knows our key: it may look older than it is, never younger.
                connection.execute(
                    "UPDATE message SET changed_at = changed_at + ?1 WHERE id IN (
                         SELECT message FROM action WHERE status NOT IN ('done', 'rejected', 'parked'))",
                    [by_ms],
                )?;
            }
            take_up_what_waits_for_ever(connection, now)
        })
        .await
    }

    /// At the start: what waits for a time beyond every pause was written when the clock was wrong, and is taken up now.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn distrust_far_times(&self) -> Result<(), JournalError> {
        let now = self.now_ms();
        self.write(move |connection| take_up_what_waits_for_ever(connection, now)).await
    }
}

fn take_up_what_waits_for_ever(connection: &Connection, now: i64) -> Result<(), StepError> {
    let furthest = now.saturating_add(FURTHEST_MS);
    connection.execute(
        "UPDATE action SET due_at = ?1 WHERE status IN ('due', 'deferred', 'unclear') AND due_at > ?2",
        params![now, furthest],
    )?;
    connection.execute("UPDATE message SET look_at = ?1 WHERE status = 'seen' AND look_at > ?2", params![now, furthest])?;
    connection.execute("UPDATE sent SET look_at = ?1 WHERE outcome = 'accepted' AND look_at > ?2", params![now, furthest])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;
    use crate::clock::{Clock, JumpWatch};
    use crate::ids::{ActionId, MailboxName, MessageId, RuleSetHash};
    use crate::journal::{Arrival, Event, LeftAlone, Looked, Row};
    use crate::mail::Envelope;
    use crate::plan::{Action, Plan, PlannedAction};

    const HOUR_MS: i64 = 3_600_000;

    /// A message with one action.
    async fn desk(dir: &tempfile::TempDir) -> (Journal, Clock, Row, ActionId) {
        let clock = Clock::of_runtime("2026-03-02T09:00:00Z".parse().unwrap());
        let journal = Journal::open(&dir.path().join("postroom.db"), clock.clone()).unwrap();
        let arrival = Arrival { mailbox: MailboxName::new("invoices"), folder: "Inbox".into() };
        let envelope = Envelope { id: Some(MessageId::new("AAk=")), ..Envelope::default() };
        journal
            .record_page(&arrival, vec![envelope], Looked { next: "cursor".into(), calls: 0 }, jiff::Timestamp::MIN)
            .await
            .unwrap();
        let row = journal.undecided((1, 1), BTreeSet::new()).await.unwrap().now[0].row;
        let hash = RuleSetHash::new("7f");
        journal.keep_rule_set(&hash, &std::collections::BTreeMap::new()).await.unwrap();
        let planned = PlannedAction { rule: "10-a".into(), action: Action::MarkRead, withheld: None };
        journal
            .record_plan(row, &hash, Plan { rules: vec!["10-a".into()], actions: vec![planned], ..Plan::default() })
            .await
            .unwrap();
        let id = journal.turn(row).await.unwrap().actions[0].id.clone();
        (journal, clock, row, id)
    }

    async fn record(journal: &Journal, row: Row, id: &ActionId, events: &[Event]) {
        journal.record(row, events.iter().map(|event| (id.clone(), event.clone())).collect()).await.unwrap();
    }

    fn started() -> Event {
        Event::Started { step: "patch".into() }
    }

    /// How long until the action is due, and for how long it has been unclear, in whole seconds.
    async fn times(journal: &Journal, clock: &Clock, row: Row) -> (i64, Option<i64>) {
        let (now, action) = (clock.now().as_millisecond(), journal.turn(row).await.unwrap().actions[0].clone());
        ((action.due_at - now + 500) / 1_000, action.unclear_at.map(|since| (now - since + 500) / 1_000))
    }

    /// The clock was set just now.
    fn jump(clock: &Clock, by_ms: i64) -> Jump {
        Jump { by_ms, since_ms: clock.now().as_millisecond() }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_written_after_the_clock_was_set_is_by_the_new_clock_and_stays() {
        for by_ms in [HOUR_MS, -HOUR_MS] {
            let dir = tempfile::tempdir().unwrap();
            let (journal, clock, row, id) = desk(&dir).await;
            let unknown = Event::OutcomeUnknown { after_ms: 60_000, reason: "reset".into() };
            record(&journal, row, &id, &[started(), unknown]).await;
            let watch = JumpWatch::new(&clock);
            clock.jump(by_ms);
            let again = Event::StillUnclear { after_ms: 30_000, reason: "not found".into() };
            record(&journal, row, &id, &[again]).await;
            journal.clock_jumped(watch.jumped().unwrap()).await.unwrap();
            assert_eq!(times(&journal, &clock, row).await, (30, Some(0)), "{by_ms}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn open_times_move_with_the_clock_and_closed_ones_stay() {
        let dir = tempfile::tempdir().unwrap();
        let (journal, clock, row, id) = desk(&dir).await;
        let unknown = Event::OutcomeUnknown { after_ms: 60_000, reason: "reset".into() };
        record(&journal, row, &id, &[started(), unknown]).await;
        for by in [HOUR_MS, -2 * HOUR_MS, 30 * 24 * HOUR_MS] {
            clock.jump(by);
            journal.clock_jumped(jump(&clock, by)).await.unwrap();
            assert_eq!(times(&journal, &clock, row).await, (60, Some(0)), "{by}");
        }
        record(&journal, row, &id, &[Event::Parked { reason: "x".into() }]).await;
        let before = journal.turn(row).await.unwrap().actions[0].due_at;
        journal.clock_jumped(jump(&clock, HOUR_MS)).await.unwrap();
        assert_eq!(journal.turn(row).await.unwrap().actions[0].due_at, before);
    }

    #[tokio::test(start_paused = true)]
    async fn a_decision_never_looks_younger_than_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (journal, clock, row, _) = desk(&dir).await;
        let age = async || (clock.now().as_millisecond() - journal.turn(row).await.unwrap().changed_at + 500) / 1_000;
        clock.jump(-HOUR_MS);
        journal.clock_jumped(jump(&clock, -HOUR_MS)).await.unwrap();
        assert_eq!(age().await, 0);
        clock.jump(HOUR_MS);
        journal.clock_jumped(jump(&clock, HOUR_MS)).await.unwrap();
        assert_eq!(age().await, 3_600);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_for_a_time_beyond_every_pause_is_taken_up() {
        let dir = tempfile::tempdir().unwrap();
        let (journal, clock, row, id) = desk(&dir).await;
        let day = Event::Deferred { after_ms: 24 * 3_600_000, reason: "busy".into() };
        record(&journal, row, &id, &[started(), day]).await;
        journal.distrust_far_times().await.unwrap();
        assert_eq!(times(&journal, &clock, row).await, (24 * 3_600, None));
        // The next process starts with a clock that is right again.
        clock.jump(-30 * 24 * HOUR_MS);
        journal.distrust_far_times().await.unwrap();
        let due = async |left_alone| -> Vec<Row> {
            journal.due(1, left_alone).await.unwrap().now.into_iter().map(|(row, _)| row).collect()
        };
        assert_eq!((times(&journal, &clock, row).await.0, due(LeftAlone::default()).await), (0, vec![row]));
        for (name, expected) in [("sales", vec![row]), ("invoices", Vec::new())] {
            let names = BTreeSet::from([MailboxName::new(name)]);
            assert_eq!(due(LeftAlone { resting: names.clone(), ..LeftAlone::default() }).await, expected);
            assert_eq!(due(LeftAlone { closed: names.clone(), ..LeftAlone::default() }).await, expected);
            assert_eq!(due(LeftAlone { full: names, ..LeftAlone::default() }).await, expected);
        }
    }
}
