//! A follower's wake-up: that something changed in its folder, and which messages the service named.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::ids::MessageId;

/// Messages named and not yet fetched; more are a round's to find.
const NAMED_MAX: usize = 50;

/// Wakes a follower before its time. One that comes while it works is not forgotten. Clones wake the same follower.
#[derive(Clone, Default)]
pub struct Nudge(Arc<Shared>);

#[derive(Default)]
struct Shared {
    look: Notify,
    named: Notify,
    ids: Mutex<Vec<MessageId>>,
}

impl Nudge {
    /// Something may have changed: look now.
    pub fn look(&self) {
        self.0.look.notify_one();
    }

    /// This message arrived. When too many are waiting, a look finds it.
    pub(super) fn name(&self, id: MessageId) {
        let mut ids = self.0.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.len() >= NAMED_MAX {
            self.look();
        } else if !ids.contains(&id) {
            ids.push(id);
            self.0.named.notify_one();
        }
    }

    /// Waits until it is time to look.
    pub(super) async fn to_look(&self) {
        self.0.look.notified().await;
    }

    /// The messages that were named, at least one.
    pub(super) async fn named(&self) -> Vec<MessageId> {
        loop {
            let ids = std::mem::take(&mut *self.0.ids.lock().unwrap_or_else(PoisonError::into_inner));
            if !ids.is_empty() {
                return ids;
            }
            self.0.named.notified().await;
        }
    }
}
