//! `postroom replay`: what would be done with a folder of mail; nothing is executed.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::progress::Progress;
use super::{Exit, tell};
use crate::config::{Config, MailboxConfig};
use crate::daemon::surroundings;
use crate::ids::MailboxName;
use crate::replay::{CaseFile, Detail, Given, Jobs, Mails, Outcome, Rehearsal, in_order};
use crate::rules::{Fault, RuleFiles, RuleSet, Surroundings};

/// What to replay, and how to show it.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// A mail, a folder of .eml files, a maildir or an mbox.
    path: PathBuf,
    /// The mailbox whose rules decide.
    #[arg(long, value_name = "NAME")]
    mailbox: String,
    /// Rules from this folder instead of the mailbox's.
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Worker threads [default: one a core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// A table for people or one JSON object a line.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Answers to questions, written as in an expectation file.
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Jsonl,
}

pub(super) fn run(args: &ReplayArgs, config: &Config) -> anyhow::Result<Exit> {
    let rules = load_rules(config, &args.mailbox, args.rules.as_deref())?;
    let given = given(args.answers.as_deref())?;
    let mails = mails_at(&args.path)?;
    let jobs = args.jobs.and_then(|jobs| Jobs::new(usize::from(jobs))).unwrap_or_else(Jobs::all_cores);
    let rehearsal = Rehearsal::new(&rules);
    let detail = if args.format == Format::Jsonl { Detail::Full } else { Detail::Brief };
    let work = |found| told(&Outcome::of(found, &rehearsal, &given, detail), args.format);
    let mut counts = Counts::default();
    // Where results go to the terminal themselves, they are the progress.
    let mut progress = (!std::io::stdout().is_terminal()).then(|| Progress::new("messages", None));
    let mut out = std::io::BufWriter::with_capacity(64 << 10, std::io::stdout().lock());
    let mut failed = None;
    let worked = in_order(mails, jobs, work, |result| {
        let (decision, line) = result.unwrap_or_else(|| {
            let lost = Outcome::unreadable(format!("message {}", counts.all + 1), "the program stumbled over it".to_owned());
            told(&lost, args.format)
        });
        counts.add(decision);
        if let Some(progress) = &mut progress {
            progress.show(counts.all);
        }
        match writeln!(out, "{line}") {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    });
    worked.context("the mail cannot be worked on")?;
    drop(progress);
    match failed.map_or_else(|| out.flush(), Err) {
        // A reader that has gone (`| head`) wants no more.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            return Err(error).context("the result cannot be written");
        }
        _ => {}
    }
    anyhow::ensure!(counts.all > 0, "there is no mail in {}", args.path.display());
    tell(&counts.to_string());
    Ok(if counts.of("faulted") > 0 { Exit::No } else { Exit::Done })
}

/// The compiled rules of a mailbox, or of another folder as if they were its own.
pub(super) fn load_rules(config: &Config, mailbox: &str, dir: Option<&Path>) -> anyhow::Result<RuleSet> {
    let name = MailboxName::new(mailbox);
    let settings = require_mailbox(config, &name)?;
    let dir = dir.unwrap_or(&settings.rules);
    let files = RuleFiles::read(dir).map_err(|fault| anyhow::anyhow!("{fault}"))?;
    compiled(config, &name, (files, dir))
}

/// The mailbox of that name.
pub(super) fn require_mailbox<'c>(config: &'c Config, name: &MailboxName) -> anyhow::Result<&'c MailboxConfig> {
    config.mailboxes.get(name).with_context(|| {
        let known: Vec<&str> = config.mailboxes.keys().map(MailboxName::as_str).collect();
        format!("there is no mailbox `{name}` in {}; there are: {}", config.file.display(), known.join(", "))
    })
}

/// Compiles files as if they were a mailbox's rules; faults name them below that folder.
pub(super) fn compiled(config: &Config, name: &MailboxName, (files, dir): (RuleFiles, &Path)) -> anyhow::Result<RuleSet> {
    let surroundings = Surroundings { dir: dir.display().to_string(), ..surroundings(config, name) };
    RuleSet::load(files, surroundings).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(Fault::to_string).collect();
        anyhow::anyhow!("the rules cannot be used\n{}", faults.join("\n"))
    })
}

/// What `--answers` gives.
pub(super) fn given(answers: Option<&Path>) -> anyhow::Result<Given> {
    let Some(path) = answers else { return Ok(Given::default()) };
    anyhow::ensure!(path.is_file(), "{} is not a file", path.display());
    Ok(CaseFile::read(path).map_err(|problems| anyhow::anyhow!(problems.join("\n")))?.given)
}

/// The mail at a path.
pub(super) fn mails_at(path: &Path) -> anyhow::Result<Mails> {
    Mails::at(path).with_context(|| format!("{} cannot be read", path.display()))
}

fn told(outcome: &Outcome, format: Format) -> (&'static str, String) {
    let line = match format {
        Format::Jsonl => serde_json::to_string(outcome).unwrap_or_default(),
        Format::Table => {
            let what = match &outcome.reason {
                Some(reason) => one_line(reason, 120),
                None => one_line(&outcome.lines.join("; "), 160),
            };
            let (file, subject) = (one_line(&outcome.file, 40), one_line(outcome.subject.as_deref().unwrap_or_default(), 40));
            format!("{file:<40}  {:<10}  {subject:<40}  {what}", outcome.decision).trim_end().to_owned()
        }
    };
    (outcome.decision, line)
}

/// What mail says must not move the cursor, nor break the columns.
fn one_line(text: &str, max: usize) -> String {
    let clean = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    let mut cut: String = clean.clone().take(max).collect();
    if clean.count() > max {
        cut.pop();
        cut.push('…');
    }
    cut
}

/// How many messages came to what.
#[derive(Default)]
struct Counts {
    all: usize,
    by_decision: BTreeMap<&'static str, usize>,
}

impl Counts {
    fn add(&mut self, decision: &'static str) {
        self.all += 1;
        *self.by_decision.entry(decision).or_default() += 1;
    }

    fn of(&self, decision: &str) -> usize {
        self.by_decision.get(decision).copied().unwrap_or(0)
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds =
            ["planned", "none", "waiting", "parked", "faulted", "unreadable"].map(|decision| (decision, self.of(decision)));
        let parts: Vec<String> =
            kinds.iter().filter(|(_, count)| *count > 0).map(|(decision, count)| format!("{count} {decision}")).collect();
        write!(f, "{} {}: {}", self.all, if self.all == 1 { "message" } else { "messages" }, parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_name_only_what_came() {
        let mut counts = Counts::default();
        for decision in ["none", "planned", "planned"] {
            counts.add(decision);
        }
        assert_eq!(counts.to_string(), "3 messages: 2 planned, 1 none");
    }

    #[test]
    fn a_subject_cannot_move_the_cursor() {
        assert_eq!(one_line("a\x1b[2J\nbcdef", 8), "a [2J b…");
    }
}
