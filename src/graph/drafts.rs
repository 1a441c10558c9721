//! Outgoing mail: a draft that bears its action's id from its first request, found again by it, and sent by one call.
//!
//! The one-shot calls (`reply`, `forward`, `sendMail`) are not here: nothing could be found again after an unclear end.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use super::error::GraphError;
use super::mailbox::{Mailbox, literal};
use super::request::{Answer, Call, Effect};
use super::wire::{WireMessage, importance_word, recipients_json};
use crate::ids::{ActionId, FolderId, MessageId};
use crate::mail::Address;
use crate::plan::Importance;

/// The property that names the action. Its GUID never changes: a mailbox has a quota of property names.
pub(super) const MARKER: &str = "String {5b1f2f0e-6c0d-4f5a-9a43-7d6e1c80b2a7} Name postroom.action";
/// Message headers as named properties (MS-OXCMAIL §2.1.3): the way in for a header that does not begin with `x-`.
const AUTO_SUBMITTED: &str = "String {00020386-0000-0000-C000-000000000046} Name Auto-Submitted";
/// `PidTagInReplyToId` and `PidTagInternetReferences`.
const IN_REPLY_TO: &str = "String 0x1042";
const REFERENCES: &str = "String 0x1039";
/// Largest request Graph takes: 4 MB, attachments in base64 included.
const REQUEST_MAX: usize = 4_000_000;
const PAGES_MAX: usize = 10;
/// What is read of a marked message.
const SHOWN: &str = "id,parentFolderId,isDraft,changeKey";
const CREATE: &str = "POST /mailFolders/{id}/messages";
const CREATE_FORWARD: &str = "POST /messages/{id}/createForward";
const FIND: &str = "GET /messages";
const FIND_IN: &str = "GET /mailFolders/{id}/messages";
const SEND: &str = "POST /messages/{id}/send";
const DELETE: &str = "DELETE /messages/{id}";

/// A mail to be created as a draft.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The action it is for; the draft is found again by it.
    pub action: ActionId,
    /// The value of the header `x-postroom-action`, which the recipient's answer or bounce may bring back.
    pub mark: String,
    /// Subject; empty in a forward leaves `FW: …` to the service.
    pub subject: String,
    /// HTML body; in a forward, the note above the original.
    pub html: String,
    /// To.
    pub to: Vec<Address>,
    /// Cc.
    pub cc: Vec<Address>,
    /// Message-ID of what it answers. Its presence makes the mail `auto-replied` instead of `auto-generated` (RFC 3834).
    pub in_reply_to: Option<String>,
    /// References of the thread, separated by blanks.
    pub references: Option<String>,
    /// Importance.
    pub importance: Importance,
    /// Attachments; together at most about 3 MB.
    pub attachments: Vec<DraftAttachment>,
}

/// A file that goes with a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftAttachment {
    /// File name.
    pub name: String,
    /// Media type.
    pub content_type: String,
    /// Content.
    pub bytes: Vec<u8>,
}

/// A draft that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftRef {
    /// Immutable id; the sent copy keeps it.
    pub id: MessageId,
    /// Its change key, which a person's edit changes.
    pub change_key: Option<String>,
    /// Message-ID; the sent copy may get another.
    pub internet_message_id: Option<String>,
}

/// A message that bears an action's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// Immutable id.
    pub id: MessageId,
    /// The folder it is in.
    pub folder: FolderId,
    /// Not sent yet.
    pub is_draft: bool,
    /// Its change key.
    pub change_key: Option<String>,
}

impl Mailbox {
    /// Creates a draft in `folder`, marked and complete, by one request.
    ///
    /// # Errors
    /// [`super::ErrorKind::TooLarge`] when it does not fit into a request of 4 MB. Unclear: look with [`Mailbox::find_marked`].
    pub async fn create_draft(&self, folder: &FolderId, draft: &Draft) -> Result<DraftRef, GraphError> {
        let mut message = message_json(draft);
        message["body"] = json!({ "contentType": "html", "content": draft.html });
        self.create(self.post(CREATE, Effect::Once, &["mailFolders", folder.as_str(), "messages"], message)?).await
    }

    /// Creates a draft in Drafts that forwards `original` with its attachments, marked, by one request.
    pub async fn create_forward(&self, original: &MessageId, draft: &Draft) -> Result<DraftRef, GraphError> {
        // A body would replace the forwarded text; the comment is put above it.
        let body = json!({ "message": message_json(draft), "comment": draft.html });
        self.create(self.post(CREATE_FORWARD, Effect::Once, &["messages", original.as_str(), "createForward"], body)?).await
    }

    async fn create(&self, call: Call) -> Result<DraftRef, GraphError> {
        let length = call.body.as_ref().map_or(0, |body| body.to_string().len());
        if length > REQUEST_MAX {
            let told = format!(
                "the draft has {length} bytes with its attachments, Graph takes {REQUEST_MAX} in one request; send fewer attachments"
            );
            return Err(self.too_large(call.name, &told));
        }
        let answer = self.make(&call).await?;
        self.named(created(&answer))
    }

    /// The messages that bear the action's id, in these folders (ids or well-known names), or in all when none is named.
    /// The service's index may be minutes late: nothing found does not mean that nothing is there.
    pub async fn find_marked(&self, action: &ActionId, folders: &[FolderId]) -> Result<Vec<Marked>, GraphError> {
        let value = literal(action.as_str());
        let filter = format!("singleValueExtendedProperties/Any(ep: ep/id eq {} and ep/value eq {value})", literal(MARKER));
        let options = [("$filter", filter.as_str()), ("$select", SHOWN), ("$top", "10")];
        let calls = if folders.is_empty() {
            vec![self.read(FIND, &["messages"])?]
        } else {
            let in_folder = |folder: &FolderId| self.read(FIND_IN, &["mailFolders", folder.as_str(), "messages"]);
            folders.iter().map(in_folder).collect::<Result<_, _>>()?
        };
        let mut found: Vec<Marked> = Vec::new();
        for call in calls {
            for message in self.list::<WireMessage>(call.query(&options), PAGES_MAX).await? {
                let marked = marked(message);
                // It may have moved from one folder to the next between two look-ups: the later sight holds.
                found.retain(|earlier| earlier.id != marked.id);
                found.push(marked);
            }
        }
        Ok(found)
    }

    /// The drafts in a folder that were made since and bear the action's id. A listing shows what no index knows yet.
    pub async fn drafts_since(
        &self,
        action: &ActionId,
        folder: &FolderId,
        since: Option<Timestamp>,
    ) -> Result<Vec<Marked>, GraphError> {
        let mark = format!("singleValueExtendedProperties($filter=id eq {})", literal(MARKER));
        let mut options = vec![("$select", SHOWN), ("$expand", mark.as_str()), ("$top", "100")];
        let filter = since.map(|since| format!("createdDateTime ge {}", since.strftime("%Y-%m-%dT%H:%M:%SZ")));
        options.extend(filter.as_deref().map(|filter| ("$filter", filter)));
        let call = self.read(FIND_IN, &["mailFolders", folder.as_str(), "messages"])?.query(&options);
        let listed: Vec<WireMessage> = self.list(call, PAGES_MAX).await?;
        let is_ours = |message: &WireMessage| {
            let marks = message.single_value_extended_properties.iter().flatten();
            message.is_draft == Some(true) && marks.into_iter().any(|mark| mark.value.as_deref() == Some(action.as_str()))
        };
        Ok(listed.into_iter().filter(is_ours).map(marked).collect())
    }

    /// Hands a draft over for delivery: one call, which nothing here repeats. Accepted is not delivered.
    ///
    /// # Errors
    /// Only 429 is a refusal that may be tried again; other unclear ends are [`crate::verdict::Verdict::Unknown`].
    pub async fn send(&self, draft: &MessageId) -> Result<(), GraphError> {
        let call = self.call(SEND, Method::POST, Effect::Sends, &["messages", draft.as_str(), "send"])?;
        self.make(&Call { answer_max: 0, ..call }).await.map(drop)
    }

    /// Deletes a draft that lost; one that is gone is fine.
    pub async fn delete_draft(&self, id: &MessageId) -> Result<(), GraphError> {
        let call = self.call(DELETE, Method::DELETE, Effect::Repeatable, &["messages", id.as_str()])?;
        match self.make(&Call { answer_max: 0, ..call }).await {
            Err(error) if !error.is_gone() => Err(error),
            _ => Ok(()),
        }
    }
}

fn marked(message: WireMessage) -> Marked {
    Marked {
        id: MessageId::new(message.id),
        folder: FolderId::new(message.parent_folder_id.unwrap_or_default()),
        is_draft: message.is_draft.unwrap_or(false),
        change_key: message.change_key,
    }
}

fn created(answer: &Answer) -> Result<DraftRef, GraphError> {
    let message: WireMessage = answer.json()?;
    if message.id.is_empty() {
        return Err(GraphError::bad_answer(answer.call, answer.effect, "the answer holds no id of the draft"));
    }
    Ok(DraftRef {
        id: MessageId::new(message.id),
        change_key: message.change_key,
        internet_message_id: message.internet_message_id,
    })
}

/// Everything but the body.
fn message_json(draft: &Draft) -> Value {
    let property = |id: &str, value: &str| json!({ "id": id, "value": value });
    let cause = if draft.in_reply_to.is_some() { "auto-replied" } else { "auto-generated" };
    let mut properties = vec![property(MARKER, draft.action.as_str()), property(AUTO_SUBMITTED, cause)];
    properties.extend(draft.in_reply_to.as_deref().map(|id| property(IN_REPLY_TO, id)));
    properties.extend(draft.references.as_deref().map(|ids| property(REFERENCES, ids)));
    let mut message = json!({
        "toRecipients": recipients_json(&draft.to),
        "importance": importance_word(draft.importance),
        "singleValueExtendedProperties": properties,
        // One to five entries, all beginning with `x-`; an empty list would be refused.
        "internetMessageHeaders": [
            { "name": "x-postroom-action", "value": draft.mark },
            { "name": "x-auto-response-suppress", "value": "All" },
        ],
    });
    if !draft.subject.is_empty() {
        message["subject"] = json!(draft.subject);
    }
    if !draft.cc.is_empty() {
        message["ccRecipients"] = recipients_json(&draft.cc);
    }
    if !draft.attachments.is_empty() {
        message["attachments"] = draft.attachments.iter().map(attachment_json).collect();
    }
    message
}

pub(super) fn attachment_json(attachment: &DraftAttachment) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": attachment.name,
        "contentType": attachment.content_type,
        "contentBytes": STANDARD.encode(&attachment.bytes),
    })
}
