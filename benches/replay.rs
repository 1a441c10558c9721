//! What `postroom replay` costs, beside what it cannot do without: reading the mail, and parsing it.
//!
//! ```text
//! cargo bench --bench replay                  makes 10,000 mails in target/bench-mail (python3, half a minute, 740 MB), then measures
//! cargo bench --bench replay -- DIR           other mail: a folder of .eml, or one with `eml/` and a `manifest.jsonl` beside it
//! cargo bench --bench replay -- --rounds 9    5 is what is done otherwise
//! ```
//!
//! Each figure is a process of its own, so that none warms or bloats another. Every round does all of them in turn; what is said of a
//! ratio is the median over the rounds. Where there is a manifest, the results are first compared with it.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::cast_precision_loss, missing_docs)]

mod process;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use process::mail::{files, generated};
use process::{Cost, cost_of, spread};
use serde_json::{Value, json};

/// Mail that shows whether memory grows with their number.
const FEW: usize = 1_000;
const PROGRAM: &str = env!("CARGO_BIN_EXE_postroom");
const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches");

/// What is measured, in the order in which a round does it.
const VARIANTS: [(&str, &str); 6] = [
    ("read", "read the files"),
    ("parse", "read + parse, mail-parser alone"),
    ("message", "read + Message::from_raw"),
    ("replay 1", "replay, 1 job"),
    ("replay 2", "replay, 2 jobs"),
    ("few", "replay, 1 job, the first 1,000 only"),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let given: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match given.as_slice() {
        ["--child", variant, dir] => child(variant, Path::new(dir)),
        [] => measure(&generated(), 5),
        ["--rounds", rounds] => measure(&generated(), rounds.parse().unwrap()),
        [dir] => measure(Path::new(dir), 5),
        [dir, "--rounds", rounds] | ["--rounds", rounds, dir] => measure(Path::new(dir), rounds.parse().unwrap()),
        other => panic!("what is {other:?}? Give a folder of mail and `--rounds N`, or nothing"),
    }
}

/// The cheap variants, in a process of their own.
fn child(variant: &str, dir: &Path) {
    for path in files(dir) {
        let raw = std::fs::read(&path).unwrap();
        match variant {
            "read" => drop(std::hint::black_box(raw)),
            "parse" => drop(std::hint::black_box(mail_parser::MessageParser::default().parse(&raw))),
            "message" => drop(std::hint::black_box(postroom::mail::Message::from_raw(raw, &path.to_string_lossy()))),
            other => panic!("there is no variant {other}"),
        }
    }
}

fn replay(dir: &Path, jobs: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["--config", &format!("{HERE}/postroom.toml"), "replay"]).arg(dir);
    command.args(["--mailbox", "shared", "--format", "jsonl", "--jobs", jobs]).stderr(Stdio::null()).stdout(Stdio::null());
    command
}

fn command(variant: &str, dir: &Path, few: &Path) -> Command {
    match variant {
        "replay 1" => replay(dir, "1"),
        "replay 2" => replay(dir, "2"),
        "few" => replay(few, "1"),
        _ => {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.arg("--child").arg(variant).arg(dir);
            command
        }
    }
}

fn measure(dir: &Path, rounds: usize) {
    let eml = if dir.join("eml").is_dir() { dir.join("eml") } else { dir.to_owned() };
    let all = files(&eml);
    assert!(!all.is_empty() && rounds > 0, "there is no .eml in {}", eml.display());
    let manifest = dir.join("manifest.jsonl");
    if manifest.is_file() {
        compare(&eml, &manifest);
    }
    let some = tempfile::tempdir().unwrap();
    for path in all.iter().take(FEW) {
        std::fs::copy(path, some.path().join(path.file_name().unwrap())).unwrap();
    }
    let mut costs: BTreeMap<&str, Vec<Cost>> = BTreeMap::new();
    for _ in 0..rounds {
        for (variant, _) in VARIANTS {
            costs.entry(variant).or_default().push(cost_of(&mut command(variant, &eml, some.path())));
        }
    }
    println!("{} messages, {rounds} rounds; median (least - most); CPU is user + system time of all threads\n", all.len());
    println!("| what | CPU µs a message | CPU / parse | messages a second | peak RSS MiB |\n|---|---|---|---|---|");
    let micros = |cost: &Cost, count: usize| cost.cpu.as_secs_f64() * 1e6 / count as f64;
    for (variant, title) in VARIANTS {
        let count = if variant == "few" { all.len().min(FEW) } else { all.len() };
        let cpu: Vec<f64> = costs[variant].iter().map(|cost| micros(cost, count)).collect();
        let pairs = costs[variant].iter().zip(&costs["parse"]);
        let ratio: Vec<f64> = pairs.map(|(cost, parse)| micros(cost, count) / micros(parse, all.len())).collect();
        let pace: Vec<f64> = costs[variant].iter().map(|cost| count as f64 / cost.wall.as_secs_f64()).collect();
        let peak: Vec<f64> = costs[variant].iter().map(|cost| cost.peak_kib as f64 / 1024.0).collect();
        // Other messages than those that were parsed: a ratio would compare what cannot be compared.
        let ratio = if variant == "few" { String::new() } else { shown(&ratio, 2) };
        println!("| {title} | {} | {ratio} | {} | {} |", shown(&cpu, 1), shown(&pace, 0), shown(&peak, 1));
    }
    let gain = costs["replay 1"].iter().zip(&costs["replay 2"]).map(|(one, two)| one.wall.as_secs_f64() / two.wall.as_secs_f64());
    println!("\n2 jobs are {} times as fast as 1.", shown(&gain.collect::<Vec<_>>(), 2));
}

fn shown(values: &[f64], digits: usize) -> String {
    let (middle, least, most) = spread(values);
    format!("{middle:.digits$} ({least:.digits$} - {most:.digits$})")
}

/// Says how many of the results are what the manifest wants.
fn compare(eml: &Path, manifest: &Path) {
    let output = replay(eml, "2").stdout(Stdio::piped()).output().unwrap();
    let results = String::from_utf8(output.stdout).unwrap();
    let lines = |text: &str| -> Vec<Value> { text.lines().map(|line| serde_json::from_str(line).unwrap()).collect() };
    let mut wanted: BTreeMap<String, Value> = BTreeMap::new();
    for line in lines(&std::fs::read_to_string(manifest).unwrap()) {
        wanted.insert(format!("{}.eml", line["id"].as_str().unwrap()), facts(&line));
    }
    let (mut right, mut wrong, count) = (0, String::new(), wanted.len());
    for result in lines(&results) {
        let file = result["file"].as_str().unwrap();
        let (found, wanted) = (found(&result), wanted.remove(file).unwrap_or_default());
        if found == wanted {
            right += 1;
        } else {
            writeln!(wrong, "{file}: {found} instead of {wanted}").unwrap();
        }
    }
    for file in wanted.keys() {
        writeln!(wrong, "{file}: no result").unwrap();
    }
    println!("{right} of {count} as the manifest says\n");
    for line in wrong.lines().take(20) {
        println!("{line}");
    }
}

/// What the manifest says of one message.
fn facts(line: &Value) -> Value {
    let value = |key: &str| line[key].clone();
    match line["rule"].as_str().unwrap() {
        "invoices" => json!({ "rule": "invoices", "number": value("number"), "total": value("total"), "due": value("due") }),
        "orders" => json!({ "rule": "orders", "rows": value("rows") }),
        "support" => json!({ "rule": "support", "ticket": value("ticket") }),
        other => json!({ "rule": other }),
    }
}

/// The same out of a line of `replay --format jsonl`.
fn found(result: &Value) -> Value {
    const COLUMNS: [&str; 5] = ["Pos", "SKU", "Description", "Qty", "Price"];
    let action = &result["actions"][0];
    let record = |key: &str| action["record"][key].clone();
    match result["rules"][0].as_str() {
        Some("10-invoices") => {
            json!({ "rule": "invoices", "number": record("number"), "total": record("total"), "due": record("due") })
        }
        Some("20-orders") => {
            let row = |row: &Value| COLUMNS.iter().filter_map(|column| row.get(column)).cloned().collect::<Vec<_>>();
            json!({ "rule": "orders", "rows": record("rows").as_array().map(|rows| rows.iter().map(row).collect::<Vec<_>>()) })
        }
        Some("30-bulk") => json!({ "rule": "bulk" }),
        Some("40-support") => json!({ "rule": "support", "ticket": result["notes"][0] }),
        _ => json!({ "rule": result["decision"] }),
    }
}
