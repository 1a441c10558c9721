//! The end of a secret or certificate, told in time: it works until it does not, and then every mailbox stands still.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// How many days before the end it is logged.
const DAYS: [i64; 4] = [30, 14, 7, 1];
const DAY_S: i64 = 24 * 3600;

/// When something ends, and how much of that was told.
pub(super) struct Expiry {
    /// `the client secret (secret.txt)`.
    what: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ends: Option<Timestamp>,
    /// Warnings logged of this end: as many of `DAYS` as were reached, one more for the end itself.
    told: usize,
}

impl Expiry {
    pub fn of(what: String) -> Self {
        Self { what, state: Mutex::default() }
    }

    /// The end, as it was found now.
    pub fn is(&self, ends: Option<Timestamp>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.ends != ends {
            *state = State { ends, told: 0 };
        }
    }

    /// What is to be logged now: the words of each warning, once.
    pub fn remind(&self, now: Timestamp) -> Option<String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let reached = reached(left(state.ends?, now));
        let is_news = reached > state.told;
        state.told = reached;
        is_news.then(|| self.words(state.ends?, now)).flatten()
    }

    /// What people should see, from 30 days before the end on.
    pub fn shown(&self, now: Timestamp) -> Option<String> {
        let ends = self.state.lock().unwrap_or_else(PoisonError::into_inner).ends?;
        self.words(ends, now)
    }

    fn words(&self, ends: Timestamp, now: Timestamp) -> Option<String> {
        let left = left(ends, now);
        if reached(left) == 0 {
            return None;
        }
        let (what, at) = (&self.what, ends.strftime("%Y-%m-%d %H:%M UTC"));
        let when = match left.as_secs() / DAY_S {
            _ if left <= SignedDuration::ZERO => format!("ended at {at}"),
            0 => format!("ends within a day, at {at}"),
            1 => format!("ends in a day, at {at}"),
            days => format!("ends in {days} days, at {at}"),
        };
        Some(format!("{what} {when}; make a new one in the application's registration and replace it here"))
    }
}

fn left(ends: Timestamp, now: Timestamp) -> SignedDuration {
    ends.duration_since(now)
}

fn reached(left: SignedDuration) -> usize {
    let days = DAYS.iter().filter(|days| left.as_secs() <= **days * DAY_S).count();
    days + usize::from(left <= SignedDuration::ZERO)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_end_is_told_once_at_each_of_its_days() {
        let expiry = Expiry::of("the client secret".to_owned());
        let ends: Timestamp = "2026-03-31T00:00:00Z".parse().unwrap();
        expiry.is(Some(ends));
        let mut told = Vec::new();
        // Four times a day, as tokens are got.
        for quarter in (-4..=4 * 40).rev() {
            let now = ends - SignedDuration::from_hours(6 * quarter);
            expiry.is(Some(ends));
            told.extend(expiry.remind(now).map(|line| line.split(';').next().unwrap().to_owned()));
        }
        let expected = [
            "the client secret ends in 30 days, at 2026-03-31 00:00 UTC",
            "the client secret ends in 14 days, at 2026-03-31 00:00 UTC",
            "the client secret ends in 7 days, at 2026-03-31 00:00 UTC",
            "the client secret ends in a day, at 2026-03-31 00:00 UTC",
            "the client secret ended at 2026-03-31 00:00 UTC",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_new_one_silences_the_warning_of_the_old() {
        let expiry = Expiry::of("the certificate (app.pem)".to_owned());
        let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        expiry.is(Some(now + SignedDuration::from_hours(12)));
        let told = "the certificate (app.pem) ends within a day, at 2026-03-01 12:00 UTC; make a new one in the application's registration and replace it here";
        assert_eq!(expiry.shown(now).as_deref(), Some(told));
        expiry.is(Some(now + SignedDuration::from_hours(24 * 365)));
        assert_eq!((expiry.remind(now), expiry.shown(now)), (None, None));
    }
}
