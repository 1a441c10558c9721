//! The effects a rule can ask for.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::EndpointName;

/// One effect, as a value. Its JSON form (`kind` and the fields) is what `plan --json` prints and the journal keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Posts a record to a named endpoint.
    Post {
        /// The endpoint's name in the configuration.
        endpoint: EndpointName,
        /// The record; decimals are strings, a [`super::Receipt`] stands for what an earlier post will answer.
        record: Value,
    },
    /// Posts records to a named endpoint, one after another, as one action.
    PostEach {
        /// The endpoint's name in the configuration.
        endpoint: EndpointName,
        /// The records, at most 2,000.
        records: Vec<Value>,
    },
    /// Answers the From address (or Reply-To where the rule says so).
    Reply(Reply),
    /// Answers From, To and Cc, without our own mailboxes.
    ReplyAll(Reply),
    /// Writes the answer as a draft that a person finishes and sends.
    DraftReply(Reply),
    /// Sends the message on, attachments kept.
    Forward(Forward),
    /// Sends a new mail.
    Send(NewMail),
    /// Moves the message to a folder given by path (`Processed/Invoices`) or well-known name.
    Move {
        /// Path below the mailbox's root, parts separated by `/`.
        folder: String,
    },
    /// Copies the message to a folder.
    Copy {
        /// Path below the mailbox's root, parts separated by `/`.
        folder: String,
    },
    /// Adds categories; those that people set stay.
    Categorise {
        /// Category names.
        names: Vec<String>,
    },
    /// Removes categories.
    Uncategorise {
        /// Category names.
        names: Vec<String>,
    },
    /// Marks the message as read.
    MarkRead,
    /// Marks the message as unread.
    MarkUnread,
    /// Flags the message for follow-up.
    Flag(Flag),
    /// Sets the importance.
    SetImportance {
        /// The new importance.
        importance: Importance,
    },
    /// Moves the message to Deleted Items.
    Delete,
}

/// An answer, rendered from a template when it is performed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Template file in the mailbox's `templates` folder.
    pub template: String,
    /// What the template sees beside `mail`.
    pub data: Value,
    /// A subject other than `RE: …`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Further recipients in Cc.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<String>,
    /// The rule asked to answer Reply-To instead of From.
    #[serde(default, skip_serializing_if = "is_false")]
    pub to_reply_to: bool,
    /// Names of attachments of the message that go back with the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attach: Vec<String>,
    /// The rule's own budget of answers to one sender in a day, instead of the mailbox's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_sender_per_day: Option<u32>,
}

/// A message sent on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forward {
    /// Recipients' addresses.
    pub to: Vec<String>,
    /// What stands above the forwarded message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
}

/// The words above a forwarded message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// As it stands.
    Text(String),
    /// Rendered from a template.
    Template {
        /// Template file in the mailbox's `templates` folder.
        template: String,
        /// What the template sees beside `mail`.
        data: Value,
    },
}

/// A new mail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewMail {
    /// Recipients' addresses.
    pub to: Vec<String>,
    /// Further recipients in Cc.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<String>,
    /// The subject.
    pub subject: String,
    /// Template file in the mailbox's `templates` folder.
    pub template: String,
    /// What the template sees beside `mail`.
    pub data: Value,
    /// Names of attachments of the message that go with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attach: Vec<String>,
}

/// A follow-up flag.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Flag {
    /// The day it is due, in the mailbox's time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Date>,
}

/// Importance as Graph spells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Importance {
    /// Below normal.
    Low,
    /// What mail has when nobody said anything.
    #[default]
    Normal,
    /// Above normal.
    High,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Action {
    /// The `kind` of its JSON form.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Post { .. } => "post",
            Self::PostEach { .. } => "post_each",
            Self::Reply(_) => "reply",
            Self::ReplyAll(_) => "reply_all",
            Self::DraftReply(_) => "draft_reply",
            Self::Forward(_) => "forward",
            Self::Send(_) => "send",
            Self::Move { .. } => "move",
            Self::Copy { .. } => "copy",
            Self::Categorise { .. } => "categorise",
            Self::Uncategorise { .. } => "uncategorise",
            Self::MarkRead => "mark_read",
            Self::MarkUnread => "mark_unread",
            Self::Flag(_) => "flag",
            Self::SetImportance { .. } => "set_importance",
            Self::Delete => "delete",
        }
    }

    /// Whether the message itself is not the same after it.
    pub fn changes_message(&self) -> bool {
        !matches!(self, Self::Post { .. } | Self::PostEach { .. } | Self::Copy { .. } | Self::DraftReply(_)) && !self.sends_mail()
    }

    /// Whether mail leaves the mailbox by it.
    pub fn sends_mail(&self) -> bool {
        matches!(self, Self::Reply(_) | Self::ReplyAll(_) | Self::Forward(_) | Self::Send(_))
    }
}

impl std::fmt::Display for Action {
    /// One line for people: `post to erp`, `move to Processed/Invoices`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Post { endpoint, .. } => write!(f, "post to {endpoint}"),
            Self::PostEach { endpoint, records } => write!(f, "post {} records to {endpoint}", records.len()),
            Self::Reply(reply) => write!(f, "reply {}", reply.template),
            Self::ReplyAll(reply) => write!(f, "reply to all {}", reply.template),
            Self::DraftReply(reply) => write!(f, "draft reply {}", reply.template),
            Self::Forward(forward) => write!(f, "forward to {}", forward.to.join(", ")),
            Self::Send(mail) => write!(f, "send {} to {}", mail.template, mail.to.join(", ")),
            Self::Move { folder } => write!(f, "move to {folder}"),
            Self::Copy { folder } => write!(f, "copy to {folder}"),
            Self::Categorise { names } => write!(f, "categorise {}", names.join(", ")),
            Self::Uncategorise { names } => write!(f, "uncategorise {}", names.join(", ")),
            Self::MarkRead => f.write_str("mark read"),
            Self::MarkUnread => f.write_str("mark unread"),
            Self::Flag(Flag { due: Some(due) }) => write!(f, "flag, due {due}"),
            Self::Flag(Flag { due: None }) => f.write_str("flag"),
            Self::SetImportance { importance } => write!(f, "set importance {importance:?}"),
            Self::Delete => f.write_str("delete"),
        }
    }
}
