//! A receiving endpoint: other people's HTTP, with idempotency keys, a table of answers to questions, and scripted faults.
//!
//! `POST /anything` takes a record; `GET /received` shows what was taken, `GET /received/{key}` one of them;
//! `POST`, `GET` and `DELETE /faults` as at the tenant's door, on the operations `post`, `ask` and `any`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::Response;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::SimulatorError;
use super::faults::{Fault, FaultTable, RetryAfter};
use super::flow::{Stage, read, under_fault};
use super::http::{Answer, Call, Connection, Serving};
use super::luck::Comings;
use crate::clock::Clock;

/// What faults can be set on.
const OPERATIONS: &[&str] = &["post", "ask", "any"];

/// One answer to a question; questions change nothing and are not recorded.
#[derive(Clone, Debug)]
pub struct AskReply {
    /// The path that is asked, such as `/suppliers`.
    pub path: String,
    /// What the question must contain: every member equal; `null` is met by any question.
    pub request: Value,
    /// The status to answer with.
    pub status: u16,
    /// The JSON to answer with.
    pub reply: Value,
}

/// What a receiver is made of.
#[derive(Clone, Debug)]
pub struct ReceiverOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What the ids it gives begin with: `ERP` gives `ERP-1`.
    pub prefix: String,
    /// Other beginnings for some paths: `/tickets` to `T`.
    pub prefixes: BTreeMap<String, String>,
    /// Answers to questions; a path named here takes no records.
    pub asks: Vec<AskReply>,
    /// Time.
    pub clock: Clock,
}

impl ReceiverOptions {
    /// A receiver without answers on a free port of the loopback interface.
    pub fn new(prefix: &str, clock: Clock) -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { listen, prefix: prefix.to_owned(), prefixes: BTreeMap::new(), asks: Vec::new(), clock }
    }
}

/// One record that was taken.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Received {
    /// Its number, from 1.
    pub seq: u64,
    /// When it was taken.
    pub at: Timestamp,
    /// The path it was posted to.
    pub path: String,
    /// The header Idempotency-Key.
    pub key: Option<String>,
    /// The header webhook-id.
    pub webhook_id: Option<String>,
    /// The id that was answered.
    pub id: String,
    /// The JSON; what is no JSON is kept as text.
    pub body: Value,
    /// The body as it came, to verify its signature; not shown.
    #[serde(skip)]
    pub text: String,
    /// How often the same key came again; no effect each time.
    pub repeats: u64,
    /// How often the same key came with another body; refused each time with 422.
    pub conflicts: u64,
    /// All headers of the first request, names in lower case.
    pub headers: BTreeMap<String, String>,
}

struct Book {
    options: ReceiverOptions,
    received: Vec<Received>,
    by_key: BTreeMap<String, usize>,
    faults: FaultTable,
    comings: Comings,
    /// How many requests came; rings with each, before its effect.
    requests: watch::Sender<u64>,
    /// How many records were taken; rings with each, before its answer is sent.
    effects: watch::Sender<u64>,
}

struct Desk {
    book: Mutex<Book>,
    clock: Clock,
    stop: watch::Receiver<bool>,
}

impl Desk {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A receiving endpoint at work.
pub struct Receiver {
    desk: Arc<Desk>,
    serving: Serving,
    stop: watch::Sender<bool>,
}

impl Receiver {
    /// Begins to serve.
    pub async fn start(options: ReceiverOptions) -> Result<Self, SimulatorError> {
        let (stop, stopping) = watch::channel(false);
        let (listen, clock) = (options.listen, options.clock.clone());
        let faults = FaultTable::new(OPERATIONS);
        let book = Mutex::new(Book {
            options,
            received: Vec::new(),
            by_key: BTreeMap::new(),
            faults,
            comings: Comings::default(),
            requests: watch::Sender::default(),
            effects: watch::Sender::default(),
        });
        let desk = Arc::new(Desk { book, clock, stop: stopping.clone() });
        let router = Router::new().fallback(answer).with_state(desk.clone());
        let serving = Serving::start(listen, None, router, stopping)
            .await
            .map_err(|reason| SimulatorError::Listen { address: listen, reason })?;
        Ok(Self { desk, serving, stop })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.serving.address
    }

    /// `http://HOST:PORT`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.serving.address)
    }

    /// What was taken so far: one entry an effect.
    pub fn received(&self) -> Vec<Received> {
        self.desk.book().received.clone()
    }

    /// Changes with every record that is taken, at that moment and before its answer is sent: the number of records.
    pub fn effects(&self) -> watch::Receiver<u64> {
        self.desk.book().effects.subscribe()
    }

    /// Changes with every record or question that comes, before it has any effect: the number of both.
    pub fn requests_seen(&self) -> watch::Receiver<u64> {
        self.desk.book().requests.subscribe()
    }

    /// Scripts a fault, as `POST /faults` does.
    pub fn script(&self, fault: &Value) -> Result<(), SimulatorError> {
        self.desk.book().faults.script(fault).map(|_| ()).map_err(SimulatorError::Fault)
    }

    /// Stops listening and ends open requests.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        self.serving.join().await;
    }
}

async fn answer(
    State(desk): State<Arc<Desk>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response<Body> {
    let call = match read(request, &connection).await {
        Ok(call) => call,
        Err(refused) => return refused.into_response(),
    };
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    if let Some(answer) = own_door(&mut desk.book(), &call, &segments) {
        return answer.into_response();
    }
    let is_ask = desk.book().options.asks.iter().any(|ask| ask.path == call.path);
    let fault = {
        let mut book = desk.book();
        book.requests.send_modify(|count| *count += 1);
        let coming = book.comings.count(&call);
        book.faults.strike(if is_ask { "ask" } else { "post" }, None, &coming)
    };
    let refuse = |fault: &Fault, status: u16, retry_after: RetryAfter| {
        let answer = Answer::json(status, json!({"error": format!("scripted fault {}", fault.name)}));
        match retry_after {
            RetryAfter::Named => answer.with("retry-after", fault.retry_after_s.unwrap_or(1).to_string()),
            RetryAfter::Missing => answer,
        }
    };
    let stage = Stage { clock: &desk.clock, stop: &desk.stop, connection: &connection };
    let perform = |_| {
        let mut book = desk.book();
        if is_ask { reply(&book, &call) } else { take(&mut book, &call) }
    };
    under_fault(stage, fault, refuse, perform).await.into_response()
}

fn own_door(book: &mut Book, call: &Call, path: &[&str]) -> Option<Answer> {
    match (call.method.as_str(), path) {
        ("GET", ["received"]) => Some(Answer::json(200, json!(book.received))),
        ("GET", ["received", key]) => Some(match book.by_key.get(*key).and_then(|place| book.received.get(*place)) {
            Some(received) => Answer::json(200, json!(received)),
            None => Answer::json(404, json!({"error": "nothing was received under this key"})),
        }),
        ("GET", ["faults"]) => Some(Answer::json(200, book.faults.show())),
        ("DELETE", ["faults"]) => {
            book.faults.clear();
            Some(Answer::empty(204))
        }
        ("POST", ["faults"]) => {
            let wanted = serde_json::from_slice::<Value>(&call.body).unwrap_or_default();
            Some(match book.faults.script(&wanted) {
                Ok(shown) => Answer::json(201, shown),
                Err(text) => Answer::json(400, json!({"error": text})),
            })
        }
        _ => None,
    }
}

fn body_of(call: &Call) -> Value {
    serde_json::from_slice(&call.body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&call.body)))
}

fn reply(book: &Book, call: &Call) -> Answer {
    let asked = body_of(call);
    let meets = |wanted: &Value| match wanted {
        Value::Null => true,
        Value::Object(members) => members.iter().all(|(name, value)| asked.get(name) == Some(value)),
        other => *other == asked,
    };
    match book.options.asks.iter().find(|ask| ask.path == call.path && meets(&ask.request)) {
        Some(ask) => Answer::json(ask.status, ask.reply.clone()),
        None => Answer::json(404, json!({"error": "no answer to this question"})),
    }
}

fn take(book: &mut Book, call: &Call) -> Answer {
    if call.method != "POST" {
        return Answer::json(405, json!({"error": "records are posted"}));
    }
    let body = body_of(call);
    let key = call.header("idempotency-key").map(str::to_owned);
    let known = key.as_ref().and_then(|key| book.by_key.get(key)).copied();
    if let Some(known) = known.and_then(|place| book.received.get_mut(place)) {
        if known.text.as_bytes() != call.body || known.path != call.path {
            known.conflicts += 1;
            return Answer::json(422, json!({"error": "this Idempotency-Key was used with another record"}));
        }
        known.repeats += 1;
        return Answer::json(200, json!({"id": known.id}));
    }
    let seq = book.received.len() as u64 + 1;
    let prefix = book.options.prefixes.get(&call.path).unwrap_or(&book.options.prefix);
    let id = format!("{prefix}-{seq}");
    if let Some(key) = &key {
        book.by_key.insert(key.clone(), book.received.len());
    }
    let headers =
        call.headers.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    book.received.push(Received {
        seq,
        at: book.options.clock.now(),
        path: call.path.clone(),
        key,
        webhook_id: call.header("webhook-id").map(str::to_owned),
        id: id.clone(),
        body,
        text: String::from_utf8_lossy(&call.body).into_owned(),
        repeats: 0,
        conflicts: 0,
        headers: headers.collect(),
    });
    book.effects.send_replace(seq);
    Answer::json(200, json!({"id": id}))
}
