//! Decides: runs the rules on what arrived, answers their questions, writes down the plan.
//!
//! Owns the live rule sets and their exchange while messages wait. Reads mailboxes and asks endpoints; never changes anything outside.

mod bounce;
mod decide;
mod edits;
mod live;
mod origin;
mod shadow;
mod watch;

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;

pub use edits::Edits;
pub use live::{Gate, LiveRules, Loaded, Refusal};
pub use origin::origin_of;
pub use shadow::{Compare, Difference, Shadow};
pub use watch::{Role, RulesWatch, kept_files};

use crate::bulkhead::Bulkhead;
use crate::clock::Clock;
use crate::endpoints::Endpoints;
use crate::graph;
use crate::journal::{Deciding, InstanceKey, Journal, JournalError, Row, Undecided, Waiting};
use crate::looks::Looks;
use crate::parsing::Parser;
use crate::roster::Roster;

/// Messages parsed, and rules run, at the same time.
const DECISIONS_MAX: u32 = 8;
/// Messages in decision at the same time: most of them wait for their content, or for an answer.
const WAITING_MAX: usize = 32;
/// Those of one mailbox.
const WAITING_OF_ONE_MAX: usize = 8;
/// The pause before something is tried again that the journal could not take now.
const LOOK_AT_LEAST: Duration = Duration::from_secs(1);

/// A mailbox as the decider needs it.
#[derive(Clone)]
pub struct DecidedMailbox {
    /// The mailbox in Graph; only read.
    pub graph: graph::Mailbox,
    /// Its rules.
    pub rules: LiveRules,
    /// Rules that decide beside them and act on nothing.
    pub shadow: Option<Shadow>,
}

/// Decides what arrived.
pub struct Decider {
    journal: Journal,
    mailboxes: Roster<DecidedMailbox>,
    endpoints: std::sync::Arc<Endpoints>,
    key: InstanceKey,
    clock: Clock,
    /// The longest wait before the journal is asked again: a person's word arrives without ringing our bell.
    idle: Duration,
    parser: Parser,
    /// Where it stands which messages are at work, should the process die of one.
    deciding: Deciding,
    /// Needed to parse and to run rules; all permits together to do so with no other message beside.
    running: Semaphore,
}

impl Decider {
    /// A decider for these mailboxes.
    pub fn new(
        journal: Journal,
        mailboxes: Roster<DecidedMailbox>,
        (endpoints, key): (std::sync::Arc<Endpoints>, InstanceKey),
        (clock, idle): (Clock, Duration),
        (parser, deciding): (Parser, Deciding),
    ) -> Self {
        let running = Semaphore::new(DECISIONS_MAX as usize);
        Self { journal, mailboxes, endpoints, key, clock, idle, parser, deciding, running }
    }

    /// Decides until `stop` says so.
    ///
    /// # Errors
    /// The journal failed for good.
    pub async fn run(&self, mut stop: tokio::sync::watch::Receiver<bool>) -> Result<(), JournalError> {
        let mut bell = self.journal.bell();
        let mut decisions = FuturesUnordered::new();
        let mut busy = Bulkhead::new(WAITING_MAX, WAITING_OF_ONE_MAX);
        let mut looks = Looks::new(self.clock.clone());
        loop {
            let is_ending = *stop.borrow();
            if is_ending && decisions.is_empty() {
                return Ok(());
            }
            let wait = match looks.rest() {
                Some(rest) => rest,
                None if is_ending => self.idle,
                None => {
                    bell.borrow_and_update();
                    let undecided = looks.make(self.undecided(&busy)).await?;
                    let is_full = !undecided.now.is_empty();
                    for message in undecided.now {
                        if busy.enter(message.row, &message.mailbox) {
                            decisions.push(self.decide_whole(message));
                        }
                    }
                    if is_full { LOOK_AT_LEAST } else { looks.until(undecided.next_at, self.idle) }
                }
            };
            let room = busy.has_room();
            tokio::select! {
                biased;
                Some((row, decided)) = decisions.next() => {
                    busy.leave(&row);
                    match decided {
                        Err(error) if error.is_passing() => {
                            tracing::error!(message = row.0, %error, "nothing new is decided until the journal can be written");
                            self.clock.sleep(LOOK_AT_LEAST).await;
                        }
                        other => other?,
                    }
                }
                _ = bell.changed(), if room => {}
                () = self.clock.sleep(wait) => {}
                _ = stop.changed() => {}
            }
        }
    }

    async fn undecided(&self, busy: &Bulkhead<Row>) -> Result<Waiting<Undecided>, JournalError> {
        // Those in decision are among them, so that as many again must be looked for.
        match self.journal.undecided((WAITING_OF_ONE_MAX * 2, WAITING_MAX * 2), busy.full()).await {
            Err(error) if error.is_passing() => Ok(Waiting { now: Vec::new(), next_at: None }),
            other => other,
        }
    }
}
