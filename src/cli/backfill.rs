//! `postroom backfill`: old mail worked after all. Shows what would be done, unless it is told to do it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use jiff::civil::Date;

use super::progress::Progress;
use super::replay::load_rules;
use super::table::table;
use super::{Exit, OutsideError, say, tell};
use crate::clock::Clock;
use crate::config::{Config, MailboxConfig};
use crate::daemon::graph_settings;
use crate::graph::{self, Graph};
use crate::ids::{FolderId, MailboxName, MessageId};
use crate::intake::followed_folders;
use crate::journal::{Arrival, Journal};
use crate::mail::{Envelope, Message};
use crate::parsing::{Parser, Parsing};
use crate::plan::{Action, Question};
use crate::replay::{Given, Rehearsal};
use crate::rules::{Decided, Decision, RuleSet};

/// What to work, and whether to do so.
#[derive(Debug, clap::Args)]
pub struct BackfillArgs {
    /// The mailbox.
    #[arg(long, value_name = "NAME")]
    mailbox: String,
    /// Mail that came on this day or later, such as 2026-11-01.
    #[arg(long, value_name = "DAY")]
    from: Date,
    /// Mail that came before this day [default: now].
    #[arg(long, value_name = "DAY")]
    to: Option<Date>,
    /// Have it worked by `postroom run`, instead of showing what that would come to.
    #[arg(long)]
    apply: bool,
    /// Messages a minute that are handed over.
    #[arg(long, value_name = "N", default_value = "60")]
    pace: NonZeroU32,
}

/// Mail that is asked for at once: a mailbox takes some thousands a day.
const STRETCH: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// The mailbox and what is known of it.
struct Desk {
    name: MailboxName,
    graph: graph::Mailbox,
    /// Followed folders with their paths.
    folders: Vec<(FolderId, String)>,
    /// `None` before the first `run`.
    journal: Option<Journal>,
    clock: Clock,
}

pub(super) fn run(args: &BackfillArgs, config: &Config) -> anyhow::Result<Exit> {
    config.require_secrets().map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the configuration cannot be used\n{}", lines.join("\n"))
    })?;
    let rules = Arc::new(load_rules(config, &args.mailbox, None)?);
    let name = MailboxName::new(args.mailbox.clone());
    let mailbox = &config.mailboxes[&name];
    let runtime = super::runtime()?;
    runtime.block_on(async {
        let desk = Desk::open(config, name, mailbox).await?;
        let day = |day: Date| day.to_zoned(mailbox.time_zone.clone()).map(|start| start.timestamp());
        let since = day(args.from).context("--from")?;
        let until = args.to.map(day).transpose().context("--to")?.unwrap_or_else(|| desk.clock.now());
        anyhow::ensure!(since < until, "--from must be before {}", args.to.map_or("now".to_owned(), |to| to.to_string()));
        let found = desk.not_worked(since, until).await?;
        if found.is_empty() {
            tell("every message of that time has been worked; there is nothing to do");
            return Ok(Exit::Done);
        }
        let exit = if args.apply { desk.hand_over(found, args.pace).await? } else { desk.show(found, &rules).await? };
        if let Some(journal) = desk.journal {
            journal.close().await;
        }
        Ok(exit)
    })
}

impl Desk {
    async fn open(config: &Config, name: MailboxName, mailbox: &MailboxConfig) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let graph = Graph::new(&graph_settings(config), clock.clone())?.mailbox(&mailbox.address);
        let mut folders = Vec::new();
        for path in followed_folders(&graph, &mailbox.folders).await.map_err(OutsideError)? {
            let id = graph.folder(&path).await.map_err(|error| OutsideError(error.to_string()))?;
            folders.push((id.with_context(|| format!("there is no folder `{path}`"))?, path));
        }
        let journal = if config.state.exists() { Some(Journal::open_existing(&config.state, clock.clone())?) } else { None };
        Ok(Self { name, graph, folders, journal, clock })
    }

    fn at(&self, folder: &str) -> Arrival {
        Arrival { mailbox: self.name.clone(), folder: folder.to_owned() }
    }

    /// What lies in the followed folders from that time, and no rule has seen; oldest first.
    async fn not_worked(&self, since: Timestamp, until: Timestamp) -> anyhow::Result<Vec<Envelope>> {
        let hours = usize::try_from(until.duration_since(since).as_hours()).unwrap_or(0);
        let mut progress = Progress::new("days looked through", Some(hours.div_ceil(24)));
        let (mut found, mut from, mut days) = (Vec::new(), since, 0);
        while from < until {
            let to = from.checked_add(STRETCH).unwrap_or(until).min(until);
            let listed = self.graph.received(from, to, "").await.map_err(|error| OutsideError(error.to_string()))?;
            let mut here: Vec<Envelope> = listed
                .into_iter()
                .filter(|(envelope, _)| !envelope.is_draft)
                .filter_map(|(envelope, folder)| {
                    let (_, path) = self.folders.iter().find(|(id, _)| Some(id) == folder.as_ref())?;
                    Some(Envelope { folder: path.clone(), ..envelope })
                })
                .collect();
            if let Some(journal) = &self.journal {
                let ids: Vec<MessageId> = here.iter().filter_map(|envelope| envelope.id.clone()).collect();
                let left = journal.not_worked(&self.at(""), ids).await?;
                here.retain(|envelope| envelope.id.as_ref().is_some_and(|id| left.contains(id)));
            }
            found.extend(here);
            from = to;
            days += 1;
            progress.show(days);
        }
        Ok(found)
    }

    /// Says what the rules make of each; changes nothing.
    async fn show(&self, found: Vec<Envelope>, rules: &Arc<RuleSet>) -> anyhow::Result<Exit> {
        let parser = Parser::new(Parsing::in_children().map_err(|error| OutsideError(error.to_string()))?);
        let mut progress = Progress::new("messages decided", Some(found.len()));
        let mut rows = vec![["Received", "Subject", "Decision", "What would be done"].map(str::to_owned).to_vec()];
        let (mut counts, mut mails) = (BTreeMap::<&str, usize>::new(), 0);
        let all = found.len();
        for (done, envelope) in found.into_iter().enumerate() {
            progress.show(done);
            let received = envelope.received.map_or(String::new(), |at| at.strftime("%Y-%m-%d %H:%M").to_string());
            let subject = envelope.subject.clone().unwrap_or_default();
            let (decision, what) = match self.decide(envelope, rules, &parser).await {
                Ok(Decided { decision: Decision::Planned(plan), .. }) => {
                    mails += plan.actions.iter().filter(|planned| planned.withheld.is_none() && sends(&planned.action)).count();
                    let actions: Vec<String> = plan.actions.iter().map(|planned| planned.action.to_string()).collect();
                    ("planned", actions.join("; "))
                }
                Ok(Decided { decision: Decision::None, .. }) => ("none", String::new()),
                Ok(Decided { decision: Decision::Waiting(question), .. }) => ("waiting", question.to_string()),
                Ok(Decided { decision: Decision::Parked { reason, .. }, .. }) => ("parked", reason),
                Ok(Decided { decision: Decision::Faulted(fault), .. }) => ("faulted", fault.message),
                Err(why) => ("unreadable", why),
            };
            *counts.entry(decision).or_default() += 1;
            rows.push(vec![received, subject, decision.to_owned(), what]);
        }
        drop(progress);
        say(&table(&rows, &[16, 40, 10, 160]));
        let counts: Vec<String> = counts.iter().map(|(decision, count)| format!("{count} {decision}")).collect();
        tell(&format!("{all} messages: {}; {mails} mails would be sent.", counts.join(", ")));
        tell("Nothing was changed. With --apply they are handed to `postroom run`.");
        Ok(Exit::Done)
    }

    async fn decide(&self, envelope: Envelope, rules: &Arc<RuleSet>, parser: &Parser) -> Result<Decided, String> {
        let id = envelope.id.clone();
        let message = Arc::new(Message::new(envelope));
        let decided = self.rehearse(&message, rules).await?;
        if !matches!(decided.decision, Decision::Waiting(Question::Content)) {
            return Ok(decided);
        }
        let id = id.ok_or("the message has no id")?;
        let raw = self.graph.mime(&id).await.map_err(|error| error.to_string())?;
        let parser = parser.clone();
        let content = self.clock.work(move || parser.parse(raw)).await.map_err(|panic| panic.to_string())?;
        let content = content.map_err(|error| error.to_string())?;
        let message = Arc::new(Message::clone(&message).with_content(Arc::new(content)));
        self.rehearse(&message, rules).await
    }

    /// Rules need a stack of their own, which the runtime's blocking threads have.
    async fn rehearse(&self, message: &Arc<Message>, rules: &Arc<RuleSet>) -> Result<Decided, String> {
        let (message, rules) = (Arc::clone(message), Arc::clone(rules));
        let work = move || Rehearsal::new(&rules).decide(&message, &Given::default());
        self.clock.work(work).await.map_err(|panic| panic.to_string())
    }

    /// Hands them to `run`, a few at a time. What was handed over stays so: the same command goes on where it was ended.
    async fn hand_over(&self, found: Vec<Envelope>, pace: NonZeroU32) -> anyhow::Result<Exit> {
        let journal = self.journal.as_ref().context("there is no database yet: start `postroom run` first")?;
        let mut progress = Progress::new("messages handed over", Some(found.len()));
        let pause = Duration::from_mins(1) / pace.get();
        let (all, mut taken) = (found.len(), 0);
        for (done, envelope) in found.into_iter().enumerate() {
            if done > 0 {
                self.clock.sleep(pause).await;
            }
            let at = self.at(&envelope.folder);
            taken += journal.take_in_old(&at, vec![envelope]).await?;
            progress.show(done + 1);
        }
        drop(progress);
        tell(&format!(
            "{taken} of {all} messages were handed to `postroom run`, which works them; `postroom status` shows how far it is."
        ));
        Ok(Exit::Done)
    }
}

fn sends(action: &Action) -> bool {
    matches!(action, Action::Reply(_) | Action::ReplyAll(_) | Action::Forward(_) | Action::Send(_))
}
