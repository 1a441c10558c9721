//! Follows the watched folders: what arrived goes into the journal, together with how far we have looked.
//!
//! Owns the polling and the health of each folder. Never decides, never changes a mailbox.

mod audit;
mod hooks;
mod subscriber;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use audit::Auditor;
pub use hooks::{Heard, Hooks, Nudge};
use jiff::Timestamp;
pub use subscriber::Subscriber;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::graph::{self, ErrorKind};
use crate::ids::MailboxName;
use crate::journal::{Arrival, Journal, JournalError};
use crate::verdict::Verdict;
use trouble::Trouble;

/// The least time between two rounds of a folder.
const DISTANCE: Duration = Duration::from_secs(2);
/// Pages in one round; a round that brings more goes on with the next.
const PAGES_MAX: usize = 1_000;

/// Follows one folder of one mailbox.
pub struct Follower {
    /// The mailbox in Graph.
    pub graph: graph::Mailbox,
    /// What is followed.
    pub arrival: Arrival,
    /// What came before is none of our business.
    pub from: Timestamp,
    /// Pause between rounds.
    pub poll: Duration,
    /// Where arrivals are written.
    pub journal: Journal,
    /// The time.
    pub clock: Clock,
    /// Where the folder's health is shown.
    pub health: Health,
}

/// How the folders are doing. Clones show the same.
#[derive(Clone, Default)]
pub struct Health(Arc<Mutex<Healths>>);

#[derive(Default)]
struct Healths {
    folders: BTreeMap<(MailboxName, String), FolderHealth>,
    /// How the subscriptions to the folders are: when each ends, or what is wrong.
    subscriptions: BTreeMap<(MailboxName, String), Result<Timestamp, String>>,
    /// What is wrong with the audits of a mailbox.
    audits: BTreeMap<MailboxName, Option<String>>,
}

/// How one folder is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderHealth {
    /// When the last round succeeded.
    pub last_round: Option<Timestamp>,
    /// What is wrong since then.
    pub trouble: Option<String>,
}

impl Health {
    /// All folders with how they are doing.
    pub fn folders(&self) -> Vec<(MailboxName, String, FolderHealth)> {
        self.healths()
            .folders
            .iter()
            .map(|((mailbox, folder), health)| (mailbox.clone(), folder.clone(), health.clone()))
            .collect()
    }

    /// The mailboxes whose folders are followed.
    pub fn mailboxes(&self) -> BTreeSet<MailboxName> {
        self.healths().folders.keys().map(|(mailbox, _)| mailbox.clone()).collect()
    }

    /// What is wrong with the audit of a mailbox, if its last one failed.
    pub fn audit_trouble(&self, mailbox: &MailboxName) -> Option<String> {
        self.healths().audits.get(mailbox).cloned().flatten()
    }

    /// When the subscription to a folder ends, or why there is none; `None` where none is wanted.
    pub fn subscription(&self, mailbox: &MailboxName, folder: &str) -> Option<Result<Timestamp, String>> {
        self.healths().subscriptions.get(&(mailbox.clone(), folder.to_owned())).cloned()
    }

    fn subscribed(&self, arrival: &Arrival, subscription: Result<Timestamp, String>) {
        self.healths().subscriptions.insert((arrival.mailbox.clone(), arrival.folder.clone()), subscription);
    }

    fn audited(&self, mailbox: &MailboxName, trouble: Option<String>) {
        self.healths().audits.insert(mailbox.clone(), trouble);
    }

    fn healths(&self) -> MutexGuard<'_, Healths> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shows(&self, arrival: &Arrival, trouble: &str) -> bool {
        let healths = self.healths();
        let health = healths.folders.get(&(arrival.mailbox.clone(), arrival.folder.clone()));
        health.is_some_and(|health| health.trouble.as_deref() == Some(trouble))
    }

    fn set(&self, arrival: &Arrival, change: impl FnOnce(&mut FolderHealth)) {
        change(self.healths().folders.entry((arrival.mailbox.clone(), arrival.folder.clone())).or_default());
    }
}

impl Follower {
    /// Follows until `stop` says so.
    ///
    /// # Errors
    /// The journal failed for good.
    pub async fn run(&self, nudge: &Nudge, mut stop: watch::Receiver<bool>) -> Result<(), JournalError> {
        let mut failures = 0;
        self.health.set(&self.arrival, |_| {});
        while !*stop.borrow() {
            let pause = match self.round(&stop).await {
                Ok(()) => {
                    failures = 0;
                    let now = self.clock.now();
                    self.health.set(&self.arrival, |health| *health = FolderHealth { last_round: Some(now), trouble: None });
                    self.poll
                }
                Err(trouble) => {
                    failures += 1;
                    self.tell(&trouble.unless_passing()?, failures)
                }
            };
            // However often we are told, rounds keep their distance.
            let since = self.clock.stopwatch();
            tokio::select! {
                biased;
                () = self.clock.sleep(pause) => {}
                () = nudge.comes() => self.clock.sleep(DISTANCE.saturating_sub(since.elapsed()).min(pause)).await,
                _ = stop.changed() => {}
            }
        }
        Ok(())
    }

    /// Everything that changed since the cursor, page by page.
    async fn round(&self, stop: &watch::Receiver<bool>) -> Result<(), Trouble> {
        let folder =
            self.graph.folder(&self.arrival.folder).await?.ok_or_else(|| Trouble::NoFolder(self.arrival.folder.clone()))?;
        let mut cursor = self.journal.cursor(&self.arrival).await?;
        for _ in 0..PAGES_MAX {
            let page = match self.graph.delta_page(&folder, &self.arrival.folder, cursor.as_deref()).await {
                Err(error) if error.kind == ErrorKind::CursorLost => {
                    tracing::warn!(mailbox = %self.arrival.mailbox, folder = self.arrival.folder, %error,
                        "the folder is read from its beginning; what is known is not run again");
                    self.journal.drop_cursor(&self.arrival).await?;
                    return Err(Trouble::Graph(error));
                }
                other => other?,
            };
            let more = page.more;
            // A draft is somebody's unfinished mail, not one that arrived.
            let arrived = page.envelopes.into_iter().filter(|envelope| !envelope.is_draft).collect();
            cursor = Some(page.next.clone());
            let sighting = self.journal.record_page(&self.arrival, arrived, page.next, self.from).await?;
            if sighting.new > 0 {
                tracing::debug!(mailbox = %self.arrival.mailbox, folder = self.arrival.folder, new = sighting.new, "mail arrived");
            }
            if !more || *stop.borrow() {
                break;
            }
        }
        Ok(())
    }

    /// Shows and logs what is wrong, and says how long to wait.
    fn tell(&self, trouble: &Trouble, failures: usize) -> Duration {
        let what = trouble.to_string();
        let asked = match trouble {
            Trouble::Graph(error) if error.kind == ErrorKind::CursorLost => Some(Duration::ZERO),
            Trouble::Graph(error) => match error.verdict() {
                Verdict::RetryAfter(after) => Some(after),
                _ => None,
            },
            Trouble::NoFolder(_) | Trouble::Journal(_) => None,
        };
        // The first failure, every new reason and then every tenth time: a night without network must not fill a disk.
        let is_news = !self.health.shows(&self.arrival, &what);
        if is_news || failures % 10 == 1 {
            tracing::warn!(mailbox = %self.arrival.mailbox, folder = self.arrival.folder, failures, what, "a round failed and is repeated");
        }
        self.health.set(&self.arrival, |health| health.trouble = Some(what));
        asked.unwrap_or(trouble::pause(failures)).max(Duration::from_millis(100))
    }
}
