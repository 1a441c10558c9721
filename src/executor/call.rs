//! Performing: one `match`, one arm a call, and what each outcome means for the journal.

use std::time::Duration;

use serde_json::{Value, json};

use super::lane::Work;
use super::{Executor, MissingFolders, ServedMailbox};
use crate::clock::from_ms;
use crate::endpoints::{EndpointError, Origin, Record};
use crate::graph::{Draft, DraftAttachment, DraftRef, GraphError, Mailbox, Patch, UploadUrl, Visibility};
use crate::ids::{EndpointName, FolderId, MessageId};
use crate::journal::{ActionRow, Event};
use crate::verdict::Verdict;

/// The folder in which drafts wait until they are sent. People do not see it.
pub(super) const OUTBOX: &str = "Postroom Outbox";

/// One call that changes something.
pub(super) enum Call {
    /// Category, flag, read state, importance.
    Patch { patch: Patch, if_match: Option<String> },
    /// Move to a folder given by path.
    Move { folder: String },
    /// Copy to a folder given by path.
    Copy { folder: String },
    /// To Deleted Items.
    Delete,
    /// A draft of our own, to be sent by a later step. What is `left` is attached before that.
    Draft { draft: Box<Draft>, left: Vec<String> },
    /// An attachment that did not fit into the request that made the draft.
    Attach { draft: MessageId, attachment: Box<DraftAttachment>, upload: Option<UploadUrl> },
    /// A draft that a person finishes.
    DraftForPeople { draft: Box<Draft> },
    /// A draft of a forward, made by the service so that attachments stay.
    Forward { draft: Box<Draft> },
    /// Sends the recorded draft, and clears away others that the same action left.
    Send { draft: MessageId, losers: Vec<MessageId> },
    /// Throws the recorded draft away, because the mail is not to be sent after all.
    Discard { draft: MessageId, reason: String },
    /// Posts a record. `next` is what is left of several.
    Post { endpoint: EndpointName, key: String, body: Vec<u8>, rest: Option<Rest> },
}

/// What is left to post of several records.
pub(super) struct Rest {
    /// Answers so far.
    pub answers: Vec<Value>,
    /// Records in all.
    pub count: usize,
}

impl Rest {
    /// What is left of `count` records, by what the action has noted.
    pub(super) fn of(action: &ActionRow, count: usize) -> Self {
        let answers = action.progress.get("answers").and_then(Value::as_array).cloned().unwrap_or_default();
        Self { answers, count }
    }
}

impl Executor {
    /// Makes the call and says what came of it.
    pub(super) async fn make(&self, work: &mut Work<'_>, action: &ActionRow, call: Call) -> Event {
        let graph = &work.mailbox.graph;
        let id = work.turn.envelope.id.clone().unwrap_or_else(|| MessageId::new(""));
        let outcome = match call {
            Call::Patch { patch, if_match } => graph.patch(&id, &patch, if_match.as_deref()).await.map(|state| {
                work.seen = Some(state);
                Event::Done { result: Value::Null }
            }),
            Call::Move { folder } => match self.destination(work.mailbox, &folder).await {
                Ok(Some(to)) => match graph.move_to(&id, &to).await {
                    Ok(moved) if moved.id != id => return self.moved_or_copied(graph, &id, &folder).await,
                    moved => moved.map(|_| Event::Done { result: Value::Null }),
                },
                Ok(None) => Ok(no_such_folder(&folder)),
                Err(error) => Err(error),
            },
            Call::Copy { folder } => match self.destination(work.mailbox, &folder).await {
                Ok(Some(to)) => graph.copy_to(&id, &to).await.map(|copy| Event::Done { result: json!({ "copy": copy }) }),
                Ok(None) => Ok(no_such_folder(&folder)),
                Err(error) => Err(error),
            },
            Call::Delete => graph.delete(&id).await.map(|()| Event::Done { result: Value::Null }),
            Call::Draft { draft, left } => match outbox(work.mailbox).await {
                Ok(outbox) => graph.create_draft(&outbox, &draft).await.map(|made| drafted(action, &made, &left)),
                Err(error) => Err(error),
            },
            Call::Attach { draft, attachment, upload } => {
                return super::attach::make(self, work, action, (draft, *attachment, upload)).await;
            }
            Call::DraftForPeople { draft } => match graph.folder("drafts").await {
                Ok(Some(drafts)) => {
                    graph.create_draft(&drafts, &draft).await.map(|draft| Event::Done { result: json!({ "draft": draft.id }) })
                }
                Ok(None) => Ok(no_such_folder("drafts")),
                Err(error) => Err(error),
            },
            Call::Forward { draft } => graph.create_forward(&id, &draft).await.map(|made| drafted(action, &made, &[])),
            Call::Send { draft, losers } => {
                for loser in losers {
                    // It is unsent and stays so: one that cannot be cleared away harms nobody.
                    if let Err(error) = graph.delete_draft(&loser).await {
                        tracing::warn!(action = %action.id, %error, "a second draft of this mail stays in the mailbox, unsent");
                    }
                }
                let message_id = action.progress.get("internet_message_id").cloned().unwrap_or_default();
                let result = json!({ "draft": draft, "internet_message_id": message_id });
                graph.send(&draft).await.map(|()| Event::Done { result })
            }
            Call::Discard { draft, reason } => graph.delete_draft(&draft).await.map(|()| Event::Withheld { reason }),
            Call::Post { endpoint, key, body, rest } => {
                let origin = Origin {
                    mailbox: work.mailbox.address.clone(),
                    message_id: work.turn.envelope.internet_message_id.clone(),
                    decided: from_ms(work.turn.changed_at),
                };
                return match self.endpoints.post(&endpoint, &Record { key: &key, json: &body, origin: &origin }).await {
                    Ok(answer) => posted(answer, rest),
                    Err(error) => self.after_endpoint_error(action, &error),
                };
            }
        };
        outcome.unwrap_or_else(|error| self.after_graph_error(action, &error))
    }

    /// The message that arrived bears another id. An archive gives one; but when a person moved the message in the same moment, the
    /// service leaves it there and makes a second one, which a person must know of.
    async fn moved_or_copied(&self, graph: &Mailbox, id: &MessageId, folder: &str) -> Event {
        match graph.state(id).await {
            Ok(None) => Event::Done { result: Value::Null },
            Ok(Some(_)) => second_one(folder),
            Err(error) => Event::OutcomeUnknown { after_ms: ms(self.patience.look(0)), reason: error.to_string() },
        }
    }

    /// The folder a rule names, made when it is missing and may be.
    async fn destination(&self, mailbox: &ServedMailbox, path: &str) -> Result<Option<FolderId>, GraphError> {
        match mailbox.graph.folder(path).await? {
            Some(folder) => Ok(Some(folder)),
            None if mailbox.missing_folders == MissingFolders::Create => {
                mailbox.graph.create_folder(path, Visibility::Visible).await.map(Some)
            }
            None => Ok(None),
        }
    }

    pub(super) fn after_graph_error(&self, action: &ActionRow, error: &GraphError) -> Event {
        let reason = error.to_string();
        if error.is_configuration() {
            return Event::Deferred { after_ms: ms(self.patience.configuration), reason };
        }
        // The message moved under the call, or somebody else changed it: preparing again finds out.
        if error.is_gone() || error.kind == crate::graph::ErrorKind::Conflict {
            let sending = action.step.as_deref() == Some("send") || !action.progress.is_null();
            return if sending && error.is_gone() {
                Event::OutcomeUnknown { after_ms: 0, reason }
            } else {
                // Reading anew mends it; only what goes on conflicting waits.
                let after_ms = if action.failures == 0 { 0 } else { ms(self.patience.retry(action.failures)) };
                Event::Deferred { after_ms, reason }
            };
        }
        self.by_verdict(error.verdict(), self.patience.retry(action.failures + 1), reason)
    }

    fn after_endpoint_error(&self, action: &ActionRow, error: &EndpointError) -> Event {
        let reason = error.to_string();
        if error.is_configuration() {
            return Event::Deferred { after_ms: ms(self.patience.configuration), reason };
        }
        self.by_verdict(error.verdict(), self.patience.post(action.failures + 1), reason)
    }

    fn by_verdict(&self, verdict: Verdict, pause: Duration, reason: String) -> Event {
        match verdict {
            Verdict::RetryAfter(after) => Event::Deferred { after_ms: ms(after), reason },
            Verdict::Retry => Event::Deferred { after_ms: ms(pause), reason },
            Verdict::Never => Event::Rejected { reason },
            Verdict::Unknown => Event::OutcomeUnknown { after_ms: ms(self.patience.look(0)), reason },
        }
    }
}

/// What is known of a draft that was made, beside what was known before.
pub(super) fn drafted(action: &ActionRow, draft: &DraftRef, left: &[String]) -> Event {
    let mut progress = json!({
        "draft": draft.id,
        "change_key": draft.change_key,
        "internet_message_id": draft.internet_message_id,
    });
    if !left.is_empty() {
        progress["left"] = json!(left);
    }
    if let Some(again) = action.progress.get("again") {
        progress["again"] = again.clone();
    }
    Event::Advanced { progress }
}

pub(super) fn posted(answer: Value, rest: Option<Rest>) -> Event {
    let Some(Rest { mut answers, count }) = rest else { return Event::Done { result: answer } };
    answers.push(answer);
    if answers.len() < count {
        Event::Advanced { progress: json!({ "answers": answers }) }
    } else {
        Event::Done { result: json!(answers) }
    }
}

/// A move and a person's move met: there are two messages now.
pub(super) fn second_one(folder: &str) -> Event {
    Event::Rejected {
        reason: format!(
            "a person moved the message in the same moment: the service left it there and made a second one in `{folder}`; delete one \
             of them, then say done"
        ),
    }
}

fn no_such_folder(path: &str) -> Event {
    Event::Rejected {
        reason: format!("there is no folder `{path}`; make it, or set `create_folders = true` for the mailbox, then retry"),
    }
}

pub(super) async fn outbox(mailbox: &ServedMailbox) -> Result<FolderId, GraphError> {
    match mailbox.graph.folder(OUTBOX).await? {
        Some(folder) => Ok(folder),
        None => mailbox.graph.create_folder(OUTBOX, Visibility::Hidden).await,
    }
}

pub(super) fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
