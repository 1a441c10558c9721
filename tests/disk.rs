//! The disk fails at every write, sync and truncation of the database in turn: nothing that was acknowledged is lost, and nothing
//! is acknowledged after an error that makes SQLite untrustworthy.
//!
//! A run is a process of its own (this test binary once more, with a story that is otherwise ignored) under a small C library that
//! makes the Nth call fail. Both of its outputs are one pipe, so that what it said before and after the strike is known.

mod program;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use postroom::clock::Clock;
use postroom::ids::{ActionId, MailboxName, MessageId, RuleSetHash};
use postroom::journal::{Arrival, Beginning, Event, Journal, JournalError, Limits, Looked, Row, Sent};
use postroom::mail::{Address, Envelope};
use postroom::plan::{Action, Plan, PlannedAction, Question};
use serde_json::json;

/// The exit code of a process that the library made go.
const GONE: i32 = 86;
/// Runs at once: the machine's cores are shared.
const AT_ONCE: usize = 2;
/// How long after an error the process may take to end.
pub const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// The compiled library.
pub fn faulty_disk() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/disk/faulty_disk.c");
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faulty_disk_{}.so", std::process::id()));
        let compiled = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-Wall", "-o"]).arg(&library).arg(source).output();
        let output =
            compiled.unwrap_or_else(|error| panic!("these tests need a C compiler named cc, and it cannot be run: {error}"));
        assert!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
        library
    })
}

// What a run does.

/// Says a line on the pipe; the test harness captures only what is printed by macros.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).unwrap();
}

/// One step, repeated while the disk is full. What it acknowledges is said as a query that must give 1 ever after.
async fn step<T>(check: impl Fn(&T) -> String, work: impl AsyncFn() -> Result<T, JournalError>) -> Option<T> {
    for _ in 0..50 {
        match work().await {
            Ok(done) => {
                say(&format!("ack {}", check(&done)));
                return Some(done);
            }
            Err(error) if error.is_passing() => say(&format!("passing {error}")),
            Err(error) => {
                say(&format!("error {error}"));
                return None;
            }
        }
    }
    say("error the disk stayed full");
    None
}

fn inbox() -> Arrival {
    Arrival { mailbox: MailboxName::new("invoices"), folder: "Inbox".into() }
}

fn envelope(name: &str, preview: &str) -> Envelope {
    Envelope {
        id: Some(MessageId::new(name)),
        internet_message_id: Some(format!("<{name}@fabrikam.com>")),
        from: Some(Address::new("billing@fabrikam.com")),
        preview: preview.into(),
        ..Envelope::default()
    }
}

async fn page(journal: &Journal, names: &[String], preview: &str) -> Option<()> {
    let list = names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    let check = |_: &_| {
        format!(
            "SELECT (SELECT count(*) FROM message WHERE graph_id IN ({list})) = {} AND (SELECT count(*) FROM cursor) = 1",
            names.len()
        )
    };
    let envelopes = || names.iter().map(|name| envelope(name, preview)).collect();
    step(check, async || {
        journal.record_page(&inbox(), envelopes(), Looked { next: format!("after {list}"), calls: 0 }, jiff::Timestamp::MIN).await
    })
    .await
    .map(|_| ())
}

async fn event(journal: &Journal, row: Row, id: &ActionId, event: Event, status: &str) -> Option<()> {
    let check = |_: &_| format!("SELECT count(*) = 1 FROM event WHERE action = '{id}' AND kind = '{status}'");
    step(check, async || journal.record(row, vec![(id.clone(), event.clone())]).await).await.map(|_| ())
}

/// A message from its arrival until its first actions are done.
async fn message(journal: &Journal, number: i64) -> Option<()> {
    page(journal, &[format!("m{number}")], "").await?;
    let row = Row(number);
    let question = Question::Ask { endpoint: "erp".into(), request: json!({ "number": number }) };
    let asked = |(): &()| format!("SELECT count(*) = 1 FROM question WHERE message = {number}");
    step(asked, async || journal.record_question(row, &question).await).await?;
    let answered = |(): &()| format!("SELECT answer IS NOT NULL FROM question WHERE message = {number}");
    step(answered, async || journal.record_answer(row, &question, json!({ "known": true })).await).await?;
    let hash = RuleSetHash::new("7f3a91c");
    let kept = |(): &()| "SELECT count(*) = 1 FROM rule_set".to_owned();
    step(kept, async || journal.keep_rule_set(&hash, &[("10-a.rhai".to_owned(), "//! A.".to_owned())].into()).await).await?;
    let planned = |action: Action| PlannedAction { rule: "10-a".into(), action, withheld: None };
    let actions = [Action::Post { endpoint: "erp".into(), record: json!({ "number": number }) }, Action::MarkRead];
    let plan = Plan { rules: vec!["10-a".into()], actions: actions.map(planned).into(), ..Plan::default() };
    let is_planned = |_: &_| format!("SELECT count(*) = 2 FROM action WHERE message = {number}");
    step(is_planned, async || journal.record_plan(row, &hash, plan.clone()).await).await?;
    let mut turn = match journal.turn(row).await {
        Ok(turn) => turn,
        Err(error) => {
            say(&format!("error {error}"));
            return None;
        }
    };
    let ids: Vec<ActionId> = std::mem::take(&mut turn.actions).into_iter().map(|action| action.id).collect();
    let sent = Sent { mailbox: MailboxName::new("invoices"), recipient: "a@fabrikam.com".into(), conversation: None };
    let limits = Limits { mailbox_minute: 100, ..Limits::default() };
    let beginning = Beginning { step: "send".into(), mail: Some((sent, limits)), brake: None };
    let begun = |_: &_| format!("SELECT count(*) = 1 FROM sent WHERE action = '{}'", ids[0]);
    step(begun, async || journal.begin(&turn, vec![ids[0].clone()], beginning.clone()).await).await?;
    event(journal, row, &ids[0], Event::Done { result: json!({ "id": "ERP-1" }) }, "done").await?;
    event(journal, row, &ids[1], Event::Started { step: "patch".into() }, "started").await
}

/// A message, and three pages that are committed together.
async fn short(journal: &Journal) -> Option<()> {
    message(journal, 1).await?;
    let group = async |number: i64| page(journal, &[format!("m{number}")], "").await;
    let (a, b, c) = tokio::join!(group(2), group(3), group(4));
    a.and(b).and(c)
}

/// More pages than the log takes before they go over into the database's own file.
async fn long(journal: &Journal) -> Option<()> {
    for part in 0..12 {
        let names: Vec<String> = (0..60).map(|number| format!("p{part}m{number}")).collect();
        page(journal, &names, &"x".repeat(6_000)).await?;
    }
    Some(())
}

/// Does the work on the database that the environment names, as a process of its own.
fn work_off(work: impl AsyncFnOnce(&Journal) -> Option<()>) {
    let Ok(database) = std::env::var("FAULTY_DISK_DATABASE") else { panic!("this is run by the other stories of this file") };
    // The harness has begun a line of its own.
    say("");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let code = runtime.block_on(async {
        let journal = match Journal::open(Path::new(&database), Clock::system()) {
            Ok(journal) => journal,
            Err(error) => {
                say(&format!("error {error}"));
                return 3;
            }
        };
        say("ack SELECT count(*) > 5 FROM sqlite_master");
        if work(&journal).await.is_none() {
            // Whoever goes on all the same must be refused.
            for number in 7..10 {
                page(&journal, &[format!("m{number}")], "").await;
            }
            let told = tokio::time::timeout(ENDS_WITHIN, journal.broken()).await;
            say(if told.is_ok() { "told" } else { "not told" });
            return 3;
        }
        say("closing");
        journal.close().await;
        0
    });
    say("ended");
    std::process::exit(code);
}

#[test]
#[ignore = "the work of a run, done in a process of its own"]
fn the_short_work_of_a_run() {
    work_off(short);
}

#[test]
#[ignore = "the work of a run, done in a process of its own"]
fn the_long_work_of_a_run() {
    work_off(long);
}

// What is asked of a run.

/// Which call fails, and how.
#[derive(Clone, Copy)]
struct Fault {
    mode: &'static str,
    on: &'static str,
    file: &'static str,
    times: u32,
}

const fn any(mode: &'static str) -> Fault {
    Fault { mode, on: "any", file: "", times: 1 }
}

/// What a run said and how it ended.
struct Run {
    lines: Vec<String>,
    code: Option<i32>,
    /// From the strike to the end.
    ended_after: Duration,
}

impl Run {
    /// Where it was struck, if it was.
    fn struck(&self) -> Option<usize> {
        self.lines.iter().position(|line| line.starts_with("faulty disk: "))
    }

    fn has(&self, start: &str) -> bool {
        self.lines.iter().any(|line| line.starts_with(start))
    }
}

fn run(work: &str, database: &Path, fault: Fault, nth: u32) -> Run {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("disk::the_{work}_work_of_a_run"), "--ignored", "--nocapture", "--test-threads=1"]);
    command.env("LD_PRELOAD", faulty_disk()).env("FAULTY_DISK_DATABASE", database);
    command.env("FAULTY_DISK_NTH", nth.to_string()).env("FAULTY_DISK_TIMES", fault.times.to_string());
    command.env("FAULTY_DISK_MODE", fault.mode).env("FAULTY_DISK_ON", fault.on).env("FAULTY_DISK_FILE", fault.file);
    command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut child = command.spawn().unwrap();
    // It holds the pipe's other end, which must close with the child.
    drop(command);
    let (mut lines, mut struck) = (Vec::new(), None);
    for line in BufReader::new(reader).lines() {
        let line = line.unwrap();
        if line.starts_with("faulty disk: ") {
            struck = Some(Instant::now());
        }
        lines.push(line);
    }
    let code = child.wait().unwrap().code();
    Run { lines, code, ended_after: struck.map_or(Duration::ZERO, |at| at.elapsed()) }
}

/// Whether a run kept what is promised; the error says what it did not.
fn judge(run: &Run, database: &Path, fault: Fault) -> Result<(), String> {
    let Some(struck) = run.struck() else {
        return if run.code == Some(0) && run.has("ended") {
            sound(run, database)
        } else {
            Err("it failed without a fault".into())
        };
    };
    let after = &run.lines[struck + 1..];
    let acknowledged_after = after.iter().any(|line| line.starts_with("ack "));
    let was_closing = run.lines[..struck].iter().any(|line| line == "closing");
    match fault.mode {
        "exit_before" | "exit_after" | "torn" if run.code != Some(GONE) => return Err("it outlived its end".into()),
        "exit_before" | "exit_after" | "torn" => {}
        _ if !run.has("ended") => return Err("it did not end by itself".into()),
        _ if run.has("not told") => return Err("nobody was told that the journal is broken".into()),
        _ if run.ended_after > ENDS_WITHIN => return Err(format!("it ended only after {:?}", run.ended_after)),
        "enospc" | "half_enospc" => {
            let was_open = run.lines[..struck].iter().any(|line| line.starts_with("ack "));
            // The index beside the log is the exception: when that cannot grow, SQLite says no more than that a file failed.
            let wrote =
                ["write of postroom.db-wal,", "write of postroom.db,"].iter().any(|what| run.lines[struck].contains(what));
            if was_open && wrote && run.code != Some(0) {
                return Err("it did not go on when there was space again".into());
            }
            if acknowledged_after && run.code != Some(0) {
                return Err("it went on for a while".into());
            }
        }
        _ if acknowledged_after => return Err("a step was acknowledged after the error".into()),
        _ if !was_closing && run.code != Some(3) => return Err("the error was not noticed".into()),
        _ => {}
    }
    sound(run, database)
}

/// Without the library: the database is whole, has everything that was acknowledged, and can be worked with.
fn sound(run: &Run, database: &Path) -> Result<(), String> {
    let told = |error: rusqlite::Error| error.to_string();
    {
        let connection = rusqlite::Connection::open(database).map_err(told)?;
        let integrity: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(told)?;
        if integrity != "ok" {
            return Err(integrity);
        }
        for query in run.lines.iter().filter_map(|line| line.strip_prefix("ack ")) {
            match connection.query_row(query, [], |row| row.get::<_, i64>(0)) {
                Ok(1) => {}
                other => return Err(format!("acknowledged and lost: {query} gives {other:?}")),
            }
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime
        .block_on(async {
            let journal = Journal::open(database, Clock::system())?;
            journal.doubt_running().await?;
            journal
                .record_page(&inbox(), vec![envelope("next", "")], Looked { next: "next".into(), calls: 0 }, jiff::Timestamp::MIN)
                .await?;
            journal.close().await;
            Ok(())
        })
        .map_err(|error: JournalError| format!("the next start fails: {error}"))
}

/// Runs with the fault at each of these calls until a run is not struck any more; how many runs that were.
fn until_clean(work: &str, fault: Fault, calls: &(dyn Fn(u32) -> u32 + Sync), wrong: &Mutex<Vec<String>>) -> u32 {
    let (next, clean) = (AtomicU32::new(1), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while !clean.load(Ordering::SeqCst) {
                    let nth = calls(next.fetch_add(1, Ordering::SeqCst));
                    let dir = tempfile::tempdir().unwrap();
                    let database = dir.path().join("postroom.db");
                    let run = run(work, &database, fault, nth);
                    if let Err(reason) = judge(&run, &database, fault) {
                        let Fault { mode, on, file, .. } = fault;
                        let lines = run.lines.join("\n  ");
                        let code = run.code;
                        wrong
                            .lock()
                            .unwrap()
                            .push(format!("{work} {mode} {on} {file} {nth}: {reason} (exit {code:?})\n  {lines}"));
                    }
                    if run.struck().is_none() {
                        clean.store(true, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    next.load(Ordering::SeqCst) - 1
}

fn all_clean(work: &str, faults: &[Fault], calls: &(dyn Fn(u32) -> u32 + Sync), runs_min: u32) {
    let (wrong, began) = (Mutex::new(Vec::new()), Instant::now());
    let runs: u32 = faults.iter().map(|fault| until_clean(work, *fault, calls, &wrong)).sum();
    eprintln!("{runs} {work} runs on a faulty disk in {:.0?}", began.elapsed());
    let wrong = wrong.into_inner().unwrap();
    let heads: Vec<&str> = wrong.iter().filter_map(|one| one.lines().next()).collect();
    assert!(wrong.is_empty(), "{} of {runs} runs went wrong:\n{}\n{}", wrong.len(), heads.join("\n"), wrong[0]);
    assert!(runs >= runs_min, "only {runs} runs: the library does not see the calls");
}

#[test]
fn no_failing_call_loses_what_was_acknowledged_or_lets_the_journal_go_on_after_an_error() {
    let full = |mode| Fault { times: 3, ..any(mode) };
    let faults =
        [any("eio"), any("half_eio"), full("enospc"), any("half_enospc"), any("torn"), any("exit_before"), any("exit_after")];
    all_clean("short", &faults, &|place| place, 600);
}

#[test]
fn a_read_that_fails_ends_the_journal_too() {
    all_clean("short", &[Fault { on: "read", ..any("eio") }], &|place| place, 10);
}

/// 1, 2, 3, 5, 8 …: the calls of a checkpoint are many and alike.
fn ever_further(place: u32) -> u32 {
    (1..place).fold((1, 2), |(one, two), _| (two, one + two)).0
}

#[test]
fn a_checkpoint_that_fails_ends_the_journal_and_one_that_is_cut_off_loses_nothing() {
    let file = |mode| Fault { file: ".db", ..any(mode) };
    let full = Fault { times: 3, ..file("enospc") };
    let faults = [file("eio"), file("half_eio"), full, file("torn"), file("exit_before"), file("exit_after")];
    all_clean("long", &faults, &ever_further, 40);
    let syncs = [Fault { on: "sync", ..file("eio") }, Fault { on: "sync", file: "", ..file("eio") }];
    all_clean("long", &syncs, &|place| place, 10);
}
