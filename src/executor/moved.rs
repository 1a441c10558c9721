//! Clocks that jump: the journal's open times move with the clock, before anything is taken up by them.

use std::sync::{MutexGuard, PoisonError};

use super::Executor;
use crate::clock::JumpWatch;
use crate::journal::JournalError;

impl Executor {
    /// Moves what waits, if the clock was set since the last look.
    pub(super) async fn follow_the_clock(&self) -> Result<(), JournalError> {
        let (jump, from_here) = self.watch().look();
        if let Some(jump) = jump {
            self.journal.clock_jumped(jump).await?;
            self.next_generation();
            self.leases.wake_all();
            tracing::warn!(
                seconds = jump.by_ms / 1_000,
                "the machine's clock was set, or the machine slept: all that waits waits as long as it would have"
            );
        }
        *self.watch() = from_here;
        Ok(())
    }

    /// Whether times that were read from the journal in this generation may be compared with the clock.
    pub(super) fn trusts_times_of(&self, generation: u64) -> bool {
        self.watch().jumped().is_none() && generation == self.generation()
    }

    fn watch(&self) -> MutexGuard<'_, JumpWatch> {
        self.jump.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
