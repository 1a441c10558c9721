//! Actions on their way: what is due, and what happened to it.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, params};
use serde_json::Value;

use super::rows::{from_json, optional, tell};
use super::{Event, Journal, JournalError, Row, Status, StepError, Waiting, delivery, lanes, next_status, witness};
use crate::ids::{ActionId, MailboxName, MessageId, RuleSetHash};
use crate::mail::Envelope;
use crate::plan::PlannedAction;

/// A message whose turn it is, with everything that performing its actions needs.
#[derive(Clone, Debug)]
pub struct Turn {
    /// The message's row.
    pub row: Row,
    /// Its mailbox.
    pub mailbox: MailboxName,
    /// What the listing said about it.
    pub envelope: Envelope,
    /// When it was decided or last changed, in milliseconds.
    pub changed_at: i64,
    /// The rule set that decided.
    pub rule_set: RuleSetHash,
    /// The actions that are not done, in order.
    pub actions: Vec<ActionRow>,
    /// What the done ones gave, by position in the plan.
    pub results: BTreeMap<usize, Value>,
    /// Why the journal may have forgotten what was done for this message, and since when that is known, in milliseconds.
    pub doubt: Option<(i64, String)>,
    /// A done one has changed the message itself: what the listing said about it no longer holds.
    pub has_changed_message: bool,
}

/// One action that is not done.
#[derive(Clone, Debug)]
pub struct ActionRow {
    /// Its id.
    pub id: ActionId,
    /// Its position in the plan.
    pub ordinal: usize,
    /// What shall happen, and for which rule.
    pub planned: PlannedAction,
    /// Where it stands.
    pub status: Status,
    /// The call that is or was under way.
    pub step: Option<String>,
    /// What earlier steps left.
    pub progress: Value,
    /// Calls begun so far.
    pub attempt: u32,
    /// Calls in a row that the remote did not let succeed; those that our own end cut off do not count.
    pub failures: u32,
    /// Looks since it became unclear.
    pub looks: u32,
    /// Since when it is unclear, in milliseconds.
    pub unclear_at: Option<i64>,
    /// When it is to be taken up, in milliseconds.
    pub due_at: i64,
    /// Since when it is tried, in milliseconds: since it was planned, or since a person last wanted it tried again.
    pub since: i64,
}

/// Mailboxes that are not worked now, or not wholly.
#[derive(Clone, Debug, Default)]
pub struct LeftAlone {
    /// As many of their messages are at work as may be: nothing is begun.
    pub full: BTreeSet<MailboxName>,
    /// Another process may work them: only what is unclear is looked at.
    pub resting: BTreeSet<MailboxName>,
    /// They take no calls: only what goes elsewhere is done.
    pub closed: BTreeSet<MailboxName>,
}

/// What can be taken up: looks at what is unclear, and calls whose turn it is. Neighbours that one call carried may part afterwards:
/// one that waits for an earlier one is not taken up before it. Mail that was accepted and came back later holds back nothing.
const OPEN: &str = "turn = 1 AND status IN ('due', 'deferred', 'unclear')
     AND (status = 'unclear' OR NOT EXISTS (SELECT 1 FROM action b WHERE b.message = action.message AND b.epoch = action.epoch
                                               AND b.ordinal < action.ordinal
                                               AND b.status <> 'done' AND b.result IS NULL))";

impl Journal {
    /// Messages that have an action to perform or verify: of each mailbox at most so many, but for what is `left_alone`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn due(&self, limit: usize, left_alone: LeftAlone) -> Result<Waiting<(Row, MailboxName)>, JournalError> {
        let now = self.now_ms();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.look(move |connection| {
            let mut due = Vec::new();
            for mailbox in lanes::waiting(connection, ("action", "turn = 1 AND status IN ('due', 'deferred', 'unclear')"))? {
                if left_alone.full.contains(&mailbox) {
                    continue;
                }
                let resting = if left_alone.resting.contains(&mailbox) { "AND status = 'unclear'" } else { "" };
                let closed = if left_alone.closed.contains(&mailbox) { "AND kind IN ('post', 'post_each')" } else { "" };
                let mut statement = connection.prepare_cached(&format!(
                    "SELECT due_at, message FROM action
                     WHERE {OPEN} AND mailbox = ?1 AND due_at <= ?2 {resting} {closed} ORDER BY due_at LIMIT ?3"
                ))?;
                let rows =
                    statement.query_map(params![mailbox.as_str(), now, limit], |row| Ok((row.get(0)?, Row(row.get(1)?))))?;
                for row in rows {
                    let (due_at, row): (i64, Row) = row?;
                    due.push((due_at, row, mailbox.clone()));
                }
            }
            due.sort_by_key(|(due_at, row, _)| (*due_at, *row));
            let next_at = connection
                .prepare_cached(&format!("SELECT min(due_at) FROM action WHERE {OPEN} AND due_at > ?"))?
                .query_row([now], |row| row.get(0))?;
            Ok(Waiting { now: due.into_iter().map(|(_, row, mailbox)| (row, mailbox)).collect(), next_at })
        })
        .await
    }

    /// Everything about a message whose turn it is.
    ///
    /// # Errors
    /// The database cannot be read, or has no such message with a plan.
    pub async fn turn(&self, row: Row) -> Result<Turn, JournalError> {
        self.look(move |connection| turn(connection, row)).await
    }

    /// Writes what happened to actions of one message, in one transaction; gives their statuses after it.
    ///
    /// # Errors
    /// An event that the action's status does not allow: then none of them is written.
    pub async fn record(&self, row: Row, events: Vec<(ActionId, Event)>) -> Result<Vec<Status>, JournalError> {
        let now = self.now_ms();
        self.write(move |connection| events.iter().map(|(id, event)| apply(connection, row, id, event, now)).collect()).await
    }

    /// At the start: every action whose call was under way when the process ended is unclear now.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn doubt_running(&self) -> Result<usize, JournalError> {
        let now = self.now_ms();
        self.write(move |connection| {
            let mut statement = connection.prepare("SELECT message, id FROM action WHERE status = 'running'")?;
            let running: Vec<(i64, String)> =
                statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
            for (row, id) in &running {
                apply(connection, Row(*row), &ActionId::new(id.clone()), &Event::Interrupted, now)?;
            }
            Ok(running.len())
        })
        .await
    }
}

fn turn(connection: &Connection, row: Row) -> Result<Turn, StepError> {
    let head = connection
        .prepare_cached(
            "SELECT mailbox, graph_id, envelope, changed_at, rule_set, epoch, coalesce(received_at, seen_at)
             FROM message WHERE id = ? AND rule_set IS NOT NULL",
        )?
        .query_row([row.0], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?))
        });
    let head: Option<(String, String, String, i64, String, i64, i64)> = optional(head)?;
    let Some((mailbox, graph_id, envelope, changed_at, rule_set, epoch, arrived_at)) = head else {
        return Err(JournalError::Missing(format!("plan for message {}", row.0)).into());
    };
    let mut envelope: Envelope = from_json(&envelope)?;
    envelope.id = Some(MessageId::new(graph_id));
    let mut turn = Turn {
        row,
        doubt: witness::doubt(connection, &mailbox, arrived_at)?,
        mailbox: MailboxName::new(mailbox),
        envelope,
        changed_at,
        rule_set: RuleSetHash::new(rule_set),
        actions: Vec::new(),
        results: BTreeMap::new(),
        has_changed_message: false,
    };
    let mut statement = connection.prepare_cached(
        "SELECT id, ordinal, body, status, step, progress, attempt, looks, unclear_at, due_at, result, failures, since
         FROM action WHERE message = ? AND epoch = ? ORDER BY ordinal",
    )?;
    let mut rows = statement.query(params![row.0, epoch])?;
    while let Some(row) = rows.next()? {
        let ordinal = usize::try_from(row.get::<_, i64>(1)?).unwrap_or(usize::MAX);
        let status: String = row.get(3)?;
        let status = Status::parse(&status).ok_or_else(|| JournalError::Statement(format!("status `{status}` is not known")))?;
        let result: Option<String> = row.get(10)?;
        if status == Status::Done || result.is_some() {
            turn.results.insert(ordinal, result.map(|text| from_json(&text)).transpose()?.unwrap_or_default());
            turn.has_changed_message |= from_json::<PlannedAction>(&row.get::<_, String>(2)?)?.action.changes_message();
            continue;
        }
        turn.actions.push(ActionRow {
            id: ActionId::new(row.get::<_, String>(0)?),
            ordinal,
            planned: from_json(&row.get::<_, String>(2)?)?,
            status,
            step: row.get(4)?,
            progress: from_json(&row.get::<_, String>(5)?)?,
            attempt: row.get(6)?,
            looks: row.get(7)?,
            unclear_at: row.get(8)?,
            due_at: row.get(9)?,
            failures: row.get(11)?,
            since: row.get::<_, Option<i64>>(12)?.unwrap_or(changed_at),
        });
    }
    Ok(turn)
}

/// Folds one event into its action, keeps it in the story, and hands the turn on when the action is done.
pub(super) fn apply(connection: &Connection, row: Row, id: &ActionId, event: &Event, now: i64) -> Result<Status, StepError> {
    let current = connection
        .prepare_cached("SELECT status, progress, result IS NOT NULL FROM action WHERE id = ? AND message = ?")?
        .query_row(params![id.as_str(), row.0], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, bool>(2)?))
        });
    let missing = || JournalError::Missing(format!("action {id} of message {}", row.0));
    let (word, progress, had_effect) = optional(current)?.ok_or_else(missing)?;
    let status = Status::parse(&word).ok_or_else(missing)?;
    let next = next_status(status, event)?;
    let due_at = now.saturating_add(i64::try_from(event.after().as_millis()).unwrap_or(i64::MAX));
    let (step, progress) = match event {
        Event::Started { step } | Event::Doubted { step, .. } => (Some(step.as_str()), None),
        Event::Advanced { progress } => (None, Some(progress.to_string())),
        // It took effect once, and a person wants it once more: nothing of the first time is gone on with.
        Event::Retried { .. } if had_effect => (None, Some(again(&from_json(&progress)?).to_string())),
        _ => (None, None),
    };
    let result = match event {
        Event::Done { result } | Event::Confirmed { result } => Some(result),
        _ => None,
    };
    connection
        .prepare_cached(
            "UPDATE action SET status = ?2, turn = 1, step = CASE ?5 WHEN 'retried' THEN NULL ELSE coalesce(?3, step) END,
                    progress = coalesce(?4, progress), attempt = CASE ?5 WHEN 'retried' THEN min(attempt, 1) ELSE attempt + (?5 IN ('started', 'doubted')) END,
                    since = CASE ?5 WHEN 'retried' THEN ?8 ELSE since END,
                    looks = CASE ?5 WHEN 'still_unclear' THEN looks + 1 ELSE 0 END,
                    failures = CASE WHEN status = 'running' AND ?5 IN ('deferred', 'outcome_unknown') THEN failures + 1
                                    WHEN ?5 IN ('advanced', 'done', 'confirmed', 'retried') THEN 0 ELSE failures END,
                    due_at = ?6, unclear_at = CASE ?2 WHEN 'unclear' THEN coalesce(unclear_at, ?8) END,
                    reason = ?7, result = CASE ?5 WHEN 'retried' THEN NULL ELSE coalesce(?9, result) END, changed_at = ?8
             WHERE id = ?1",
        )?
        .execute(params![
            id.as_str(),
            next.as_str(),
            step,
            progress,
            event.name(),
            due_at,
            event.reason(),
            now,
            result.map(Value::to_string)
        ])?;
    let mut detail = serde_json::to_value(event)?;
    if let Some(map) = detail.as_object_mut() {
        map.remove("event");
    }
    tell(connection, row, Some(id), now, (event.name(), &detail))?;
    if let Some(result) = result {
        delivery::accept(connection, id, result, now)?;
    }
    if next == Status::Done {
        connection
            .prepare_cached(
                "UPDATE action SET turn = 1, due_at = CASE status WHEN 'due' THEN ?2 ELSE due_at END WHERE id = (
                     SELECT id FROM action WHERE message = ?1 AND status <> 'done' AND result IS NULL
                        AND epoch = (SELECT epoch FROM message WHERE id = ?1) ORDER BY ordinal LIMIT 1)
                 AND NOT EXISTS (SELECT 1 FROM message m JOIN brake b ON b.mailbox = m.mailbox AND b.rule_set = m.rule_set
                                  WHERE m.id = ?1 AND b.state = 'held')",
            )?
            .execute(params![row.0, now])?;
    }
    Ok(next)
}

/// What an action that took effect begins again with: how often it did so before.
fn again(progress: &Value) -> Value {
    let before = progress.get("again").and_then(Value::as_u64).unwrap_or(0);
    serde_json::json!({ "again": before + 1 })
}
