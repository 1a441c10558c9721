//! `postroom test`: every fixture against its expectation.

mod coverage;
mod review;

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context;
use notify::{RecursiveMode, Watcher};

use super::ask::is_somebody_there;
use super::colours::Colours;
use super::progress::Progress;
use super::replay::load_rules;
use super::{Exit, say, tell};
use crate::config::Config;
use crate::daemon::fixtures_dir;
use crate::ids::MailboxName;
use crate::replay::{Accepted, Case, Jobs, Rehearsal, Standing, Tried, cases_in, junit, try_cases};
use crate::rules::{RuleFiles, RuleSet};
use coverage::Reached;
use review::{Review, Word};

/// Which cases to run, and what to do with what came.
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "the flags of a command line")]
pub struct TestArgs {
    /// Mails or folders; without any, all fixtures of all mailboxes.
    path: Vec<PathBuf>,
    /// Only the cases whose name has this in it; `*` stands for anything.
    #[arg(long, value_name = "NAME")]
    filter: Option<String>,
    /// Write what came as what is expected from now on, after asking case by case.
    #[arg(long)]
    accept: bool,
    /// With --accept: do not ask.
    #[arg(long, requires = "accept")]
    yes: bool,
    /// Tell which rules, lines and branches of the scripts the cases reached.
    #[arg(long)]
    coverage: bool,
    /// With --coverage: write a page of all scripts into this folder.
    #[arg(long, value_name = "DIR", requires = "coverage")]
    html: Option<PathBuf>,
    /// With --coverage: write it for other tools.
    #[arg(long, value_name = "FILE", requires = "coverage")]
    lcov: Option<PathBuf>,
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
    if args.accept && !args.yes && !is_somebody_there() {
        tell("Nothing was accepted: there is no terminal to ask at. With --yes everything that came is accepted without asking.");
        return Ok(Exit::Usage);
    }
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

/// What is gathered over all mailboxes.
#[derive(Default)]
struct Gathered {
    tally: Tally,
    /// Each mailbox with its cases, for the JUnit report.
    report: Vec<(String, Vec<Tried>)>,
    reached: Vec<Reached>,
}

fn run_once(args: &TestArgs, config: &Config) -> anyhow::Result<Exit> {
    let chosen = Chosen::of(args)?;
    let mut gathered = Gathered::default();
    let mut review = Review::of(args);
    for name in config.mailboxes.keys() {
        let dir = fixtures_dir(config, name);
        let mut cases = if dir.is_dir() { cases_in(&dir).map_err(|problem| anyhow::anyhow!(problem))? } else { Vec::new() };
        cases.retain(|case| chosen.has(name, case));
        if !cases.is_empty() {
            run_mailbox((args, config), name, cases, (&mut gathered, &mut review))?;
        }
    }
    let Gathered { tally, report, reached } = gathered;
    anyhow::ensure!(
        tally.all() > 0 || chosen.is_narrow(),
        "there is no case; a case is a mail such as fixtures/<mailbox>/acme.eml beside {}",
        config.file.display()
    );
    anyhow::ensure!(tally.all() > 0, "no case is among those that were asked for");
    say(&tally.to_string());
    if args.coverage {
        coverage::tell(&reached, args.html.as_deref(), args.lcov.as_deref())?;
    }
    if let Some(path) = &args.junit {
        std::fs::write(path, junit(&report)).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(if tally.as_expected + tally.accepted == tally.all() { Exit::Done } else { Exit::No })
}

fn run_mailbox(
    (args, config): (&TestArgs, &Config),
    name: &MailboxName,
    cases: Vec<Case>,
    (gathered, review): (&mut Gathered, &mut Review),
) -> anyhow::Result<()> {
    let rules = match load_rules(config, name.as_str(), None) {
        Ok(rules) => rules,
        Err(problem) => {
            gathered.tally.unloaded += cases.len();
            say(&format!("{name}: {problem:#}"));
            return Ok(());
        }
    };
    let rules = if args.coverage { rules.counting() } else { rules };
    let tally = &mut gathered.tally;
    let mut tried = Vec::new();
    let before = *tally;
    let mut progress = Progress::new("cases", Some(cases.len()));
    try_cases(&Rehearsal::new(&rules), cases, Jobs::all_cores(), |case| {
        progress.show(tried.len());
        if case.standing != Standing::AsExpected {
            progress.hide();
        }
        show(name.as_str(), &case, review, tally);
        tried.push(case);
    })
    .context("the cases cannot be run")?;
    progress.clear();
    say(&format!("{name}  {}", tally.since(before)));
    warn_if_changed(config, name, &rules);
    gathered.reached.extend(args.coverage.then(|| Reached::of(&rules, &tried)));
    gathered.report.push((name.to_string(), tried));
    Ok(())
}

/// What was tested is what lay in the folder when it was read.
fn warn_if_changed(config: &Config, name: &MailboxName, rules: &RuleSet) {
    let there = config.mailboxes.get(name).and_then(|mailbox| RuleFiles::read(&mailbox.rules).ok());
    if there.is_none_or(|files| files.hash() != *rules.hash()) {
        tell(&format!("The rules of {name} have changed meanwhile; this is about version {}.", rules.hash().short()));
    }
}

fn show(mailbox: &str, tried: &Tried, review: &mut Review, tally: &mut Tally) {
    let name = format!("{mailbox}/{}", tried.case.name);
    let (standing, text) = match &tried.standing {
        Standing::AsExpected => {
            tally.as_expected += 1;
            return;
        }
        Standing::NotYetExpected(came) => ("not yet expected", indented(came)),
        Standing::Different(difference) => ("different", indented(&coloured(difference, Colours::of_output()))),
    };
    let word = review.say(&name, &format!("{name}  {standing}\n{text}"));
    let refused = match word {
        Word::NotAsked => "",
        Word::Refused | Word::Unseen => "; not accepted",
        Word::Accepted => match tried.accept() {
            Accepted::Written | Accepted::Same => {
                tally.accepted += 1;
                say(&format!("{name}  accepted"));
                return;
            }
            Accepted::Refused(_) => "; cannot be accepted",
        },
    };
    let what_came = if matches!(tried.standing, Standing::NotYetExpected(_)) {
        tally.not_yet += 1;
        "; what came:"
    } else {
        tally.different += 1;
        ""
    };
    // Who refused it has just read it.
    say(&if word == Word::Refused {
        format!("{name}  {standing}{refused}")
    } else {
        format!("{name}  {standing}{refused}{what_came}\n{text}")
    });
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect()
}

fn coloured(difference: &str, colours: Colours) -> String {
    // What mail says must not move the cursor.
    let clean: String =
        difference.chars().map(|letter| if letter.is_control() && letter != '\n' { ' ' } else { letter }).collect();
    let paint = |line: &str| colours.paint(line, line.chars().next().unwrap_or(' '));
    clean.lines().map(paint).collect::<Vec<_>>().join("\n")
}

/// The cases that were asked for.
struct Chosen {
    paths: Vec<PathBuf>,
    /// In small letters; a glob where it has a star.
    filter: Option<String>,
}

impl Chosen {
    fn of(args: &TestArgs) -> anyhow::Result<Self> {
        let real = |path: &PathBuf| path.canonicalize().with_context(|| format!("{} cannot be found", path.display()));
        let paths = args.path.iter().map(real).collect::<anyhow::Result<_>>()?;
        Ok(Self { paths, filter: args.filter.as_ref().map(|filter| filter.to_lowercase()) })
    }

    fn is_narrow(&self) -> bool {
        !self.paths.is_empty() || self.filter.is_some()
    }

    fn has(&self, mailbox: &MailboxName, case: &Case) -> bool {
        let below = |path: &Path| path.canonicalize().is_ok_and(|path| self.paths.iter().any(|chosen| path.starts_with(chosen)));
        let named = |filter: &String| {
            let name = format!("{mailbox}/{}", case.name).to_lowercase();
            name.contains(filter.as_str())
                || filter.contains('*') && crate::text::like(&name, &format!("*{filter}*")).unwrap_or(false)
        };
        self.filter.as_ref().is_none_or(named) && (self.paths.is_empty() || below(&case.mail) || below(&case.expectation))
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
        assert_eq!(coloured("-a\n", Colours::None), "-a");
    }
}
