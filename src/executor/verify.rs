//! Looking after doubt: what became of a call whose outcome nobody knows.

use std::time::Duration;

use serde_json::{Value, json};

use super::Executor;
use super::answer::mark_id;
use super::call::{OUTBOX, Rest, drafted, ms, posted};
use super::judge::{Doubt, Judged, Seen, judge};
use super::lane::Work;
use super::prepare::{is_done, patch_for};
use crate::graph::{DraftRef, GraphError, Marked, Writer};
use crate::ids::MessageId;
use crate::journal::{ActionRow, Event, JournalError};
use crate::plan::Action;

impl Executor {
    /// Asks the world. Never repeats anything itself.
    pub(super) async fn verify(&self, work: &Work<'_>, action: &ActionRow) -> Result<Event, JournalError> {
        let found = match action.step.as_deref().unwrap_or_default() {
            "create" => self.look_for_draft(work, action).await,
            "attach" => super::attach::verify(self, work, action).await,
            "send" => self.look_for_sent(work, action).await,
            "discard" => Ok(Event::NeverHappened { after_ms: 0, reason: "throwing a draft away can be repeated".to_owned() }),
            step if step.starts_with("post") => return Ok(self.look_at_post(work, action).await),
            _ => self.look_at_message(work, action).await,
        };
        Ok(found.unwrap_or_else(|error| self.still_unclear(action, &format!("it could not be looked at: {error}"))))
    }

    /// Goes on looking, at ever longer intervals, and parks what cannot be proved within the hour.
    fn still_unclear(&self, action: &ActionRow, seen: &str) -> Event {
        let doubt = self.doubt(action);
        if let Some(after) = doubt.next_look(&self.patience) {
            return Event::StillUnclear { after_ms: ms(after), reason: seen.to_owned() };
        }
        let minutes = doubt.lasts.as_secs() / 60;
        Event::Parked { reason: format!("{seen}; looked {} times in {minutes} minutes", doubt.looks + 1) }
    }

    fn doubt(&self, action: &ActionRow) -> Doubt {
        Doubt { lasts: self.unclear_for(action), looks: action.looks }
    }

    fn unclear_for(&self, action: &ActionRow) -> Duration {
        let since = action.unclear_at.unwrap_or(0);
        Duration::from_millis(u64::try_from(self.clock.now().as_millisecond() - since).unwrap_or(0))
    }

    pub(super) fn not_yet(&self, action: &ActionRow, reason: &str) -> Event {
        // The first repeat is at once; if the remote goes on failing, the pauses grow.
        let after_ms = if action.failures <= 1 { 0 } else { ms(self.patience.retry(action.failures - 1)) };
        Event::NeverHappened { after_ms, reason: reason.to_owned() }
    }

    /// Moves, copies, deletes and patches: the message itself tells.
    async fn look_at_message(&self, work: &Work<'_>, action: &ActionRow) -> Result<Event, GraphError> {
        let graph = &work.mailbox.graph;
        let Some(id) = &work.turn.envelope.id else { return Ok(self.still_unclear(action, "the message has no id")) };
        if let Action::Copy { folder } = &action.planned.action {
            return self.look_for_copy(work, action, folder).await;
        }
        let Some(state) = graph.state(id).await? else {
            return Ok(match action.planned.action {
                Action::Delete => Event::Confirmed { result: Value::Null },
                _ => Event::Withheld { reason: "the message is no longer in the mailbox".to_owned() },
            });
        };
        let happened = match &action.planned.action {
            Action::Move { folder } => graph.folder(folder).await?.is_some_and(|to| to == state.folder),
            Action::Delete => graph.folder("deleteditems").await?.is_some_and(|to| to == state.folder),
            _ => is_done(&patch_for(std::slice::from_ref(action), &state.categories), &state),
        };
        Ok(if happened {
            Event::Confirmed { result: Value::Null }
        } else {
            self.not_yet(action, "the message is as it was before the call")
        })
    }

    async fn look_for_copy(&self, work: &Work<'_>, action: &ActionRow, folder: &str) -> Result<Event, GraphError> {
        let graph = &work.mailbox.graph;
        let Some(message_id) = &work.turn.envelope.internet_message_id else {
            return Ok(Event::Parked {
                reason: format!(
                    "a copy was asked for and the answer was lost; the message has no Message-ID to look for in `{folder}`"
                ),
            });
        };
        let copies = match graph.folder(folder).await? {
            Some(folder) => graph.find_by_internet_message_id(&folder, message_id).await?,
            None => Vec::new(),
        };
        let original = work.turn.envelope.id.as_ref();
        Ok(match copies.iter().find(|copy| Some(*copy) != original) {
            Some(copy) => Event::Confirmed { result: json!({ "copy": copy }) },
            None => self.not_yet(action, "there is no copy in the folder"),
        })
    }

    /// A draft bears the action's mark from its first request. Not found: it may be made again, for only the recorded draft is ever sent.
    async fn look_for_draft(&self, work: &Work<'_>, action: &ActionRow) -> Result<Event, GraphError> {
        let marked = marked(work, action).await?;
        let (drafts, gone_out): (Vec<&Marked>, Vec<&Marked>) = marked.iter().partition(|found| found.is_draft);
        if let Some(sent) = gone_out.first() {
            return Ok(Event::Confirmed { result: json!({ "found": sent.id }) });
        }
        let Some(first) = drafts.first() else { return self.no_draft(work, action).await };
        if matches!(action.planned.action, Action::DraftReply(_)) {
            return Ok(Event::Confirmed { result: json!({ "draft": first.id }) });
        }
        let found = DraftRef { id: first.id.clone(), change_key: first.change_key.clone(), internet_message_id: None };
        let left = super::attach::left_of(work, action, &found.id).await?;
        Ok(drafted(action, &found, &left))
    }

    /// No draft bears the action's mark. Where the journal forgot what it did, that must be more than the lateness of an index, and no
    /// answer may have gone out that it does not know.
    async fn no_draft(&self, work: &Work<'_>, action: &ActionRow) -> Result<Event, GraphError> {
        let Some((since, _)) = &work.turn.doubt else {
            return Ok(self.not_yet(action, "no draft with this action's mark was found"));
        };
        let index_ms = i64::try_from(self.patience.index.as_millis()).unwrap_or(i64::MAX);
        if self.clock.now().as_millisecond() < since.saturating_add(index_ms) {
            return Ok(self.still_unclear(action, "no mail with this action's mark was found yet"));
        }
        let envelope = &work.turn.envelope;
        let answers = matches!(action.planned.action, Action::Reply(_) | Action::ReplyAll(_));
        if let (true, Some(conversation), Some(received)) = (answers, &envelope.conversation, envelope.received) {
            let sent = work.mailbox.graph.sent_in_conversation(conversation).await?;
            if sent.iter().any(|copy| copy.writer == Writer::Rules && copy.sent.is_some_and(|sent| sent >= received)) {
                let reason = "an automatic answer that the journal does not know went out in this conversation: look at it, then skip or \
                              retry";
                return Ok(Event::Parked { reason: reason.to_owned() });
            }
        }
        Ok(self.not_yet(action, "no mail with this action's mark was found"))
    }

    async fn look_for_sent(&self, work: &Work<'_>, action: &ActionRow) -> Result<Event, GraphError> {
        let graph = &work.mailbox.graph;
        let Some(draft) = recorded_draft(action) else { return Ok(self.still_unclear(action, "no draft is recorded")) };
        let state = graph.state(&draft).await?;
        let mut found = state.as_ref().is_some_and(|state| !state.is_draft).then(|| "by its id".to_owned());
        if found.is_none() {
            let marked = graph.find_marked(&mark_id(action), &[]).await?;
            found = marked.iter().find(|found| !found.is_draft).map(|sent| sent.id.to_string());
        }
        let key = action.progress.get("change_key").and_then(Value::as_str);
        let (seen, told) = match (&found, &state) {
            (Some(_), _) => (Seen::Sent, "it was sent"),
            (None, None) => (Seen::Nothing, "neither the draft nor a sent mail with this action's mark was found"),
            (None, Some(state)) if state.change_key.as_deref() == key => (Seen::Untouched, "the draft still lies unsent"),
            (None, Some(_)) => (Seen::Changed, "the draft was changed by somebody and lies unsent"),
        };
        let sends = action.progress.get("sends").and_then(Value::as_u64).unwrap_or(1);
        if seen != Seen::Sent && !self.trusts_times_of(work.generation) {
            return Ok(Event::StillUnclear { after_ms: 0, reason: format!("the clock was set; {told}") });
        }
        Ok(match judge(seen, self.doubt(action), sends, &self.patience) {
            Judged::Sent => Event::Confirmed { result: json!({ "draft": draft, "found": found }) },
            Judged::SendAgain => {
                let mut progress = action.progress.clone();
                progress["sends"] = json!(sends + 1);
                Event::Advanced { progress }
            }
            Judged::LookAgain(_) | Judged::GiveUp => self.still_unclear(action, told),
        })
    }

    /// How long ago the receiver may have seen the key first.
    fn may_be_known(&self, work: &Work<'_>, action: &ActionRow) -> Duration {
        let arrived = work.turn.envelope.received.filter(|_| work.turn.doubt.is_some());
        let since_arrival = arrived.map_or(0, |arrived| self.clock.now().as_millisecond() - arrived.as_millisecond());
        self.unclear_for(action).max(Duration::from_millis(u64::try_from(since_arrival).unwrap_or(0)))
    }

    /// A post is repeated with the same key and the same bytes only within the time for which the receiver promises to know the key;
    /// a receiver that can be asked is asked; any other is left to a person.
    async fn look_at_post(&self, work: &Work<'_>, action: &ActionRow) -> Event {
        let (endpoint, key, rest) = match &action.planned.action {
            Action::Post { endpoint, .. } => (endpoint, action.id.to_string(), None),
            Action::PostEach { endpoint, records } => {
                let rest = Rest::of(action, records.len());
                (endpoint, format!("{}-{}", action.id, rest.answers.len()), Some(rest))
            }
            _ => return self.still_unclear(action, "it is no post"),
        };
        let Some(contract) = self.endpoints.contract(endpoint) else {
            return self.still_unclear(action, &format!("there is no endpoint `{endpoint}` in the configuration"));
        };
        // Which of several records arrived before the journal forgot cannot be told by the first one.
        let several = rest.is_some() && work.turn.doubt.is_some();
        if contract.has_lookup && !several {
            return match self.endpoints.look_up(endpoint, &key).await {
                Ok(Some(answer)) => match posted(answer, rest) {
                    Event::Done { result } => Event::Confirmed { result },
                    event => event,
                },
                Ok(None) => self.not_yet(action, &format!("`{endpoint}` has nothing under our key")),
                Err(error) => self.still_unclear(action, &format!("it could not be looked up: {error}")),
            };
        }
        match contract.idempotent {
            Some(window) if self.may_be_known(work, action) < window => {
                self.not_yet(action, &format!("`{endpoint}` does nothing twice under one key: posted again with the same key"))
            }
            Some(_) => Event::Parked {
                reason: format!("`{endpoint}` may have forgotten our key {key}: ask there whether the record arrived"),
            },
            None => Event::Parked {
                reason: format!(
                    "`{endpoint}` promises nothing about repeats: ask there whether the record with key {key} arrived, then retry or skip"
                ),
            },
        }
    }
}

/// Everything that bears the action's mark: by the service's index, and, since that may be late, by a listing of the folder in which
/// the action's drafts are made.
pub(super) async fn marked(work: &Work<'_>, action: &ActionRow) -> Result<Vec<Marked>, GraphError> {
    let (graph, id) = (&work.mailbox.graph, mark_id(action));
    let mut found = graph.find_marked(&id, &[]).await?;
    let place = match action.planned.action {
        Action::DraftReply(_) | Action::Forward(_) => "drafts",
        _ => OUTBOX,
    };
    if let Some(folder) = graph.folder(place).await? {
        let listed = graph.drafts_since(&id, &folder, work.turn.envelope.received).await?;
        found.extend(listed.into_iter().filter(|draft| found.iter().all(|known| known.id != draft.id)).collect::<Vec<_>>());
    }
    Ok(found)
}

/// The draft that is to be sent.
pub(super) fn recorded_draft(action: &ActionRow) -> Option<MessageId> {
    action.progress.get("draft").and_then(Value::as_str).map(MessageId::new)
}
