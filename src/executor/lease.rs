//! The mailbox lease: of several processes that serve one mailbox, one acts.
//!
//! It stands in the mailbox itself, so that a clone on another machine finds it. Taken when something is about to be brought about,
//! renewed while there is something to do, given back at an orderly stop. Who does not hold it only looks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::call::{OUTBOX, ms};
use super::{Executor, ServedMailbox};
use crate::clock::{Clock, Stopwatch};
use crate::graph::{GraphError, OurFolder};
use crate::ids::MailboxName;
use crate::journal::{InstanceKey, JournalError, Testimony};
use crate::verdict::Verdict;

/// Who asks for a lease: which installation, on which boot of which machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    boot: String,
    holder: String,
}

impl Machine {
    /// A process on the boot with this id; empty where the system names none.
    pub fn booted(boot: &str) -> Self {
        use std::hash::{BuildHasher, Hasher};
        // The standard library seeds its hash maps from the operating system's randomness.
        let random = || std::collections::hash_map::RandomState::new().build_hasher().finish();
        Self::held_by(boot, &format!("{:016x}{:016x}", random(), random()))
    }

    /// A process that is called `holder`, which no other process on this mailbox may be.
    pub fn held_by(boot: &str, holder: &str) -> Self {
        Self { boot: boot.trim().to_owned(), holder: holder.to_owned() }
    }

    /// This process on this machine.
    pub fn this() -> Self {
        Self::booted(&std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default())
    }
}

/// What stands in the mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Lease {
    #[serde(flatten)]
    testimony: Testimony,
    instance: String,
    boot: String,
    /// One process: random at each start.
    holder: String,
    /// Milliseconds since 1970.
    until: i64,
}

/// How a mailbox stands for this process.
#[derive(Default)]
enum Hold {
    #[default]
    Nothing,
    /// Written; to be read again once every other has had the time to see it.
    Claimed { lease: Lease, since: Stopwatch },
    /// Ours. `Young` until it was read once more: another may have read before we wrote.
    Held { lease: Lease, since: Stopwatch, age: Age },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    Young,
    Firm,
}

#[derive(Default)]
struct Desk {
    hold: Hold,
    failures: u32,
    /// Somebody else wrote while this process lived: it is no dead predecessor of ours then, whatever it calls itself.
    contested: bool,
}

/// A mailbox that is left alone for a while.
struct Rest {
    since: Stopwatch,
    span: Duration,
}

/// The leases of this process.
pub(super) struct Leases {
    clock: Clock,
    instance: String,
    machine: Machine,
    has_own_name: AtomicBool,
    desks: Mutex<BTreeMap<MailboxName, Arc<tokio::sync::Mutex<Desk>>>>,
    resting: Mutex<BTreeMap<MailboxName, Rest>>,
    trouble: LeaseTrouble,
}

/// Why mailboxes are only looked at, for whoever shows it. Clones show the same.
#[derive(Clone, Default)]
pub struct LeaseTrouble(Arc<Mutex<BTreeMap<MailboxName, String>>>);

impl LeaseTrouble {
    /// Each mailbox that is only looked at, with the reason.
    pub fn all(&self) -> Vec<(MailboxName, String)> {
        let trouble = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.iter().map(|(mailbox, why)| (mailbox.clone(), why.clone())).collect()
    }

    /// Keeps the reason and tells it once.
    fn set(&self, mailbox: &MailboxName, why: String) {
        let mut trouble = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.get(mailbox) != Some(&why) {
            tracing::error!(%mailbox, why, "the mailbox is only looked at");
            trouble.insert(mailbox.clone(), why);
        }
    }

    fn clear(&self, mailbox: &MailboxName) {
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(mailbox).is_some() {
            tracing::info!(%mailbox, "the mailbox is worked on");
        }
    }
}

/// Whether a mailbox may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Footing {
    /// It may, by what was read in this generation.
    Firm,
    /// It may, but what was read before is to be read again.
    Fresh,
    /// Not now: the mailbox rests.
    Resting,
}

/// Why a lease could not be had at once.
enum Setback {
    Graph(GraphError),
    Journal(JournalError),
}

impl From<GraphError> for Setback {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

impl From<JournalError> for Setback {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl Leases {
    pub fn new((key, machine): (&InstanceKey, Machine), clock: Clock, trouble: LeaseTrouble) -> Self {
        let (instance, desks, resting) = (key.instance(), Mutex::default(), Mutex::default());
        Self { clock, instance, machine, has_own_name: AtomicBool::new(false), desks, resting, trouble }
    }

    fn desks(&self) -> MutexGuard<'_, BTreeMap<MailboxName, Arc<tokio::sync::Mutex<Desk>>>> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn resting_now(&self) -> MutexGuard<'_, BTreeMap<MailboxName, Rest>> {
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.retain(|_, rest| rest.since.elapsed() < rest.span);
        resting
    }

    /// The mailboxes that rest.
    pub fn resting(&self) -> Vec<MailboxName> {
        self.resting_now().keys().cloned().collect()
    }

    /// When the first of them is awake again.
    pub fn next_awake(&self) -> Option<Duration> {
        self.resting_now().values().map(|rest| rest.span.saturating_sub(rest.since.elapsed())).min()
    }

    pub fn wake_all(&self) {
        self.resting_now().clear();
    }

    fn rest(&self, mailbox: &MailboxName, span: Duration) -> Footing {
        self.resting_now().insert(mailbox.clone(), Rest { since: self.clock.stopwatch(), span });
        Footing::Resting
    }

    /// The mark of this process, whatever else it wrote with it: a lease that is further than all we wrote is not ours.
    fn is_ours(&self, found: &Lease, written: &Lease) -> bool {
        found.holder == self.machine.holder
            && found.until <= written.until
            && found.testimony.sequence <= written.testimony.sequence
    }

    /// Left by a process of this installation on this boot: the lock beside the database proves that it is dead.
    fn is_predecessor(&self, found: &Lease) -> bool {
        !self.machine.boot.is_empty() && found.instance == self.instance && found.boot == self.machine.boot
    }
}

impl Executor {
    /// Whether the mailbox may be changed now, by what was read in this generation; takes or renews the lease as needed.
    pub(super) async fn footing(
        &self,
        (name, mailbox): (&MailboxName, &ServedMailbox),
        generation: u64,
    ) -> Result<Footing, JournalError> {
        let desk = Arc::clone(self.leases.desks().entry(name.clone()).or_default());
        let mut desk = desk.lock().await;
        if self.leases.resting_now().contains_key(name) {
            return Ok(Footing::Resting);
        }
        match self.step((name, mailbox), &mut desk).await {
            Ok(Footing::Firm) => {
                desk.failures = 0;
                Ok(if generation == self.generation() { Footing::Firm } else { Footing::Fresh })
            }
            Ok(other) => Ok(other),
            Err(Setback::Journal(error)) => Err(error),
            Err(Setback::Graph(error)) if self.is_safe(&desk.hold) => {
                tracing::debug!(mailbox = %name, %error, "the lease is renewed a little later");
                Ok(Footing::Firm)
            }
            Err(Setback::Graph(error)) => {
                desk.failures += 1;
                let span = match error.verdict() {
                    Verdict::RetryAfter(after) => after,
                    _ if error.is_configuration() => self.patience.configuration,
                    _ => self.patience.retry(desk.failures),
                };
                self.leases.trouble.set(name, format!("its lease could not be read or written, nothing is lost: {error}"));
                Ok(self.leases.rest(name, span))
            }
        }
    }

    /// Whether it is ours for long enough still, whatever else is to be looked at. By both clocks, for either may stand still.
    fn lasts(&self, lease: &Lease, since: &Stopwatch) -> bool {
        let margin = self.patience.lease_margin;
        let left = Duration::from_millis(u64::try_from(lease.until - self.clock.now().as_millisecond()).unwrap_or(0));
        left > margin && since.elapsed() < self.patience.lease.saturating_sub(margin)
    }

    /// Whether one may act by it without another look.
    fn is_safe(&self, hold: &Hold) -> bool {
        let Hold::Held { lease, since, age } = hold else { return false };
        self.lasts(lease, since) && (*age == Age::Firm || since.elapsed() < self.patience.lease_settle / 2)
    }

    async fn step(&self, (name, mailbox): (&MailboxName, &ServedMailbox), desk: &mut Desk) -> Result<Footing, Setback> {
        let is_safe = self.is_safe(&desk.hold);
        if let Hold::Held { since, .. } = &desk.hold
            && is_safe
            && since.elapsed() < self.patience.lease / 3
        {
            return Ok(Footing::Firm);
        }
        let folder = mailbox.graph.our_folder(OUTBOX).await?;
        let found = mailbox.graph.lease(folder.id()).await?;
        // What cannot be read is somebody's newer form, or a person's doing: it is written over as if it had run out.
        let found: Option<Lease> = found.and_then(|text| serde_json::from_str(&text).ok());
        let settle = self.patience.lease_settle;
        match (std::mem::take(&mut desk.hold), found) {
            (Hold::Claimed { lease, since }, Some(found)) if self.leases.is_ours(&found, &lease) => {
                let left = settle.saturating_sub(since.elapsed());
                if !left.is_zero() {
                    desk.hold = Hold::Claimed { lease, since };
                    return Ok(self.leases.rest(name, left));
                }
                self.leases.trouble.clear(name);
                desk.hold = Hold::Held { lease, since, age: Age::Firm };
                Ok(Footing::Firm)
            }
            (Hold::Held { lease, since, age }, Some(found)) if self.leases.is_ours(&found, &lease) => {
                let lasts = self.lasts(&lease, &since);
                if !lasts {
                    // Another may see at this moment that it has run out, and claim it.
                    self.write(mailbox, &folder, desk).await?;
                    return Ok(Footing::Fresh);
                }
                let is_looked_at = age == Age::Young && since.elapsed() < self.patience.lease / 3;
                desk.hold = Hold::Held { lease, since: since.clone(), age: Age::Firm };
                if !is_looked_at && let Err(setback) = self.write(mailbox, &folder, desk).await {
                    // It may have been written all the same: what is found then is ours, but it lasts only as long as before.
                    if let Hold::Claimed { lease, .. } = std::mem::take(&mut desk.hold) {
                        desk.hold = Hold::Held { lease, since, age: Age::Firm };
                    }
                    return Err(setback);
                }
                if let Hold::Held { age, .. } = &mut desk.hold {
                    *age = Age::Firm;
                }
                Ok(Footing::Firm)
            }
            (hold, found) => {
                if !matches!(hold, Hold::Nothing) && found.is_some() {
                    desk.contested = true;
                }
                self.take((name, mailbox), &folder, desk, found).await
            }
        }
    }

    /// Not ours so far.
    async fn take(
        &self,
        (name, mailbox): (&MailboxName, &ServedMailbox),
        folder: &OurFolder,
        desk: &mut Desk,
        found: Option<Lease>,
    ) -> Result<Footing, Setback> {
        let inherits = !desk.contested && found.as_ref().is_some_and(|found| self.leases.is_predecessor(found));
        let left = found.as_ref().map_or(0, |found| found.until - self.clock.now().as_millisecond());
        if left > 0 && !inherits {
            self.leases.trouble.set(
                name,
                "another postroom works on this mailbox; stop one of them (this one takes over when the other has stopped)"
                    .to_owned(),
            );
            let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
            return Ok(self.leases.rest(name, left.min(self.patience.lease_look)));
        }
        if let Some(found) = found
            && let Some(reason) = self.journal.hear(name, found.testimony).await?
        {
            tracing::error!(mailbox = %name, reason, "every effect of mail that has come is looked for before it is brought about");
        }
        // Whoever copied the database before now does not know this name: he hears from it that we were here.
        if !self.leases.has_own_name.swap(true, Ordering::SeqCst) {
            self.journal.take_new_name(&self.leases.machine.holder).await?;
        }
        self.next_generation();
        let is_alone = inherits || matches!(folder, OurFolder::Made(_)) || self.patience.lease_settle.is_zero();
        self.write(mailbox, folder, desk).await?;
        if !is_alone {
            if let Hold::Held { lease, since, .. } = std::mem::take(&mut desk.hold) {
                desk.hold = Hold::Claimed { lease, since };
            }
            return Ok(self.leases.rest(name, self.patience.lease_settle));
        }
        self.leases.trouble.clear(name);
        Ok(Footing::Fresh)
    }

    async fn write(&self, mailbox: &ServedMailbox, folder: &OurFolder, desk: &mut Desk) -> Result<(), Setback> {
        let until = self.clock.now().as_millisecond().saturating_add(i64::try_from(ms(self.patience.lease)).unwrap_or(i64::MAX));
        let lease = self.lease_until(until).await?;
        let since = self.clock.stopwatch();
        // Kept before it is written: a write whose answer is lost may have been done, and is ours when it is found. Until then it only
        // counts as claimed.
        desk.hold = Hold::Claimed { lease: lease.clone(), since: since.clone() };
        mailbox.graph.write_lease(folder.id(), &serde_json::to_string(&lease).unwrap_or_default()).await?;
        desk.hold = Hold::Held { lease, since, age: Age::Young };
        Ok(())
    }

    async fn lease_until(&self, until: i64) -> Result<Lease, JournalError> {
        let Machine { boot, holder } = self.leases.machine.clone();
        Ok(Lease { testimony: self.journal.testimony().await?, instance: self.leases.instance.clone(), boot, holder, until })
    }

    /// Gives back what is held, so that another may act at once.
    pub(super) async fn give_back(&self) -> Result<(), JournalError> {
        let given_back = self.lease_until(self.clock.now().as_millisecond()).await?;
        let text = serde_json::to_string(&given_back).unwrap_or_default();
        let desks = self.leases.desks().clone();
        for (name, desk) in &desks {
            let mut desk = desk.lock().await;
            let (Hold::Held { lease, since, .. }, Some(mailbox)) = (std::mem::take(&mut desk.hold), self.mailboxes.get(name))
            else {
                continue;
            };
            if !self.lasts(&lease, &since) {
                continue;
            }
            let written = match mailbox.graph.our_folder(OUTBOX).await {
                Ok(folder) => mailbox.graph.write_lease(folder.id(), &text).await,
                Err(error) => Err(error),
            };
            if let Err(error) = written {
                tracing::info!(mailbox = %name, %error, "the lease was not given back; it runs out by itself");
            }
        }
        Ok(())
    }
}
