//! Worker threads: many messages at once, results in the order in which the messages came.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Results that wait for an earlier one at most; a worker that is further ahead waits itself.
const WINDOW: usize = 256;
/// Results that are handed out together, so that the receiving thread is not woken for each.
const BATCH: usize = 32;
/// After this time what is there is handed out although it is no whole batch.
const PATIENCE: Duration = Duration::from_millis(50);

/// The number of worker threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jobs(NonZeroUsize);

impl Jobs {
    /// One thread a core of this machine.
    pub fn all_cores() -> Self {
        Self(std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }

    /// That many threads; `None` for 0.
    pub fn new(threads: usize) -> Option<Self> {
        NonZeroUsize::new(threads.min(256)).map(Self)
    }
}

struct Shared<I, T> {
    /// The items and the number of the next one. Taking one may read a file, so it has a lock of its own.
    items: Mutex<(I, usize)>,
    results: Mutex<Results<T>>,
    /// Something for the receiver: a batch, or a worker that ended.
    ready: Condvar,
    /// Room in the window again.
    room: Condvar,
}

struct Results<T> {
    /// Results from number `handed` on; gaps are still being worked on.
    waiting: VecDeque<Slot<T>>,
    handed: usize,
    arrived: usize,
    working: usize,
    stopped: bool,
}

enum Slot<T> {
    Open,
    Panicked,
    Done(T),
}

/// Works on `items` with `jobs` threads whose stack has [`crate::rules::STACK_BYTES`], and hands the results to `receive`
/// on this thread, in the order of the items; `Break` ends it early. At most a bounded number of results waits. `None`
/// stands for an item whose work panicked. All threads have ended when this returns.
///
/// # Errors
/// A thread cannot be started.
pub fn in_order<I, T, W, R>(items: I, jobs: Jobs, work: W, mut receive: R) -> std::io::Result<()>
where
    I: Iterator + Send,
    T: Send,
    W: Fn(I::Item) -> T + Sync,
    R: FnMut(Option<T>) -> ControlFlow<()>,
{
    let shared = Shared {
        items: Mutex::new((items, 0)),
        results: Mutex::new(Results { waiting: VecDeque::new(), handed: 0, arrived: 0, working: jobs.0.get(), stopped: false }),
        ready: Condvar::new(),
        room: Condvar::new(),
    };
    std::thread::scope(|scope| {
        for number in 0..jobs.0.get() {
            let worker = std::thread::Builder::new().name(format!("replay-{number}")).stack_size(crate::rules::STACK_BYTES);
            if let Err(error) = worker.spawn_scoped(scope, || shared.work(&work)) {
                shared.stop();
                return Err(error);
            }
        }
        shared.hand_out(&mut receive);
        Ok(())
    })
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<I: Iterator, T> Shared<I, T> {
    fn work(&self, work: &impl Fn(I::Item) -> T) {
        while let Some((number, item)) = self.take() {
            let result = catch_unwind(AssertUnwindSafe(|| work(item))).map_or(Slot::Panicked, Slot::Done);
            if !self.give(number, result) {
                break;
            }
        }
        locked(&self.results).working -= 1;
        self.ready.notify_one();
    }

    fn take(&self) -> Option<(usize, I::Item)> {
        let mut items = locked(&self.items);
        if locked(&self.results).stopped {
            return None;
        }
        let number = items.1;
        let item = items.0.next()?;
        items.1 += 1;
        Some((number, item))
    }

    /// Puts a result into the window once there is room; false when nobody wants any more.
    fn give(&self, number: usize, result: Slot<T>) -> bool {
        let full = |results: &mut Results<T>| !results.stopped && number >= results.handed + WINDOW;
        let mut results = locked(&self.results);
        if full(&mut results) {
            self.ready.notify_one();
            results = self.room.wait_while(results, full).unwrap_or_else(PoisonError::into_inner);
        }
        if results.stopped {
            return false;
        }
        let at = number - results.handed;
        if results.waiting.len() <= at {
            results.waiting.resize_with(at + 1, || Slot::Open);
        }
        results.waiting[at] = result;
        results.arrived += 1;
        if results.arrived >= BATCH {
            results.arrived = 0;
            self.ready.notify_one();
        }
        true
    }

    fn hand_out(&self, receive: &mut impl FnMut(Option<T>) -> ControlFlow<()>) {
        let mut ready = Vec::new();
        loop {
            let mut results = locked(&self.results);
            let idle = |results: &mut Results<T>| results.working > 0 && !results.has_batch();
            results = self
                .ready
                .wait_timeout_while(results, PATIENCE, idle)
                .map_or_else(|error| error.into_inner().0, |(results, _)| results);
            while !matches!(results.waiting.front(), None | Some(Slot::Open)) {
                ready.extend(results.waiting.pop_front());
                results.handed += 1;
            }
            let ended = results.working == 0;
            drop(results);
            self.room.notify_all();
            for slot in ready.drain(..) {
                let result = match slot {
                    Slot::Done(result) => Some(result),
                    Slot::Open | Slot::Panicked => None,
                };
                if receive(result).is_break() {
                    return self.stop();
                }
            }
            if ended {
                return;
            }
        }
    }

    fn stop(&self) {
        locked(&self.results).stopped = true;
        self.room.notify_all();
    }
}

impl<T> Results<T> {
    /// A batch can be handed out; or the window is full, and somebody waits for room.
    fn has_batch(&self) -> bool {
        let there = |slot: Option<&Slot<T>>| !matches!(slot, None | Some(Slot::Open));
        there(self.waiting.front()) && (there(self.waiting.get(BATCH - 1)) || self.waiting.len() >= WINDOW)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let mut received = Vec::new();
        let slow_first = |item: usize| {
            if item.is_multiple_of(97) {
                std::thread::yield_now();
            }
            item * 2
        };
        in_order(0..2_000, Jobs::new(3).unwrap(), slow_first, |result| {
            received.extend(result);
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(received, (0..2_000).map(|item| item * 2).collect::<Vec<_>>());
    }

    #[test]
    fn nobody_runs_further_ahead_than_the_window() {
        let (taken, mut handed, mut ahead) = (AtomicUsize::new(0), 0, 0);
        let count = |item: usize| {
            taken.fetch_add(1, Ordering::SeqCst);
            item
        };
        in_order(0..5_000, Jobs::new(2).unwrap(), count, |_| {
            handed += 1;
            ahead = ahead.max(taken.load(Ordering::SeqCst).saturating_sub(handed));
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(handed, 5_000);
        assert!(ahead <= 2 * WINDOW + 2, "{ahead} ahead");
    }

    #[test]
    fn who_has_enough_stops_it() {
        let mut received = 0;
        in_order(
            0..,
            Jobs::new(2).unwrap(),
            |item: usize| item,
            |_| {
                received += 1;
                if received == 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        )
        .unwrap();
        assert_eq!(received, 10);
    }
}
