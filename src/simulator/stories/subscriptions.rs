//! Subscriptions: made, renewed, reauthorized, and all that is refused.

use super::super::{Webhooks, Window};
use super::hook::{Handshake, Hook};
use super::*;

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Nothing is gathered, and repeats come soon.
pub(super) fn hasty() -> Webhooks {
    Webhooks { gather: ms(0), backoff: ms(20), ..Webhooks::default() }
}

pub(super) async fn stage() -> Stage {
    Stage::open(Options { webhooks: hasty(), ..options() }).await
}

pub(super) fn by_hand() -> Clock {
    Clock::by_hand("2026-03-02T09:00:00Z".parse().unwrap())
}

/// A subscription on the invoices' Inbox for all changes.
pub(super) fn inbox(hook: &Hook, ends: &str) -> Value {
    json!({
        "changeType": "created,updated,deleted",
        "notificationUrl": hook.url("/notify?of=inbox"),
        "lifecycleNotificationUrl": hook.url("/lifecycle"),
        "resource": format!("/users/{INVOICES}/mailFolders('inbox')/messages"),
        "expirationDateTime": ends,
        "clientState": "secret",
    })
}

pub(super) fn in_hours(clock: &Clock, hours: i64) -> String {
    clock.now().checked_add(jiff::SignedDuration::from_hours(hours)).unwrap().to_string()
}

impl Stage {
    pub(super) async fn subscriptions(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/v1.0/subscriptions{path}", self.simulator.base_url());
        let (status, body) = self.call(method, &url, body).await;
        (status.as_u16(), body)
    }

    pub(super) async fn subscribe(&self, body: Value) -> Value {
        let (status, made) = self.subscriptions(Method::POST, "", body).await;
        assert_eq!(status, 201, "{made}");
        made
    }
}

/// What an answer says went wrong.
pub(super) fn refusal((status, body): &(u16, Value)) -> (u16, &str, &str) {
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
async fn a_mailbox_is_watched_a_thousand_times_at_most() {
    let (stage, hook) = (stage().await, Hook::begin().await);
    let mut body = inbox(&hook, &in_hours(&Clock::system(), 24));
    body["lifecycleNotificationUrl"] = Value::Null;
    for number in 0..1_000 {
        body["resource"] = json!(format!("users/{INVOICES}/messages?$filter=subject eq '{number}'"));
        stage.subscribe(body.clone()).await;
    }
    body["resource"] = json!(format!("users/{INVOICES}/messages"));
    let refused = stage.subscriptions(Method::POST, "", body.clone()).await;
    let text =
        "Operation: Create; Exception: [Status Code: Forbidden; Reason: The mailbox has the maximum of 1000 subscriptions.]";
    assert_eq!(refusal(&refused), (403, "ExtensionError", text));
    body["resource"] = json!(format!("users/{SUPPORT}/messages"));
    stage.subscribe(body).await;
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
