//! Graph's JSON as it stands on the wire, and what becomes of it.
//!
//! Nearly every field is optional: a listing may leave out any of them, and null is common.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::error::GraphError;
use super::messages::{FollowUp, MessageState};
use super::request::Answer;
use crate::ids::{FolderId, MessageId};
use crate::mail::{Address, Envelope, Header};
use crate::plan::Importance;

/// What a delta round and a fetched envelope ask for. Without isRead, so that a read flip is no news.
pub(super) const ENVELOPE_SELECT: &str = "id,internetMessageId,parentFolderId,subject,from,sender,replyTo,toRecipients,ccRecipients,\
receivedDateTime,sentDateTime,importance,categories,flag,hasAttachments,conversationId,isDraft,bodyPreview,internetMessageHeaders";

/// What the state of a message asks for.
pub(super) const STATE_SELECT: &str =
    "id,parentFolderId,categories,isRead,flag,importance,isDraft,changeKey,conversationId,internetMessageId";

/// Longest id that is taken; Exchange's have up to some 200 bytes.
const ID_MAX: usize = 2_000;

/// One page of a listing or of a delta round.
#[derive(Deserialize)]
pub(super) struct Page<T> {
    pub value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    pub next_link: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    pub delta_link: Option<String>,
}

/// Graph's `mailFolder`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireFolder {
    #[serde(deserialize_with = "id")]
    pub id: String,
    #[serde(default)]
    pub display_name: Option<String>,
    #[serde(default)]
    pub child_folder_count: Option<u32>,
    #[serde(default)]
    pub single_value_extended_properties: Option<Vec<WireProperty>>,
}

/// Graph's `message`. The id alone must be there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireMessage {
    #[serde(deserialize_with = "id")]
    pub id: String,
    #[serde(rename = "@odata.etag")]
    pub etag: Option<String>,
    #[serde(rename = "@removed")]
    pub removed: Option<Value>,
    pub internet_message_id: Option<String>,
    pub parent_folder_id: Option<String>,
    pub subject: Option<String>,
    pub from: Option<WireRecipient>,
    pub sender: Option<WireRecipient>,
    pub reply_to: Option<Vec<WireRecipient>>,
    pub to_recipients: Option<Vec<WireRecipient>>,
    pub cc_recipients: Option<Vec<WireRecipient>>,
    pub received_date_time: Option<String>,
    pub sent_date_time: Option<String>,
    pub importance: Option<String>,
    pub categories: Option<Vec<String>>,
    pub flag: Option<WireFlag>,
    pub has_attachments: Option<bool>,
    pub conversation_id: Option<String>,
    pub is_draft: Option<bool>,
    pub is_read: Option<bool>,
    pub change_key: Option<String>,
    pub body_preview: Option<String>,
    pub internet_message_headers: Option<Vec<WireHeader>>,
    pub single_value_extended_properties: Option<Vec<WireProperty>>,
}

/// Graph's `recipient`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WireRecipient {
    email_address: Option<WireAddress>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireAddress {
    name: Option<String>,
    address: Option<String>,
}

/// Graph's `internetMessageHeader`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct WireHeader {
    name: Option<String>,
    value: Option<String>,
}

/// Graph's `singleValueLegacyExtendedProperty`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct WireProperty {
    pub value: Option<String>,
}

/// Graph's `followupFlag`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WireFlag {
    flag_status: Option<String>,
    due_date_time: Option<WireDateTime>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireDateTime {
    date_time: Option<String>,
}

impl WireMessage {
    /// An update that carries only what changed: the rest must be fetched.
    pub fn is_sparse(&self) -> bool {
        self.is_draft.is_none() || self.received_date_time.is_none()
    }

    /// The envelope, seen in `folder` (a path).
    pub fn into_envelope(self, folder: &str) -> Envelope {
        Envelope {
            id: Some(MessageId::new(self.id)),
            internet_message_id: self.internet_message_id.filter(|id| !id.is_empty()),
            subject: self.subject,
            from: self.from.and_then(address),
            sender: self.sender.and_then(address),
            reply_to: addresses(self.reply_to),
            to: addresses(self.to_recipients),
            cc: addresses(self.cc_recipients),
            received: self.received_date_time.as_deref().and_then(time),
            sent: self.sent_date_time.as_deref().and_then(time),
            importance: importance(self.importance.as_deref()),
            categories: self.categories.unwrap_or_default(),
            has_attachments: self.has_attachments.unwrap_or(false),
            conversation: self.conversation_id,
            folder: folder.to_owned(),
            is_draft: self.is_draft.unwrap_or(false),
            preview: self.body_preview.unwrap_or_default(),
            etag: self.etag,
            headers: self.internet_message_headers.filter(|headers| !headers.is_empty()).map(headers),
        }
    }

    /// The state; `None` when the answer lacks what a state must have.
    fn into_state(self) -> Option<MessageState> {
        Some(MessageState {
            id: MessageId::new(self.id),
            folder: FolderId::new(self.parent_folder_id?),
            categories: self.categories.unwrap_or_default(),
            is_read: self.is_read.unwrap_or(false),
            flag: self.flag.as_ref().map_or(FollowUp::NotFlagged, follow_up),
            importance: importance(self.importance.as_deref()),
            is_draft: self.is_draft.unwrap_or(false),
            change_key: self.change_key,
            etag: self.etag,
            conversation: self.conversation_id,
            internet_message_id: self.internet_message_id,
        })
    }
}

/// An id that can stand in an address: there, not empty, and not endless.
pub(super) fn id<'de, D: Deserializer<'de>>(value: D) -> Result<String, D::Error> {
    let id = String::deserialize(value)?;
    match id.len() {
        1..=ID_MAX => Ok(id),
        length => Err(D::Error::custom(format!("an id has from 1 to {ID_MAX} bytes, not {length}"))),
    }
}

/// The state of the message that an answer holds.
pub(super) fn state(answer: &Answer) -> Result<MessageState, GraphError> {
    let message: WireMessage = answer.json()?;
    message
        .into_state()
        .ok_or_else(|| GraphError::bad_answer(answer.call, answer.effect, "the answer holds no message with its parentFolderId"))
}

fn address(recipient: WireRecipient) -> Option<Address> {
    let WireAddress { name, address } = recipient.email_address?;
    let address = address.filter(|address| !address.is_empty())?;
    // Graph repeats the address where the message gave no name.
    let name = name.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case(&address));
    Some(Address { name, address })
}

fn addresses(recipients: Option<Vec<WireRecipient>>) -> Vec<Address> {
    recipients.unwrap_or_default().into_iter().filter_map(address).collect()
}

fn headers(headers: Vec<WireHeader>) -> Vec<Header> {
    let header = |header: WireHeader| Some(Header { name: header.name?, value: header.value.unwrap_or_default() });
    headers.into_iter().filter_map(header).collect()
}

/// A time; Exchange's "never" (year 1) is none.
fn time(text: &str) -> Option<Timestamp> {
    if text.starts_with("0001-") { None } else { text.parse().ok() }
}

fn importance(word: Option<&str>) -> Importance {
    match word {
        Some(word) if word.eq_ignore_ascii_case("low") => Importance::Low,
        Some(word) if word.eq_ignore_ascii_case("high") => Importance::High,
        _ => Importance::Normal,
    }
}

/// Graph's word for an importance.
pub(super) fn importance_word(importance: Importance) -> &'static str {
    match importance {
        Importance::Low => "low",
        Importance::Normal => "normal",
        Importance::High => "high",
    }
}

fn follow_up(flag: &WireFlag) -> FollowUp {
    match flag.flag_status.as_deref() {
        Some(word) if word.eq_ignore_ascii_case("flagged") => {
            let due = flag.due_date_time.as_ref().and_then(|due| due.date_time.as_deref()?.get(..10)?.parse::<Date>().ok());
            FollowUp::Flagged { due }
        }
        Some(word) if word.eq_ignore_ascii_case("complete") => FollowUp::Complete,
        _ => FollowUp::NotFlagged,
    }
}

/// Graph's `followupFlag`. A due day needs a start; both are midnight UTC, which is how Outlook keeps a day.
pub(super) fn flag_json(flag: FollowUp) -> Value {
    match flag {
        FollowUp::NotFlagged => json!({ "flagStatus": "notFlagged" }),
        FollowUp::Complete => json!({ "flagStatus": "complete" }),
        FollowUp::Flagged { due: None } => json!({ "flagStatus": "flagged" }),
        FollowUp::Flagged { due: Some(due) } => {
            let day = json!({ "dateTime": format!("{due}T00:00:00"), "timeZone": "UTC" });
            json!({ "flagStatus": "flagged", "startDateTime": day, "dueDateTime": day })
        }
    }
}

/// Graph's `recipient`s.
pub(super) fn recipients_json(addresses: &[Address]) -> Value {
    let recipient = |Address { name, address }: &Address| match name {
        Some(name) => json!({ "emailAddress": { "name": name, "address": address } }),
        None => json!({ "emailAddress": { "address": address } }),
    };
    addresses.iter().map(recipient).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_envelope_keeps_what_the_listing_says() {
        let message: WireMessage = serde_json::from_value(json!({
            "@odata.etag": "W/\"1\"", "id": "AAk=", "internetMessageId": "<1@fabrikam.com>", "subject": "Rechnung",
            "from": { "emailAddress": { "name": "Fabrikam", "address": "ap@fabrikam.com" } },
            "sender": { "emailAddress": { "name": "ap@fabrikam.com", "address": "ap@fabrikam.com" } },
            "toRecipients": [{ "emailAddress": { "address": "invoices@contoso.com" } }, { "emailAddress": { "name": "Group" } }],
            "receivedDateTime": "2026-01-09T10:00:00Z", "sentDateTime": "0001-01-01T00:00:00Z", "importance": "High",
            "categories": ["Invoice"], "hasAttachments": true, "conversationId": "c", "isDraft": false, "bodyPreview": "Hello",
            "internetMessageHeaders": [{ "name": "Return-Path", "value": "ap@fabrikam.com" }], "replyTo": null
        }))
        .unwrap();
        let from = Address { name: Some("Fabrikam".into()), address: "ap@fabrikam.com".into() };
        let expected = Envelope {
            id: Some("AAk=".into()),
            internet_message_id: Some("<1@fabrikam.com>".into()),
            subject: Some("Rechnung".into()),
            from: Some(from),
            sender: Some(Address::new("ap@fabrikam.com")),
            to: vec![Address::new("invoices@contoso.com")],
            received: Some("2026-01-09T10:00:00Z".parse().unwrap()),
            importance: Importance::High,
            categories: vec!["Invoice".into()],
            has_attachments: true,
            conversation: Some("c".into()),
            folder: "Inbox".into(),
            preview: "Hello".into(),
            headers: Some(vec![Header { name: "Return-Path".into(), value: "ap@fabrikam.com".into() }]),
            etag: Some("W/\"1\"".into()),
            ..Envelope::default()
        };
        assert_eq!(message.into_envelope("Inbox"), expected);
    }

    #[test]
    fn a_flag_survives_the_way_there_and_back() {
        for flag in [
            FollowUp::NotFlagged,
            FollowUp::Complete,
            FollowUp::Flagged { due: None },
            FollowUp::Flagged { due: Some(jiff::civil::date(2026, 2, 28)) },
        ] {
            let wire: WireFlag = serde_json::from_value(flag_json(flag)).unwrap();
            assert_eq!(follow_up(&wire), flag);
        }
    }
}
