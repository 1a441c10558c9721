//! The tenant's own door, `/sim/…`: mail in, what lies where, the ledger, faults, and what a person does in Outlook.
//!
//! A person's words on a message, below `/sim/mailboxes/{address}/messages/{id}`: `POST …/move` with `{"folder"}`, `POST …/reply` with
//! `{"body"}`, `POST …/send` of a draft, `POST …/purge`, `PATCH` with what Graph's PATCH takes (`categories`, `isRead` …; of a draft also
//! `body`), `DELETE`.
//!
//! Subscriptions: `GET /sim/subscriptions`, `POST /sim/subscriptions/{id}/lifecycle` with `{"event"}`. What the application may do:
//! A person signs in at a device: `POST /sim/devices/{user_code}` with `{"user": ADDRESS}` or `{"declined": true}`.
//! `GET /sim/access`, `PATCH` with `{"roles"?, "granted"?, "mailboxes"?}`; tokens that were given before say what they said.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::delegated;
use super::http::{Answer, Call, GraphError};
use super::ledger::Cause;
use super::people::Person;
use super::permissions::{Access, Granted};
use super::shape::time;
use super::state::{Key, Mailbox, Refusal, Tenant};
use super::subscriptions::{self, Lifecycle, Subscription};
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
        ("GET", ["subscriptions"]) => show_subscriptions(tenant),
        ("POST", ["subscriptions", id, "lifecycle"]) => lifecycle(tenant, call, id),
        ("GET", ["access"]) => Answer::json(200, show_access(&tenant.access)),
        ("PATCH", ["access"]) => match change_access(&tenant.access, &call.body) {
            Ok(access) => {
                tenant.access = access;
                Answer::json(200, show_access(&tenant.access))
            }
            Err(why) => problem(400, why),
        },
        ("POST", ["devices", user_code]) => {
            let word: Value = serde_json::from_slice(&call.body).unwrap_or_default();
            delegated::say(tenant, user_code, &word).map_or_else(|why| problem(400, why), |()| Answer::empty(204))
        }
        (_, ["mailboxes", address, rest @ ..]) => of_mailbox(tenant, call, address, rest),
        _ => problem(
            404,
            "there is no such door; see /sim/mailboxes/{address}, /sim/ledger, /sim/requests, /sim/faults, /sim/subscriptions, /sim/access",
        ),
    }
}

fn show_subscriptions(tenant: &mut Tenant) -> Answer {
    subscriptions::expire(tenant);
    let all: Vec<Value> = tenant.subscriptions.all().map(Subscription::show).collect();
    let (waiting, delivered, lost) = tenant.subscriptions.post.counts();
    Answer::json(200, json!({"subscriptions": all, "waiting": waiting, "delivered": delivered, "lost": lost}))
}

fn lifecycle(tenant: &mut Tenant, call: &Call, id: &str) -> Answer {
    subscriptions::expire(tenant);
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let word = body["event"].as_str().unwrap_or_default();
    let Some((_, event)) = Lifecycle::ALL.iter().find(|(own, _)| own.eq_ignore_ascii_case(word)) else {
        let known: Vec<&str> = Lifecycle::ALL.iter().map(|(word, _)| *word).collect();
        return problem(400, format!("\"event\" must be one of {}", known.join(" ")));
    };
    match subscriptions::tell_lifecycle(tenant, id, *event) {
        Some(()) => Answer::empty(204),
        None => problem(404, format!("there is no subscription {id}")),
    }
}

fn show_access(access: &Access) -> Value {
    let granted = if access.granted == Granted::InToken { "token" } else { "exchange" };
    json!({"roles": access.roles, "granted": granted, "mailboxes": access.mailboxes})
}

fn change_access(access: &Access, body: &[u8]) -> Result<Access, String> {
    let body: Value = serde_json::from_slice(body).map_err(|error| format!("the body is no JSON: {error}"))?;
    let list = |name: &str| {
        let wrong = || format!("\"{name}\" must be a list of texts, not {}", body[name]);
        let texts = body[name].as_array().ok_or_else(wrong)?.iter().map(|one| one.as_str().map(str::to_owned));
        texts.collect::<Option<Vec<String>>>().ok_or_else(wrong)
    };
    let mut access = access.clone();
    if body.get("roles").is_some() {
        access.roles = list("roles")?;
        access.check()?;
    }
    match body.get("granted").map(|granted| granted.as_str().unwrap_or_default()) {
        None => {}
        Some("token") => access.granted = Granted::InToken,
        Some("exchange") => access.granted = Granted::InExchange,
        Some(other) => return Err(format!("\"granted\" must be token or exchange, not \"{other}\"")),
    }
    match body.get("mailboxes") {
        None => {}
        Some(Value::Null) => access.mailboxes = None,
        Some(_) => access.mailboxes = Some(list("mailboxes")?.iter().map(|address| address.to_lowercase()).collect()),
    }
    Ok(access)
}

fn of_mailbox(tenant: &mut Tenant, call: &Call, address: &str, path: &[&str]) -> Answer {
    let address = address.to_lowercase();
    let Some(mailbox) = tenant.mailboxes.get(&address) else {
        return problem(404, format!("there is no mailbox {address}"));
    };
    let done = match (call.method.as_str(), path) {
        ("GET", []) => return Answer::json(200, show_mailbox(mailbox)),
        ("POST", ["deliver"]) => {
            return match transport::deliver(tenant, &address, &call.body, &cause(call)) {
                Ok(id) => Answer::json(201, json!({"id": id})),
                Err(_) => problem(404, format!("there is no mailbox {address}")),
            };
        }
        (_, ["messages", id, word @ ..]) => {
            let mut person = Person { tenant, cause: cause(call), address };
            return match person.find(id) {
                Ok(key) => on_message(&mut person, call, key, word),
                Err(_) => problem(404, "there is no such message in the mailbox"),
            };
        }
        ("DELETE", ["folders", path @ ..]) => delete_folder(tenant, call, &address, &path.join("/")),
        _ => return problem(404, "there is no such door"),
    };
    answer_to(done)
}

fn cause(call: &Call) -> Cause {
    Cause { by: "person", method: call.method.to_string(), path: call.path.clone() }
}

fn answer_to(done: Result<(), Refusal>) -> Answer {
    match done {
        Ok(()) => Answer::empty(204),
        Err(Refusal::NoSuchMessage | Refusal::MalformedId) => problem(404, "there is no such message in the mailbox"),
        Err(Refusal::NoSuchFolder) => problem(404, "there is no such folder in the mailbox"),
        Err(refusal) => problem(409, format!("{refusal:?}")),
    }
}

/// What a person does to one message.
fn on_message(person: &mut Person<'_>, call: &Call, key: Key, word: &[&str]) -> Answer {
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    match (call.method.as_str(), word) {
        ("POST", ["move"]) => answer_to(person.relocate_to(key, body["folder"].as_str().unwrap_or_default())),
        ("POST", ["send"]) => answer_to(person.send(key)),
        ("POST", ["purge"]) => answer_to(person.purge(key)),
        ("POST", ["reply"]) => match person.reply(key, body["body"].as_str().unwrap_or_default()) {
            Ok(id) => Answer::json(201, json!({"id": id})),
            Err(refusal) => answer_to(Err(refusal)),
        },
        ("PATCH", []) => match body.as_object().map(|changes| person.write(key, changes)) {
            Some(Ok(())) => Answer::empty(204),
            Some(Err(GraphError { status, message, .. })) => problem(status, message),
            None => problem(400, "the body must be an object such as {\"isRead\": true}"),
        },
        ("DELETE", []) => answer_to(person.delete(key)),
        _ => problem(404, "there is no such door; a person can move, reply, send, purge, PATCH and DELETE"),
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
                "flag": message.shown_flag()["flagStatus"],
                "from": message.from.as_ref().map(|from| from.address.as_str()),
                "to": message.recipients(),
                "receivedDateTime": time(message.received),
            })
        });
        folders.insert(mailbox.path(folder.key), shown.collect());
    }
    json!({ "folders": folders })
}

fn delete_folder(tenant: &mut Tenant, call: &Call, address: &str, path: &str) -> Result<(), Refusal> {
    let mailbox = tenant.mailboxes.get_mut(address).ok_or(Refusal::NoSuchFolder)?;
    let key = mailbox.folder_at(path).ok_or(Refusal::NoSuchFolder)?;
    let path = mailbox.path(key);
    mailbox.delete_folder(key)?;
    let (at, facts) = (tenant.clock.now(), Map::from_iter([("folder".to_owned(), json!(path))]));
    tenant.ledger.note(at, &cause(call), address, "folder_deleted", facts);
    Ok(())
}
