//! Where messages with a given Message-ID, conversation or extended property are, so that nobody looks through all of them.
//!
//! Entries are prints: who finds a message here still compares.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::message::{Key, Message, normal_property_id};

/// What is looked up.
#[derive(Hash)]
pub(crate) enum Mark<'a> {
    /// In lower case.
    InternetId(&'a str),
    /// As it is.
    Conversation(&'a str),
    /// The normal id, and the value in lower case.
    Property(&'a str, &'a str),
}

impl Mark<'_> {
    fn print(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

/// All marks of a mailbox.
#[derive(Debug, Default)]
pub(crate) struct Index(HashMap<u64, Vec<Key>>);

impl Index {
    /// The prints under which a message is found.
    pub fn prints(message: &Message) -> Vec<u64> {
        let mut prints = vec![
            Mark::InternetId(&message.internet_id.to_lowercase()).print(),
            Mark::Conversation(&message.conversation.id()).print(),
        ];
        prints.extend(message.properties.iter().map(|(id, (_, value))| Mark::Property(id, &value.to_lowercase()).print()));
        prints
    }

    pub fn enter(&mut self, key: Key, prints: &[u64]) {
        for print in prints {
            self.0.entry(*print).or_insert_with(|| Vec::with_capacity(1)).push(key);
        }
    }

    pub fn leave(&mut self, key: Key, prints: &[u64]) {
        for print in prints {
            let Some(keys) = self.0.get_mut(print) else { continue };
            keys.retain(|own| *own != key);
            if keys.is_empty() {
                self.0.remove(print);
            }
        }
    }

    /// The messages with this mark, and perhaps others.
    pub fn find(&self, mark: &Mark<'_>) -> BTreeSet<Key> {
        self.0.get(&mark.print()).into_iter().flatten().copied().collect()
    }
}

/// Whether the store works this property out of the message instead of keeping it: no mark leads there.
pub(crate) fn is_worked_out(id: &str) -> bool {
    let normal = normal_property_id(id);
    normal.starts_with("string {00020386-0000-0000-c000-000000000046} name ")
        || ["integer 0xe07", "string 0x1035", "string 0x1042", "string 0x1039", "string 0x7d"].contains(&normal.as_str())
}
