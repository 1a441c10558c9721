//! Messages that the process dies of. The deaths are real: `run` is killed while such a message is at work.

use std::path::{Path, PathBuf};
use std::time::Duration;

use postroom::clock::Clock;
use postroom::config::EndpointConfig;
use postroom::ids::EndpointName;
use postroom::simulator::{Receiver, ReceiverOptions};
use rustix::process::Pid;
use serde_json::Value;

use crate::process::{ADDRESS, Process, configure, get, output, run, sim, until};
use crate::world::{World, mail, write};

/// Long enough to be killed over, but far from the quarter of a second that a rule may compute.
const RULE: &str = "//! Computes.\nfn then(mail) {\n    if mail.subject == \"slow\" { let i = 0; while i < 50000 { i += 1; } }\n    categorise(\"Seen\");\n}\n";

/// A tenant with one mail, and a program to be killed over it.
struct Scene {
    dir: tempfile::TempDir,
    base: String,
    _sim: Process,
}

impl Scene {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Whoever makes the first client installs our TLS for the whole process.
        let _ = postroom::outgoing::client();
        let receiver = Receiver::start(ReceiverOptions::new("ERP", Clock::system())).await.unwrap();
        let (sim, base) = sim(dir.path());
        configure(dir.path(), &base, &receiver);
        receiver.stop().await;
        std::fs::remove_dir_all(dir.path().join("rules/invoices")).unwrap();
        write(&dir.path().join("rules/invoices/10-all.rhai"), RULE);
        let scene = Self { dir, base, _sim: sim };
        scene.deliver(1, "slow").await;
        scene
    }

    async fn deliver(&self, number: usize, subject: &str) {
        let to = format!("{}/sim/mailboxes/{ADDRESS}/deliver", self.base);
        let answer = reqwest::Client::new().post(to).body(mail(number, subject, "x")).send().await.unwrap();
        assert_eq!(answer.status(), 201);
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Starts `run` and kills it at the moment when the rules are running over the first message.
    async fn kill_over_the_first(&self) {
        // What the killed one before it left is still there until this one has taken it up.
        let written = || std::fs::metadata(self.marks()).and_then(|file| file.modified()).ok();
        let before = written();
        let engine = run(self.path());
        let at_work = async {
            while written() == before || !self.at_work().contains(&1) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_mins(1), at_work).await.is_ok(), "the first message was never at work");
        drop(engine);
        assert!(self.at_work().contains(&1), "it was killed too late");
    }

    fn marks(&self) -> PathBuf {
        self.path().join("postroom.db.deciding")
    }

    fn at_work(&self) -> Vec<i64> {
        marks(&self.marks())
    }

    fn waiting(&self) -> Vec<Value> {
        serde_json::from_str(&output(self.path(), &["parked", "list", "--json"]).1).unwrap()
    }

    /// Subjects of the messages that have their category, sorted.
    async fn seen(&self) -> Vec<String> {
        let ledger = get(&format!("{}/sim/ledger", self.base)).await;
        let patched = ledger.as_array().unwrap().iter().filter(|entry| entry["effect"] == "patched");
        let mut subjects: Vec<String> = patched.map(|entry| entry["subject"].as_str().unwrap().to_owned()).collect();
        subjects.sort();
        subjects
    }
}

fn marks(path: &Path) -> Vec<i64> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| line.trim().parse().ok()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_rules_kill_the_process_three_times_is_parked_and_the_others_are_decided() {
    let scene = Scene::new().await;
    for _ in 0..3 {
        scene.kill_over_the_first().await;
    }
    for number in 2..=4 {
        scene.deliver(number, &format!("fine {number}")).await;
    }
    let engine = run(scene.path());
    until("the others are decided", async || scene.seen().await.len() == 3).await;
    assert_eq!(scene.seen().await, ["fine 2", "fine 3", "fine 4"]);
    let waiting = scene.waiting();
    assert_eq!((waiting.len(), &waiting[0]["subject"], &waiting[0]["state"]), (1, &"slow".into(), &"parked".into()));
    let reason = waiting[0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("3 times the process died while it read this message or ran its rules"), "{reason}");
    // A person's word: it was killed from outside, and its rules come to an end.
    assert_eq!(output(scene.path(), &["parked", "retry", "1"]).0, 0);
    until("it is decided", async || scene.seen().await.len() == 4).await;
    drop(engine);
    let told = output(scene.path(), &["explain", "1"]).1;
    assert!(told.contains("process died  (times 3)") && told.contains("retried"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_which_the_process_died_twice_is_decided_by_the_third() {
    let scene = Scene::new().await;
    for _ in 0..2 {
        scene.kill_over_the_first().await;
    }
    let _engine = run(scene.path());
    until("it is decided", async || scene.seen().await == ["slow"]).await;
    assert_eq!(scene.waiting(), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_parsers_of_a_killed_process_end_by_themselves() {
    let scene = Scene::new().await;
    let rule = RULE.replace("mail.subject == \"slow\"", "mail.text.len > 9");
    write(&scene.path().join("rules/invoices/10-all.rhai"), &rule);
    let engine = run(scene.path());
    until("it is decided", async || scene.seen().await == ["slow"]).await;
    let parent = engine.0.id().to_string();
    let children = || -> Vec<Pid> {
        let pids = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            (stat.rsplit_once(") ")?.1.split(' ').nth(1)? == parent).then_some(())?;
            Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)
        });
        pids.collect()
    };
    let left = children();
    assert_eq!(left.len(), 1);
    drop(engine);
    until("the child is gone", async || {
        let command = std::fs::read_to_string(format!("/proc/{}/cmdline", left[0].as_raw_nonzero())).unwrap_or_default();
        !command.contains("parse-child")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waits_for_an_answer_is_not_marked_as_being_at_work() {
    let mut world =
        World::new(&[("10-a.rhai", "//! Asks.\nfn then(mail) { if ask(\"slow\", #{ n: 1 }).known { mark_read(); } }\n")]).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = EndpointConfig::new(format!("http://{}/", listener.local_addr().unwrap()));
    world.config.endpoints.insert(EndpointName::new("slow"), EndpointConfig { read_only: true, ..slow });
    world.start().await;
    world.deliver(&mail(1, "One", "x"));
    let (_asking, _) = listener.accept().await.unwrap();
    let file = world.config.state.with_extension("db.deciding");
    assert!(file.exists());
    assert_eq!(marks(&file), Vec::<i64>::new());
    world.stop().await;
}
