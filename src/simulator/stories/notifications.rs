//! Notifications: what is told, how often, how late, and all that goes wrong on the way.

use super::super::Webhooks;
use super::hook::{Handshake, Hook, Reply};
use super::subscriptions::{by_hand, hasty, in_hours, inbox, ms, stage};
use super::*;

#[tokio::test]
async fn what_happens_in_the_folder_is_told_with_the_state_and_the_immutable_id() {
    let (stage, hook) = (stage().await, Hook::begin().await);
    let made = stage.subscribe(inbox(&hook, &in_hours(&Clock::system(), 24))).await;
    let id = stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
    hook.items(1).await;
    stage.patch(&format!("/messages/{id}"), json!({"categories": ["Red"]})).await;
    hook.items(2).await;
    stage.post(&format!("/messages/{id}/move"), json!({"destinationId": "archive"})).await;
    // The support mailbox is nobody's business, nor is the archive.
    stage.simulator.deliver(SUPPORT, mail(2).as_bytes()).unwrap();
    stage.patch(&format!("/messages/{id}"), json!({"categories": []})).await;
    stage.simulator.deliver(INVOICES, mail(3).as_bytes()).unwrap();
    let posts = hook.posts(4).await;
    assert!(posts.iter().all(|(path, body)| path == "/notify" && body["value"].as_array().unwrap().len() == 1), "{posts:?}");
    let items = hook.items(4).await;
    let told: Vec<&str> = items.iter().map(|item| item["changeType"].as_str().unwrap()).collect();
    assert_eq!(told, ["created", "updated", "deleted", "created"]);
    let guid = items[0]["resource"].as_str().unwrap().split('/').nth(1).unwrap().to_owned();
    let resource = format!("Users/{guid}/Messages/{id}");
    assert_eq!(
        items[0],
        json!({
            "subscriptionId": made["id"],
            "subscriptionExpirationDateTime": made["expirationDateTime"],
            "clientState": "secret",
            "tenantId": "contoso.onmicrosoft.com",
            "changeType": "created",
            "resource": resource,
            "resourceData": {
                "@odata.type": "#Microsoft.Graph.Message",
                "@odata.id": resource,
                "@odata.etag": items[0]["resourceData"]["@odata.etag"],
                "id": id,
            },
        })
    );
    assert!(items[0]["resourceData"]["@odata.etag"].as_str().unwrap().starts_with("W/\""));
    stage.end().await;
    hook.end();
}

#[tokio::test]
async fn changes_close_together_go_out_in_one_post_and_default_ids_are_told_when_not_asked_otherwise() {
    let webhooks = Webhooks { gather: ms(300), ..hasty() };
    let (stage, hook) = (Stage::open(Options { webhooks, ..options() }).await, Hook::begin().await);
    let url = format!("{}/v1.0/subscriptions", stage.simulator.base_url());
    let mut body = inbox(&hook, &in_hours(&Clock::system(), 24));
    body["changeType"] = json!("created");
    body["resource"] = json!(format!("users/{INVOICES}/messages?$filter=contains(subject,'Invoice 2') or isRead eq true"));
    let reply = client().post(&url).bearer_auth(stage.token()).json(&body).send().await.unwrap();
    assert_eq!(reply.status(), 201);
    let ids: Vec<String> = (1..=3).map(|number| stage.simulator.deliver(INVOICES, mail(number).as_bytes()).unwrap()).collect();
    // It comes to meet the filter: that is a creation.
    stage.patch(&format!("/messages/{}", ids[2]), json!({"isRead": true})).await;
    let posts = hook.posts(1).await;
    let told: Vec<&Value> = posts[0].1["value"].as_array().unwrap().iter().map(|item| &item["resourceData"]["id"]).collect();
    let default = |id: &str| {
        let url = format!("{}/v1.0/users/{INVOICES}/messages/{id}", stage.simulator.base_url());
        client().get(url).bearer_auth(stage.token()).send()
    };
    let mut wanted = Vec::new();
    for id in [&ids[1], &ids[2]] {
        let shown: Value = default(id).await.unwrap().json().await.unwrap();
        assert_ne!(shown["id"], json!(id));
        wanted.push(shown["id"].clone());
    }
    assert_eq!(told, wanted.iter().collect::<Vec<_>>());
    stage.end().await;
    hook.end();
}

#[tokio::test]
async fn a_notification_is_repeated_until_it_is_taken_and_given_up_after_hours() {
    let hook = Hook::with(Handshake::Decodes, &[Reply::Says(500), Reply::Hangs, Reply::Says(404)]).await;
    let stage = Stage::open(Options { webhooks: Webhooks { first: ms(300), again: ms(600), ..hasty() }, ..options() }).await;
    stage.subscribe(inbox(&hook, &in_hours(&Clock::system(), 24))).await;
    stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
    let posts = hook.posts(4).await;
    assert!(posts.iter().all(|post| *post == posts[0]), "{posts:?}");
    stage.end().await;
    hook.end();
    // By a clock that moves itself, four hours are over at once: ten seconds, twenty, forty …
    let hook = Hook::with(Handshake::Decodes, &[Reply::Says(503); 20]).await;
    let webhooks = Webhooks { gather: ms(0), ..Webhooks::default() };
    let stage = Stage::open(Options { webhooks, clock: by_hand(), token_lifetime: Duration::from_hours(48), ..options() }).await;
    stage.subscribe(inbox(&hook, "2026-03-03T09:00:00Z")).await;
    stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
    let last = loop {
        let posts = hook.posts(1).await;
        if let Some((path, body)) = posts.iter().find(|(path, _)| path == "/lifecycle") {
            break (path.clone(), body["value"][0]["lifecycleEvent"].clone(), posts.len());
        }
        hook.posts(posts.len() + 1).await;
    };
    assert_eq!(last, ("/lifecycle".to_owned(), json!("missed"), 12));
    assert_eq!(stage.get("/sim/subscriptions").await["lost"], 1);
    stage.end().await;
    hook.end();
}

#[tokio::test]
async fn a_slow_endpoint_is_posted_to_late_and_one_that_never_answers_is_not_posted_to_for_a_while() {
    let clock = by_hand();
    let webhooks = Webhooks {
        gather: ms(0),
        first: ms(500),
        again: ms(1_000),
        gives_up_after: Duration::from_secs(15),
        ..Webhooks::default()
    };
    let open = || Stage::open(Options { webhooks, clock: clock.clone(), token_lifetime: Duration::from_hours(48), ..options() });
    let stage = open().await;
    let hook = Hook::with(Handshake::Decodes, &[Reply::Hangs]).await;
    stage.subscribe(inbox(&hook, "2026-03-03T09:00:00Z")).await;
    stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
    hook.posts(2).await;
    let before = clock.now();
    stage.simulator.deliver(INVOICES, mail(2).as_bytes()).unwrap();
    hook.posts(3).await;
    assert!(clock.now().duration_since(before) >= jiff::SignedDuration::from_mins(10), "{} {before}", clock.now());
    stage.end().await;
    hook.end();

    let stage = open().await;
    let hook = Hook::with(Handshake::Decodes, &[Reply::Hangs, Reply::Hangs]).await;
    stage.subscribe(inbox(&hook, "2026-03-03T09:00:00Z")).await;
    stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
    let posts = hook.posts(3).await;
    assert_eq!(posts[2].1["value"][0]["lifecycleEvent"], "missed");
    for number in 2..=3 {
        stage.simulator.deliver(INVOICES, mail(number).as_bytes()).unwrap();
    }
    let counts = stage.get("/sim/subscriptions").await;
    assert_eq!((&counts["lost"], &counts["waiting"]), (&json!(3), &json!(0)));
    clock.advance(Duration::from_mins(10));
    stage.simulator.deliver(INVOICES, mail(4).as_bytes()).unwrap();
    let posts = hook.posts(4).await;
    assert_eq!(posts[3].1["value"][0]["changeType"], "created");
    stage.end().await;
    hook.end();
}

#[tokio::test]
async fn notifications_get_lost_come_twice_out_of_order_too_early_and_with_a_wrong_state() {
    let (stage, hook) = (stage().await, Hook::begin().await);
    let mut body = inbox(&hook, &in_hours(&Clock::system(), 24));
    body["changeType"] = json!("created");
    stage.subscribe(body).await;
    let mut number = 0;
    let mut arrive = |fault: &str, seconds: u64| {
        if !fault.is_empty() {
            stage.simulator.script(&json!({"on": "notification", "fault": fault, "seconds": seconds})).unwrap();
        }
        number += 1;
        stage.simulator.deliver(INVOICES, mail(number).as_bytes()).unwrap()
    };
    arrive("lost", 0);
    let twice = arrive("duplicate", 0);
    let id = |item: &Value| item["resourceData"]["id"].as_str().unwrap().to_owned();
    let items = hook.items(2).await;
    assert_eq!([id(&items[0]), id(&items[1])], [twice.clone(), twice]);
    let (late, prompt) = (arrive("out_of_order", 1), arrive("", 0));
    let items = hook.items(4).await;
    assert_eq!([id(&items[2]), id(&items[3])], [prompt, late]);
    let start = "/mailFolders/inbox/messages/delta?$select=subject&$top=50";
    let early = arrive("early", 600);
    assert_eq!(id(&hook.items(5).await[4]), early);
    let round = stage.get(start).await;
    assert_eq!(round["value"].as_array().unwrap().len(), 4, "it is not in delta yet");
    assert_eq!(stage.get(&format!("/messages/{early}")).await["id"], json!(early));
    arrive("stale_client_state", 0);
    let items = hook.items(6).await;
    assert_ne!(items[5]["clientState"], "secret");
    let (status, refused) = stage.post("/sim/faults", json!({"on": "notification", "fault": "503"})).await;
    assert_eq!(status, 400);
    assert!(refused["error"].as_str().unwrap().contains("lost duplicate out_of_order early stale_client_state"), "{refused}");
    stage.end().await;
    hook.end();
}

#[tokio::test]
async fn what_is_early_is_in_delta_a_little_later() {
    let clock = by_hand();
    let (stage, hook) =
        (Stage::open(Options { webhooks: hasty(), clock: clock.clone(), ..options() }).await, Hook::begin().await);
    let mut body = inbox(&hook, "2026-03-02T20:00:00Z");
    body["lifecycleNotificationUrl"] = Value::Null;
    stage.subscribe(body).await;
    let link =
        stage.get("/mailFolders/inbox/messages/delta?$select=subject").await["@odata.deltaLink"].as_str().unwrap().to_owned();
    stage.simulator.script(&json!({"on": "notification", "fault": "early", "seconds": 5})).unwrap();
    stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
    hook.items(1).await;
    let round = stage.get(&link).await;
    assert_eq!(subjects(&round), Vec::<&str>::new());
    clock.advance(Duration::from_secs(5));
    assert_eq!(subjects(&stage.get(round["@odata.deltaLink"].as_str().unwrap()).await), ["Invoice 1"]);
    stage.end().await;
    hook.end();
}
