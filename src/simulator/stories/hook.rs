//! An endpoint that notifications are posted to, as a client of Graph would run it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::Response;
use tokio::sync::{Notify, watch};

use super::*;

/// How the endpoint answers one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// 202.
    Takes,
    /// This status.
    Says(u16),
    /// Nothing at all.
    Hangs,
}

/// How it answers handshakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// As Microsoft asks for.
    Decodes,
    /// With `+` left as it is.
    LeavesPlus,
    /// Under `application/json`.
    WrongLabel,
    /// Not at all.
    Hangs,
}

#[derive(Debug)]
struct Desk {
    handshake: Handshake,
    replies: Mutex<VecDeque<Reply>>,
    /// The raw query of each handshake.
    shaken: Mutex<Vec<String>>,
    posts: watch::Sender<Vec<(String, Value)>>,
    never: Notify,
}

/// The endpoint.
pub struct Hook {
    desk: Arc<Desk>,
    base: String,
    server: tokio::task::JoinHandle<()>,
}

impl Hook {
    pub async fn begin() -> Self {
        Self::with(Handshake::Decodes, &[]).await
    }

    /// An endpoint that answers its first notifications so, and takes all that come after.
    pub async fn with(handshake: Handshake, replies: &[Reply]) -> Self {
        let desk = Arc::new(Desk {
            handshake,
            replies: Mutex::new(replies.iter().copied().collect()),
            shaken: Mutex::default(),
            posts: watch::Sender::new(Vec::new()),
            never: Notify::new(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(desk.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { desk, base, server }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The queries of the handshakes so far.
    pub fn shaken(&self) -> Vec<String> {
        self.desk.shaken.lock().unwrap().clone()
    }

    /// Waits until so many POSTs came in all: path and body of each.
    pub async fn posts(&self, wanted: usize) -> Vec<(String, Value)> {
        let mut posts = self.desk.posts.subscribe();
        let come = tokio::time::timeout(Duration::from_secs(20), posts.wait_for(|posts| posts.len() >= wanted));
        come.await.expect("the notifications did not come").unwrap().clone()
    }

    /// Waits for so many notifications in all, in whatever POSTs.
    pub async fn items(&self, wanted: usize) -> Vec<Value> {
        let items = |posts: &Vec<(String, Value)>| -> Vec<Value> {
            posts.iter().flat_map(|(_, body)| body["value"].as_array().unwrap().clone()).collect()
        };
        let mut posts = self.desk.posts.subscribe();
        let come = tokio::time::timeout(Duration::from_secs(20), posts.wait_for(|posts| items(posts).len() >= wanted));
        items(&come.await.expect("the notifications did not come").unwrap())
    }

    pub fn end(self) {
        self.server.abort();
    }
}

async fn answer(State(desk): State<Arc<Desk>>, request: Request) -> Response<Body> {
    let answer = |status: u16, label: &str, body: String| {
        Response::builder().status(status).header("content-type", label).body(Body::from(body)).unwrap()
    };
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    if let Some((_, token)) = query.split_once("validationToken=") {
        desk.shaken.lock().unwrap().push(query.clone());
        let decode = |text: &str| crate::simulator::http::percent_decode(text, crate::simulator::http::Plus::Space);
        return match desk.handshake {
            Handshake::Decodes => answer(200, "text/plain", decode(token)),
            Handshake::LeavesPlus => answer(200, "text/plain", decode(&token.replace('+', "%2b"))),
            Handshake::WrongLabel => answer(200, "application/json", decode(token)),
            Handshake::Hangs => {
                desk.never.notified().await;
                answer(200, "text/plain", String::new())
            }
        };
    }
    let body = to_bytes(body, 10_000_000).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    desk.posts.send_modify(|posts| posts.push((parts.uri.path().to_owned(), body)));
    let reply = desk.replies.lock().unwrap().pop_front().unwrap_or(Reply::Takes);
    match reply {
        Reply::Takes => answer(202, "text/plain", String::new()),
        Reply::Says(status) => answer(status, "text/plain", String::new()),
        Reply::Hangs => {
            desk.never.notified().await;
            answer(202, "text/plain", String::new())
        }
    }
}
