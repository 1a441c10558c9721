//! One message: its content, its state, and the changes that may be made twice.

use jiff::civil::Date;
use reqwest::Method;
use reqwest::header::IF_MATCH;
use serde_json::{Map, Value, json};

use super::error::{ErrorKind, GraphError};
use super::mailbox::{Mailbox, literal};
use super::request::{Call, Effect};
use super::wire::{STATE_SELECT, WireMessage, flag_json, importance_word, state};
use crate::ids::{FolderId, MessageId};
use crate::plan::Importance;
use crate::verdict::Verdict;

/// Largest content that is read: Exchange's 35 MB and what encoding adds to it.
const MIME_MAX: usize = 50 * 1024 * 1024;
const MIME: &str = "GET /messages/{id}/$value";
const GET: &str = "GET /messages/{id}";
const PATCH: &str = "PATCH /messages/{id}";
const MOVE: &str = "POST /messages/{id}/move";
const COPY: &str = "POST /messages/{id}/copy";
const DELETE: &str = "DELETE /messages/{id}";
const FIND: &str = "GET /mailFolders/{id}/messages";
/// Pages of a search; ten messages with one Message-ID would be many.
const PAGES_MAX: usize = 10;

/// A follow-up flag as it stands on a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FollowUp {
    /// None.
    #[default]
    NotFlagged,
    /// To be followed up, perhaps by a day.
    Flagged {
        /// The day it is due.
        due: Option<Date>,
    },
    /// Followed up.
    Complete,
}

/// What may change on a message after it was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageState {
    /// Immutable id.
    pub id: MessageId,
    /// The folder it is in.
    pub folder: FolderId,
    /// Category names.
    pub categories: Vec<String>,
    /// Read.
    pub is_read: bool,
    /// Follow-up flag.
    pub flag: FollowUp,
    /// Importance.
    pub importance: Importance,
    /// Not sent yet.
    pub is_draft: bool,
    /// Changes with every change.
    pub change_key: Option<String>,
    /// The same as an etag, for [`Mailbox::patch`].
    pub etag: Option<String>,
    /// Conversation id.
    pub conversation: Option<String>,
    /// Message-ID with its angle brackets.
    pub internet_message_id: Option<String>,
}

/// What to set; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// All category names: the list is replaced whole, so read it first and give its etag.
    pub categories: Option<Vec<String>>,
    /// Read or unread.
    pub is_read: Option<bool>,
    /// Follow-up flag.
    pub flag: Option<FollowUp>,
    /// Importance.
    pub importance: Option<Importance>,
}

impl Mailbox {
    /// The message's MIME content.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] beyond 50 MiB; [`ErrorKind::Gone`].
    pub async fn mime(&self, id: &MessageId) -> Result<Vec<u8>, GraphError> {
        let call = self.read(MIME, &["messages", id.as_str(), "$value"])?;
        let timeout = call.timeout.saturating_mul(4);
        Ok(self.make(&Call { answer_max: MIME_MAX, timeout, ..call }).await?.body.into())
    }

    /// Where the message stands now; `None` when it is not there. A draft under its immutable id may be missing for a
    /// while after it was sent.
    pub async fn state(&self, id: &MessageId) -> Result<Option<MessageState>, GraphError> {
        let call = self.read(GET, &["messages", id.as_str()])?.query(&[("$select", STATE_SELECT)]);
        match self.make(&call).await {
            Ok(answer) => self.named(state(&answer)).map(Some),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets categories, read state, flag and importance in one call.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when the message is not as `if_match` (an etag) says: read it again.
    pub async fn patch(&self, id: &MessageId, patch: &Patch, if_match: Option<&str>) -> Result<MessageState, GraphError> {
        let mut call = self.call(PATCH, Method::PATCH, Effect::Repeatable, &["messages", id.as_str()])?;
        call.body = Some(patch_json(patch));
        if let Some(etag) = if_match {
            call = call.header(IF_MATCH, etag);
        }
        self.named(state(&self.make(&call).await?))
    }

    /// Moves the message; moving it where it already is changes nothing.
    pub async fn move_to(&self, id: &MessageId, folder: &FolderId) -> Result<MessageState, GraphError> {
        let body = json!({ "destinationId": folder.as_str() });
        let call = self.post(MOVE, Effect::Repeatable, &["messages", id.as_str(), "move"], body)?;
        self.named(state(&self.make(&call).await?))
    }

    /// Copies the message; the id is the copy's.
    pub async fn copy_to(&self, id: &MessageId, folder: &FolderId) -> Result<MessageId, GraphError> {
        let body = json!({ "destinationId": folder.as_str() });
        let call = self.post(COPY, Effect::Once, &["messages", id.as_str(), "copy"], body)?;
        Ok(self.named(state(&self.make(&call).await?))?.id)
    }

    /// Moves the message to Deleted Items; one that lies there already goes on to the recoverable items.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`] when it is not there.
    pub async fn delete(&self, id: &MessageId) -> Result<(), GraphError> {
        let call = self.call(DELETE, Method::DELETE, Effect::Repeatable, &["messages", id.as_str()])?;
        self.make(&Call { answer_max: 0, ..call }).await.map(drop)
    }

    /// The messages in a folder with this Message-ID (angle brackets included); it need not be unique.
    pub async fn find_by_internet_message_id(&self, folder: &FolderId, mid: &str) -> Result<Vec<MessageId>, GraphError> {
        let filter = format!("internetMessageId eq {}", literal(mid));
        let call = self.read(FIND, &["mailFolders", folder.as_str(), "messages"])?;
        let call = call.query(&[("$filter", &filter), ("$select", "id"), ("$top", "50")]);
        let found: Vec<WireMessage> = self.list(call, PAGES_MAX).await?;
        Ok(found.into_iter().map(|message| MessageId::new(message.id)).collect())
    }

    /// The result with this mailbox named in its error.
    pub(super) fn named<T>(&self, result: Result<T, GraphError>) -> Result<T, GraphError> {
        result.map_err(|error| self.error(error.kind, error.verdict, error.call, &error.message))
    }

    /// An error for something that is too large to be sent.
    pub(super) fn too_large(&self, call: &'static str, message: &str) -> GraphError {
        self.error(ErrorKind::TooLarge, Verdict::Never, call, message)
    }
}

/// Only what changes: Exchange refuses a message that is echoed back.
fn patch_json(patch: &Patch) -> Value {
    let fields = [
        ("categories", patch.categories.as_ref().map(|names| json!(names))),
        ("isRead", patch.is_read.map(Value::Bool)),
        ("flag", patch.flag.map(flag_json)),
        ("importance", patch.importance.map(|importance| json!(importance_word(importance)))),
    ];
    let set = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(set.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_holds_only_what_changes() {
        let patch = Patch { categories: Some(vec!["Paid".into()]), is_read: Some(true), ..Patch::default() };
        assert_eq!(patch_json(&patch), json!({ "categories": ["Paid"], "isRead": true }));
        assert_eq!(patch_json(&Patch::default()), json!({}));
    }
}
