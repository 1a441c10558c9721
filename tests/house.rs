//! The house's own law: who uses whom, how long a file may be, what running code may not contain.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;

/// Leaves that every module may use.
const LEAVES: [&str; 8] = ["ids", "clock", "verdict", "outgoing", "panics", "roster", "bulkhead", "looks"];
/// Values that every module above them may use.
const VALUES: [&str; 2] = ["mail", "plan"];
/// What each module may use beside leaves and values.
const EDGES: [(&str, &[&str]); 18] = [
    ("mail", &[]),
    ("plan", &[]),
    ("text", &[]),
    ("templates", &["text"]),
    ("rules", &["text", "templates"]),
    ("parsing", &[]),
    ("journal", &[]),
    ("graph", &[]),
    ("endpoints", &[]),
    ("intake", &["graph", "journal", "text"]),
    ("decider", &["rules", "journal", "endpoints", "graph", "parsing"]),
    ("executor", &["journal", "graph", "endpoints", "templates", "parsing"]),
    ("replay", &["rules", "journal", "templates", "text"]),
    ("web", &["journal", "intake"]),
    ("simulator", &[]),
    ("config", &["text"]),
    ("daemon", &["*"]),
    ("cli", &["*"]),
];
/// Modules that are handed the time instead of a clock.
const WITHOUT_CLOCK: [&str; 5] = ["mail", "plan", "text", "templates", "rules"];
/// Lines of a file without its tests.
const LINES_MAX: usize = 500;

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(dir: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.clone(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 50, "the sources were not found");
    found.sort();
    found
}

/// The code that runs: no tests, no comments.
fn running_code(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text);
    before_tests.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn module(path: &Path) -> String {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    inside.iter().next().unwrap().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// Files that only tests compile.
fn is_test_file(path: &Path, all: &[(PathBuf, String)]) -> bool {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let declared = format!("#[cfg(test)]\nmod {name};");
    let parents = [path.with_file_name("mod.rs"), path.parent().unwrap().with_extension("rs")];
    let inside_tests = path.iter().any(|part| part == "stories");
    inside_tests || all.iter().any(|(other, text)| parents.contains(other) && text.contains(&declared))
}

#[test]
fn modules_use_only_whom_they_may() {
    let all = sources();
    let edges: BTreeMap<&str, &[&str]> = EDGES.into_iter().collect();
    let word = Regex::new(r"crate::(\{[^}]*\}|[a-z_]+)").unwrap();
    let mut wrong = BTreeSet::new();
    for (path, text) in &all {
        let from = module(path);
        let Some(allowed) = edges.get(from.as_str()) else { continue };
        if is_test_file(path, &all) || allowed.contains(&"*") {
            continue;
        }
        for found in word.captures_iter(&running_code(text)) {
            for to in found[1].split(|letter: char| !letter.is_ascii_lowercase() && letter != '_').filter(|word| !word.is_empty())
            {
                let known = LEAVES.contains(&to) || edges.contains_key(to);
                let simulator_alone = from == "simulator" && VALUES.contains(&to);
                let fine =
                    to == from || LEAVES.contains(&to) || (VALUES.contains(&to) && !simulator_alone) || allowed.contains(&to);
                let clock = to == "clock" && WITHOUT_CLOCK.contains(&from.as_str());
                if known && (!fine || clock) {
                    wrong.insert(format!("{from} uses {to} ({})", path.display()));
                }
            }
        }
    }
    assert_eq!(wrong, BTreeSet::new());
}

#[test]
fn every_module_of_the_map_has_its_rule() {
    let named: BTreeSet<String> = EDGES.iter().map(|(name, _)| (*name).to_owned()).chain(LEAVES.map(str::to_owned)).collect();
    let found: BTreeSet<String> =
        sources().iter().map(|(path, _)| module(path)).filter(|name| name != "lib" && name != "main").collect();
    assert_eq!(found.difference(&named).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let long: Vec<String> = sources()
        .iter()
        .filter_map(|(path, text)| {
            let lines = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text).lines().count();
            (lines > LINES_MAX).then(|| format!("{} has {lines} lines", path.display()))
        })
        .collect();
    assert_eq!(long, Vec::<String>::new());
}

#[test]
fn running_code_keeps_to_what_the_house_forbids() {
    let all = sources();
    // SQL and rusqlite live in the journal, time in the clock, threads where they are joined.
    let rules: [(&str, &[&str]); 7] = [
        (r"\brusqlite::", &["journal"]),
        (r"\bInstant::now\(|SystemTime::now\(|Timestamp::now\(|Zoned::now\(", &["clock"]),
        (
            r"\bthread::spawn\(|\btokio::spawn\(|thread::Builder|thread::scope",
            &["clock", "journal", "replay", "simulator", "daemon"],
        ),
        // Processes are started where they are ended.
        (r"\bprocess::Command|\bCommand::new\(|\btokio::process", &["parsing", "decider"]),
        (r"\brhai::", &["rules"]),
        (r"\bscraper::|\bmail_parser::", &["mail", "simulator"]),
        (r"cfg!\(test\)|cfg\(not\(test\)\)", &[]),
    ];
    let mut wrong = Vec::new();
    for (path, text) in &all {
        if is_test_file(path, &all) {
            continue;
        }
        let (from, code) = (module(path), running_code(text));
        for (pattern, allowed) in &rules {
            if !allowed.contains(&from.as_str()) && Regex::new(pattern).unwrap().is_match(&code) {
                wrong.push(format!("{} has {pattern}", path.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
