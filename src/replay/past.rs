//! What the rules were told when a mail was decided, from the journal; so that it can be decided again as it would have been then.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::case_file::Given;
use super::rehearsal::Beside;
use crate::clock::from_ms;
use crate::ids::MailboxName;
use crate::journal::{Decided, Journal};
use crate::plan::{Answers, Question};
use crate::rules::Memory;

/// The journal of a mailbox, as far as it answers and remembers.
#[derive(Clone)]
pub struct Recorded {
    /// The journal.
    pub journal: Journal,
    /// The mailbox.
    pub mailbox: MailboxName,
}

/// What the rules are told beside one mail.
pub struct Past {
    given: Given,
    /// What this very message was told.
    own: Answers,
    recorded: Option<Recorded>,
    /// When it was decided; what was remembered then and later was not there yet.
    decided_at: Option<i64>,
}

impl Past {
    /// Beside a mail in a file: what is given, and the answers of the journal. Its memory is only what is given.
    pub(super) fn of_file(given: Given, recorded: Option<&Recorded>) -> Self {
        Self { given, own: Answers::new(), recorded: recorded.cloned(), decided_at: None }
    }

    /// Beside a message of the journal: what it was told, what is given, and what others were told.
    pub fn of_message(message: &Decided, given: &Given, recorded: &Recorded) -> Self {
        Self {
            given: given.clone(),
            own: message.answers.clone(),
            recorded: Some(recorded.clone()),
            decided_at: Some(message.decided_at),
        }
    }
}

impl Beside for Past {
    fn now(&self) -> Option<Timestamp> {
        self.decided_at.map(from_ms).or(self.given.now)
    }

    fn memory(&self) -> Arc<dyn Memory> {
        match (&self.recorded, self.decided_at) {
            (Some(recorded), Some(before)) => Arc::new(Remembered { recorded: recorded.clone(), before }),
            _ => self.given.memory.clone(),
        }
    }

    fn reply(&self, question: &Question) -> Option<Value> {
        let key = question.key();
        let told = self.own.get(&key).or_else(|| self.given.answer_to(question)).cloned();
        // A journal that cannot be read knows no answer, and the message is counted as unknown.
        told.or_else(|| self.recorded.as_ref()?.journal.answer_of(&key).ok().flatten())
    }
}

/// What a mailbox remembered before a message was decided.
struct Remembered {
    recorded: Recorded,
    before: i64,
}

impl Memory for Remembered {
    fn recall(&self, key: &str) -> Result<Option<Value>, String> {
        self.recorded.journal.recall_before(&self.recorded.mailbox, key, self.before).map_err(|error| error.to_string())
    }
}
