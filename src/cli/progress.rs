//! How far a long work has come, and how long the rest will take; on a terminal only.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use super::terminal::{columns_of, cut};
use crate::clock::{Clock, Stopwatch};

/// Pause between two pictures.
const EVERY: Duration = Duration::from_millis(200);
/// Characters of the bar.
const BAR: usize = 24;

/// A bar where the number of all is known, a count where it is not. It goes away when it is cleared or dropped.
pub(super) struct Progress(Option<Shown>);

struct Shown {
    what: &'static str,
    clock: Clock,
    begun: Stopwatch,
    since: Stopwatch,
    total: Option<usize>,
}

impl Progress {
    /// Of so many of these (in the plural), where that is known.
    pub(super) fn new(what: &'static str, total: Option<usize>) -> Self {
        Self(is_wanted().then(|| {
            let clock = Clock::system();
            Shown { what, begun: clock.stopwatch(), since: clock.stopwatch(), clock, total }
        }))
    }

    /// So many are done.
    pub(super) fn show(&mut self, count: usize) {
        let Some(shown) = &mut self.0 else { return };
        if shown.since.elapsed() >= EVERY {
            shown.since = shown.clock.stopwatch();
            // A line that is too long for the terminal could not be taken away again.
            let columns = columns_of(&std::io::stderr()).unwrap_or(usize::MAX).saturating_sub(1);
            let told = told((shown.what, columns), count, shown.total, shown.begun.elapsed());
            // Progress that cannot be shown is no loss.
            let _ = write!(std::io::stderr(), "\r{}\x1b[K", cut(&told, columns));
        }
    }

    /// Makes room for a line of something else.
    pub(super) fn hide(&self) {
        if self.0.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }

    /// Takes it away.
    pub(super) fn clear(&mut self) {
        self.hide();
        self.0 = None;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Whether anybody would see it.
pub(super) fn is_wanted() -> bool {
    std::io::stderr().is_terminal()
}

/// The bar is left out where the columns do not hold it.
fn told((what, columns): (&str, usize), count: usize, total: Option<usize>, taken: Duration) -> String {
    let Some(total) = total.filter(|total| *total >= count && count > 0) else { return format!("{count} {what}") };
    let full = BAR * count / total;
    let bar: String = (0..BAR).map(|place| if place < full { '█' } else { '░' }).collect();
    let left = taken.as_secs_f64() / as_f64(count) * as_f64(total - count);
    let left = Duration::try_from_secs_f64(left).unwrap_or_default().as_secs();
    let left = if left >= 120 { format!("{} min", left.div_ceil(60)) } else { format!("{left} s") };
    let words = format!("{count} of {total} {what}, about {left} left");
    if words.chars().count() + BAR < columns { format!("{bar} {words}") } else { words }
}

fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_says_how_much_is_done_and_how_long_the_rest_takes_at_the_pace_so_far() {
        let messages = |count, total, seconds| told(("messages", 79), count, total, Duration::from_secs(seconds));
        assert_eq!(messages(100, Some(400), 5), "██████░░░░░░░░░░░░░░░░░░ 100 of 400 messages, about 15 s left");
        assert_eq!(messages(10, Some(1_000), 10), "░░░░░░░░░░░░░░░░░░░░░░░░ 10 of 1000 messages, about 17 min left");
        assert_eq!([messages(10, None, 10), messages(10, Some(5), 10)], ["10 messages", "10 messages"]);
        assert_eq!(
            told(("messages", 39), 2_000, Some(10_000), Duration::from_secs(5)),
            "2000 of 10000 messages, about 20 s left"
        );
    }
}
