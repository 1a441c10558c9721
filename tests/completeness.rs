//! Mail that no round of its folder shows is found all the same.

use std::time::Duration;

use postroom::clock::Clock;
use postroom::config::Start;
use postroom::ids::MailboxName;
use postroom::journal::{Arrival, Journal};
use postroom::simulator::{Moods, Span};
use reqwest::Method;
use serde_json::{Value, json};

use crate::process::until;
use crate::proof::simulated::{self, Lab, Surroundings, in_virtual_time};
use crate::world::{MAILBOX, World, mail, statuses};

const RULES: [(&str, &str); 1] = [(
    "10-all.rhai",
    "//! All.\nfn then(mail) { post(\"erp\", #{ subject: mail.subject }); categorise(\"Seen\"); move_to(\"Done\"); }\n",
)];

/// A world whose folder is looked at once, at the start, so that only the audit can find what comes later.
async fn looked_at_once() -> World {
    let mut world = World::at(&RULES, Clock::of_runtime(Clock::system().now())).await;
    let mailbox = world.config.mailboxes.get_mut(&MailboxName::new("invoices")).unwrap();
    (mailbox.poll, mailbox.audit) = (Duration::from_hours(1), Duration::from_millis(200));
    world.deliver(&mail(0, "Before", "Please."));
    // It came before there was anything to account for.
    world.clock.jump(60_000);
    world.start().await;
    world.settled(1).await;
    world
}

/// What a person does to the newest message of the Inbox.
async fn person(world: &World, method: Method, door: &str, body: Value) {
    let shown = world.tenant.mailbox(MAILBOX).unwrap();
    let newest = shown["folders"]["Inbox"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    let url = format!("{}/sim/mailboxes/{MAILBOX}/messages/{newest}{door}", world.tenant.base_url());
    let answer = reqwest::Client::new().request(method, url).json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

async fn story(world: &World, row: i64) -> Vec<String> {
    let story = world.engine.as_ref().unwrap().journal().story(&row.to_string()).await.unwrap();
    story.lines.iter().filter(|line| line.action.is_none()).map(|line| format!("{} {}", line.event, line.detail)).collect()
}

#[tokio::test]
async fn a_message_that_a_person_moves_away_before_its_folder_is_looked_at_is_taken_in_by_the_audit() {
    let world = looked_at_once().await;
    world.deliver(&mail(1, "Missed", "Please."));
    person(&world, Method::POST, "/move", json!({ "folder": "Archive" })).await;
    let lines = world.settled(2).await;
    // It is decided like any other; where a person put it, it stays.
    let missed = lines.iter().find(|line| line.subject == "Missed").unwrap();
    assert_eq!(statuses(missed), ["done", "done", "done"]);
    assert_eq!(missed.actions[2].reason.as_deref(), Some("a person moved the message elsewhere first"));
    assert!(story(&world, missed.row).await[0].contains(r#""origin":"audit""#));
    assert_eq!(world.folders(), json!({ "Archive": ["Missed"], "Done": ["Before"] }));
    assert_eq!(world.posted(), [json!({ "subject": "Before" }), json!({ "subject": "Missed" })]);
    assert!(
        world.engine.as_ref().unwrap().journal().standing(&MailboxName::new("invoices")).await.unwrap().audited_until.is_some()
    );
}

#[tokio::test]
async fn one_that_a_person_deletes_before_that_is_known_and_left_alone() {
    let world = looked_at_once().await;
    world.deliver(&mail(1, "Deleted", "Please."));
    person(&world, Method::DELETE, "", Value::Null).await;
    let lines = world.settled(2).await;
    let deleted = lines.iter().find(|line| line.subject == "Deleted").unwrap();
    assert_eq!(
        (deleted.status.as_str(), deleted.reason.as_deref()),
        ("gone", Some("a person deleted the message before it was seen"))
    );
    assert_eq!(world.posted(), [json!({ "subject": "Before" })]);
}

#[tokio::test]
async fn what_nobody_sent_to_the_mailbox_and_what_came_before_its_first_audit_is_none_of_its_business() {
    let mut world = World::at(&RULES, Clock::of_runtime(Clock::system().now())).await;
    let mailbox = world.config.mailboxes.get_mut(&MailboxName::new("invoices")).unwrap();
    (mailbox.poll, mailbox.audit) = (Duration::from_hours(1), Duration::from_millis(200));
    world.deliver(&mail(0, "Old", "Please."));
    person(&world, Method::POST, "/move", json!({ "folder": "Archive" })).await;
    world.clock.jump(60_000);
    world.start().await;
    let journal = world.engine.as_ref().unwrap().journal().clone();
    world.deliver(&mail(1, "Junk", "Please."));
    person(&world, Method::POST, "/move", json!({ "folder": "Junk Email" })).await;
    world.deliver(&mail(2, "Seen by the audit", "Please."));
    world.settled(1).await;
    // Two more audits find nothing more.
    for _ in 0..2 {
        let before = journal.standing(&MailboxName::new("invoices")).await.unwrap().audited_at;
        let audited = async || journal.standing(&MailboxName::new("invoices")).await.unwrap().audited_at != before;
        until("another audit", audited).await;
    }
    let subjects: Vec<String> = journal.newest(10).await.unwrap().into_iter().map(|line| line.subject).collect();
    assert_eq!(subjects, ["Seen by the audit"]);
}

#[tokio::test]
async fn status_and_the_page_say_how_far_everything_is_accounted_for() {
    let mut world = looked_at_once().await;
    world.deliver(&mail(1, "Missed", "Please."));
    person(&world, Method::POST, "/move", json!({ "folder": "Archive" })).await;
    world.settled(2).await;
    world.until_page("1 found by the audit").await;
    world.stop().await;
    let standing = {
        let journal = Journal::open_existing(&world.config.state, Clock::system()).unwrap();
        let standing = journal.standing(&MailboxName::new("invoices")).await.unwrap();
        journal.close().await;
        standing
    };
    assert_eq!((standing.received, standing.missed, standing.undecided, standing.open, standing.waiting), (1, 1, 0, 0, 0));
    assert_eq!(standing.folders.len(), 1);
}

#[tokio::test]
async fn a_mailbox_that_is_worked_from_now_on_leaves_what_lies_there_also_when_its_folder_is_read_anew() {
    let mut world = World::at(&RULES, Clock::of_runtime(Clock::system().now())).await;
    world.config.mailboxes.get_mut(&MailboxName::new("invoices")).unwrap().start = Start::Now;
    world.deliver(&mail(0, "Old", "Please."));
    world.clock.jump(60_000);
    world.start().await;
    world.deliver(&mail(1, "New", "Please."));
    world.settled(2).await;
    world.until_filed(&json!({ "Done": ["New"], "Inbox": ["Old"] })).await;
    // An old mail that nobody knew of is left alone too, when the service has forgotten how far we were.
    world.stop().await;
    world.clock.jump(60_000);
    world.script(&json!({ "on": "delta", "fault": "410", "times": 1 }));
    world.start().await;
    world.deliver(&mail(2, "Newer", "Please."));
    let lines = world.settled(3).await;
    world.until_filed(&json!({ "Done": ["New", "Newer"], "Inbox": ["Old"] })).await;
    let old = lines.iter().find(|line| line.subject == "Old").unwrap();
    assert_eq!((old.status.as_str(), old.reason.as_deref()), ("none", Some("it came before this mailbox was worked (`start`)")));
}

#[test]
fn mail_that_has_only_just_come_is_left_to_the_next_round_and_not_said_to_be_missed() {
    // Rounds come every quarter of an hour, audits every hour; each call takes a second, so that the audit is first.
    let moods = Moods { latency: Span::Exactly(Duration::from_secs(1)), ..Moods::default() };
    let standing = in_virtual_time(async || {
        let lab = Lab::new(&RULES, &Surroundings { moods, ..Surroundings::default() }).await;
        lab.start().await;
        tokio::time::sleep(Duration::from_secs(59 * 60 + 30)).await;
        let early = lab.journal().unwrap().standing(&MailboxName::new("invoices")).await.unwrap();
        assert_eq!(early.audited_until, None, "nothing was audited yet");
        lab.deliver(&simulated::mail(1, "Just come"));
        tokio::time::sleep(Duration::from_hours(2)).await;
        let standing = lab.journal().unwrap().standing(&MailboxName::new("invoices")).await.unwrap();
        lab.end().await;
        standing
    });
    assert_eq!((standing.received, standing.missed, standing.undecided), (1, 0, 0));
}

#[test]
fn an_audit_that_catches_up_over_months_goes_on_where_it_was_ended() {
    in_virtual_time(async || {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::of_runtime("2026-03-02T09:00:00Z".parse().unwrap());
        let journal = Journal::open(&dir.path().join("postroom.db"), clock.clone()).unwrap();
        let at = Arrival { mailbox: MailboxName::new("invoices"), folder: "Inbox".into() };
        let start = journal.audited_until(&at.mailbox, clock.now()).await.unwrap();
        clock.jump(200 * 24 * 3_600 * 1_000);
        let hour = |hours: i64| start + jiff::SignedDuration::from_hours(hours);
        for hours in 0..3 {
            journal.audit(&at, (hour(hours), hour(hours + 1)), Vec::new()).await.unwrap();
        }
        assert_eq!(journal.audited_until(&at.mailbox, clock.now()).await.unwrap(), hour(3));
        assert_eq!(journal.audited_from(&at.mailbox).await.unwrap(), Some(start));
        journal.close().await;
    });
}
