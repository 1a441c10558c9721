//! Before a call: is it still wanted, is it done already, and what exactly is to be sent.

use serde_json::{Value, json};

use super::call::{Call, OUTBOX, Rest, ms, second_one};
use super::lane::{Prepared, Work};
use super::verify::recorded_draft;
use super::{Executor, answer, attach};
use crate::graph::{FollowUp, GraphError, MessageState, Patch, SentCopy, Writer};
use crate::journal::{ActionRow, Event, JournalError};
use crate::plan::{Action, fill};

/// Calls of an action at most before it is left to a person, whatever its age.
const ATTEMPTS_MAX: u32 = 1_000;

impl Executor {
    /// Prepares the first action, or several that one PATCH carries. Changes nothing.
    pub(super) async fn prepare(&self, work: &mut Work<'_>, actions: &[ActionRow]) -> Result<Prepared, JournalError> {
        let action = &actions[0];
        if let Some(reason) = &action.planned.withheld {
            return Ok(Prepared::Tell(Event::Withheld { reason: reason.clone() }));
        }
        if let Some(event) = doubted(work, action) {
            return Ok(Prepared::Tell(event));
        }
        if let Some(event) = self.too_old(action) {
            return Ok(Prepared::Tell(event));
        }
        let prepared = match &action.planned.action {
            Action::Post { endpoint, record } => Ok(filled(work, record).map_or_else(Prepared::Tell, |record| {
                let (endpoint, key, body) = (endpoint.clone(), action.id.to_string(), record.to_string().into_bytes());
                Prepared::make("post", Call::Post { endpoint, key, body, rest: None })
            })),
            Action::PostEach { endpoint, records } => {
                let rest = Rest::of(action, records.len());
                let position = rest.answers.len();
                let Some(record) = records.get(position) else {
                    let reason = "there were no records to post".to_owned();
                    return Ok(Prepared::Tell(Event::Withheld { reason }));
                };
                Ok(filled(work, record).map_or_else(Prepared::Tell, |record| {
                    let (endpoint, key, body) =
                        (endpoint.clone(), format!("{}-{position}", action.id), record.to_string().into_bytes());
                    Prepared::make(&format!("post {}", position + 1), Call::Post { endpoint, key, body, rest: Some(rest) })
                }))
            }
            Action::Reply(_) | Action::ReplyAll(_) | Action::DraftReply(_) | Action::Forward(_) | Action::Send(_) => {
                return match (recorded_draft(action), attach::next(action)) {
                    (Some(draft), Some(name)) => attach::prepare(self, work, action, (draft, name)).await,
                    (Some(draft), None) => match self.prepare_send(work, action, draft).await {
                        Ok(Some(prepared)) => Ok(prepared),
                        Ok(None) => answer::prepare(self, work, action).await,
                        Err(error) => Ok(self.later(action, &error)),
                    },
                    (None, _) => answer::prepare(self, work, action).await,
                };
            }
            Action::Move { folder } => self.prepare_move(work, action, folder).await,
            Action::Copy { folder } => Ok(Prepared::make("copy", Call::Copy { folder: folder.clone() })),
            Action::Delete => self.prepare_delete(work).await,
            _ => self.prepare_patch(work, actions).await,
        };
        Ok(prepared.unwrap_or_else(|error| self.later(action, &error)))
    }

    /// Looking failed before anything was done: put off by what the error means.
    pub(super) fn later(&self, action: &ActionRow, error: &GraphError) -> Prepared {
        Prepared::Tell(match self.after_graph_error(action, error) {
            // A look changes nothing, so nothing can be unclear after it.
            Event::OutcomeUnknown { reason, .. } => {
                Event::Deferred { after_ms: ms(self.patience.retry(action.failures + 1)), reason }
            }
            event => event,
        })
    }

    fn too_old(&self, action: &ActionRow) -> Option<Event> {
        let age_ms = self.clock.now().as_millisecond() - action.since;
        if let Some(reason) = self.key_forgotten(action, age_ms) {
            return Some(Event::Rejected { reason });
        }
        let tried_long = action.attempt > 0 && u64::try_from(age_ms).unwrap_or(0) > ms(self.patience.lifetime);
        (tried_long || action.attempt >= ATTEMPTS_MAX).then(|| Event::Rejected {
            reason: format!("tried {} times since it was decided without success; retry or skip it", action.attempt),
        })
    }

    /// A post that may have arrived is repeated only as long as its receiver knows the key.
    fn key_forgotten(&self, action: &ActionRow, age_ms: i64) -> Option<String> {
        let (Action::Post { endpoint, .. } | Action::PostEach { endpoint, .. }) = &action.planned.action else { return None };
        let window = self.endpoints.contract(endpoint)?.idempotent?;
        let forgotten = action.attempt > 0 && u64::try_from(age_ms).unwrap_or(0) > ms(window);
        forgotten.then(|| {
            format!(
                "`{endpoint}` may have forgotten our key {} since the first attempt: ask there whether the record arrived",
                action.id
            )
        })
    }

    /// The message's state; `None` once a second look, a little later, does not find it either.
    pub(super) async fn state(&self, work: &mut Work<'_>) -> Result<Option<MessageState>, GraphError> {
        if let Some(state) = work.seen.take() {
            return Ok(Some(state));
        }
        let Some(id) = &work.turn.envelope.id else { return Ok(None) };
        if let Some(state) = work.mailbox.graph.state(id).await? {
            Ok(Some(state))
        } else {
            self.clock.sleep(self.patience.look_again).await;
            work.mailbox.graph.state(id).await
        }
    }

    async fn prepare_patch(&self, work: &mut Work<'_>, actions: &[ActionRow]) -> Result<Prepared, GraphError> {
        // What the listing said holds as long as the etag does; otherwise what people set meanwhile would be lost.
        let untried = actions.iter().all(|action| action.attempt == 0);
        let fresh = untried && work.seen.is_none() && !work.turn.has_changed_message;
        let (categories, etag) = match (&work.turn.envelope.etag, fresh) {
            (Some(etag), true) => (work.turn.envelope.categories.clone(), Some(etag.clone())),
            _ => match self.state(work).await? {
                Some(state) => (state.categories, state.etag),
                None => return Ok(gone()),
            },
        };
        let patch = patch_for(actions, &categories);
        Ok(Prepared::make("patch", Call::Patch { patch, if_match: etag }))
    }

    /// Where the message is comes first: a person who moved it has decided, be it before our first attempt or between two.
    async fn prepare_move(&self, work: &mut Work<'_>, action: &ActionRow, folder: &str) -> Result<Prepared, GraphError> {
        let Some(state) = self.state(work).await? else { return Ok(gone()) };
        let graph = &work.mailbox.graph;
        if graph.folder(folder).await?.is_some_and(|to| to == state.folder) {
            return Ok(Prepared::Tell(Event::Withheld { reason: format!("it is in `{folder}` already") }));
        }
        let came_from = graph.folder(&work.turn.envelope.folder).await?;
        if came_from.is_some_and(|from| from != state.folder) {
            if action.attempt > 0 && self.has_second(work, folder).await? {
                return Ok(Prepared::Tell(second_one(folder)));
            }
            return Ok(Prepared::Tell(Event::Withheld { reason: "a person moved the message elsewhere first".to_owned() }));
        }
        Ok(Prepared::make("move", Call::Move { folder: folder.to_owned() }))
    }

    async fn prepare_delete(&self, work: &mut Work<'_>) -> Result<Prepared, GraphError> {
        let Some(state) = self.state(work).await? else { return Ok(gone()) };
        // A second delete would take it out of Deleted Items, where a person can still find it.
        if work.mailbox.graph.folder("deleteditems").await?.is_some_and(|deleted| deleted == state.folder) {
            return Ok(Prepared::Tell(Event::Withheld { reason: "it is in Deleted Items already".to_owned() }));
        }
        Ok(Prepared::make("delete", Call::Delete))
    }

    /// The send fence: the original still there, the draft as it was made, and nothing else of this action on its way. `None` when the
    /// draft is gone and a person wants the mail all the same: it is made again.
    async fn prepare_send(
        &self,
        work: &mut Work<'_>,
        action: &ActionRow,
        draft: crate::ids::MessageId,
    ) -> Result<Option<Prepared>, GraphError> {
        work.seen = None;
        let graph = work.mailbox.graph.clone();
        let deleted = match self.state(work).await? {
            Some(state) => graph.folder("deleteditems").await?.is_some_and(|deleted| deleted == state.folder),
            None => true,
        };
        let answers = matches!(action.planned.action, Action::Reply(_) | Action::ReplyAll(_));
        // Looked at before each attempt: a person may have answered while an earlier one was put off or in doubt.
        if answers {
            let overtaken = if deleted { Some("the message was deleted before its answer went out") } else { None };
            let overtaken = match overtaken {
                None => self.answered_by_a_person(work).await?,
                overtaken => overtaken,
            };
            if let Some(reason) = overtaken {
                return Ok(Some(Prepared::make("discard", Call::Discard { draft, reason: reason.to_owned() })));
            }
        }
        // A create that was made twice leaves a second draft: only the recorded one is ever sent.
        let marked = if action.attempt > 1 { super::verify::marked(work, action).await? } else { Vec::new() };
        let losers = marked.into_iter().filter(|found| found.is_draft && found.id != draft).map(|found| found.id).collect();
        let Some(state) = graph.state(&draft).await? else {
            if action.step.is_none() {
                return Ok(None);
            }
            return Ok(Some(Prepared::Tell(Event::Rejected {
                reason: format!("the draft was deleted from `{OUTBOX}` before it was sent; skip it, or retry to make it again"),
            })));
        };
        if !state.is_draft {
            return Ok(Some(Prepared::Tell(Event::Withheld { reason: "it was sent already".to_owned() })));
        }
        if action.progress.get("change_key").and_then(Value::as_str) != state.change_key.as_deref() {
            let reason = format!("the draft in `{OUTBOX}` was changed by somebody; send or delete it by hand, then skip");
            return Ok(Some(Prepared::Tell(Event::Rejected { reason })));
        }
        Ok(Some(Prepared::make("send", Call::Send { draft, losers })))
    }
}

impl Executor {
    /// Whether an earlier attempt, whose answer was lost, made a second message in the folder while a person moved the first one.
    async fn has_second(&self, work: &Work<'_>, folder: &str) -> Result<bool, GraphError> {
        let envelope = &work.turn.envelope;
        let (Some(message_id), Some(folder)) = (&envelope.internet_message_id, work.mailbox.graph.folder(folder).await?) else {
            return Ok(false);
        };
        let found = work.mailbox.graph.find_by_internet_message_id(&folder, message_id).await?;
        Ok(found.iter().any(|found| Some(found) != envelope.id.as_ref()))
    }

    /// Whether somebody answered the conversation from this mailbox after the message came (the service tells whole seconds): then the rules'
    /// answer is too late.
    async fn answered_by_a_person(&self, work: &Work<'_>) -> Result<Option<&'static str>, GraphError> {
        let envelope = &work.turn.envelope;
        let (Some(conversation), Some(received)) = (&envelope.conversation, envelope.received) else { return Ok(None) };
        let sent = work.mailbox.graph.sent_in_conversation(conversation).await?;
        let newer = |copy: &SentCopy| copy.writer == Writer::Person && copy.sent.is_some_and(|sent| sent >= received);
        Ok(sent.iter().any(newer).then_some("a person has answered this conversation already"))
    }
}

/// An effect that would exist twice, of a message that arrived before the journal lost part of its memory: it is looked for first.
/// Moves, deletes and patches come to the same when they are done twice, and look where the message is in any case.
fn doubted(work: &Work<'_>, action: &ActionRow) -> Option<Event> {
    let (_, reason) = work.turn.doubt.as_ref().filter(|_| action.attempt == 0)?;
    let step = match &action.planned.action {
        Action::Post { .. } => "post",
        Action::PostEach { .. } => "post 1",
        Action::Copy { .. } => "copy",
        Action::DraftReply(_) => "create",
        action if action.sends_mail() => "create",
        _ => return None,
    };
    Some(Event::Doubted { step: step.to_owned(), reason: reason.clone() })
}

fn gone() -> Prepared {
    Prepared::Tell(Event::Withheld { reason: "the message is no longer in the mailbox".to_owned() })
}

/// The record with what earlier posts of the plan answered.
fn filled(work: &Work<'_>, record: &Value) -> Result<Value, Event> {
    fill(record, &|position| work.turn.results.get(&position).cloned()).map_err(|receipt| Event::Rejected {
        reason: format!(
            "{receipt} is not in the answer of `{}`: {}",
            receipt.endpoint,
            work.turn.results.get(&receipt.action).unwrap_or(&json!(null))
        ),
    })
}

/// One PATCH for neighbouring actions; categories that people set stay.
pub(super) fn patch_for(actions: &[ActionRow], categories: &[String]) -> Patch {
    let mut patch = Patch::default();
    for action in actions {
        match &action.planned.action {
            Action::Categorise { names } => {
                let all = patch.categories.get_or_insert_with(|| categories.to_vec());
                for name in names {
                    if !all.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                        all.push(name.clone());
                    }
                }
            }
            Action::Uncategorise { names } => {
                let all = patch.categories.get_or_insert_with(|| categories.to_vec());
                all.retain(|known| !names.iter().any(|name| name.eq_ignore_ascii_case(known)));
            }
            Action::MarkRead => patch.is_read = Some(true),
            Action::MarkUnread => patch.is_read = Some(false),
            Action::Flag(flag) => patch.flag = Some(FollowUp::Flagged { due: flag.due }),
            Action::SetImportance { importance } => patch.importance = Some(*importance),
            _ => {}
        }
    }
    patch
}

/// Whether the message shows everything the patch sets.
pub(super) fn is_done(patch: &Patch, state: &MessageState) -> bool {
    patch.categories.as_ref().is_none_or(|names| *names == state.categories)
        && patch.is_read.is_none_or(|read| read == state.is_read)
        && patch.flag.is_none_or(|flag| flag == state.flag)
        && patch.importance.is_none_or(|importance| importance == state.importance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::PlannedAction;

    fn row(action: Action) -> ActionRow {
        ActionRow {
            id: "0f".into(),
            ordinal: 0,
            planned: PlannedAction { rule: "10-a".into(), action, withheld: None },
            status: crate::journal::Status::Due,
            step: None,
            progress: Value::Null,
            attempt: 0,
            failures: 0,
            looks: 0,
            unclear_at: None,
            due_at: 0,
            since: 0,
        }
    }

    #[test]
    fn one_patch_carries_all_and_keeps_what_people_set() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let actions = [
            row(Action::Categorise { names: names(&["Invoice", "red"]) }),
            row(Action::Uncategorise { names: names(&["Inbox zero"]) }),
            row(Action::MarkRead),
        ];
        let patch = patch_for(&actions, &names(&["Red", "Inbox Zero"]));
        let expected = Patch { categories: Some(names(&["Red", "Invoice"])), is_read: Some(true), ..Patch::default() };
        assert_eq!(patch, expected);
    }
}
