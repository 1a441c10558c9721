//! What is promised of mail that goes out: it is followed until it has left, it comes after no person's answer, and changed rules ask
//! before they touch many messages.

use std::time::Duration;

use postroom::journal::Word;
use serde_json::json;

use crate::world::{MAILBOX, World, mail, statuses, write};

const ANSWERS: [(&str, &str); 2] = [
    ("10-answers.rhai", "//! Answers.\nfn then(mail) { reply(\"a.html\", #{}); }\n"),
    ("templates/a.html", "<p>Thank you.</p>\n"),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_back_is_named_with_the_reason_of_the_report() {
    let mut world = World::started(&ANSWERS).await;
    let from_nobody = String::from_utf8(mail(1, "Hello", "x")).unwrap().replace("ana1@fabrikam.com", "former@contoso.com");
    world.deliver(from_nobody.as_bytes());
    // The report arrives as a message of its own, and the rules see it like any other.
    let lines = world.until("the answer came back", |counts, _| counts.messages == 2 && counts.waiting == 1).await;
    let parked = world.engine.as_ref().unwrap().journal().parked().await.unwrap();
    let story = world.engine.as_ref().unwrap().journal().story("2").await.unwrap();
    world.stop().await;
    assert_eq!(statuses(&lines[1]), ["rejected"]);
    let expected = "it came back: former@contoso.com (5.1.10 550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by \
                    SMTP address lookup)";
    assert_eq!((parked[0].reason.as_str(), parked[0].subject.as_str()), (expected, "Hello"));
    assert!(story.lines.iter().any(|line| line.event == "returned" && line.detail["message"] == 1), "{story:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_carries_five_megabytes_back_whatever_breaks_on_the_way() {
    let rules = [
        ("10-a.rhai", "//! Sends it back.\nfn then(mail) { reply(\"a.html\", #{}, #{ attach: \"scan.bin\" }); }\n"),
        ("templates/a.html", "<p>Here it is again.</p>\n"),
    ];
    let bytes: Vec<u8> = (0..5_000_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &bytes);
    let raw = format!(
        "From: Ana <ana@fabrikam.com>\r\nTo: {MAILBOX}\r\nSubject: Scan\r\nMessage-ID: <scan@fabrikam.com>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nScan.\r\n--b\r\n\
         Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=scan.bin\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n",
        encoded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect::<Vec<_>>().join("\r\n")
    );
    let mut world = World::new(&rules).await;
    world.config.graph.timeout = Duration::from_secs(10);
    for fault in ["reset_before_effect", "reset_after_effect", "503", "429_without_retry_after"] {
        world.script(&json!({ "on": "attach", "fault": fault, "times": 1 }));
    }
    world.start().await;
    world.deliver(raw.as_bytes());
    let lines = world.settled(1).await;
    world.until_sent(1).await;
    world.stop().await;
    assert_eq!((statuses(&lines[0]), world.count("sent"), world.count("draft_created")), (vec!["done"], 1, 1), "{lines:#?}");
    let sent = world.tenant.content(MAILBOX, "Sent Items", "RE: Scan").unwrap();
    let content = postroom::mail::Content::parse(sent);
    let attached: Vec<(Option<&str>, bool)> =
        content.attachments().iter().map(|one| (one.name(), one.bytes() == bytes.as_slice())).collect();
    assert_eq!(attached, [(Some("scan.bin"), true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_rule_that_would_touch_a_hundred_waiting_messages_asks_after_fifty_effects() {
    let mut world = World::started(&[("10-a.rhai", "//! A.\nfn then(mail) { categorise(\"A\"); }\n")]).await;
    world.deliver(&mail(1_000, "First", "x"));
    world.settled(1).await;
    world.stop().await;
    write(&world.rules_dir().join("10-a.rhai"), "//! A.\nfn then(mail) { move_to(\"Everything\"); }\n");
    for number in 0..100 {
        world.deliver(&mail(number, &format!("Mail {number}"), "x"));
    }
    world.start().await;
    world.until("the rules are held", |counts, _| counts.messages == 101 && counts.undecided == 0 && counts.waiting == 1).await;
    world.until("what was begun is done", |counts, _| counts.open == 0).await;
    assert_eq!(world.count("moved"), 50);
    let journal = world.engine.as_ref().unwrap().journal();
    let held = journal.parked().await.unwrap();
    assert_eq!((held[0].action.as_str(), held[0].subject.as_str()), ("rules", "50 messages wait for these rules"));
    journal.speak(&held[0].id, Word::Retry { by: "ana".into() }).await.unwrap();
    world.settled(101).await;
    world.stop().await;
    assert_eq!(world.count("moved"), 100);
}

/// A backup of the database, taken while nothing runs on it.
fn copy_database(from: &std::path::Path, to: &std::path::Path) {
    for extension in ["", "-wal", "-shm"] {
        let name = |path: &std::path::Path| std::path::PathBuf::from(format!("{}{extension}", path.display()));
        let _ = std::fs::remove_file(name(to));
        if name(from).exists() {
            std::fs::copy(name(from), name(to)).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_restored_from_a_backup_looks_for_each_effect_before_it_brings_it_about() {
    let mut world = World::new(&crate::whole::RULES).await;
    world.start().await;
    world.deliver(&mail(0, "Your invoice 0", "Invoice No. 0"));
    world.settled(1).await;
    world.stop().await;
    let backup = world.config.state.with_extension("backup");
    copy_database(&world.config.state, &backup);

    world.start().await;
    for number in 1..6 {
        world.deliver(&mail(number, &format!("Your invoice {number}"), &format!("Invoice No. {number}")));
    }
    world.settled(6).await;
    world.until_sent(6).await;
    world.stop().await;
    // The move took the messages out of the followed folder: a person puts them back, which is the worst case.
    let done = world.tenant.mailbox(MAILBOX).unwrap();
    for message in done["folders"]["Processed/Invoices"].as_array().unwrap() {
        let url =
            format!("{}/sim/mailboxes/{MAILBOX}/messages/{}/move", world.tenant.base_url(), message["id"].as_str().unwrap());
        reqwest::Client::new().post(url).json(&json!({ "folder": "Inbox" })).send().await.unwrap();
    }
    copy_database(&backup, &world.config.state);
    world.start().await;
    world.deliver(&mail(6, "Your invoice 6", "Invoice No. 6"));
    let lines = world.settled(7).await;
    world.until_sent(7).await;
    let story = world.engine.as_ref().unwrap().journal().story("<3@fabrikam.com>").await.unwrap();
    world.stop().await;
    assert!(lines.iter().all(|line| statuses(line) == ["done"; 5]), "{lines:#?}");
    assert_eq!((world.count("sent"), world.posted().len()), (7, 7));
    let doubts: Vec<&str> =
        story.lines.iter().filter(|line| line.event == "doubted").filter_map(|line| line.detail["step"].as_str()).collect();
    assert_eq!(doubts, ["post", "create"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_after_a_persons_is_withheld_and_its_draft_cleared_away() {
    let rules = [
        ("10-a.rhai", "//! Posts, then answers.\nfn then(mail) { post(\"erp\", #{ id: 1 }); reply(\"a.html\", #{}); }\n"),
        ("templates/a.html", "<p>Thank you.</p>\n"),
    ];
    let mut world = World::new(&rules).await;
    world.patience.posts = vec![Duration::from_millis(600)];
    world.receiver.script(&json!({ "on": "post", "fault": "503", "times": 1 })).unwrap();
    world.start().await;
    world.deliver(&mail(1, "Hello", "x"));
    world.until("the post is deferred", |_, lines| lines.iter().any(|line| statuses(line).contains(&"deferred"))).await;
    let id = world.tenant.mailbox(MAILBOX).unwrap()["folders"]["Inbox"][0]["id"].as_str().unwrap().to_owned();
    let url = format!("{}/sim/mailboxes/{MAILBOX}/messages/{id}/reply", world.tenant.base_url());
    let answer = reqwest::Client::new().post(url).json(&json!({ "body": "I have it." })).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    let lines = world.settled(1).await;
    world.stop().await;
    assert_eq!(lines[0].actions[1].reason.as_deref(), Some("a person has answered this conversation already"));
    assert_eq!((world.count("sent"), world.count("draft_created"), world.count("draft_deleted")), (0, 1, 1));
}
