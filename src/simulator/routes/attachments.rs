//! Attachments of a message.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::fields::{Occasion, write};
use super::query::{context, page};
use super::visit::Visit;
use crate::simulator::http::{Answer, GraphError};
use crate::simulator::mail_out::{Audience, render};
use crate::simulator::shape;
use crate::simulator::state::{Attachment, AttachmentKind, ChangeKind, Message};

/// One POST takes less than this; more needs an upload session.
pub(super) const POST_MAX: usize = 3 * 1024 * 1024;

/// The attachment that a client's JSON describes; without an id yet.
pub(super) fn attachment_of(value: &Value, now: Timestamp) -> Result<Attachment, GraphError> {
    let name = value["name"].as_str().unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err(GraphError::new(400, "ErrorInvalidRequest", "The property 'name' is required when creating an attachment."));
    }
    let kind = value["@odata.type"].as_str().unwrap_or_default().trim_start_matches('#').to_lowercase();
    let (kind, bytes) = match kind.as_str() {
        "microsoft.graph.fileattachment" | "microsoft.outlookservices.fileattachment" => (AttachmentKind::File, content(value)?),
        "microsoft.graph.itemattachment" => (AttachmentKind::Item, item(value, now)?),
        _ => {
            return Err(GraphError::bad_request(
                "An attachment needs '@odata.type': '#microsoft.graph.fileAttachment' or itemAttachment.",
            ));
        }
    };
    Ok(Attachment {
        id: String::new(),
        kind,
        name,
        content_type: value["contentType"].as_str().unwrap_or("application/octet-stream").to_owned(),
        is_inline: value["isInline"].as_bool().unwrap_or(false),
        content_id: value["contentId"].as_str().map(str::to_owned),
        bytes,
        modified: now,
    })
}

fn content(value: &Value) -> Result<Bytes, GraphError> {
    let text = value["contentBytes"].as_str().unwrap_or_default();
    let bytes = STANDARD.decode(text).map_err(|_| GraphError::new(400, "RequestBodyRead", "contentBytes is not base64."))?;
    if bytes.len() >= POST_MAX {
        return Err(GraphError::new(413, "RequestEntityTooLarge", "The maximum request length supported is 4MB."));
    }
    Ok(bytes.into())
}

fn item(value: &Value, now: Timestamp) -> Result<Bytes, GraphError> {
    let mut message = Message::draft(now);
    if let Some(given) = value["item"].as_object() {
        write(&mut message, given, Occasion::Create, now)?;
    }
    Ok(render(&message, Audience::Sender).into())
}

fn find<'a>(message: &'a Message, id: &str) -> Result<&'a Attachment, GraphError> {
    message.attachments.iter().find(|one| one.id == id).ok_or_else(|| {
        GraphError::new(
            404,
            "ErrorItemNotFound",
            "The specified object was not found in the store., The attachment was not found.",
        )
    })
}

fn shown(visit: &Visit<'_>, one: &Attachment) -> Value {
    let expands = visit.call.option("expand").is_some_and(|expand| expand.to_lowercase().contains("itemattachment/item"));
    let mut value = shape::attachment(one, expands);
    if let (Some(select), Some(members)) = (visit.call.option("select"), value.as_object_mut()) {
        let wanted: Vec<String> =
            select.split(',').map(|name| name.trim().rsplit('/').next().unwrap_or("").to_lowercase()).collect();
        members.retain(|name, _| name == "id" || name.starts_with('@') || wanted.contains(&name.to_lowercase()));
    }
    value
}

/// `GET …/attachments`.
pub(super) fn list(visit: &Visit<'_>, id: &str) -> Result<Answer, GraphError> {
    let rows: Vec<Value> = visit.find(id)?.attachments.iter().map(|one| shown(visit, one)).collect();
    let total = rows.len();
    Ok(page(visit.call, (0, usize::MAX), total, rows))
}

/// `GET …/attachments/{id}`.
pub(super) fn get(visit: &Visit<'_>, id: &str, attachment: &str) -> Result<Answer, GraphError> {
    let mut body = shown(visit, find(visit.find(id)?, attachment)?);
    body["@odata.context"] = json!(format!("{}/$entity", context(visit.call)));
    Ok(Answer::graph(200, body))
}

/// `GET …/attachments/{id}/$value`: the bytes under their own type; a nested message as MIME.
pub(super) fn bytes(visit: &Visit<'_>, id: &str, attachment: &str) -> Result<Answer, GraphError> {
    let one = find(visit.find(id)?, attachment)?;
    let kind = if one.kind == AttachmentKind::Item { "text/plain" } else { one.content_type.as_str() };
    Ok(Answer::bytes(200, kind, one.bytes.clone()))
}

/// `POST …/attachments`.
pub(super) fn add(visit: &mut Visit<'_>, id: &str) -> Result<Answer, GraphError> {
    let now = visit.now();
    let body = Value::Object(visit.call.object()?);
    let one = attachment_of(&body, now)?;
    let id = attach(visit, id, one)?;
    let message = visit.find(visit.call.segments.iter().rev().nth(1).map_or("", String::as_str))?;
    let mut answer = shape::attachment(find(message, &id)?, false);
    answer["@odata.context"] = json!(format!("{}/$entity", context(visit.call)));
    Ok(Answer::graph(201, answer))
}

/// Puts an attachment onto a message; its new id.
pub(super) fn attach(visit: &mut Visit<'_>, message: &str, mut one: Attachment) -> Result<String, GraphError> {
    let now = visit.now();
    let key = visit.find(message)?.key;
    let mailbox = visit.mailbox()?;
    let id = mailbox.names.attachment_id();
    one.id.clone_from(&id);
    let facts = json!({"attachment": {"name": one.name, "size": one.bytes.len()}});
    mailbox.change(key, ChangeKind::Updated, now, |message| message.attachments.push(one));
    visit.note("attachment_added", key, facts)?;
    Ok(id)
}

/// `DELETE …/attachments/{id}`.
pub(super) fn delete(visit: &mut Visit<'_>, id: &str, attachment: &str) -> Result<Answer, GraphError> {
    let now = visit.now();
    let message = visit.find(id)?;
    let name = find(message, attachment)?.name.clone();
    let key = message.key;
    visit.mailbox()?.change(key, ChangeKind::Updated, now, |message| message.attachments.retain(|one| one.id != attachment));
    visit.note("attachment_deleted", key, json!({"attachment": {"name": name}}))?;
    Ok(Answer::empty(204))
}
