//! The program as its users run it: `sim` in one process, `run` in another, killed and started again.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use postroom::clock::Clock;
use postroom::simulator::{Receiver, ReceiverOptions};
use serde_json::Value;

use crate::whole::RULES;
use crate::world::{mail, write};

const POSTROOM: &str = env!("CARGO_BIN_EXE_postroom");
pub const ADDRESS: &str = "invoices@contoso.com";

/// A process that is killed when its story ends, however it ends.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn postroom(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(POSTROOM);
    command.current_dir(dir).args(arguments).env("POSTROOM_CLIENT_SECRET", "secret").env("POSTROOM_LOG", "error");
    command.stdin(Stdio::null());
    command
}

pub fn output(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = postroom(dir, arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

pub fn sim(dir: &Path) -> (Process, String) {
    let mut command = postroom(dir, &["sim", "--listen", "127.0.0.1:0", "--mailbox", ADDRESS, "--sent-delay", "50"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let base = line.trim().strip_prefix("listening on ").unwrap().to_owned();
    (Process(child), base)
}

pub fn run(dir: &Path) -> Process {
    Process(postroom(dir, &["run"]).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap())
}

pub fn configure(dir: &Path, sim: &str, receiver: &Receiver) {
    write(
        &dir.join("postroom.toml"),
        &format!(
            "[tenant]\nid = \"contoso.onmicrosoft.com\"\nclient_id = \"app\"\nclient_secret = {{ env = \"POSTROOM_CLIENT_SECRET\" }}\n\
             [graph]\nbase_url = \"{sim}/v1.0\"\nlogin_url = \"{sim}\"\n\
             [mailbox.invoices]\naddress = \"{ADDRESS}\"\nrules = \"rules/invoices\"\npoll = \"200ms\"\ncreate_folders = true\n\
             replies = {{ per_minute = 10000 }}\n\
             [endpoint.erp]\nurl = \"{}/erp\"\nidempotent = \"24h\"\n\
             [web]\nlisten = \"127.0.0.1:0\"\n",
            receiver.base_url()
        ),
    );
    for (path, text) in RULES {
        write(&dir.join("rules/invoices").join(path), text);
    }
}

pub async fn get(url: &str) -> Value {
    reqwest::get(url).await.unwrap().json().await.unwrap()
}

/// Effects by message and kind, as the ledger tells them.
pub async fn effects(sim: &str) -> BTreeMap<(String, String), usize> {
    let ledger = get(&format!("{sim}/sim/ledger")).await;
    let mut counts = BTreeMap::new();
    for entry in ledger.as_array().unwrap() {
        let effect = entry["effect"].as_str().unwrap();
        if ["sent", "moved", "copied"].contains(&effect) {
            let subject = entry["subject"].as_str().unwrap_or_default();
            *counts.entry((effect.to_owned(), subject.to_owned())).or_insert(0) += 1;
        }
    }
    counts
}

pub async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_mins(2), waiting).await.is_ok(), "never came: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn run_killed_again_and_again_still_brings_about_every_effect_once() {
    const MAILS: usize = 60;
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    // Whoever makes the first client installs our TLS for the whole process.
    let _ = postroom::outgoing::client();
    let receiver = Receiver::start(ReceiverOptions::new("ERP", Clock::system())).await.unwrap();
    let (_sim, base) = sim(dir);
    configure(dir, &base, &receiver);
    for number in 0..MAILS {
        let raw = mail(number, &format!("Your invoice {number}"), &format!("Invoice No. {number}"));
        let answer =
            reqwest::Client::new().post(format!("{base}/sim/mailboxes/{ADDRESS}/deliver")).body(raw).send().await.unwrap();
        assert_eq!(answer.status(), 201);
    }
    // Killed each time a few more effects have come about, at no moment that the engine could know.
    for kill in 1..=8 {
        let engine = run(dir);
        until("more effects", async || effects(&base).await.len() >= kill * 9).await;
        drop(engine);
    }
    let engine = run(dir);
    let waiting = || -> Vec<Value> { serde_json::from_str(&output(dir, &["parked", "list", "--json"]).1).unwrap() };
    let named = |waiting: &[Value], subject: &str, action: &str| {
        waiting.iter().any(|line| line["subject"] == subject && line["action"] == action)
    };
    until("every effect, or its name in the list of what waits", async || {
        let (effects, waiting) = (effects(&base).await, waiting());
        (0..MAILS).all(|number| {
            let subject = format!("Your invoice {number}");
            let sent = effects.contains_key(&("sent".into(), format!("RE: {subject}")));
            let moved = effects.contains_key(&("moved".into(), subject.clone()));
            (sent && moved) || named(&waiting, &subject, "reply")
        })
    })
    .await;
    let (code, _, told) = output(dir, &["run"]);
    assert!(code == 3 && told.contains("another postroom already runs on"), "{told}");
    drop(engine);

    let counts = effects(&base).await;
    let twice: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let posts = receiver.received();
    assert_eq!((posts.len(), posts.iter().map(|one| one.conflicts).sum::<u64>()), (MAILS, 0));
    let mailbox = get(&format!("{base}/sim/mailboxes/{ADDRESS}")).await;
    let filed: usize =
        ["Inbox", "Processed/Invoices"].iter().map(|path| mailbox["folders"][path].as_array().map_or(0, Vec::len)).sum();
    assert_eq!(filed, MAILS);

    let (code, told, _) = output(dir, &["explain", "<0@fabrikam.com>"]);
    assert_eq!(code, 0);
    assert!(
        told.contains("1. post to erp: ")
            && told.contains("2. reply received.html: ")
            && told.contains("move to Processed/Invoices"),
        "{told}"
    );
    receiver.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_configuration_is_said_with_its_place_before_anything_starts() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let _ = postroom::outgoing::client();
    let receiver = Receiver::start(ReceiverOptions::new("ERP", Clock::system())).await.unwrap();
    let refused = |arguments: &[&str]| {
        let (code, _, told) = output(dir, arguments);
        (code, told)
    };
    assert_eq!(refused(&["run"]).0, 2);

    configure(dir, "http://127.0.0.1:9", &receiver);
    let good = std::fs::read_to_string(dir.join("postroom.toml")).unwrap();
    write(&dir.join("postroom.toml"), &good.replace("poll =", "pol ="));
    let (code, told) = refused(&["run"]);
    assert!(code == 2 && told.contains("postroom.toml:11:1") && told.contains("`poll`"), "{told}");

    write(&dir.join("postroom.toml"), &good.replace("POSTROOM_CLIENT_SECRET", "NOT_SET_ANYWHERE"));
    let (code, told) = refused(&["run"]);
    assert!(code == 2 && told.contains("NOT_SET_ANYWHERE is not set"), "{told}");
    let (code, listed, _) = output(dir, &["check"]);
    assert!(code == 0 && listed.contains("warning"), "{listed}");

    write(&dir.join("postroom.toml"), &good);
    write(&dir.join("rules/invoices/20-broken.rhai"), "//! Broken.\nfn then(mail) { post(\"crm\", #{ a: mail.subjct }); }\n");
    let (code, listed, _) = output(dir, &["check"]);
    assert!(code == 1 && listed.contains("20-broken.rhai:2:") && listed.contains("subjct") && listed.contains("crm"), "{listed}");
    let (code, told) = refused(&["run"]);
    assert!(code == 2 && told.contains("20-broken.rhai:2:"), "{told}");

    std::fs::remove_dir_all(dir.join("rules")).unwrap();
    let (code, told) = refused(&["run"]);
    assert!(code == 2 && told.contains("rules/invoices"), "{told}");
    receiver.stop().await;
}

#[test]
fn check_names_the_secrets_and_schemas_of_endpoints_that_cannot_be_used() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    write(&dir.join("schemas/broken.json"), r#"{ "properties": { "total": { "type": "numbr" } } }"#);
    let configuration = "[tenant]\nid = \"t\"\nclient_id = \"app\"\nclient_secret = { env = \"POSTROOM_CLIENT_SECRET\" }\n\
                         [endpoint.crm]\nurl = \"https://crm.contoso.com/\"\nsign = { env = \"POSTROOM_CLIENT_SECRET\" }\n\
                         [endpoint.erp]\nurl = \"https://erp.contoso.com/\"\nschema = \"schemas/broken.json\"\n";
    write(&dir.join("postroom.toml"), configuration);
    let (code, listed, _) = output(dir, &["check"]);
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!((code, lines.len()), (1, 2), "{listed}");
    let secret = "postroom.toml  R050  endpoint crm: the secret in `sign` does not begin with `whsec_`; make one with ";
    assert!(lines[0].contains(secret), "{listed}");
    assert!(lines[1].contains("postroom.toml  R050  endpoint erp: the schema "), "{listed}");
    assert!(lines[1].contains("schemas/broken.json cannot be used: at /properties/total/type: \"numbr\" "), "{listed}");
    write(&dir.join("postroom.toml"), &configuration.replace("broken", "none"));
    let (code, listed, _) = output(dir, &["check"]);
    assert_eq!((code, listed.contains("postroom.toml:10:10  R050  the schema ")), (1, true), "{listed}");
}
