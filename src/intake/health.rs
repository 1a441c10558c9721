//! How intake is doing, for whoever shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::graph::Spending;
use crate::ids::MailboxName;
use crate::journal::Arrival;

/// How the folders are doing. Clones show the same.
#[derive(Clone, Default)]
pub struct Health(Arc<Mutex<Healths>>);

#[derive(Default)]
struct Healths {
    folders: BTreeMap<(MailboxName, String), FolderHealth>,
    mailboxes: BTreeMap<MailboxName, MailboxHealth>,
}

/// How one folder is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderHealth {
    /// When it was first to be followed, and later when the last round succeeded.
    pub last_round: Option<Timestamp>,
    /// What is wrong since then.
    pub trouble: Option<String>,
    /// When its subscription ends, or why there is none; `None` where none is wanted.
    pub subscription: Option<Result<Timestamp, String>>,
    /// The longest that it may go without being looked at.
    pub stale: Duration,
}

/// How a mailbox as a whole is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailboxHealth {
    /// What is wrong with its audits.
    pub audit: Option<String>,
    /// Why its folders could not be listed.
    pub folders: Option<String>,
    /// How much of its calls is used, as of its last round.
    pub spending: Option<Spending>,
}

impl FolderHealth {
    /// Whether it was looked at in time.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        let age = |at| Duration::try_from(now.duration_since(at)).unwrap_or_default();
        self.last_round.is_some_and(|at| age(at) <= self.stale)
    }
}

impl Health {
    /// All folders with how they are doing.
    pub fn folders(&self) -> Vec<(MailboxName, String, FolderHealth)> {
        let shown = |((mailbox, folder), health): (&(MailboxName, String), &FolderHealth)| {
            (mailbox.clone(), folder.clone(), health.clone())
        };
        self.healths().folders.iter().map(shown).collect()
    }

    /// The mailboxes whose folders are followed.
    pub fn mailboxes(&self) -> BTreeSet<MailboxName> {
        self.healths().mailboxes.keys().cloned().collect()
    }

    /// How a mailbox is doing.
    pub fn mailbox(&self, mailbox: &MailboxName) -> MailboxHealth {
        self.healths().mailboxes.get(mailbox).cloned().unwrap_or_default()
    }

    /// Whether this is what was wrong with a folder before.
    pub(super) fn shows(&self, arrival: &Arrival, trouble: &str) -> bool {
        let healths = self.healths();
        let health = healths.folders.get(&(arrival.mailbox.clone(), arrival.folder.clone()));
        health.is_some_and(|health| health.trouble.as_deref() == Some(trouble))
    }

    pub(super) fn set(&self, arrival: &Arrival, change: impl FnOnce(&mut FolderHealth)) {
        change(self.healths().folders.entry((arrival.mailbox.clone(), arrival.folder.clone())).or_default());
    }

    pub(super) fn set_mailbox(&self, mailbox: &MailboxName, change: impl FnOnce(&mut MailboxHealth)) {
        change(self.healths().mailboxes.entry(mailbox.clone()).or_default());
    }

    /// The folder is followed no more.
    pub(super) fn forget(&self, arrival: &Arrival) {
        self.healths().folders.remove(&(arrival.mailbox.clone(), arrival.folder.clone()));
    }

    /// The mailbox is followed no more.
    pub(super) fn forget_mailbox(&self, mailbox: &MailboxName) {
        let mut healths = self.healths();
        healths.mailboxes.remove(mailbox);
        healths.folders.retain(|(own, _), _| own != mailbox);
    }

    fn healths(&self) -> MutexGuard<'_, Healths> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
