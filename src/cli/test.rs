//! `postroom test`: every fixture against its expectation.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context;
use notify::{RecursiveMode, Watcher};

use super::replay::load_rules;
use super::{Exit, say, tell};
use crate::config::Config;
use crate::daemon::fixtures_dir;
use crate::replay::{Accepted, Case, Jobs, Rehearsal, Standing, Tried, cases_in, junit, try_cases};

/// Which cases to run, and what to do with what came.
#[derive(Debug, clap::Args)]
pub struct TestArgs {
    /// Mails or folders; without any, all fixtures of all mailboxes.
    path: Vec<PathBuf>,
    /// Write what came as what is expected from now on.
    #[arg(long)]
    accept: bool,
    /// Write a JUnit report too.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Run again whenever a rule or a fixture changes, until interrupted.
    #[arg(long)]
    watch: bool,
}

/// Edits come in bursts: they are over when nothing came for so long.
const QUIET: Duration = Duration::from_millis(200);

pub(super) fn run(args: &TestArgs, config: &Config) -> anyhow::Result<Exit> {
    let exit = run_once(args, config)?;
    if !args.watch {
        return Ok(exit);
    }
    let (sender, changes) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(sender).context("changes cannot be watched")?;
    for folder in watched(config) {
        watcher.watch(&folder, RecursiveMode::Recursive).with_context(|| format!("{} cannot be watched", folder.display()))?;
    }
    // Ends when the person who watches interrupts it, or the watcher dies.
    while let Ok(change) = changes.recv() {
        if change.is_ok_and(|event| event.kind.is_access()) {
            continue;
        }
        while changes.recv_timeout(QUIET).is_ok() {}
        say("");
        if let Err(error) = run_once(args, config) {
            tell(&format!("{error:#}"));
        }
    }
    Ok(exit)
}

/// The folders whose files matter: rules with what they share, and fixtures.
fn watched(config: &Config) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for (name, mailbox) in &config.mailboxes {
        let shared = mailbox.rules.parent().unwrap_or(Path::new("."));
        folders.extend([mailbox.rules.clone(), shared.join("lib"), shared.join("templates"), fixtures_dir(config, name)]);
    }
    folders.sort();
    folders.dedup();
    folders.retain(|folder| folder.is_dir());
    folders
}

fn run_once(args: &TestArgs, config: &Config) -> anyhow::Result<Exit> {
    let chosen = Chosen::of(&args.path)?;
    let mut tally = Tally::default();
    let mut report = Vec::new();
    for name in config.mailboxes.keys() {
        let dir = fixtures_dir(config, name);
        let mut cases = if dir.is_dir() { cases_in(&dir).map_err(|problem| anyhow::anyhow!(problem))? } else { Vec::new() };
        cases.retain(|case| chosen.has(case));
        if cases.is_empty() {
            continue;
        }
        let rules = match load_rules(config, name.as_str(), None) {
            Ok(rules) => rules,
            Err(problem) => {
                tally.unloaded += cases.len();
                say(&format!("{name}: {problem:#}"));
                continue;
            }
        };
        let mut tried = Vec::new();
        let before = tally;
        let worked = try_cases(&Rehearsal::new(&rules), cases, Jobs::all_cores(), |case| {
            show(name.as_str(), &case, args, &mut tally);
            tried.push(case);
        });
        worked.context("the cases cannot be run")?;
        say(&format!("{name}  {}", tally.since(before)));
        report.push((name.to_string(), tried));
    }
    anyhow::ensure!(
        tally.all() > 0,
        "there is no case; a case is a mail such as fixtures/<mailbox>/acme.eml beside {}",
        config.file.display()
    );
    say(&tally.to_string());
    if let Some(path) = &args.junit {
        std::fs::write(path, junit(&report)).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(if tally.as_expected + tally.accepted == tally.all() { Exit::Done } else { Exit::No })
}

fn show(mailbox: &str, tried: &Tried, args: &TestArgs, tally: &mut Tally) {
    let name = format!("{mailbox}/{}", tried.case.name);
    let refused = match (args.accept, &tried.standing) {
        (_, Standing::AsExpected) => {
            tally.as_expected += 1;
            return;
        }
        (true, _) => match tried.accept() {
            Accepted::Written | Accepted::Same => {
                tally.accepted += 1;
                say(&format!("{name}  accepted"));
                return;
            }
            Accepted::Refused(_) => "; cannot be accepted",
        },
        (false, _) => "",
    };
    match &tried.standing {
        Standing::NotYetExpected(came) => {
            tally.not_yet += 1;
            say(&format!("{name}  not yet expected{refused}; what came:\n{}", indented(came)));
        }
        Standing::Different(difference) => {
            tally.different += 1;
            say(&format!("{name}  different{refused}\n{}", indented(&coloured(difference, colours()))));
        }
        Standing::AsExpected => {}
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect()
}

/// Whether standard output shows colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Colours {
    Shown,
    None,
}

fn colours() -> Colours {
    let wanted = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if wanted { Colours::Shown } else { Colours::None }
}

fn coloured(difference: &str, colours: Colours) -> String {
    // What mail says must not move the cursor.
    let clean: String =
        difference.chars().map(|letter| if letter.is_control() && letter != '\n' { ' ' } else { letter }).collect();
    if colours == Colours::None {
        return clean;
    }
    let colour = |line: &str| match line.chars().next() {
        Some('-') => format!("\x1b[31m{line}\x1b[0m"),
        Some('+') => format!("\x1b[32m{line}\x1b[0m"),
        Some('@') => format!("\x1b[36m{line}\x1b[0m"),
        _ => line.to_owned(),
    };
    clean.lines().map(colour).collect::<Vec<_>>().join("\n")
}

/// The cases that were asked for.
struct Chosen(Vec<PathBuf>);

impl Chosen {
    fn of(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let real = |path: &PathBuf| path.canonicalize().with_context(|| format!("{} cannot be found", path.display()));
        Ok(Self(paths.iter().map(real).collect::<anyhow::Result<_>>()?))
    }

    fn has(&self, case: &Case) -> bool {
        let below = |path: &Path| path.canonicalize().is_ok_and(|path| self.0.iter().any(|chosen| path.starts_with(chosen)));
        self.0.is_empty() || below(&case.mail) || below(&case.expectation)
    }
}

/// How the cases stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    as_expected: usize,
    different: usize,
    not_yet: usize,
    accepted: usize,
    /// Their rules cannot be used.
    unloaded: usize,
}

impl Tally {
    fn all(&self) -> usize {
        self.as_expected + self.different + self.not_yet + self.accepted + self.unloaded
    }

    fn since(&self, before: Self) -> Self {
        Self {
            as_expected: self.as_expected - before.as_expected,
            different: self.different - before.different,
            not_yet: self.not_yet - before.not_yet,
            accepted: self.accepted - before.accepted,
            unloaded: self.unloaded - before.unloaded,
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = self.all();
        write!(f, "{all} {}: {} as expected", if all == 1 { "case" } else { "cases" }, self.as_expected)?;
        let others = [
            (self.different, "different"),
            (self.not_yet, "not yet expected"),
            (self.accepted, "accepted"),
            (self.unloaded, "not run"),
        ];
        others.iter().filter(|(count, _)| *count > 0).try_for_each(|(count, word)| write!(f, ", {count} {word}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_what_is_wrong() {
        let tally = Tally { as_expected: 36, different: 1, not_yet: 1, ..Tally::default() };
        assert_eq!(tally.to_string(), "38 cases: 36 as expected, 1 different, 1 not yet expected");
        assert_eq!(Tally { as_expected: 1, ..Tally::default() }.to_string(), "1 case: 1 as expected");
    }

    #[test]
    fn colours_are_only_around_lines_and_mail_cannot_add_its_own() {
        assert_eq!(coloured("-a\x1b[2J\n+b\n c\n", Colours::Shown), "\x1b[31m-a [2J\x1b[0m\n\x1b[32m+b\x1b[0m\n c");
        assert_eq!(coloured("-a\n", Colours::None), "-a\n");
    }
}
