//! `postroom record`: messages of a mailbox as fixtures, with people, addresses, numbers and attachments replaced.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::replay::{load_rules, require_mailbox};
use super::{Exit, OutsideError, say, tell};
use crate::clock::{Clock, from_ms};
use crate::config::Config;
use crate::daemon::{fixtures_dir, graph_settings};
use crate::graph::{Graph, Mailbox};
use crate::ids::MailboxName;
use crate::journal::{Decided, Journal, Told, Which};
use crate::plan::Question;
use crate::replay::{Accepted, Case, Disguise, Given, GivenAnswer, Jobs, Rehearsal, in_order, recorded};

/// Which messages, and what may stay in them.
#[derive(Debug, clap::Args)]
pub struct RecordArgs {
    /// Messages: Message-ID, Graph id, or the number that the page shows.
    message: Vec<String>,
    /// The mailbox.
    #[arg(long, value_name = "NAME")]
    mailbox: String,
    /// The newest messages with this in their subject or sender.
    #[arg(long, value_name = "TEXT", conflicts_with = "message")]
    search: Option<String>,
    /// The newest messages that this rule parked, or in which it failed.
    #[arg(long, value_name = "RULE", conflicts_with = "message")]
    parked_by: Option<String>,
    /// How many of them.
    #[arg(long, value_name = "N", default_value_t = 20)]
    last: u32,
    /// A name, address, domain or number that stays as it is, because rules look for it.
    #[arg(long, value_name = "WORD")]
    keep: Vec<String>,
    /// Where the fixtures go [default: the mailbox's own].
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

/// Letters of a file name that come from the subject.
const SLUG_MAX: usize = 48;

/// A message that was fetched.
struct Fetched {
    message: Decided,
    raw: Vec<u8>,
    told: Vec<Told>,
}

pub(super) fn run(args: &RecordArgs, config: &Config) -> anyhow::Result<Exit> {
    let name = MailboxName::new(args.mailbox.as_str());
    let mailbox = require_mailbox(config, &name)?;
    anyhow::ensure!(
        !args.message.is_empty() || args.search.is_some() || args.parked_by.is_some(),
        "say which messages: their numbers or Message-IDs, --search TEXT, or --parked-by RULE"
    );
    config.require_secrets().map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("messages are read in the mailbox, and that cannot be signed in to\n{}", lines.join("\n"))
    })?;
    let graph = Graph::new(&graph_settings(config), Clock::system()).context("Graph cannot be used")?;
    let dir = args.into.clone().unwrap_or_else(|| fixtures_dir(config, &name));
    std::fs::create_dir_all(&dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    let (fetched, mut failures) = super::runtime()?.block_on(fetch(args, config, &graph.mailbox(&mailbox.address)))?;
    anyhow::ensure!(!fetched.is_empty() || failures > 0, "the journal knows no such message of {name}");
    let mut disguise =
        Disguise::new(&config.mailboxes.values().map(|mailbox| mailbox.address.clone()).collect::<Vec<_>>(), &args.keep);
    let mut cases = Vec::new();
    for Fetched { message, raw, told } in fetched {
        match written(&dir, &message, (&raw, told), &mut disguise)? {
            Ok(case) => cases.push(case),
            Err(left) => {
                failures += 1;
                tell(&format!(
                    "Message {} was not recorded: these are still in it: {}. If they may stay, name them with --keep.",
                    message.row.0,
                    left.join(", ")
                ));
            }
        }
    }
    let recorded = expectations(args, config, cases)?;
    tell(&format!(
        "{recorded} recorded in {}. Names that are only written in a text cannot be known to be names: read the files before others do.",
        dir.display()
    ));
    Ok(if failures == 0 { Exit::Done } else { Exit::No })
}

/// The messages with their content; those that could not be had are told and counted.
async fn fetch(args: &RecordArgs, config: &Config, mailbox: &Mailbox) -> anyhow::Result<(Vec<Fetched>, usize)> {
    let journal = Journal::open_existing(&config.state, Clock::system())?;
    let chosen = choose(args, &journal).await;
    let (mut fetched, mut failures) = (Vec::new(), 0);
    for message in chosen? {
        let Some(id) = message.envelope.id.clone() else { continue };
        match mailbox.mime(&id).await {
            Ok(raw) => {
                let told = journal.told(message.row).await?;
                fetched.push(Fetched { message, raw, told });
            }
            Err(error) if error.is_gone() => {
                failures += 1;
                tell(&format!("Message {} is no longer in the mailbox.", message.row.0));
            }
            Err(error) => return Err(OutsideError(error.to_string()).into()),
        }
    }
    journal.close().await;
    Ok((fetched, failures))
}

async fn choose(args: &RecordArgs, journal: &Journal) -> anyhow::Result<Vec<Decided>> {
    if args.message.is_empty() {
        let mailbox = MailboxName::new(args.mailbox.as_str());
        let parked_by = args.parked_by.as_ref().map(|rule| format!("/{rule}"));
        let which = Which { mailbox, since: i64::MIN, parked_by, search: args.search.clone() };
        return Ok(journal.newest_decided(&which, args.last).await?);
    }
    let mut chosen = Vec::new();
    for name in &args.message {
        chosen.push(journal.decided_named(name).await?);
    }
    Ok(chosen)
}

/// Writes the disguised mail; the case with what its rules are given, or what of the original is still in it.
fn written(
    dir: &Path,
    message: &Decided,
    (raw, told): (&[u8], Vec<Told>),
    disguise: &mut Disguise,
) -> anyhow::Result<Result<(Case, Given), Vec<String>>> {
    let mail = match disguise.mail(raw) {
        Ok(mail) => mail,
        Err(left) => return Ok(Err(left)),
    };
    let subject = crate::mail::Content::parse(mail.clone()).envelope().subject.unwrap_or_default();
    // The same message under another disguise has another subject: it is known by its number.
    let begin = format!("recorded-{}-", message.row.0);
    let name = format!("{begin}{}", slug(&subject));
    let case = Case {
        name: format!("{name}.eml"),
        mail: dir.join(format!("{name}.eml")),
        expectation: dir.join(format!("{name}{}", crate::replay::EXPECTATION_SUFFIX)),
    };
    let there = std::fs::read_dir(dir).with_context(|| format!("{} cannot be searched", dir.display()))?;
    if let Some(before) = there.flatten().find(|entry| entry.file_name().to_string_lossy().starts_with(&begin)) {
        anyhow::bail!("message {} is there already, as {}; it is not written over", message.row.0, before.path().display());
    }
    std::fs::write(&case.mail, mail).with_context(|| format!("{} cannot be written", case.mail.display()))?;
    let answers = told.into_iter().filter_map(|told| {
        let Question::Ask { endpoint, request } = told.question else { return None };
        Some(GivenAnswer { endpoint, request: disguise.value(&request), reply: disguise.value(&told.answer) })
    });
    let given = Given { answers: answers.collect(), now: Some(from_ms(message.decided_at)), ..Given::default() };
    Ok(Ok((case, given)))
}

/// Writes the expectations: what the rules do with the mail as it is now.
fn expectations(args: &RecordArgs, config: &Config, cases: Vec<(Case, Given)>) -> anyhow::Result<usize> {
    let rules = load_rules(config, &args.mailbox, None)?;
    let rehearsal = Rehearsal::new(&rules);
    let one = Jobs::new(1).unwrap_or_else(Jobs::all_cores);
    let count = cases.len();
    let work = |(case, given): (Case, Given)| (case.mail.clone(), recorded(&rehearsal, case, given));
    in_order(cases.into_iter(), one, work, |done| {
        match done {
            Some((mail, Accepted::Written | Accepted::Same)) => say(&mail.display().to_string()),
            Some((mail, Accepted::Refused(reason))) => {
                say(&mail.display().to_string());
                tell(&format!("{} has no expectation yet: {reason}", mail.display()));
            }
            None => tell("The program stumbled over one of the mails; it has no expectation yet."),
        }
        ControlFlow::Continue(())
    })
    .context("the expectations cannot be written")?;
    Ok(count)
}

/// A subject as a part of a file name.
fn slug(subject: &str) -> String {
    let mut slug = String::new();
    for letter in subject.to_lowercase().chars().take(SLUG_MAX * 2) {
        match letter {
            letter if letter.is_ascii_alphanumeric() => slug.push(letter),
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
        if slug.len() >= SLUG_MAX {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "message".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_becomes_a_file_name_that_every_system_takes() {
        assert_eq!(slug("RE: Rechnung 2026/4711 – dringend!"), "re-rechnung-2026-4711-dringend");
        assert_eq!(slug("../../etc"), "etc");
        assert_eq!(slug("注文"), "message");
    }
}
