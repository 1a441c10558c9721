//! Work under way, counted by mailbox: one that is slow or far behind never takes all places.
//!
//! A leaf: it knows nothing of what the work is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use crate::ids::MailboxName;

/// Pieces of work under way, each with its mailbox.
pub struct Bulkhead<K> {
    /// Places of all mailboxes together.
    all_max: usize,
    /// Places of one.
    one_max: usize,
    under_way: HashMap<K, MailboxName>,
    of: BTreeMap<MailboxName, usize>,
}

impl<K: Eq + Hash> Bulkhead<K> {
    /// So many places in all, so many of them for one mailbox.
    pub fn new(all_max: usize, one_max: usize) -> Self {
        Self { all_max, one_max, under_way: HashMap::new(), of: BTreeMap::new() }
    }

    /// Takes a place. `false` when there is none for this mailbox, or the work is under way already.
    pub fn enter(&mut self, work: K, mailbox: &MailboxName) -> bool {
        let of = self.of.get(mailbox).copied().unwrap_or_default();
        if !self.has_room() || of >= self.one_max || self.under_way.contains_key(&work) {
            return false;
        }
        self.under_way.insert(work, mailbox.clone());
        self.of.insert(mailbox.clone(), of + 1);
        true
    }

    /// Gives a place back.
    pub fn leave(&mut self, work: &K) {
        let Some(mailbox) = self.under_way.remove(work) else { return };
        let left = self.of.remove(&mailbox).unwrap_or_default().saturating_sub(1);
        if left > 0 {
            self.of.insert(mailbox, left);
        }
    }

    /// Whether any place is free.
    pub fn has_room(&self) -> bool {
        self.under_way.len() < self.all_max
    }

    /// The mailboxes that have all the places they may have.
    pub fn full(&self) -> BTreeSet<MailboxName> {
        self.of.iter().filter(|(_, of)| **of >= self.one_max).map(|(mailbox, _)| mailbox.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mailbox_takes_more_than_its_places_and_all_together_no_more_than_there_are() {
        let (a, b, c) = (MailboxName::new("a"), MailboxName::new("b"), MailboxName::new("c"));
        let mut places = Bulkhead::new(3, 2);
        assert_eq!([1, 1, 2, 3].map(|work| places.enter(work, &a)), [true, false, true, false]);
        assert_eq!(places.full(), BTreeSet::from([a.clone()]));
        assert_eq!([places.enter(4, &b), places.has_room(), places.enter(5, &c)], [true, false, false]);
        places.leave(&1);
        places.leave(&1);
        assert_eq!((places.full().len(), places.enter(5, &c)), (0, true));
    }
}
