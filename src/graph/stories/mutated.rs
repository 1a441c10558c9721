//! Answers that are not what Graph promises: recorded ones, each damaged by a seed. Nothing panics, nothing is made of what is not there, and
//! the cursor does not move on a page that cannot be trusted.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::scripted::Request;
use super::*;
use crate::ids::MailboxName;
use crate::intake::{Follower, Health, Nudge, Polling};
use crate::journal::{Arrival, Journal};

/// Damaged answers of each kind.
const SEEDS: u64 = 500;

/// Numbers that follow from a seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(sides.max(1)).unwrap()).unwrap()
    }
}

fn whole(id: &str) -> Value {
    let person = json!({ "emailAddress": { "name": "Ana", "address": "ana@fabrikam.com" } });
    json!({
        "@odata.etag": "W/\"1\"", "id": id, "subject": "Invoice", "from": person, "sender": person, "toRecipients": [person],
        "ccRecipients": [], "replyTo": [], "receivedDateTime": "2026-01-09T10:00:00Z", "sentDateTime": "2026-01-09T09:59:00Z",
        "importance": "normal", "categories": ["Paid"], "flag": { "flagStatus": "flagged", "dueDateTime": { "dateTime": "2026-01-10T00:00:00", "timeZone": "UTC" } },
        "hasAttachments": false, "conversationId": "c", "isDraft": false, "isRead": false, "changeKey": "1", "bodyPreview": "Hello",
        "parentFolderId": "f1", "internetMessageId": format!("<{id}@fabrikam.com>"),
        "internetMessageHeaders": [{ "name": "Return-Path", "value": "ana@fabrikam.com" }],
    })
}

fn page(base: &str, dice: &mut Dice) -> Value {
    let link = format!("{base}/v1.0/users/u/mailFolders/f1/messages/delta?$token={}", dice.roll(1_000_000));
    let name = if dice.roll(2) == 0 { "@odata.nextLink" } else { "@odata.deltaLink" };
    let removed = json!({ "id": "m3", "@removed": { "reason": "deleted" } });
    json!({ "@odata.context": "x", "value": [whole("m1"), whole("m2"), removed, { "id": "m4", "categories": [] }], name: link })
}

fn folders() -> Value {
    json!({ "value": [{ "id": "f1", "displayName": "Processed" }, { "id": "f2", "displayName": "Other", "isHidden": true }] })
}

fn token() -> Value {
    json!({ "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": "eyJ0.e30.x" })
}

/// How often `change` may be applied to a value or what is in it.
fn places(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(places).sum::<usize>(),
        Value::Object(map) => map.values().map(places).sum(),
        _ => 0,
    }
}

/// Changes the value at a place, counted from the outside in.
fn at_place(value: &mut Value, place: &mut usize, change: &mut dyn FnMut(&mut Value)) {
    if *place == 0 {
        change(value);
    }
    *place = place.wrapping_sub(1);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| at_place(item, place, change)),
        Value::Object(map) => map.values_mut().for_each(|item| at_place(item, place, change)),
        _ => {}
    }
}

/// A link that leads elsewhere or nowhere.
fn wrong_link(dice: &mut Dice, link: &str) -> String {
    match dice.roll(8) {
        0 => link.replace("127.0.0.1", "graph.example.net"),
        1 => link.replace("http://", "https://"),
        2 => link.replace("127.0.0.1", "somebody@127.0.0.1"),
        3 => link.replace("/v1.0/", "/../other/"),
        4 => "/v1.0/users/u".to_owned(),
        5 => "javascript:alert(1)".to_owned(),
        6 => format!("{link}{}", "x".repeat(1_000_000)),
        _ => String::new(),
    }
}

/// One thing changed in a document.
fn damage(document: &Value, dice: &mut Dice) -> Reply {
    let mut changed = document.clone();
    let mut place = dice.roll(places(document));
    match dice.roll(12) {
        0 => {
            let text = document.to_string();
            return Reply::Bytes(200, text[..dice.roll(text.len())].into());
        }
        1 => {
            let mut bytes = document.to_string().into_bytes();
            let at = dice.roll(bytes.len());
            bytes[at] = u8::try_from(dice.roll(256)).unwrap();
            return Reply::Bytes(200, bytes);
        }
        2 => return Reply::Bytes([200, 502][dice.roll(2)], b"<html><body>502 Bad Gateway</body></html>".to_vec()),
        3 => {
            return Reply::Answer(
                200,
                String::new(),
                json!({ "error": { "code": "UnknownError", "message": "No." } }).to_string(),
            );
        }
        4 => return Reply::Bytes(200, "[".repeat(dice.roll(100_000)).into_bytes()),
        5 => return Reply::Cut,
        6 => at_place(&mut changed, &mut place, &mut |value| *value = Value::Null),
        7 => at_place(&mut changed, &mut place, &mut |value| match value {
            Value::Object(map) => {
                let key = map.keys().nth(dice.roll(map.len())).cloned();
                key.map(|key| map.remove(&key));
            }
            other => *other = json!({}),
        }),
        8 => at_place(&mut changed, &mut place, &mut |value| *value = json!("A".repeat([0, 20, 1_000_000][dice.roll(3)]))),
        9 => at_place(&mut changed, &mut place, &mut |value| {
            *value = [json!(-7), json!(1e300), json!(true), json!([[]])][dice.roll(4)].take();
        }),
        10 => {
            for name in ["@odata.nextLink", "@odata.deltaLink"] {
                if let Some(link) = document.get(name).and_then(Value::as_str) {
                    changed[name] = json!(wrong_link(dice, link));
                }
            }
        }
        _ => changed["value"] = json!(vec![json!({ "id": "m1", "@removed": {} }); dice.roll(3_000)]),
    }
    Reply::Answer(200, String::new(), changed.to_string())
}

fn body(reply: &Reply) -> Option<Value> {
    match reply {
        Reply::Answer(200, _, body) => serde_json::from_str(body).ok(),
        Reply::Bytes(200, body) => serde_json::from_slice(body).ok(),
        _ => None,
    }
}

fn is_id(entry: &Value) -> bool {
    entry["id"].as_str().is_some_and(|id| (1..=2_000).contains(&id.len()))
}

/// Our own reading of what a page must hold at least: ids, and where it goes on.
fn trusted(page: &Value, base: &str) -> Option<(BTreeSet<String>, String)> {
    let entries = page.get("value")?.as_array().filter(|entries| entries.iter().all(is_id))?;
    let link = |name: &str| page.get(name).and_then(Value::as_str);
    let link = link("@odata.nextLink").or(link("@odata.deltaLink"))?;
    let is_ours = link.starts_with(&format!("{base}/v1.0/")) && link.len() < 32_000;
    let ids = entries.iter().map(|entry| entry["id"].as_str().unwrap().to_owned());
    is_ours.then(|| (ids.collect(), link.to_owned()))
}

/// The answer to the next call; after it, and to whoever signs in, everything is as it should be.
type Next = Arc<Mutex<Option<Reply>>>;

async fn service() -> (Scripted, Next) {
    let next = Next::default();
    let taken = Arc::clone(&next);
    let answering = move |request: &Request| {
        if request.line.starts_with("POST") {
            return Reply::token("token-1");
        }
        let id = request.line.split(['/', '?', ' ']).skip_while(|part| *part != "messages").nth(1).unwrap_or_default();
        taken.lock().unwrap().take().unwrap_or_else(|| Reply::json(200, &whole(id)))
    };
    (Scripted::answering(|_| Box::new(answering)).await, next)
}

/// How many damaged answers were taken, and how many refused.
#[derive(Default)]
struct Tally {
    taken: u64,
    refused: u64,
}

impl Tally {
    fn count<T>(&mut self, result: &Result<T, GraphError>) {
        match result {
            Ok(_) => self.taken += 1,
            Err(error) => {
                let told = error.to_string();
                assert!(told.contains("; ") && told.len() < 1_000, "{told}");
                self.refused += 1;
            }
        }
    }

    /// Both must happen, or nothing was tried.
    fn end(&self) {
        assert!(self.taken > 20 && self.refused > 100, "{} taken, {} refused", self.taken, self.refused);
    }
}

#[tokio::test]
async fn a_damaged_delta_page_gives_what_it_holds_or_nothing() {
    let (service, answer) = service().await;
    let (mailbox, folder, mut tally) = (mailbox(&service, &clock()), FolderId::new("f1"), Tally::default());
    for seed in 0..SEEDS {
        let mut dice = Dice(seed);
        let reply = damage(&page(&service.base, &mut dice), &mut dice);
        let held = body(&reply);
        answer.lock().unwrap().replace(reply);
        let result = mailbox.delta_page(&folder, "Inbox", None).await;
        tally.count(&result);
        let Ok(page) = result else { continue };
        let (ids, next) = trusted(&held.unwrap(), &service.base).unwrap_or_else(|| panic!("seed {seed} was taken: {page:?}"));
        let found = page.envelopes.iter().filter_map(|envelope| envelope.id.clone()).chain(page.removed);
        assert_eq!((found.map(|id| id.to_string()).collect(), page.next), (ids, next), "seed {seed}");
    }
    tally.end();
}

#[tokio::test]
async fn a_damaged_message_folder_list_or_token_is_read_as_it_is_or_refused() {
    let (mut messages, mut lists, mut tokens) = (Tally::default(), Tally::default(), Tally::default());
    let (service, answer) = service().await;
    let time = clock();
    let reader = mailbox(&service, &time);
    for seed in 0..SEEDS {
        let mut dice = Dice(seed);
        let reply = damage(&whole("m1"), &mut dice);
        let held = body(&reply);
        answer.lock().unwrap().replace(reply);
        let state = reader.state(&MessageId::new("m1")).await;
        messages.count(&state);
        if let Ok(Some(state)) = state {
            let held = held.unwrap();
            let told = (json!(state.id.as_str()), json!(state.folder.as_str()));
            assert_eq!(told, (held["id"].clone(), held["parentFolderId"].clone()), "seed {seed}");
        }

        // What was found before is forgotten after a minute.
        time.advance(Duration::from_mins(2));
        let reply = damage(&folders(), &mut dice);
        let held = body(&reply);
        answer.lock().unwrap().replace(reply);
        let found = reader.folder("Processed").await;
        lists.count(&found);
        if let Ok(Some(folder)) = found {
            let held = held.unwrap();
            let named = |entry: &&Value| entry["displayName"] == "Processed";
            assert_eq!(
                json!(folder.as_str()),
                held["value"].as_array().unwrap().iter().find(named).unwrap()["id"],
                "seed {seed}"
            );
        }
    }
    for seed in 0..SEEDS {
        let reply = damage(&token(), &mut Dice(seed));
        let held = body(&reply);
        let service = Scripted::start(vec![reply]).await;
        let signed_in = Graph::new(&settings(&service.base), clock()).unwrap().sign_in().await;
        tokens.count(&signed_in);
        if signed_in.is_ok() {
            assert!(
                held.unwrap()["access_token"].as_str().is_some_and(|token| (1..=65_536).contains(&token.len())),
                "seed {seed}"
            );
        }
    }
    for tally in [messages, lists, tokens] {
        tally.end();
    }
}

/// The delta calls of a follower are answered by one good page, then by bad ones alone, then by an empty one that ends it.
#[tokio::test]
async fn a_cursor_stays_where_it_is_however_many_bad_pages_come() {
    const BAD: usize = 300;
    let dir = tempfile::tempdir().unwrap();
    let (stop, stopped) = watch::channel(false);
    let service = Scripted::answering(|base| {
        let base = base.to_owned();
        let (mut calls, mut seed) = (0, 0);
        Box::new(move |request| {
            if request.line.starts_with("POST") {
                return Reply::token("token-1");
            } else if !request.line.contains("/delta") {
                return Reply::json(200, &json!({ "id": "f1", "displayName": "Inbox" }));
            }
            calls += 1;
            if calls == 1 {
                let link = format!("{base}/v1.0/users/u/mailFolders/f1/messages/delta?$deltatoken=good");
                return Reply::json(200, &json!({ "value": [whole("m0")], "@odata.deltaLink": link }));
            }
            if calls > BAD {
                stop.send_replace(true);
            }
            loop {
                let mut dice = Dice(seed);
                seed += 1;
                let reply = damage(&page(&base, &mut dice), &mut dice);
                if body(&reply).and_then(|page| trusted(&page, &base)).is_none() {
                    return reply;
                }
            }
        })
    })
    .await;
    let clock = clock();
    let journal = Journal::open(&dir.path().join("postroom.db"), clock.clone()).unwrap();
    let arrival = Arrival { mailbox: MailboxName::new("invoices"), folder: "Inbox".into() };
    let follower = Follower {
        graph: mailbox(&service, &clock),
        arrival: arrival.clone(),
        from: jiff::Timestamp::MIN,
        polling: Polling { poll: Duration::from_secs(1), stale: Duration::from_secs(1) },
        journal: journal.clone(),
        clock,
        health: Health::default(),
    };
    follower.run(&Nudge::default(), stopped).await.unwrap();
    let asked: Vec<_> =
        service.requests().into_iter().map(|request| request.line).filter(|line| line.contains("/delta?")).collect();
    assert!(asked.len() > BAD, "{}", asked.len());
    let good = "GET /v1.0/users/u/mailFolders/f1/messages/delta?$deltatoken=good HTTP/1.1";
    assert_eq!(asked[1..].iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>(), [good]);
    let cursor = format!("{}/v1.0/users/u/mailFolders/f1/messages/delta?$deltatoken=good", service.base);
    assert_eq!(journal.cursor(&arrival).await.unwrap(), Some(cursor));
    let seen: Vec<_> = journal.newest(10).await.unwrap().into_iter().map(|line| line.subject).collect();
    assert_eq!(seen, ["Invoice"]);
    journal.close().await;
}
