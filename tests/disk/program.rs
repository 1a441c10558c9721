//! The whole program on a faulty disk: it ends, or waits, and the world is changed once.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use postroom::clock::Clock;
use postroom::simulator::{Receiver, ReceiverOptions};
use serde_json::Value;

use super::faulty_disk;
use crate::process::{ADDRESS, Process, configure, effects, output, postroom, sim, until};
use crate::world::mail;

struct Office {
    dir: tempfile::TempDir,
    receiver: Receiver,
    base: String,
    _sim: Process,
    delivered: usize,
}

impl Office {
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Whoever makes the first client installs our TLS for the whole process.
        let _ = postroom::outgoing::client();
        let receiver = Receiver::start(ReceiverOptions::new("ERP", Clock::system())).await.unwrap();
        let (sim, base) = sim(dir.path());
        configure(dir.path(), &base, &receiver);
        Self { dir, receiver, base, _sim: sim, delivered: 0 }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    async fn deliver(&mut self, count: usize) {
        for number in self.delivered..self.delivered + count {
            let raw = mail(number, &format!("Your invoice {number}"), &format!("Invoice No. {number}"));
            let url = format!("{}/sim/mailboxes/{ADDRESS}/deliver", self.base);
            assert_eq!(reqwest::Client::new().post(url).body(raw).send().await.unwrap().status(), 201);
        }
        self.delivered += count;
    }

    /// `postroom run` on the faulty disk.
    fn run(&self, fault: &[(&str, &str)]) -> Process {
        let mut command = postroom(self.path(), &["run"]);
        command.env("LD_PRELOAD", faulty_disk()).envs(fault.iter().map(|(name, value)| (format!("FAULTY_DISK_{name}"), value)));
        Process(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Waits until every mail is answered and filed, or its answer waits for a look or a person because the program ended while it
    /// was being sent; gives how many wait.
    async fn worked_off(&self) -> usize {
        let counts = async || {
            let mut counts = effects(&self.base).await;
            for received in self.receiver.received() {
                *counts.entry(("posted".into(), received.key.unwrap_or_default())).or_insert(0) += 1;
            }
            counts
        };
        // Nothing is listed before the first start has made the database.
        let waiting =
            || -> Vec<Value> { serde_json::from_str(&output(self.path(), &["parked", "list", "--json"]).1).unwrap_or_default() };
        let mut unanswered = 0;
        until("every mail is worked off, or is named in the list of what waits", async || {
            let (counts, waiting) = (counts().await, waiting());
            let subjects = (0..self.delivered).map(|number| format!("Your invoice {number}"));
            let has = |effect: &str, subject: String| counts.contains_key(&(effect.into(), subject));
            let (open, done): (Vec<_>, Vec<_>) =
                subjects.partition(|subject| !(has("sent", format!("RE: {subject}")) && has("moved", subject.clone())));
            unanswered = open.len();
            let is_named =
                |subject: &String| waiting.iter().any(|line| line["subject"] == **subject && line["action"] == "reply");
            done.len() + open.iter().filter(|subject| is_named(subject)).count() == self.delivered
        })
        .await;
        let counts = counts().await;
        assert_eq!(counts.keys().filter(|(kind, _)| kind == "posted").count(), self.delivered, "{counts:?}");
        let not_once: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
        assert!(not_once.is_empty(), "{not_once:?}");
        unanswered
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_fails_ends_the_program_at_once_and_the_next_start_goes_on() {
    let mut office = Office::open().await;
    for nth in ["3", "12", "25"] {
        office.deliver(6).await;
        let mut engine = office.run(&[("MODE", "eio"), ("ON", "sync"), ("NTH", nth)]);
        let stderr = BufReader::new(engine.0.stderr.take().unwrap());
        let (mut struck, mut told) = (None, String::new());
        for line in stderr.lines() {
            let line = line.unwrap();
            if line.starts_with("faulty disk: ") {
                struck = Some(Instant::now());
            }
            told += &(line + "\n");
        }
        let code = engine.0.wait().unwrap().code();
        let took = struck.expect("the disk did not fail").elapsed();
        assert!(code == Some(3) && took < super::ENDS_WITHIN, "{nth}: {code:?} after {took:?}\n{told}");
        assert!(told.contains("postroom.db") && told.contains("disk I/O error"), "{nth}: {told}");
    }
    let engine = office.run(&[]);
    office.worked_off().await;
    drop(engine);
    office.receiver.stop().await;
}

/// What `/readyz` answers.
fn readiness(page: &str) -> String {
    let mut stream = TcpStream::connect(page).unwrap();
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_for_a_while_loses_and_doubles_nothing() {
    let mut office = Office::open().await;
    // So much that the disk is full amid the work on it, and not only for the rounds, which pause ever longer.
    office.deliver(18).await;
    let full = office.path().join("full");
    std::fs::write(&full, "").unwrap();
    let place = full.to_str().unwrap();
    let mut engine = office.run(&[("MODE", "enospc"), ("ON", "write"), ("FILE", ".db-wal"), ("NTH", "300"), ("WHILE", place)]);
    let stderr = BufReader::new(engine.0.stderr.take().unwrap());
    let mut told = Vec::new();
    let (say, heard) = std::sync::mpsc::channel();
    // Its end is read to the end, so that the program never waits for a reader.
    let listening = std::thread::spawn(move || {
        let mut page = String::new();
        for line in stderr.lines().map_while(Result::ok) {
            if let Some(address) = line.strip_prefix("the page is on http://") {
                address.clone_into(&mut page);
            }
            if line.contains("for the tenth time") {
                say.send((page.clone(), readiness(&page))).unwrap();
                std::fs::remove_file(&full).unwrap();
            }
            told.push(line);
        }
        told.join("\n")
    });
    office.deliver(6).await;
    assert_eq!(office.worked_off().await, 0);
    assert!(engine.0.try_wait().unwrap().is_none(), "it ended");
    let (page, meanwhile) = heard.recv().unwrap();
    let afterwards = readiness(&page);
    drop(engine);
    let told = listening.join().unwrap();
    let (status, why) = meanwhile.split_once("\r\n").unwrap();
    assert_eq!(
        (status, afterwards.lines().next().unwrap()),
        ("HTTP/1.1 503 Service Unavailable", "HTTP/1.1 200 OK"),
        "{meanwhile}"
    );
    assert!(why.contains("the disk is full: ") && why.contains("free some space, nothing was lost"), "{meanwhile}");
    assert!(told.contains("for the tenth time"), "the disk was never full: {told}");
    office.receiver.stop().await;
}
