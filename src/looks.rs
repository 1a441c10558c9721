//! When a loop looks for its work.
//!
//! A leaf: it knows nothing of what the work is.

use std::time::Duration;

use crate::clock::{Clock, Stopwatch};

/// After a look a loop rests for so many times as long as it took: looks take at most a fifth of the time, however often the loop is
/// woken and however much there is to see.
const REST_TIMES: u32 = 4;
/// The longest rest.
const REST_MAX: Duration = Duration::from_secs(1);

/// The looks of one loop.
pub struct Looks {
    clock: Clock,
    last: Stopwatch,
    rest: Duration,
}

impl Looks {
    /// The first look may be made at once.
    pub fn new(clock: Clock) -> Self {
        Self { last: clock.stopwatch(), rest: Duration::ZERO, clock }
    }

    /// How long the next look must wait, if it must.
    pub fn rest(&self) -> Option<Duration> {
        Some(self.rest.saturating_sub(self.last.elapsed())).filter(|rest| !rest.is_zero())
    }

    /// Makes a look.
    pub async fn make<T>(&mut self, look: impl Future<Output = T>) -> T {
        let stopwatch = self.clock.stopwatch();
        let seen = look.await;
        self.rest = stopwatch.elapsed().saturating_mul(REST_TIMES).min(REST_MAX);
        self.last = self.clock.stopwatch();
        seen
    }

    /// How long until that time, in milliseconds since 1970; `idle` when it is further away, or not known.
    pub fn until(&self, at: Option<i64>, idle: Duration) -> Duration {
        let now = self.clock.now().as_millisecond();
        at.map_or(idle, |at| Duration::from_millis(u64::try_from(at - now).unwrap_or(0)).min(idle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn looks_take_a_fifth_of_the_time_at_most() {
        let mut looks = Looks::new(Clock::of_runtime(jiff::Timestamp::UNIX_EPOCH));
        assert_eq!(looks.rest(), None);
        looks.make(tokio::time::sleep(Duration::from_millis(10))).await;
        assert_eq!(looks.rest(), Some(Duration::from_millis(40)));
        tokio::time::sleep(Duration::from_millis(39)).await;
        assert_eq!(looks.rest(), Some(Duration::from_millis(1)));
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(looks.rest(), None);
        looks.make(tokio::time::sleep(Duration::from_mins(1))).await;
        assert_eq!(looks.rest(), Some(REST_MAX));
        let idle = Duration::from_secs(5);
        let now = looks.clock.now().as_millisecond();
        let until = [None, Some(now - 1), Some(now + 7), Some(now + 5_001)].map(|at| looks.until(at, idle).as_millis());
        assert_eq!(until, [5_000, 0, 7, 5_000]);
    }
}
