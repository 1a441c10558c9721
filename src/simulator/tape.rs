//! The tape: every call to the tenant with its answer, for whoever wants to know what a program and the tenant say to each other.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::http::{Answer, Call, Payload};
use super::shape::time;
use crate::clock::Clock;

/// Is told every exchange as soon as it is answered: `{"at", "method", "path", "segments", "query", "status", "request", "answer"}`. Contents that are no
/// JSON appear as `{"type", "bytes"}`, none as null; where the connection was cut, status and answer are null. Tokens are not on it.
#[derive(Clone)]
pub struct Tape(Arc<dyn Fn(&Value) + Send + Sync>);

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tape")
    }
}

impl Tape {
    /// A tape that is told to `told`, on the thread that answers: it should be quick.
    pub fn new(told: impl Fn(&Value) + Send + Sync + 'static) -> Self {
        Self(Arc::new(told))
    }

    /// Tells one exchange of the Graph service; what is said at its other doors is not told.
    pub(super) fn tell(&self, clock: &Clock, call: &Call, answer: Option<&Answer>) {
        let is_graph = call.segments.first().is_some_and(|root| ["v1.0", "beta"].contains(&root.as_str()));
        if !is_graph {
            return;
        }
        let query: Vec<String> = call.options().iter().map(|(name, value)| format!("${name}={value}")).collect();
        (self.0)(&json!({
            "at": time(clock.now()),
            "method": call.method.as_str(),
            "path": call.path,
            "segments": call.segments,
            "query": query,
            "status": answer.map(|answer| answer.status),
            "request": content(call.header("content-type"), &call.body),
            "answer": match answer.map(|answer| &answer.payload) {
                None | Some(Payload::Empty) => Value::Null,
                Some(Payload::Graph(value) | Payload::Json(value)) => value.clone(),
                Some(Payload::Bytes { content_type, bytes }) => content(Some(content_type), bytes),
            },
        }));
    }
}

fn content(content_type: Option<&str>, bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    let content_type = content_type.unwrap_or_default();
    let parsed = content_type.contains("json").then(|| serde_json::from_slice(bytes).ok()).flatten();
    parsed.unwrap_or_else(|| {
        Value::Object(Map::from_iter([("type".to_owned(), json!(content_type)), ("bytes".to_owned(), json!(bytes.len()))]))
    })
}
