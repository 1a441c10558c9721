//! One message as the store keeps it.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::folder::FolderKey;
use super::thread::Conversation;
use crate::simulator::luck::print_of;

/// A message's place in the store; never on the wire.
pub(crate) type Key = u64;

/// A person or mailbox that mail goes to or comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recipient {
    pub name: String,
    pub address: String,
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyKind {
    Text,
    Html,
}

/// A message's body.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub kind: BodyKind,
    pub content: String,
}

/// Where a message came from: only received mail shows its internet headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Received,
    Own,
}

/// What an attachment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttachmentKind {
    File,
    /// A nested message; the bytes are its MIME.
    Item,
}

/// One attachment, decoded.
#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    pub id: String,
    pub kind: AttachmentKind,
    pub name: String,
    pub content_type: String,
    pub is_inline: bool,
    pub content_id: Option<String>,
    pub bytes: Bytes,
    pub modified: Timestamp,
}

/// One message.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are Graph's own properties, independent of each other")]
pub(crate) struct Message {
    pub key: Key,
    /// What it was at its birth, as a number; no two messages of a mailbox share one.
    pub print: u64,
    /// When it was put into the store, to the millisecond.
    pub born: Timestamp,
    pub id: String,
    pub immutable_id: String,
    pub folder: FolderKey,
    /// Counts writes over the whole mailbox; becomes `changeKey` and the etag.
    pub change: u64,
    pub created: Timestamp,
    pub modified: Timestamp,
    pub received: Timestamp,
    pub sent: Timestamp,
    pub subject: String,
    pub from: Option<Recipient>,
    pub sender: Option<Recipient>,
    pub to: Vec<Recipient>,
    pub cc: Vec<Recipient>,
    pub bcc: Vec<Recipient>,
    pub reply_to: Vec<Recipient>,
    pub body: Body,
    pub importance: String,
    pub inference: String,
    pub categories: Vec<String>,
    /// `{"flagStatus", …}`; most messages never have one.
    pub flag: Option<Value>,
    pub is_read: bool,
    pub is_draft: bool,
    pub read_receipt: bool,
    pub delivery_receipt: Option<bool>,
    pub internet_id: String,
    /// Received mail: all headers, topmost first. Own mail: the custom `x-` headers.
    pub headers: Vec<(String, String)>,
    pub origin: Origin,
    pub in_reply_to: Option<String>,
    pub references: Vec<String>,
    pub conversation: Conversation,
    /// Extended properties by normalised id: (id as written, value).
    pub properties: BTreeMap<String, (String, String)>,
    pub attachments: Vec<Attachment>,
    /// The MIME as it arrived; own mail is rendered when asked for.
    pub raw: Option<Bytes>,
    /// `#microsoft.graph.eventMessageRequest` and its kin.
    pub odata_type: Option<&'static str>,
    /// Accepted for sending, still in its folder until transport picks it up.
    pub is_submitted: bool,
    /// Until then its ids lead nowhere.
    pub hidden_until: Option<Timestamp>,
    pub was_moved_by_person: bool,
}

impl Message {
    /// An empty draft.
    pub fn draft(now: Timestamp) -> Self {
        Self {
            key: 0,
            print: 0,
            born: now,
            id: String::new(),
            immutable_id: String::new(),
            folder: 0,
            change: 0,
            created: now,
            modified: now,
            received: now,
            sent: now,
            subject: String::new(),
            from: None,
            sender: None,
            to: Vec::new(),
            cc: Vec::new(),
            bcc: Vec::new(),
            reply_to: Vec::new(),
            body: Body { kind: BodyKind::Html, content: String::new() },
            importance: "normal".to_owned(),
            inference: "focused".to_owned(),
            categories: Vec::new(),
            flag: None,
            is_read: true,
            is_draft: true,
            read_receipt: false,
            delivery_receipt: Some(false),
            internet_id: String::new(),
            headers: Vec::new(),
            origin: Origin::Own,
            in_reply_to: None,
            references: Vec::new(),
            conversation: Conversation::default(),
            properties: BTreeMap::new(),
            attachments: Vec::new(),
            raw: None,
            odata_type: None,
            is_submitted: false,
            hidden_until: None,
            was_moved_by_person: false,
        }
    }

    /// What it looks like, as a number: nothing in it depends on when the message came or what came before.
    pub fn looks(&self) -> u64 {
        let own_id = if self.origin == Origin::Received { self.internet_id.as_str() } else { "" };
        let (to, cc, bcc) = (addresses(&self.to), addresses(&self.cc), addresses(&self.bcc));
        let properties: Vec<String> = self.properties.values().map(|(id, value)| format!("{id}={value}")).collect();
        let answers = self.in_reply_to.as_deref().unwrap_or_default();
        let parts = [own_id, &self.subject, &to, &cc, &bcc, &self.body.content, &properties.join("\n"), answers];
        print_of(&parts.map(str::as_bytes))
    }

    /// The flag as Graph shows it.
    pub fn shown_flag(&self) -> Value {
        self.flag.clone().unwrap_or_else(|| json!({"flagStatus": "notFlagged"}))
    }

    /// Graph's rule: inline attachments do not count.
    pub fn has_attachments(&self) -> bool {
        self.attachments.iter().any(|attachment| !attachment.is_inline)
    }

    /// Everybody it goes to, addresses as written.
    pub fn recipients(&self) -> Vec<String> {
        self.to.iter().chain(&self.cc).chain(&self.bcc).map(|recipient| recipient.address.clone()).collect()
    }

    /// The topmost header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The flags of PidTagMessageFlags (MS-OXCMSG 2.2.1.6): read 1, submitted 4, unsent 8, has attachment 16.
    pub fn message_flags(&self) -> u32 {
        u32::from(self.is_read)
            | (u32::from(self.is_submitted) << 2)
            | (u32::from(self.is_draft) << 3)
            | (u32::from(self.has_attachments()) << 4)
    }

    /// An extended property by id: a stored one, or one the store works out from the message.
    pub fn extended(&self, id: &str) -> Option<String> {
        let normal = normal_property_id(id);
        if let Some((_, value)) = self.properties.get(&normal) {
            return Some(value.clone());
        }
        if let Some(name) = normal.strip_prefix("string {00020386-0000-0000-c000-000000000046} name ") {
            return self.header(name).map(str::to_owned);
        }
        match normal.as_str() {
            "integer 0xe07" => Some(self.message_flags().to_string()),
            "string 0x1035" => Some(self.internet_id.clone()),
            "string 0x1042" => self.in_reply_to.clone(),
            "string 0x1039" if !self.references.is_empty() => Some(self.references.join(" ")),
            "string 0x7d" if self.origin == Origin::Received => {
                let lines: Vec<String> = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
                Some(lines.concat())
            }
            _ => None,
        }
    }
}

fn addresses(list: &[Recipient]) -> String {
    list.iter().map(|one| one.address.to_lowercase() + ",").collect()
}

/// `String {GUID} Name x`: type and GUID in lower case, the name as it is (names compare with case); tags without leading zeros.
pub(crate) fn normal_property_id(id: &str) -> String {
    let mut words = id.trim().splitn(4, ' ');
    let kind = words.next().unwrap_or_default().to_lowercase();
    let second = words.next().unwrap_or_default().to_lowercase();
    let third = words.next().map(str::to_lowercase);
    match (third, words.next()) {
        (Some(third), Some(name)) if third == "id" => format!("{kind} {second} id {}", normal_tag(name)),
        (Some(third), Some(name)) => format!("{kind} {second} {third} {name}"),
        _ => format!("{kind} {}", normal_tag(&second)),
    }
}

fn normal_tag(tag: &str) -> String {
    let tag = tag.to_lowercase();
    tag.strip_prefix("0x").map_or(tag.clone(), |digits| format!("0x{}", digits.trim_start_matches('0')))
}
