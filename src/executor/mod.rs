//! Carries out what was planned: one recorded action at a time, in order, and looks before it repeats anything.
//!
//! Owns the order, the retries and the send protocol. Never decides what shall happen, never repeats a call whose outcome it does not
//! know: such a call is verified first, and what cannot be proved is parked for a person.

mod answer;
mod attach;
mod call;
mod confirm;
mod judge;
mod lane;
mod lease;
mod moved;
mod patience;
mod places;
mod prepare;
mod schedule;
mod verify;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;

pub use judge::{Doubt, Judged, Seen, judge};
pub use lease::{LeaseTrouble, Machine};
pub use patience::Patience;

use crate::bulkhead::Bulkhead;
use crate::clock::{Clock, JumpWatch};
use crate::endpoints::Endpoints;
use crate::graph;
use crate::ids::{MailboxName, RuleSetHash};
use crate::journal::{Brake, InstanceKey, Journal, JournalError, LeftAlone, Row, Waiting};
use crate::looks::Looks;
use crate::mail::Content;
use crate::parsing::{Parser, Unparsed};
use crate::roster::Roster;
use crate::templates::Templates;

/// Messages worked on at the same time.
const LANES_MAX: usize = 256;
/// Those of one mailbox: it takes four calls at a time, the others are in the journal or at an endpoint.
const LANES_OF_ONE_MAX: usize = 16;
/// The pause before something is tried again that the journal could not take now.
const LOOK_AT_LEAST: Duration = Duration::from_secs(1);
/// Rule sets whose templates are kept compiled.
const TEMPLATES_MAX: usize = 16;

/// Mailboxes that take no calls now, each with how long.
type Closed = BTreeMap<MailboxName, Duration>;

/// A mailbox as the executor needs it.
#[derive(Clone)]
pub struct ServedMailbox {
    /// The mailbox in Graph.
    pub graph: graph::Mailbox,
    /// Its address.
    pub address: String,
    /// Whether a rule may move to a folder that is not there yet.
    pub missing_folders: MissingFolders,
    /// How many answers may go out.
    pub budget: ReplyBudget,
    /// How far a changed rule set is trusted; `None` trusts any.
    pub brake: Option<Brake>,
    /// Sends that may be begun and not ended.
    pub sends: Arc<Semaphore>,
}

/// Sends of a mailbox under way at the same time: as many as Graph takes calls. A send is begun in the journal only when it can be made
/// at once, so that a sudden end leaves few in doubt.
pub const SENDS_MAX: usize = 4;

/// What to do when a rule moves to a folder that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingFolders {
    /// Make it (`create_folders = true`).
    Create,
    /// Reject the move.
    Refuse,
}

/// How many answers may go out: the paces only delay, sender and conversation withhold, the rule set's asks a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyBudget {
    /// From the mailbox in a minute.
    pub per_minute: u32,
    /// To one sender in 24 hours.
    pub per_sender_per_day: u32,
    /// In one conversation, ever.
    pub per_conversation: u32,
    /// To one domain in an hour.
    pub per_domain_per_hour: Option<u32>,
    /// By one rule set in an hour.
    pub per_rule_set_per_hour: Option<u32>,
}

/// Carries out plans.
pub struct Executor {
    journal: Journal,
    mailboxes: Roster<ServedMailbox>,
    endpoints: std::sync::Arc<Endpoints>,
    key: InstanceKey,
    clock: Clock,
    patience: Patience,
    templates: Mutex<HashMap<RuleSetHash, Arc<Templates>>>,
    held: Mutex<places::Held>,
    parser: Parser,
    leases: lease::Leases,
    /// Counts what makes stale what lanes have read from the journal: leases taken, clocks set.
    generation: AtomicU64,
    jump: Mutex<JumpWatch>,
}

impl Executor {
    /// An executor for these mailboxes and endpoints.
    pub fn new(
        journal: Journal,
        mailboxes: Roster<ServedMailbox>,
        endpoints: std::sync::Arc<Endpoints>,
        (key, machine): (InstanceKey, Machine),
        (clock, patience): (Clock, Patience),
        (parser, trouble): (Parser, LeaseTrouble),
    ) -> Self {
        let (templates, held) = (Mutex::default(), Mutex::default());
        let leases = lease::Leases::new((&key, machine), clock.clone(), trouble);
        let (generation, jump) = (AtomicU64::new(0), Mutex::new(JumpWatch::new(&clock)));
        Self { journal, mailboxes, endpoints, key, clock, patience, templates, held, parser, leases, generation, jump }
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    fn next_generation(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Works until `stop` says so, then finishes the calls that are under way.
    ///
    /// # Errors
    /// The journal failed for good.
    pub async fn run(&self, stop: tokio::sync::watch::Receiver<bool>) -> Result<(), JournalError> {
        tokio::try_join!(self.work(stop.clone()), self.confirm(stop)).map(drop)
    }

    async fn work(&self, mut stop: tokio::sync::watch::Receiver<bool>) -> Result<(), JournalError> {
        let doubtful = loop {
            let doubted = match self.journal.distrust_far_times().await {
                Ok(()) => self.journal.doubt_running().await,
                Err(error) => Err(error),
            };
            match doubted {
                Err(error) if error.is_passing() && !*stop.borrow() => {
                    tracing::error!(%error, "nothing is begun until the journal can be written");
                    self.clock.sleep(LOOK_AT_LEAST).await;
                }
                other => break other?,
            }
        };
        if doubtful > 0 {
            tracing::info!(
                doubtful,
                "actions were under way when the process ended; each is looked at before anything is repeated"
            );
        }
        let mut bell = self.journal.bell();
        let mut lanes = FuturesUnordered::new();
        let mut busy = Bulkhead::new(LANES_MAX, LANES_OF_ONE_MAX);
        let mut looks = Looks::new(self.clock.clone());
        loop {
            let is_ending = *stop.borrow();
            if is_ending && lanes.is_empty() {
                return self.give_back().await;
            }
            let wait = match looks.rest() {
                Some(rest) => rest,
                None if is_ending => self.patience.idle,
                None => {
                    bell.borrow_and_update();
                    let closed = self.closed();
                    let due = looks.make(self.due(&busy, &closed)).await?;
                    let is_full = !due.now.is_empty();
                    for (row, mailbox) in due.now {
                        if busy.enter(row, &mailbox) {
                            lanes.push(self.lane(row, stop.clone()));
                        }
                    }
                    // What is due but has no lane yet is taken up at the end of another one, which wakes us.
                    if is_full { LOOK_AT_LEAST } else { self.wait(looks.until(due.next_at, self.patience.idle), &closed) }
                }
            };
            tokio::select! {
                biased;
                Some((row, ended)) = lanes.next() => {
                    busy.leave(&row);
                    self.note_end(row, ended).await?;
                }
                _ = bell.changed(), if busy.has_room() => {}
                () = self.clock.sleep(wait) => {}
                _ = stop.changed() => {}
            }
        }
    }

    async fn due(&self, busy: &Bulkhead<Row>, closed: &Closed) -> Result<Waiting<(Row, MailboxName)>, JournalError> {
        // Beyond those that wait for an endpoint there must be something to see.
        let limit = LANES_OF_ONE_MAX * 2 + self.held().len();
        let due = match self.follow_the_clock().await {
            Ok(()) => self.journal.due(limit, self.left_alone(busy, closed)).await,
            Err(error) => Err(error),
        };
        match due {
            Err(error) if error.is_passing() => Ok(Waiting { now: Vec::new(), next_at: None }),
            due => due.map(|due| Waiting { now: self.admit(due.now), ..due }),
        }
    }

    /// Neither is begun what would only be put off: a mailbox's backlog waits in the journal as it is.
    fn left_alone(&self, busy: &Bulkhead<Row>, closed: &Closed) -> LeftAlone {
        let resting = self.leases.resting().into_iter().collect();
        LeftAlone { full: busy.full(), resting, closed: closed.keys().cloned().collect() }
    }

    fn closed(&self) -> Closed {
        let all = self.mailboxes.all().into_iter();
        all.filter_map(|(name, mailbox)| Some((name, mailbox.graph.opens_in()?))).collect()
    }

    /// That long, or until a mailbox takes calls again.
    fn wait(&self, wait: Duration, closed: &Closed) -> Duration {
        let wakes = closed.values().copied().chain(self.leases.next_awake()).min();
        wakes.map_or(wait, |wakes| wait.min(wakes.max(Duration::from_millis(1))))
    }

    async fn note_end(&self, row: Row, ended: Result<(), JournalError>) -> Result<(), JournalError> {
        match ended {
            Ok(()) => Ok(()),
            Err(error) if error.is_final() => Err(error),
            Err(error) if error.is_passing() => {
                tracing::error!(message = row.0, %error, "nothing new is begun until the journal can be written");
                self.clock.sleep(LOOK_AT_LEAST).await;
                Ok(())
            }
            // A person's word arrived between our look and our write: the next look sees it.
            Err(JournalError::Illegal(illegal)) => {
                tracing::info!(message = row.0, %illegal, "an action changed while it was being taken up");
                Ok(())
            }
            Err(error) => {
                tracing::error!(message = row.0, %error, "an action could not be taken up");
                self.clock.sleep(LOOK_AT_LEAST).await;
                Ok(())
            }
        }
    }

    /// Parses a message for what an answer takes from it.
    async fn parse(&self, raw: Vec<u8>) -> Result<Content, Unparsed> {
        let parser = self.parser.clone();
        let parsed = self.clock.work(move || parser.parse(raw)).await;
        parsed.unwrap_or_else(|panic| Err(Unparsed::Message(panic.to_string())))
    }

    /// The templates of the rule set that decided, from the journal's own copy of it.
    async fn templates(&self, hash: &RuleSetHash) -> Result<Result<Arc<Templates>, String>, JournalError> {
        if let Some(templates) = self.templates.lock().unwrap_or_else(PoisonError::into_inner).get(hash) {
            return Ok(Ok(Arc::clone(templates)));
        }
        let files = match self.journal.rule_set(hash).await {
            Ok(files) => files,
            Err(JournalError::Missing(what)) => return Ok(Err(format!("the journal has no {what}"))),
            Err(error) => return Err(error),
        };
        let templates = files.into_iter().filter_map(|(path, text)| Some((path.strip_prefix("templates/")?.to_owned(), text)));
        Ok(match Templates::compile(&templates.collect()) {
            Ok(templates) => {
                let templates = Arc::new(templates);
                let mut kept = self.templates.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() >= TEMPLATES_MAX {
                    kept.clear();
                }
                kept.insert(hash.clone(), Arc::clone(&templates));
                Ok(templates)
            }
            Err(problems) => Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
        })
    }
}
