//! An action's status is the fold of its events. The legal moves stand in one `match`; every other pair is refused.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where an action stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// To be performed when its turn has come and its time is there.
    Due,
    /// A call is under way: its `Started` is written, its outcome is not.
    Running,
    /// A call was made and nobody knows whether it took effect: to be verified before anything else.
    Unclear,
    /// To be performed later, because the remote said so or could not be reached.
    Deferred,
    /// Took effect, or was withheld or skipped with a reason: nothing is left to do.
    Done,
    /// Refused by the remote: a person retries or skips it.
    Rejected,
    /// Could not be proved either way: a person looks at the evidence.
    Parked,
}

impl Status {
    /// All of them, for whoever wants to walk every pair.
    pub const ALL: [Self; 7] =
        [Self::Due, Self::Running, Self::Unclear, Self::Deferred, Self::Done, Self::Rejected, Self::Parked];

    /// The word in the database and in what people read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Running => "running",
            Self::Unclear => "unclear",
            Self::Deferred => "deferred",
            Self::Done => "done",
            Self::Rejected => "rejected",
            Self::Parked => "parked",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// What happened to an action. Written before a call ([`Event::Started`]) and after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A call is about to be made.
    Started {
        /// Which call of the action: `create`, `send`, `post`, `patch` …
        step: String,
    },
    /// A call succeeded and another one is left: what is known now (the draft's id).
    Advanced {
        /// What later steps need.
        progress: Value,
    },
    /// It took effect.
    Done {
        /// What the remote answered; `Null` when it says nothing.
        result: Value,
    },
    /// It is not to happen: not safe, or overtaken by a person.
    Withheld {
        /// Why.
        reason: String,
    },
    /// Nothing happened; once more after `after_ms`.
    Deferred {
        /// Milliseconds to wait.
        after_ms: u64,
        /// Why.
        reason: String,
    },
    /// Nothing happened, and a repeat cannot help.
    Rejected {
        /// Why.
        reason: String,
    },
    /// It may have happened; to be looked at after `after_ms`.
    OutcomeUnknown {
        /// Milliseconds until the first look.
        after_ms: u64,
        /// What was seen.
        reason: String,
    },
    /// The process ended while the call was under way: to be looked at.
    Interrupted,
    /// A look found that it happened.
    Confirmed {
        /// What was found.
        result: Value,
    },
    /// A look found that it did not happen; once more after `after_ms`.
    NeverHappened {
        /// Milliseconds to wait.
        after_ms: u64,
        /// What was found.
        reason: String,
    },
    /// A look could not tell; to be looked at again after `after_ms`.
    StillUnclear {
        /// Milliseconds until the next look.
        after_ms: u64,
        /// What was seen.
        reason: String,
    },
    /// Nothing more can be found out: a person decides.
    Parked {
        /// The evidence.
        reason: String,
    },
    /// It was accepted for delivery and came back.
    Bounced {
        /// Who did not get it, and why.
        reason: String,
    },
    /// It was accepted for delivery long ago, and is neither in Sent Items nor did it come back.
    Lost {
        /// Where it was looked for.
        reason: String,
    },
    /// The journal may have forgotten that it happened: to be looked at before it is begun.
    Doubted {
        /// The call that may have been made.
        step: String,
        /// Why the journal is not believed.
        reason: String,
    },
    /// A person wants it tried again.
    Retried {
        /// Who.
        by: String,
    },
    /// A person wants it left out.
    Skipped {
        /// Who.
        by: String,
    },
    /// A person has done it, or has seen that it happened.
    DoneByHand {
        /// Who.
        by: String,
    },
}

/// An event that the status does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an action that is {} cannot be {event}", status.as_str())]
pub struct IllegalMove {
    /// Where the action stood.
    pub status: Status,
    /// The event's name.
    pub event: &'static str,
}

/// The status after `event`.
///
/// # Errors
/// The pair is not one of the legal moves.
pub fn next_status(status: Status, event: &Event) -> Result<Status, IllegalMove> {
    use Event as E;
    use Status as S;
    match (status, event) {
        (S::Due | S::Deferred, E::Started { .. }) => Ok(S::Running),
        // What is found out before any call is made.
        (S::Due | S::Deferred | S::Running | S::Unclear, E::Withheld { .. })
        | (S::Running, E::Done { .. })
        | (S::Unclear, E::Confirmed { .. })
        | (S::Due | S::Rejected | S::Parked | S::Deferred, E::Skipped { .. })
        | (S::Rejected | S::Parked | S::Deferred, E::DoneByHand { .. }) => Ok(S::Done),
        (S::Due | S::Deferred | S::Running, E::Deferred { .. }) => Ok(S::Deferred),
        (S::Due | S::Deferred | S::Running | S::Unclear, E::Rejected { .. }) | (S::Done, E::Bounced { .. }) => Ok(S::Rejected),
        (S::Running | S::Unclear, E::Advanced { .. })
        | (S::Unclear, E::NeverHappened { .. })
        | (S::Rejected | S::Parked | S::Deferred, E::Retried { .. }) => Ok(S::Due),
        (S::Running, E::OutcomeUnknown { .. } | E::Interrupted)
        | (S::Unclear, E::StillUnclear { .. })
        | (S::Due | S::Deferred, E::Doubted { .. }) => Ok(S::Unclear),
        (S::Unclear, E::Parked { .. }) | (S::Done, E::Lost { .. }) => Ok(S::Parked),
        _ => Err(IllegalMove { status, event: event.name() }),
    }
}

impl Event {
    /// The event's name, as in its JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Advanced { .. } => "advanced",
            Self::Done { .. } => "done",
            Self::Withheld { .. } => "withheld",
            Self::Deferred { .. } => "deferred",
            Self::Rejected { .. } => "rejected",
            Self::OutcomeUnknown { .. } => "outcome_unknown",
            Self::Interrupted => "interrupted",
            Self::Confirmed { .. } => "confirmed",
            Self::NeverHappened { .. } => "never_happened",
            Self::StillUnclear { .. } => "still_unclear",
            Self::Parked { .. } => "parked",
            Self::Bounced { .. } => "bounced",
            Self::Lost { .. } => "lost",
            Self::Doubted { .. } => "doubted",
            Self::Retried { .. } => "retried",
            Self::Skipped { .. } => "skipped",
            Self::DoneByHand { .. } => "done_by_hand",
        }
    }

    /// Why, where the event has a reason.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Withheld { reason }
            | Self::Deferred { reason, .. }
            | Self::Rejected { reason }
            | Self::OutcomeUnknown { reason, .. }
            | Self::NeverHappened { reason, .. }
            | Self::StillUnclear { reason, .. }
            | Self::Parked { reason }
            | Self::Bounced { reason }
            | Self::Lost { reason }
            | Self::Doubted { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// When the action is to be taken up again, from now.
    pub fn after(&self) -> Duration {
        match self {
            Self::Deferred { after_ms, .. }
            | Self::OutcomeUnknown { after_ms, .. }
            | Self::NeverHappened { after_ms, .. }
            | Self::StillUnclear { after_ms, .. } => Duration::from_millis(*after_ms),
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_event() -> Vec<Event> {
        let (after_ms, reason, by) = (1, String::new(), String::new());
        vec![
            Event::Started { step: String::new() },
            Event::Advanced { progress: Value::Null },
            Event::Done { result: Value::Null },
            Event::Withheld { reason: reason.clone() },
            Event::Deferred { after_ms, reason: reason.clone() },
            Event::Rejected { reason: reason.clone() },
            Event::OutcomeUnknown { after_ms, reason: reason.clone() },
            Event::Interrupted,
            Event::Confirmed { result: Value::Null },
            Event::NeverHappened { after_ms, reason: reason.clone() },
            Event::StillUnclear { after_ms, reason: reason.clone() },
            Event::Parked { reason: reason.clone() },
            Event::Bounced { reason: reason.clone() },
            Event::Lost { reason: reason.clone() },
            Event::Doubted { step: String::new(), reason },
            Event::Retried { by: by.clone() },
            Event::Skipped { by: by.clone() },
            Event::DoneByHand { by },
        ]
    }

    /// The whole table, status by status: each legal event and where it leads.
    #[test]
    fn every_pair_is_legal_or_refused() {
        let line = |status: Status| {
            let legal: Vec<String> = every_event()
                .iter()
                .filter_map(|event| Some(format!("{}>{}", event.name(), next_status(status, event).ok()?.as_str())))
                .collect();
            format!("{}: {}\n", status.as_str(), legal.join(" "))
        };
        let table = Status::ALL.map(line).concat();
        assert_eq!(
            table,
            "due: started>running withheld>done deferred>deferred rejected>rejected doubted>unclear skipped>done\n\
             running: advanced>due done>done withheld>done deferred>deferred rejected>rejected outcome_unknown>unclear interrupted>unclear\n\
             unclear: advanced>due withheld>done rejected>rejected confirmed>done never_happened>due still_unclear>unclear parked>parked\n\
             deferred: started>running withheld>done deferred>deferred rejected>rejected doubted>unclear retried>due skipped>done done_by_hand>done\n\
             done: bounced>rejected lost>parked\n\
             rejected: retried>due skipped>done done_by_hand>done\n\
             parked: retried>due skipped>done done_by_hand>done\n"
        );
    }

    #[test]
    fn an_unclear_action_is_never_started_again_without_a_look() {
        let refused = next_status(Status::Unclear, &Event::Started { step: "send".into() });
        assert_eq!(refused.map_err(|illegal| illegal.to_string()), Err("an action that is unclear cannot be started".to_owned()));
    }
}
