//! Keeps one subscription a folder alive: made on start, renewed at half its life, made again when it is gone.
//!
//! The journal says which one is ours. A subscription only wakes the folder's rounds sooner: whatever goes wrong here, polling goes on.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::hooks::{Hooks, Lifecycle, LifecycleEvent, Nudge};
use super::{Health, PAUSES};
use crate::clock::Clock;
use crate::graph::{self, GraphError, Subscription};
use crate::ids::FolderId;
use crate::journal::{Arrival, HeldSubscription, InstanceKey, Journal, JournalError};

/// The life we ask for; Outlook's subscriptions end after 10,070 minutes at most.
const LIFE: SignedDuration = SignedDuration::from_mins(10_000);
/// How often the service is asked whether a subscription is still there.
const LOOK_EVERY: SignedDuration = SignedDuration::from_mins(15);

/// Keeps the subscription to one folder.
pub struct Subscriber {
    /// The mailbox in Graph.
    pub graph: graph::Mailbox,
    /// The folder.
    pub arrival: Arrival,
    /// Where the service finds us: an address that leads to `Hooks`.
    pub url: String,
    /// Whom the service's word reaches.
    pub hooks: Hooks,
    /// Whom it wakes.
    pub nudge: Nudge,
    /// Secrets follow from it.
    pub key: InstanceKey,
    /// What is ours.
    pub journal: Journal,
    /// The time.
    pub clock: Clock,
    /// Where it is shown.
    pub health: Health,
}

/// Why there is no subscription at present.
enum Trouble {
    Graph(GraphError),
    NoFolder,
    Journal(JournalError),
}

impl From<GraphError> for Trouble {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

impl From<JournalError> for Trouble {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl Subscriber {
    /// Keeps it until `stop` says so. The subscription stays: the next start goes on with it.
    ///
    /// # Errors
    /// The journal failed for good.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) -> Result<(), JournalError> {
        let lifecycle = Lifecycle::default();
        let mut failures = 0;
        while !*stop.borrow() {
            let pause = match self.keep(&lifecycle).await {
                Ok(until) => {
                    failures = 0;
                    self.health.subscribed(&self.arrival, Ok(until));
                    LOOK_EVERY.unsigned_abs()
                }
                Err(Trouble::Journal(error)) if !error.is_passing() => return Err(error),
                Err(trouble) => {
                    let what = match trouble {
                        Trouble::Graph(error) => error.to_string(),
                        Trouble::Journal(error) => error.to_string(),
                        Trouble::NoFolder => format!("there is no folder `{}`", self.arrival.folder),
                    };
                    failures += 1;
                    if failures % 10 == 1 {
                        tracing::warn!(mailbox = %self.arrival.mailbox, folder = self.arrival.folder, what,
                            "no notifications for now; the folder is polled all the same");
                    }
                    self.health.subscribed(&self.arrival, Err(what));
                    PAUSES.get(failures - 1).or(PAUSES.last()).copied().unwrap_or(Duration::from_mins(5))
                }
            };
            tokio::select! {
                biased;
                _ = stop.changed() => {}
                () = lifecycle.comes() => {}
                () = self.clock.sleep(pause) => {}
            }
        }
        Ok(())
    }

    /// One look at the subscription, and what it needs. Gives when it ends.
    async fn keep(&self, lifecycle: &Lifecycle) -> Result<Timestamp, Trouble> {
        let folder = self.graph.folder(&self.arrival.folder).await?.ok_or(Trouble::NoFolder)?;
        let listed = self.graph.subscriptions().await?;
        let resource = self.graph.arrivals_in(&folder);
        let held = self.journal.subscription(&self.arrival).await?;
        let is_held = |one: &Subscription| held.as_ref().is_some_and(|held| held.id == one.id && held.url == self.url);
        // Of those that tell this installation of this folder, one is ours; others are left from another database.
        for other in
            listed.iter().filter(|one| one.url == self.url && is_same_resource(&one.resource, &resource) && !is_held(one))
        {
            self.graph.unsubscribe(&other.id).await?;
        }
        let Some(held) = held.filter(|held| held.url == self.url && listed.iter().any(|one| one.id == held.id)) else {
            return self.make(&folder, lifecycle).await;
        };
        self.hooks.listen(&held.id, &held.secret, &self.nudge, lifecycle);
        match lifecycle.take() {
            Some(LifecycleEvent::Removed) => return self.make(&folder, lifecycle).await,
            Some(LifecycleEvent::Reauthorize) => self.graph.reauthorize(&held.id).await?,
            None => {}
        }
        let now = self.clock.now();
        if held.expires.duration_since(now) > self.half_life() {
            return Ok(held.expires);
        }
        match self.graph.renew(&held.id, self.end()).await? {
            Some(renewed) => {
                let held = HeldSubscription { made: now, expires: renewed.expires, ..held };
                self.journal.keep_subscription(&self.arrival, Some(held)).await?;
                Ok(renewed.expires)
            }
            None => self.make(&folder, lifecycle).await,
        }
    }

    /// A subscription in the place of one that is gone or was never there. What came meanwhile is looked for at once.
    async fn make(&self, folder: &FolderId, lifecycle: &Lifecycle) -> Result<Timestamp, Trouble> {
        if let Some(gone) = self.journal.subscription(&self.arrival).await? {
            tracing::warn!(mailbox = %self.arrival.mailbox, folder = self.arrival.folder, "the subscription is gone; it is made again");
            self.hooks.forget(&gone.id);
        }
        let now = self.clock.now();
        let secret = self.key.secret(&format!("{}/{} {}", self.arrival.mailbox, self.arrival.folder, now.as_millisecond()));
        let made = self.graph.subscribe(folder, (&self.url, &secret), self.end()).await?;
        self.hooks.listen(&made.id, &secret, &self.nudge, lifecycle);
        let held = HeldSubscription { id: made.id, secret, url: self.url.clone(), made: now, expires: made.expires };
        self.journal.keep_subscription(&self.arrival, Some(held)).await?;
        self.nudge.now();
        tracing::info!(mailbox = %self.arrival.mailbox, folder = self.arrival.folder, until = %made.expires, "the tenant tells of what arrives");
        Ok(made.expires)
    }

    fn end(&self) -> Timestamp {
        self.clock.now().checked_add(LIFE).unwrap_or(Timestamp::MAX)
    }

    /// Half a life, up to a tenth more by the folder: many subscriptions are not renewed at the same moment.
    fn half_life(&self) -> SignedDuration {
        let name = format!("{}/{}", self.arrival.mailbox, self.arrival.folder);
        let spread = name.bytes().fold(0_i64, |sum, byte| (sum * 31 + i64::from(byte)) % 100);
        SignedDuration::from_secs(LIFE.as_secs() / 2 + LIFE.as_secs() * spread / 1_000)
    }
}

/// The service may give a resource back with other capitals, or a slash before it.
fn is_same_resource(one: &str, other: &str) -> bool {
    one.trim_start_matches('/').eq_ignore_ascii_case(other.trim_start_matches('/'))
}
