//! The gate before an endpoint: how many calls at the same time, and none for a while when it is down.
//!
//! Whoever wants to call takes a [`Place`] first and gives it back by dropping it. After several failures in a row the gate
//! closes; when the pause is over one call is let in to try, and its end opens the gate or closes it for longer. One endpoint's
//! gate knows nothing of the others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::{EndpointError, FailureKind};
use crate::clock::Clock;
use crate::ids::EndpointName;
use crate::verdict::Verdict;

/// Failures in a row that close the gate.
const FAILURES_MAX: u32 = 5;
/// How often who waits for a gone endpoint is told so.
const GONE_PAUSE: Duration = Duration::from_hours(1);

/// How long a gate stays closed: the first time, the second time in a row …; the last one repeats.
pub const PAUSES: [Duration; 6] = [
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_mins(30),
];

/// The right to make one call.
#[derive(Debug)]
pub struct Place {
    _permit: Option<OwnedSemaphorePermit>,
    trial: Option<Arc<Mutex<State>>>,
}

impl Place {
    /// For what needs none.
    pub const UNNEEDED: Self = Self { _permit: None, trial: None };
}

impl Drop for Place {
    /// A trial that ended without a call leaves the next one to try.
    fn drop(&mut self) {
        if let Some(state) = &self.trial {
            state.lock().unwrap_or_else(PoisonError::into_inner).is_tried = false;
        }
    }
}

/// What comes of asking for a place.
#[derive(Debug)]
pub enum Admission {
    /// The call may be made.
    Place(Place),
    /// As many calls as may be are under way; nothing is said about when one ends.
    Full,
    /// No call for a while; the error says how long and why.
    Closed(EndpointError),
}

pub(super) struct Gate {
    name: EndpointName,
    places: Arc<Semaphore>,
    state: Arc<Mutex<State>>,
    pauses: Vec<Duration>,
}

#[derive(Debug, Default)]
struct State {
    /// In a row, while the gate is open.
    failures: u32,
    /// Times in a row that the gate was closed.
    closed: u32,
    until: Option<Timestamp>,
    /// The one call that tries whether the endpoint is back is under way.
    is_tried: bool,
    is_gone: bool,
    why: Box<str>,
}

impl Gate {
    pub fn new(name: EndpointName, concurrent: u32, pauses: Vec<Duration>) -> Self {
        let places = Arc::new(Semaphore::new(usize::try_from(concurrent.max(1)).unwrap_or(1)));
        Self { name, places, state: Arc::default(), pauses }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place, without waiting for one.
    pub fn enter(&self, clock: &Clock) -> Admission {
        let mut state = self.state();
        if let Some(error) = self.refusal(&state, clock.now()) {
            return Admission::Closed(error);
        }
        let trial = state.until.is_some();
        if trial && state.is_tried {
            return Admission::Full;
        }
        let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() else { return Admission::Full };
        state.is_tried = trial;
        Admission::Place(Place { _permit: Some(permit), trial: trial.then(|| Arc::clone(&self.state)) })
    }

    /// A place, waiting for one to become free.
    pub async fn queue(&self, clock: &Clock) -> Result<Place, EndpointError> {
        loop {
            match self.enter(clock) {
                Admission::Place(place) => return Ok(place),
                Admission::Closed(error) => return Err(error),
                // A free place that may not be had is kept for the trial.
                Admission::Full => match Arc::clone(&self.places).acquire_owned().await {
                    Ok(permit) if self.state().is_tried => {
                        drop(permit);
                        return Err(self.left_alone(Verdict::Retry, "another call tries whether it is back"));
                    }
                    Ok(_) | Err(_) => {}
                },
            }
        }
    }

    /// How many could enter now. A closed gate turns everybody away at once, so that there is room for all.
    pub fn room(&self, clock: &Clock) -> usize {
        let state = self.state();
        match state.until {
            _ if self.refusal(&state, clock.now()).is_some() => usize::MAX,
            Some(_) => usize::from(!state.is_tried),
            None => self.places.available_permits(),
        }
    }

    /// Takes note of how a call ended.
    pub fn note(&self, clock: &Clock, failure: Option<&EndpointError>) {
        let now = clock.now();
        let mut state = self.state();
        if state.is_gone {
            return;
        }
        let Some(error) = failure.filter(|error| error.is_down() || error.kind == FailureKind::Gone) else {
            // Whatever it says, it is there. Only that it wants to be left alone is obeyed for everybody.
            let wait = failure.and_then(|error| Some((wait_of_busy(error)?, error)));
            *state = State::default();
            if let Some((wait, error)) = wait {
                state.until = Some(later(now, wait));
                state.why = error.to_string().into();
            }
            return;
        };
        state.why = error.to_string().into();
        if error.kind == FailureKind::Gone {
            state.is_gone = true;
            return;
        }
        state.failures = state.failures.saturating_add(1);
        let was_closed = state.until.is_some();
        // Calls that were under way when the gate closed say nothing new.
        if was_closed && !state.is_tried || !was_closed && state.failures < FAILURES_MAX {
            return;
        }
        state.closed = state.closed.saturating_add(1);
        let position = usize::try_from(state.closed - 1).unwrap_or(usize::MAX);
        let pause = self.pauses.get(position).or(self.pauses.last()).copied().unwrap_or(PAUSES[0]);
        let asked = if let Verdict::RetryAfter(wait) = error.verdict { wait } else { Duration::ZERO };
        state.until = Some(later(now, pause.max(asked)));
        state.is_tried = false;
        tracing::error!(endpoint = %self.name, failures = state.failures, pause = ?pause.max(asked), reason = %state.why, "an endpoint is left alone for a while");
    }

    fn refusal(&self, state: &State, now: Timestamp) -> Option<EndpointError> {
        if state.is_gone {
            return Some(self.left_alone(Verdict::RetryAfter(GONE_PAUSE), &state.why));
        }
        let until = state.until?;
        let left = Duration::try_from(until.duration_since(now)).ok().filter(|left| !left.is_zero())?;
        Some(self.left_alone(Verdict::RetryAfter(left), &state.why))
    }

    fn left_alone(&self, verdict: Verdict, why: &str) -> EndpointError {
        // The reason already names the endpoint.
        let why = why.strip_prefix(&format!("endpoint {}: ", self.name)).unwrap_or(why);
        EndpointError::new(
            &self.name,
            FailureKind::LeftAlone,
            verdict,
            &format!("not called for a while; the last call said: {why}"),
        )
    }
}

fn wait_of_busy(error: &EndpointError) -> Option<Duration> {
    match (error.status, error.verdict) {
        (Some(429), Verdict::RetryAfter(wait)) if !wait.is_zero() => Some(wait),
        _ => None,
    }
}

fn later(now: Timestamp, span: Duration) -> Timestamp {
    now.saturating_add(jiff::SignedDuration::try_from(span).unwrap_or(jiff::SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn gate(concurrent: u32) -> (Gate, Clock) {
        let clock = Clock::by_hand("2026-03-02T09:00:00Z".parse().unwrap());
        (Gate::new(EndpointName::new("erp"), concurrent, PAUSES.to_vec()), clock)
    }

    fn failure(kind: FailureKind, status: Option<u16>, verdict: Verdict) -> EndpointError {
        EndpointError { status, ..EndpointError::new(&EndpointName::new("erp"), kind, verdict, "no") }
    }

    fn down() -> EndpointError {
        failure(FailureKind::TimedOut, None, Verdict::Unknown)
    }

    fn place(gate: &Gate, clock: &Clock) -> Option<Place> {
        match gate.enter(clock) {
            Admission::Place(place) => Some(place),
            _ => None,
        }
    }

    fn left(gate: &Gate, clock: &Clock) -> Option<Duration> {
        match gate.enter(clock) {
            Admission::Closed(EndpointError { verdict: Verdict::RetryAfter(left), .. }) => Some(left),
            _ => None,
        }
    }

    #[test]
    fn no_more_than_so_many_calls_are_under_way() {
        let (gate, clock) = gate(2);
        let first = place(&gate, &clock).unwrap();
        let _second = place(&gate, &clock).unwrap();
        assert!(matches!(gate.enter(&clock), Admission::Full));
        assert_eq!(gate.room(&clock), 0);
        drop(first);
        assert_eq!(gate.room(&clock), 1);
        assert!(place(&gate, &clock).is_some());
    }

    #[test]
    fn an_endpoint_that_is_down_is_tried_by_one_call_after_ever_longer_pauses() {
        let (gate, clock) = gate(4);
        for _ in 0..4 {
            gate.note(&clock, Some(&down()));
        }
        assert!(place(&gate, &clock).is_some());
        gate.note(&clock, Some(&down()));
        for pause in PAUSES.iter().chain([&PAUSES[5]]) {
            assert_eq!(left(&gate, &clock), Some(*pause));
            clock.advance(*pause);
            let trial = place(&gate, &clock).unwrap();
            assert!(matches!(gate.enter(&clock), Admission::Full));
            assert_eq!(gate.room(&clock), 0);
            gate.note(&clock, Some(&down()));
            drop(trial);
        }
        clock.advance(PAUSES[5]);
        // One that ends without a call leaves the next one to try.
        drop(place(&gate, &clock).unwrap());
        let trial = place(&gate, &clock).unwrap();
        gate.note(&clock, None);
        drop(trial);
        assert_eq!(gate.room(&clock), 4);
        // The count begins anew.
        gate.note(&clock, Some(&down()));
        assert!(place(&gate, &clock).is_some());
    }

    #[test]
    fn calls_that_were_under_way_do_not_lengthen_the_pause() {
        let (gate, clock) = gate(4);
        for _ in 0..8 {
            gate.note(&clock, Some(&down()));
        }
        assert_eq!(left(&gate, &clock), Some(PAUSES[0]));
    }

    #[test]
    fn a_refused_record_says_nothing_against_the_endpoint() {
        let (gate, clock) = gate(4);
        for _ in 0..4 {
            gate.note(&clock, Some(&down()));
        }
        gate.note(&clock, Some(&failure(FailureKind::Refused, Some(422), Verdict::Never)));
        gate.note(&clock, Some(&down()));
        assert!(place(&gate, &clock).is_some());
    }

    #[test]
    fn one_that_asks_for_a_pause_gets_it_from_everybody() {
        let (gate, clock) = gate(4);
        let wait = Duration::from_secs(40);
        gate.note(&clock, Some(&failure(FailureKind::Busy, Some(429), Verdict::RetryAfter(wait))));
        assert_eq!(left(&gate, &clock), Some(wait));
        clock.advance(wait);
        assert!(place(&gate, &clock).is_some());
    }

    #[test]
    fn one_that_is_gone_is_not_called_again_and_says_why() {
        let (gate, clock) = gate(4);
        gate.note(&clock, Some(&failure(FailureKind::Gone, Some(410), Verdict::Never)));
        gate.note(&clock, None);
        clock.advance(Duration::from_hours(1_000));
        let Admission::Closed(error) = gate.enter(&clock) else { panic!("a closed gate") };
        let expected = "endpoint erp: not called for a while; the last call said: 410 no; \
                        it is gone for good and not called again: correct the configuration and restart";
        assert_eq!((error.verdict, error.to_string().as_str()), (Verdict::RetryAfter(GONE_PAUSE), expected));
    }

    #[tokio::test]
    async fn who_waits_gets_the_place_that_becomes_free() {
        let (gate, clock) = gate(1);
        let first = gate.queue(&clock).await.unwrap();
        let (second, ()) = tokio::join!(gate.queue(&clock), async { drop(first) });
        assert!(second.is_ok());
    }
}
