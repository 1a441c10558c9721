//! The process's allocator: the system's, with a count of what one thread takes while a run is watched.
//!
//! Rhai's own size limits do not see index assignments and a few native calls; memory that a run takes is therefore
//! counted here and looked at on every operation (`watch`). It never refuses an allocation itself: a refusal would end
//! the process, while the watch ends the run.

#![allow(unsafe_code)] // the one exception of the crate: `GlobalAlloc` is an unsafe trait

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static COUNTING: Cell<bool> = const { Cell::new(false) };
    static TAKEN: Cell<i64> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// The system allocator with a count of the bytes taken by a thread that is being watched.
struct CountingAllocator;

// SAFETY: every call goes to `System` unchanged; the count beside it allocates nothing (constant-initialised `Cell`s without
// destructor) and its absence during a thread's end is tolerated.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(size(layout.size()));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(size(layout.size()));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-size(layout.size()));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(size(new_size) - size(layout.size()));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(place, layout, new_size) }
    }
}

fn size(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn count(change: i64) {
    let _ = COUNTING.try_with(|counting| {
        if counting.get() {
            let _ = TAKEN.try_with(|taken| taken.set(taken.get().saturating_add(change)));
        }
    });
}

/// Begins to count on this thread, from nothing.
pub(super) fn start_counting() {
    TAKEN.with(|taken| taken.set(0));
    COUNTING.with(|counting| counting.set(true));
}

/// Stops counting on this thread.
pub(super) fn stop_counting() {
    COUNTING.with(|counting| counting.set(false));
}

/// Bytes that this thread took and did not give back since [`start_counting`].
pub(super) fn taken() -> i64 {
    TAKEN.with(Cell::get)
}

/// Does something on this thread that is not counted.
pub(super) fn uncounted<T>(run: impl FnOnce() -> T) -> T {
    let counted = COUNTING.replace(false);
    let result = run();
    COUNTING.set(counted);
    result
}
