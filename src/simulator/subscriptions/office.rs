//! The post office: notifications wait here, are gathered, repeated, delayed or discarded by how their endpoint answers.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Notify;

use super::Webhooks;
use crate::simulator::people::later;

/// The most notifications of one POST.
const ITEMS_MAX: usize = 100;

/// An endpoint is slow if more of its answers than this are, in percent …
const SLOW_PERCENT: usize = 10;

/// … and is posted to no more if more than this never come.
const NEVER_PERCENT: usize = 15;

/// One notification or lifecycle event.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub subscription: String,
    pub value: Value,
}

/// What goes out in one POST.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    pub url: String,
    pub items: Vec<Item>,
    /// When it was first due.
    pub since: Timestamp,
    /// How often it was tried.
    pub tries: u32,
}

/// How long an answer took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tempo {
    Prompt,
    Slow,
    Never,
}

/// What became of a notification that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handed {
    Taken,
    /// Its endpoint is posted to no more; nobody was told yet that something is missing.
    Discarded,
    /// The same, and it was told already.
    DiscardedToo,
}

/// How an endpoint is treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Treatment {
    #[default]
    AtOnce,
    Late,
    NotAtAll,
}

#[derive(Debug, Default)]
struct Endpoint {
    answers: VecDeque<(Timestamp, Tempo)>,
    treatment: Treatment,
    until: Option<Timestamp>,
}

impl Endpoint {
    fn treatment(&mut self, now: Timestamp, window: Duration) -> Treatment {
        if self.until.is_some_and(|until| now < until) {
            return self.treatment;
        }
        while self.answers.front().is_some_and(|(at, _)| later(*at, window) <= now) {
            self.answers.pop_front();
        }
        let all = self.answers.len();
        let share = |tempo: &[Tempo]| self.answers.iter().filter(|(_, own)| tempo.contains(own)).count() * 100;
        self.treatment = if share(&[Tempo::Never]) > all * NEVER_PERCENT {
            Treatment::NotAtAll
        } else if share(&[Tempo::Slow, Tempo::Never]) > all * SLOW_PERCENT {
            Treatment::Late
        } else {
            Treatment::AtOnce
        };
        self.until = (self.treatment != Treatment::AtOnce).then(|| later(now, window));
        self.treatment
    }
}

/// Everything that waits to be posted.
#[derive(Debug, Default)]
pub(crate) struct PostOffice {
    pub webhooks: Webhooks,
    waiting: BTreeMap<(Timestamp, u64), Parcel>,
    /// The parcel of an endpoint that still takes notifications.
    gathering: HashMap<String, (Timestamp, u64)>,
    endpoints: HashMap<String, Endpoint>,
    /// The subscriptions that were told that something is missing, and have not been posted to since.
    missed: BTreeSet<String>,
    numbered: u64,
    delivered: u64,
    lost: u64,
    /// Rung when something is handed in.
    pub rung: Arc<Notify>,
}

impl PostOffice {
    pub fn new(webhooks: Webhooks) -> Self {
        Self { webhooks, ..Self::default() }
    }

    fn put(&mut self, due: Timestamp, parcel: Parcel) -> (Timestamp, u64) {
        self.numbered += 1;
        let place = (due, self.numbered);
        self.waiting.insert(place, parcel);
        self.rung.notify_one();
        place
    }

    /// A notification, to go with others to the same endpoint.
    pub(super) fn hand_in(&mut self, url: &str, item: Item, now: Timestamp) -> Handed {
        let treatment = self.endpoints.entry(url.to_owned()).or_default().treatment(now, self.webhooks.window);
        if treatment == Treatment::NotAtAll {
            self.lost += 1;
            return if self.missed.insert(item.subscription) { Handed::Discarded } else { Handed::DiscardedToo };
        }
        self.missed.remove(&item.subscription);
        let open = self.gathering.get(url).and_then(|place| self.waiting.get_mut(place));
        if let Some(parcel) = open.filter(|parcel| parcel.items.len() < ITEMS_MAX) {
            parcel.items.push(item);
            return Handed::Taken;
        }
        let wait = if treatment == Treatment::Late { self.webhooks.window } else { self.webhooks.gather };
        let due = later(now, wait);
        let place = self.put(due, Parcel { url: url.to_owned(), items: vec![item], since: due, tries: 0 });
        self.gathering.insert(url.to_owned(), place);
        Handed::Taken
    }

    /// A notification or event in a POST of its own, at once.
    pub(super) fn hand_in_alone(&mut self, url: &str, item: Item, now: Timestamp) {
        self.put(now, Parcel { url: url.to_owned(), items: vec![item], since: now, tries: 0 });
    }

    /// A notification that others overtake.
    pub(super) fn hand_in_late(&mut self, url: &str, item: Item, now: Timestamp, after: Duration) -> Handed {
        let due = later(now, after);
        self.put(due, Parcel { url: url.to_owned(), items: vec![item], since: due, tries: 0 });
        Handed::Taken
    }

    /// The next parcel that is due, taken out.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<Parcel> {
        let first = self.waiting.first_entry().filter(|entry| entry.key().0 <= now)?;
        let (place, parcel) = (*first.key(), first.remove());
        if self.gathering.get(&parcel.url) == Some(&place) {
            self.gathering.remove(&parcel.url);
        }
        Some(parcel)
    }

    /// When the next parcel is due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.waiting.keys().next().map(|(due, _)| *due)
    }

    /// Notes how an endpoint answered.
    pub(super) fn answered(&mut self, url: &str, now: Timestamp, tempo: Tempo) {
        self.endpoints.entry(url.to_owned()).or_default().answers.push_back((now, tempo));
    }

    pub(super) fn delivered(&mut self, parcel: &Parcel) {
        self.delivered += parcel.items.len() as u64;
    }

    /// Keeps a parcel that was not taken for another try; after too long it is given up, and the subscriptions that must be told
    /// so come back.
    pub(super) fn try_again(&mut self, mut parcel: Parcel, now: Timestamp) -> Vec<String> {
        let wait = self.webhooks.backoff * 2_u32.saturating_pow(parcel.tries.min(20));
        let due = later(now, wait);
        if due > later(parcel.since, self.webhooks.gives_up_after) {
            self.lost += parcel.items.len() as u64;
            let events = parcel.items.iter().filter(|item| item.value.get("lifecycleEvent").is_none());
            return events
                .filter(|item| self.missed.insert(item.subscription.clone()))
                .map(|item| item.subscription.clone())
                .collect();
        }
        parcel.tries += 1;
        self.put(due, parcel);
        Vec::new()
    }

    /// How many notifications wait, were delivered, and never will be.
    pub fn counts(&self) -> (u64, u64, u64) {
        (self.waiting.values().map(|parcel| parcel.items.len() as u64).sum(), self.delivered, self.lost)
    }
}
