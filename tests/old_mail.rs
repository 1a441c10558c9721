//! Mail that is not simply new: old mail that is worked after all, and mail that lies in a folder on the disk.

use std::path::Path;

use postroom::clock::Clock;
use postroom::config::Start;
use postroom::ids::MailboxName;
use postroom::simulator::{Receiver, ReceiverOptions};
use serde_json::json;

use crate::process::{configure, output};
use crate::world::{World, mail, write};

const RULES: [(&str, &str); 1] = [("10-all.rhai", "//! All.\nfn then(mail) { categorise(\"Seen\"); move_to(\"Done\"); }\n")];

/// What a command prints in a story's world: exit code, standard output and standard error.
async fn command(world: &World, arguments: &[&str]) -> (i32, String, String) {
    let dir = world.config.file.parent().unwrap().to_owned();
    let base = world.tenant.base_url();
    let configuration = format!(
        "[tenant]\nid = \"contoso.onmicrosoft.com\"\nclient_id = \"app\"\nclient_secret = {{ env = \"POSTROOM_CLIENT_SECRET\" }}\n\
         [graph]\nbase_url = \"{base}/v1.0\"\nlogin_url = \"{base}\"\n\
         [mailbox.invoices]\naddress = \"invoices@contoso.com\"\nrules = \"rules\"\nstart = \"now\"\n\
         [state]\npath = \"{}\"\n",
        world.config.state.display()
    );
    write(&world.config.file, &configuration);
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let run = move || output(&dir, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test]
async fn old_mail_is_shown_first_then_handed_over_at_a_pace_and_worked_once() {
    let mut world = World::at(&RULES, Clock::of_runtime(Clock::system().now() - jiff::SignedDuration::from_mins(1))).await;
    world.config.mailboxes.get_mut(&MailboxName::new("invoices")).unwrap().start = Start::Now;
    for number in 0..3 {
        world.deliver(&mail(number, &format!("Old {number}"), "Please."));
    }
    world.clock.jump(60_000);
    world.start().await;
    world.deliver(&mail(9, "New", "Please."));
    world.settled(4).await;
    world.until_filed(&json!({ "Done": ["New"], "Inbox": ["Old 0", "Old 1", "Old 2"] })).await;

    let since = (Clock::system().now() - jiff::SignedDuration::from_hours(48)).strftime("%Y-%m-%d").to_string();
    let backfill = ["backfill", "--mailbox", "invoices", "--from", &since];
    let (code, shown, told) = command(&world, &backfill).await;
    assert_eq!(code, 0, "{told}");
    assert_eq!(shown.matches("categorise Seen; move to Done").count(), 3, "{shown}");
    assert!(told.contains("3 messages: 3 planned; 0 mails would be sent.\nNothing was changed."), "{told}");
    world.until_filed(&json!({ "Done": ["New"], "Inbox": ["Old 0", "Old 1", "Old 2"] })).await;

    let (code, _, told) = command(&world, &[&backfill[..], &["--apply", "--pace", "6000"]].concat()).await;
    assert!(code == 0 && told.contains("3 of 3 messages were handed to `postroom run`"), "{told}");
    world.until_filed(&json!({ "Done": ["New", "Old 0", "Old 1", "Old 2"] })).await;
    let (code, shown, told) = command(&world, &backfill).await;
    assert_eq!((code, shown.as_str()), (0, ""));
    assert!(told.contains("every message of that time has been worked"), "{told}");
    assert_eq!(world.count("moved"), 4);

    let (code, _, told) = command(&world, &["backfill", "--mailbox", "invoices", "--from", "2099-01-01"]).await;
    assert!(code == 2 && told.contains("--from must be before now"), "{told}");
}

/// The names of the files in a folder, sorted.
fn files(dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap()).filter(|entry| entry.path().is_file());
    let mut names: Vec<String> = names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_folder_of_files_is_worked_like_a_mailbox_and_nothing_twice_however_often() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(ReceiverOptions::new("ERP", Clock::system())).await.unwrap();
    configure(dir.path(), "http://127.0.0.1:9", &receiver);
    std::fs::remove_dir_all(dir.path().join("rules")).unwrap();
    let rules = dir.path().join("rules/invoices");
    write(&rules.join("templates/thanks.html"), "<p>Thank you for {{ mail.subject }}.</p>\n");
    let rule = "//! Invoices.\nfn when(mail) { mail.subject.contains(\"Invoice\") }\n\
                fn then(mail) { post(\"erp\", #{ subject: mail.subject }); reply(\"thanks.html\", #{}); move_to(\"Done/2026\"); }\n";
    write(&rules.join("10-invoices.rhai"), rule);
    let post = dir.path().join("post");
    for (number, name, subject) in [(1, "a.eml", "Invoice 1"), (2, "b.EML", "Invoice 2"), (3, "c.eml", "Hello")] {
        write(&post.join(name), &String::from_utf8(mail(number, subject, "Please.")).unwrap());
    }
    write(&post.join("notes.txt"), "no mail");
    let work = || {
        let dir = dir.path().to_owned();
        tokio::task::spawn_blocking(move || output(&dir, &["drop", "post", "--mailbox", "invoices", "--once"]))
    };
    let (code, shown, told) = work().await.unwrap();
    assert_eq!((code, shown.as_str()), (0, "3 messages worked off, 0 wait for a person\n"), "{told}");
    assert_eq!(
        (files(&post), files(&post.join("Done/2026"))),
        (vec!["c.eml".into(), "notes.txt".into()], vec!["a.eml".into(), "b.EML".into()])
    );
    assert_eq!(files(&post.join("Sent Items")), ["RE_ Invoice 1.eml", "RE_ Invoice 2.eml"]);
    let answer = std::fs::read_to_string(post.join("Sent Items/RE_ Invoice 1.eml")).unwrap();
    assert!(answer.contains("Thank you for Invoice 1."), "{answer}");

    write(&post.join("d.eml"), &String::from_utf8(mail(99, "Invoice 3", "Please.")).unwrap());
    let (code, shown, told) = work().await.unwrap();
    assert_eq!((code, shown.as_str()), (0, "4 messages worked off, 0 wait for a person\n"), "{told}");
    let mut posted: Vec<_> = receiver.received().into_iter().map(|received| received.body["subject"].clone()).collect();
    posted.sort_by_key(ToString::to_string);
    assert_eq!(posted, ["Invoice 1", "Invoice 2", "Invoice 3"]);
    assert_eq!((files(&post), files(&post.join("Sent Items")).len()), (vec!["c.eml".into(), "notes.txt".into()], 3));
    receiver.stop().await;
}
