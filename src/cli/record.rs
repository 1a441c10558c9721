//! `postroom record`: messages of a mailbox as fixtures, with people, addresses, numbers and attachments replaced.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::Context;
use sha2::{Digest, Sha256};

use super::replay::{load_rules, require_mailbox};
use super::{Exit, OutsideError, say, tell};
use crate::clock::{Clock, from_ms};
use crate::config::Config;
use crate::daemon::{fixtures_dir, graph_settings};
use crate::graph::{Graph, GraphError, Mailbox};
use crate::ids::{MailboxName, MessageId};
use crate::journal::{Decided, Journal, JournalError, Told, Which};
use crate::mail::Envelope;
use crate::plan::{Question, hex};
use crate::replay::{Accepted, Case, Disguise, Given, GivenAnswer, Jobs, Rehearsal, in_order, recorded};

/// Which messages, and what may stay in them.
#[derive(Debug, clap::Args)]
pub struct RecordArgs {
    /// Messages: Message-ID, Graph id, or the number that the page shows. They need not have been worked.
    message: Vec<String>,
    /// The mailbox.
    #[arg(long, value_name = "NAME")]
    mailbox: String,
    /// The newest messages in which this is found, in any folder; as in Outlook: words, from:, subject:, received:.
    #[arg(long, value_name = "TEXT", conflicts_with = "message")]
    search: Option<String>,
    /// The newest messages that this rule parked, or in which it failed.
    #[arg(long, value_name = "RULE", conflicts_with = "message")]
    parked_by: Option<String>,
    /// How many of them.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=i64::from(LAST_MAX)))]
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
/// Letters of a number made of a message's name.
const NAME_MAX: usize = 8;
/// Messages recorded at once at most: a search finds no more.
const LAST_MAX: u32 = 1_000;

/// A message that becomes a fixture.
struct Chosen {
    /// How its file's name begins and how people are told of it: its number in the journal, or a number made of its name.
    name: String,
    id: MessageId,
    /// What its rules were told.
    told: Vec<Told>,
    /// When they decided, or when it came.
    now: Option<jiff::Timestamp>,
}

impl Chosen {
    async fn decided(message: Decided, journal: &Journal) -> anyhow::Result<Option<Self>> {
        let Some(id) = message.envelope.id else { return Ok(None) };
        let told = journal.told(message.row).await?;
        Ok(Some(Self { name: message.row.0.to_string(), id, told, now: Some(from_ms(message.decided_at)) }))
    }

    /// One that the mailbox showed; the journal may know more of it.
    async fn shown(envelope: Envelope, journal: Option<&Journal>) -> anyhow::Result<Option<Self>> {
        let Some(id) = envelope.id else { return Ok(None) };
        if let Some(journal) = journal {
            match journal.decided_named(id.as_str()).await {
                Ok(message) => return Self::decided(message, journal).await,
                Err(JournalError::Missing(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let own = envelope.internet_message_id.as_deref().unwrap_or(id.as_str());
        let name = hex(&Sha256::digest(own)).chars().take(NAME_MAX).collect();
        Ok(Some(Self { name, id, told: Vec::new(), now: envelope.received }))
    }
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
    anyhow::ensure!(!fetched.is_empty() || failures > 0, "there is no such message in {name}");
    let mut disguise =
        Disguise::new(&config.mailboxes.values().map(|mailbox| mailbox.address.clone()).collect::<Vec<_>>(), &args.keep);
    let mut cases = Vec::new();
    for (message, raw) in fetched {
        let name = message.name.clone();
        match written(&dir, message, &raw, &mut disguise)? {
            Ok(case) => cases.push(case),
            Err(left) => {
                failures += 1;
                tell(&format!(
                    "Message {name} was not recorded: these are still in it: {}. If they may stay, name them with --keep.",
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
async fn fetch(args: &RecordArgs, config: &Config, mailbox: &Mailbox) -> anyhow::Result<(Vec<(Chosen, Vec<u8>)>, usize)> {
    let journal = if config.state.is_file() { Some(Journal::open_existing(&config.state, Clock::system())?) } else { None };
    let (chosen, mut failures) = choose(args, journal.as_ref(), mailbox).await?;
    if let Some(journal) = journal {
        journal.close().await;
    }
    let mut fetched = Vec::new();
    for message in chosen {
        match mailbox.mime(&message.id).await {
            Ok(raw) => fetched.push((message, raw)),
            Err(error) if error.is_gone() => {
                failures += 1;
                tell(&format!("Message {} is no longer in the mailbox.", message.name));
            }
            Err(error) => return Err(outside(&error)),
        }
    }
    Ok((fetched, failures))
}

/// The messages that were asked for; names that stand for none are told and counted.
async fn choose(args: &RecordArgs, journal: Option<&Journal>, mailbox: &Mailbox) -> anyhow::Result<(Vec<Chosen>, usize)> {
    let (mut chosen, mut failures) = (Vec::new(), 0);
    if let Some(words) = &args.search {
        let last = usize::try_from(args.last)?;
        for envelope in mailbox.search(words, last).await.map_err(|error| outside(&error))? {
            chosen.extend(Chosen::shown(envelope, journal).await?);
        }
    } else if let Some(rule) = &args.parked_by {
        let journal = journal.context("there is no journal yet, so no rule has parked anything; `postroom run` makes it")?;
        let mailbox = MailboxName::new(args.mailbox.as_str());
        let which = Which { mailbox, since: i64::MIN, parked_by: Some(format!("/{rule}")) };
        for message in journal.newest_decided(&which, args.last).await? {
            chosen.extend(Chosen::decided(message, journal).await?);
        }
    }
    for name in &args.message {
        let found = named(name, journal, mailbox).await?;
        if found.is_none() {
            failures += 1;
            tell(&format!("There is no message {name}, neither in the journal nor in the mailbox."));
        }
        chosen.extend(found);
    }
    Ok((chosen, failures))
}

/// The message with this number, Message-ID or Graph id.
async fn named(name: &str, journal: Option<&Journal>, mailbox: &Mailbox) -> anyhow::Result<Option<Chosen>> {
    if let Some(journal) = journal {
        match journal.decided_named(name).await {
            Ok(message) => return Chosen::decided(message, journal).await,
            Err(JournalError::Missing(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    let shown = if is_number { None } else { mailbox.message_named(name).await.map_err(|error| outside(&error))? };
    match shown {
        Some(envelope) => Chosen::shown(envelope, journal).await,
        None => Ok(None),
    }
}

fn outside(error: &GraphError) -> anyhow::Error {
    OutsideError(error.to_string()).into()
}

/// Writes the disguised mail; the case with what its rules are given, or what of the original is still in it.
fn written(
    dir: &Path,
    message: Chosen,
    raw: &[u8],
    disguise: &mut Disguise,
) -> anyhow::Result<Result<(Case, Given), Vec<String>>> {
    let mail = match disguise.mail(raw) {
        Ok(mail) => mail,
        Err(left) => return Ok(Err(left)),
    };
    let subject = crate::mail::Content::parse(mail.clone()).envelope().subject.unwrap_or_default();
    // The same message under another disguise has another subject: it is known by its number.
    let begin = format!("recorded-{}-", message.name);
    let name = format!("{begin}{}", slug(&subject));
    let case = Case {
        name: format!("{name}.eml"),
        mail: dir.join(format!("{name}.eml")),
        expectation: dir.join(format!("{name}{}", crate::replay::EXPECTATION_SUFFIX)),
    };
    let there = std::fs::read_dir(dir).with_context(|| format!("{} cannot be searched", dir.display()))?;
    if let Some(before) = there.flatten().find(|entry| entry.file_name().to_string_lossy().starts_with(&begin)) {
        anyhow::bail!("message {} is there already, as {}; it is not written over", message.name, before.path().display());
    }
    std::fs::write(&case.mail, mail).with_context(|| format!("{} cannot be written", case.mail.display()))?;
    let answers = message.told.into_iter().filter_map(|told| {
        let Question::Ask { endpoint, request } = told.question else { return None };
        Some(GivenAnswer { endpoint, request: disguise.value(&request), reply: disguise.value(&told.answer) })
    });
    let given = Given { answers: answers.collect(), now: message.now, ..Given::default() };
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
