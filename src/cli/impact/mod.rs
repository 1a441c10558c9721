//! `postroom impact`: what a changed rule set would do differently, message by message; nothing is executed.

mod mail;
mod page;
mod report;
mod terminal;

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::progress::Progress;
use super::replay::{compiled, given};
use super::{Exit, say, tell};
use crate::clock::Clock;
use crate::config::Config;
use crate::ids::MailboxName;
use crate::journal::Journal;
use crate::replay::{Change, Compared, Jobs, Recorded, Rivals, in_order};
use crate::rules::{RuleFiles, RuleSet};
use mail::{Mail, Near};
use report::Report;
pub(super) use terminal::rows_shown as rows;

/// Which mail, under which rules, and how to show it.
#[derive(Debug, clap::Args)]
pub struct ImpactArgs {
    /// The changed rules; without it the mailbox's own folder, against the version that is live.
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// A mail, a folder of .eml files, a maildir or an mbox.
    #[arg(long, value_name = "PATH", conflicts_with = "since")]
    mail: Option<PathBuf>,
    /// The journal's messages received since then: a duration (30d, 12h) or a day (2026-11-01). Their content is read in the mailbox again.
    #[arg(long, value_name = "WHEN", default_value = "30d")]
    since: String,
    /// The mailbox.
    #[arg(long, value_name = "NAME")]
    mailbox: String,
    /// Answers to questions, written as in an expectation file.
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// Write a page for a browser too.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// The result as JSON, with every message that changes.
    #[arg(long)]
    json: bool,
    /// Messages of each kind that are shown side by side.
    #[arg(long, value_name = "N", default_value_t = 10)]
    show: usize,
    /// Worker threads [default: one a core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
}

/// A rule set, and how it is named to people.
pub(super) struct Named {
    pub(super) set: RuleSet,
    /// `live 7f3a91c2`, `rules-new 11ab54e2`.
    pub(super) name: String,
}

pub(super) fn run(args: &ImpactArgs, config: &Config) -> anyhow::Result<Exit> {
    let runtime = super::runtime()?;
    let name = MailboxName::new(args.mailbox.as_str());
    super::replay::require_mailbox(config, &name)?;
    let entered = runtime.enter();
    let journal = if config.state.is_file() { Some(Journal::open_existing(&config.state, Clock::system())?) } else { None };
    drop(entered);
    let recorded = journal.clone().map(|journal| Recorded { journal, mailbox: name.clone() });
    let (before, after, dir) = runtime.block_on(rivals(args, config, &name, journal.as_ref()))?;
    let near = Near { config, runtime: &runtime, given: given(args.answers.as_deref())?, recorded };
    let mail = match &args.mail {
        Some(path) => Mail::in_files(path, &near)?,
        None => Mail::in_journal(&args.since, &near)?,
    };
    let report = worked(args, mail, (&before, &after), &near);
    if let Some(journal) = journal {
        runtime.block_on(journal.close());
    }
    let report = report?;
    shown(args, &report)?;
    if RuleFiles::read(&dir).ok().map(|files| files.hash()).as_ref() != Some(after.set.hash()) {
        tell(&format!("The rules in {} have changed meanwhile; this is about {}.", dir.display(), after.name));
    }
    Ok(if report.count(Change::Fault) > 0 { Exit::No } else { Exit::Done })
}

/// The live rules and the changed ones, and the folder of the latter.
async fn rivals(
    args: &ImpactArgs,
    config: &Config,
    mailbox: &MailboxName,
    journal: Option<&Journal>,
) -> anyhow::Result<(Named, Named, PathBuf)> {
    let own = config.mailboxes.get(mailbox).map(|mailbox| mailbox.rules.clone()).unwrap_or_default();
    let dir = args.rules.clone().unwrap_or_else(|| own.clone());
    let after = in_folder(config, mailbox, &dir)?;
    let live = match journal {
        Some(journal) => journal.live_version(mailbox).await?,
        None => None,
    };
    let before = match (live, journal) {
        (Some(hash), Some(journal)) => {
            let files = journal.rule_set(&hash).await?.into_iter().map(|(path, text)| (path, text.into_bytes())).collect();
            let set = compiled(config, mailbox, (RuleFiles::from_files(files), &own))?;
            Named { set, name: format!("live {}", hash.short()) }
        }
        _ => in_folder(config, mailbox, &own)?,
    };
    anyhow::ensure!(
        args.rules.is_some() || before.set.hash() != after.set.hash(),
        "the rules in {} are those that are live; name a changed copy with --rules DIR",
        own.display()
    );
    Ok((before, after, dir))
}

fn in_folder(config: &Config, mailbox: &MailboxName, dir: &Path) -> anyhow::Result<Named> {
    anyhow::ensure!(dir.is_dir(), "{} is no folder with rules", dir.display());
    let files = RuleFiles::read(dir).map_err(|fault| anyhow::anyhow!("{fault}"))?;
    let set = compiled(config, mailbox, (files, dir))?;
    let name = format!("{} {}", dir.display(), set.hash().short());
    Ok(Named { set, name })
}

/// Decides every mail under both, and writes what is written as it comes.
fn worked(args: &ImpactArgs, mail: Mail<'_>, (before, after): (&Named, &Named), near: &Near<'_>) -> anyhow::Result<Report> {
    let rivals = Rivals::new(&before.set, &after.set);
    let jobs = args.jobs.and_then(|jobs| Jobs::new(usize::from(jobs))).unwrap_or_else(Jobs::all_cores);
    let mut report = Report::new(&args.mailbox, (&before.name, &after.name), mail.what.clone());
    let mut progress = Progress::new("messages", mail.total);
    let mut out = std::io::BufWriter::with_capacity(64 << 10, std::io::stdout().lock());
    let mut written = if args.json { write!(out, "{}", report.json_head()) } else { Ok(()) };
    let where_from = mail.what.clone();
    let work = |item: mail::Item| match item.sample(near) {
        Ok(sample) => rivals.compare(sample),
        Err((file, reason)) => Compared::unreadable(file, reason),
    };
    in_order(mail.items, jobs, work, |compared| {
        let lost = || Compared::unreadable(format!("message {}", report.all() + 1), "the program stumbled over it".to_owned());
        let compared = compared.unwrap_or_else(lost);
        if args.json && compared.change != Change::Same && written.is_ok() {
            let comma = if report.differing() == 0 { "" } else { "," };
            written = write!(out, "{comma}\n{}", serde_json::to_string(&compared).unwrap_or_default());
        }
        report.add(&compared);
        progress.show(report.all());
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })
    .context("the mail cannot be worked on")?;
    progress.clear();
    if args.json {
        written = written.and_then(|()| writeln!(out, "{}", report.json_tail())).and_then(|()| out.flush());
    }
    if let Err(error) = written
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        return Err(error).context("the result cannot be written");
    }
    anyhow::ensure!(report.all() > 0, "there is no mail in {where_from}");
    Ok(report)
}

fn shown(args: &ImpactArgs, report: &Report) -> anyhow::Result<()> {
    if !args.json {
        say(&terminal::shown(report, args.show));
    }
    if let Some(path) = &args.html {
        let page = page::rendered(report).context("the page cannot be rendered")?;
        std::fs::write(path, page).with_context(|| format!("{} cannot be written", path.display()))?;
        tell(&format!("The page is {}.", path.display()));
    }
    Ok(())
}
