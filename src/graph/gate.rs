//! The gate of one mailbox: how many calls at once, and until when none.
//!
//! Exchange lets an application make four calls at a time against one mailbox and counts calls made while throttled, so
//! that waiting out `Retry-After` is the fastest way on (Graph, "throttling limits").

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::clock::Clock;

/// Calls to one mailbox at the same time.
pub(super) const CALLS_MAX: usize = 4;
/// How often a call looks again after the mailbox was closed anew while it waited.
const LOOKS_MAX: usize = 8;

/// Lets calls to one mailbox through.
#[derive(Debug)]
pub(super) struct Gate {
    permits: Semaphore,
    closed_until: Mutex<Option<Timestamp>>,
}

impl Gate {
    pub fn new() -> Self {
        Self { permits: Semaphore::new(CALLS_MAX), closed_until: Mutex::new(None) }
    }

    /// Keeps the mailbox closed for `span` from now; an earlier, longer closure stays.
    pub fn close(&self, clock: &Clock, span: Duration) {
        let until = clock.now().saturating_add(jiff::SignedDuration::try_from(span).unwrap_or(jiff::SignedDuration::MAX));
        let Ok(until) = until else { return };
        let mut closed = self.closed_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *closed = Some(closed.map_or(until, |earlier| earlier.max(until)));
    }

    /// Waits for a place, at most `limit` for the mailbox to open.
    ///
    /// # Errors
    /// How long the mailbox stays closed, when that is longer than `limit`.
    pub async fn enter(&self, clock: &Clock, limit: Duration) -> Result<Option<SemaphorePermit<'_>>, Duration> {
        let waited = clock.stopwatch();
        for _ in 0..LOOKS_MAX {
            // Waits without a place, so that a closed mailbox does not hold four callers at the door of an open one.
            if let Some(wait) = self.closed_for(clock) {
                if wait > limit.saturating_sub(waited.elapsed()) {
                    return Err(wait);
                }
                clock.sleep(wait).await;
            }
            // The semaphore is never closed: `None` cannot happen and would only let the call through.
            let permit = self.permits.acquire().await.ok();
            if self.closed_for(clock).is_none() {
                return Ok(permit);
            }
        }
        Err(self.closed_for(clock).unwrap_or_default())
    }

    fn closed_for(&self, clock: &Clock) -> Option<Duration> {
        let until = (*self.closed_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner))?;
        Duration::try_from(until.duration_since(clock.now())).ok().filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_closed_mailbox_waits_as_long_as_it_was_told() {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let gate = Gate::new();
        gate.close(&clock, Duration::from_secs(10));
        gate.close(&clock, Duration::from_secs(3));
        assert!(gate.enter(&clock, LIMIT).await.is_ok());
        assert_eq!(clock.now().as_second(), 10);
    }

    #[tokio::test]
    async fn a_wait_beyond_the_limit_is_told_instead() {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let gate = Gate::new();
        gate.close(&clock, Duration::from_mins(1));
        assert_eq!(gate.enter(&clock, LIMIT).await.err(), Some(Duration::from_mins(1)));
        assert_eq!(clock.now().as_second(), 0);
    }

    #[tokio::test]
    async fn four_calls_fit_through_and_no_fifth() {
        let (clock, gate) = (Clock::by_hand(Timestamp::UNIX_EPOCH), Gate::new());
        let mut inside = Vec::new();
        for _ in 0..CALLS_MAX {
            inside.push(gate.enter(&clock, LIMIT).await);
        }
        assert_eq!(gate.permits.available_permits(), 0);
        inside.pop();
        assert_eq!(gate.permits.available_permits(), 1);
    }
}
