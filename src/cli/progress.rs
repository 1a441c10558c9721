//! A bar for work that takes long, on a terminal only: how much is done, and how long the rest will take.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use crate::clock::{Clock, Stopwatch};

/// Pause between two pictures.
const SHOW_EVERY: Duration = Duration::from_millis(200);
const BAR: usize = 24;

/// The bar. It goes away when it is dropped.
pub(super) struct Progress {
    what: &'static str,
    all: usize,
    began: Stopwatch,
    /// `None` where nobody looks.
    shown: Option<Stopwatch>,
    clock: Clock,
}

impl Progress {
    /// A bar for `all` of `what` (in the plural).
    pub fn new(what: &'static str, all: usize) -> Self {
        let clock = Clock::system();
        let shown = std::io::stderr().is_terminal().then(|| clock.stopwatch());
        Self { what, all, began: clock.stopwatch(), shown, clock }
    }

    /// So many are done.
    pub fn show(&mut self, done: usize) {
        if self.shown.as_ref().is_some_and(|shown| shown.elapsed() >= SHOW_EVERY) {
            self.shown = Some(self.clock.stopwatch());
            let line = line(self.what, (done, self.all), self.began.elapsed());
            // Progress that cannot be shown is no loss.
            let _ = write!(std::io::stderr(), "\r\x1b[K{line}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn line(what: &str, (done, all): (usize, usize), since: Duration) -> String {
    let full = BAR * done.min(all) / all.max(1);
    let bar: String = (0..BAR).map(|place| if place < full { '█' } else { '░' }).collect();
    let left = since.as_secs() * u64::try_from(all.saturating_sub(done)).unwrap_or(0) / u64::try_from(done.max(1)).unwrap_or(1);
    let left = match left {
        _ if done == 0 => String::new(),
        seconds @ 0..90 => format!(", {seconds} s left"),
        seconds => format!(", {} min left", seconds.div_ceil(60)),
    };
    format!("{bar} {done} of {all} {what}{left}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_says_how_much_is_done_and_how_long_the_rest_takes() {
        let shown = [(0, 10), (25, 5), (100, 10)].map(|(done, seconds)| line("mails", (done, 100), Duration::from_secs(seconds)));
        assert_eq!(
            shown,
            [
                "░░░░░░░░░░░░░░░░░░░░░░░░ 0 of 100 mails",
                "██████░░░░░░░░░░░░░░░░░░ 25 of 100 mails, 15 s left",
                "████████████████████████ 100 of 100 mails, 0 s left"
            ]
        );
        assert!(line("mails", (1, 1_000), Duration::from_secs(1)).ends_with("17 min left"));
        assert!(line("mails", (0, 0), Duration::ZERO).ends_with("0 of 0 mails"));
    }
}
