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
            Self::Cut => Self::Cut,
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

pub struct Scripted {
    pub base: String,
    script: Arc<Mutex<VecDeque<Reply>>>,
    seen: Arc<Mutex<Vec<Request>>>,
    serving: JoinHandle<()>,
}

impl Scripted {
    pub async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(VecDeque::from(replies)));
        let seen = Arc::<Mutex<Vec<Request>>>::default();
        let serving = tokio::spawn(serve(listener, Arc::clone(&script), Arc::clone(&seen)));
        Self { base, script, seen, serving }
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

async fn serve(listener: TcpListener, script: Arc<Mutex<VecDeque<Reply>>>, seen: Arc<Mutex<Vec<Request>>>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let Some(request) = read(&mut stream).await else { continue };
        seen.lock().unwrap().push(request);
        let reply = script.lock().unwrap().pop_front().unwrap_or_else(|| Reply::error(599, "NotScripted"));
        if let Reply::Answer(status, headers, body) = reply {
            let answer =
                format!("HTTP/1.1 {status} X\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
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
