//! The three throttles of a mailbox: calls at once, calls in a while, bytes sent in a while.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::http::GraphError;
use super::people::later;

/// So much within a time that moves along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// So many calls or bytes …
    pub most: u64,
    /// … within this time.
    pub within: Duration,
}

/// What one application may do to one mailbox; `None` is no limit. As it stands by default, Microsoft's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls at once.
    pub concurrent: Option<usize>,
    /// Calls, those that are refused among them.
    pub requests: Option<Window>,
    /// Bytes of the bodies of POST, PATCH and PUT.
    pub upload: Option<Window>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrent: Some(4),
            requests: Some(Window { most: 10_000, within: Duration::from_mins(10) }),
            upload: Some(Window { most: 150 * 1024 * 1024, within: Duration::from_mins(5) }),
        }
    }
}

impl Limits {
    /// A mailbox that takes whatever comes.
    pub const NONE: Self = Self { concurrent: None, requests: None, upload: None };
}

/// What was done within a window, oldest first.
#[derive(Debug, Default)]
struct Tally {
    entries: VecDeque<(Timestamp, u64)>,
    sum: u64,
}

impl Tally {
    /// Adds an amount; if it is too much, how long it takes until there is room again.
    fn add(&mut self, amount: u64, now: Timestamp, window: Window) -> Option<Duration> {
        while let Some((_, old)) = self.entries.front().copied().filter(|(at, _)| later(*at, window.within) <= now) {
            self.sum -= old;
            self.entries.pop_front();
        }
        if amount > 0 {
            self.entries.push_back((now, amount));
            self.sum += amount;
        }
        let mut too_much = self.sum.checked_sub(window.most).filter(|over| *over > 0)?;
        let leaves = self.entries.iter().find(|(_, amount)| {
            let is_enough = *amount >= too_much;
            too_much = too_much.saturating_sub(*amount);
            is_enough
        });
        let free = leaves.map_or(now, |(at, _)| later(*at, window.within));
        Some(free.duration_since(now).unsigned_abs())
    }
}

/// What a mailbox has to bear right now and had to bear lately.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    in_flight: usize,
    calls: Tally,
    uploaded: Tally,
}

fn throttled(limit: &str, wait: Duration) -> GraphError {
    let seconds = wait.as_millis().div_ceil(1_000).max(1).to_string();
    let text = format!("Application is over its {limit} limit.");
    GraphError::new(429, "ApplicationThrottled", text).with("retry-after", seconds)
}

/// How long a client is told to wait when it makes too many calls at once.
const CONCURRENCY_WAIT: Duration = Duration::from_secs(10);

impl Meter {
    /// Counts a call and the bytes it brings; refuses what is too much.
    pub fn count(&mut self, limits: &Limits, bytes: u64, now: Timestamp) -> Result<(), GraphError> {
        if let Some(wait) = limits.requests.and_then(|window| self.calls.add(1, now, window)) {
            return Err(throttled("MailboxRequests", wait));
        }
        match limits.upload.and_then(|window| self.uploaded.add(bytes, now, window)) {
            // What is over brings nothing; it is refused only if it wanted to.
            Some(wait) if bytes > 0 => Err(throttled("MailboxUpload", wait)),
            _ => Ok(()),
        }
    }

    /// Takes one of the places; each is given back by [`Meter::leave`].
    pub fn enter(&mut self, limits: &Limits) -> Result<(), GraphError> {
        if limits.concurrent.is_some_and(|most| self.in_flight >= most) {
            return Err(throttled("MailboxConcurrency", CONCURRENCY_WAIT));
        }
        self.in_flight += 1;
        Ok(())
    }

    pub fn leave(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn a_window_refuses_what_is_too_much_and_says_when_there_is_room() {
        let start: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
        let at = |seconds| later(start, Duration::from_secs(seconds));
        let window = Window { most: 10, within: Duration::from_mins(1) };
        let mut tally = Tally::default();
        let told = [(4, 0), (6, 10), (1, 20), (5, 30), (0, 59), (1, 60), (1, 70)]
            .map(|(amount, after)| tally.add(amount, at(after), window));
        let s = |seconds| Some(Duration::from_secs(seconds));
        // Refused amounts count too: at 30 s, 16 of 10 are in the window, and the sixth of them leaves 40 s later.
        assert_eq!(told, [None, None, s(40), s(40), s(11), s(10), None]);
    }
}
