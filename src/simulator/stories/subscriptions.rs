//! Subscriptions: made, renewed, told of changes, and all that goes wrong with them.

use super::super::{Webhooks, Window};
use super::hook::{Handshake, Hook, Reply};
use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Nothing is gathered, and repeats come soon.
fn hasty() -> Webhooks {
    Webhooks { gather: ms(0), backoff: ms(20), ..Webhooks::default() }
}

async fn stage() -> Stage {
    Stage::open(Options { webhooks: hasty(), ..options() }).await
}

fn by_hand() -> Clock {
    Clock::by_hand("2026-03-02T09:00:00Z".parse().unwrap())
}

/// A subscription on the invoices' Inbox for all changes.
fn inbox(hook: &Hook, ends: &str) -> Value {
    json!({
        "changeType": "created,updated,deleted",
        "notificationUrl": hook.url("/notify?of=inbox"),
        "lifecycleNotificationUrl": hook.url("/lifecycle"),
        "resource": format!("/users/{INVOICES}/mailFolders('inbox')/messages"),
        "expirationDateTime": ends,
        "clientState": "secret",
    })
}

fn in_hours(clock: &Clock, hours: i64) -> String {
    clock.now().checked_add(jiff::SignedDuration::from_hours(hours)).unwrap().to_string()
}

impl Stage {
    async fn subscriptions(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/v1.0/subscriptions{path}", self.simulator.base_url());
        let (status, body) = self.call(method, &url, body).await;
        (status.as_u16(), body)
    }

    async fn subscribe(&self, body: Value) -> Value {
        let (status, made) = self.subscriptions(Method::POST, "", body).await;
        assert_eq!(status, 201, "{made}");
        made
    }
}

/// What an answer says went wrong.
fn refusal((status, body): &(u16, Value)) -> (u16, &str, &str) {
    let error = &body["error"];
    (*status, error["code"].as_str().unwrap_or("-"), error["message"].as_str().unwrap_or("-"))
}

#[tokio::test]
async fn a_subscription_is_made_after_both_endpoints_shook_hands_and_lives_until_it_is_deleted() {
    let (stage, hook) = (stage().await, Hook::begin().await);
    let ends = in_hours(&Clock::system(), 24);
    let made = stage.subscribe(inbox(&hook, &ends)).await;
    let shaken = hook.shaken();
    assert_eq!(shaken.len(), 2);
    // Form-encoded: `+` for spaces, escapes in lower case, behind what the address has already.
    let token = "validationToken=Validation%3a+Testing+client+application+reachability+for+subscription+Request-Id%3a+";
    assert!(shaken[0].starts_with(&format!("of=inbox&{token}")) && shaken[1].starts_with(token), "{shaken:?}");
    let id = made["id"].as_str().unwrap();
    let wanted = json!({
        "@odata.context": format!("{}/v1.0/$metadata#subscriptions/$entity", stage.simulator.base_url()),
        "id": id,
        "resource": format!("/users/{INVOICES}/mailFolders('inbox')/messages"),
        "applicationId": "app",
        "changeType": "created,updated,deleted",
        "clientState": "secret",
        "notificationUrl": hook.url("/notify?of=inbox"),
        "notificationQueryOptions": null,
        "lifecycleNotificationUrl": hook.url("/lifecycle"),
        "expirationDateTime": ends,
        "creatorId": "app",
        "includeResourceData": false,
        "latestSupportedTlsVersion": "v1_2",
        "encryptionCertificate": null,
        "encryptionCertificateId": null,
        "notificationUrlAppId": null,
        "notificationContentType": "application/json",
    });
    assert_eq!(made, wanted);
    assert_eq!(stage.subscriptions(Method::GET, &format!("/{id}"), Value::Null).await, (200, wanted.clone()));
    let (_, list) = stage.subscriptions(Method::GET, "", Value::Null).await;
    assert_eq!(list["value"].as_array().unwrap().len(), 1);
    let double = stage.subscriptions(Method::POST, "", inbox(&hook, &ends)).await;
    let text = format!("Subscription Id <{id}> already exists for the requested combination");
    assert_eq!(refusal(&double), (409, "Conflict", text.as_str()));
    assert_eq!(stage.subscriptions(Method::DELETE, &format!("/{id}"), Value::Null).await.0, 204);
    for method in [Method::GET, Method::DELETE] {
        let gone = stage.subscriptions(method, &format!("/{id}"), Value::Null).await;
        assert_eq!(refusal(&gone).0, 404);
        assert_eq!(refusal(&gone).1, "ResourceNotFound");
    }
    assert_eq!(stage.effects(), ["subscription_created", "subscription_deleted"]);
    stage.end().await;
    hook.end();
}

#[tokio::test]
async fn an_endpoint_that_does_not_shake_hands_as_asked_gets_no_subscription() {
    let stage = Stage::open(Options { webhooks: Webhooks { handshake: ms(2_000), ..hasty() }, ..options() }).await;
    for (handshake, why) in [
        (Handshake::LeavesPlus, "The response is not the validation token."),
        (Handshake::WrongLabel, "It responded with 200 and Content-Type 'application/json'."),
        (Handshake::Hangs, "It did not respond within 2000 milliseconds."),
    ] {
        let hook = Hook::with(handshake, &[]).await;
        let refused = stage.subscriptions(Method::POST, "", inbox(&hook, &in_hours(&Clock::system(), 24))).await;
        let text = format!(
            "Subscription validation request failed. Notification endpoint must respond with 200 OK to validation request. {why}"
        );
        assert_eq!(refusal(&refused), (400, "InvalidRequest", text.as_str()));
        hook.end();
    }
    let hook = Hook::begin().await;
    let away = inbox(&hook, &in_hours(&Clock::system(), 24));
    hook.end();
    let refused = stage.subscriptions(Method::POST, "", away).await;
    assert!(refusal(&refused).2.ends_with("The endpoint could not be reached."), "{refused:?}");
    let (_, list) = stage.subscriptions(Method::GET, "", Value::Null).await;
    assert_eq!((list["value"].clone(), stage.effects()), (json!([]), Vec::<String>::new()));
    stage.end().await;
}

#[tokio::test]
async fn each_wrong_subscription_is_refused_in_words() {
    let (stage, hook) = (stage().await, Hook::begin().await);
    let clock = Clock::system();
    let (ends, long) = (in_hours(&clock, 24), "x".repeat(129));
    for (name, value, status, words) in [
        ("resource", json!(null), 400, "The required property 'resource' is missing or empty."),
        ("resource", json!("/drives/1/root"), 400, "cannot be subscribed to here"),
        ("resource", json!(format!("users/{INVOICES}/messages?$top=5")), 400, "'$top' is not supported"),
        ("resource", json!(format!("users/{INVOICES}/messages?$filter=isRead foo")), 400, "Invalid filter clause"),
        ("resource", json!("users/nobody@contoso.com/messages"), 404, "[Status Code: NotFound; Reason: The requested user"),
        ("changeType", json!("created,moved"), 400, "'moved' is not one of"),
        ("changeType", json!(7), 400, "'changeType' must be a string"),
        ("notificationUrl", json!("http://contoso.com/hook"), 400, "must be https; plain http is for loopback addresses only"),
        ("lifecycleNotificationUrl", json!("nonsense"), 400, "is no URL"),
        ("expirationDateTime", json!("tomorrow"), 400, "is no time such as"),
        (
            "expirationDateTime",
            json!(in_hours(&clock, 168)),
            400,
            "Subscription expiration can only be 10070 minutes in the future.",
        ),
        ("clientState", json!(long), 400, "longer than the maximum of 128"),
        ("latestSupportedTlsVersion", json!("v9"), 400, "'v9' is not one of"),
        ("includeResourceData", json!(true), 400, "needs $select"),
        ("encryptionCertificate", json!("AAAA"), 400, "must be given together"),
        ("vapidPublicKey", json!("AAAA"), 400, "web push only"),
    ] {
        let mut body = inbox(&hook, &ends);
        body[name] = value.clone();
        let refused = stage.subscriptions(Method::POST, "", body).await;
        let (told, _, text) = refusal(&refused);
        assert!(told == status && text.contains(words), "{name} {value}: {told} {text}");
    }
    assert_eq!(stage.effects(), Vec::<String>::new());
    stage.end().await;
    hook.end();
}

#[tokio::test]
async fn a_life_is_raised_to_its_floor_ends_and_can_be_renewed() {
    let clock = by_hand();
    let (stage, hook) = (
        Stage::open(Options { webhooks: hasty(), clock: clock.clone(), token_lifetime: Duration::from_hours(48), ..options() })
            .await,
        Hook::begin().await,
    );
    let made = stage.subscribe(inbox(&hook, "2026-03-02T09:01:00Z")).await;
    assert_eq!(made["expirationDateTime"], "2026-03-02T09:45:00Z");
    let path = format!("/{}", made["id"].as_str().unwrap());
    let (status, renewed) =
        stage.subscriptions(Method::PATCH, &path, json!({"expirationDateTime": "2026-03-02T12:00:00Z"})).await;
    assert_eq!((status, &renewed["expirationDateTime"]), (200, &json!("2026-03-02T12:00:00Z")));
    let reauthorize = format!("{path}/reauthorize");
    let early = stage.subscriptions(Method::POST, &reauthorize, Value::Null).await;
    assert_eq!(refusal(&early).0, 400);
    clock.advance(Duration::from_mins(11));
    assert_eq!(stage.subscriptions(Method::POST, &reauthorize, Value::Null).await.0, 204);
    let (_, same) = stage.subscriptions(Method::GET, &path, Value::Null).await;
    assert_eq!(same["expirationDateTime"], "2026-03-02T12:00:00Z");
    let before = hook.shaken().len();
    let (status, moved) = stage.subscriptions(Method::PATCH, &path, json!({"notificationUrl": hook.url("/other")})).await;
    assert_eq!((status, hook.shaken().len() - before, &moved["notificationUrl"]), (200, 1, &json!(hook.url("/other"))));
    for body in [json!({}), json!({"clientState": "x", "expirationDateTime": "2026-03-02T12:00:00Z"})] {
        assert_eq!(stage.subscriptions(Method::PATCH, &path, body).await.0, 400);
    }
    clock.advance(Duration::from_hours(3));
    let gone = stage.subscriptions(Method::PATCH, &path, json!({"expirationDateTime": "2026-03-02T15:00:00Z"})).await;
    assert_eq!(refusal(&gone), (404, "ResourceNotFound", "The object was not found."));
    stage.end().await;
    hook.end();
}

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
async fn lifecycle_events_come_at_the_doors_word_and_before_the_authorization_ends() {
    let (stage, hook) = (stage().await, Hook::begin().await);
    let made = stage.subscribe(inbox(&hook, &in_hours(&Clock::system(), 24))).await;
    let id = made["id"].as_str().unwrap();
    for (number, event) in ["reauthorizationRequired", "missed", "subscriptionRemoved"].into_iter().enumerate() {
        let door = format!("/sim/subscriptions/{id}/lifecycle");
        assert_eq!(stage.post(&door, json!({"event": event})).await.0, 204);
        let posts = hook.posts(number + 1).await;
        let wanted = json!({"value": [{
            "subscriptionId": id, "subscriptionExpirationDateTime": made["expirationDateTime"], "clientState": "secret",
            "tenantId": "contoso.onmicrosoft.com", "lifecycleEvent": event,
        }]});
        assert_eq!(posts[number], ("/lifecycle".to_owned(), wanted));
    }
    assert_eq!(stage.subscriptions(Method::GET, &format!("/{id}"), Value::Null).await.0, 404);
    assert_eq!(stage.post(&format!("/sim/subscriptions/{id}/lifecycle"), json!({"event": "missed"})).await.0, 404);
    stage.end().await;
    hook.end();

    let (clock, hook) = (by_hand(), Hook::begin().await);
    let stage = Stage::open(Options { webhooks: hasty(), clock: clock.clone(), ..options() }).await;
    stage.subscribe(inbox(&hook, "2026-03-03T09:00:00Z")).await;
    let posts = hook.posts(1).await;
    assert_eq!(posts[0].1["value"][0]["lifecycleEvent"], "reauthorizationRequired");
    assert_eq!(clock.now().strftime("%H:%M").to_string(), "09:44");
    stage.end().await;
    hook.end();
}

#[tokio::test]
async fn who_does_not_reauthorize_is_told_nothing_but_that_something_is_missing() {
    for reauthorizes in [true, false] {
        let (clock, hook) = (by_hand(), Hook::begin().await);
        let stage = Stage::open(Options { webhooks: hasty(), clock: clock.clone(), ..options() }).await;
        let made = stage.subscribe(inbox(&hook, "2026-03-04T09:00:00Z")).await;
        // A quarter of an hour before the first hour is over.
        hook.posts(1).await;
        if reauthorizes {
            let path = format!("/{}/reauthorize", made["id"].as_str().unwrap());
            assert_eq!(stage.subscriptions(Method::POST, &path, Value::Null).await.0, 204);
            hook.posts(2).await;
        } else {
            clock.advance(Duration::from_mins(16));
        }
        stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
        let posts = hook.posts(if reauthorizes { 3 } else { 2 }).await;
        let told: Vec<&str> = posts
            .iter()
            .map(|(_, body)| &body["value"][0])
            .map(|item| item["lifecycleEvent"].as_str().or(item["changeType"].as_str()).unwrap())
            .collect();
        let reminder = "reauthorizationRequired";
        assert_eq!(told, if reauthorizes { vec![reminder, reminder, "created"] } else { vec![reminder, "missed"] });
        stage.end().await;
        hook.end();
    }
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

#[tokio::test]
async fn a_subscription_can_be_made_in_a_batch_and_faults_strike_its_calls() {
    let (stage, hook) = (stage().await, Hook::begin().await);
    let url = format!("{}/v1.0/$batch", stage.simulator.base_url());
    let make = json!({"id": "1", "method": "POST", "url": "/subscriptions", "headers": {"Content-Type": "application/json"},
        "body": inbox(&hook, &in_hours(&Clock::system(), 24))});
    let list = json!({"id": "2", "method": "GET", "url": "/subscriptions", "dependsOn": ["1"]});
    let (status, done) = stage.post(&url, json!({"requests": [list, make]})).await;
    let told: Vec<(&str, u64)> = done["responses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["id"].as_str().unwrap(), one["status"].as_u64().unwrap()))
        .collect();
    assert_eq!((status, told), (200, vec![("1", 201), ("2", 200)]), "{done}");
    stage.simulator.script(&json!({"on": "subscription", "fault": "503_after_effect"})).unwrap();
    let path = format!("/{}", done["responses"][0]["body"]["id"].as_str().unwrap());
    assert_eq!(stage.subscriptions(Method::DELETE, &path, Value::Null).await.0, 503);
    assert_eq!(stage.subscriptions(Method::GET, &path, Value::Null).await.0, 404);
    stage.end().await;
    hook.end();
}

#[tokio::test]
async fn an_application_sees_and_touches_its_own_subscriptions_alone() {
    let (stage, hook) = (stage().await, Hook::begin().await);
    let made = stage.subscribe(inbox(&hook, &in_hours(&Clock::system(), 24))).await;
    let form = "client_id=other&client_secret=x&grant_type=client_credentials&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default";
    let token_url = format!("{}/contoso.onmicrosoft.com/oauth2/v2.0/token", stage.simulator.base_url());
    let reply: Value = client().post(token_url).body(form).send().await.unwrap().json().await.unwrap();
    let url = format!("{}/v1.0/subscriptions", stage.simulator.base_url());
    let ask = |path: String| client().get(format!("{url}{path}")).bearer_auth(reply["access_token"].as_str().unwrap()).send();
    let list: Value = ask(String::new()).await.unwrap().json().await.unwrap();
    let one = ask(format!("/{}", made["id"].as_str().unwrap())).await.unwrap();
    assert_eq!((list["value"].clone(), one.status().as_u16()), (json!([]), 404));
    stage.end().await;
    hook.end();
}

#[tokio::test]
async fn a_subscriptions_calls_count_against_no_mailbox() {
    let limits = super::super::Limits {
        requests: Some(Window { most: 1, within: Duration::from_mins(10) }),
        ..super::super::Limits::default()
    };
    let stage = Stage::open(Options { limits, ..options() }).await;
    for _ in 0..3 {
        assert_eq!(stage.subscriptions(Method::GET, "", Value::Null).await.0, 200);
    }
    stage.get("/messages").await;
    assert_eq!(stage.call(Method::GET, "/messages", Value::Null).await.0, 429);
    stage.end().await;
}
