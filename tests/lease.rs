//! Of several processes that serve one mailbox, one acts.

use std::path::Path;
use std::time::Duration;

use postroom::clock::Clock;
use postroom::daemon::{Daemon, Given};
use postroom::executor::Machine;
use postroom::ids::MailboxName;
use postroom::journal::Counts;
use serde_json::json;

use crate::world::{MAILBOX, World, mail, statuses};

const RULES: [(&str, &str); 2] = [
    (
        "10-a.rhai",
        "//! Answers.\nfn then(mail) { post(\"erp\", #{ id: mail.message_id }); reply(\"a.html\", #{}); move_to(\"Done\"); }\n",
    ),
    ("templates/a.html", "<p>Thank you.</p>\n"),
];

/// A story that takes longer is stuck.
const STUCK: Duration = Duration::from_secs(40);

/// The database with all that lies beside it.
fn copy_state(from: &Path, to: &Path) {
    for extension in ["", "-wal", "-shm", ".key", ".witness"] {
        let name = |path: &Path| std::path::PathBuf::from(format!("{}{extension}", path.display()));
        let _ = std::fs::remove_file(name(to));
        if name(from).exists() {
            std::fs::copy(name(from), name(to)).unwrap();
        }
    }
}

/// How often a lease was written.
fn leases(world: &World) -> usize {
    let ledger = world.tenant.ledger();
    ledger.as_array().unwrap().iter().filter(|entry| entry["effect"] == "folder_patched").count()
}

/// Another process on the same tenant, with a database of its own at `file`.
async fn beside(world: &World, file: &str, boot: &str) -> Daemon {
    let mut config = world.config.clone();
    config.state = world.config.state.with_file_name(file);
    Daemon::start(&config, Given { machine: Machine::booted(boot), ..world.given() }).await.unwrap()
}

async fn until(engine: &Daemon, done: impl Fn(&Counts) -> bool) {
    let mut bell = engine.journal().bell();
    let waiting = async {
        loop {
            bell.borrow_and_update();
            if done(&engine.journal().counts().await.unwrap()) {
                return;
            }
            bell.changed().await.unwrap();
        }
    };
    assert!(tokio::time::timeout(STUCK, waiting).await.is_ok(), "{:#?}", engine.journal().newest(20).await);
}

async fn settled(engine: &Daemon, messages: i64) {
    until(engine, |counts| counts.messages >= messages && counts.undecided == 0 && counts.open == 0).await;
}

async fn decided(engine: &Daemon, messages: i64) {
    until(engine, |counts| counts.messages >= messages && counts.undecided == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_machine_and_its_clone_one_acts_and_the_other_takes_over_when_it_stops() {
    let mut world = World::started(&RULES).await;
    world.deliver(&mail(0, "Mail 0", "x"));
    world.settled(1).await;
    world.stop().await;
    copy_state(&world.config.state, &world.config.state.with_file_name("clone.db"));
    world.start().await;
    world.deliver(&mail(1, "Mail 1", "x"));
    world.settled(2).await;
    let clone = beside(&world, "clone.db", "the clone's boot").await;
    for number in 2..6 {
        world.deliver(&mail(number, &format!("Mail {number}"), "x"));
    }
    world.settled(6).await;
    world.until_sent(6).await;
    assert_eq!((world.count("sent"), world.count("moved"), world.posted().len()), (6, 6, 6));
    world.stop().await;
    world.deliver(&mail(6, "Mail 6", "x"));
    settled(&clone, 2).await;
    world.until_sent(7).await;
    clone.stop().await;
    assert_eq!((world.count("sent"), world.count("moved"), world.posted().len()), (7, 7, 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_killed_is_followed_by_the_next_at_once_and_without_doubt() {
    let mut world = World::new(&RULES).await;
    // Whoever would wait for another's lease would wait for an hour.
    world.patience.lease = Duration::from_hours(2);
    world.patience.lease_look = Duration::from_hours(1);
    world.start().await;
    world.deliver(&mail(1, "Mail 1", "x"));
    world.settled(1).await;
    drop(world.engine.take());
    world.start().await;
    world.deliver(&mail(2, "Mail 2", "x"));
    world.settled(2).await;
    let story = world.engine.as_ref().unwrap().journal().story("<2@fabrikam.com>").await.unwrap();
    world.stop().await;
    assert_eq!((world.count("sent"), world.posted().len()), (2, 2));
    assert!(story.lines.iter().all(|line| line.event != "doubted"), "{story:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_reboot_the_lease_is_waited_for_and_nothing_is_doubted() {
    let mut world = World::new(&RULES).await;
    world.patience.lease = Duration::from_secs(2);
    world.patience.lease_margin = Duration::from_millis(200);
    world.start().await;
    world.deliver(&mail(1, "Mail 1", "x"));
    world.settled(1).await;
    drop(world.engine.take());
    world.boot = "second boot".to_owned();
    world.deliver(&mail(2, "Mail 2", "x"));
    world.start().await;
    world.settled(2).await;
    let story = world.engine.as_ref().unwrap().journal().story("<2@fabrikam.com>").await.unwrap();
    world.stop().await;
    assert_eq!((world.count("sent"), world.posted().len()), (2, 2));
    assert!(story.lines.iter().all(|line| line.event != "doubted"), "{story:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_fresh_databases_on_one_mailbox_one_acts_and_the_other_says_so() {
    // No message leaves the folder, so that both see all of them.
    let rules = [("10-a.rhai", "//! Answers.\nfn then(mail) { reply(\"a.html\", #{}); }\n"), RULES[1]];
    let mut world = World::new(&rules).await;
    world.deliver(&mail(1, "Mail 1", "x"));
    world.deliver(&mail(2, "Mail 2", "x"));
    world.start().await;
    let other = beside(&world, "other.db", "another machine").await;
    world.until_sent(2).await;
    let first = world.engine.take().unwrap();
    let says = async |engine: &Daemon| {
        let ready = reqwest::get(format!("http://{}/readyz", engine.address().unwrap())).await.unwrap();
        ready.text().await.unwrap().contains("another postroom works on this mailbox")
    };
    let one_says_so = async {
        while says(&first).await == says(&other).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(STUCK, one_says_so).await.is_ok(), "none of them says that it rests, or both do");
    let (acts, rests) = if says(&first).await { (other, first) } else { (first, other) };
    settled(&acts, 2).await;
    decided(&rests, 2).await;
    assert_eq!(rests.journal().counts().await.unwrap().open, 2);
    rests.stop().await;
    acts.stop().await;
    assert_eq!((world.count("sent"), world.count("draft_created")), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_whose_lease_is_refused_waits_and_loses_nothing() {
    let mut world = World::new(&RULES).await;
    for fault in ["403", "503", "reset_after_effect", "truncated_json", "429_without_retry_after"] {
        world.script(&json!({ "on": "folder_property", "fault": fault, "times": 2 }));
    }
    world.start().await;
    world.deliver(&mail(1, "Mail 1", "x"));
    let lines = world.settled(1).await;
    world.until_sent(1).await;
    world.stop().await;
    assert_eq!((statuses(&lines[0]), world.count("sent"), world.posted().len()), (vec!["done"; 3], 1, 1));
    // Nothing is written about tries that came to nothing.
    assert_eq!(world.count("moved"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_whose_lease_cannot_be_had_holds_up_no_other() {
    const SALES: &str = "sales@contoso.com";
    let mut world = World::with_mailboxes(&RULES, &[MAILBOX, SALES]).await;
    let mut sales = world.config.mailboxes[&MailboxName::new("invoices")].clone();
    sales.address = SALES.to_owned();
    world.config.mailboxes.insert(MailboxName::new("sales"), sales);
    world.script(&json!({ "on": "folder_property", "fault": "403", "times": 100_000, "mailbox": MAILBOX }));
    world.start().await;
    // More than the lanes take at once.
    for number in 0..150 {
        world.deliver(&mail(number, &format!("Mail {number}"), "x"));
    }
    world.until("all are decided", |counts, _| counts.messages == 150 && counts.undecided == 0).await;
    world.tenant.deliver(SALES, &mail(1_000, "Hello", "x")).unwrap();
    let lines = world.until("the other mailbox is worked on", |_, lines| {
        lines.iter().any(|line| line.mailbox.as_str() == "sales" && statuses(line) == ["done"; 3])
    });
    lines.await;
    world.until_page("its lease could not be read or written, nothing is lost").await;
    world.stop().await;
    assert_eq!((world.count("sent"), world.posted().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_in_which_nothing_is_to_be_done_has_no_folder_of_ours_and_no_lease() {
    let mut world = World::started(&[("10-a.rhai", "//! Notes.\nfn then(mail) { note(\"x\"); }\n")]).await;
    world.deliver(&mail(1, "Mail 1", "x"));
    world.settled(1).await;
    world.stop().await;
    assert_eq!(leases(&world), 0);
    assert_eq!(world.tenant.mailbox(MAILBOX).unwrap()["folders"].get("Postroom Outbox"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_was_rolled_back_with_its_witness_is_told_so_by_the_mailbox() {
    let mut world = World::started(&RULES).await;
    world.deliver(&mail(0, "Mail 0", "x"));
    world.settled(1).await;
    world.stop().await;
    let backup = world.config.state.with_file_name("backup.db");
    copy_state(&world.config.state, &backup);
    world.start().await;
    world.deliver(&mail(1, "Mail 1", "x"));
    world.settled(2).await;
    world.until_sent(2).await;
    world.stop().await;
    // The move took the message out of the followed folder: a person puts it back, which is the worst case.
    let done = world.tenant.mailbox(MAILBOX).unwrap();
    let messages = done["folders"]["Done"].as_array().unwrap();
    let id = messages.iter().find(|message| message["subject"] == "Mail 1").unwrap()["id"].as_str().unwrap();
    let url = format!("{}/sim/mailboxes/{MAILBOX}/messages/{id}/move", world.tenant.base_url());
    reqwest::Client::new().post(url).json(&json!({ "folder": "Inbox" })).send().await.unwrap();
    copy_state(&backup, &world.config.state);
    world.start().await;
    world.settled(2).await;
    let story = world.engine.as_ref().unwrap().journal().story("<1@fabrikam.com>").await.unwrap();
    world.stop().await;
    assert_eq!((world.count("sent"), world.posted().len()), (2, 2));
    assert!(story.lines.iter().any(|line| line.event == "doubted"), "{story:#?}");
}

/// A runtime's clock that a story sets; the tenant keeps its own.
fn settable() -> Clock {
    Clock::of_runtime(Clock::system().now())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_forward_by_an_hour_makes_no_unclear_send_older() {
    let mut world = World::new(&RULES).await;
    world.clock = settable();
    world.patience.settle = Duration::from_mins(30);
    world.patience.give_up = Duration::from_hours(20);
    world.script(&json!({ "on": "send", "fault": "reset_before_effect", "times": 1 }));
    world.start().await;
    world.deliver(&mail(1, "Mail 1", "x"));
    world.until("the send is unclear", |_, lines| lines.iter().any(|line| statuses(line).contains(&"unclear"))).await;
    world.clock.jump(3_600_000);
    let journal = world.engine.as_ref().unwrap().journal().clone();
    let looks = async || {
        let story = journal.story("1").await.unwrap();
        story.lines.iter().filter(|line| line.event == "still_unclear").count()
    };
    let before = looks().await;
    let mut bell = journal.bell();
    let looking = async {
        while looks().await < before + 6 {
            bell.changed().await.unwrap();
        }
    };
    assert!(tokio::time::timeout(STUCK, looking).await.is_ok(), "it is no longer looked for");
    assert_eq!((world.count("sent"), world.count("draft_created")), (0, 1));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_back_by_an_hour_makes_no_pause_longer() {
    let mut world = World::new(&RULES).await;
    world.clock = settable();
    world.patience.posts = vec![Duration::from_secs(1)];
    world.receiver.script(&json!({ "on": "post", "fault": "503", "times": 1 })).unwrap();
    world.start().await;
    world.deliver(&mail(1, "Mail 1", "x"));
    world.until("the post is deferred", |_, lines| lines.iter().any(|line| statuses(line).contains(&"deferred"))).await;
    world.clock.jump(-3_600_000);
    let lines = world.settled(1).await;
    world.stop().await;
    assert_eq!((statuses(&lines[0]), world.posted().len()), (vec!["done"; 3], 1));
}
