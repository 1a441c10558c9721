//! What the running program does: `postroom run` against `postroom sim`, two processes, no delay but their own.
//!
//! ```text
//! cargo bench --bench live                    everything below
//! cargo bench --bench live -- work            2,000 mails: categorised and moved, each step written down before and after
//! cargo bench --bench live -- memory          `run` with 10,000 mails in its journal
//! cargo bench --bench live -- demo            start to first decision; an edited rule to live, and to refused
//! ```

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::cast_precision_loss, missing_docs)]

mod process;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use postroom::clock::Clock;
use postroom::journal::{Counts, Journal};
use process::{Running, cpu_of, memory_kib, spread};

const PROGRAM: &str = env!("CARGO_BIN_EXE_postroom");
const PROJECT: &str = env!("CARGO_MANIFEST_DIR");
const ADDRESS: &str = "shared@contoso.example";
const ROUNDS: usize = 5;
const MAILS: usize = 2_000;
const MANY: usize = 10_000;
/// How often a page or the journal is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// Only the envelope is looked at, so that no content is fetched: two requests a message, one PATCH and one move.
const RULE: &str = "//! Every mail.\n\nfn then(mail) {\n    categorise(\"Seen\");\n    move_to(\"Done\");\n}\n";

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let known = ["work", "memory", "demo"];
    assert!(wanted.iter().all(|part| known.contains(&part.as_str())), "there are: {}", known.join(", "));
    let is_wanted = |part: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == part);
    if is_wanted("work") {
        work();
    }
    if is_wanted("memory") {
        let done = work_off(MANY);
        println!(
            "run with {MANY} mails worked off: {:.1} MiB resident, {:.1} MiB at most\n",
            mib(done.rss_kib),
            mib(done.peak_kib)
        );
    }
    if is_wanted("demo") {
        demo();
    }
}

/// What working off a number of mails came to.
struct Done {
    /// From the start of `run` until every action was done.
    wall: Duration,
    /// Of `run`.
    cpu: Duration,
    /// Of the simulated tenant.
    sim_cpu: Duration,
    rss_kib: u64,
    peak_kib: u64,
}

fn work() {
    let rounds: Vec<Done> = (0..ROUNDS).map(|_| work_off(MAILS)).collect();
    let show = |title: &str, digits: usize, value: &dyn Fn(&Done) -> f64| {
        let (middle, least, most) = spread(&rounds.iter().map(value).collect::<Vec<_>>());
        println!("| {title} | {middle:.digits$} | {least:.digits$} - {most:.digits$} |");
    };
    println!("{MAILS} mails in the tenant when `run` starts: one PATCH and one move each; {ROUNDS} rounds\n");
    println!("| what | median | least - most |\n|---|---|---|");
    show("messages a second, worked off durably", 0, &|done| MAILS as f64 / done.wall.as_secs_f64());
    show("CPU ms a message, run", 2, &|done| done.cpu.as_secs_f64() * 1e3 / MAILS as f64);
    show("CPU ms a message, sim", 2, &|done| done.sim_cpu.as_secs_f64() * 1e3 / MAILS as f64);
    show("cores used, both together", 2, &|done| (done.cpu + done.sim_cpu).as_secs_f64() / done.wall.as_secs_f64());
    show("peak RSS of run, MiB", 1, &|done| mib(done.peak_kib));
    println!();
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn work_off(count: usize) -> Done {
    let dir = tempfile::tempdir().unwrap();
    write_mails(&dir.path().join("mail"), count);
    let (sim, base) = start_sim(&dir.path().join("mail"));
    std::fs::create_dir(dir.path().join("rules")).unwrap();
    std::fs::write(dir.path().join("rules/10-all.rhai"), RULE).unwrap();
    let config = format!(
        "[tenant]\nid = \"contoso.example\"\nclient_id = \"c\"\nclient_secret = {{ env = \"BENCH_SECRET\" }}\n\
         [graph]\nbase_url = \"{base}/v1.0\"\nlogin_url = \"{base}\"\nrequests_per_10_minutes = 1_000_000\n\
         [mailbox.shared]\naddress = \"{ADDRESS}\"\nrules = \"rules\"\npoll = \"1s\"\ncreate_folders = true\n\
         [state]\npath = \"bench.db\"\n[web]\nlisten = \"127.0.0.1:0\"\n"
    );
    std::fs::write(dir.path().join("postroom.toml"), config).unwrap();
    let sim_before = cpu_of(sim.pid());
    let started = Instant::now();
    let mut run = Command::new(PROGRAM);
    run.arg("run").current_dir(dir.path()).env("BENCH_SECRET", "secret").env("POSTROOM_LOG", "warn");
    let run = Running::start(&mut run);
    wait_until_done(&dir.path().join("bench.db"), count);
    let wall = started.elapsed();
    let done = Done {
        wall,
        cpu: cpu_of(run.pid()),
        sim_cpu: cpu_of(sim.pid()).saturating_sub(sim_before),
        rss_kib: memory_kib(run.pid(), "VmRSS"),
        peak_kib: memory_kib(run.pid(), "VmHWM"),
    };
    assert_eq!(moved(&base), count, "the tenant says otherwise");
    done
}

fn write_mails(dir: &Path, count: usize) {
    std::fs::create_dir(dir).unwrap();
    for number in 1..=count {
        let mail = format!(
            "From: Anna Schmidt <anna{number}@fabrikam.example>\r\nTo: {ADDRESS}\r\nSubject: Delivery {number} is late\r\n\
             Date: Mon, 5 Jan 2026 10:{:02}:{:02} +0000\r\nMessage-ID: <{number}@fabrikam.example>\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\r\nGood morning,\r\n\r\nwhere is delivery {number}?\r\n{}\r\nAnna\r\n",
            number / 60 % 60,
            number % 60,
            "It should have come yesterday, and our customer waits for it.\r\n".repeat(20)
        );
        std::fs::write(dir.join(format!("m{number:06}.eml")), mail).unwrap();
    }
}

fn start_sim(mail: &Path) -> (Running, String) {
    let mut command = Command::new(PROGRAM);
    command.args(["sim", "--no-limits", "--mailbox", &format!("{ADDRESS}={}", mail.display())]).stdout(Stdio::piped());
    let mut sim = Running::start(&mut command);
    let mut line = String::new();
    BufReader::new(sim.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let base = line.trim().strip_prefix("listening on ").unwrap().to_owned();
    (sim, base)
}

/// Looks into the journal beside the running program, until every message is decided and every action done.
fn wait_until_done(path: &Path, count: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let journal = until("the journal", || Journal::open_existing(path, Clock::system()).ok());
    let all = i64::try_from(count).unwrap();
    until("every mail is worked off", || {
        let counts = runtime.block_on(journal.counts()).ok()?;
        (counts == Counts { messages: all, undecided: 0, open: 0, waiting: 0 }).then_some(())
    });
    runtime.block_on(journal.close());
}

/// How many of its mails the tenant has in the folder the rule names, with the category.
fn moved(base: &str) -> usize {
    let shown = get(base.trim_start_matches("http://"), &format!("/sim/mailboxes/{ADDRESS}")).unwrap();
    let body = shown.split_once("\r\n\r\n").unwrap().1;
    let mailbox: serde_json::Value = serde_json::from_str(body).unwrap();
    let done = mailbox["folders"]["Done"].as_array().unwrap();
    done.iter().filter(|mail| mail["categories"] == serde_json::json!(["Seen"])).count()
}

fn demo() {
    let mut first = Vec::new();
    let (mut live, mut refused) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        // A copy, for its rules are edited.
        let dir = tempfile::tempdir().unwrap();
        for name in ["rules", "fixtures", "postroom.toml"] {
            let copied = Command::new("cp").arg("-r").arg(Path::new(PROJECT).join(name)).arg(dir.path()).status().unwrap();
            assert!(copied.success());
        }
        let address = free_address();
        let started = Instant::now();
        let mut command = Command::new(PROGRAM);
        command.args(["demo", "--listen", &address]).current_dir(dir.path()).stderr(Stdio::null());
        let _demo = Running::start(&mut command);
        until("a decision on the page", || get(&address, "/").filter(|page| page.contains("class=\"chip ")));
        first.push(started.elapsed().as_secs_f64() * 1e3);
        // Every mail that is there at the start is out of the way before rules are edited.
        until("the demo is worked off", || get(&address, "/").filter(|page| page.contains("<b>0</b> actions open")));
        let rule = dir.path().join("rules/support/70-new-tickets.rhai");
        let text = std::fs::read_to_string(&rule).unwrap();
        let before = version(&get(&address, "/").unwrap());
        let started = Instant::now();
        std::fs::write(&rule, format!("{text}\n// edited\n")).unwrap();
        until("the edited rules are live", || get(&address, "/").filter(|page| version(page) != before));
        live.push(started.elapsed().as_secs_f64() * 1e3);
        let started = Instant::now();
        std::fs::write(&rule, format!("{text}\nfn broken(mail) {{ mail.atachment(\"*.pdf\") }}\n")).unwrap();
        until("the broken rules are refused", || get(&address, "/").filter(|page| page.contains("were refused")));
        refused.push(started.elapsed().as_secs_f64() * 1e3);
    }
    println!("demo, {ROUNDS} rounds; every page that is looked at costs it time too\n");
    println!("| what | median ms | least - most |\n|---|---|---|");
    for (title, values) in [
        ("start of the process to the first decision on the page", &first),
        ("edited rule saved to live", &live),
        ("broken rule saved to refused", &refused),
    ] {
        let (middle, least, most) = spread(values);
        println!("| {title} | {middle:.0} | {least:.0} - {most:.0} |");
    }
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// The versions of the live rules, as the page shows them.
fn version(page: &str) -> String {
    let mut found = String::new();
    for part in page.split("rules <code>").skip(1) {
        write!(found, "{} ", part.split('<').next().unwrap_or_default()).unwrap();
    }
    found
}

/// One GET; `None` while nobody answers.
fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.starts_with("HTTP/1.1 200").then_some(answer)
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} for: {what}");
        std::thread::sleep(LOOK);
    }
}
