//! Who waits for a place at an endpoint: without a lane of its own and without a word in the journal.
//!
//! A lane that comes to a post and finds as many calls under way as the endpoint takes ends there. Its message is remembered and taken up
//! again when a place is free, so that a slow endpoint delays nobody but those who wait for it.

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use super::Executor;
use super::call::ms;
use crate::endpoints::{Admission, Place};
use crate::ids::{EndpointName, MailboxName};
use crate::journal::{ActionRow, Event, JournalError, Row, Status};
use crate::plan::Action;
use crate::verdict::Verdict;

/// Messages that wait in memory; more are put off in the journal.
const HELD_MAX: usize = 1_000;
/// How long those are put off.
const CROWD_PAUSE: Duration = Duration::from_mins(2);

/// Messages that wait for a place, each with its endpoint.
pub(super) type Held = HashMap<Row, EndpointName>;

impl Executor {
    /// A place for what is next of an action; `None` ends the lane: the message waits.
    pub(super) async fn place(&self, row: Row, action: &ActionRow) -> Result<Option<Place>, JournalError> {
        let Some(endpoint) = self.called(action) else { return Ok(Some(Place::UNNEEDED)) };
        let (after, reason) = match self.endpoints.place(endpoint) {
            Admission::Place(place) => return Ok(Some(place)),
            Admission::Full => {
                let mut held = self.held();
                if held.len() < HELD_MAX {
                    held.insert(row, endpoint.clone());
                    return Ok(None);
                }
                (CROWD_PAUSE, format!("more than {HELD_MAX} messages wait for `{endpoint}`, which takes its calls slowly"))
            }
            Admission::Closed(error) => match error.verdict() {
                Verdict::RetryAfter(after) => (after, error.to_string()),
                _ => (self.patience.configuration, error.to_string()),
            },
        };
        let after_ms = ms(after);
        let event = match action.status {
            Status::Unclear => Event::StillUnclear { after_ms, reason },
            _ => Event::Deferred { after_ms, reason },
        };
        self.journal.record(row, vec![(action.id.clone(), event)]).await?;
        Ok(None)
    }

    /// Leaves out what waits for a place that is not free yet.
    pub(super) fn admit(&self, due: Vec<(Row, MailboxName)>) -> Vec<(Row, MailboxName)> {
        let mut held = self.held();
        let mut room: HashMap<EndpointName, usize> = HashMap::new();
        let mut waiting = Held::new();
        let admitted = due.into_iter().filter(|(row, _)| {
            let Some(endpoint) = held.remove(row) else { return true };
            let left = room.entry(endpoint.clone()).or_insert_with(|| self.endpoints.room(&endpoint));
            let is_admitted = *left > 0;
            *left = left.saturating_sub(1);
            if !is_admitted {
                waiting.insert(*row, endpoint);
            }
            is_admitted
        });
        let admitted = admitted.collect();
        *held = waiting;
        admitted
    }

    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The endpoint that the next call of an action goes to.
    fn called<'a>(&self, action: &'a ActionRow) -> Option<&'a EndpointName> {
        let (Action::Post { endpoint, .. } | Action::PostEach { endpoint, .. }) = &action.planned.action else { return None };
        // One that is not in the configuration is not called either: the call itself says so.
        let contract = self.endpoints.contract(endpoint)?;
        let calls = match action.status {
            Status::Unclear => contract.has_lookup,
            _ => action.planned.withheld.is_none(),
        };
        calls.then_some(endpoint)
    }
}
