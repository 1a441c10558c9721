//! How soon arrivals are decided, and what that bears: `postroom run` against `postroom sim`, two processes that speak over loopback.
//!
//! ```text
//! cargo bench --bench arrivals                    everything below
//! cargo bench --bench arrivals -- told            50 mails a second, one minute: from delivery to recorded plan
//! cargo bench --bench arrivals -- forged          1,000,000 forged notifications, then what they caused
//! cargo bench --bench arrivals -- busy            answers to notifications while processor and disk are busy
//! cargo bench --bench arrivals -- mailboxes       200 mailboxes, 20 mails a minute each, for ten minutes
//! cargo bench --bench arrivals -- broken          ten mailboxes, beside one that is well, one that is refused everything, one that hangs
//! cargo bench --bench arrivals -- backlog         10,000 mails in one mailbox at Graph's limits, in simulated time
//! ```

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::cast_precision_loss, missing_docs)]

mod process;
#[path = "../tests/proof/simulated.rs"]
#[allow(dead_code, reason = "the backlog needs a part of it")]
mod simulated;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use postroom::clock::Clock;
use postroom::journal::{Journal, MessageLine};
use postroom::simulator::{Moods, Span};
use process::{Running, cpu_of, memory_kib};
use serde_json::Value;
use simulated::{Lab, Surroundings, in_virtual_time};

const PROGRAM: &str = env!("CARGO_BIN_EXE_postroom");
const PATIENCE: Duration = Duration::from_mins(2);
/// Only the envelope is looked at: the plan is one PATCH and one move.
const RULE: &str = "//! Every mail.\n\nfn then(mail) {\n    categorise(\"Seen\");\n    move_to(\"Done\");\n}\n";

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let parts: [(&str, fn()); 6] =
        [("told", told), ("forged", forged), ("busy", busy), ("mailboxes", mailboxes), ("broken", broken), ("backlog", backlog)];
    let known = parts.map(|(name, _)| name).join(", ");
    assert!(wanted.iter().all(|part| parts.iter().any(|(name, _)| name == part)), "there are: {known}");
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            part();
        }
    }
}

/// A tenant and an engine that it tells of arrivals.
struct Bench {
    dir: tempfile::TempDir,
    sim: Running,
    base: String,
    run: Running,
    hook: String,
    addresses: Vec<String>,
}

impl Bench {
    fn start(count: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let addresses: Vec<String> = (1..=count).map(|number| format!("shared{number}@contoso.example")).collect();
        let mut sim = Command::new(PROGRAM);
        sim.args(["sim", "--no-limits", "--gather", "0"]).stdout(Stdio::piped()).stderr(Stdio::null());
        for address in &addresses {
            sim.args(["--mailbox", address]);
        }
        let mut sim = Running::start(&mut sim);
        let first = BufReader::new(sim.0.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        let base = first.strip_prefix("listening on http://").unwrap().to_owned();
        std::fs::create_dir(dir.path().join("rules")).unwrap();
        std::fs::write(dir.path().join("rules/10-all.rhai"), RULE).unwrap();
        let page = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut config = format!(
            "[tenant]\nid = \"contoso.example\"\nclient_id = \"c\"\nclient_secret = {{ env = \"BENCH_SECRET\" }}\n\
             [graph]\nbase_url = \"http://{base}/v1.0\"\nlogin_url = \"http://{base}\"\nrequests_per_10_minutes = 1_000_000\n\
             [state]\npath = \"bench.db\"\n[web]\nlisten = \"{page}\"\npublic_url = \"http://{page}\"\n"
        );
        for (number, address) in addresses.iter().enumerate() {
            writeln!(config, "[mailbox.m{number}]\naddress = \"{address}\"\nrules = \"rules\"\ncreate_folders = true").unwrap();
        }
        std::fs::write(dir.path().join("postroom.toml"), config).unwrap();
        let mut run = Command::new(PROGRAM);
        run.arg("run").current_dir(dir.path()).env("BENCH_SECRET", "secret").env("POSTROOM_LOG", "error").stderr(Stdio::null());
        let run = Running::start(&mut run);
        let bench = Self { dir, sim, base, run, hook: page.to_string(), addresses };
        until("every folder is subscribed to", || {
            let shown = Client::to(&bench.base).ask("GET", "/sim/subscriptions", "", "");
            (shown["subscriptions"].as_array().map_or(0, Vec::len) == count).then_some(())
        });
        bench
    }

    fn journal(&self) -> Journal {
        Journal::open_existing(&self.dir.path().join("bench.db"), Clock::system()).unwrap()
    }

    /// Delivers mails round about the mailboxes, so many a second.
    fn deliver(&self, count: usize, a_second: f64) {
        let mut client = Client::to(&self.base);
        let started = Instant::now();
        for number in 0..count {
            let due = Duration::from_secs_f64(number as f64 / a_second);
            std::thread::sleep(due.saturating_sub(started.elapsed()));
            let address = &self.addresses[number % self.addresses.len()];
            client.ask("POST", &format!("/sim/mailboxes/{address}/deliver"), "message/rfc822", &mail(number, address));
        }
    }

    /// Waits until so many messages are worked off, and gives for each by which it was planned after it was delivered, in ms.
    fn planned_after(&self, count: usize) -> Vec<(String, f64)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _entered = runtime.enter();
        let journal = self.journal();
        let all = i64::try_from(count).unwrap();
        until("every mail is worked off", || {
            let counts = runtime.block_on(journal.counts()).ok()?;
            (counts.messages == all && counts.undecided == 0 && counts.open == 0).then_some(())
        });
        let ledger = Client::to(&self.base).ask("GET", "/sim/ledger", "", "");
        let delivered: HashMap<String, i64> = ledger
            .as_array()
            .unwrap()
            .iter()
            .filter(|entry| entry["effect"] == "delivered")
            .map(|entry| {
                let at: jiff::Timestamp = entry["at"].as_str().unwrap().parse().unwrap();
                (entry["internetMessageId"].as_str().unwrap().to_owned(), at.as_millisecond())
            })
            .collect();
        let lines: Vec<MessageLine> = runtime.block_on(journal.newest(u32::MAX)).unwrap();
        let after = lines.iter().map(|line| {
            let story = runtime.block_on(journal.story(&line.row.to_string())).unwrap();
            let planned = story.lines.iter().find(|line| line.event == "planned").unwrap().at;
            let id = story.message.message_id.clone().unwrap();
            (line.mailbox.clone(), (planned - delivered[&id]) as f64)
        });
        let after = after.collect();
        runtime.block_on(journal.close());
        after
    }
}

fn told() {
    const MAILS: usize = 3_000;
    let bench = Bench::start(1);
    bench.deliver(MAILS, 50.0);
    let after: Vec<f64> = bench.planned_after(MAILS).into_iter().map(|(_, ms)| ms).collect();
    println!("{MAILS} mails, 50 a second, one mailbox: from delivery in the tenant to the recorded plan\n");
    show("ms", &after);
    println!("| CPU ms a mail, run | {:.2} |\n", cpu_of(bench.run.pid()).as_secs_f64() * 1e3 / MAILS as f64);
}

fn forged() {
    const ITEMS: usize = 250;
    const POSTS: usize = 1_000_000 / ITEMS;
    let bench = Bench::start(1);
    std::thread::sleep(Duration::from_secs(3));
    let subscription = Client::to(&bench.base).ask("GET", "/sim/subscriptions", "", "")["subscriptions"][0]["id"].clone();
    let item = format!(
        r#"{{"subscriptionId":{subscription},"clientState":"guess","changeType":"created","resource":"x","resourceData":{{"id":"AAk="}}}}"#
    );
    let body = format!(r#"{{"value":[{}]}}"#, vec![item; ITEMS].join(","));
    let (before, started) = (calls(&bench.base), Instant::now());
    let mut client = Client::to(&bench.hook);
    for _ in 0..POSTS {
        client.ask("POST", "/notifications", "application/json", &body);
    }
    let (seconds, after) = (started.elapsed().as_secs_f64(), calls(&bench.base));
    let caused: HashMap<_, _> = after
        .into_iter()
        .map(|(path, count)| (path.clone(), count - before.get(&path).copied().unwrap_or(0)))
        .filter(|(_, count)| *count > 0)
        .collect();
    println!(
        "{} forged notifications in {POSTS} posts, {seconds:.1} s; calls to the tenant meanwhile: {caused:?}\n",
        ITEMS * POSTS
    );
}

/// Answers while every core spins and the disk is made to sync again and again.
fn busy() {
    const POSTS: usize = 2_000;
    let bench = Bench::start(1);
    let ends = AtomicBool::new(false);
    let body = r#"{"value":[{"subscriptionId":"1","clientState":"guess","changeType":"created","resource":"x"}]}"#;
    let taken = std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while !ends.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        scope.spawn(|| {
            let path = bench.dir.path().join("busy");
            while !ends.load(Ordering::Relaxed) {
                let mut file = std::fs::File::create(&path).unwrap();
                file.write_all(&vec![7; 32 << 20]).unwrap();
                file.sync_all().unwrap();
            }
        });
        scope.spawn(|| bench.deliver(500, 25.0));
        let mut client = Client::to(&bench.hook);
        let taken: Vec<f64> = (0..POSTS)
            .map(|_| {
                let started = Instant::now();
                client.ask("POST", "/notifications", "application/json", body);
                let taken = started.elapsed().as_secs_f64() * 1e3;
                std::thread::sleep(Duration::from_millis(8));
                taken
            })
            .collect();
        ends.store(true, Ordering::Relaxed);
        taken
    });
    println!(
        "{POSTS} notifications answered while every core spins, the disk syncs 32 MiB at a time and 25 mails a second are worked\n"
    );
    show("ms", &taken);
    println!();
}

fn mailboxes() {
    const MAILS: usize = 200 * 20 * 10;
    let bench = Bench::start(200);
    let before = cpu_of(bench.run.pid());
    bench.deliver(MAILS, 200.0 * 20.0 / 60.0);
    let cpu = cpu_of(bench.run.pid()).saturating_sub(before);
    let after: Vec<f64> = bench.planned_after(MAILS).into_iter().map(|(_, ms)| ms).collect();
    println!("200 mailboxes, 20 mails a minute each, ten minutes: from delivery in the tenant to the recorded plan\n");
    show("ms", &after);
    let late = after.iter().filter(|ms| **ms > 5_000.0).count();
    println!("| later than 5 s | {late} |");
    println!("| peak RSS of run, MiB | {:.0} |", memory_kib(bench.run.pid(), "VmHWM") as f64 / 1024.0);
    println!("| CPU of run, share of one core | {:.2} |\n", cpu.as_secs_f64() / 600.0);
    drop(bench.sim);
}

fn broken() {
    const MAILS: usize = 3_000;
    let measure = |fault: Option<&str>| {
        let bench = Bench::start(10);
        if let Some(fault) = fault {
            let fault = format!(r#"{{"on":"any","fault":"{fault}","times":1000000000,"mailbox":"{}"}}"#, bench.addresses[9]);
            Client::to(&bench.base).ask("POST", "/sim/faults", "application/json", &fault);
        }
        let healthy = Bench { addresses: bench.addresses[..9].to_vec(), ..bench };
        if fault.is_some() {
            let mut client = Client::to(&healthy.base);
            for number in 0..300 {
                let address = "shared10@contoso.example";
                let path = format!("/sim/mailboxes/{address}/deliver");
                client.ask("POST", &path, "message/rfc822", &mail(1_000_000 + number, address));
            }
        }
        healthy.deliver(MAILS, 50.0);
        healthy.planned_after(MAILS).into_iter().map(|(_, ms)| ms).collect::<Vec<f64>>()
    };
    println!("nine mailboxes, 50 mails a second together, beside a tenth (where it is broken, 300 mails wait in it)\n");
    for (what, fault) in
        [("that is well", None), ("that is refused everything", Some("503")), ("whose calls hang", Some("hang_before_effect"))]
    {
        show(&format!("beside one {what}, ms"), &measure(fault));
    }
    println!();
}

fn backlog() {
    const MAILS: usize = 10_000;
    let (took, calls) = in_virtual_time(async || {
        let moods = Moods { latency: Span::Exactly(Duration::from_millis(100)), ..Moods::default() };
        let lab = Lab::new(&[("10-all.rhai", RULE)], &Surroundings { moods, ..Surroundings::default() }).await;
        for number in 0..MAILS {
            lab.deliver(&simulated::mail(number, &format!("Mail {number}")));
        }
        let began = lab.clock.stopwatch();
        lab.start().await;
        let journal = lab.journal().unwrap();
        let mut bell = journal.bell();
        loop {
            bell.borrow_and_update();
            let counts = journal.counts().await.unwrap();
            if counts.messages == i64::try_from(MAILS).unwrap() && counts.undecided == 0 && counts.open == 0 {
                break;
            }
            bell.changed().await.unwrap();
        }
        let took = began.elapsed();
        let base = lab.tenant.base_url().trim_start_matches("http://").to_owned();
        let calls = tokio::task::spawn_blocking(move || calls(&base)).await.unwrap();
        lab.end().await;
        (took, calls)
    });
    // Two calls a mail, and a hundred pages to see them: 10,000 in each ten minutes, the last hundred at 40 a second.
    let allowed = Duration::from_millis(1_202_500);
    println!(
        "{MAILS} mails in one mailbox, two calls each, 100 ms a call, 4 at once, 10,000 in ten minutes: {} s of simulated time; the limits allow {} s ({:+.0} %); {calls:?}\n",
        took.as_secs(),
        allowed.as_secs(),
        (took.as_secs_f64() / allowed.as_secs_f64() - 1.0) * 100.0
    );
}

/// The calls that the tenant has answered, by method and path.
fn calls(tenant: &str) -> HashMap<String, u64> {
    let shown = Client::to(tenant).ask("GET", "/sim/requests", "", "");
    let rows = shown.as_array().unwrap().iter();
    rows.map(|row| {
        let name = format!("{} {}", row["method"].as_str().unwrap_or_default(), row["path"].as_str().unwrap_or_default());
        (name, row["count"].as_u64().unwrap_or(0))
    })
    .collect()
}

fn show(unit: &str, values: &[f64]) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |percent: usize| sorted[(sorted.len() - 1) * percent / 100];
    println!("| {unit} | p50 {:.0} | p95 {:.0} | p99 {:.0} | most {:.0} |", at(50), at(95), at(99), at(100));
}

fn mail(number: usize, address: &str) -> String {
    format!(
        "From: Anna Schmidt <anna{number}@fabrikam.example>\r\nTo: {address}\r\nSubject: Delivery {number} is late\r\n\
         Message-ID: <{number}@fabrikam.example>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{}",
        "It should have come yesterday, and our customer waits for it.\r\n".repeat(20)
    )
}

/// One kept connection.
struct Client {
    address: String,
    stream: BufReader<TcpStream>,
}

impl Client {
    fn to(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { address: address.to_owned(), stream: BufReader::new(stream) }
    }

    fn ask(&mut self, method: &str, path: &str, kind: &str, body: &str) -> Value {
        let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{kind}Content-Length: {}\r\n\r\n", self.address, body.len());
        let stream = self.stream.get_mut();
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut length = 0;
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 2"), "{method} {path}: {line}");
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            if line.trim().is_empty() {
                break;
            }
            if let Some(told) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = told.trim().parse().unwrap();
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).unwrap();
        serde_json::from_slice(&answer).unwrap_or(Value::Null)
    }
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} for: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
