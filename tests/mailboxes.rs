//! Several mailboxes and folders in one process: they join, leave and change while it runs, and none waits for another.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use postroom::daemon::{Configuration, graph_settings};
use postroom::graph::{Graph, Visibility};
use postroom::ids::MailboxName;
use postroom::journal::Arrival;
use postroom::simulator::{Chance, Moods};
use serde_json::{Value, json};

use crate::proof::simulated::{self, Lab, Surroundings, in_virtual_time};
use crate::world::{MAILBOX, World, mail, write};

const RULES: [(&str, &str); 1] = [("10-all.rhai", "//! All.\nfn then(mail) { move_to(\"Done\"); }\n")];
const ORDERS: &str = "orders@contoso.com";

fn invoices() -> MailboxName {
    MailboxName::new("invoices")
}

fn minutes(count: u64) -> tokio::time::Sleep {
    tokio::time::sleep(Duration::from_mins(count))
}

/// A configuration like the lab's, with these mailboxes: name, address, rules.
fn configured(lab: &Lab, mailboxes: &[(&str, &str, &str)]) -> String {
    let base = lab.tenant.base_url();
    let secret = lab.config.file.with_file_name("secret");
    write(&secret, "secret");
    let head = format!(
        "[tenant]\nid = \"contoso.onmicrosoft.com\"\nclient_id = \"app\"\nclient_secret = {{ file = \"secret\" }}\n\
         [graph]\nbase_url = \"{base}/v1.0\"\nlogin_url = \"{base}\"\n"
    );
    mailboxes.iter().fold(head, |text, (name, address, rules)| {
        format!("{text}[mailbox.{name}]\naddress = \"{address}\"\nrules = \"{rules}\"\npoll = \"15m\"\ncreate_folders = true\n")
    })
}

fn subjects(lab: &Lab, address: &str, folder: &str) -> Value {
    let shown = lab.tenant.mailbox(address).unwrap();
    let messages = shown["folders"][folder].as_array().cloned().unwrap_or_default();
    messages.iter().map(|message| message["subject"].clone()).collect()
}

#[test]
fn a_mailbox_joins_changes_and_leaves_as_the_configuration_says_while_the_others_are_worked() {
    in_virtual_time(async || {
        let mut lab = Lab::new(&RULES, &Surroundings { others: vec![ORDERS], ..Surroundings::default() }).await;
        lab.configuration = Configuration::Followed;
        let dir = lab.config.file.parent().unwrap().to_owned();
        write(&dir.join("more/10-all.rhai"), "//! All.\nfn then(mail) { move_to(\"Orders\"); }\n");
        write(&dir.join("bad/10-all.rhai"), "//! All.\nfn then(mail) { moove_to(\"Orders\"); }\n");
        let edit = |mailboxes: &[(&str, &str, &str)]| write(&lab.config.file, &configured(&lab, mailboxes));
        let own = ("invoices", simulated::MAILBOX, "rules");
        lab.start().await;
        let order = |number: usize| lab.tenant.deliver(ORDERS, &simulated::mail(number, &format!("Order {number}"))).unwrap();

        order(1);
        minutes(20).await;
        assert_eq!(subjects(&lab, ORDERS, "Orders"), json!([]), "nobody has named it yet");
        edit(&[own, ("orders", ORDERS, "more")]);
        minutes(20).await;
        assert_eq!(subjects(&lab, ORDERS, "Orders"), json!(["Order 1"]));

        // Rules that do not load leave it as it was, and so does a file that cannot be read.
        edit(&[own, ("orders", ORDERS, "bad")]);
        order(2);
        minutes(20).await;
        let page = lab.page().await;
        assert!(page.contains("the rules of mailbox `orders` cannot be used; it is worked as before"), "{page}");
        write(&lab.config.file, "[tenant\n");
        order(3);
        lab.deliver(&simulated::mail(9, "Invoice"));
        minutes(20).await;
        let page = lab.page().await;
        assert!(page.contains("it was edited and cannot be used; nothing has changed"), "{page}");
        assert_eq!(subjects(&lab, ORDERS, "Orders"), json!(["Order 1", "Order 2", "Order 3"]));
        assert_eq!(subjects(&lab, simulated::MAILBOX, "Done"), json!(["Invoice"]));

        edit(&[own]);
        minutes(1).await;
        order(4);
        minutes(60).await;
        assert_eq!(subjects(&lab, ORDERS, "Inbox"), json!(["Order 4"]));
        assert!(!lab.page().await.contains("cannot be used"));
        // What came meanwhile is found when it is named again.
        edit(&[own, ("orders", ORDERS, "more")]);
        minutes(20).await;
        assert_eq!(subjects(&lab, ORDERS, "Orders"), json!(["Order 1", "Order 2", "Order 3", "Order 4"]));
        lab.end().await;
    });
}

#[test]
fn folders_are_followed_by_pattern_in_any_language_and_those_that_people_make_later_join() {
    in_virtual_time_of_folders(&["Inbox/**", "Входящие/Счета ?"], async |lab| {
        for (folder, subject) in
            [("Inbox/Kunden/Nord", "A"), ("Входящие/Счета 7", "B"), ("Inbox", "left"), ("Входящие/Прочее", "left")]
        {
            file(lab, folder, subject).await;
        }
        minutes(40).await;
        assert_eq!(subjects(lab, simulated::MAILBOX, "Done"), json!(["A", "B"]));
        file(lab, "Inbox/受信/請求書", "C").await;
        minutes(40).await;
        assert_eq!(subjects(lab, simulated::MAILBOX, "Done"), json!(["A", "B", "C"]));
        let standing = lab.journal().unwrap().standing(&invoices()).await.unwrap();
        let followed: BTreeSet<&str> = standing.folders.iter().map(|(folder, _)| folder.as_str()).collect();
        let expected = ["Inbox/Kunden", "Inbox/Kunden/Nord", "Inbox/受信", "Inbox/受信/請求書", "Входящие/Счета 7"];
        assert_eq!(followed, BTreeSet::from(expected));
    });
}

fn in_virtual_time_of_folders(folders: &[&str], story: impl AsyncFnOnce(&Lab) + Send) {
    in_virtual_time(async || {
        let mut lab = Lab::new(&RULES, &Surroundings::default()).await;
        let mailbox = lab.config.mailboxes.get_mut(&invoices()).unwrap();
        mailbox.folders = folders.iter().map(|folder| (*folder).to_owned()).collect();
        // What is in a folder that nobody follows is no news for the audit either while it has only begun.
        mailbox.audit = Duration::from_hours(24);
        lab.start().await;
        story(&lab).await;
        lab.end().await;
    });
}

/// A mail that a person, or a rule of the server's, puts into a folder as it arrives; the folder is made if it has to be.
async fn file(lab: &Lab, folder: &str, subject: &str) {
    let number = subject.bytes().map(usize::from).sum::<usize>() + folder.len();
    let id = lab.tenant.deliver(simulated::MAILBOX, &simulated::mail(number, subject)).unwrap();
    if folder != "Inbox" {
        let graph = Graph::new(&graph_settings(&lab.config), lab.clock.clone()).unwrap();
        graph.mailbox(simulated::MAILBOX).create_folder(folder, Visibility::Visible).await.unwrap();
        let door = format!("{}/sim/mailboxes/{}/messages/{id}/move", lab.tenant.base_url(), simulated::MAILBOX);
        let answer = reqwest::Client::new().post(door).json(&json!({ "folder": folder })).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }
}

#[test]
fn of_a_tenant_that_loses_one_entry_in_a_hundred_the_audit_finds_every_message() {
    in_virtual_time(async || {
        let moods = Moods { loses_entries: Chance::percent(1), ..Moods::default() };
        let lab = Lab::new(&RULES, &Surroundings { seed: 7, moods, ..Surroundings::default() }).await;
        lab.start().await;
        for number in 0..1_000 {
            lab.deliver(&simulated::mail(number, &format!("Mail {number}")));
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
        minutes(130).await;
        let standing = lab.journal().unwrap().standing(&invoices()).await.unwrap();
        let done = subjects(&lab, simulated::MAILBOX, "Done").as_array().unwrap().len();
        assert_eq!((done, standing.received, standing.undecided, standing.open), (1_000, 1_000, 0, 0));
        assert!((3..30).contains(&standing.missed), "{} were found by the audit", standing.missed);
        lab.end().await;
    });
}

#[tokio::test]
async fn a_mailbox_that_is_refused_everything_holds_up_no_other() {
    let mut world = World::with_mailboxes(&RULES, &[MAILBOX, ORDERS]).await;
    let mut orders = world.config.mailboxes[&invoices()].clone();
    orders.address = ORDERS.to_owned();
    world.config.mailboxes.insert(MailboxName::new("orders"), orders);
    world.script(&json!({ "on": "any", "fault": "503", "times": 1_000_000, "mailbox": ORDERS }));
    world.start().await;
    for number in 0..20 {
        world.deliver(&mail(number, "Hello", "Please."));
    }
    world.settled(20).await;
    world.until_filed(&json!({ "Done": vec!["Hello"; 20] })).await;
    world.until_page("orders</b> Inbox <span class=\"bad\">").await;
}

#[test]
fn a_mailbox_in_which_every_call_hangs_holds_up_no_other_neither_before_nor_after_a_decision() {
    for call in ["mime", "move"] {
        in_virtual_time(async || {
            let rules =
                [("10-all.rhai", "//! All.\nfn when(mail) { mail.text != \"\" }\nfn then(mail) { move_to(\"Done\"); }\n")];
            let mut lab = Lab::new(&rules, &Surroundings { others: vec![ORDERS], ..Surroundings::default() }).await;
            let mut orders = lab.config.mailboxes[&invoices()].clone();
            orders.address = ORDERS.to_owned();
            lab.config.mailboxes.insert(MailboxName::new("orders"), orders);
            let hangs = json!({ "on": call, "fault": "hang_before_effect", "times": 1_000_000, "mailbox": ORDERS });
            lab.tenant.script(&hangs).unwrap();
            for number in 0..200 {
                lab.tenant.deliver(ORDERS, &simulated::mail(number, "Order")).unwrap();
            }
            lab.start().await;
            minutes(2).await;
            for number in 200..220 {
                lab.deliver(&simulated::mail(number, "Invoice"));
            }
            // A round comes by every quarter of an hour; what it finds is worked at once.
            let began = lab.clock.stopwatch();
            while subjects(&lab, simulated::MAILBOX, "Done") != json!(vec!["Invoice"; 20]) {
                assert!(began.elapsed() < Duration::from_mins(16), "a hanging {call} holds up the other mailbox");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            assert_eq!(subjects(&lab, ORDERS, "Done"), json!([]));
            lab.end().await;
        });
    }
}

#[tokio::test]
async fn subscriptions_are_ended_at_the_stop_when_that_is_asked_for() {
    let mut world = World::new(&RULES).await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    world.config.web.listen = ([127, 0, 0, 1], port).into();
    world.config.web.public_url = Some(format!("http://127.0.0.1:{port}"));
    world.config.web.end_subscriptions = true;
    world.start().await;
    world.until_page("notified until").await;
    let journal = world.engine.as_ref().unwrap().journal().clone();
    assert_eq!(journal.subscriptions(&invoices()).await.unwrap().len(), 1);
    world.stop().await;
    let url = format!("{}/sim/subscriptions", world.tenant.base_url());
    let shown: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    assert_eq!(shown["subscriptions"], json!([]));
    world.config.web.end_subscriptions = false;
    world.start().await;
    world.until_page("notified until").await;
    let at = Arrival { mailbox: invoices(), folder: "Inbox".into() };
    assert!(world.engine.as_ref().unwrap().journal().subscription(&at).await.unwrap().is_some());
}

/// A certificate for this machine, and its key, into `dir`; what a client has to trust.
fn certificate(dir: &Path) -> reqwest::Certificate {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    write(&dir.join("key.pem"), &made.signing_key.serialize_pem());
    write(&dir.join("certificate.pem"), &made.cert.pem());
    reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap()
}

fn trusting(certificate: reqwest::Certificate) -> reqwest::Client {
    reqwest::Client::builder().tls_certs_only([certificate]).build().unwrap()
}

#[test]
fn the_page_speaks_https_by_files_that_are_read_anew_when_they_change() {
    in_virtual_time(async || {
        let mut lab = Lab::new(&RULES, &Surroundings::default()).await;
        let dir = lab.config.file.parent().unwrap().to_owned();
        let first = trusting(certificate(&dir));
        lab.config.web.tls =
            Some(postroom::config::TlsFiles { certificate: dir.join("certificate.pem"), key: dir.join("key.pem") });
        lab.start().await;
        let url = lab.url("https", "/healthz");
        assert_eq!(first.get(&url).send().await.unwrap().text().await.unwrap(), "ok\n");
        assert!(reqwest::get(lab.url("http", "/healthz")).await.is_err(), "nothing is told in the clear");
        // Half of an exchange serves the old pair on.
        write(&dir.join("key.pem"), "no key");
        minutes(2).await;
        assert!(first.get(&url).send().await.is_ok());
        let second = trusting(certificate(&dir));
        minutes(2).await;
        assert_eq!(second.get(&url).send().await.unwrap().text().await.unwrap(), "ok\n");
        lab.end().await;
    });
}

#[test]
fn a_backlog_beyond_the_calls_of_ten_minutes_waits_without_a_word_and_what_goes_elsewhere_does_not_wait() {
    in_virtual_time(async || {
        let rules =
            [("10-all.rhai", "//! All.\nfn then(mail) { post(\"erp\", #{ subject: mail.subject }); move_to(\"Done\"); }\n")];
        let mut lab = Lab::new(&rules, &Surroundings::default()).await;
        lab.config.graph.requests_max = 400;
        for number in 0..300 {
            lab.deliver(&simulated::mail(number, &format!("Mail {number}")));
        }
        lab.start().await;
        minutes(5).await;
        let done = subjects(&lab, simulated::MAILBOX, "Done").as_array().unwrap().len();
        assert!((140..200).contains(&done), "{done} were moved by 400 calls, two each");
        assert_eq!(lab.receiver.received().len(), 300);
        // The oldest calls count for ten minutes and ten seconds.
        tokio::time::sleep(Duration::from_secs(5 * 60 + 15)).await;
        assert_eq!(subjects(&lab, simulated::MAILBOX, "Done").as_array().unwrap().len(), 300);
        let journal = lab.journal().unwrap();
        let mut put_off = 0;
        for line in journal.newest(u32::MAX).await.unwrap() {
            let story = journal.story(&line.row.to_string()).await.unwrap();
            put_off += story.lines.iter().filter(|line| line.event == "deferred").count();
        }
        // Those that were on their way when the last call was used up.
        assert!(put_off <= 16, "{put_off} times a move was put off");
        lab.end().await;
    });
}
