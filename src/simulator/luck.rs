//! Chance that follows from a seed and from what a call or a message is.
//!
//! Nothing is drawn from a running sequence: the order in which concurrent calls happen to arrive changes nothing.

use std::collections::HashMap;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::http::Call;

/// How probable something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Chance(f64);

impl Chance {
    /// It never happens.
    pub const NEVER: Self = Self(0.0);
    /// It always happens.
    pub const ALWAYS: Self = Self(1.0);

    /// A share of all cases, from 0.0 to 1.0; anything else is no chance.
    pub fn of(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then_some(Self(share))
    }

    /// So many cases of a hundred; more than a hundred are all.
    pub fn percent(cases: u8) -> Self {
        Self(f64::from(cases.min(100)) / 100.0)
    }

    /// The share of all cases.
    pub fn share(self) -> f64 {
        self.0
    }

    /// Whether this draw is among the cases.
    pub(crate) fn strikes(self, draw: Draw) -> bool {
        draw.share() < self.0
    }
}

/// A time that differs from one message or call to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Always the same.
    Exactly(Duration),
    /// Anything from the first to the second.
    Between(Duration, Duration),
    /// Mostly short and sometimes long: exponential with this mean.
    About(Duration),
}

impl Span {
    /// No time.
    pub const NONE: Self = Self::Exactly(Duration::ZERO);

    /// The time of this draw.
    pub(crate) fn of(self, draw: Draw) -> Duration {
        match self {
            Self::Exactly(time) => time,
            Self::Between(from, to) => from + to.saturating_sub(from).mul_f64(draw.share()),
            Self::About(mean) => mean.mul_f64(-(1.0 - draw.share()).ln()),
        }
    }
}

impl Default for Span {
    fn default() -> Self {
        Self::NONE
    }
}

/// One draw of many that are spread evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Draw(u32);

impl Draw {
    /// From 0 up to, but not, 1.
    fn share(self) -> f64 {
        f64::from(self.0) / 4_294_967_296.0
    }
}

/// The draw of a seed for a question about something with this print.
pub(crate) fn draw(seed: u64, question: &str, print: u64) -> Draw {
    let number = print_of(&[&seed.to_be_bytes(), question.as_bytes(), &print.to_be_bytes()]);
    Draw(u32::try_from(number >> 32).unwrap_or_default())
}

/// What tells things apart, as a number.
pub(crate) fn print_of(parts: &[&[u8]]) -> u64 {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// One coming of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coming {
    /// The print of method, path, query and body.
    call: u64,
    /// How often this very call came before.
    pub before: u64,
}

impl Coming {
    /// The print of this coming, different for each.
    pub fn print(&self) -> u64 {
        print_of(&[&self.call.to_be_bytes(), &self.before.to_be_bytes()])
    }
}

/// How often each call came.
#[derive(Debug, Default)]
pub(crate) struct Comings(HashMap<u64, u64>);

impl Comings {
    /// Counts a call. Delta tokens do not tell calls apart: they differ from run to run.
    pub fn count(&mut self, call: &Call) -> Coming {
        self.count_with(call, &call.body)
    }

    /// Counts a call whose body differs from run to run.
    pub fn count_without_body(&mut self, call: &Call) -> Coming {
        self.count_with(call, &[])
    }

    /// Counts something that is no call, by its print.
    pub fn count_print(&mut self, print: u64) -> Coming {
        let count = self.0.entry(print).or_default();
        let coming = Coming { call: print, before: *count };
        *count += 1;
        coming
    }

    fn count_with(&mut self, call: &Call, body: &[u8]) -> Coming {
        let options = call.options().iter().filter(|(name, _)| name != "deltatoken" && name != "skiptoken");
        let query: Vec<String> = options.map(|(name, value)| format!("{name}={value}")).collect();
        let path = call.segments.join("/");
        let print = print_of(&[call.method.as_str().as_bytes(), path.as_bytes(), query.join("&").as_bytes(), body]);
        self.count_print(print)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn draws(question: &str) -> Vec<Draw> {
        (0..10_000).map(|print| draw(1, question, print)).collect()
    }

    #[test]
    fn a_chance_strikes_about_as_often_as_it_says() {
        for (percent, wanted) in [(0, 0..=0), (20, 1_900..=2_100), (100, 10_000..=10_000)] {
            let struck = draws("x").into_iter().filter(|draw| Chance::percent(percent).strikes(*draw)).count();
            assert!(wanted.contains(&struck), "{percent} %: {struck}");
        }
        assert_eq!((Chance::of(1.5), Chance::of(-0.1), Chance::of(f64::NAN)), (None, None, None));
    }

    #[test]
    fn spans_keep_to_their_bounds_and_mean() {
        let s = Duration::from_secs;
        let between: Vec<Duration> = draws("y").into_iter().map(|draw| Span::Between(s(2), s(4)).of(draw)).collect();
        assert!(between.iter().all(|time| (s(2)..s(4)).contains(time)));
        let about: Vec<Duration> = draws("z").into_iter().map(|draw| Span::About(s(60)).of(draw)).collect();
        let mean = about.iter().sum::<Duration>() / 10_000;
        assert!((s(57)..s(63)).contains(&mean) && about.iter().any(|time| *time > s(300)), "{mean:?}");
    }

    #[test]
    fn another_question_or_seed_gives_other_draws() {
        assert_ne!(draw(1, "a", 7), draw(1, "b", 7));
        assert_ne!(draw(1, "a", 7), draw(2, "a", 7));
        assert_eq!(draw(1, "a", 7), draw(1, "a", 7));
    }
}
