//! What there is for each mailbox that is served. A mailbox may join and leave while others use it.
//!
//! A leaf: it knows nothing of what it holds.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::ids::MailboxName;

/// One thing a mailbox. Clones share it.
pub struct Roster<T>(Arc<RwLock<BTreeMap<MailboxName, Arc<T>>>>);

impl<T> Clone for Roster<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Roster<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Roster<T> {
    /// What there is for the mailbox; `None` when it is not served.
    pub fn get(&self, mailbox: &MailboxName) -> Option<Arc<T>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(mailbox).cloned()
    }

    /// All of it, by mailbox.
    pub fn all(&self) -> Vec<(MailboxName, Arc<T>)> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(mailbox, one)| (mailbox.clone(), Arc::clone(one))).collect()
    }

    /// The mailbox is served from now on, or by this instead of what was there.
    pub fn join(&self, mailbox: MailboxName, one: T) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(mailbox, Arc::new(one));
    }

    /// The mailbox is served no more.
    pub fn leave(&self, mailbox: &MailboxName) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(mailbox);
    }
}
