//! Faults by chance, and the bells that ring for tests.

use std::collections::BTreeSet;

use super::super::{Limits, Receiver, ReceiverOptions};
use super::*;

/// Which of forty creates fail, made in this order, three times each.
async fn failed_creates(fault: Value, order: impl Iterator<Item = u32>) -> BTreeSet<(u32, u32)> {
    let stage = Stage::begin().await;
    stage.simulator.script(&fault).unwrap();
    let mut failed = BTreeSet::new();
    for number in order {
        for attempt in 0..3 {
            let (status, _) = stage.post("/messages", json!({"subject": number.to_string()})).await;
            if status == 503 {
                failed.insert((number, attempt));
            }
        }
    }
    stage.end().await;
    failed
}

#[tokio::test]
async fn which_calls_a_chance_strikes_follows_from_its_seed_and_not_from_their_order() {
    let fault = |seed: u64| json!({"on": "create_draft", "fault": "503", "chance": 0.3, "seed": seed});
    let forward = failed_creates(fault(7), 0..40).await;
    assert!((15..60).contains(&forward.len()), "{forward:?}");
    assert_eq!(forward, failed_creates(fault(7), (0..40).rev()).await);
    assert_ne!(forward, failed_creates(fault(8), 0..40).await);
    let first_only = json!({"on": "create_draft", "fault": "503", "chance": 0.3, "seed": 7, "times": 1});
    let wanted: BTreeSet<_> = forward.into_iter().filter(|(_, attempt)| *attempt == 0).collect();
    assert_eq!(failed_creates(first_only, 0..40).await, wanted);
}

#[tokio::test]
async fn concurrent_calls_on_messages_fail_the_same_however_they_arrive() {
    let run = async |order: Vec<u32>| {
        let stage = Stage::open(Options { limits: Limits::NONE, ..options() }).await;
        stage.simulator.script(&json!({"on": "patch", "fault": "500", "chance": 0.5, "seed": 3})).unwrap();
        let one = async |number: u32| {
            let (_, draft) = stage.post("/messages", json!({"subject": number.to_string()})).await;
            let path = format!("/messages/{}", draft["id"].as_str().unwrap());
            let (status, _) = stage.patch(&path, json!({"categories": ["Red"]})).await;
            (number, status)
        };
        let statuses: BTreeSet<_> = futures_util::future::join_all(order.into_iter().map(one)).await.into_iter().collect();
        stage.end().await;
        statuses
    };
    let first = run((0..30).collect()).await;
    assert!(first.iter().any(|(_, status)| *status == 500) && first.iter().any(|(_, status)| *status == 200));
    assert_eq!(first, run((0..30).rev().collect()).await);
}

#[tokio::test]
async fn of_several_chances_the_first_that_strikes_is_the_one_and_all_are_shown() {
    let stage = Stage::begin().await;
    let never = json!({"on": "list", "fault": "500", "chance": 0.0});
    let always = json!({"on": "any", "fault": "503", "chance": 1, "seed": 5});
    let later = json!({"on": "list", "fault": "504"});
    for fault in [&never, &always, &later] {
        assert_eq!(stage.post("/sim/faults", fault.clone()).await.0, 201);
    }
    for _ in 0..3 {
        assert_eq!(stage.call(Method::GET, "/messages", Value::Null).await.0, 503);
    }
    let row = |on: &str, fault: &str, times: Value, chance: Value, seed: Value| {
        json!({"on": on, "fault": fault, "times": times, "chance": chance, "seed": seed, "mailbox": null, "retry_after": null,
            "seconds": null})
    };
    let shown = stage.get("/sim/faults").await["active"].clone();
    let none = Value::Null;
    assert_eq!(
        shown,
        json!([
            row("list", "500", none.clone(), json!(0.0), json!(1)),
            row("any", "503", none.clone(), json!(1.0), json!(5)),
            row("list", "504", json!(1), none.clone(), none.clone()),
        ])
    );
    stage.end().await;
}

#[tokio::test]
async fn a_chance_out_of_range_is_refused_with_what_it_may_be() {
    let stage = Stage::begin().await;
    for (wrong, text) in [
        (json!({"chance": 1.5}), "\"chance\" must be a number from 0.0 to 1.0, not 1.5"),
        (json!({"chance": -0.1}), "\"chance\" must be a number from 0.0 to 1.0, not -0.1"),
        (json!({"chance": "often"}), "\"chance\" must be a number from 0.0 to 1.0, not \"often\""),
        (json!({"chance": 0.5, "seed": "x"}), "\"seed\" must be a whole number from 0, not \"x\""),
        (json!({"times": -1}), "\"times\" must be a whole number from 0, not -1"),
        (json!({"seed": 3}), "\"seed\" goes with \"chance\""),
    ] {
        let mut fault = json!({"on": "list", "fault": "500"});
        fault.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let (status, refused) = stage.post("/sim/faults", fault).await;
        assert_eq!(status, 400, "{wrong}");
        assert!(refused["error"].as_str().unwrap().starts_with(text), "{refused}");
    }
    assert_eq!(stage.get("/sim/faults").await["active"], json!([]));
    stage.end().await;
}

#[tokio::test]
async fn a_receiver_fails_by_chance_too_and_rings_for_what_it_takes() {
    let receiver = Receiver::start(ReceiverOptions::new("ERP", Clock::system())).await.unwrap();
    receiver.script(&json!({"on": "post", "fault": "503", "chance": 0.5, "seed": 2})).unwrap();
    let (effects, requests) = (receiver.effects(), receiver.requests_seen());
    let url = format!("{}/erp", receiver.base_url());
    let http = client();
    let mut failed = Vec::new();
    for round in 0..2 {
        let mut statuses = Vec::new();
        for number in 0..20 {
            let number = if round == 0 { number } else { 19 - number };
            let path = format!("{url}?round={round}");
            let reply = http.post(if round == 0 { &url } else { &path }).json(&json!({"n": number})).send().await.unwrap();
            statuses.push((number, reply.status().as_u16()));
        }
        statuses.sort_unstable();
        failed.push(statuses);
    }
    let taken = receiver.received().len() as u64;
    assert_eq!((*effects.borrow(), *requests.borrow()), (taken, 40));
    assert!((10..30).contains(&taken), "{taken}");
    assert_ne!(failed[0], failed[1], "another query is another call");
    receiver.stop().await;
}

#[tokio::test]
async fn the_bells_ring_before_the_effect_and_at_the_effect_before_the_answer() {
    let stage = Stage::begin().await;
    let (mut requests, mut effects) = (stage.simulator.requests_seen(), stage.simulator.effects());
    stage.simulator.script(&json!({"on": "create_draft", "fault": "hang_before_effect"})).unwrap();
    stage.simulator.script(&json!({"on": "create_draft", "fault": "hang_after_effect"})).unwrap();
    let before = tokio::spawn(stage.request(Method::POST, "/messages").json(&json!({"subject": "a"})).send());
    requests.wait_for(|count| *count == 1).await.unwrap();
    let after = tokio::spawn(stage.request(Method::POST, "/messages").json(&json!({"subject": "b"})).send());
    effects.wait_for(|count| *count == 1).await.unwrap();
    assert_eq!((before.is_finished(), after.is_finished()), (false, false));
    assert_eq!(stage.simulator.ledger()[0]["subject"], "b");
    before.abort();
    after.abort();
    stage.end().await;
}
