//! The tenant's own door, `/sim/…`: mail in, what lies where, the ledger, faults, and what a person does in Outlook.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::http::{Answer, Call};
use super::ledger::Cause;
use super::routes::message_facts;
use super::shape::time;
use super::state::{FolderKey, Mailbox, Refusal, Tenant, WellKnown};
use super::transport;

fn problem(status: u16, text: impl Into<String>) -> Answer {
    Answer::json(status, json!({"error": text.into()}))
}

/// Answers a call below `/sim`.
pub(crate) fn answer(tenant: &mut Tenant, call: &Call, path: &[&str]) -> Answer {
    match (call.method.as_str(), path) {
        ("GET", ["ledger"]) => Answer::json(200, tenant.ledger.entries()),
        ("GET", ["requests"]) => Answer::json(200, tenant.ledger.requests()),
        ("GET", ["faults"]) => Answer::json(200, tenant.faults.show()),
        ("DELETE", ["faults"]) => {
            tenant.faults.clear();
            Answer::empty(204)
        }
        ("POST", ["faults"]) => match serde_json::from_slice::<Value>(&call.body) {
            Ok(wanted) => tenant.faults.script(&wanted).map_or_else(|text| problem(400, text), |shown| Answer::json(201, shown)),
            Err(error) => problem(400, format!("the body is no JSON: {error}")),
        },
        ("GET", ["mailboxes"]) => Answer::json(200, json!(tenant.mailboxes.keys().collect::<Vec<_>>())),
        (_, ["mailboxes", address, rest @ ..]) => of_mailbox(tenant, call, address, rest),
        _ => problem(404, "there is no such door; see /sim/mailboxes/{address}, /sim/ledger, /sim/requests, /sim/faults"),
    }
}

fn of_mailbox(tenant: &mut Tenant, call: &Call, address: &str, path: &[&str]) -> Answer {
    let address = address.to_lowercase();
    let Some(mailbox) = tenant.mailboxes.get(&address) else {
        return problem(404, format!("there is no mailbox {address}"));
    };
    let done = match (call.method.as_str(), path) {
        ("GET", []) => return Answer::json(200, show_mailbox(mailbox)),
        ("POST", ["deliver"]) => {
            let cause = Cause { by: "person", method: call.method.to_string(), path: call.path.clone() };
            return match transport::deliver(tenant, &address, &call.body, &cause) {
                Ok(id) => Answer::json(201, json!({"id": id})),
                Err(_) => problem(404, format!("there is no mailbox {address}")),
            };
        }
        ("POST", ["messages", id, "move"]) => move_message(tenant, call, &address, id),
        ("DELETE", ["messages", id]) => delete_message(tenant, call, &address, id),
        ("DELETE", ["folders", path @ ..]) => delete_folder(tenant, call, &address, &path.join("/")),
        _ => return problem(404, "there is no such door"),
    };
    match done {
        Ok(()) => Answer::empty(204),
        Err(Refusal::NoSuchMessage | Refusal::MalformedId) => problem(404, "there is no such message in the mailbox"),
        Err(Refusal::NoSuchFolder) => problem(404, "there is no such folder in the mailbox"),
        Err(refusal) => problem(409, format!("{refusal:?}")),
    }
}

/// `{"folders": {path: [message…]}}`, messages in the order in which they came.
pub(crate) fn show_mailbox(mailbox: &Mailbox) -> Value {
    let mut folders: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for folder in mailbox.folders().filter(|folder| folder.parent.is_some()) {
        let messages = folder.items.iter().filter_map(|(_, key)| mailbox.message(*key));
        let shown = messages.map(|message| {
            json!({
                "id": message.immutable_id,
                "internetMessageId": message.internet_id,
                "subject": message.subject,
                "categories": message.categories,
                "isRead": message.is_read,
                "isDraft": message.is_draft,
                "importance": message.importance,
                "flag": message.flag["flagStatus"],
                "from": message.from.as_ref().map(|from| from.address.as_str()),
                "to": message.recipients(),
                "receivedDateTime": time(message.received),
            })
        });
        folders.insert(mailbox.path(folder.key), shown.collect());
    }
    json!({ "folders": folders })
}

fn move_message(tenant: &mut Tenant, call: &Call, address: &str, id: &str) -> Result<(), Refusal> {
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let path = body["folder"].as_str().unwrap_or_default();
    let mailbox = tenant.mailboxes.get(address).ok_or(Refusal::NoSuchMessage)?;
    let to = mailbox.folder_at(path).map_or_else(|| mailbox.resolve_folder(path), Ok);
    relocate(tenant, call, (address, id), to.map_err(|_| Refusal::NoSuchFolder)?, "moved")
}

fn delete_message(tenant: &mut Tenant, call: &Call, address: &str, id: &str) -> Result<(), Refusal> {
    let mailbox = tenant.mailboxes.get_mut(address).ok_or(Refusal::NoSuchMessage)?;
    let key = mailbox.find(id)?;
    let message = mailbox.message(key).ok_or(Refusal::NoSuchMessage)?;
    let effect = if message.is_draft { "draft_deleted" } else { "deleted" };
    if message.folder != WellKnown::DeletedItems.key() {
        return relocate(tenant, call, (address, id), WellKnown::DeletedItems.key(), effect);
    }
    let facts = message_facts(message);
    mailbox.remove(key);
    note(tenant, call, address, effect, facts);
    Ok(())
}

fn relocate(
    tenant: &mut Tenant,
    call: &Call,
    (address, id): (&str, &str),
    to: FolderKey,
    effect: &'static str,
) -> Result<(), Refusal> {
    let now = tenant.now();
    let mailbox = tenant.mailboxes.get_mut(address).ok_or(Refusal::NoSuchMessage)?;
    let key = mailbox.find(id)?;
    mailbox.relocate(key, to, now);
    let mut facts = mailbox.message(key).map(message_facts).unwrap_or_default();
    facts.insert("folder".to_owned(), json!(mailbox.path(to)));
    note(tenant, call, address, effect, facts);
    Ok(())
}

fn delete_folder(tenant: &mut Tenant, call: &Call, address: &str, path: &str) -> Result<(), Refusal> {
    let mailbox = tenant.mailboxes.get_mut(address).ok_or(Refusal::NoSuchFolder)?;
    let key = mailbox.folder_at(path).ok_or(Refusal::NoSuchFolder)?;
    let path = mailbox.path(key);
    mailbox.delete_folder(key)?;
    note(tenant, call, address, "folder_deleted", Map::from_iter([("folder".to_owned(), json!(path))]));
    Ok(())
}

fn note(tenant: &mut Tenant, call: &Call, address: &str, effect: &'static str, facts: Map<String, Value>) {
    let cause = Cause { by: "person", method: call.method.to_string(), path: call.path.clone() };
    let at = tenant.clock.now();
    tenant.ledger.note(at, &cause, address, effect, facts);
}
