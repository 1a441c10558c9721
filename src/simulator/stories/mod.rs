//! Stories told to the tenant over real HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::needless_pass_by_value)]

mod access;
mod asserting;
mod changes;
mod delegated;
mod drafts;
mod faults;
#[allow(dead_code, reason = "the engine's stories use all of it")]
#[path = "../../../tests/graph/mod.rs"]
mod graph;
mod hook;
mod looking;
mod luck;
mod moods;
mod notifications;
mod people;
mod reading;
mod receiving;
mod rich;
mod sending;
mod settings;
mod signing_in;
mod subscriptions;
mod tolerance;

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{MailboxSeed, Options, Simulator, Tape};
use crate::clock::Clock;
use graph::{Judge, Side};

pub(super) const INVOICES: &str = "invoices@contoso.com";
pub(super) const SUPPORT: &str = "support@contoso.com";

/// A tenant with two mailboxes and a client that is signed in.
pub(super) struct Stage {
    pub simulator: Simulator,
    http: reqwest::Client,
    judge: Judge,
    token: String,
}

pub(super) fn options() -> Options {
    let mailbox = |address: &str| MailboxSeed { address: address.to_owned(), mail: Vec::new() };
    Options {
        mailboxes: vec![mailbox(INVOICES), mailbox(SUPPORT)],
        sent_delay: Duration::from_millis(5),
        ..Options::new(Clock::system())
    }
}

pub(super) fn client() -> reqwest::Client {
    // The second story of the process finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

pub(super) fn mail(number: u32) -> String {
    format!(
        "From: \"Fabrikam Billing\" <billing@fabrikam.com>\r\nTo: <{INVOICES}>\r\nSubject: Invoice {number}\r\nDate: Mon, 02 Mar 2026 \
         09:00:00 +0000\r\nMessage-ID: <inv-{number}@fabrikam.com>\r\n\r\nPlease pay invoice {number} & thanks.\r\n"
    )
}

impl Stage {
    pub async fn open(options: Options) -> Self {
        let judge = Judge::default();
        let hearing = judge.clone();
        let tape = Some(Tape::new(move |exchange| hearing.hear(exchange, Side::Answers)));
        let simulator = Simulator::start(Options { tape, ..options }).await.unwrap();
        let http = client();
        let form =
            "client_id=app&client_secret=s%20x&grant_type=client_credentials&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default";
        let reply = http
            .post(format!("{}/contoso.onmicrosoft.com/oauth2/v2.0/token", simulator.base_url()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await
            .unwrap();
        let reply: Value = reply.json().await.unwrap();
        let token = reply["access_token"].as_str().unwrap().to_owned();
        Self { simulator, http, judge, token }
    }

    /// The client's access token.
    pub fn token(&self) -> &str {
        &self.token
    }

    pub async fn begin() -> Self {
        Self::open(options()).await
    }

    /// A request below `/v1.0/users/invoices@…`, or at a whole address, signed in and asking for immutable ids.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else if path.starts_with("/sim") {
            format!("{}{path}", self.simulator.base_url())
        } else {
            format!("{}/v1.0/users/{INVOICES}{path}", self.simulator.base_url())
        };
        self.http.request(method, url).bearer_auth(&self.token).header("prefer", "IdType=\"ImmutableId\"")
    }

    pub async fn call(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let request = self.request(method.clone(), path);
        let request = if body.is_null() && method == Method::POST {
            request.header("content-length", "0")
        } else if body.is_null() {
            request
        } else {
            request.json(&body)
        };
        let reply = request.send().await.unwrap();
        let status = reply.status();
        let bytes = reply.bytes().await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes))))
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let (status, body) = self.call(Method::POST, path, body).await;
        (status.as_u16(), body)
    }

    pub async fn patch(&self, path: &str, body: Value) -> (u16, Value) {
        let (status, body) = self.call(Method::PATCH, path, body).await;
        (status.as_u16(), body)
    }

    pub async fn delete(&self, path: &str) -> u16 {
        self.call(Method::DELETE, path, Value::Null).await.0.as_u16()
    }

    /// Waits until the ledger has so many `delivered` entries.
    pub async fn delivered(&self, wanted: usize) {
        for _ in 0..1000 {
            if self.effects().iter().filter(|effect| *effect == "delivered").count() >= wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("not delivered: {}", self.simulator.ledger());
    }

    pub fn effects(&self) -> Vec<String> {
        let ledger = self.simulator.ledger();
        ledger.as_array().unwrap().iter().map(|entry| entry["effect"].as_str().unwrap().to_owned()).collect()
    }

    pub async fn end(self) {
        self.simulator.stop().await;
        assert_eq!(self.judge.verdict(), Vec::<String>::new(), "not as Microsoft's model has it");
    }
}

/// The subjects of a list's rows.
pub(super) fn subjects(list: &Value) -> Vec<&str> {
    list["value"].as_array().unwrap().iter().map(|row| row["subject"].as_str().unwrap_or("-")).collect()
}
