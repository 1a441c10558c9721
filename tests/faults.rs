//! The world fails in every way the catalogue names: each effect still happens once, or a person is told.

use std::time::Duration;

use postroom::clock::Clock;
use postroom::ids::{EndpointName, MailboxName};
use postroom::journal::Word;
use postroom::simulator::{MailboxSeed, Options, Simulator};
use serde_json::json;

use crate::whole::RULES;
use crate::world::{World, mail, statuses};

/// Faults before and after the effect, and refusals, on everything the engine calls.
const FAULTS: [&str; 14] = [
    "429",
    "429_without_retry_after",
    "500",
    "503",
    "503_with_retry_after",
    "504",
    "timeout_before_effect",
    "timeout_after_effect",
    "500_after_effect",
    "503_after_effect",
    "reset_before_effect",
    "reset_after_effect",
    "truncated_json",
    "html_502",
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_once_each_effect_happens_exactly_once() {
    let mut wrong = Vec::new();
    for operation in ["get", "mime", "patch", "move", "folder", "create_draft", "send", "token", "delta"] {
        let mut world = World::new(&RULES).await;
        if ["token", "delta"].contains(&operation) {
            // A folder is followed at its own pace: two failures in a row are enough to wait for.
            for fault in ["503", "reset_before_effect"] {
                world.script(&json!({ "on": operation, "fault": fault, "times": 1 }));
            }
            world.start().await;
        } else {
            world.start().await;
            world.until_page("followed at").await;
            // Half a message is whole to whoever gets no length: only JSON shows that it was cut.
            let visible = |fault: &&str| operation != "mime" || *fault != "truncated_json";
            for fault in FAULTS.into_iter().filter(visible) {
                world.script(&json!({ "on": operation, "fault": fault, "times": 1, "retry_after": 0 }));
            }
        }
        for number in 0..FAULTS.len() {
            world.deliver(&mail(number, &format!("Your invoice {number}"), &format!("Invoice No. {number}")));
        }
        let lines = world.settled(i64::try_from(FAULTS.len()).unwrap()).await;
        world.stop().await;
        let done = lines.iter().filter(|line| statuses(line) == ["done"; 5]).count();
        let filed = world.folders()["Processed/Invoices"].as_array().map_or(0, Vec::len);
        let counts = (done, world.posted().len(), world.count("sent"), world.count("moved"), filed);
        let all = FAULTS.len();
        if counts != (all, all, all, all, all) {
            wrong.push(format!("{operation}: {counts:?} {lines:#?} {}", world.tenant.ledger()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the first rules leave out: a forward, a draft for people, a copy, a delete.
const OTHERS: [(&str, &str); 2] = [
    (
        "10-others.rhai",
        "//! Others.\nfn then(mail) {\n    forward(\"desk@fabrikam.com\", \"Please look.\");\n    draft_reply(\"a.html\", #{});\n    \
         copy_to(\"Archive/Copies\");\n    delete();\n}\n",
    ),
    ("templates/a.html", "<p>Thank you.</p>\n"),
];

#[tokio::test(flavor = "multi_thread")]
async fn forwards_drafts_copies_and_deletes_happen_exactly_once_too() {
    let mut wrong = Vec::new();
    for operation in ["create_forward", "create_draft", "send", "copy", "delete"] {
        let mut world = World::started(&OTHERS).await;
        world.until_page("followed at").await;
        for fault in FAULTS {
            world.script(&json!({ "on": operation, "fault": fault, "times": 1, "retry_after": 0 }));
        }
        let all = FAULTS.len();
        for number in 0..all {
            world.deliver(&mail(number, &format!("Mail {number}"), "x"));
        }
        let lines = world.settled(i64::try_from(all).unwrap()).await;
        world.until_sent(all).await;
        world.stop().await;
        let done = lines.iter().filter(|line| statuses(line) == ["done"; 4]).count();
        let folders = world.folders();
        let filed = |path: &str| folders[path].as_array().map_or(0, Vec::len);
        let counts = (done, world.count("sent"), filed("Drafts"), filed("Archive/Copies"), filed("Deleted Items"));
        if counts != (all, all, all, all, all) {
            wrong.push(format!("{operation}: {counts:?} {folders} {lines:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_repeated_under_its_key_where_the_receiver_honours_it_and_left_to_a_person_where_not() {
    let rules =
        [("10-a.rhai", "//! Posts.\nfn then(mail) { post(mail.subject, #{ id: mail.message_id }); categorise(\"Posted\"); }\n")];
    let mut world = World::new(&rules).await;
    for fault in ["reset_after_effect", "500_after_effect", "timeout_after_effect", "503"] {
        world.receiver.script(&json!({ "on": "post", "fault": fault, "times": 1 })).unwrap();
    }
    world.start().await;
    world.deliver(&mail(1, "erp", "x"));
    world.settled(1).await;
    assert_eq!(world.posted(), [json!({ "id": "<1@fabrikam.com>" })]);

    world.receiver.script(&json!({ "on": "post", "fault": "reset_after_effect", "times": 1 })).unwrap();
    world.deliver(&mail(2, "once", "x"));
    let lines = world.until("the post is parked", |counts, _| counts.waiting == 1).await;
    assert_eq!(statuses(&lines[0]), ["parked", "due"]);
    let journal = world.engine.as_ref().unwrap().journal();
    let parked = journal.parked().await.unwrap();
    assert!(
        parked[0].reason.starts_with("`once` promises nothing about repeats: ask there whether the record with key"),
        "{parked:?}"
    );
    journal.speak(&parked[0].id, Word::Skip { by: "ana".into() }).await.unwrap();
    let lines = world.settled(2).await;
    assert_eq!(statuses(&lines[0]), ["done", "done"]);
    world.stop().await;
    assert_eq!(world.posted().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_post_holds_back_the_reply_until_a_person_retries() {
    let mut world = World::new(&RULES).await;
    world.receiver.script(&json!({ "on": "post", "fault": "404", "times": 1 })).unwrap();
    world.start().await;
    world.deliver(&mail(1, "Your invoice", "Invoice No. 1"));
    let lines = world.until("the post is rejected", |counts, _| counts.waiting == 1).await;
    assert_eq!((statuses(&lines[0]), world.effects()), (vec!["rejected", "due", "due", "due", "due"], Vec::new()));
    let journal = world.engine.as_ref().unwrap().journal();
    let parked = journal.parked().await.unwrap();
    journal.speak(&parked[0].id, Word::Retry { by: "ana".into() }).await.unwrap();
    let lines = world.settled(1).await;
    world.stop().await;
    assert_eq!((statuses(&lines[0]), world.posted().len(), world.count("sent")), (vec!["done"; 5], 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_whose_draft_never_left_is_sent_once_more_only_after_it_settled() {
    let mut world = World::new(&RULES).await;
    world.script(&json!({ "on": "send", "fault": "reset_before_effect", "times": 1 }));
    world.start().await;
    world.deliver(&mail(1, "Your invoice", "Invoice No. 1"));
    world.until("the send is unclear", |_, lines| lines.iter().any(|line| statuses(line).contains(&"unclear"))).await;
    let parked = world.engine.as_ref().unwrap().journal().parked().await.unwrap();
    assert_eq!(serde_json::to_value(parked[0].state).unwrap(), json!("unclear"));
    let lines = world.settled(1).await;
    world.stop().await;
    assert_eq!((statuses(&lines[0]), world.count("sent"), world.count("draft_created")), (vec!["done"; 5], 1, 1));
}

const MOVES: [(&str, &str); 1] = [(
    "10-a.rhai",
    "//! Moves.\nfn then(mail) { post(\"erp\", #{ id: mail.message_id }); categorise(\"Seen\"); move_to(\"Done\"); }\n",
)];

/// A world in which one message waits for its endpoint, and the id the tenant gave it.
async fn waiting(world: &mut World) -> String {
    world.patience.posts = vec![Duration::from_millis(400)];
    world.receiver.script(&json!({ "on": "post", "fault": "503", "times": 1 })).unwrap();
    world.start().await;
    world.deliver(&mail(1, "Hello", "x"));
    world.until("the post is deferred", |_, lines| lines.iter().any(|line| statuses(line).contains(&"deferred"))).await;
    world.tenant.mailbox(crate::world::MAILBOX).unwrap()["folders"]["Inbox"][0]["id"].as_str().unwrap().to_owned()
}

pub async fn as_a_person(world: &World, method: reqwest::Method, path: &str, body: serde_json::Value) {
    let url = format!("{}/sim/mailboxes/{}{path}", world.tenant.base_url(), crate::world::MAILBOX);
    let answer = reqwest::Client::new().request(method, url).json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_a_person_moves_while_its_plan_waits_stays_where_the_person_put_it() {
    let mut world = World::new(&MOVES).await;
    let id = waiting(&mut world).await;
    as_a_person(&world, reqwest::Method::POST, &format!("/messages/{id}/move"), json!({ "folder": "Archive" })).await;
    let lines = world.settled(1).await;
    world.stop().await;
    assert_eq!(statuses(&lines[0]), ["done"; 3]);
    assert_eq!(lines[0].actions[2].reason.as_deref(), Some("a person moved the message elsewhere first"));
    assert_eq!((world.folders(), world.count("moved")), (json!({ "Archive": ["Hello"] }), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_a_person_deletes_while_its_plan_waits_stays_deleted() {
    let mut world = World::new(&MOVES).await;
    let id = waiting(&mut world).await;
    for _ in 0..2 {
        // The first lands in Deleted Items, the second empties them.
        as_a_person(&world, reqwest::Method::DELETE, &format!("/messages/{id}"), json!(null)).await;
    }
    let lines = world.settled(1).await;
    world.stop().await;
    let reasons: Vec<Option<&str>> = lines[0].actions.iter().map(|action| action.reason.as_deref()).collect();
    let gone = Some("the message is no longer in the mailbox");
    assert_eq!((reasons, world.posted().len(), world.effects()), (vec![None, gone, gone], 1, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_a_person_deletes_is_made_again_or_the_move_waits_for_a_person() {
    let rules = [("10-a.rhai", "//! Moves.\nfn then(mail) { move_to(\"Done\"); }\n")];
    let mut world = World::started(&rules).await;
    world.deliver(&mail(1, "One", "x"));
    world.settled(1).await;
    as_a_person(&world, reqwest::Method::DELETE, "/folders/Done", json!(null)).await;
    world.stop().await;
    // A folder's id outlives it for a while; a new process knows none.
    world.start().await;
    world.deliver(&mail(2, "Two", "x"));
    world.settled(2).await;
    assert_eq!(world.folders()["Done"], json!(["Two"]));
    world.stop().await;

    as_a_person(&world, reqwest::Method::DELETE, "/folders/Done", json!(null)).await;
    world.config.mailboxes.get_mut(&MailboxName::new("invoices")).unwrap().create_folders = false;
    world.start().await;
    world.deliver(&mail(3, "Three", "x"));
    world.until("the move is rejected", |counts, _| counts.waiting == 1).await;
    let parked = world.engine.as_ref().unwrap().journal().parked().await.unwrap();
    world.stop().await;
    assert_eq!(
        parked[0].reason,
        "there is no folder `Done`; make it, or set `create_folders = true` for the mailbox, then retry"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_delta_token_reads_the_folder_again_and_runs_nothing_twice() {
    let mut world = World::started(&MOVES).await;
    world.deliver(&mail(1, "One", "x"));
    world.settled(1).await;
    world.script(&json!({ "on": "delta", "fault": "410", "times": 1 }));
    world.script(&json!({ "on": "delta", "fault": "delta_replay", "times": 3 }));
    world.deliver(&mail(2, "Two", "x"));
    world.settled(2).await;
    world.stop().await;
    assert_eq!((world.posted().len(), world.count("moved")), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_folder_that_is_missing_is_named_on_the_page_and_the_other_goes_on() {
    let mut world = World::new(&MOVES).await;
    let mailbox = world.config.mailboxes.get_mut(&MailboxName::new("invoices")).unwrap();
    mailbox.folders = vec!["Inbox".into(), "Nowhere".into()];
    world.start().await;
    world.deliver(&mail(1, "One", "x"));
    world.settled(1).await;
    world.until_page("there is no folder `Nowhere`; make it or correct `folders`").await;
    let address = world.engine.as_ref().unwrap().address().unwrap();
    let ready = reqwest::get(format!("http://{address}/readyz")).await.unwrap();
    assert_eq!(ready.status(), 503);
    assert!(ready.text().await.unwrap().contains("invoices/Nowhere: there is no folder"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_on_the_same_database_is_refused_at_once() {
    let mut world = World::started(&MOVES).await;
    let refused = postroom::daemon::Daemon::start(&world.config, world.given()).await.err().unwrap().to_string();
    assert!(refused.starts_with("another postroom already runs on"), "{refused}");
    world.stop().await;
    world.start().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_from_the_configuration_holds_its_actions() {
    let mut world = World::new(&MOVES).await;
    waiting(&mut world).await;
    world.stop().await;
    world.config.endpoints.remove(&EndpointName::new("erp"));
    std::fs::write(world.rules_dir().join("10-a.rhai"), "//! Nothing.\nfn then(mail) { note(\"x\"); }\n").unwrap();
    world.start().await;
    world.until("the post is rejected", |counts, _| counts.waiting == 1).await;
    let parked = world.engine.as_ref().unwrap().journal().parked().await.unwrap();
    assert!(parked[0].reason.contains("the configuration has no endpoint of this name"), "{parked:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_is_answered_with_the_template_that_decided_it_and_the_next_with_the_edited_one() {
    let rules = [
        ("10-a.rhai", "//! Answers.\nfn then(mail) { post(\"erp\", #{ id: 1 }); reply(\"a.html\", #{}); }\n"),
        ("templates/a.html", "<p>The old words.</p>\n"),
    ];
    let mut world = World::new(&rules).await;
    waiting(&mut world).await;
    world.stop().await;
    std::fs::write(world.rules_dir().join("templates/a.html"), "<p>The new words.</p>\n").unwrap();
    world.start().await;
    world.deliver(&mail(2, "Again", "x"));
    let lines = world.settled(2).await;
    world.stop().await;
    assert!(lines.iter().all(|line| statuses(line) == ["done"; 2]), "{lines:#?}");
    let ledger = world.tenant.ledger();
    let sent = ledger.as_array().unwrap().iter().filter(|entry| entry["effect"] == "sent");
    let words = |entry: &serde_json::Value| {
        let body = entry["body"].as_str().unwrap();
        ["old", "new"].into_iter().filter(|word| body.contains(&format!("The {word} words."))).collect::<Vec<_>>().concat()
    };
    let mut told: Vec<(String, String)> =
        sent.map(|entry| (entry["subject"].as_str().unwrap().to_owned(), words(entry))).collect();
    told.sort_unstable();
    assert_eq!(told, [("RE: Again", "new"), ("RE: Hello", "old")].map(|(subject, word)| (subject.to_owned(), word.to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_writes_to_its_own_mailbox_goes_round_once_and_no_further() {
    let rules = [
        (
            "10-a.rhai",
            "//! Writes to itself.\nfn then(mail) { send(#{ to: [\"invoices@contoso.com\"], subject: \"Again\", template: \"a.html\", data: #{} }); }\n",
        ),
        ("templates/a.html", "<p>Again</p>\n"),
    ];
    let mut world = World::started(&rules).await;
    world.deliver(&mail(1, "Hello", "x"));
    let lines = world.settled(2).await;
    world.stop().await;
    let reason = lines[0].actions[0].reason.as_deref();
    assert_eq!(reason, Some("the message comes from invoices@contoso.com, a mailbox that we work on"));
    assert_eq!(world.count("sent"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_comes_back_with_other_ids_is_followed_again() {
    let mut world = World::started(&MOVES).await;
    world.deliver(&mail(1, "One", "x"));
    world.settled(1).await;
    let seed = || vec![MailboxSeed { address: crate::world::MAILBOX.into(), mail: Vec::new() }];
    let elsewhere = Options { mailboxes: seed(), ..Options::new(Clock::system()) };
    let listen = world.tenant.address();
    let before = std::mem::replace(&mut world.tenant, Simulator::start(elsewhere).await.unwrap());
    before.stop().await;
    let anew = Options { mailboxes: seed(), listen, seed: 2, ..Options::new(Clock::system()) };
    world.tenant = Simulator::start(anew).await.unwrap();
    world.deliver(&mail(2, "Two", "x"));
    world.settled(2).await;
    world.stop().await;
    assert_eq!(world.folders(), json!({ "Done": ["Two"] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_that_a_person_deletes_before_it_is_sent_is_made_again_only_when_a_person_says_so() {
    let mut world = World::new(&RULES).await;
    // The send is refused for a while, which leaves the draft in our folder.
    world.patience.retries = vec![Duration::from_millis(400)];
    world.script(&json!({ "on": "send", "fault": "429_without_retry_after", "times": 1 }));
    world.start().await;
    world.deliver(&mail(1, "Your invoice", "Invoice No. 1"));
    world.until("the send is deferred", |_, lines| lines.iter().any(|line| statuses(line).contains(&"deferred"))).await;
    let mailbox = world.tenant.mailbox(crate::world::MAILBOX).unwrap();
    let draft = mailbox["folders"]["Postroom Outbox"][0]["id"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        as_a_person(&world, reqwest::Method::DELETE, &format!("/messages/{draft}"), json!(null)).await;
    }
    world.until("the send is rejected", |counts, _| counts.waiting == 1).await;
    let journal = world.engine.as_ref().unwrap().journal();
    let parked = journal.parked().await.unwrap();
    let expected = "the draft was deleted from `Postroom Outbox` before it was sent; skip it, or retry to make it again";
    assert_eq!((parked[0].reason.as_str(), world.count("sent")), (expected, 0));
    journal.speak(&parked[0].id, Word::Retry { by: "ana".into() }).await.unwrap();
    let lines = world.settled(1).await;
    world.stop().await;
    assert_eq!((statuses(&lines[0]), world.count("sent"), world.count("draft_created")), (vec!["done"; 5], 1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_whose_answer_was_lost_is_found_although_the_index_does_not_know_it_yet() {
    let rules = [
        (
            "10-a.rhai",
            "//! Two drafts.\nfn then(mail) { draft_reply(\"a.html\", #{}); forward(\"desk@fabrikam.com\", \"Please look.\"); \
             send(#{ to: [\"board@fabrikam.com\"], subject: \"News\", template: \"a.html\", data: #{} }); }\n",
        ),
        OTHERS[1],
    ];
    let mut world = World::new(&rules).await;
    world.script(&json!({ "on": "list", "fault": "index_lag", "seconds": 600, "times": 1_000 }));
    for (on, times) in [("create_draft", 2), ("create_forward", 1)] {
        world.script(&json!({ "on": on, "fault": "reset_after_effect", "times": times }));
    }
    world.start().await;
    world.deliver(&mail(1, "Hello", "x"));
    let lines = world.settled(1).await;
    world.until_sent(2).await;
    world.stop().await;
    assert_eq!((statuses(&lines[0]), world.count("draft_created")), (vec!["done"; 3], 3), "{lines:#?}");
    let filed = json!({ "Inbox": ["Hello"], "Drafts": ["RE: Hello"], "Sent Items": ["FW: Hello", "News"] });
    assert_eq!(world.folders(), filed);
}
