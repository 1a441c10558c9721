//! A service that answers requests one after another as it was told, and can hang up instead.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The next answer.
pub enum Reply {
    /// Status, further header lines, body.
    Answer(u16, String, String),
    /// Status and a body that need not be text.
    Bytes(u16, Vec<u8>),
    /// The connection is cut after the request was read.
    Cut,
}

impl Reply {
    pub fn json(status: u16, body: &Value) -> Self {
        Self::Answer(status, String::new(), body.to_string())
    }

    pub fn error(status: u16, code: &str) -> Self {
        Self::json(status, &json!({ "error": { "code": code, "message": "As scripted." } }))
    }

    pub fn token(token: &str) -> Self {
        Self::json(200, &json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": token }))
    }

    pub fn header(self, name: &str, value: &str) -> Self {
        match self {
            Self::Answer(status, headers, body) => Self::Answer(status, format!("{headers}{name}: {value}\r\n"), body),
            other => other,
        }
    }
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Request {
    pub line: String,
    /// Names in lower case.
    pub headers: String,
    pub body: String,
}

impl Request {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// What answers a request.
pub type Answering = Box<dyn FnMut(&Request) -> Reply + Send>;

pub struct Scripted {
    pub base: String,
    script: Arc<Mutex<VecDeque<Reply>>>,
    seen: Arc<Mutex<Vec<Request>>>,
    serving: JoinHandle<()>,
}

impl Scripted {
    pub async fn start(replies: Vec<Reply>) -> Self {
        let script = Arc::new(Mutex::new(VecDeque::from(replies)));
        let next = Arc::clone(&script);
        let pop = move |_: &Request| next.lock().unwrap().pop_front().unwrap_or_else(|| Reply::error(599, "NotScripted"));
        Self { script, ..Self::answering(|_| Box::new(pop)).await }
    }

    /// Answers by the request; `answering` is told where it is asked.
    pub async fn answering(answering: impl FnOnce(&str) -> Answering) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::<Mutex<Vec<Request>>>::default();
        let serving = tokio::spawn(serve(listener, answering(&base), Arc::clone(&seen)));
        Self { base, script: Arc::default(), seen, serving }
    }

    /// Signs in first.
    pub async fn with_token(replies: Vec<Reply>) -> Self {
        let service = Self::start(vec![Reply::token("token-1")]).await;
        service.then(replies);
        service
    }

    pub fn then(&self, replies: Vec<Reply>) {
        self.script.lock().unwrap().extend(replies);
    }

    pub fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    pub async fn stop(self) {
        self.serving.abort();
        let _ = self.serving.await;
    }
}

async fn serve(listener: TcpListener, mut answering: Answering, seen: Arc<Mutex<Vec<Request>>>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let Some(request) = read(&mut stream).await else { continue };
        let reply = answering(&request);
        seen.lock().unwrap().push(request);
        let (head, body) = match reply {
            Reply::Answer(status, headers, body) => (format!("{status} X\r\n{headers}"), body.into_bytes()),
            Reply::Bytes(status, body) => (format!("{status} X\r\n"), body),
            Reply::Cut => continue,
        };
        let head = format!("HTTP/1.1 {head}connection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        // Who has read enough may hang up.
        let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let (line, headers) = head.split_once("\r\n").unwrap_or((head, ""));
            let request = Request { line: line.to_owned(), headers: headers.to_owned(), body: body.to_owned() };
            let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                return Some(request);
            }
        }
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
    }
}
