//! The audit: what the mailbox received is held against the journal, and what no round has shown is taken in.
//!
//! A message can be moved away before its folder is looked at, and a service that loses an entry of a delta page never says so. The audit
//! asks the whole mailbox, by the time at which mail came, and knows every folder but those for mail of our own and for junk.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::Health;
use super::trouble::{self, Trouble};
use crate::clock::Clock;
use crate::graph::{self, GraphError};
use crate::journal::{Arrival, Audit, Journal, JournalError, Received};

/// Folders whose mail nobody sent to the mailbox, or that the service itself held to be junk.
const NOT_RECEIVED: [&str; 4] = ["sentitems", "drafts", "outbox", "junkemail"];
/// How much of what was audited before is asked for again: mail may be listed late.
const OVERLAP: SignedDuration = SignedDuration::from_mins(15);
/// The longest stretch of one listing.
const STRETCH_MAX: SignedDuration = SignedDuration::from_hours(1);

/// Audits one mailbox.
pub struct Auditor {
    /// The mailbox in Graph.
    pub graph: graph::Mailbox,
    /// What its messages are taken in as: the mailbox and the first of its folders.
    pub arrival: Arrival,
    /// What has come within this time is the next round's to show.
    pub settle: Duration,
    /// Pause between audits.
    pub every: Duration,
    /// Where arrivals are written.
    pub journal: Journal,
    /// The time.
    pub clock: Clock,
    /// Where it is shown.
    pub health: Health,
}

impl Auditor {
    /// Audits until `stop` says so.
    ///
    /// # Errors
    /// The journal failed for good.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) -> Result<(), JournalError> {
        let mut failures = 0;
        let mut pause = self.every;
        while !*stop.borrow() {
            tokio::select! {
                biased;
                _ = stop.changed() => continue,
                () = self.clock.sleep(pause) => {}
            }
            pause = match self.audit(&stop).await {
                Ok(()) => {
                    failures = 0;
                    self.health.set_mailbox(&self.arrival.mailbox, |health| health.audit = None);
                    self.every
                }
                Err(trouble) => {
                    let what = trouble.unless_passing()?.to_string();
                    tracing::warn!(mailbox = %self.arrival.mailbox, failures, what, "an audit failed and is repeated");
                    self.health.set_mailbox(&self.arrival.mailbox, |health| health.audit = Some(what));
                    failures += 1;
                    trouble::pause(failures).min(self.every)
                }
            };
        }
        Ok(())
    }

    /// Everything since the last audit, stretch by stretch.
    async fn audit(&self, stop: &watch::Receiver<bool>) -> Result<(), Trouble> {
        let now = self.clock.now();
        let settled = now.checked_sub(self.settle.min(self.every)).unwrap_or(now);
        let mut until = self.journal.audited_until(&self.arrival.mailbox, now).await?;
        while until < settled && !*stop.borrow() {
            let end = until.checked_add(STRETCH_MAX).unwrap_or(settled).min(settled);
            let first = self.journal.audited_from(&self.arrival.mailbox).await?;
            let since = until.checked_sub(OVERLAP).unwrap_or(until).max(first.unwrap_or(until));
            let listed = self.received(since, end).await?;
            let audit = self.journal.audit(&self.arrival, (until, end), listed).await?;
            self.tell(&audit);
            until = end;
        }
        Ok(())
    }

    async fn received(&self, since: Timestamp, until: Timestamp) -> Result<Vec<Received>, GraphError> {
        let mut others = Vec::new();
        for name in NOT_RECEIVED {
            others.extend(self.graph.folder(name).await?);
        }
        let deleted = self.graph.folder("deleteditems").await?;
        let own = self.graph.address().to_ascii_lowercase();
        let listed = self.graph.received(since, until, &self.arrival.folder).await?;
        let received = listed.into_iter().filter_map(|(envelope, folder)| {
            // People file what they have sent: it is from the mailbox itself. What it sends to itself, its folder's round shows.
            let is_own = envelope.from.as_ref().is_some_and(|from| from.address.eq_ignore_ascii_case(&own));
            let is_elsewhere = folder.as_ref().is_some_and(|folder| others.contains(folder));
            let is_deleted = folder.is_some() && folder == deleted;
            (!envelope.is_draft && !is_own && !is_elsewhere).then_some(Received { envelope, is_deleted })
        });
        Ok(received.collect())
    }

    fn tell(&self, audit: &Audit) {
        let Audit { since, until, received, missed, .. } = audit;
        let mailbox = &self.arrival.mailbox;
        if *missed > 0 {
            tracing::warn!(%mailbox, %since, %until, received, missed, "mail that no round had shown was taken in by the audit");
        } else {
            tracing::info!(%mailbox, %since, %until, received, "every message that the mailbox received is accounted for");
        }
    }
}
