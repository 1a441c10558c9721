//! Clocks that jump: the journal's open times move with the clock, before anything is taken up by them.

use std::sync::PoisonError;

use super::Executor;
use crate::clock::JumpWatch;
use crate::journal::JournalError;

impl Executor {
    /// Moves what waits, if the clock was set since the last look.
    pub(super) async fn follow_the_clock(&self) -> Result<(), JournalError> {
        let Some(by_ms) = self.jumped() else { return Ok(()) };
        // What is set while the journal writes counts from here.
        let watch = JumpWatch::new(&self.clock);
        self.journal.clock_jumped(by_ms).await?;
        self.next_generation();
        *self.jump.lock().unwrap_or_else(PoisonError::into_inner) = watch;
        self.leases.wake_all();
        tracing::warn!(
            seconds = by_ms / 1_000,
            "the machine's clock was set, or the machine slept: all that waits waits as long as it would have"
        );
        Ok(())
    }

    /// Whether times that were read from the journal in this generation may be compared with the clock.
    pub(super) fn trusts_times_of(&self, generation: u64) -> bool {
        self.jumped().is_none() && generation == self.generation()
    }

    fn jumped(&self) -> Option<i64> {
        self.jump.lock().unwrap_or_else(PoisonError::into_inner).jumped()
    }
}
