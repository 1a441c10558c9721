//! Keeps one subscription a folder alive: made on start, renewed at half its life, made again when it is gone.
//!
//! The journal says which one is ours. A subscription only wakes the folder's rounds sooner: whatever goes wrong here, polling goes on.

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::Health;
use super::hooks::{Hooks, Lifecycle};
use super::nudge::Nudge;
use super::trouble::{self, Trouble};
use crate::clock::Clock;
use crate::graph::{self, Subscription};
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
                    self.health.set(&self.arrival, |health| health.subscription = Some(Ok(until)));
                    LOOK_EVERY.unsigned_abs()
                }
                Err(trouble) => {
                    let what = trouble.unless_passing()?.to_string();
                    failures += 1;
                    if failures % 10 == 1 {
                        tracing::warn!(mailbox = %self.arrival.mailbox, folder = self.arrival.folder, what,
                            "no notifications for now; the folder is polled all the same");
                    }
                    self.health.set(&self.arrival, |health| health.subscription = Some(Err(what)));
                    trouble::pause(failures)
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
        let folder =
            self.graph.folder(&self.arrival.folder).await?.ok_or_else(|| Trouble::NoFolder(self.arrival.folder.clone()))?;
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
        if lifecycle.asks() {
            self.graph.reauthorize(&held.id).await?;
            lifecycle.granted();
        }
        if held.expires.duration_since(self.clock.now()) > self.half_life() {
            return Ok(held.expires);
        }
        match self.graph.renew(&held.id, self.end()).await? {
            Some(renewed) => {
                let held = HeldSubscription { expires: renewed.expires, ..held };
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
        let held = HeldSubscription { id: made.id, secret, url: self.url.clone(), expires: made.expires };
        self.journal.keep_subscription(&self.arrival, Some(held)).await?;
        self.nudge.look();
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
