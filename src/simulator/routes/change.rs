//! Changes of messages that are there: PATCH, move, copy, delete.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::fields::{Occasion, argument, names_draft_only, write};
use super::messages::one;
use super::visit::{Visit, message_facts};
use crate::simulator::faults::CONFLICT;
use crate::simulator::http::{Answer, GraphError};
use crate::simulator::permissions;
use crate::simulator::shape::{View, etag};
use crate::simulator::state::{ChangeKind, FolderKey, Key, Message, WellKnown};

/// From 2026-12-31 on, whoever has a permission of its own for it changes subject, body and recipients of delivered mail.
const ADVANCED_FROM_S: i64 = 1_798_675_200;

/// Refuses when `If-Match` names another state of the message.
pub(super) fn check_etag(visit: &Visit<'_>, message: &Message) -> Result<(), GraphError> {
    let current = etag(message.change);
    match visit.call.header("if-match").map(str::trim) {
        None | Some("*") => Ok(()),
        Some(wanted) if wanted == current || format!("W/{wanted}") == current => Ok(()),
        Some(_) => Err(GraphError::new(412, "ErrorIrresolvableConflict", CONFLICT)),
    }
}

/// `PATCH /messages/{id}`.
pub(super) fn patch(visit: &mut Visit<'_>, id: &str) -> Result<Answer, GraphError> {
    let now = visit.now();
    let body = visit.call.object()?;
    let message = visit.find(id)?;
    check_etag(visit, message)?;
    let (key, was_read) = (message.key, message.is_read);
    let mut written = message.clone();
    let is_advanced = !message.is_draft && names_draft_only(&body) && now >= Timestamp::constant(ADVANCED_FROM_S, 0);
    if is_advanced {
        permissions::check(visit.tenant, visit.call, permissions::ADVANCED, Some(visit.address))?;
    }
    let occasion = if is_advanced { Occasion::PatchOfDelivered } else { Occasion::Patch };
    write(&mut written, &body, occasion, now)?;
    let names: Vec<&String> = body.keys().filter(|name| !name.starts_with('@')).collect();
    let only_read = names.iter().all(|name| *name == "isRead");
    if !(only_read && written.is_read == was_read) {
        let kind = if only_read { ChangeKind::ReadState } else { ChangeKind::Updated };
        visit.mailbox()?.change(key, kind, now, |message| *message = written);
        let changes: Value =
            body.iter().filter(|(name, _)| !name.starts_with('@')).map(|(n, v)| (n.clone(), v.clone())).collect();
        visit.note("patched", key, json!({"changes": changes}))?;
    }
    one(visit, &View::of(visit.call)?, 200, key)
}

fn destination(visit: &Visit<'_>) -> Result<FolderKey, GraphError> {
    let body = visit.call.object()?;
    let wanted = argument(&body, "destinationId").and_then(Value::as_str);
    let wanted = wanted.ok_or_else(|| GraphError::bad_request("The parameter 'DestinationId' is required."))?;
    visit.folder(wanted)
}

/// `POST /messages/{id}/move`. Into the folder where it is: 201 and nothing happens.
pub(super) fn relocate(visit: &mut Visit<'_>, id: &str) -> Result<Answer, GraphError> {
    let now = visit.now();
    let message = visit.find(id)?;
    let (key, from, print, was_moved) = (message.key, message.folder, message.print, message.was_moved_by_person);
    let to = destination(visit)?;
    let temper = &visit.tenant.temper;
    if from != to && was_moved && temper.strikes("copies_after_person", temper.moods.copies_after_person, print) {
        return duplicate(visit, key, (from, to));
    }
    if from != to {
        visit.mailbox()?.relocate(key, to, now);
        note_move(visit, "moved", key, (from, to))?;
        visit.made(key)?;
    }
    one(visit, &View::bare(visit.call), 201, key)
}

fn note_move(visit: &mut Visit<'_>, effect: &'static str, key: u64, way: (FolderKey, FolderKey)) -> Result<(), GraphError> {
    let mailbox = visit.store()?;
    let places = json!({"from_folder": mailbox.path(way.0), "folder": mailbox.path(way.1)});
    visit.note(effect, key, places)
}

/// `POST /messages/{id}/copy`.
pub(super) fn copy(visit: &mut Visit<'_>, id: &str) -> Result<Answer, GraphError> {
    let (key, from) = visit.find(id).map(|message| (message.key, message.folder))?;
    let to = destination(visit)?;
    duplicate(visit, key, (from, to))
}

fn duplicate(visit: &mut Visit<'_>, key: Key, (from, to): (FolderKey, FolderKey)) -> Result<Answer, GraphError> {
    let now = visit.now();
    let copy = visit.mailbox()?.duplicate(key, to, now).ok_or_else(GraphError::item_not_found)?;
    note_move(visit, "copied", copy, (from, to))?;
    visit.made(copy)?;
    one(visit, &View::bare(visit.call), 201, copy)
}

/// `DELETE /messages/{id}`: to Deleted Items; from there for good.
pub(super) fn delete(visit: &mut Visit<'_>, id: &str) -> Result<Answer, GraphError> {
    let message = visit.find(id)?;
    check_etag(visit, message)?;
    if message.folder == WellKnown::DeletedItems.key() {
        return delete_for_good(visit, id);
    }
    let (key, from) = (message.key, message.folder);
    let effect = effect_of(message);
    let (now, to) = (visit.now(), WellKnown::DeletedItems.key());
    visit.mailbox()?.relocate(key, to, now);
    note_move(visit, effect, key, (from, to))?;
    Ok(Answer::empty(204))
}

/// `POST /messages/{id}/permanentDelete`.
pub(super) fn delete_for_good(visit: &mut Visit<'_>, id: &str) -> Result<Answer, GraphError> {
    let message = visit.find(id)?;
    let (key, effect, mut facts) = (message.key, effect_of(message), message_facts(message));
    facts.insert("folder".to_owned(), Value::Null);
    facts.insert("from_folder".to_owned(), json!(visit.store()?.path(message.folder)));
    visit.mailbox()?.remove(key);
    visit.note_facts(effect, facts);
    Ok(Answer::empty(204))
}

fn effect_of(message: &Message) -> &'static str {
    if message.is_draft { "draft_deleted" } else { "deleted" }
}
