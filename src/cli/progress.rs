//! How far a long work has come, on a terminal only.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use crate::clock::{Clock, Stopwatch};

/// Pause between two looks at the progress.
const EVERY: Duration = Duration::from_millis(200);

/// The number of messages so far, and what time is left where their number is known.
pub(super) struct Progress(Option<Shown>);

struct Shown {
    clock: Clock,
    begun: Stopwatch,
    since: Stopwatch,
    total: Option<usize>,
}

impl Progress {
    /// Of so many, where that is known.
    pub(super) fn new(total: Option<usize>) -> Self {
        Self(is_wanted().then(|| {
            let clock = Clock::system();
            Shown { begun: clock.stopwatch(), since: clock.stopwatch(), clock, total }
        }))
    }

    pub(super) fn show(&mut self, count: usize) {
        let Some(shown) = &mut self.0 else { return };
        if shown.since.elapsed() >= EVERY {
            shown.since = shown.clock.stopwatch();
            // Progress that cannot be shown is no loss.
            let _ = write!(std::io::stderr(), "\r{}\x1b[K", told(count, shown.total, shown.begun.elapsed()));
        }
    }

    pub(super) fn clear(&self) {
        if self.0.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// Whether anybody would see it.
pub(super) fn is_wanted() -> bool {
    std::io::stderr().is_terminal()
}

fn told(count: usize, total: Option<usize>, taken: Duration) -> String {
    let Some(total) = total.filter(|total| *total >= count && count > 0) else { return format!("{count} messages") };
    let left = taken.as_secs_f64() / as_f64(count) * as_f64(total - count);
    let left = Duration::try_from_secs_f64(left).unwrap_or_default().as_secs();
    let left = if left >= 120 { format!("{} min", left.div_ceil(60)) } else { format!("{left} s") };
    format!("{count} of {total} messages, about {left} left")
}

fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_from_the_pace_so_far() {
        assert_eq!(told(100, Some(400), Duration::from_secs(5)), "100 of 400 messages, about 15 s left");
        assert_eq!(told(10, Some(1_000), Duration::from_secs(10)), "10 of 1000 messages, about 17 min left");
        assert_eq!(told(10, None, Duration::from_secs(10)), "10 messages");
        assert_eq!(told(10, Some(5), Duration::from_secs(10)), "10 messages");
    }
}
