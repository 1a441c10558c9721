//! A client's JSON written onto a message: which properties it may set, and when.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::attachments::attachment_of;
use crate::simulator::http::GraphError;
use crate::simulator::state::{BodyKind, Message, Recipient, normal_property_id};

/// How many custom headers a message may carry.
const HEADERS_MAX: usize = 5;

/// On which occasion the JSON arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    Create,
    Patch,
    /// PATCH by somebody who may change what was delivered.
    PatchOfDelivered,
}

/// Properties that only drafts let change.
const DRAFT_ONLY: [&str; 9] =
    ["subject", "body", "replyTo", "internetMessageId", "toRecipients", "ccRecipients", "bccRecipients", "from", "sender"];

/// Properties that PATCH never sets.
const READ_ONLY: [&str; 17] = [
    "id",
    "changeKey",
    "conversationId",
    "conversationIndex",
    "createdDateTime",
    "lastModifiedDateTime",
    "receivedDateTime",
    "sentDateTime",
    "hasAttachments",
    "isDraft",
    "parentFolderId",
    "bodyPreview",
    "uniqueBody",
    "webLink",
    "internetMessageHeaders",
    "attachments",
    "extensions",
];

/// What PATCH writes onto a message; on an error the message is half written and must be thrown away.
pub(crate) fn write_patch(message: &mut Message, json: &Map<String, Value>, now: Timestamp) -> Result<(), GraphError> {
    write(message, json, Occasion::Patch, now)
}

/// Writes the JSON onto the message; on an error the message is half written and must be thrown away.
pub(super) fn write(
    message: &mut Message,
    json: &Map<String, Value>,
    occasion: Occasion,
    now: Timestamp,
) -> Result<(), GraphError> {
    if occasion != Occasion::Create {
        refuse_forbidden(message, json, occasion)?;
    }
    for (name, value) in json {
        match name.as_str() {
            "subject" => message.subject = text(name, value)?,
            "body" => write_body(message, value)?,
            "toRecipients" => message.to = recipients(name, value)?,
            "ccRecipients" => message.cc = recipients(name, value)?,
            "bccRecipients" => message.bcc = recipients(name, value)?,
            "replyTo" => message.reply_to = recipients(name, value)?,
            "from" => message.from = recipient(value),
            "sender" => message.sender = recipient(value),
            "internetMessageId" => message.internet_id = text(name, value)?,
            "importance" => message.importance = one_of(name, value, &["low", "normal", "high"])?,
            "inferenceClassification" => message.inference = one_of(name, value, &["focused", "other"])?,
            "categories" => message.categories = texts(name, value)?,
            "flag" => message.flag = Some(flag(value)?),
            "isRead" => message.is_read = value.as_bool().ok_or_else(|| unreadable(name))?,
            "isReadReceiptRequested" => message.read_receipt = value.as_bool().unwrap_or(false),
            "isDeliveryReceiptRequested" => message.delivery_receipt = value.as_bool(),
            "singleValueExtendedProperties" => write_properties(message, value)?,
            "internetMessageHeaders" if occasion == Occasion::Create => message.headers = headers(value)?,
            "attachments" if occasion == Occasion::Create => {
                for one in value.as_array().ok_or_else(|| unreadable(name))? {
                    message.attachments.push(attachment_of(one, now)?);
                }
            }
            // Unknown members and annotations are ignored, as Graph does with open types.
            _ => {}
        }
    }
    Ok(())
}

/// Whether the JSON names what only drafts let everybody change.
pub(super) fn names_draft_only(json: &Map<String, Value>) -> bool {
    DRAFT_ONLY.iter().any(|name| json.contains_key(*name))
}

fn refuse_forbidden(message: &Message, json: &Map<String, Value>, occasion: Occasion) -> Result<(), GraphError> {
    if let Some(name) = READ_ONLY.iter().find(|name| json.contains_key(**name)) {
        return Err(GraphError::new(400, "ErrorInvalidPropertySet", format!("Set action is invalid for property '{name}'.")));
    }
    if !message.is_draft && occasion == Occasion::Patch && names_draft_only(json) {
        return Err(GraphError::new(400, "ErrorInvalidPropertySet", "Message is not draft."));
    }
    Ok(())
}

fn unreadable(name: &str) -> GraphError {
    GraphError::new(400, "RequestBodyRead", format!("The value of property '{name}' is of incompatible type."))
}

fn text(name: &str, value: &Value) -> Result<String, GraphError> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        _ => Err(unreadable(name)),
    }
}

fn texts(name: &str, value: &Value) -> Result<Vec<String>, GraphError> {
    value.as_array().ok_or_else(|| unreadable(name))?.iter().map(|one| text(name, one)).collect()
}

fn one_of(name: &str, value: &Value, known: &[&str]) -> Result<String, GraphError> {
    let wanted = text(name, value)?;
    let found = known.iter().find(|own| own.eq_ignore_ascii_case(&wanted));
    found
        .map(|own| (*own).to_owned())
        .ok_or_else(|| GraphError::bad_request(format!("Requested value '{wanted}' was not found.")))
}

fn write_body(message: &mut Message, value: &Value) -> Result<(), GraphError> {
    let kind = value["contentType"].as_str().unwrap_or("text");
    message.body.kind = match kind.to_lowercase().as_str() {
        "html" => BodyKind::Html,
        "text" => BodyKind::Text,
        other => return Err(GraphError::bad_request(format!("Requested value '{other}' was not found."))),
    };
    message.body.content = text("body", &value["content"])?;
    Ok(())
}

/// `[{"emailAddress": {"address", "name"?}}]`.
pub(super) fn recipients(name: &str, value: &Value) -> Result<Vec<Recipient>, GraphError> {
    if value.is_null() {
        return Ok(Vec::new());
    }
    let list = value.as_array().ok_or_else(|| unreadable(name))?;
    list.iter().map(|one| recipient(one).ok_or_else(|| unreadable(name))).collect()
}

fn recipient(value: &Value) -> Option<Recipient> {
    let address = value["emailAddress"]["address"].as_str()?.trim().to_owned();
    let name = value["emailAddress"]["name"].as_str().unwrap_or(&address).to_owned();
    Some(Recipient { name, address })
}

fn flag(value: &Value) -> Result<Value, GraphError> {
    let status = one_of("flag", &value["flagStatus"], &["notFlagged", "complete", "flagged"])?;
    if value.get("dueDateTime").is_some_and(|due| !due.is_null()) && value.get("startDateTime").is_none_or(Value::is_null) {
        return Err(GraphError::new(400, "ErrorInvalidRequest", "A flag with dueDateTime needs startDateTime."));
    }
    let mut flag = serde_json::json!({"flagStatus": status});
    for name in ["startDateTime", "dueDateTime", "completedDateTime"] {
        if let Some(time) = value.get(name).filter(|time| !time.is_null()) {
            flag[name] = time.clone();
        }
    }
    Ok(flag)
}

fn write_properties(message: &mut Message, value: &Value) -> Result<(), GraphError> {
    for property in value.as_array().ok_or_else(|| unreadable("singleValueExtendedProperties"))? {
        let id = property["id"].as_str().ok_or_else(|| unreadable("singleValueExtendedProperties"))?;
        let value = match &property["value"] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let normal = normal_property_id(id);
        match (normal.as_str(), value) {
            ("string 0x1042", value) => message.in_reply_to = value,
            ("string 0x1039", value) => {
                message.references = value.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
            }
            (_, Some(value)) => {
                message.properties.insert(normal, (id.to_owned(), value));
            }
            (_, None) => {
                message.properties.remove(&normal);
            }
        }
    }
    Ok(())
}

fn headers(value: &Value) -> Result<Vec<(String, String)>, GraphError> {
    let list = value.as_array().ok_or_else(|| unreadable("internetMessageHeaders"))?;
    if list.is_empty() || list.len() > HEADERS_MAX {
        let text = format!("The number of custom headers must be from 1 to {HEADERS_MAX}; there are {}.", list.len());
        return Err(GraphError::new(400, "InvalidInternetMessageHeaderCollection", text));
    }
    list.iter()
        .map(|header| {
            let name = text("internetMessageHeaders", &header["name"])?;
            if !name.to_lowercase().starts_with("x-") {
                let text = format!("The internet message header name '{name}' should start with 'x-' or 'X-'.");
                return Err(GraphError::new(400, "InvalidInternetMessageHeader", text));
            }
            Ok((name, text("internetMessageHeaders", &header["value"])?))
        })
        .collect()
}

/// An argument of an action: names in any case (generated clients send `Comment`, pages say `comment`).
pub(super) fn argument<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    body.iter().find(|(own, value)| own.eq_ignore_ascii_case(name) && !value.is_null()).map(|(_, value)| value)
}
