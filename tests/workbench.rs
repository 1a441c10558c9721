//! The analyst's workbench on the whole program: versions with their history and the way back, rules in the shadow, what a change would do,
//! and how far the fixtures reach. The commands are run as people run them.

use std::path::Path;
use std::process::{Command, Output};

use postroom::config::Reload;
use postroom::ids::MailboxName;
use postroom::simulator::{AskReply, Receiver, ReceiverOptions};
use serde_json::{Value, json};

use crate::world::{World, mail, statuses, write};

const RULE: &str = "//! Everything is filed.\nfn then(mail) {\n    categorise(\"Seen\");\n    move_to(\"Processed\");\n}\n";

fn name() -> MailboxName {
    MailboxName::new("invoices")
}

async fn until_versions(world: &World, count: usize) -> Vec<postroom::journal::Version> {
    let journal = world.engine.as_ref().unwrap().journal().clone();
    let looking = async {
        loop {
            let versions = journal.versions(&name()).await.unwrap();
            if versions.len() >= count {
                return versions;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(40), looking).await.expect("the version never went live")
}

/// A configuration file for the commands, with the world's database and rules.
fn configured(world: &World, more: &str) -> std::path::PathBuf {
    let file = world.rules_dir().parent().unwrap().join("postroom.toml");
    let text = format!(
        "[tenant]\nid = \"contoso.onmicrosoft.com\"\nclient_id = \"0d7f\"\nclient_secret = {{ env = \"POSTROOM_CLIENT_SECRET\" }}\n\
         [graph]\nbase_url = \"{0}\"\nlogin_url = \"{1}\"\n\
         [mailbox.invoices]\naddress = \"invoices@contoso.com\"\nrules = \"rules\"\ncreate_folders = true\n{more}\n\
         [endpoint.erp]\nurl = \"http://127.0.0.1:9/erp\"\n[endpoint.check]\nurl = \"http://127.0.0.1:9/check\"\nread_only = true\n\
         [state]\npath = \"{2}\"\n",
        world.config.graph.base_url,
        world.config.graph.login_url,
        world.config.state.display()
    );
    write(&file, &text);
    file
}

fn postroom(config: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
    command.arg("--config").arg(config).args(arguments).env("POSTROOM_CLIENT_SECRET", "secret").env("COLUMNS", "100");
    command.stdin(std::process::Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_has_its_place_in_the_history_and_the_version_before_it_can_be_had_back() {
    let mut world = World::started(&[("10-file.rhai", RULE)]).await;
    world.deliver(&mail(1, "First", "x"));
    world.settled(1).await;
    let first = until_versions(&world, 1).await.remove(0);
    write(&world.rules_dir().join("10-file.rhai"), &RULE.replace("Processed", "Done"));
    let versions = until_versions(&world, 2).await;
    world.deliver(&mail(2, "Second", "x"));
    world.settled(2).await;
    assert_eq!(versions[1].rule_set, first.rule_set);
    assert!(versions[0].origin.author.is_some() && versions[0].origin.written_at.is_some(), "{versions:?}");
    let config = configured(&world, "");

    let (code, history, _) = said(&postroom(&config, &["rules", "history", "--mailbox", "invoices"]));
    assert_eq!(code, 0, "{history}");
    let lines: Vec<&str> = history.lines().skip(2).collect();
    assert!(lines[0].starts_with(&format!("{} live", versions[0].rule_set.short())), "{history}");
    assert!(lines[1].starts_with(first.rule_set.short()), "{history}");

    let back = ["rules", "rollback", first.rule_set.short(), "--mailbox", "invoices"];
    let (code, diff, told) = said(&postroom(&config, &back));
    assert_eq!((code, told.contains("there is no terminal to ask at")), (2, true), "{told}");
    assert!(diff.contains("-    move_to(\"Done\");\n+    move_to(\"Processed\");\n"), "{diff}");
    let (code, _, told) = said(&postroom(&config, &[&back[..], &["--yes"]].concat()));
    assert_eq!(code, 0, "{told}");
    assert_eq!(std::fs::read_to_string(world.rules_dir().join("10-file.rhai")).unwrap(), RULE);
    let versions = until_versions(&world, 3).await;
    assert_eq!(versions[0].rule_set, first.rule_set);
    let decided: Vec<i64> = versions.iter().map(|version| version.messages).collect();
    assert_eq!(decided, [1, 1, 1], "one message under each of two versions, and the first is there twice");

    let (code, _, told) = said(&postroom(&config, &["rules", "rollback", "0000", "--mailbox", "invoices"]));
    assert_eq!((code, told.contains("is no version of invoices")), (2, true), "{told}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_in_the_shadow_decide_beside_the_live_ones_and_act_on_nothing() {
    let mut world = World::new(&[("10-file.rhai", RULE)]).await;
    let shadow = world.rules_dir().parent().unwrap().join("shadow");
    let other = "//! Invoices are posted.\nfn then(mail) {\n    if mail.subject == \"Invoice 7\" { post(\"erp\", #{ text: mail.text }); }\n    \
                 categorise(\"Seen\");\n    move_to(\"Processed\");\n}\n";
    write(&shadow.join("10-file.rhai"), other);
    for mailbox in world.config.mailboxes.values_mut() {
        mailbox.shadow = Some(shadow.clone());
    }
    world.start().await;
    world.deliver(&mail(1, "Invoice 7", "total 5"));
    world.deliver(&mail(2, "Hello", "x"));
    let lines = world.settled(2).await;
    let config = configured(&world, "shadow = \"shadow\"");
    let report: Value =
        serde_json::from_str(&said(&postroom(&config, &["rules", "shadow", "--mailbox", "invoices", "--json"])).1).unwrap();
    let page = world.page().await;
    world.stop().await;
    assert_eq!(lines.iter().map(statuses).collect::<Vec<_>>(), [["done", "done"], ["done", "done"]]);
    assert_eq!(world.posted(), Vec::<Value>::new());
    assert_eq!(report["counts"], json!({ "changed": 1, "same": 1 }));
    assert_eq!(report["messages"][0]["subject"], "Invoice 7");
    let shown = report["messages"][0]["lines"].to_string();
    assert!(shown.contains(r#"{"after":"post to erp"}"#), "{shown}");
    assert!(shown.contains("text: total 5"), "the content was read for the shadow: {shown}");
    assert!(page.contains("in the shadow") && page.contains("1 changed, 1 same"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waits_for_an_answer_is_decided_by_the_version_that_asked() {
    let asks =
        |folder: &str| format!("//! Asks.\nfn then(mail) {{\n    ask(\"check\", #{{ n: 1 }});\n    move_to(\"{folder}\");\n}}\n");
    let mut world = World::new(&[("10-ask.rhai", &asks("Old"))]).await;
    let mut options = ReceiverOptions::new("ERP", world.clock.clone());
    options.asks =
        vec![AskReply { path: "/check".into(), request: json!({ "n": 1 }), status: 200, reply: json!({ "ok": true }) }];
    world.receiver = Receiver::start(options).await.unwrap();
    let url = format!("{}/check", world.receiver.base_url());
    let check = postroom::config::EndpointConfig { read_only: true, ..postroom::config::EndpointConfig::new(url) };
    world.config.endpoints.insert("check".into(), check);
    world.receiver.script(&json!({ "on": "ask", "fault": "slow", "seconds": 4, "times": 1 })).unwrap();
    world.start().await;
    let mut seen = world.receiver.requests_seen();
    let before = *seen.borrow_and_update();
    world.deliver(&mail(1, "Wait", "x"));
    while *seen.borrow_and_update() == before {
        seen.changed().await.unwrap();
    }
    write(&world.rules_dir().join("10-ask.rhai"), &asks("New"));
    let versions = until_versions(&world, 2).await;
    let lines = world.settled(1).await;
    world.stop().await;
    assert_eq!(lines[0].actions[0].planned.action.to_string(), "move to Old");
    assert_eq!(lines[0].rule_set.as_deref(), Some(versions[1].rule_set.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_changed_rule_would_do_with_the_mail_of_last_month_is_known_before_it_does_it() {
    let rule = "//! Invoices are booked once.\nfn then(mail) {\n    let known = ask(\"check\", #{ from: mail.from.address });\n    \
                if recall(mail.subject) != () { categorise(\"Duplicate\"); return; }\n    remember(mail.subject, mail.id);\n    \
                if mail.text.contains(\"total\") { categorise(\"Invoice\"); } else { categorise(\"Other\"); }\n}\n";
    let mut world = World::new(&[("10-book.rhai", rule)]).await;
    let mut options = ReceiverOptions::new("ERP", world.clock.clone());
    let reply = |number: usize| AskReply {
        path: "/check".into(),
        request: json!({ "from": format!("ana{number}@fabrikam.com") }),
        status: 200,
        reply: json!({ "ok": true }),
    };
    options.asks = (1..=3).map(reply).collect();
    world.receiver = Receiver::start(options).await.unwrap();
    let url = format!("{}/check", world.receiver.base_url());
    let check = postroom::config::EndpointConfig { read_only: true, ..postroom::config::EndpointConfig::new(url) };
    world.config.endpoints.insert("check".into(), check);
    world.start().await;
    for (number, (subject, body)) in [("Invoice 7", "total 5"), ("Invoice 7", "total 5"), ("Hello", "x")].into_iter().enumerate()
    {
        world.deliver(&mail(number + 1, subject, body));
        world.settled(i64::try_from(number).unwrap() + 1).await;
    }
    let effects = world.effects();
    let config = configured(&world, "");
    let changed = world.rules_dir().parent().unwrap().join("changed");
    write(&changed.join("10-book.rhai"), &rule.replace("\"Other\"", "\"Not an invoice\""));
    let asks_more = world.rules_dir().parent().unwrap().join("asks-more");
    write(&asks_more.join("10-book.rhai"), &rule.replace("    if recall", "    ask(\"check\", #{ vat: 1 });\n    if recall"));
    let impact = |dir: &Path| {
        // The mail says that it is years old, and so does the mailbox that received it.
        let dir = dir.to_string_lossy().into_owned();
        let arguments = ["impact", "--rules", &dir, "--mailbox", "invoices", "--since", "2020-01-01", "--json"];
        let (code, text, told) = said(&postroom(&config, &arguments));
        assert_eq!(code, 0, "{told}");
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let report = impact(&changed);
    let unknown = impact(&asks_more);
    let after = world.effects();
    world.stop().await;
    assert_eq!((report["counts"]["same"].clone(), report["counts"]["changed"].clone()), (json!(2), json!(1)), "{report}");
    let message = &report["messages"][0];
    assert_eq!((&message["change"], &message["before"]["subject"]), (&json!("changed"), &json!("Hello")));
    assert_eq!(message["before"]["actions"][0]["names"], json!(["Other"]));
    assert_eq!(message["after"]["actions"][0]["names"], json!(["Not an invoice"]));
    assert_eq!(unknown["counts"]["unknown"], 3, "{unknown}");
    assert_eq!(after, effects, "nothing is changed by looking");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_a_rule_parked_become_fixtures_in_which_nobody_is_named() {
    let rule = "//! Totals are read.\nfn then(mail) {\n    let answer = ask(\"check\", #{ from: mail.from.address });\n    \
                require(mail.text.value_after(\"Total\").to_money(), `no total for ${answer.name}`);\n    categorise(\"Read\");\n}\n";
    let mut world = World::new(&[("10-totals.rhai", rule)]).await;
    let mut options = ReceiverOptions::new("ERP", world.clock.clone());
    let request = json!({ "from": "ana1@fabrikam.com" });
    options.asks = vec![AskReply { path: "/check".into(), request, status: 200, reply: json!({ "name": "customer 7001234" }) }];
    world.receiver = Receiver::start(options).await.unwrap();
    let url = format!("{}/check", world.receiver.base_url());
    let check = postroom::config::EndpointConfig { read_only: true, ..postroom::config::EndpointConfig::new(url) };
    world.config.endpoints.insert("check".into(), check);
    world.start().await;
    world.deliver(&mail(1, "Customer 7001234", "Dear all,\r\ncustomer 7001234 writes to ana1@fabrikam.com\r\n"));
    let lines = world.settled(1).await;
    let config = configured(&world, "");
    let arguments = ["record", "--mailbox", "invoices", "--parked-by", "10-totals", "--last", "5"];
    let (code, files, told) = said(&postroom(&config, &arguments));
    let again = said(&postroom(&config, &arguments));
    world.stop().await;
    assert_eq!((lines[0].status.as_str(), code), ("parked", 0), "{told}");
    let file = Path::new(files.trim()).to_owned();
    let (mail, expected) =
        (std::fs::read_to_string(&file).unwrap(), std::fs::read_to_string(file.with_extension("expect.toml")).unwrap());
    for original in ["7001234", "ana1", "Ana "] {
        assert!(!mail.contains(original) && !expected.contains(original), "{original} is left:\n{mail}\n{expected}");
    }
    assert!(mail.contains("From: Ana <person1@") || mail.contains("person1@"), "{mail}");
    let number = mail.lines().find_map(|line| line.strip_prefix("Subject: Customer ")).unwrap();
    assert!(expected.contains(&format!("reason = \"no total for customer {number}\"")), "{expected}");
    assert_eq!(said(&postroom(&config, &["test"])).0, 0, "it comes as it was recorded");
    assert!(again.2.contains("is there already"), "{}", again.2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_fixtures_do_not_expect_stays_out_unless_the_mailbox_is_content_with_check() {
    for reload in [Reload::Fixtures, Reload::Check] {
        let mut world = World::new(&[("10-file.rhai", RULE)]).await;
        let mailbox = world.config.mailboxes.get_mut(&name()).unwrap();
        mailbox.reload = reload;
        let fixtures = world.rules_dir().with_file_name("fixtures").join("invoices");
        write(&fixtures.join("a.eml"), &String::from_utf8(mail(9, "Ninth", "x")).unwrap());
        write(
            &fixtures.join("a.expect.toml"),
            "[expect]\nrules = [\"10-file\"]\n\n[[expect.action]]\ncategorise = [\"Seen\"]\n\n[[expect.action]]\nmove_to = \"Processed\"\n",
        );
        world.start().await;
        until_versions(&world, 1).await;
        write(&world.rules_dir().join("10-file.rhai"), &RULE.replace("Processed", "Done"));
        world.until_page("a.eml is different").await;
        let folder = if reload == Reload::Check { "Done" } else { "Processed" };
        world.deliver(&mail(1, "First", "x"));
        world.settled(1).await;
        assert_eq!(world.folders(), json!({ folder: ["First"] }), "{reload:?}");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_was_never_worked_is_searched_in_the_mailbox_and_becomes_fixtures() {
    let world = World::new(&[("10-file.rhai", RULE)]).await;
    for (number, subject) in [(1, "Reminder of invoice 17"), (2, "Lunch"), (3, "Second reminder")] {
        world.deliver(&mail(number, subject, "Please pay."));
    }
    let config = configured(&world, "");
    let record = |arguments: &[&str]| said(&postroom(&config, &[&["record", "--mailbox", "invoices"], arguments].concat()));
    let (code, newest, told) = record(&["--search", "subject:reminder", "--last", "1"]);
    assert_eq!((code, newest.contains("-second-reminder.eml"), newest.lines().count()), (0, true, 1), "{newest}{told}");
    let (code, lunch, told) = record(&["2@fabrikam.com"]);
    assert_eq!((code, lunch.contains("-lunch.eml")), (0, true), "{lunch}{told}");
    assert_eq!(said(&postroom(&config, &["test"])).0, 0, "both come as they were recorded");
    for (arguments, sentence) in [
        (&["--search", "from:tailspintoys.com"][..], "there is no such message in invoices"),
        (&["17", "nobody@fabrikam.com"], "There is no message nobody@fabrikam.com, neither in the journal nor in the mailbox."),
        (&["--parked-by", "10-file"], "there is no journal yet"),
        (&["--search", "a", "--last", "0"], "0 is not in 1..=1000"),
    ] {
        let (code, files, told) = record(arguments);
        assert_eq!((code == 0, files.as_str(), told.contains(sentence)), (false, "", true), "{arguments:?}: {told}");
    }
}

/// A folder with the sample configuration and a mailbox of its own.
fn sample() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let rule = "//! Reminders.\nfn when(mail) { mail.subject.matches(\"(?i)reminder\") }\nfn then(mail) {\n    \
                if mail.text.contains(\"urgent\") {\n        flag();\n    }\n    move_to(\"Reminders\");\n}\n";
    let mail =
        |subject: &str| format!("From: ana@fabrikam.com\r\nTo: invoices@contoso.com\r\nSubject: {subject}\r\n\r\nplain\r\n");
    for (path, text) in [
        ("rules/10-reminders.rhai", rule.to_owned()),
        ("fixtures/invoices/a.eml", mail("Reminder 1")),
        (
            "fixtures/invoices/a.expect.toml",
            "[expect]\nrules = [\"10-reminders\"]\n\n[[expect.action]]\nmove_to = \"Elsewhere\"\n".into(),
        ),
        ("fixtures/invoices/b.eml", mail("Hello")),
        ("fixtures/invoices/b.expect.toml", "[expect]\ndecision = \"none\"\n".into()),
        (
            "postroom.toml",
            "[tenant]\nid = \"contoso.onmicrosoft.com\"\nclient_id = \"0d7f\"\nclient_secret = { env = \"S\" }\n\
             [mailbox.invoices]\naddress = \"invoices@contoso.com\"\nrules = \"rules\"\n"
                .to_owned(),
        ),
    ] {
        write(&place.path().join(path), &text);
    }
    place
}

#[test]
fn nothing_is_accepted_without_somebody_who_says_so() {
    let place = sample();
    let config = place.path().join("postroom.toml");
    let expectation = || std::fs::read_to_string(place.path().join("fixtures/invoices/a.expect.toml")).unwrap();
    let before = expectation();
    let (code, _, told) = said(&postroom(&config, &["test", "--accept"]));
    assert_eq!((code, told.contains("--yes")), (2, true), "{told}");
    assert_eq!(expectation(), before);
    let (code, text, _) = said(&postroom(&config, &["test", "--filter", "b.e*"]));
    assert_eq!((code, text.lines().last()), (0, Some("1 case: 1 as expected")));
    let (code, text, _) = said(&postroom(&config, &["test", "--accept", "--yes"]));
    assert_eq!((code, text.lines().last()), (0, Some("2 cases: 1 as expected, 1 accepted")), "{text}");
    assert!(expectation().contains("move_to = \"Reminders\""));
    let (code, _, told) = said(&postroom(&config, &["test", "--filter", "nothing"]));
    assert_eq!((code, told.as_str()), (2, "postroom: no case is among those that were asked for\n"));
}

#[test]
fn an_expectation_that_no_mail_is_beside_is_told_with_the_one_that_was_meant() {
    let place = sample();
    for (file, text) in [
        ("a.expect.toml", "[expect]\nrules = [\"10-reminders\"]\n\n[[expect.action]]\nmove_to = \"Reminders\"\n"),
        ("a.eml.expect.toml", "[expect]\ndecision = \"none\"\n"),
        ("z.expect.toml", "[expect]\ndecision = \"none\"\n"),
    ] {
        write(&place.path().join("fixtures/invoices").join(file), text);
    }
    let (code, text, _) = said(&postroom(&place.path().join("postroom.toml"), &["test"]));
    assert_eq!(
        (code, text.as_str()),
        (
            1,
            "invoices/a.eml.eml  different\n    a.eml.expect.toml has no mail: a.eml.eml is not beside it; what is expected of a.eml is \
             written in a.expect.toml\n\ninvoices/z.eml  different\n    z.expect.toml has no mail: z.eml is not beside it\n\n\
             invoices  4 cases: 2 as expected, 2 different\n4 cases: 2 as expected, 2 different\n"
        )
    );
}

#[test]
fn the_lines_and_branches_that_no_fixture_reaches_are_named() {
    let place = sample();
    let config = place.path().join("postroom.toml");
    let (html, lcov) = (place.path().join("html"), place.path().join("lcov.info"));
    let arguments = ["test", "--coverage", "--html", &html.to_string_lossy(), "--lcov", &lcov.to_string_lossy()];
    let (_, text, told) = said(&postroom(&config, &arguments));
    let row = text.lines().find(|line| line.contains("10-reminders.rhai") && !line.contains("different")).unwrap_or_default();
    let cells: Vec<&str> = row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
    assert_eq!(cells.get(1..), Some(&["1", "3 of 4 (75 %)", "1 of 2 (50 %)", "5"][..]), "{text}{told}");
    assert!(text.contains("reached: 1 of 1 rules, 3 of 4 (75 %) lines, 1 of 2 (50 %) branches"), "{text}");
    let lcov = std::fs::read_to_string(lcov).unwrap();
    assert!(lcov.contains("BRDA:4,0,0,0\nBRDA:4,0,1,1\nBRF:2\nBRH:1\nDA:2,2\nDA:4,1\nDA:5,0\nDA:7,1\nLF:4\nLH:3\n"), "{lcov}");
    let page = std::fs::read_to_string(html.join("index.html")).unwrap();
    assert!(page.contains("never: then") && !page.contains("<script"), "{page}");
}

#[test]
fn a_line_is_counted_once_each_time_however_much_stands_in_it() {
    let place = sample();
    let rule = "//! Counts.\nfn then(mail) {\n    for word in [\"one\", \"two\"] {\n        note(`${word} of ${mail.subject ?? \"none\"}`);\n        \
                categorise(word);\n    }\n    move_to(\"Reminders\");\n}\n";
    write(&place.path().join("rules/10-reminders.rhai"), rule);
    let (config, lcov) = (place.path().join("postroom.toml"), place.path().join("lcov.info"));
    said(&postroom(&config, &["test", "--filter", "a.eml", "--coverage", "--lcov", &lcov.to_string_lossy()]));
    let lcov = std::fs::read_to_string(lcov).unwrap();
    assert!(lcov.contains("DA:3,1\nDA:4,2\nDA:5,2\nDA:7,1\n"), "{lcov}");
}
