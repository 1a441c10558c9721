//! What it costs that content is parsed in children, and that the process marks which message it works on.
//!
//! ```text
//! cargo bench --bench parsing -- DIR          DIR: a folder of .eml, as `python3 benches/make_mail.py -n 1000 --out DIR` makes them
//! ```
//!
//! Without DIR, the fixtures. Each figure is the median of five rounds over all the mail, one message after another.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::cast_precision_loss, missing_docs)]

mod process;

use std::path::{Path, PathBuf};
use std::time::Instant;

use postroom::clock::Clock;
use postroom::journal::{Deciding, Journal, Row};
use postroom::mail::{self, Content};
use postroom::parsing::{Limits, Parser, Parsing};
use process::{memory_kib, spread};

const ROUNDS: usize = 5;
/// Children that are started one after another.
const STARTS: usize = 50;
const MARKS: i64 = 100_000;

fn main() {
    let dir = std::env::args().skip(1).find(|argument| argument != "--bench").map(PathBuf::from);
    let dir = dir.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"));
    let mails: Vec<Vec<u8>> = files(&dir).iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(!mails.is_empty(), "there is no .eml in {}", dir.display());
    let bytes: usize = mails.iter().map(Vec::len).sum();
    println!("{} mails of {} bytes on average; {ROUNDS} rounds\n", mails.len(), bytes / mails.len());
    println!("| what | median | least - most |\n|---|---|---|");
    let each = |title: &str, work: &dyn Fn(Vec<u8>)| {
        line(title, "µs a message", &rounds(|| mails.iter().for_each(|raw| work(raw.clone())), mails.len()));
    };
    each("parsed here, as `replay` does", &|raw| drop(std::hint::black_box(Content::parse(raw))));
    each("parsed and read to the end here", &|raw| drop(std::hint::black_box(mail::read_everything(raw).unwrap())));
    let parser = children();
    each("parsed in a child, as `run` does", &|raw| drop(std::hint::black_box(parser.parse(raw).unwrap())));
    println!("| memory of that child | {:.1} MiB | {:.1} at most |", resident("VmRSS"), resident("VmHWM"));
    drop(parser);

    let start = |_| rounds(|| drop(children().parse(b"Subject: s\r\n\r\nx\r\n".to_vec()).unwrap()), 1)[0];
    line("start of a child, its first small message, its end", "µs", &(0..STARTS).map(start).collect::<Vec<_>>());
    for (title, unit) in [("35 MB in one line", "x"), ("35 MB of lines", "A line of a letter, as people write them.\r\n")] {
        let raw =
            format!("From: a@fabrikam.com\r\nSubject: s\r\n\r\n{}", unit.repeat(((35 << 20) - 100) / unit.len())).into_bytes();
        let parser = children();
        let took = rounds(|| drop(parser.parse(raw.clone()).unwrap()), 1000);
        line(title, "ms", &took);
        println!("| memory of its child | {:.1} MiB | {:.1} MiB of addresses |", resident("VmHWM"), resident("VmPeak"));
    }
    mark();
}

/// One round's time a piece, in microseconds, for each round.
fn rounds(mut round: impl FnMut(), pieces: usize) -> Vec<f64> {
    let timed = (0..ROUNDS).map(|_| {
        let started = Instant::now();
        round();
        started.elapsed().as_secs_f64() * 1e6 / pieces as f64
    });
    timed.collect()
}

fn line(title: &str, unit: &str, values: &[f64]) {
    let (middle, least, most) = spread(values);
    println!("| {title} | {middle:.1} {unit} | {least:.1} - {most:.1} |");
}

fn children() -> Parser {
    Parser::new(Parsing::Children {
        program: env!("CARGO_BIN_EXE_postroom").into(),
        limits: Limits { messages: u32::MAX, ..Limits::default() },
    })
}

/// Memory of the one child there is, in MiB.
fn resident(name: &str) -> f64 {
    let own = std::process::id();
    let list = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap();
    memory_kib(list.split_whitespace().next().unwrap().parse().unwrap(), name) as f64 / 1024.0
}

fn mark() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&dir.path().join("bench.db"), Clock::system()).unwrap();
    let deciding = runtime.block_on(Deciding::take_up(&journal)).unwrap();
    let marked = rounds(|| (1..=MARKS).for_each(|row| drop(deciding.mark(Row(row)))), usize::try_from(MARKS).unwrap());
    line("a mark written and removed", "µs", &marked);
    runtime.block_on(journal.close());
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.extension().is_some_and(|extension| extension == "eml") {
            files.push(path);
        }
    }
    files.sort();
    files
}
