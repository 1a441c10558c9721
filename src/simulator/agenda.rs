//! What the tenant does later by its own clock: transport of mail, reports that come back, deeds of people, reminders.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::people::DueDeed;
use super::transport::{Report, Submitted};

/// One thing to do.
#[derive(Clone, Debug)]
pub(crate) enum Errand {
    Transport(Submitted),
    Report(Report),
    Deed(DueDeed),
    /// A subscription is to be reauthorized before its authorization ends at that time.
    Reauthorize {
        subscription: String,
        until: Timestamp,
    },
}

/// Everything to do, by when it is due and then by when it was taken on.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    errands: BTreeMap<(Timestamp, u64), Errand>,
    taken_on: u64,
    /// Rung when something is taken on.
    pub rung: Arc<Notify>,
}

impl Agenda {
    pub fn take_on(&mut self, due: Timestamp, errand: Errand) {
        self.taken_on += 1;
        self.errands.insert((due, self.taken_on), errand);
        self.rung.notify_one();
    }

    /// The next errand, if it is due; taken off.
    pub fn due(&mut self, now: Timestamp) -> Option<Errand> {
        let first = self.errands.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(first.remove())
    }

    /// When the next errand is due.
    pub fn next(&self) -> Option<Timestamp> {
        self.errands.keys().next().map(|(due, _)| *due)
    }
}
