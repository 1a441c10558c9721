//! Attachments that do not fit into the request that makes a draft: one recorded step each, large ones by an upload that goes on
//! where it stopped.

use serde_json::{Value, json};

use super::Executor;
use super::answer::attachment;
use super::call::Call;
use super::lane::{Prepared, Work};
use crate::graph::{DraftAttachment, GraphError, UPLOAD_MIN, UploadUrl};
use crate::ids::MessageId;
use crate::journal::{ActionRow, Event, JournalError};
use crate::plan::Action;

/// The next attachment that the recorded draft lacks.
pub(super) fn next(action: &ActionRow) -> Option<&str> {
    action.progress.get("left")?.as_array()?.first()?.as_str()
}

/// What a draft that was found still lacks.
pub(super) async fn left_of(work: &Work<'_>, action: &ActionRow, draft: &MessageId) -> Result<Vec<String>, GraphError> {
    let wanted = match &action.planned.action {
        Action::Reply(reply) | Action::ReplyAll(reply) => &reply.attach,
        Action::Send(mail) => &mail.attach,
        _ => return Ok(Vec::new()),
    };
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let there = work.mailbox.graph.attachment_names(draft).await?;
    Ok(wanted.iter().filter(|name| !there.contains(name)).cloned().collect())
}

/// Prepares the call that brings it.
pub(super) async fn prepare(
    executor: &Executor,
    work: &Work<'_>,
    action: &ActionRow,
    (draft, name): (MessageId, &str),
) -> Result<Prepared, JournalError> {
    Ok(match attachment(executor, work, action, name).await {
        Ok(attachment) => {
            let upload = action.progress.get("upload").and_then(Value::as_str).map(UploadUrl::new);
            Prepared::make("attach", Call::Attach { draft, attachment: Box::new(attachment), upload })
        }
        Err(obstacle) => obstacle.told()?,
    })
}

/// Makes the call. An upload is begun by one step and brought to its end by the next, so that its address is known after any end.
pub(super) async fn make(
    executor: &Executor,
    work: &Work<'_>,
    action: &ActionRow,
    (draft, attachment, upload): (MessageId, DraftAttachment, Option<UploadUrl>),
) -> Event {
    let graph = &work.mailbox.graph;
    let brought = match upload {
        None if attachment.bytes.len() >= UPLOAD_MIN => {
            return match graph.start_upload(&draft, &attachment).await {
                Ok(url) => {
                    let mut progress = action.progress.clone();
                    progress["upload"] = json!(url.reveal());
                    Event::Advanced { progress }
                }
                Err(error) => executor.after_graph_error(action, &error),
            };
        }
        None => graph.attach(&draft, &attachment).await,
        Some(url) => graph.upload(&url, &attachment.bytes).await,
    };
    let brought = match brought {
        Ok(()) => brought_one(work, action, &draft).await,
        Err(error) => Err(error),
    };
    match brought {
        Ok(event) => event,
        // The draft itself tells what has arrived; it is asked before anything is sent again.
        Err(error) => match executor.after_graph_error(action, &error) {
            Event::Deferred { after_ms, reason } => Event::OutcomeUnknown { after_ms, reason },
            event => event,
        },
    }
}

/// Looks whether the attachment is on the draft.
pub(super) async fn verify(executor: &Executor, work: &Work<'_>, action: &ActionRow) -> Result<Event, GraphError> {
    let (Some(draft), Some(name)) = (super::verify::recorded_draft(action), next(action)) else {
        return Ok(executor.not_yet(action, "nothing is left to attach"));
    };
    if work.mailbox.graph.state(&draft).await?.is_none() {
        // What became of the draft is found out before it is sent.
        return Ok(executor.not_yet(action, "the draft was not found"));
    }
    let names = work.mailbox.graph.attachment_names(&draft).await?;
    if names.iter().any(|there| there == name) {
        return brought_one(work, action, &draft).await;
    }
    Ok(executor.not_yet(action, &format!("`{name}` is not on the draft yet: the upload goes on")))
}

/// One attachment less is left; the draft's new change key is the one that it is sent with.
async fn brought_one(work: &Work<'_>, action: &ActionRow, draft: &MessageId) -> Result<Event, GraphError> {
    let state = work.mailbox.graph.state(draft).await?;
    let mut progress = action.progress.clone();
    if let Some(fields) = progress.as_object_mut() {
        fields.remove("upload");
        if let Some(left) = fields.get_mut("left").and_then(Value::as_array_mut) {
            left.remove(0);
        }
        if let Some(state) = state {
            fields.insert("change_key".to_owned(), json!(state.change_key));
        }
    }
    Ok(Event::Advanced { progress })
}
