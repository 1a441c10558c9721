//! Upload sessions for large attachments: parts in order, to an address that needs no token.

use std::net::SocketAddr;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::attachments::{POST_MAX, attach};
use super::fields::argument;
use super::query::encode;
use super::visit::{Lens, Visit};
use crate::simulator::http::{Answer, Call, GraphError};
use crate::simulator::shape::time;
use crate::simulator::state::{Attachment, AttachmentKind, Tenant, Upload};

/// Outlook's largest attachment.
const SIZE_MAX: usize = 150 * 1024 * 1024;

/// The most bytes of one part.
const PART_MAX: usize = 4 * 1024 * 1024;

/// How long a session lives.
const LIFE: SignedDuration = SignedDuration::from_hours(1);

/// `POST …/attachments/createUploadSession`.
pub(super) fn start(visit: &mut Visit<'_>, id: &str) -> Result<Answer, GraphError> {
    let body = visit.call.object()?;
    let ends = visit.tenant.now().checked_add(LIFE).unwrap_or(Timestamp::MAX);
    let item = argument(&body, "attachmentItem").cloned().unwrap_or(Value::Null);
    let size = item["size"].as_u64().and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
    if size < POST_MAX {
        let text = "The attachment size should not be less than the minimum size of 3 MB.";
        return Err(GraphError::new(400, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize", text));
    }
    if size > SIZE_MAX {
        return Err(GraphError::new(400, "ErrorAttachmentSizeLimitExceeded", "The attachment size exceeds the limit of 150 MB."));
    }
    let upload = Upload {
        message: visit.find(id)?.key,
        name: item["name"].as_str().unwrap_or("attachment").to_owned(),
        content_type: item["contentType"].as_str().unwrap_or("application/octet-stream").to_owned(),
        is_inline: item["isInline"].as_bool().unwrap_or(false),
        content_id: item["contentId"].as_str().map(str::to_owned),
        size,
        bytes: Vec::new(),
        ends,
    };
    let mailbox = visit.mailbox()?;
    let session = mailbox.names.guid();
    mailbox.uploads.insert(session.clone(), upload);
    let url = format!(
        "{}/api/v2.0/Users('{}')/Messages('{}')/AttachmentSessions('{session}')?authtoken={session}",
        upload_origin(&visit.call.base),
        encode(visit.address),
        encode(id)
    );
    let context = format!("{}/v1.0/$metadata#microsoft.graph.uploadSession", visit.call.base);
    let body =
        json!({"@odata.context": context, "uploadUrl": url, "expirationDateTime": time(ends), "nextExpectedRanges": ["0-"]});
    Ok(Answer::graph(201, body))
}

/// Where parts are sent to. Microsoft's upload addresses lead to another host than Graph's, and clients go by the host to keep their
/// token to themselves: by https it is `localhost` for those who called the address in numbers.
fn upload_origin(base: &str) -> String {
    let numbers = base.strip_prefix("https://").and_then(|host| host.parse::<SocketAddr>().ok());
    numbers.map_or_else(|| base.to_owned(), |address| format!("https://localhost:{}", address.port()))
}

/// A call on an upload address (`/api/v2.0/Users/{u}/Messages/{m}/AttachmentSessions/{s}`): GET, PUT, DELETE.
pub(crate) fn put(tenant: &mut Tenant, call: &Call) -> Result<Answer, GraphError> {
    if call.header("authorization").is_some() {
        return Err(GraphError::new(401, "InvalidAuthenticationToken", "An upload address takes no Authorization header."));
    }
    let [_, _, _, user, _, message, _, session] = call.segments.as_slice() else {
        return Err(GraphError::bad_request("Not an upload address."));
    };
    let address = tenant.mailbox_address(user).ok_or_else(GraphError::item_not_found)?;
    let now = tenant.now();
    let mailbox = tenant.mailboxes.get_mut(&address).ok_or_else(GraphError::item_not_found)?;
    mailbox.uploads.retain(|_, upload| now < upload.ends);
    let upload = mailbox.uploads.get_mut(session).ok_or_else(GraphError::item_not_found)?;
    match call.method.as_str() {
        "GET" => return Ok(Answer::json(200, expected(call, upload))),
        "DELETE" => {
            mailbox.uploads.remove(session);
            return Ok(Answer::empty(204));
        }
        "PUT" => append(upload, call)?,
        _ => return Err(GraphError::method_not_allowed()),
    }
    if upload.bytes.len() < upload.size {
        return Ok(Answer::json(200, expected(call, upload)));
    }
    let Some(done) = mailbox.uploads.remove(session) else { return Err(GraphError::item_not_found()) };
    let mut visit = Visit { tenant, call, address: &address, lens: Lens::default() };
    let one = Attachment {
        id: String::new(),
        kind: AttachmentKind::File,
        name: done.name,
        content_type: done.content_type,
        is_inline: done.is_inline,
        content_id: done.content_id,
        bytes: done.bytes.into(),
        modified: now,
    };
    let id = visit.message(done.message)?.id.clone();
    let attachment = attach(&mut visit, &id, one)?;
    let place = format!("{}/api/v2.0/Users('{user}')/Messages('{message}')/Attachments('{attachment}')", call.base);
    Ok(Answer::empty(201).with("location", place))
}

fn expected(call: &Call, upload: &Upload) -> Value {
    json!({
        "@odata.context": format!("{}/v1.0/$metadata#microsoft.graph.uploadSession", call.base),
        "ExpirationDateTime": time(upload.ends),
        "nextExpectedRanges": [upload.bytes.len().to_string()],
    })
}

fn append(upload: &mut Upload, call: &Call) -> Result<(), GraphError> {
    let wrong = |text: &str| GraphError::new(416, "invalidRange", text.to_owned());
    let range = call.header("content-range").unwrap_or_default();
    let numbers = range.strip_prefix("bytes ").and_then(|range| range.split_once('/'));
    let (span, total) =
        numbers.ok_or_else(|| GraphError::bad_request("A Content-Range header of the form 'bytes a-b/total' is required."))?;
    let (first, last) = span.split_once('-').ok_or_else(|| wrong("The range is not readable."))?;
    let number = |text: &str| text.trim().parse::<usize>().ok();
    let (Some(first), Some(last), Some(total)) = (number(first), number(last), number(total)) else {
        return Err(wrong("The range is not readable."));
    };
    if call.body.len() > PART_MAX {
        return Err(GraphError::new(413, "RequestEntityTooLarge", "The maximum length of one part is 4MB."));
    }
    let fits =
        first == upload.bytes.len() && last < total && total == upload.size && last + 1 - first.min(last) == call.body.len();
    if !fits {
        return Err(wrong("The uploaded fragment overlaps with data that has already been received, or leaves a gap."));
    }
    upload.bytes.extend_from_slice(&call.body);
    Ok(())
}
