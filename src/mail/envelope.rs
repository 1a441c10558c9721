//! What a listing says about a message, without its content.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::MessageId;
use crate::plan::Importance;

/// The facts that come with a message in a mailbox listing (Graph's delta query) or from the header of a raw message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Envelope {
    /// Graph's immutable id, or `file:NAME` in a replay.
    pub id: Option<MessageId>,
    /// Message-ID with its angle brackets (RFC 5322 §3.6.4).
    pub internet_message_id: Option<String>,
    /// Subject, decoded.
    pub subject: Option<String>,
    /// From: whom the message says it is from.
    pub from: Option<Address>,
    /// Sender, where it differs.
    pub sender: Option<Address>,
    /// Reply-To.
    pub reply_to: Vec<Address>,
    /// To.
    pub to: Vec<Address>,
    /// Cc.
    pub cc: Vec<Address>,
    /// When the mailbox received it.
    pub received: Option<Timestamp>,
    /// When it was sent, as it says.
    pub sent: Option<Timestamp>,
    /// Importance.
    pub importance: Importance,
    /// Category names.
    pub categories: Vec<String>,
    /// The message has attachments that are not inline.
    pub has_attachments: bool,
    /// Graph's conversation id.
    pub conversation: Option<String>,
    /// Path of the folder in which it was seen: `Inbox`, `Processed/Invoices`.
    pub folder: String,
    /// A draft is never worked on.
    pub is_draft: bool,
    /// The first 255 characters of the body.
    pub preview: String,
    /// Changes with every change of the message in the mailbox (`@odata.etag`).
    pub etag: Option<String>,
    /// All header fields, topmost first; `None` where the service left them out of the listing.
    pub headers: Option<Vec<Header>>,
}

impl Envelope {
    /// What templates see as `mail`.
    pub fn facts(&self) -> serde_json::Value {
        let person = |address: &Address| serde_json::json!({ "name": address.name, "address": address.address, "domain": address.domain() });
        let people = |list: &[Address]| list.iter().map(person).collect::<Vec<_>>();
        serde_json::json!({
            "id": self.id,
            "message_id": self.internet_message_id,
            "subject": self.subject,
            "from": self.from.as_ref().map(person),
            "sender": self.sender.as_ref().map(person),
            "to": people(&self.to),
            "cc": people(&self.cc),
            "received": self.received,
            "sent": self.sent,
            "importance": self.importance,
            "categories": self.categories,
            "has_attachments": self.has_attachments,
        })
    }
}

/// One header field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The name as it was written.
    pub name: String,
    /// The value, unfolded and decoded (RFC 2047).
    pub value: String,
}

/// A mailbox address with the name beside it (RFC 5322 §3.4).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `local@domain`, as it was written.
    pub address: String,
}

impl Address {
    /// An address without a name.
    pub fn new(address: impl Into<String>) -> Self {
        Self { name: None, address: address.into() }
    }

    /// What stands after the last `@`, in lower case; empty when there is none.
    pub fn domain(&self) -> String {
        self.address.rsplit_once('@').map(|(_, domain)| domain.to_ascii_lowercase()).unwrap_or_default()
    }

    /// Whether both name the same mailbox; case never matters.
    pub fn is(&self, address: &str) -> bool {
        self.address.eq_ignore_ascii_case(address)
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} <{}>", self.address),
            None => f.write_str(&self.address),
        }
    }
}
