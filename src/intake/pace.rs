//! How long a folder is left alone between two rounds: quick where mail comes, slow where the service has proved to tell of it.

use std::time::Duration;

use jiff::Timestamp;

use crate::graph::Spending;

/// The least time between two rounds of a folder.
pub(super) const DISTANCE: Duration = Duration::from_secs(2);
/// After mail came, the pause is so small a part of `poll`, and grows back by doubling.
const QUICK: u32 = 4;
/// Where notifications have proved themselves, the pause is so many times `poll`.
const SLOW: u32 = 5;
/// Mails in a row of which we were told before a round showed them: then notifications have proved themselves.
const PROOF: u32 = 3;
/// Notifications of which none came for so long prove nothing any more.
const SILENCE: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);
/// Percent of the mailbox's calls of ten minutes: from here on rounds leave what is left to what has to be done.
const SPARING_FROM: u32 = 80;

/// What a mailbox's configuration says of its rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Polling {
    /// Pause between rounds when nothing speaks for another.
    pub poll: Duration,
    /// The longest that a folder may go without being looked at.
    pub stale: Duration,
}

impl Polling {
    /// The longest pause of a folder of which the service tells.
    pub(super) fn slow(self) -> Duration {
        (self.poll * SLOW).min(self.stale)
    }
}

/// The pace of one folder.
#[derive(Debug)]
pub(super) struct Pace {
    polling: Polling,
    /// The pause while mail comes; `None` when it is quiet.
    quick: Option<Duration>,
    told_in_a_row: u32,
    told_at: Option<Timestamp>,
}

impl Pace {
    pub fn new(polling: Polling) -> Self {
        Self { polling, quick: None, told_in_a_row: 0, told_at: None }
    }

    /// The service told of a message, and it was there.
    pub fn told(&mut self, now: Timestamp) {
        self.told_in_a_row = self.told_in_a_row.saturating_add(1);
        self.told_at = Some(now);
    }

    /// A round ended that showed so many messages of which nobody had told.
    pub fn looked(&mut self, untold: usize) {
        if untold > 0 {
            self.told_in_a_row = 0;
            self.quick = Some(self.polling.poll / QUICK);
        } else {
            self.quick = self.quick.map(|quick| quick * 2).filter(|quick| *quick < self.polling.poll);
        }
    }

    /// Whether notifications have proved themselves and go on doing so.
    fn is_told(&self, now: Timestamp) -> bool {
        self.told_in_a_row >= PROOF && self.told_at.is_some_and(|at| now.duration_since(at) < SILENCE)
    }

    /// The pause before the next round.
    pub fn pause(&self, now: Timestamp, spending: Spending) -> Duration {
        let Polling { poll, stale } = self.polling;
        let pause = match self.quick {
            _ if spending.percent() >= SPARING_FROM => stale,
            _ if self.is_told(now) => self.polling.slow(),
            Some(quick) => quick.max(DISTANCE).min(poll),
            None => poll,
        };
        pause.min(stale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLLING: Polling = Polling { poll: Duration::from_mins(1), stale: Duration::from_mins(15) };
    const IDLE: Spending = Spending { calls: 10, budget: 10_000 };

    fn at(minutes: i64) -> Timestamp {
        crate::clock::from_ms(minutes * 60_000)
    }

    fn seconds(pace: &Pace, minutes: i64) -> u64 {
        pace.pause(at(minutes), IDLE).as_secs()
    }

    #[test]
    fn rounds_are_quick_while_mail_comes_and_calm_down_by_doubling() {
        let mut pace = Pace::new(POLLING);
        let pauses = [0, 2, 0, 0, 0].map(|untold| {
            pace.looked(untold);
            seconds(&pace, 0)
        });
        assert_eq!(pauses, [60, 15, 30, 60, 60]);
    }

    #[test]
    fn rounds_are_rare_once_the_service_has_proved_to_tell_and_until_it_is_silent_or_forgets_one() {
        let mut pace = Pace::new(POLLING);
        let pauses = [1, 2, 3].map(|minute| {
            pace.told(at(minute));
            pace.looked(0);
            seconds(&pace, minute)
        });
        assert_eq!(pauses, [60, 60, 300]);
        assert_eq!([62, 63].map(|minute| seconds(&pace, minute)), [300, 60], "an hour of silence");
        pace.told(at(70));
        assert_eq!(seconds(&pace, 70), 300);
        pace.looked(1);
        assert_eq!(seconds(&pace, 70), 15, "one of which nobody told");
    }

    #[test]
    fn no_pause_is_longer_than_the_ceiling_and_a_mailbox_whose_calls_run_out_is_looked_at_by_it() {
        let mut pace = Pace::new(Polling { stale: Duration::from_mins(2), ..POLLING });
        (0..3).for_each(|minute| pace.told(at(minute)));
        assert_eq!(seconds(&pace, 3), 120);
        let spent = [79, 80, 100].map(|percent| Spending { calls: percent, budget: 100 });
        let pace = Pace::new(POLLING);
        assert_eq!(spent.map(|spending| pace.pause(at(0), spending).as_secs()), [60, 900, 900]);
    }
}
