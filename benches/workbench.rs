//! What the analyst waits for: `check`, `test`, `impact`, and what coverage adds.
//!
//! ```text
//! cargo bench --bench workbench                   everything below; the mail is that of `--bench replay`
//! cargo bench --bench workbench -- check          100 rules: the sample rules of all mailboxes, over and over under other names
//! cargo bench --bench workbench -- test           1,000 fixtures of 30 KB and more, each with its expectation; then the same with coverage
//! cargo bench --bench workbench -- impact         10,000 messages under four rules and a changed copy, and the first 1,000 of them
//! ```
//!
//! Each figure is one process of `postroom` from start to end; medians over the rounds.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::cast_precision_loss, missing_docs)]

mod process;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use process::mail::{files, generated};
use process::{Cost, cost_of, spread};

const PROGRAM: &str = env!("CARGO_BIN_EXE_postroom");
const HOUSE: &str = env!("CARGO_MANIFEST_DIR");
const ROUNDS: usize = 5;
const RULES: usize = 100;
const FIXTURES: usize = 1_000;
/// The size of the smallest fixture.
const FIXTURE_BYTES: u64 = 30_000;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let parts: [(&str, fn()); 3] = [("check", check), ("test", test), ("impact", impact)];
    let known = parts.map(|(name, _)| name).join(", ");
    assert!(wanted.iter().all(|part| parts.iter().any(|(name, _)| name == part)), "there are: {known}");
    println!("| what | wall, s | CPU, s | peak RSS, MiB |\n|---|---|---|---|");
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            part();
        }
    }
}

/// A folder with a configuration.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("postroom.toml"), config).unwrap();
        Self(dir)
    }

    /// With the rules that mail is measured with.
    fn with_rules() -> Self {
        let config = std::fs::read_to_string(format!("{HOUSE}/benches/postroom.toml")).unwrap();
        let desk = Self::new(&config);
        desk.copy(&files_below(Path::new(&format!("{HOUSE}/benches/rules"))), "rules");
        desk
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    fn copy(&self, files: &[(PathBuf, PathBuf)], to: &str) {
        for (below, path) in files {
            let target = self.path(to).join(below);
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::copy(path, target).unwrap();
        }
    }

    fn postroom(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.current_dir(self.0.path()).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        command.env("POSTROOM_CLIENT_SECRET", "secret");
        command
    }

    fn rounds(&self, arguments: &[&str]) -> Vec<Cost> {
        (0..ROUNDS).map(|_| cost_of(&mut self.postroom(arguments))).collect()
    }
}

/// The files of a folder and of those in it: below it, and whole.
fn files_below(dir: &Path) -> Vec<(PathBuf, PathBuf)> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push((path.strip_prefix(dir).unwrap().to_owned(), path)) }
        }
    }
    found
}

fn show(what: &str, costs: &[Cost]) {
    let told = |value: fn(&Cost) -> f64, digits: usize| {
        let (middle, least, most) = spread(&costs.iter().map(value).collect::<Vec<_>>());
        format!("{middle:.digits$} ({least:.digits$} - {most:.digits$})")
    };
    let (wall, cpu) = (told(|cost| cost.wall.as_secs_f64(), 2), told(|cost| cost.cpu.as_secs_f64(), 2));
    println!("| {what} | {wall} | {cpu} | {} |", told(|cost| cost.peak_kib as f64 / 1024.0, 0));
}

fn check() {
    let mut config = std::fs::read_to_string(format!("{HOUSE}/postroom.toml")).unwrap();
    let (start, rest) = (config.find("\n[mailbox.").unwrap(), config.find("\n[endpoint.").unwrap());
    assert!(start < rest, "the mailboxes of postroom.toml stand before its endpoints");
    config.replace_range(
        start..rest,
        "\n[mailbox.all]\naddress = \"all@contoso.com\"\nrules = \"rules/all\"\ncreate_folders = true\n",
    );
    let desk = Desk::new(&config);
    let mut shared: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    let mut rules = Vec::new();
    for (below, path) in files_below(&Path::new(HOUSE).join("rules")) {
        // rules/<mailbox>/10-name.rhai; all else is what rules share.
        let inner: PathBuf = below.components().skip(1).collect();
        let is_shared = ["lib", "templates"].iter().any(|name| below.starts_with(name));
        if is_shared {
            shared.insert(below, path);
        } else if inner.components().count() == 1 && inner.extension().is_some_and(|extension| extension == "rhai") {
            rules.push(path);
        } else {
            shared.insert(Path::new("all").join(inner), path);
        }
    }
    rules.sort();
    desk.copy(&shared.into_iter().collect::<Vec<_>>(), "rules");
    let named: Vec<(PathBuf, PathBuf)> = rules
        .iter()
        .cycle()
        .take(RULES)
        .enumerate()
        .map(|(number, path)| (PathBuf::from(format!("{:03}-rule.rhai", number + 1)), path.clone()))
        .collect();
    desk.copy(&named, "rules/all");
    show(&format!("check of {RULES} rules"), &desk.rounds(&["check"]));
}

fn test() {
    let desk = Desk::with_rules();
    let size = |path: &PathBuf| std::fs::metadata(path).unwrap().len();
    let mut mails: Vec<(u64, PathBuf)> = files(&generated().join("eml")).into_iter().map(|path| (size(&path), path)).collect();
    mails.retain(|(size, _)| *size >= FIXTURE_BYTES);
    mails.sort();
    let mails: Vec<(PathBuf, PathBuf)> =
        mails.into_iter().take(FIXTURES).map(|(_, path)| (path.file_name().unwrap().into(), path)).collect();
    desk.copy(&mails, "fixtures/shared");
    let bytes: u64 = mails.iter().map(|(_, path)| size(path)).sum();
    assert!(desk.postroom(&["test", "--accept", "--yes"]).status().unwrap().success());
    let plain = desk.rounds(&["test"]);
    let covered = desk.rounds(&["test", "--coverage"]);
    show(&format!("test of {FIXTURES} fixtures of {} KB in the mean", bytes / 1000 / FIXTURES as u64), &plain);
    show("the same with coverage", &covered);
    let ratios: Vec<f64> = plain.iter().zip(&covered).map(|(one, two)| two.wall.as_secs_f64() / one.wall.as_secs_f64()).collect();
    let (middle, least, most) = spread(&ratios);
    println!("| coverage: times as long | {middle:.2} ({least:.2} - {most:.2}) | | |");
}

fn impact() {
    let desk = Desk::with_rules();
    desk.copy(&files_below(&desk.path("rules")), "changed");
    let changed = desk.path("changed/10-invoices.rhai");
    let mut text = std::fs::read_to_string(&changed).unwrap();
    write!(text, "\n// Another folder, and one field less.\n").unwrap();
    let text = text.replace("Processed/Invoices", "Processed/Bills").replacen("        due: ", "        // due: ", 1);
    std::fs::write(&changed, text).unwrap();
    let eml = generated().join("eml");
    let some: Vec<(PathBuf, PathBuf)> =
        files(&eml).into_iter().take(1_000).map(|path| (path.file_name().unwrap().into(), path)).collect();
    desk.copy(&some, "some");
    for (what, dir) in [("impact on 1,000 messages", desk.path("some")), ("impact on 10,000 messages", eml)] {
        let dir = dir.to_string_lossy().into_owned();
        let arguments = ["impact", "--rules", "changed", "--mailbox", "shared", "--mail", &dir, "--html", "impact.html"];
        show(what, &desk.rounds(&arguments));
    }
}
