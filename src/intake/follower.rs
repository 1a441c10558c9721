//! Follows one folder: by rounds at its pace, and message by message where the service names them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use tokio::sync::watch;

use super::Health;
use super::nudge::Nudge;
use super::pace::{DISTANCE, Pace, Polling};
use super::trouble::{self, Trouble};
use crate::clock::Clock;
use crate::graph::{self, ErrorKind};
use crate::ids::{FolderId, MessageId};
use crate::journal::{Arrival, Journal, JournalError, Looked};
use crate::verdict::Verdict;

/// Pages in one round; a round that brings more goes on with the next.
const PAGES_MAX: usize = 1_000;
/// Named messages that are fetched at the same time: half of what the mailbox takes, since something is always to be done.
const FETCHES_MAX: usize = 2;
/// Percent of the mailbox's calls of ten minutes, up to which a message that is named is worth a call of its own.
const NAMED_UP_TO: u32 = 50;

/// Follows one folder of one mailbox.
pub struct Follower {
    /// The mailbox in Graph.
    pub graph: graph::Mailbox,
    /// What is followed.
    pub arrival: Arrival,
    /// What came before is none of our business.
    pub from: Timestamp,
    /// How often it is looked at.
    pub polling: Polling,
    /// Where arrivals are written.
    pub journal: Journal,
    /// The time.
    pub clock: Clock,
    /// Where the folder's health is shown.
    pub health: Health,
}

impl Follower {
    /// Follows until `stop` says so.
    ///
    /// # Errors
    /// The journal failed for good.
    pub async fn run(&self, nudge: &Nudge, stop: watch::Receiver<bool>) -> Result<(), JournalError> {
        let pace = Mutex::new(Pace::new(self.polling));
        self.health.set(&self.arrival, |health| health.stale = self.polling.stale);
        let named = self.follow_named(nudge, &pace, stop.clone());
        tokio::try_join!(self.follow_by_rounds(nudge, &pace, stop), named).map(drop)
    }

    async fn follow_by_rounds(
        &self,
        nudge: &Nudge,
        pace: &Mutex<Pace>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), JournalError> {
        let mut failures = 0;
        while !*stop.borrow() {
            let pause = match self.round(&stop).await {
                Ok(new) => {
                    failures = 0;
                    let (now, spending) = (self.clock.now(), self.graph.spending());
                    self.health.set(&self.arrival, |health| (health.last_round, health.trouble) = (Some(now), None));
                    self.health.set_mailbox(&self.arrival.mailbox, |health| health.spending = Some(spending));
                    let mut pace = locked(pace);
                    pace.looked(new);
                    pace.pause(now, spending)
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
                () = nudge.to_look() => self.clock.sleep(DISTANCE.saturating_sub(since.elapsed()).min(pause)).await,
                _ = stop.changed() => {}
            }
        }
        Ok(())
    }

    /// Everything that changed since the cursor, page by page. How many messages nobody had seen before.
    async fn round(&self, stop: &watch::Receiver<bool>) -> Result<usize, Trouble> {
        let folder = self.folder().await?;
        let mut cursor = self.journal.cursor(&self.arrival).await?;
        let mut new = 0;
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
            let looked = Looked { next: page.next, calls: self.graph.spending().calls };
            let sighting = self.journal.record_page(&self.arrival, arrived, looked, self.from).await?;
            new += sighting.new;
            if !more || *stop.borrow() {
                break;
            }
        }
        if new > 0 {
            tracing::debug!(mailbox = %self.arrival.mailbox, folder = self.arrival.folder, new, "mail arrived");
        }
        Ok(new)
    }

    /// Takes in the messages that the service names, without waiting for a round. What cannot be had is the next round's to show.
    async fn follow_named(&self, nudge: &Nudge, pace: &Mutex<Pace>, mut stop: watch::Receiver<bool>) -> Result<(), JournalError> {
        while !*stop.borrow() {
            let ids = tokio::select! {
                biased;
                _ = stop.changed() => continue,
                ids = nudge.named() => ids,
            };
            if self.graph.spending().percent() > NAMED_UP_TO {
                nudge.look();
                continue;
            }
            match self.take_in(ids).await {
                Ok(seen) => (0..seen).for_each(|_| locked(pace).told(self.clock.now())),
                Err(trouble) => {
                    let what = trouble.unless_passing()?.to_string();
                    tracing::debug!(mailbox = %self.arrival.mailbox, folder = self.arrival.folder, what, "left to the next round");
                    nudge.look();
                }
            }
        }
        Ok(())
    }

    /// How many of the named messages were there and new.
    async fn take_in(&self, ids: Vec<MessageId>) -> Result<usize, Trouble> {
        let ids = self.journal.never_seen(&self.arrival, ids).await?;
        if ids.is_empty() {
            return Ok(0);
        }
        let folder = self.folder().await?;
        let place = (&folder, self.arrival.folder.as_str());
        let calls = ids.into_iter().map(|id| async move { self.graph.arrived(&id, place).await });
        let mut fetched = stream::iter(calls).buffered(FETCHES_MAX);
        let (mut envelopes, mut failed) = (Vec::new(), None);
        while let Some(envelope) = fetched.next().await {
            match envelope {
                Ok(envelope) => envelopes.extend(envelope.filter(|envelope| !envelope.is_draft)),
                Err(error) => failed = Some(error),
            }
        }
        drop(fetched);
        let new =
            if envelopes.is_empty() { 0 } else { self.journal.record_named(&self.arrival, envelopes, self.from).await?.new };
        failed.map_or(Ok(new), |error| Err(Trouble::Graph(error)))
    }

    async fn folder(&self) -> Result<FolderId, Trouble> {
        self.graph.folder(&self.arrival.folder).await?.ok_or_else(|| Trouble::NoFolder(self.arrival.folder.clone()))
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
            Trouble::NoFolder(_) | Trouble::TooManyFolders(..) | Trouble::Journal(_) => None,
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

fn locked(pace: &Mutex<Pace>) -> MutexGuard<'_, Pace> {
    pace.lock().unwrap_or_else(PoisonError::into_inner)
}
