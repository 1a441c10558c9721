//! Follows a mailbox: what arrived in its folders goes into the journal, together with how far we have looked.
//!
//! Owns the polling, the subscriptions, the audits and the health of each folder. Never decides, never changes a mailbox.

mod audit;
mod folders;
mod follower;
mod health;
mod hooks;
mod nudge;
mod pace;
mod subscriber;
mod trouble;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{Stream, StreamExt};
use jiff::Timestamp;
use tokio::sync::watch;

use audit::Auditor;
pub use follower::Follower;
pub use health::{FolderHealth, Health, MailboxHealth};
pub use hooks::{Heard, Hooks};
pub use nudge::Nudge;
pub use pace::Polling;
use subscriber::Subscriber;

use crate::clock::Clock;
use crate::graph;
use crate::ids::MailboxName;
use crate::journal::{Arrival, InstanceKey, Journal, JournalError};

/// A folder that was followed, and how that ended.
type Lane = (String, Result<(), JournalError>);

/// How often it is looked whether there are folders more, or fewer, that a wildcard means.
const FOLDERS_EVERY: Duration = Duration::from_mins(5);

/// Follows one mailbox.
pub struct Intake {
    /// Its name.
    pub mailbox: MailboxName,
    /// The mailbox in Graph.
    pub graph: graph::Mailbox,
    /// Its folders, as paths that may hold wildcards; at least one.
    pub folders: Vec<String>,
    /// What came before is none of our business.
    pub from: Timestamp,
    /// How often its folders are looked at.
    pub polling: Polling,
    /// Pause between audits.
    pub audit_every: Duration,
    /// Where the service tells of arrivals, if it is to.
    pub notifications: Option<Notifications>,
    /// Where arrivals are written.
    pub journal: Journal,
    /// The time.
    pub clock: Clock,
    /// Where it is shown.
    pub health: Health,
}

/// Where the service tells of arrivals.
#[derive(Clone)]
pub struct Notifications {
    /// An address that leads to the hooks.
    pub url: String,
    /// Whom the service's word reaches.
    pub hooks: Hooks,
    /// Secrets follow from it.
    pub key: InstanceKey,
}

/// The folders that are followed now: those that are named, and what the patterns mean.
///
/// # Errors
/// The folders could not be listed, in words.
pub async fn followed_folders(mailbox: &graph::Mailbox, written: &[String]) -> Result<Vec<String>, String> {
    folders::followed(mailbox, written).await.map_err(|trouble| trouble.to_string())
}

impl Intake {
    /// Follows until `stop` says so. Subscriptions stay: the next start goes on with them.
    ///
    /// # Errors
    /// The journal failed for good.
    pub async fn run(&self, stop: watch::Receiver<bool>) -> Result<(), JournalError> {
        let auditor = Auditor {
            graph: self.graph.clone(),
            arrival: self.arrival(self.folders.first().map_or("Inbox", String::as_str)),
            settle: self.polling.slow(),
            every: self.audit_every,
            journal: self.journal.clone(),
            clock: self.clock.clone(),
            health: self.health.clone(),
        };
        self.health.set_mailbox(&self.mailbox, |_| {});
        let ended = tokio::try_join!(self.follow_folders(stop.clone()), auditor.run(stop)).map(drop);
        self.health.forget_mailbox(&self.mailbox);
        ended
    }

    /// Ends the subscriptions to its folders, as far as the service can be reached: the others run out by themselves.
    ///
    /// # Errors
    /// The journal failed for good.
    pub async fn end_subscriptions(&self) -> Result<(), JournalError> {
        for (folder, held) in self.journal.subscriptions(&self.mailbox).await? {
            match self.graph.unsubscribe(&held.id).await {
                Ok(()) => self.journal.keep_subscription(&self.arrival(&folder), None).await?,
                Err(error) => {
                    tracing::info!(mailbox = %self.mailbox, folder, %error, "a subscription was not ended; it runs out by itself");
                }
            }
        }
        Ok(())
    }

    fn arrival(&self, folder: &str) -> Arrival {
        Arrival { mailbox: self.mailbox.clone(), folder: folder.to_owned() }
    }

    /// Follows each folder on a lane of its own, and looks from time to time which folders there are.
    async fn follow_folders(&self, mut stop: watch::Receiver<bool>) -> Result<(), JournalError> {
        let mut lanes = FuturesUnordered::new();
        let mut followed: BTreeMap<String, watch::Sender<bool>> = BTreeMap::new();
        let mut ended = Vec::new();
        let mut failures = 0;
        while !*stop.borrow() {
            // The lanes go on meanwhile: one that stood still in the middle of a call would keep its place at the mailbox's gate.
            let listed = tokio::select! {
                biased;
                listed = folders::followed(&self.graph, &self.folders) => listed,
                error = run_on(&mut lanes, &mut ended) => return Err(error),
            };
            let pause = match listed {
                Ok(folders) => {
                    failures = 0;
                    self.health.set_mailbox(&self.mailbox, |health| health.folders = None);
                    // A lane that is told to leave is gone from the map when it has ended.
                    for (_, leave) in followed.iter().filter(|(folder, _)| !folders.contains(folder)) {
                        leave.send_replace(true);
                    }
                    for folder in folders {
                        if let Entry::Vacant(place) = followed.entry(folder) {
                            let (leave, left) = watch::channel(false);
                            lanes.push(self.lane(place.key().clone(), left));
                            place.insert(leave);
                        }
                    }
                    FOLDERS_EVERY
                }
                Err(trouble) => {
                    let what = trouble.unless_passing()?.to_string();
                    tracing::warn!(mailbox = %self.mailbox, what, "the folders could not be listed; those that are known are followed");
                    self.health.set_mailbox(&self.mailbox, |health| health.folders = Some(what));
                    failures += 1;
                    trouble::pause(failures)
                }
            };
            tokio::select! {
                biased;
                _ = stop.changed() => {}
                Some((folder, result)) = lanes.next() => {
                    result?;
                    ended.push(folder);
                }
                () = self.clock.sleep(pause) => {}
            }
            for folder in ended.drain(..) {
                followed.remove(&folder);
                self.journal.leave(&self.arrival(&folder)).await?;
            }
        }
        for leave in followed.values() {
            leave.send_replace(true);
        }
        while let Some((_, ended)) = lanes.next().await {
            ended?;
        }
        Ok(())
    }

    /// Follows one folder until it is to be left.
    async fn lane(&self, folder: String, left: watch::Receiver<bool>) -> Lane {
        let arrival = self.arrival(&folder);
        let nudge = Nudge::default();
        let follower = Follower {
            graph: self.graph.clone(),
            arrival: arrival.clone(),
            from: self.from,
            polling: self.polling,
            journal: self.journal.clone(),
            clock: self.clock.clone(),
            health: self.health.clone(),
        };
        let ended = match self.notifications.clone() {
            None => follower.run(&nudge, left).await,
            Some(Notifications { url, hooks, key }) => {
                let subscriber = Subscriber {
                    graph: self.graph.clone(),
                    arrival: arrival.clone(),
                    url,
                    hooks,
                    nudge: nudge.clone(),
                    key,
                    journal: self.journal.clone(),
                    clock: self.clock.clone(),
                    health: self.health.clone(),
                };
                tokio::try_join!(follower.run(&nudge, left.clone()), subscriber.run(left)).map(drop)
            }
        };
        self.health.forget(&arrival);
        (folder, ended)
    }
}

/// Lets lanes go on; notes those that end, and completes only when one fails.
async fn run_on(lanes: &mut (impl Stream<Item = Lane> + Unpin), ended: &mut Vec<String>) -> JournalError {
    while let Some((folder, result)) = lanes.next().await {
        match result {
            Ok(()) => ended.push(folder),
            Err(error) => return error,
        }
    }
    std::future::pending().await
}
