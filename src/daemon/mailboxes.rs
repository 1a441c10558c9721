//! The mailboxes at work: each on a task of its own, joining, leaving and changing as the configuration says.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::rules::{Remarks, gate, load_set, shadow_of};
use super::settings::served_mailbox;
use super::{Configuration, Given, Reload, fixtures_dir, surroundings};
use crate::clock::from_ms;
use crate::config::{Config, MailboxConfig, Reload as ReloadSetting, Start};
use crate::decider::{DecidedMailbox, Edits, LiveRules, Role, RulesWatch, kept_files, origin_of};
use crate::executor::ServedMailbox;
use crate::graph::Graph;
use crate::ids::MailboxName;
use crate::intake::{Health, Intake, Notifications, Polling};
use crate::journal::{Journal, JournalError};
use crate::roster::Roster;
use crate::rules::{RuleSet, Surroundings};
use crate::web::RulesLine;

/// How often it is looked whether the configuration was edited.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What is wrong with the configuration as it stands in its file now, for whoever shows it. Clones show the same.
#[derive(Clone, Default)]
pub(super) struct Trouble(Arc<Mutex<BTreeMap<String, String>>>);

impl Trouble {
    /// All that is wrong.
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Keeps what is wrong with this, or that nothing is any more; tells it once.
    fn set(&self, with: &str, trouble: Option<String>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            None => drop(all.remove(with)),
            Some(why) if all.get(with) == Some(&why) => {}
            Some(why) => {
                tracing::warn!(why, "the configuration");
                all.insert(with.to_owned(), why);
            }
        }
    }
}

/// The file itself, among what may be wrong; the others are mailboxes.
const FILE: &str = "";

/// A mailbox's rules, for the page.
pub(super) struct Shown {
    live: LiveRules,
    remarks: Remarks,
    shadow: Option<LiveRules>,
}

impl Shown {
    pub fn line(&self, name: &MailboxName) -> RulesLine {
        let loaded = self.live.loaded();
        RulesLine {
            mailbox: name.to_string(),
            version: loaded.set.hash().short().to_owned(),
            since: loaded.since.strftime("%H:%M:%S").to_string(),
            refused: loaded.refused.map(|refusal| refusal.faults).unwrap_or_default(),
            remarks: self.remarks.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            shadow: self.shadow.as_ref().map(|shadow| shadow.current().hash().clone()),
        }
    }
}

/// The mailboxes, and what each is made from.
pub(super) struct Mailboxes {
    /// As it is worked by: what stands outside of `[mailbox]` is as it was at the start.
    pub config: Config,
    pub given: Given,
    pub graph: Graph,
    pub journal: Journal,
    pub notifications: Option<Notifications>,
    pub health: Health,
    pub decided: Roster<DecidedMailbox>,
    pub served: Roster<ServedMailbox>,
    pub shown: Roster<Shown>,
    pub trouble: Trouble,
    pub edits: Edits,
}

/// A mailbox that can be worked.
pub(super) struct Prepared {
    name: MailboxName,
    config: MailboxConfig,
    intake: Intake,
    rules: RulesWatch,
    shadow: Option<RulesWatch>,
}

/// A mailbox at work.
struct AtWork {
    config: MailboxConfig,
    leave: watch::Sender<bool>,
    /// Whether its subscriptions end with it.
    ends: Arc<AtomicBool>,
}

impl AtWork {
    fn leave(&self) {
        self.leave.send_replace(true);
    }

    fn leave_for_good(&self) {
        self.ends.store(true, Ordering::SeqCst);
        self.leave();
    }
}

type Tasks = JoinSet<(MailboxName, Result<(), JournalError>)>;

impl Mailboxes {
    /// Lets a mailbox join: from here on what arrived of it is decided and carried out.
    pub async fn prepare(&self, name: &MailboxName, mailbox: &MailboxConfig, set: RuleSet) -> Result<Prepared, JournalError> {
        let clock = &self.given.clock;
        self.journal.keep_rule_set(set.hash(), &kept_files(&set)).await?;
        let dir = mailbox.rules.clone();
        let origin = clock.work(move || origin_of(&dir)).await.unwrap_or_default();
        self.journal.record_version(name, set.hash(), origin).await?;
        let live = LiveRules::new(set, clock.now());
        let remarks = Remarks::default();
        let graph = self.graph.mailbox(&mailbox.address);
        let intake = Intake {
            mailbox: name.clone(),
            graph: graph.clone(),
            folders: mailbox.folders.clone(),
            from: self.start_of(name, mailbox).await?,
            polling: Polling { poll: mailbox.poll, stale: mailbox.stale.max(mailbox.poll) },
            audit_every: mailbox.audit,
            notifications: self.notifications.clone(),
            journal: self.journal.clone(),
            clock: self.given.clock.clone(),
            health: self.health.clone(),
        };
        let reload = if mailbox.reload == ReloadSetting::Check { Reload::Compiles } else { self.given.reload };
        let rules = RulesWatch {
            mailbox: name.clone(),
            dir: mailbox.rules.clone(),
            edits: self.edits.clone(),
            role: Role::Live,
            surroundings: surroundings(&self.config, name),
            gate: gate(fixtures_dir(&self.config, name), reload, Arc::clone(&remarks)),
            live: live.clone(),
            journal: self.journal.clone(),
            idle: self.given.patience.idle,
            clock: clock.clone(),
        };
        let shadow = shadow_of(&self.config, (name, mailbox), clock.now());
        let watched = match &shadow {
            Some(shadow) => Some(self.shadow_watch(&rules, mailbox, shadow.rules.clone()).await?),
            None => None,
        };
        let in_the_shadow = shadow.as_ref().map(|shadow| shadow.rules.clone());
        self.served.join(name.clone(), served_mailbox(mailbox, &graph));
        self.shown.join(name.clone(), Shown { live: live.clone(), remarks, shadow: in_the_shadow });
        self.decided.join(name.clone(), DecidedMailbox { graph, rules: live, shadow });
        Ok(Prepared { name: name.clone(), config: mailbox.clone(), intake, rules, shadow: watched })
    }

    /// Rules in the shadow need not hold any case: they are there to be tried.
    async fn shadow_watch(
        &self,
        beside: &RulesWatch,
        mailbox: &MailboxConfig,
        live: LiveRules,
    ) -> Result<RulesWatch, JournalError> {
        let set = live.current();
        self.journal.keep_rule_set(set.hash(), &kept_files(&set)).await?;
        let dir = mailbox.shadow.clone().unwrap_or_default();
        Ok(RulesWatch {
            mailbox: beside.mailbox.clone(),
            surroundings: Surroundings { dir: dir.display().to_string(), ..beside.surroundings.clone() },
            dir,
            edits: self.edits.clone(),
            role: Role::Shadow,
            gate: Arc::new(|_| Ok(())),
            live,
            journal: self.journal.clone(),
            idle: beside.idle,
            clock: beside.clock.clone(),
        })
    }

    /// From when on a mailbox's mail is worked. `now` is the first start on this database, whenever that was.
    async fn start_of(&self, name: &MailboxName, mailbox: &MailboxConfig) -> Result<Timestamp, JournalError> {
        // Graph tells times of arrival in whole seconds.
        let now = from_ms(self.given.clock.now().as_second() * 1_000);
        self.journal.audited_until(name, now).await?;
        Ok(match mailbox.start {
            Start::All => Timestamp::MIN,
            Start::On(day) => day,
            Start::Now => self.journal.audited_from(name).await?.unwrap_or(now),
        })
    }

    /// Works the mailboxes until `stop` says so.
    ///
    /// # Errors
    /// The journal failed for good.
    pub async fn run(mut self, first: Vec<Prepared>, mut stop: watch::Receiver<bool>) -> Result<(), JournalError> {
        let (mut tasks, mut at_work) = (Tasks::new(), BTreeMap::<MailboxName, AtWork>::new());
        for prepared in first {
            Self::start(prepared, &mut tasks, &mut at_work);
        }
        let follows = self.given.configuration == Configuration::Followed;
        let mut seen = if follows { self.written().await } else { None };
        while !*stop.borrow() {
            tokio::select! {
                biased;
                _ = stop.changed() => continue,
                Some(ended) = tasks.join_next() => note_end(ended, &mut at_work)?,
                () = self.given.clock.sleep(LOOK_EVERY), if follows => {
                    let written = self.written().await;
                    if written.is_some() && written != seen {
                        seen = written;
                        self.read_anew();
                    }
                }
            }
            if follows {
                self.follow(&mut tasks, &mut at_work).await?;
            }
        }
        let ends_all = self.config.web.end_subscriptions;
        for mailbox in at_work.values() {
            if ends_all {
                mailbox.leave_for_good();
            } else {
                mailbox.leave();
            }
        }
        while let Some(ended) = tasks.join_next().await {
            note_end(ended, &mut at_work)?;
        }
        Ok(())
    }

    fn start(prepared: Prepared, tasks: &mut Tasks, at_work: &mut BTreeMap<MailboxName, AtWork>) {
        let Prepared { name, config, intake, rules, shadow } = prepared;
        let (leave, left) = watch::channel(false);
        let ends = Arc::new(AtomicBool::new(false));
        at_work.insert(name.clone(), AtWork { config, leave, ends: Arc::clone(&ends) });
        tasks.spawn(async move {
            let in_the_shadow = async {
                match &shadow {
                    Some(shadow) => shadow.run(left.clone()).await,
                    None => Ok(()),
                }
            };
            let mut ended = tokio::try_join!(intake.run(left.clone()), rules.run(left.clone()), in_the_shadow).map(drop);
            if ended.is_ok() && ends.load(Ordering::SeqCst) {
                ended = intake.end_subscriptions().await;
            }
            (name, ended)
        });
    }

    /// What stands in the configuration's file.
    async fn written(&self) -> Option<String> {
        let file = self.config.file.clone();
        self.given.clock.work(move || std::fs::read_to_string(file).ok()).await.ok().flatten()
    }

    /// Takes what an edited configuration says of mailboxes. One that cannot be used changes nothing, visibly.
    fn read_anew(&mut self) {
        let read = Config::read(&self.config.file, &|name| std::env::var(name).ok());
        let read = read.and_then(|config| config.require_secrets().map(|()| config));
        let wanted = match read {
            Ok(config) => config,
            Err(problems) => {
                let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
                let why = format!("it was edited and cannot be used; nothing has changed\n{}", lines.join("\n"));
                return self.trouble.set(FILE, Some(why));
            }
        };
        let others = |config: &Config| Config { mailboxes: BTreeMap::new(), warnings: Vec::new(), ..config.clone() };
        let is_all = others(&wanted) == others(&self.config);
        self.config.mailboxes = wanted.mailboxes;
        let others = (!is_all).then(|| "what was edited outside of [mailbox] takes effect at the next start".to_owned());
        self.trouble.set(FILE, others);
    }

    /// Lets mailboxes leave, change and join until what is at work is what is wanted. One whose rules do not load does neither.
    async fn follow(&self, tasks: &mut Tasks, at_work: &mut BTreeMap<MailboxName, AtWork>) -> Result<(), JournalError> {
        for (name, mailbox) in at_work.iter().filter(|(name, _)| !self.config.mailboxes.contains_key(*name)) {
            if !*mailbox.leave.borrow() {
                tracing::info!(mailbox = %name, "the mailbox is no longer in the configuration; what waits of it waits until it is again");
                self.decided.leave(name);
                self.served.leave(name);
                self.shown.leave(name);
                mailbox.leave_for_good();
                self.trouble.set(name.as_str(), None);
            }
        }
        for (name, wanted) in &self.config.mailboxes {
            let now = at_work.get(name);
            if now.is_some_and(|now| now.config == *wanted || *now.leave.borrow()) {
                self.trouble.set(name.as_str(), None);
                continue;
            }
            let set = match load_set(&self.config, name, wanted) {
                Ok(set) => set,
                Err(faults) => {
                    let why = format!("the rules of mailbox `{name}` cannot be used; it is worked as before\n{faults}");
                    self.trouble.set(name.as_str(), Some(why));
                    continue;
                }
            };
            self.trouble.set(name.as_str(), None);
            match now {
                // Joins by its new settings when it has left.
                Some(now) if now.config.address == wanted.address => now.leave(),
                Some(now) => now.leave_for_good(),
                None => {
                    let prepared = self.prepare(name, wanted, set).await?;
                    tracing::info!(mailbox = %name, address = wanted.address, "the mailbox is worked by the configuration as it is now");
                    Self::start(prepared, tasks, at_work);
                }
            }
        }
        Ok(())
    }
}

fn note_end(
    ended: Result<(MailboxName, Result<(), JournalError>), tokio::task::JoinError>,
    at_work: &mut BTreeMap<MailboxName, AtWork>,
) -> Result<(), JournalError> {
    match ended {
        Ok((name, ended)) => {
            at_work.remove(&name);
            ended
        }
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
