//! The only place that reads time.
//!
//! Whoever needs the time is handed a [`Clock`]; a story hands in one that it moves itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinError;

/// Tells the time of day and waits. Cheap to clone; clones tell the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    /// Where it began, and by how many milliseconds it was set anew.
    Runtime(Timestamp, tokio::time::Instant, Arc<AtomicI64>),
    ByHand(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// The runtime's own time, from `start` on: where tokio's time is paused, it passes only while everything waits.
    pub fn of_runtime(start: Timestamp) -> Self {
        Self(Source::Runtime(start, tokio::time::Instant::now(), Arc::default()))
    }

    /// A clock that stands still until [`Clock::advance`] moves it. Waiting on it moves it at once.
    pub fn by_hand(start: Timestamp) -> Self {
        Self(Source::ByHand(Arc::new(AtomicI64::new(start.as_millisecond()))))
    }

    /// Now, in whole milliseconds.
    pub fn now(&self) -> Timestamp {
        let ms = match &self.0 {
            Source::System => Timestamp::now().as_millisecond(),
            Source::Runtime(start, begun, set) => {
                start.as_millisecond().saturating_add(whole_ms(begun.elapsed())).saturating_add(set.load(Ordering::SeqCst))
            }
            Source::ByHand(ms) => ms.load(Ordering::SeqCst),
        };
        from_ms(ms)
    }

    /// Moves a clock that is set by hand; the machine's clock is nobody's to move and stays.
    pub fn advance(&self, by: Duration) {
        if let Source::ByHand(ms) = &self.0 {
            ms.fetch_add(whole_ms(by), Ordering::SeqCst);
        }
    }

    /// Sets the runtime's clock forward, or back: no time passes, what it shows is another. Other clocks stay.
    pub fn jump(&self, by_ms: i64) {
        if let Source::Runtime(_, _, set) = &self.0 {
            set.fetch_add(by_ms, Ordering::SeqCst);
        }
    }

    /// Waits for `span`.
    pub async fn sleep(&self, span: Duration) {
        match &self.0 {
            Source::System | Source::Runtime(..) => tokio::time::sleep(span).await,
            Source::ByHand(_) => {
                self.advance(span);
                tokio::task::yield_now().await;
            }
        }
    }

    /// Does work that may block, on a thread that may. By the runtime's own time work takes none and is done in place: what a run
    /// comes to does not hang on how fast the machine is.
    ///
    /// # Errors
    /// The work panicked.
    pub async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
        match &self.0 {
            Source::Runtime(..) => tokio::spawn(async { work() }).await,
            Source::System | Source::ByHand(_) => tokio::task::spawn_blocking(work).await,
        }
    }

    /// A stopwatch that starts now: monotonic where the clock is the machine's.
    pub fn stopwatch(&self) -> Stopwatch {
        match &self.0 {
            Source::System => Stopwatch::System(std::time::Instant::now()),
            Source::Runtime(..) => Stopwatch::Runtime(tokio::time::Instant::now()),
            Source::ByHand(_) => Stopwatch::ByClock(self.clone(), self.now()),
        }
    }
}

/// Measures how long something took.
#[derive(Clone, Debug)]
pub enum Stopwatch {
    /// Measures by the machine's monotonic clock.
    System(std::time::Instant),
    /// Measures by the runtime's time.
    Runtime(tokio::time::Instant),
    /// Measures by a clock that is not the machine's.
    ByClock(Clock, Timestamp),
}

impl Stopwatch {
    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        match self {
            Self::System(start) => start.elapsed(),
            Self::Runtime(start) => start.elapsed(),
            Self::ByClock(clock, start) => {
                Duration::from_millis(u64::try_from((clock.now().as_millisecond() - start.as_millisecond()).max(0)).unwrap_or(0))
            }
        }
    }
}

/// That the clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// By how many milliseconds: forward, or back when below zero.
    pub by_ms: i64,
    /// What it may have shown at the earliest right after it was set, in milliseconds since 1970: times from here to now are by the new
    /// clock.
    pub since_ms: i64,
}

/// Compares the time of day with the time that passes: they part when somebody sets the clock, or when the machine was asleep.
#[derive(Clone, Debug)]
pub struct JumpWatch {
    clock: Clock,
    stopwatch: Stopwatch,
    /// What the clock showed when the comparison began, and how long the stopwatch had run.
    shown_ms: i64,
    ran: Duration,
}

/// Differences up to this are a clock that is being corrected, and our own rounding.
const JUMP_MIN_MS: i64 = 2_000;
/// What whole milliseconds of two clocks can differ by when nobody set one.
const ROUNDING_MS: i64 = 10;

impl JumpWatch {
    /// Compares from now on.
    pub fn new(clock: &Clock) -> Self {
        let shown_ms = clock.now().as_millisecond();
        Self { clock: clock.clone(), stopwatch: clock.stopwatch(), shown_ms, ran: Duration::ZERO }
    }

    /// That the clock was set since the comparison began.
    pub fn jumped(&self) -> Option<Jump> {
        self.look().0
    }

    /// That the clock was set since the comparison began, and the comparison that begins with this very look.
    pub fn look(&self) -> (Option<Jump>, Self) {
        let (shown_ms, ran) = (self.clock.now().as_millisecond(), self.stopwatch.elapsed());
        let by_ms = shown_ms - self.shown_ms - whole_ms(ran.saturating_sub(self.ran));
        let jump = Jump { by_ms, since_ms: self.shown_ms.saturating_add(by_ms).saturating_sub(ROUNDING_MS) };
        ((by_ms.abs() > JUMP_MIN_MS).then_some(jump), Self { shown_ms, ran, ..self.clone() })
    }
}

fn whole_ms(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// The time `ms` milliseconds after 1970-01-01T00:00:00Z; the nearest representable one outside of jiff's range.
pub fn from_ms(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_shows_another_time_and_none_has_passed() {
        let clock = Clock::of_runtime(Timestamp::UNIX_EPOCH);
        let (watch, stopwatch) = (JumpWatch::new(&clock), clock.stopwatch());
        clock.sleep(Duration::from_mins(1)).await;
        assert_eq!((watch.jumped(), stopwatch.elapsed()), (None, Duration::from_mins(1)));
        clock.jump(-3_600_000);
        let jump = Jump { by_ms: -3_600_000, since_ms: -3_600_000 - ROUNDING_MS };
        assert_eq!((watch.jumped(), stopwatch.elapsed()), (Some(jump), Duration::from_mins(1)));
        assert_eq!(clock.now().as_millisecond(), -3_540_000);
    }
}
