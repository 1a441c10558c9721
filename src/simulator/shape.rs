//! Messages, folders and attachments as Graph's JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::http::{Call, GraphError};
use super::mail_out::{as_html, as_text};
use super::state::{Attachment, AttachmentKind, Folder, Mailbox, Message, Origin, Recipient, normal_property_id};

/// What comes without `$select`.
const DEFAULT: [&str; 28] = [
    "id",
    "createdDateTime",
    "lastModifiedDateTime",
    "changeKey",
    "categories",
    "receivedDateTime",
    "sentDateTime",
    "hasAttachments",
    "internetMessageId",
    "subject",
    "bodyPreview",
    "importance",
    "parentFolderId",
    "conversationId",
    "conversationIndex",
    "isDeliveryReceiptRequested",
    "isReadReceiptRequested",
    "isRead",
    "isDraft",
    "webLink",
    "inferenceClassification",
    "body",
    "sender",
    "from",
    "toRecipients",
    "ccRecipients",
    "bccRecipients",
    "replyTo",
];

/// Exchange's limit for a message's header (`MaxHeaderSize`): what lies beyond is not shown.
const HEADERS_BYTES_MAX: usize = 256 * 1024;
/// What comes only when selected; `flag` is in every default answer too.
const FURTHER: [&str; 3] = ["flag", "internetMessageHeaders", "uniqueBody"];

/// How a client wants to see messages.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of the client, independent of the others")]
pub(crate) struct View {
    pub immutable_ids: bool,
    pub text_bodies: bool,
    /// Canonical names; `None` is the default set.
    pub select: Option<Vec<&'static str>>,
    /// Extended properties of `$expand`, as the client wrote their ids.
    pub properties: Vec<String>,
    pub expands_attachments: bool,
    pub expands_items: bool,
    /// Bodies are left out.
    pub hides_content: bool,
}

/// What a view without content leaves out.
const CONTENT: [&str; 3] = ["body", "bodyPreview", "uniqueBody"];

impl View {
    /// The view of a call on messages.
    pub fn of(call: &Call) -> Result<Self, GraphError> {
        let mut view = Self::bare(call);
        if let Some(select) = call.option("select") {
            view.select = Some(canonical(select)?);
        }
        view.expand(call.option("expand").unwrap_or_default())?;
        Ok(view)
    }

    /// The preferences only.
    pub fn bare(call: &Call) -> Self {
        Self {
            immutable_ids: call.wants_immutable_ids(),
            text_bodies: call.prefer("outlook.body-content-type").is_some_and(|kind| kind.eq_ignore_ascii_case("text")),
            ..Self::default()
        }
    }

    /// Reads `$expand`.
    pub fn expand(&mut self, text: &str) -> Result<(), GraphError> {
        for part in top_level(text) {
            let name = part.split('(').next().unwrap_or_default().trim().to_lowercase();
            match name.as_str() {
                "" | "extensions" | "multivalueextendedproperties" => {}
                "attachments" => self.expands_attachments = true,
                "microsoft.graph.itemattachment/item" => self.expands_items = true,
                "singlevalueextendedproperties" => {
                    let ids = part.split('\'').enumerate().filter(|(place, _)| place % 2 == 1);
                    self.properties.extend(ids.map(|(_, id)| id.to_owned()));
                }
                _ => return Err(unknown_property(&part)),
            }
        }
        Ok(())
    }

    pub fn id<'a>(&self, message: &'a Message) -> &'a str {
        if self.immutable_ids { &message.immutable_id } else { &message.id }
    }

    /// Whether a delta query with this view sees read flips.
    pub fn sees_read(&self) -> bool {
        self.select.as_ref().is_none_or(|select| select.contains(&"isRead"))
    }
}

/// Splits at commas outside of brackets and quotes.
fn top_level(text: &str) -> Vec<String> {
    let (mut depth, mut quoted) = (0_i32, false);
    let mut parts = vec![String::new()];
    for letter in text.chars() {
        match letter {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        if letter == ',' && depth == 0 && !quoted {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(letter);
        }
    }
    parts
}

/// The names of a `$select`, in Graph's spelling.
pub(crate) fn canonical(select: &str) -> Result<Vec<&'static str>, GraphError> {
    let wanted = select.split(',').map(str::trim).filter(|name| !name.is_empty());
    wanted
        .map(|name| {
            let first = name.split('/').next().unwrap_or(name);
            let known = DEFAULT.iter().chain(&FURTHER).find(|known| known.eq_ignore_ascii_case(first));
            known.copied().ok_or_else(|| unknown_property(name))
        })
        .collect()
}

fn unknown_property(name: &str) -> GraphError {
    GraphError::bad_request(format!(
        "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type 'microsoft.graph.message'."
    ))
}

/// A time as Outlook writes it: UTC, whole seconds.
pub(crate) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A change key.
pub(crate) fn change_key(change: u64) -> String {
    let mut bytes = vec![9, 0, 0, 0, 0x16, 0, 0, 0];
    bytes.extend_from_slice(&change.to_be_bytes());
    STANDARD.encode(bytes)
}

/// An etag.
pub(crate) fn etag(change: u64) -> String {
    format!("W/\"{}\"", change_key(change))
}

/// A message, with `@odata.etag` and `id` always.
pub(crate) fn message(view: &View, mailbox: &Mailbox, message: &Message) -> Value {
    let mut out = Map::new();
    if let Some(kind) = message.odata_type {
        out.insert("@odata.type".to_owned(), json!(kind));
    }
    out.insert("@odata.etag".to_owned(), json!(etag(message.change)));
    out.insert("id".to_owned(), json!(view.id(message)));
    let default = DEFAULT.iter().chain(&FURTHER[..1]).copied().collect();
    let names = view.select.as_ref().unwrap_or(&default).iter();
    for name in names.filter(|name| !view.hides_content || !CONTENT.contains(name)) {
        if let Some(value) = property(view, mailbox, message, name) {
            out.insert((*name).to_owned(), value);
        }
    }
    let found: Vec<Value> = view.properties.iter().filter_map(|id| Some(extended(id, &message.extended(id)?))).collect();
    if !found.is_empty() {
        out.insert("singleValueExtendedProperties".to_owned(), Value::Array(found));
    }
    if view.expands_attachments {
        let all = message.attachments.iter().map(|one| attachment(one, view.expands_items)).collect();
        out.insert("attachments".to_owned(), Value::Array(all));
    }
    Value::Object(out)
}

/// Exchange gives an extended property's GUID back in lower case.
fn extended(id: &str, value: &str) -> Value {
    let normal = normal_property_id(id);
    let kind = id.split(' ').next().unwrap_or_default();
    let shown = match normal.split_once(' ').map(|(_, rest)| rest) {
        Some(rest) if rest.starts_with('{') => {
            format!("{kind} {}", rest.replacen(" name ", " Name ", 1).replacen(" id ", " Id ", 1))
        }
        Some(rest) => format!("{kind} {rest}"),
        None => id.to_owned(),
    };
    json!({"id": shown, "value": value})
}

fn property(view: &View, mailbox: &Mailbox, message: &Message, name: &str) -> Option<Value> {
    Some(match name {
        "createdDateTime" => json!(time(message.created)),
        "lastModifiedDateTime" => json!(time(message.modified)),
        "changeKey" => json!(change_key(message.change)),
        "categories" => json!(message.categories),
        "receivedDateTime" => json!(time(message.received)),
        "sentDateTime" => json!(time(message.sent)),
        "hasAttachments" => json!(message.has_attachments()),
        "internetMessageId" => json!(message.internet_id),
        "subject" => json!(message.subject),
        "bodyPreview" => json!(preview(message)),
        "importance" => json!(message.importance),
        "parentFolderId" => json!(mailbox.folder(message.folder).map(|folder| folder.id.as_str())),
        "conversationId" => json!(message.conversation.id()),
        "conversationIndex" => json!(message.conversation.index()),
        "isDeliveryReceiptRequested" => json!(message.delivery_receipt),
        "isReadReceiptRequested" => json!(message.read_receipt),
        "isRead" => json!(message.is_read),
        "isDraft" => json!(message.is_draft),
        "webLink" => {
            let id = view.id(message);
            json!(format!("https://outlook.office365.com/owa/?ItemID={id}&exvsurl=1&viewmodel=ReadMessageItem"))
        }
        "inferenceClassification" => json!(message.inference),
        "flag" => message.shown_flag(),
        "body" | "uniqueBody" => body(view, message),
        "sender" => recipient(message.sender.as_ref()?),
        "from" => recipient(message.from.as_ref()?),
        "toRecipients" => recipients(&message.to),
        "ccRecipients" => recipients(&message.cc),
        "bccRecipients" => recipients(&message.bcc),
        "replyTo" => recipients(&message.reply_to),
        // The Sent Items copy has none, whatever was sent.
        "internetMessageHeaders" if message.origin == Origin::Received || message.is_draft => {
            let mut bytes = 0;
            let taken = message.headers.iter().take_while(|(name, value)| {
                bytes += name.len() + value.len();
                bytes <= HEADERS_BYTES_MAX
            });
            taken.map(|(name, value)| json!({"name": name, "value": value})).collect()
        }
        _ => return None,
    })
}

fn body(view: &View, message: &Message) -> Value {
    if view.text_bodies {
        return json!({"contentType": "text", "content": as_text(&message.body)});
    }
    json!({"contentType": "html", "content": as_html(&message.body)})
}

fn preview(message: &Message) -> String {
    let text = as_text(&message.body);
    text.trim().chars().take(255).collect()
}

/// `{"emailAddress": {"name", "address"}}`.
pub(crate) fn recipient(who: &Recipient) -> Value {
    json!({"emailAddress": {"name": who.name, "address": who.address}})
}

fn recipients(list: &[Recipient]) -> Value {
    list.iter().map(recipient).collect()
}

/// A folder.
pub(crate) fn folder(mailbox: &Mailbox, folder: &Folder) -> Value {
    json!({
        "id": folder.id,
        "displayName": folder.name,
        "parentFolderId": folder.parent.and_then(|parent| mailbox.folder(parent)).map_or(&folder.id, |parent| &parent.id),
        "childFolderCount": mailbox.children(folder.key).count(),
        "unreadItemCount": folder.unread,
        "totalItemCount": folder.items.len(),
        "isHidden": folder.is_hidden,
    })
}

/// The extended properties of a folder that `$expand` asks for; nothing where it has none of them.
pub(crate) fn folder_properties(expand: &str, folder: &Folder) -> Result<Option<Value>, GraphError> {
    let mut view = View::default();
    view.expand(expand)?;
    let value = |id: &String| folder.properties.get(&normal_property_id(id)).map(|(_, value)| value.as_str());
    let found: Vec<Value> = view.properties.iter().filter_map(|id| Some(extended(id, value(id)?))).collect();
    Ok((!found.is_empty()).then_some(Value::Array(found)))
}

/// An attachment with its content; a nested message's content only when expanded.
pub(crate) fn attachment(one: &Attachment, expands_item: bool) -> Value {
    let mut out = json!({
        "id": one.id,
        "lastModifiedDateTime": time(one.modified),
        "name": one.name,
        "contentType": one.content_type,
        // Graph counts the encoding's overhead.
        "size": one.bytes.len() + 150,
        "isInline": one.is_inline,
    });
    match one.kind {
        AttachmentKind::File => {
            out["@odata.type"] = json!("#microsoft.graph.fileAttachment");
            out["@odata.mediaContentType"] = json!(one.content_type);
            out["contentId"] = json!(one.content_id);
            out["contentLocation"] = Value::Null;
            out["contentBytes"] = json!(STANDARD.encode(&one.bytes));
        }
        AttachmentKind::Item => {
            out["@odata.type"] = json!("#microsoft.graph.itemAttachment");
            out["contentType"] = Value::Null;
            if expands_item {
                out["item"] = item(one);
            }
        }
    }
    out
}

fn item(one: &Attachment) -> Value {
    let nested = super::mail_in::received(one.bytes.to_vec(), one.modified);
    json!({
        "@odata.type": "#microsoft.graph.message",
        "subject": nested.subject,
        "body": {"contentType": "html", "content": as_html(&nested.body)},
        "from": nested.from.as_ref().map(recipient),
        "sender": nested.sender.as_ref().map(recipient),
        "toRecipients": recipients(&nested.to),
        "ccRecipients": recipients(&nested.cc),
        "internetMessageId": nested.internet_id,
        "sentDateTime": time(nested.sent),
        "hasAttachments": nested.has_attachments(),
        "internetMessageHeaders":
            nested.headers.iter().map(|(name, value)| json!({"name": name, "value": value})).collect::<Vec<_>>(),
    })
}
