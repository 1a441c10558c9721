//! People work in the mailbox at the same time: what they do there is theirs, and Postroom gives way.

use std::time::Duration;

use postroom::ids::MailboxName;
use reqwest::Method;
use serde_json::{Value, json};

use crate::faults::as_a_person;
use crate::world::{MAILBOX, World, mail, statuses};

const ANSWERS: [(&str, &str); 2] = [
    ("10-a.rhai", "//! Answers.\nfn then(mail) {\n    reply(\"a.html\", #{});\n    categorise(\"Seen\");\n}\n"),
    ("templates/a.html", "<p>Thank you.</p>\n"),
];

/// What lies in a folder.
fn lying(world: &World, folder: &str) -> Vec<Value> {
    world.tenant.mailbox(MAILBOX).unwrap()["folders"][folder].as_array().cloned().unwrap_or_default()
}

/// A world in which one answer is made and could not be sent yet, and the id of its draft.
async fn one_unsent() -> (World, String) {
    let mut world = World::new(&ANSWERS).await;
    world.patience.retries = vec![Duration::from_secs(1)];
    world.script(&json!({ "on": "send", "fault": "429_without_retry_after", "times": 1 }));
    world.start().await;
    world.deliver(&mail(1, "Hello", "x"));
    world.until("the send is deferred", |_, lines| lines.iter().any(|line| statuses(line).contains(&"deferred"))).await;
    let draft = lying(&world, "Postroom Outbox")[0]["id"].as_str().unwrap().to_owned();
    (world, draft)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_that_a_person_edits_stays_unsent_and_is_theirs() {
    let (mut world, draft) = one_unsent().await;
    let body = json!({ "body": { "contentType": "text", "content": "Better." } });
    as_a_person(&world, Method::PATCH, &format!("/messages/{draft}"), body).await;
    let lines = world.until("the send is rejected", |counts, _| counts.waiting == 1).await;
    let parked = world.engine.as_ref().unwrap().journal().parked().await.unwrap();
    world.stop().await;
    let expected = "the draft in `Postroom Outbox` was changed by somebody; send or delete it by hand, then skip";
    assert_eq!((parked[0].reason.as_str(), statuses(&lines[0])), (expected, vec!["rejected", "due"]));
    let left: Vec<Value> = lying(&world, "Postroom Outbox").iter().map(|message| message["id"].clone()).collect();
    assert_eq!((left, world.count("sent"), world.count("draft_created")), (vec![json!(draft)], 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_that_a_person_sends_is_noted_as_sent_and_not_sent_again() {
    let (mut world, draft) = one_unsent().await;
    as_a_person(&world, Method::POST, &format!("/messages/{draft}/send"), json!({})).await;
    let lines = world.settled(1).await;
    world.until_filed(&json!({ "Inbox": ["Hello"], "Sent Items": ["RE: Hello"] })).await;
    world.stop().await;
    assert_eq!(statuses(&lines[0]), ["done"; 2]);
    assert_eq!(lines[0].actions[0].reason.as_deref(), Some("it was sent already"));
    assert_eq!((world.count("sent"), world.count("draft_created")), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_put_off_is_withheld_when_a_person_has_answered_meanwhile() {
    let (mut world, _) = one_unsent().await;
    let id = lying(&world, "Inbox")[0]["id"].as_str().unwrap().to_owned();
    as_a_person(&world, Method::POST, &format!("/messages/{id}/reply"), json!({ "body": "I have it." })).await;
    let lines = world.settled(1).await;
    world.stop().await;
    assert_eq!(lines[0].actions[0].reason.as_deref(), Some("a person has answered this conversation already"));
    assert_eq!((world.count("sent"), world.count("draft_deleted")), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_category_that_a_person_sets_between_the_listing_and_our_own_change_survives() {
    let rules = [("10-a.rhai", "//! Marks.\nfn then(mail) {\n    post(\"erp\", #{ id: 1 });\n    categorise(\"Seen\");\n}\n")];
    let mut world = World::new(&rules).await;
    // The folder is listed once, so that what the listing said is all that is known.
    world.config.mailboxes.get_mut(&MailboxName::new("invoices")).unwrap().poll = Duration::from_hours(1);
    world.patience.posts = vec![Duration::from_millis(400)];
    world.receiver.script(&json!({ "on": "post", "fault": "503", "times": 1 })).unwrap();
    world.deliver(&mail(1, "Hello", "x"));
    world.start().await;
    world.until("the post is deferred", |_, lines| lines.iter().any(|line| statuses(line).contains(&"deferred"))).await;
    let id = lying(&world, "Inbox")[0]["id"].as_str().unwrap().to_owned();
    as_a_person(&world, Method::PATCH, &format!("/messages/{id}"), json!({ "categories": ["Mine"] })).await;
    let lines = world.settled(1).await;
    let story = world.engine.as_ref().unwrap().journal().story("1").await.unwrap();
    world.stop().await;
    assert_eq!((statuses(&lines[0]), &lying(&world, "Inbox")[0]["categories"]), (vec!["done"; 2], &json!(["Mine", "Seen"])));
    // The first change was refused by its etag, the second one merged.
    let patches = story.lines.iter().filter(|line| line.event == "started" && line.detail["step"] == "patch").count();
    assert_eq!((patches, world.count("patched")), (2, 1), "{story:#?}");
}
