//! The gate of one mailbox: how many calls at once, how many in ten minutes, and until when none.
//!
//! Exchange lets an application make four calls at a time against one mailbox and 10,000 in ten minutes, and counts calls made while
//! throttled, so that waiting is the fastest way on (Graph, "throttling limits").

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::clock::{Clock, Stopwatch};

/// Calls to one mailbox at the same time.
pub(super) const CALLS_MAX: usize = 4;
/// Calls to one mailbox in [`WINDOW`] that Exchange takes from an application.
pub const REQUESTS_MAX: u32 = 10_000;
/// The time over which Exchange counts calls.
const WINDOW: Duration = Duration::from_mins(10);
/// What is counted together: a part of the window.
const SLOT: Duration = Duration::from_secs(10);
/// This part of the budget is kept for what cannot wait: one fiftieth.
const RESERVE: u32 = 50;
/// How often a call looks again after the mailbox was closed anew while it waited.
const LOOKS_MAX: usize = 8;

/// Lets calls to one mailbox through.
#[derive(Debug)]
pub(super) struct Gate {
    clock: Clock,
    permits: Semaphore,
    closed_until: Mutex<Option<Timestamp>>,
    spent: Mutex<Spent>,
}

/// Why a call cannot be made for so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// The service asked for it.
    Asked(Duration),
    /// The mailbox's budget is spent.
    Spent(Duration),
}

/// The calls of the last ten minutes.
#[derive(Debug)]
struct Spent {
    since: Stopwatch,
    /// Calls by the number of their slot, oldest first.
    slots: VecDeque<(u64, u32)>,
    budget: u32,
}

/// How much of a mailbox's budget is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spending {
    /// Calls in the last ten minutes.
    pub calls: u32,
    /// Calls that may be made in ten minutes.
    pub budget: u32,
}

impl Spending {
    /// Percent of the budget.
    pub fn percent(self) -> u32 {
        self.calls.saturating_mul(100) / self.budget.max(1)
    }
}

impl Spent {
    fn forget_old(&mut self) {
        let first = (self.since.elapsed().as_secs() / SLOT.as_secs()).saturating_sub(WINDOW.as_secs() / SLOT.as_secs());
        while self.slots.front().is_some_and(|(slot, _)| *slot < first) {
            self.slots.pop_front();
        }
    }

    fn calls(&mut self) -> u32 {
        self.forget_old();
        self.slots.iter().map(|(_, calls)| calls).sum()
    }

    fn add(&mut self) {
        let slot = self.since.elapsed().as_secs() / SLOT.as_secs();
        match self.slots.back_mut() {
            Some((last, calls)) if *last == slot => *calls += 1,
            _ => self.slots.push_back((slot, 1)),
        }
    }

    /// How long until a call is free again, when all but the `reserve` are used.
    fn wait(&mut self, reserve: u32) -> Option<Duration> {
        if self.calls() < self.budget - reserve {
            return None;
        }
        let (oldest, _) = self.slots.front()?;
        let free = SLOT.saturating_mul(u32::try_from(oldest + 1).unwrap_or(u32::MAX)).saturating_add(WINDOW);
        Some(free.saturating_sub(self.since.elapsed()).max(Duration::from_millis(1)))
    }
}

impl Gate {
    pub fn new(clock: Clock, budget: u32) -> Self {
        let spent = Mutex::new(Spent { since: clock.stopwatch(), slots: VecDeque::new(), budget });
        Self { clock, permits: Semaphore::new(CALLS_MAX), closed_until: Mutex::new(None), spent }
    }

    /// Keeps the mailbox closed for `span` from now; an earlier, longer closure stays.
    pub fn close(&self, span: Duration) {
        let until = self.clock.now().saturating_add(jiff::SignedDuration::try_from(span).unwrap_or(jiff::SignedDuration::MAX));
        let Ok(until) = until else { return };
        let mut closed = self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        *closed = Some(closed.map_or(until, |earlier| earlier.max(until)));
    }

    /// How much of the budget is used.
    pub fn spending(&self) -> Spending {
        let mut spent = self.spent();
        Spending { calls: spent.calls(), budget: spent.budget }
    }

    /// How long until work may begin that can wait as well; `None` for now. It leaves a part of the budget to looking for new mail and to
    /// keeping leases.
    pub fn opens_in(&self) -> Option<Duration> {
        let reserve = self.spent().budget / RESERVE;
        let (Closed::Asked(wait) | Closed::Spent(wait)) = self.closed(reserve)?;
        Some(wait)
    }

    /// Waits for a place, at most `limit` for the mailbox to open.
    ///
    /// # Errors
    /// How long the mailbox stays closed, when that is longer than `limit`.
    pub async fn enter(&self, limit: Duration) -> Result<Option<SemaphorePermit<'_>>, Closed> {
        let waited = self.clock.stopwatch();
        for _ in 0..LOOKS_MAX {
            // Waits without a place, so that a closed mailbox does not hold four callers at the door of an open one.
            if let Some(closed) = self.closed(0) {
                let (Closed::Asked(wait) | Closed::Spent(wait)) = closed;
                if wait > limit.saturating_sub(waited.elapsed()) {
                    return Err(closed);
                }
                self.clock.sleep(wait).await;
            }
            // The semaphore is never closed: `None` cannot happen and would only let the call through.
            let permit = self.permits.acquire().await.ok();
            if self.closed(0).is_none() {
                self.spent().add();
                return Ok(permit);
            }
        }
        Err(self.closed(0).unwrap_or(Closed::Asked(Duration::ZERO)))
    }

    fn closed(&self, reserve: u32) -> Option<Closed> {
        let until = *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = until.and_then(|until| Duration::try_from(until.duration_since(self.clock.now())).ok());
        let asked = asked.filter(|left| !left.is_zero()).map(Closed::Asked);
        asked.or_else(|| self.spent().wait(reserve).map(Closed::Spent))
    }

    fn spent(&self) -> MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_closed_mailbox_waits_as_long_as_it_was_told() {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let gate = Gate::new(clock.clone(), REQUESTS_MAX);
        gate.close(Duration::from_secs(10));
        gate.close(Duration::from_secs(3));
        assert!(gate.enter(LIMIT).await.is_ok());
        assert_eq!(clock.now().as_second(), 10);
    }

    #[tokio::test]
    async fn a_wait_beyond_the_limit_is_told_instead() {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let gate = Gate::new(clock.clone(), REQUESTS_MAX);
        gate.close(Duration::from_mins(1));
        assert_eq!(gate.enter(LIMIT).await.err(), Some(Closed::Asked(Duration::from_mins(1))));
        assert_eq!(clock.now().as_second(), 0);
    }

    #[tokio::test]
    async fn four_calls_fit_through_and_no_fifth() {
        let gate = Gate::new(Clock::by_hand(Timestamp::UNIX_EPOCH), REQUESTS_MAX);
        let mut inside = Vec::new();
        for _ in 0..CALLS_MAX {
            inside.push(gate.enter(LIMIT).await);
        }
        assert_eq!(gate.permits.available_permits(), 0);
        inside.pop();
        assert_eq!(gate.permits.available_permits(), 1);
    }

    #[tokio::test]
    async fn a_spent_budget_is_waited_for_and_comes_back_as_the_calls_grow_old() {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let gate = Gate::new(clock.clone(), 3);
        for _ in 0..3 {
            drop(gate.enter(LIMIT).await);
            clock.advance(Duration::from_mins(1));
        }
        assert_eq!((gate.spending(), gate.spending().percent()), (Spending { calls: 3, budget: 3 }, 100));
        // The first call was made in the first ten seconds: it counts until 610 s.
        assert_eq!(gate.enter(LIMIT).await.err(), Some(Closed::Spent(Duration::from_secs(430))));
        assert!(gate.enter(Duration::from_mins(8)).await.is_ok());
        assert_eq!((clock.now().as_second(), gate.spending().calls), (610, 3));
        clock.advance(Duration::from_mins(20));
        assert_eq!(gate.spending().calls, 0);
    }

    #[tokio::test]
    async fn the_last_calls_of_a_budget_are_kept_for_what_cannot_wait() {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let gate = Gate::new(clock.clone(), 100);
        let mut open = Vec::new();
        for _ in 0..100 {
            open.push(gate.opens_in());
            assert!(gate.enter(LIMIT).await.is_ok());
        }
        let expected = [vec![None; 98], vec![Some(Duration::from_secs(610)); 2]].concat();
        assert_eq!(open, expected);
        clock.advance(Duration::from_secs(610));
        assert_eq!(gate.opens_in(), None);
        gate.close(Duration::from_secs(1));
        assert_eq!(gate.opens_in(), Some(Duration::from_secs(1)));
    }
}
