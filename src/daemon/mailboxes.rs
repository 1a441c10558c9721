//! The mailboxes at work: each on a task of its own, joining, leaving and changing as the configuration says.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::settings::served_mailbox;
use super::{Configuration, Given, Reload, fixtures_dir, load_set, surroundings};
use crate::clock::from_ms;
use crate::config::{Config, MailboxConfig, Start};
use crate::decider::{DecidedMailbox, Gate, LiveRules, RulesWatch, kept_files};
use crate::executor::ServedMailbox;
use crate::graph::Graph;
use crate::ids::MailboxName;
use crate::intake::{Health, Intake, Notifications, Polling};
use crate::journal::{Journal, JournalError};
use crate::replay;
use crate::roster::Roster;
use crate::rules::RuleSet;
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

/// What does not keep rules from being live but should be known.
type Remarks = Arc<Mutex<Vec<String>>>;

/// A mailbox's rules, for the page.
pub(super) struct Shown {
    live: LiveRules,
    remarks: Remarks,
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
}

/// A mailbox that can be worked.
pub(super) struct Prepared {
    name: MailboxName,
    config: MailboxConfig,
    intake: Intake,
    rules: RulesWatch,
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
        self.journal.keep_rule_set(set.hash(), &kept_files(&set)).await?;
        let live = LiveRules::new(set, self.given.clock.now());
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
        let rules = RulesWatch {
            mailbox: name.clone(),
            dir: mailbox.rules.clone(),
            surroundings: surroundings(&self.config, name),
            gate: gate(fixtures_dir(&self.config, name), self.given.reload, Arc::clone(&remarks)),
            live: live.clone(),
            journal: self.journal.clone(),
            idle: self.given.patience.idle,
            clock: self.given.clock.clone(),
        };
        self.served.join(name.clone(), served_mailbox(mailbox, &graph));
        self.shown.join(name.clone(), Shown { live: live.clone(), remarks });
        self.decided.join(name.clone(), DecidedMailbox { graph, rules: live });
        Ok(Prepared { name: name.clone(), config: mailbox.clone(), intake, rules })
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
        let (mut tasks, mut at_work) = (Tasks::new(), BTreeMap::new());
        for prepared in first {
            self.start(prepared, &mut tasks, &mut at_work);
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
        at_work.values().for_each(|mailbox: &AtWork| if ends_all { mailbox.leave_for_good() } else { mailbox.leave() });
        while let Some(ended) = tasks.join_next().await {
            note_end(ended, &mut at_work)?;
        }
        Ok(())
    }

    fn start(&self, prepared: Prepared, tasks: &mut Tasks, at_work: &mut BTreeMap<MailboxName, AtWork>) {
        let Prepared { name, config, intake, rules } = prepared;
        let (leave, left) = watch::channel(false);
        let ends = Arc::new(AtomicBool::new(false));
        at_work.insert(name.clone(), AtWork { config, leave, ends: Arc::clone(&ends) });
        tasks.spawn(async move {
            let mut ended = tokio::try_join!(intake.run(left.clone()), rules.run(left)).map(drop);
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
                    self.start(prepared, tasks, at_work);
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

fn gate(fixtures: PathBuf, reload: Reload, remarks: Remarks) -> Gate {
    Arc::new(move |set| {
        let held = if fixtures.is_dir() { replay::cases_hold(set, &fixtures) } else { Ok(()) };
        let mut remarks = remarks.lock().unwrap_or_else(PoisonError::into_inner);
        *remarks = match (reload, held) {
            (Reload::Cases, Err(differences)) => return Err(differences),
            (Reload::Compiles, Err(differences)) => differences,
            (_, Ok(())) => Vec::new(),
        };
        Ok(())
    })
}
