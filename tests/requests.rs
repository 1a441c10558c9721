//! What each kind of rule costs in calls to Graph, counted at the tenant's own door.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::world::{World, mail};

/// So many messages that what is asked once a start hardly counts.
const MESSAGES: usize = 200;

/// Calls by method and path, but for signing in, looking up folders and the lease, which are asked for by time and not by message.
async fn calls_for(rule: &str) -> (BTreeMap<String, u64>, f64) {
    let rules = [("10-a.rhai", rule), ("templates/thanks.html", "<p>Thank you.</p>\n")];
    let mut world = World::new(&rules).await;
    // A call that a busy machine cuts short would be made again, and counted.
    world.config.graph.timeout = Duration::from_secs(30);
    for number in 0..MESSAGES {
        world.deliver(&mail(number, "Hello", "Please."));
    }
    world.start().await;
    world.settled(i64::try_from(MESSAGES).unwrap()).await;
    world.stop().await;
    // The tenant lets four calls at once into a mailbox.
    assert_eq!(world.judge.count(429), 0, "calls that came too thick");
    let asked: Vec<Value> =
        reqwest::get(format!("{}/sim/requests", world.tenant.base_url())).await.unwrap().json().await.unwrap();
    let mut calls = BTreeMap::new();
    let mut all = 0;
    for one in asked {
        let (method, path, count) =
            (one["method"].as_str().unwrap(), one["path"].as_str().unwrap(), one["count"].as_u64().unwrap());
        all += count;
        if path.contains("/messages") && !path.contains("/delta") {
            calls.insert(format!("{method} {}", path.trim_start_matches("/v1.0/users/{id}")), count);
        }
    }
    let messages = f64::from(u32::try_from(MESSAGES).unwrap());
    (calls, f64::from(u32::try_from(all).unwrap()) / messages)
}

fn each(calls: &[&str]) -> BTreeMap<String, u64> {
    calls.iter().map(|call| ((*call).to_owned(), MESSAGES as u64)).collect()
}

#[tokio::test]
async fn no_rule_asks_for_more_calls_than_its_actions_need() {
    let patch = "PATCH /messages/{id}";
    let (move_to, read) = ("POST /messages/{id}/move", "GET /messages/{id}/$value");
    let kinds: [(&str, &str, &[&str]); 4] = [
        ("no rule applies", "//! None.\nfn when(mail) { false }\nfn then(mail) { move_to(\"Done\"); }\n", &[]),
        ("move", "//! Moves.\nfn then(mail) { move_to(\"Done\"); }\n", &["GET /messages/{id}", move_to]),
        ("category and move", "//! Files.\nfn then(mail) { categorise(\"Seen\"); move_to(\"Done\"); }\n", &[patch, move_to]),
        (
            "the same, content read",
            "//! Reads.\nfn when(mail) { mail.text.contains(\"Please\") }\nfn then(mail) { categorise(\"Seen\"); move_to(\"Done\"); }\n",
            &[patch, move_to, read],
        ),
    ];
    for (kind, rule, expected) in kinds {
        let (calls, all) = calls_for(rule).await;
        eprintln!("{kind}: {all:.2} calls a message, {calls:?}");
        assert_eq!(calls, each(expected), "{kind}");
    }
    let (calls, all) = calls_for("//! Answers.\nfn then(mail) { reply(\"thanks.html\", #{}); }\n").await;
    eprintln!("answer: {all:.2} calls a message, {calls:?}");
}
