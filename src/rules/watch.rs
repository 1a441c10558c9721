//! Watches a run on its thread: operations, memory, time, and what a word wants to stop for.
//!
//! Rhai's progress callback gets no context, so the watch lives in a thread-local for the length of a run.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use rhai::Dynamic;

use super::limits::{BYTES_AN_OPERATION, MEMORY_BYTES_MAX, OPERATIONS_MAX};
use super::stop::{Stop, Stopped};
use super::{allocator, codes};

/// Operations between two looks at the clock.
const OPERATIONS_A_LOOK: u64 = 256;

/// Says whether a run's time is over; asked every few hundred operations.
pub type Expired = Arc<dyn Fn() -> bool + Send + Sync>;

thread_local! {
    /// Operations of the calls before the present one, and those that words charged.
    static EARLIER: Cell<u64> = const { Cell::new(0) };
    /// Operations of the present call.
    static PRESENT: Cell<u64> = const { Cell::new(0) };
    static PENDING: Cell<bool> = const { Cell::new(false) };
    static STOPPED: RefCell<Option<Stopped>> = const { RefCell::new(None) };
    static EXPIRED: RefCell<Option<Expired>> = const { RefCell::new(None) };
}

/// A run is watched as long as this lives.
pub(super) struct Watch(());

impl Watch {
    /// Begins to watch this thread.
    pub(super) fn start(expired: Expired) -> Self {
        EARLIER.set(0);
        PRESENT.set(0);
        PENDING.set(false);
        STOPPED.set(None);
        EXPIRED.set(Some(expired));
        allocator::start_counting();
        Self(())
    }
}

/// The next call of the same run begins: what was done so far stays counted.
pub(super) fn next_call() {
    EARLIER.set(EARLIER.get() + PRESENT.get());
    PRESENT.set(0);
}

/// What a word wanted to stop for where it could not say so itself.
pub(super) fn take_pending() -> Option<Stopped> {
    if PENDING.replace(false) { STOPPED.take() } else { None }
}

impl Drop for Watch {
    fn drop(&mut self) {
        allocator::stop_counting();
        STOPPED.set(None);
        EXPIRED.set(None);
    }
}

/// Stops the run at its next operation: for places whose errors Rhai swallows (a value turned into text).
pub(super) fn stop_soon(stopped: Stopped) {
    if !PENDING.replace(true) {
        STOPPED.set(Some(stopped));
    }
}

/// Operations of the last run on this thread so far.
pub(super) fn operations() -> u64 {
    EARLIER.get() + PRESENT.get()
}

/// Counts a word's reading of a text as operations.
pub(super) fn charge(bytes: usize) {
    EARLIER.set(EARLIER.get() + (bytes / BYTES_AN_OPERATION) as u64);
}

/// Rhai's progress callback: called on every operation of a call, with their number.
pub(super) fn progress(operations: u64) -> Option<Dynamic> {
    PRESENT.set(operations);
    if PENDING.get() {
        PENDING.set(false);
        return STOPPED.take().map(Dynamic::from);
    }
    if EARLIER.get() + operations > OPERATIONS_MAX {
        let message = "loops for ever: more than 1,000,000 operations";
        return Some(stop(codes::OPERATIONS, message, "work on fewer rows, or leave the loop with `break`"));
    }
    let taken = allocator::taken();
    if taken > MEMORY_BYTES_MAX {
        let message = format!("holds more than {} MB of memory", MEMORY_BYTES_MAX >> 20);
        return Some(stop(codes::MEMORY_LIMIT, message, "keep fewer or shorter values"));
    }
    if operations.is_multiple_of(OPERATIONS_A_LOOK) && EXPIRED.with_borrow(|expired| expired.as_ref().is_some_and(|over| over()))
    {
        return Some(stop(codes::WALL_TIME, "took too long", ""));
    }
    None
}

fn stop(code: &'static str, message: impl Into<String>, hint: &str) -> Dynamic {
    let hint = (!hint.is_empty()).then(|| hint.to_owned());
    Dynamic::from(Stopped::nowhere(Stop::Fault { code, message: message.into(), hint }))
}
