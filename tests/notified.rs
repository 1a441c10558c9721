//! The service tells of what arrives, and polling goes on whatever becomes of that.

use std::time::Duration;

use postroom::ids::MailboxName;
use postroom::journal::{Arrival, HeldSubscription};
use serde_json::{Value, json};

use crate::process::until;
use crate::proof::simulated::{self, Lab, Surroundings, in_virtual_time};
use crate::world::{MAILBOX, World, mail};

const RULES: [(&str, &str); 1] = [("10-all.rhai", "//! All.\nfn then(mail) { move_to(\"Done\"); }\n")];

/// A world that the tenant can tell, and that hardly ever looks by itself.
async fn told() -> World {
    let mut world = World::new(&RULES).await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    world.config.web.listen = ([127, 0, 0, 1], port).into();
    world.config.web.public_url = Some(format!("http://127.0.0.1:{port}"));
    world.config.mailboxes.get_mut(&MailboxName::new("invoices")).unwrap().poll = Duration::from_hours(1);
    world
}

async fn subscriptions(world: &World) -> Vec<Value> {
    let url = format!("{}/sim/subscriptions", world.tenant.base_url());
    let shown: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    shown["subscriptions"].as_array().unwrap_or_else(|| panic!("{shown}")).clone()
}

async fn lifecycle(world: &World, event: &str) {
    let id = subscriptions(world).await[0]["id"].as_str().unwrap().to_owned();
    let url = format!("{}/sim/subscriptions/{id}/lifecycle", world.tenant.base_url());
    let answer = reqwest::Client::new().post(url).json(&json!({ "event": event })).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

/// Waits until the page shows that the folder is subscribed to.
async fn subscribed(world: &World) -> String {
    world.until_page("notified until").await;
    let at = Arrival { mailbox: MailboxName::new("invoices"), folder: "Inbox".into() };
    world.engine.as_ref().unwrap().journal().subscription(&at).await.unwrap().unwrap().id
}

#[tokio::test]
async fn a_message_is_worked_as_soon_as_the_tenant_tells_of_it() {
    let mut world = told().await;
    world.start().await;
    subscribed(&world).await;
    for number in 1..4 {
        world.deliver(&mail(number, "Hello", "Please."));
        world.settled(i64::try_from(number).unwrap()).await;
    }
    world.until_filed(&json!({ "Done": ["Hello", "Hello", "Hello"] })).await;
}

/// How often a call was made: by its method and what its path ends with.
async fn calls(world: &World, method: &str, ends: &str) -> u64 {
    let url = format!("{}/sim/requests", world.tenant.base_url());
    let asked: Vec<Value> = reqwest::get(url).await.unwrap().json().await.unwrap();
    let is_meant = |one: &&Value| one["method"] == method && one["path"].as_str().is_some_and(|path| path.ends_with(ends));
    asked.iter().filter(is_meant).map(|one| one["count"].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn a_message_that_is_named_fifty_times_is_fetched_once_and_needs_no_round() {
    let mut world = told().await;
    world.start().await;
    subscribed(&world).await;
    let at = Arrival { mailbox: MailboxName::new("invoices"), folder: "Inbox".into() };
    let held = world.engine.as_ref().unwrap().journal().subscription(&at).await.unwrap().unwrap();
    let counts =
        async |world: &World| (calls(world, "GET", "/messages/{id}").await, calls(world, "GET", "/messages/delta").await);
    // The round at the start, and the look at what came before there was a subscription.
    until("two rounds", async || counts(&world).await.1 >= 2).await;
    let before = counts(&world).await;
    world.deliver(&mail(1, "Hello", "Please."));
    world.settled(1).await;
    let shown = world.tenant.mailbox(MAILBOX).unwrap();
    let id = shown["folders"]["Done"][0]["id"].as_str().unwrap();
    let item = json!({ "subscriptionId": held.id, "clientState": held.secret, "changeType": "created", "resource": "x", "resourceData": { "id": id } });
    for _ in 0..50 {
        let told = reqwest::Client::new().post(&held.url).json(&json!({ "value": [item, item] })).send().await.unwrap();
        assert_eq!(told.status(), 202);
    }
    // One that comes after them all is known: so is what became of them.
    world.deliver(&mail(2, "Hello", "Please."));
    world.settled(2).await;
    let after = counts(&world).await;
    // Each of the two is fetched once, and looked at once before it is moved.
    assert_eq!((after.0 - before.0, after.1 - before.1), (4, 0));
}

#[tokio::test]
async fn a_subscription_that_is_gone_is_made_again_and_what_came_meanwhile_is_found() {
    let mut world = told().await;
    world.start().await;
    let first = subscribed(&world).await;
    lifecycle(&world, "subscriptionRemoved").await;
    world.deliver(&mail(1, "Hello", "Please."));
    world.settled(1).await;
    let second = subscribed(&world).await;
    assert_ne!(first, second);
    // What was said of the first one makes none once more, whatever else is said.
    lifecycle(&world, "reauthorizationRequired").await;
    world.deliver(&mail(2, "Hello", "Please."));
    world.settled(2).await;
    world.stop().await;
    let ledger = world.tenant.ledger();
    let made = ledger.as_array().unwrap().iter().filter(|entry| entry["effect"] == "subscription_created").count();
    assert_eq!((subscriptions(&world).await.len(), made), (1, 2));
}

#[tokio::test]
async fn what_was_missed_is_looked_for_and_a_wish_to_be_told_on_is_granted() {
    let mut world = told().await;
    world.start().await;
    subscribed(&world).await;
    world.script(&json!({ "on": "notification", "fault": "lost", "times": 1 }));
    world.deliver(&mail(1, "Hello", "Please."));
    lifecycle(&world, "missed").await;
    world.settled(1).await;
    lifecycle(&world, "reauthorizationRequired").await;
    let asked = async || {
        let asked: Vec<Value> =
            reqwest::get(format!("{}/sim/requests", world.tenant.base_url())).await.unwrap().json().await.unwrap();
        asked.iter().any(|one| one["path"].as_str().is_some_and(|path| path.ends_with("/reauthorize")))
    };
    until("the wish to be granted", asked).await;
}

#[tokio::test]
async fn the_next_start_goes_on_with_the_subscription_and_strays_are_ended() {
    let mut world = told().await;
    world.start().await;
    let first = subscribed(&world).await;
    world.stop().await;
    world.start().await;
    assert_eq!((subscribed(&world).await, subscriptions(&world).await.len()), (first, 1));
    // Another database at the same address: what it finds there is nobody's any more.
    world.stop().await;
    for extension in ["", "-wal", "-shm", ".witness"] {
        let _ = std::fs::remove_file(format!("{}{extension}", world.config.state.display()));
    }
    world.start().await;
    subscribed(&world).await;
    assert_eq!(subscriptions(&world).await.len(), 1);
}

#[tokio::test]
async fn a_tenant_that_takes_no_subscription_is_polled_and_the_page_says_why() {
    let mut world = told().await;
    world.config.mailboxes.get_mut(&MailboxName::new("invoices")).unwrap().poll = Duration::from_millis(50);
    world.script(&json!({ "on": "subscription", "fault": "403", "times": 1000 }));
    world.start().await;
    world.deliver(&mail(1, "Hello", "Please."));
    world.settled(1).await;
    world.until_page("no notifications:").await;
}

#[tokio::test]
async fn the_hook_answers_the_handshake_and_takes_nothing_that_is_no_notification() {
    let mut world = told().await;
    world.start().await;
    let hook = format!("{}/notifications", world.config.web.public_url.clone().unwrap());
    let http = reqwest::Client::new();
    let shaken = http.post(format!("{hook}?validationToken=Validation%3A+Testing+client+%3Cb%3E")).send().await.unwrap();
    assert_eq!(shaken.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!((shaken.status().as_u16(), shaken.text().await.unwrap()), (200, "Validation: Testing client <b>".to_owned()));
    // A body that is too long may find the door closed before its end.
    let answer = async |body: String| http.post(&hook).body(body).send().await.map_or(413, |answer| answer.status().as_u16());
    assert_eq!(answer(String::new()).await, 400);
    assert_eq!(answer("x".repeat((1 << 20) + 1)).await, 413);
    assert_eq!(answer(json!({ "value": vec![json!({ "subscriptionId": "1" }); 257] }).to_string()).await, 413);
    // Forged ones get the answer of any, and wake nobody.
    assert_eq!(answer(json!({ "value": [{ "subscriptionId": "1", "clientState": "guess" }] }).to_string()).await, 202);
    assert_eq!(world.tenant.mailbox(MAILBOX).unwrap()["folders"]["Inbox"], json!([]));
}

/// A day and more in a moment: the tenant tells, and rounds come only every quarter of an hour.
async fn told_in_virtual_time() -> Lab {
    let lab = Lab::new(&RULES, &Surroundings { told: true, ..Surroundings::default() }).await;
    lab.start().await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    lab
}

async fn held(lab: &Lab) -> HeldSubscription {
    let at = Arrival { mailbox: MailboxName::new("invoices"), folder: "Inbox".into() };
    lab.journal().unwrap().subscription(&at).await.unwrap().unwrap()
}

#[test]
fn for_three_weeks_a_subscription_is_renewed_and_granted_and_each_mail_is_known_within_moments() {
    in_virtual_time(async || {
        let lab = told_in_virtual_time().await;
        let first = held(&lab).await;
        for day in 1..=21 {
            tokio::time::sleep(Duration::from_hours(24)).await;
            lab.deliver(&simulated::mail(day, "Hello"));
            tokio::time::sleep(Duration::from_secs(3)).await;
            assert_eq!(lab.journal().unwrap().counts().await.unwrap().messages, i64::try_from(day).unwrap(), "day {day}");
        }
        let last = held(&lab).await;
        assert_eq!((last.id, last.secret, last.expires > first.expires), (first.id, first.secret, true));
        lab.end().await;
    });
}

#[test]
fn a_subscription_that_vanishes_without_a_word_is_made_again_within_a_quarter_of_an_hour() {
    in_virtual_time(async || {
        let lab = told_in_virtual_time().await;
        let first = held(&lab).await;
        let (http, base) = (reqwest::Client::new(), lab.tenant.base_url());
        let form =
            "client_id=app&client_secret=secret&grant_type=client_credentials&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default";
        let asked = http.post(format!("{base}/contoso.onmicrosoft.com/oauth2/v2.0/token")).body(form);
        let asked = asked.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
        let token: Value = asked.json().await.unwrap();
        let gone =
            http.delete(format!("{base}/v1.0/subscriptions/{}", first.id)).bearer_auth(token["access_token"].as_str().unwrap());
        assert_eq!(gone.send().await.unwrap().status(), 204);
        tokio::time::sleep(Duration::from_mins(15)).await;
        let second = held(&lab).await;
        assert_ne!(first.id, second.id);
        // Whatever was said of the first one makes none once more.
        tokio::time::sleep(Duration::from_hours(1)).await;
        assert_eq!(held(&lab).await, second);
        lab.end().await;
    });
}
