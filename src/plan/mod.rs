//! What a run of rules yields, as plain values that can be stored, compared and shown: actions, questions, plans.
//!
//! Owns the words for effects and the checks on a whole plan. Never performs anything, never reads a clock.

mod action;
mod checks;
mod question;
mod receipt;

pub use action::{Action, Flag, Forward, Importance, NewMail, Note, Reply};
pub use checks::{ACTIONS_MAX, Contradiction, check};
pub(crate) use question::hex;
pub use question::{Answers, Question};
pub use receipt::{Receipt, fill, show};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::RuleName;

/// What shall be done with one message, in order. Recorded whole before anything is performed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The rules whose `when` was true, in the order in which they ran.
    pub rules: Vec<RuleName>,
    /// The effects, in the order in which they are performed.
    pub actions: Vec<PlannedAction>,
    /// What the mailbox shall remember or forget; written in the same transaction as the plan.
    pub remember: Vec<MemoryWrite>,
    /// What `recall` read; checked again in the transaction that records the plan.
    pub recalled: Vec<MemoryRead>,
    /// What the rules noted for the message's story.
    pub notes: Vec<String>,
}

/// One action of a plan and the rule that asked for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedAction {
    /// The rule that asked for it.
    pub rule: RuleName,
    /// What shall happen.
    #[serde(flatten)]
    pub action: Action,
    /// Why it shall not happen after all: a reply that would not be safe. It stays in the plan to be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<String>,
}

/// `remember(key, value)`, `remember(key, value, days)` or `forget(key)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryWrite {
    /// The key, in the mailbox's own space.
    pub key: String,
    /// The value; `None` forgets the key.
    pub value: Option<Value>,
    /// When the mailbox forgets it by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What `recall(key)` gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryRead {
    /// The key asked for.
    pub key: String,
    /// The value found; `None` when there was none.
    pub value: Option<Value>,
}
