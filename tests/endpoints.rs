//! Endpoints as they are in the field: one hangs, one is gone, one wants signatures, events or tokens.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use postroom::config::{AuthSetting, EndpointConfig, ProfileSetting, SchemaSetting, SecretSetting};
use postroom::ids::EndpointName;
use postroom::simulator::Received;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::world::{World, mail, statuses};

/// Posts to the endpoint that the subject names.
const RULES: [(&str, &str); 1] =
    [("10-a.rhai", "//! Posts.\nfn then(mail) { post(mail.subject, #{ id: mail.message_id }); categorise(\"Posted\"); }\n")];

/// A world whose endpoint `erp` is as `change` makes it.
async fn world(change: impl FnOnce(&mut EndpointConfig)) -> World {
    let mut world = World::new(&RULES).await;
    change(world.config.endpoints.get_mut(&EndpointName::new("erp")).unwrap());
    world
}

/// A receiver that is neither orderly nor polite; ends with the runtime of its story.
async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

/// All that is written down about a message.
async fn story(world: &World, row: i64) -> String {
    format!("{:?}", world.engine.as_ref().unwrap().journal().story(&row.to_string()).await.unwrap())
}

/// What a receiver does to verify a signature (Standard Webhooks 1.0.0).
fn is_signed_with(received: &Received, secret: &[u8], body: &str) -> bool {
    let header = |name: &str| received.headers.get(name).map_or("", String::as_str);
    let text = format!("{}.{}.{body}", header("webhook-id"), header("webhook-timestamp"));
    let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap().chain_update(text);
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    header("webhook-signature").split(' ').any(|signature| signature == expected)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_can_verify_what_it_gets_and_gets_the_same_event_again_after_a_lost_answer() {
    let mut world = world(|erp| {
        erp.sign = [[1_u8; 32], [2; 32]].map(|key| SecretSetting::given(format!("whsec_{}", STANDARD.encode(key)))).to_vec();
        erp.profile = ProfileSetting::CloudEvents { event_type: "com.contoso.invoice".into() };
    })
    .await;
    // The answer to the first attempt is lost; were the second not the same byte for byte, the receiver would refuse it with 422.
    world.receiver.script(&json!({ "on": "post", "fault": "reset_after_effect", "times": 1 })).unwrap();
    world.start().await;
    world.deliver(&mail(1, "erp", "x"));
    let lines = world.settled(1).await;
    world.stop().await;
    assert_eq!(statuses(&lines[0]), ["done", "done"]);
    let received = world.receiver.received();
    let [one] = received.as_slice() else { panic!("{received:#?}") };
    assert_eq!((one.repeats, one.conflicts, one.key.as_deref()), (1, 0, one.webhook_id.as_deref()));
    let mut event = one.body.clone();
    assert!(event["time"].take().as_str().is_some_and(|time| time.parse::<jiff::Timestamp>().is_ok()));
    let expected = json!({
        "specversion": "1.0", "id": one.key, "source": "/mailboxes/invoices@contoso.com", "type": "com.contoso.invoice",
        "subject": "<1@fabrikam.com>", "time": null, "datacontenttype": "application/json", "data": { "id": "<1@fabrikam.com>" },
    });
    assert_eq!((event, one.headers["content-type"].as_str()), (expected, "application/cloudevents+json"));
    assert!([[1; 32], [2; 32]].iter().all(|secret| is_signed_with(one, secret, &one.text)));
    assert!(!is_signed_with(one, &[3; 32], &one.text));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_got_before_the_first_post_and_again_when_it_is_withdrawn() {
    let forms = Arc::new(Mutex::new(Vec::new()));
    let given = Arc::clone(&forms);
    let give = async move |form: String| {
        let mut given = given.lock().unwrap();
        given.push(form);
        axum::Json(json!({ "access_token": format!("token-{}", given.len()), "token_type": "Bearer", "expires_in": 3600 }))
    };
    let desk = serve(Router::new().route("/oauth2/token", post(give))).await;
    let mut world = world(|erp| {
        erp.auth = Some(AuthSetting::OAuth2 {
            token_url: format!("{desk}/oauth2/token"),
            client_id: "postroom".into(),
            client_secret: SecretSetting::given("s3cret"),
            scope: Some("erp.write".into()),
        });
    })
    .await;
    world.start().await;
    for number in 1..4 {
        if number == 3 {
            world.receiver.script(&json!({ "on": "post", "fault": "401", "times": 1 })).unwrap();
        }
        world.deliver(&mail(number, "erp", "x"));
        world.settled(i64::try_from(number).unwrap()).await;
    }
    world.stop().await;
    let taken = world.receiver.received();
    let shown: Vec<&str> = taken.iter().map(|one| one.headers["authorization"].as_str()).collect();
    assert_eq!(shown, ["Bearer token-1", "Bearer token-1", "Bearer token-2"]);
    let form = "grant_type=client_credentials&client_id=postroom&client_secret=s3cret&scope=erp.write";
    assert_eq!(*forms.lock().unwrap(), [form, form]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_does_not_fit_the_schema_waits_for_a_person_and_nothing_is_sent() {
    let schema = json!({ "properties": { "id": { "type": "integer" } } });
    let mut world =
        world(|erp| erp.schema = Some(SchemaSetting { path: "schemas/invoice.json".into(), text: schema.to_string().into() }))
            .await;
    world.start().await;
    world.deliver(&mail(1, "erp", "x"));
    world.until("the post is rejected", |counts, _| counts.waiting == 1).await;
    let parked = world.engine.as_ref().unwrap().journal().parked().await.unwrap();
    world.stop().await;
    let expected = "endpoint erp: the record does not fit the endpoint's `schema` and was not sent: \
                    at /id: \"<1@fabrikam.com>\" is not of type \"integer\"";
    assert_eq!((parked[0].reason.as_str(), world.posted()), (expected, Vec::<Value>::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_an_endpoint_reflects_does_not_reach_the_story_or_the_page() {
    let reflect = async |headers: HeaderMap| axum::Json(json!({ "you": headers["authorization"].to_str().unwrap() }));
    let base = serve(Router::new().route("/reflect", post(reflect))).await;
    let mut world = world(|erp| {
        erp.url = format!("{base}/reflect");
        erp.auth = Some(AuthSetting::Bearer(SecretSetting::given("t0ken-of-ours")));
    })
    .await;
    world.start().await;
    world.deliver(&mail(1, "erp", "x"));
    let lines = world.settled(1).await;
    let story = story(&world, lines[0].row).await;
    let page = world.page().await;
    world.stop().await;
    assert!(story.contains("Bearer ***"), "{story}");
    assert!(!story.contains("t0ken-of-ours") && !page.contains("t0ken-of-ours"));
    let files = std::fs::read(&world.config.state).unwrap();
    assert!(!files.windows(13).any(|window| window == b"t0ken-of-ours"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_messages_that_wait_for_an_endpoint_that_hangs_hold_up_nobody_else() {
    let mut world = World::new(&RULES).await;
    // It accepts connections and never answers.
    let hanging = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", hanging.local_addr().unwrap());
    let slow = EndpointConfig {
        timeout: Duration::from_mins(2),
        idempotent: Some(Duration::from_hours(24)),
        ..EndpointConfig::new(url)
    };
    world.config.endpoints.insert(EndpointName::new("slow"), slow);
    world.start().await;
    for number in 0..200 {
        world.deliver(&mail(number, "slow", "x"));
    }
    let decided = |lines: &[postroom::journal::MessageLine]| lines.iter().filter(|line| !line.actions.is_empty()).count();
    world.until("everything for the slow one is decided", |_, lines| decided(lines) == 200).await;
    let calls = [hanging.accept().await, hanging.accept().await, hanging.accept().await, hanging.accept().await];
    for number in 200..220 {
        world.deliver(&mail(number, "erp", "x"));
    }
    // The calls that hang end after two minutes; a story that takes longer than one is stuck.
    let lines = world
        .until("the others are worked off", |_, lines| lines.iter().filter(|line| statuses(line) == ["done"; 2]).count() == 20)
        .await;
    // Four calls are under way, as many as an endpoint takes; of the others nothing was written but that they are due.
    let count = |status: &str| lines.iter().filter(|line| statuses(line) == [status, "due"]).count();
    assert_eq!((count("running"), count("due"), world.posted().len()), (4, 196, 20));
    drop((calls, hanging));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_down_is_left_alone_and_gets_everything_when_it_is_back() {
    let mut world = World::new(&RULES).await;
    // Longer than any pause of a record: one of them comes to the closed gate.
    world.patience.endpoint_pauses = vec![Duration::from_millis(500)];
    // Five in a row close the gate. Four are under way at most, so that no success can come between the first five of nine.
    for _ in 0..9 {
        world.receiver.script(&json!({ "on": "post", "fault": "503", "times": 1 })).unwrap();
    }
    world.start().await;
    for number in 0..30 {
        world.deliver(&mail(number, "erp", "x"));
    }
    let lines = world.settled(30).await;
    let mut told = String::new();
    for line in &lines {
        told += &story(&world, line.row).await;
    }
    world.stop().await;
    assert_eq!(lines.iter().filter(|line| statuses(line) == ["done"; 2]).count(), 30);
    let taken = world.receiver.received();
    assert_eq!((taken.len(), taken.iter().map(|one| one.repeats).sum::<u64>()), (30, 0));
    assert!(told.contains("endpoint erp: not called for a while; the last call said: 503"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_says_it_is_gone_is_not_called_again_and_its_records_wait() {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let gone = async move || {
        counted.fetch_add(1, Ordering::SeqCst);
        (StatusCode::GONE, "moved to another service")
    };
    let base = serve(Router::new().route("/gone", post(gone))).await;
    let mut world = world(|erp| erp.url = format!("{base}/gone")).await;
    world.start().await;
    world.deliver(&mail(1, "erp", "x"));
    world.until("the first post waits", |_, lines| lines.iter().any(|line| statuses(line) == ["deferred", "due"])).await;
    for number in 2..10 {
        world.deliver(&mail(number, "erp", "x"));
    }
    world.deliver(&mail(10, "once", "x"));
    world.until("the other endpoint gets its record", |_, lines| lines.iter().any(|line| statuses(line) == ["done"; 2])).await;
    let lines = world
        .until("all posts wait", |_, lines| lines.iter().filter(|line| statuses(line) == ["deferred", "due"]).count() == 9)
        .await;
    let waiting = lines.iter().find(|line| line.subject == "erp").unwrap();
    let story = story(&world, waiting.row).await;
    world.stop().await;
    assert!(story.contains("it is gone for good and not called again"), "{story}");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_does_not_accept_us_makes_its_records_wait_until_it_does() {
    let mut world = World::new(&RULES).await;
    world.receiver.script(&json!({ "on": "post", "fault": "403", "times": 1 })).unwrap();
    world.start().await;
    world.deliver(&mail(1, "erp", "x"));
    let lines = world.settled(1).await;
    let story = story(&world, lines[0].row).await;
    world.stop().await;
    assert_eq!((statuses(&lines[0]), world.posted().len()), (vec!["done"; 2], 1));
    assert!(story.contains("scripted fault 403") && story.contains("check the endpoint's `auth`"), "{story}");
}
