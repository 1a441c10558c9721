//! What the service tells us without being asked: that something arrived, and how our subscriptions are.
//!
//! Nothing told is believed beyond "look now", or "look at this message": who says the secret of a subscription wakes its folder's
//! follower, and nobody else does anything. Answered before anything is written.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use super::nudge::Nudge;
use crate::ids::MessageId;
use crate::outgoing::same_secret;

/// Items of one notification; the service sends a few.
const ITEMS_MAX: usize = 256;
/// Longest id that is taken; Exchange's have up to some 200 bytes.
const ID_MAX: usize = 2_000;
/// Notifications that are read at the same time.
const AT_ONCE: usize = 64;

/// The subscriptions that may tell us something. Clones share them.
#[derive(Clone)]
pub struct Hooks(Arc<Shared>);

struct Shared {
    subscriptions: Mutex<HashMap<String, Ear>>,
    places: Semaphore,
}

/// Who is told.
#[derive(Clone)]
struct Ear {
    secret: String,
    arrivals: Nudge,
    lifecycle: Lifecycle,
}

/// What the service said of a subscription itself. Whatever it was, the subscription is looked at.
#[derive(Clone, Default)]
pub(super) struct Lifecycle(Arc<(AtomicBool, Notify)>);

impl Lifecycle {
    fn say(&self, event: &str) {
        if event == "reauthorizationRequired" {
            self.0.0.store(true, Ordering::SeqCst);
        }
        self.0.1.notify_one();
    }

    pub(super) async fn comes(&self) {
        self.0.1.notified().await;
    }

    /// Whether it wants to hear that we may still be told.
    pub(super) fn asks(&self) -> bool {
        self.0.0.load(Ordering::SeqCst)
    }

    pub(super) fn granted(&self) {
        self.0.0.store(false, Ordering::SeqCst);
    }
}

#[derive(Deserialize)]
struct Told {
    value: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    subscription_id: String,
    #[serde(default)]
    client_state: Option<String>,
    #[serde(default)]
    lifecycle_event: Option<String>,
    #[serde(default)]
    resource_data: Option<ResourceData>,
}

#[derive(Deserialize)]
struct ResourceData {
    id: Option<String>,
}

/// What becomes of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It was read; whoever knew a secret was believed.
    Taken,
    /// It is no notification.
    Malformed,
    /// It holds more than a notification may.
    TooLarge,
}

impl Default for Hooks {
    fn default() -> Self {
        Self(Arc::new(Shared { subscriptions: Mutex::default(), places: Semaphore::new(AT_ONCE) }))
    }
}

impl Hooks {
    /// A place to be read in; `None` when all are taken.
    pub fn place(&self) -> Option<SemaphorePermit<'_>> {
        self.0.places.try_acquire().ok()
    }

    /// Hears a notification, or what is to be said of a subscription.
    pub fn hear(&self, body: &[u8]) -> Heard {
        let Ok(Told { value }) = serde_json::from_slice(body) else { return Heard::Malformed };
        if value.len() > ITEMS_MAX {
            return Heard::TooLarge;
        }
        let subscriptions = self.subscriptions();
        for Item { subscription_id, client_state, lifecycle_event, resource_data } in value {
            let Some(ear) = subscriptions.get(&subscription_id) else { continue };
            if !same_secret(&ear.secret, client_state.as_deref().unwrap_or_default()) {
                continue;
            }
            let named = resource_data.and_then(|data| data.id).filter(|id| (1..=ID_MAX).contains(&id.len()));
            match (lifecycle_event.as_deref(), named) {
                (Some(event @ ("reauthorizationRequired" | "subscriptionRemoved")), _) => ear.lifecycle.say(event),
                (None, Some(id)) => ear.arrivals.name(MessageId::new(id)),
                // `missed`, or whatever a later service says of a subscription: looking harms nothing.
                _ => ear.arrivals.look(),
            }
        }
        Heard::Taken
    }

    pub(super) fn listen(&self, id: &str, secret: &str, arrivals: &Nudge, lifecycle: &Lifecycle) {
        let ear = Ear { secret: secret.to_owned(), arrivals: arrivals.clone(), lifecycle: lifecycle.clone() };
        self.subscriptions().insert(id.to_owned(), ear);
    }

    pub(super) fn forget(&self, id: &str) {
        self.subscriptions().remove(id);
    }

    fn subscriptions(&self) -> MutexGuard<'_, HashMap<String, Ear>> {
        self.0.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, secret: &str, lifecycle: &str) -> String {
        format!(r#"{{"subscriptionId":"{id}","clientState":"{secret}"{lifecycle}}}"#)
    }

    async fn is_woken(nudge: &Nudge) -> bool {
        tokio::time::timeout(std::time::Duration::ZERO, nudge.to_look()).await.is_ok()
    }

    #[tokio::test]
    async fn only_who_knows_the_secret_wakes_anybody() {
        let (hooks, nudge, lifecycle) = (Hooks::default(), Nudge::default(), Lifecycle::default());
        hooks.listen("1", "a secret", &nudge, &lifecycle);
        let told = |items: &[String]| hooks.hear(format!(r#"{{"value":[{}]}}"#, items.join(",")).as_bytes());
        for forged in
            [item("1", "a secres", ""), item("1", "", ""), item("2", "a secret", ""), r#"{"subscriptionId":"1"}"#.to_owned()]
        {
            assert_eq!((told(&[forged]), is_woken(&nudge).await), (Heard::Taken, false));
        }
        assert_eq!((told(&[item("1", "a secret", "")]), is_woken(&nudge).await), (Heard::Taken, true));
        assert_eq!(
            (told(&[item("1", "a secret", r#","lifecycleEvent":"missed""#)]), is_woken(&nudge).await),
            (Heard::Taken, true)
        );
        told(&[item("1", "a secret", r#","lifecycleEvent":"subscriptionRemoved""#)]);
        assert_eq!((lifecycle.asks(), is_woken(&nudge).await), (false, false));
        told(&[item("1", "a guess", r#","lifecycleEvent":"reauthorizationRequired""#)]);
        assert!(!lifecycle.asks());
        told(&[item("1", "a secret", r#","lifecycleEvent":"reauthorizationRequired""#)]);
        assert!(lifecycle.asks());
        told(&[
            item("1", "a secret", r#","resourceData":{"id":"AAk=","@odata.type":"x"}"#),
            item("1", "a secret", r#","resourceData":{"id":"AAk="}"#),
        ]);
        assert_eq!((nudge.named().await, is_woken(&nudge).await), (vec![MessageId::new("AAk=")], false));
        hooks.forget("1");
        assert_eq!((told(&[item("1", "a secret", "")]), is_woken(&nudge).await), (Heard::Taken, false));
    }

    #[test]
    fn what_is_no_notification_is_said_to_be_none() {
        let hooks = Hooks::default();
        let many = format!(r#"{{"value":[{}]}}"#, vec![item("1", "x", ""); 257].join(","));
        for (body, heard) in
            [("", Heard::Malformed), ("[]", Heard::Malformed), (r#"{"value":[7]}"#, Heard::Malformed), (&many, Heard::TooLarge)]
        {
            assert_eq!(hooks.hear(body.as_bytes()), heard);
        }
    }

    #[test]
    fn sixty_four_are_read_at_once() {
        let hooks = Hooks::default();
        let places: Vec<_> = std::iter::from_fn(|| hooks.place()).collect();
        assert_eq!(places.len(), 64);
    }
}
