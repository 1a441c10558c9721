//! Ground truth: every call that changed something, in order, and how often each kind of call was made.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

/// Who caused an effect.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    /// `client`, `person` or `transport`.
    pub by: &'static str,
    pub method: String,
    pub path: String,
}

/// What was done, and how often was asked.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Each as JSON text, which takes a fifth of the room.
    entries: Vec<Box<str>>,
    requests: BTreeMap<(String, String), u64>,
    /// How many effects there are; rings with each, before its answer is sent.
    effects: watch::Sender<u64>,
    /// How many requests were let in; rings with each, before its effect.
    admitted: watch::Sender<u64>,
}

impl Ledger {
    /// Writes an effect down; `facts` are further keys (message, folder …).
    pub fn note(&mut self, at: Timestamp, cause: &Cause, mailbox: &str, effect: &'static str, facts: Map<String, Value>) {
        let mut entry = Map::new();
        for key in ["internetMessageId", "subject", "to", "body"] {
            entry.insert(key.to_owned(), Value::Null);
        }
        entry.extend(facts);
        entry.insert("seq".to_owned(), json!(self.entries.len() + 1));
        entry.insert("at".to_owned(), json!(at.to_string()));
        entry.insert("by".to_owned(), json!(cause.by));
        entry.insert("method".to_owned(), json!(cause.method));
        entry.insert("path".to_owned(), json!(cause.path));
        entry.insert("mailbox".to_owned(), json!(mailbox));
        entry.insert("effect".to_owned(), json!(effect));
        self.entries.push(Value::Object(entry).to_string().into());
        self.effects.send_replace(self.entries.len() as u64);
    }

    /// Notes that a request was let in.
    pub fn admit(&mut self) {
        self.admitted.send_modify(|count| *count += 1);
    }

    /// Rings with every effect.
    pub fn effects_bell(&self) -> watch::Receiver<u64> {
        self.effects.subscribe()
    }

    /// Rings with every request that is let in.
    pub fn requests_bell(&self) -> watch::Receiver<u64> {
        self.admitted.subscribe()
    }

    /// Counts a request by method and path pattern.
    pub fn count(&mut self, method: &str, pattern: String) {
        *self.requests.entry((pattern, method.to_owned())).or_default() += 1;
    }

    /// All effects, oldest first.
    pub fn entries(&self) -> Value {
        self.entries.iter().filter_map(|entry| serde_json::from_str::<Value>(entry).ok()).collect()
    }

    /// `[{"method","path","count"}]`, by path.
    pub fn requests(&self) -> Value {
        let rows = self.requests.iter();
        rows.map(|((path, method), count)| json!({"method": method, "path": path, "count": count})).collect()
    }
}
