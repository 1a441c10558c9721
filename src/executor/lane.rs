//! One message's turn: its actions in order, each call between a `Started` and its outcome.

use std::sync::Arc;

use tokio::sync::watch;

use super::call::Call;
use super::lease::Footing;
use super::schedule::{self, Next};
use super::{Executor, ServedMailbox};
use crate::graph::MessageState;
use crate::ids::ActionId;
use crate::journal::{ActionRow, Beginning, Begun, Event, JournalError, Limits, Pace, Row, Sent, Status, Turn};
use crate::panics;

/// A message at work.
pub(super) struct Work<'a> {
    /// What the journal knows.
    pub turn: Turn,
    /// Where it lies.
    pub mailbox: &'a ServedMailbox,
    /// What the last answer of this lane said about the message: it saves a look before a move.
    pub seen: Option<MessageState>,
    /// In which generation the journal was read.
    pub generation: u64,
}

/// What comes of preparing an action.
pub(super) enum Prepared {
    /// No call is needed or possible.
    Tell(Event),
    /// This call is to be made.
    Make {
        /// The step's name in the journal.
        step: String,
        /// The call.
        call: Call,
        /// For outgoing mail: what counts against the budgets.
        mail: Option<(Sent, Limits)>,
    },
}

/// Whether a prepared call is made.
enum Start {
    /// It is, now: that it begins is written.
    Call,
    /// It is not; this is noted instead.
    Instead(Event),
    /// Its rules wait for a person, and so does it.
    Held,
}

impl Prepared {
    pub(super) fn make(step: &str, call: Call) -> Self {
        Self::Make { step: step.to_owned(), call, mail: None }
    }
}

impl Executor {
    pub(super) async fn lane(&self, row: Row, stop: watch::Receiver<bool>) -> (Row, Result<(), JournalError>) {
        let ended = match panics::caught(self.work_off(row, &stop)).await {
            Ok(ended) => ended,
            Err(panic) => self.leave_to_a_person(row, &panic).await,
        };
        (row, ended)
    }

    /// The program failed over this message: its action waits for a person, the other messages go on.
    async fn leave_to_a_person(&self, row: Row, panic: &str) -> Result<(), JournalError> {
        let reason = format!("the program failed while it worked on this: {panic}");
        tracing::error!(message = row.0, %reason, "its action is put aside, the others go on");
        let turn = self.journal.turn(row).await?;
        let actions: Vec<_> = turn.actions.iter().map(|action| (action.id.clone(), action.status)).collect();
        self.note(row, after_panic(&actions, &reason)).await
    }

    /// Goes on until nothing can be done now, or until the process is to end.
    async fn work_off(&self, row: Row, stop: &watch::Receiver<bool>) -> Result<(), JournalError> {
        let mut seen = None;
        while !*stop.borrow() {
            let generation = self.generation();
            let turn = self.journal.turn(row).await?;
            let next = schedule::next(&turn, self.clock.now().as_millisecond());
            let Some(mailbox) = self.mailboxes.get(&turn.mailbox) else {
                return self.put_aside(&turn).await;
            };
            let mut work = Work { turn, mailbox: &mailbox, seen: seen.take(), generation };
            match next {
                Next::Nothing => return Ok(()),
                Next::Verify(position) => {
                    let action = &work.turn.actions[position];
                    let Some(_place) = self.place(row, action).await? else { return Ok(()) };
                    let event = self.verify(&work, action).await?;
                    self.note(row, vec![(action.id.clone(), event)]).await?;
                }
                // When it takes calls again, what is due shows it.
                Next::Perform(range) if Self::is_shut(&work, range.start) => return Ok(()),
                Next::Perform(range) => {
                    // What is withheld brings nothing about; all else needs the mailbox to be ours.
                    if work.turn.actions[range.start].planned.withheld.is_none() {
                        match self.footing((&work.turn.mailbox, &mailbox), generation).await? {
                            Footing::Firm => {}
                            Footing::Fresh => continue,
                            Footing::Resting => return Ok(()),
                        }
                    }
                    let Some(_place) = self.place(row, &work.turn.actions[range.start]).await? else { return Ok(()) };
                    self.perform(&mut work, range).await?;
                }
            }
            seen = work.seen;
        }
        Ok(())
    }

    /// Whether the next action is a call to a mailbox that takes none now.
    fn is_shut(work: &Work<'_>, position: usize) -> bool {
        let planned = &work.turn.actions[position].planned;
        planned.withheld.is_none() && !schedule::is_post(&planned.action) && work.mailbox.graph.opens_in().is_some()
    }

    async fn perform(&self, work: &mut Work<'_>, range: std::ops::Range<usize>) -> Result<(), JournalError> {
        let actions: Vec<ActionRow> = work.turn.actions[range].to_vec();
        let row = work.turn.row;
        let each = |event: &Event| actions.iter().map(|action| (action.id.clone(), event.clone())).collect::<Vec<_>>();
        let event = match self.prepare(work, &actions).await? {
            Prepared::Tell(event) => event,
            Prepared::Make { step, call, mail } => {
                let sends = matches!(call, Call::Send { .. }).then(|| Arc::clone(&work.mailbox.sends));
                let _permit = match sends {
                    Some(sends) => sends.acquire_owned().await.ok(),
                    None => None,
                };
                match self.begin(work, &actions, Beginning { step, mail, brake: work.mailbox.brake }).await? {
                    Start::Call => self.make(work, &actions[0], call).await,
                    Start::Instead(event) => event,
                    Start::Held => return Ok(()),
                }
            }
        };
        self.note(row, each(&event)).await
    }

    /// Writes that the call begins, or says why it may not.
    async fn begin(&self, work: &Work<'_>, actions: &[ActionRow], beginning: Beginning) -> Result<Start, JournalError> {
        let recipient = beginning.mail.as_ref().map(|(sent, _)| sent.recipient.clone()).unwrap_or_default();
        let ids = actions.iter().map(|action| action.id.clone()).collect();
        let event = match self.journal.begin(&work.turn, ids, beginning).await? {
            Begun::Started => return Ok(Start::Call),
            Begun::Held => return Ok(Start::Held),
            Begun::RecipientHasEnough(count) => Event::Withheld {
                reason: format!("{recipient} has had {count} automatic answers in the last 24 hours, which is all it may have"),
            },
            Begun::ConversationHasEnough(count) => Event::Withheld {
                reason: format!("this conversation has had {count} automatic answers, which is all it may have"),
            },
            Begun::Later(after_ms, Pace::Mailbox) => {
                Event::Deferred { after_ms, reason: "the mailbox has sent as many mails in a minute as it may".to_owned() }
            }
            Begun::Later(after_ms, Pace::Domain) => {
                let domain = recipient.rsplit('@').next().unwrap_or_default();
                Event::Deferred { after_ms, reason: format!("{domain} has had as many automatic answers in an hour as it may") }
            }
        };
        Ok(Start::Instead(event))
    }

    /// Writes an outcome. What has happened must not be forgotten: on a full disk this waits for space.
    async fn note(&self, row: Row, events: Vec<(ActionId, Event)>) -> Result<(), JournalError> {
        let mut told = false;
        loop {
            match self.journal.record(row, events.clone()).await {
                Err(error) if error.is_passing() => {
                    if !told {
                        tracing::error!(message = row.0, %error, "an outcome waits to be written");
                        told = true;
                    }
                    self.clock.sleep(super::LOOK_AT_LEAST).await;
                }
                other => return other.map(|_| ()),
            }
        }
    }

    /// The mailbox is no longer in the configuration: its actions wait until it is there again.
    async fn put_aside(&self, turn: &Turn) -> Result<(), JournalError> {
        let Some(first) = turn.actions.first() else { return Ok(()) };
        let reason = format!("mailbox `{}` is not in the configuration", turn.mailbox);
        let after_ms = u64::try_from(self.patience.configuration.as_millis()).unwrap_or(u64::MAX);
        let event = match first.status {
            Status::Unclear => Event::StillUnclear { after_ms, reason },
            _ => Event::Deferred { after_ms, reason },
        };
        self.note(turn.row, vec![(first.id.clone(), event)]).await
    }
}

/// What to write when the program failed over a message with these actions: those whose call was under way may have taken effect and
/// are parked; without one, it is the first that has not ended.
fn after_panic(actions: &[(ActionId, Status)], reason: &str) -> Vec<(ActionId, Event)> {
    let reason = reason.to_owned();
    let running: Vec<&ActionId> = actions.iter().filter(|(_, status)| *status == Status::Running).map(|(id, _)| id).collect();
    if !running.is_empty() {
        let parked = |id: &ActionId| [(id.clone(), Event::Interrupted), (id.clone(), Event::Parked { reason: reason.clone() })];
        return running.into_iter().flat_map(parked).collect();
    }
    let event = match actions.first() {
        Some((_, Status::Unclear)) => Event::Parked { reason },
        Some((_, Status::Due | Status::Deferred)) => Event::Rejected { reason },
        _ => return Vec::new(),
    };
    actions.first().map(|(id, _)| (id.clone(), event)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::next_status;

    #[test]
    fn after_a_panic_the_action_at_work_waits_for_a_person_by_legal_moves_and_those_behind_it_stay() {
        use Status::{Deferred, Due, Parked, Rejected, Running, Unclear};

        let ended = |statuses: &[Status]| {
            let ids: Vec<ActionId> = ["a", "b", "c"].into_iter().map(ActionId::from).collect();
            let mut actions: Vec<_> = ids.into_iter().zip(statuses.iter().copied()).collect();
            for (id, event) in after_panic(&actions.clone(), "why") {
                let Some((_, status)) = actions.iter_mut().find(|(own, _)| *own == id) else { panic!("{id} is none of them") };
                *status = next_status(*status, &event).unwrap_or_else(|illegal| panic!("{illegal}"));
                assert!(*status == Status::Unclear || event.reason() == Some("why"));
            }
            actions.into_iter().map(|(_, status)| status).collect::<Vec<_>>()
        };
        assert_eq!(ended(&[Due, Due]), [Rejected, Due]);
        assert_eq!(ended(&[Deferred, Due]), [Rejected, Due]);
        assert_eq!(ended(&[Unclear, Due]), [Parked, Due]);
        assert_eq!(ended(&[Running, Running, Due]), [Parked, Parked, Due]);
        assert_eq!(ended(&[Rejected, Due]), [Rejected, Due]);
        assert_eq!(ended(&[Parked, Due]), [Parked, Due]);
        assert_eq!(ended(&[]), []);
    }
}
