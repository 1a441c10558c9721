//! The handles: a tenant, and one mailbox in it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::Value;

use super::error::{ErrorKind, GraphError};
use super::expiry::Expiry;
use super::folders::FolderCache;
use super::gate::{Gate, Spending};
use super::request::{Answer, Call, Effect, JSON_MAX, OpenCall};
use super::settings::{Changes, GraphSettings};
use super::sign_in::token_url;
use super::transport::Transport;
use super::wire::Page;
use crate::clock::Clock;
use crate::verdict::Verdict;

/// Longest link that is followed or stored; Graph's have some kilobytes.
const LINK_MAX: usize = 32_000;

/// A tenant's Graph. Cheap to clone; clones share token, connections and gates.
#[derive(Clone)]
pub struct Graph {
    transport: Arc<Transport>,
    // Handed out by address, so that every caller of a mailbox stands at the same gate.
    mailboxes: Arc<Mutex<BTreeMap<String, Mailbox>>>,
}

impl Graph {
    /// Checks the settings; makes no call.
    pub fn new(settings: &GraphSettings, clock: Clock) -> Result<Self, GraphError> {
        Ok(Self { transport: Arc::new(Transport::new(settings, clock)?), mailboxes: Arc::default() })
    }

    /// Looks at the settings as [`Graph::new`] does, and at what the credential is made from: that it ends soon, in words.
    ///
    /// # Errors
    /// What is wrong and what to do.
    pub fn check(settings: &GraphSettings, now: Timestamp) -> Result<Option<String>, GraphError> {
        let [_, login] = settings.urls()?;
        token_url(settings, &login)?;
        let expiry = Expiry::of(settings.credential.name());
        expiry.is(settings.credential.check().map_err(GraphError::settings)?);
        Ok(expiry.shown(now))
    }

    /// The mailbox with this address or user id; whether it exists shows at its first call.
    pub fn mailbox(&self, address: &str) -> Mailbox {
        let mut mailboxes = self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner);
        let known = mailboxes.entry(address.to_ascii_lowercase());
        known.or_insert_with(|| Mailbox::new(Arc::clone(&self.transport), address)).clone()
    }

    /// Gets a token, so that wrong credentials show at the start and not at the first message.
    pub async fn sign_in(&self) -> Result<(), GraphError> {
        self.transport.sign_in().await
    }

    /// That the client secret or certificate ends soon, in words; from 30 days before.
    pub fn ends_soon(&self) -> Option<String> {
        self.transport.ends_soon()
    }
}

/// One mailbox: its calls pass one gate and share one folder cache. Cheap to clone.
#[derive(Clone)]
pub struct Mailbox {
    transport: Arc<Transport>,
    address: Arc<str>,
    gate: Arc<Gate>,
    pub(super) folders: Arc<FolderCache>,
}

impl Mailbox {
    fn new(transport: Arc<Transport>, address: &str) -> Self {
        let folders = Arc::new(FolderCache::new(transport.clock().clone()));
        let gate = Arc::new(transport.gate());
        Self { transport, address: address.into(), gate, folders }
    }

    /// The address it was asked for by.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// How much of its budget of calls is used.
    pub fn spending(&self) -> Spending {
        self.gate.spending()
    }

    /// How long until work may begin that can wait as well, since the service asked for a pause or the budget is nearly spent; `None` for
    /// now.
    pub fn opens_in(&self) -> Option<Duration> {
        self.gate.opens_in()
    }

    /// A call that changes nothing; `path` is what follows the mailbox.
    pub(super) fn read(&self, name: &'static str, path: &[&str]) -> Result<Call, GraphError> {
        self.call(name, Method::GET, Effect::Read, path)
    }

    /// A POST of `body`.
    pub(super) fn post(&self, name: &'static str, effect: Effect, path: &[&str], body: Value) -> Result<Call, GraphError> {
        Ok(Call { body: Some(body), ..self.call(name, Method::POST, effect, path)? })
    }

    pub(super) fn call(&self, name: &'static str, method: Method, effect: Effect, path: &[&str]) -> Result<Call, GraphError> {
        self.tenant_call(name, method, effect, &[&["users", &*self.address], path].concat())
    }

    /// A call that is the tenant's and passes this mailbox's gate.
    pub(super) fn tenant_call(
        &self,
        name: &'static str,
        method: Method,
        effect: Effect,
        path: &[&str],
    ) -> Result<Call, GraphError> {
        let url = self.transport.url(path).map_err(|error| error.of(Some(&self.address)))?;
        Ok(Call {
            name,
            method,
            url,
            effect,
            body: None,
            headers: Vec::new(),
            answer_max: JSON_MAX,
            timeout: self.transport.timeout(),
        })
    }

    pub(super) async fn make(&self, call: &Call) -> Result<Answer, GraphError> {
        let sent = self.transport.send(&self.address, &self.gate, call).await;
        if sent.as_ref().is_err_and(GraphError::is_gone) {
            // It may be the folder that is gone: the next look-up asks again.
            self.folders.clear();
        }
        sent
    }

    /// A call to an address that carries its own permission: our token must not go there.
    pub(super) fn open_call(&self, name: &'static str, method: Method, url: &Url, headers: HeaderMap) -> OpenCall {
        let timeout = self.transport.timeout().saturating_mul(4);
        OpenCall { name, method, url: url.clone(), headers, timeout }
    }

    pub(super) async fn make_open(&self, call: OpenCall, body: Option<Vec<u8>>) -> Result<Bytes, GraphError> {
        self.transport.send_open(&self.address, &self.gate, call, body).await
    }

    /// How it is found out what changed.
    pub(super) fn changes(&self) -> Changes {
        self.transport.changes()
    }

    /// Whether an address is on the host of the configured service.
    pub(super) fn is_our_origin(&self, url: &Url) -> bool {
        self.transport.is_our_origin(url)
    }

    /// An error of ours about this mailbox.
    pub(super) fn error(&self, kind: ErrorKind, verdict: Verdict, call: &'static str, message: &str) -> GraphError {
        GraphError::new(kind, verdict, call, message).of(Some(&self.address))
    }

    /// The answer's JSON.
    pub(super) fn json<T: for<'de> Deserialize<'de>>(&self, answer: &Answer) -> Result<T, GraphError> {
        answer.json().map_err(|error| error.of(Some(&self.address)))
    }

    /// All entries of a listing, at most `pages_max` pages of it.
    pub(super) async fn list<T: for<'de> Deserialize<'de>>(
        &self,
        mut call: Call,
        pages_max: usize,
    ) -> Result<Vec<T>, GraphError> {
        let mut entries = Vec::new();
        for _ in 0..pages_max {
            let page: Page<T> = self.json(&self.make(&call).await?)?;
            entries.extend(page.value);
            let Some(next) = page.next_link else { return Ok(entries) };
            call.url = self.link(call.name, &next)?;
        }
        let told = format!("the listing does not end after {pages_max} pages");
        Err(self.error(ErrorKind::BadAnswer, Verdict::Retry, call.name, &told))
    }

    /// A link from an answer, to be followed as it stands. That it leads to the configured service is checked here and
    /// again when it is called.
    pub(super) fn link(&self, call: &'static str, link: &str) -> Result<Url, GraphError> {
        if link.len() > LINK_MAX {
            let told = format!("a link in the answer has {} bytes, more than {LINK_MAX}", link.len());
            return Err(self.error(ErrorKind::BadAnswer, Verdict::Retry, call, &told));
        }
        let url = Url::parse(link).ok().filter(|url| self.transport.is_ours(url));
        url.ok_or_else(|| {
            let host = Url::parse(link).map_or_else(|_| "no URL".to_owned(), |url| url.origin().ascii_serialization());
            let told = format!("a link in the answer leads to {host}, which is not the configured service; it was not followed");
            self.error(ErrorKind::ForeignLink, Verdict::Never, call, &told)
        })
    }
}

impl Call {
    /// Adds query options; values are percent-encoded, option names stand as they are.
    pub(super) fn query(mut self, options: &[(&str, &str)]) -> Self {
        let options: Vec<_> = options.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        self.url.set_query(Some(&options.join("&")));
        self
    }

    /// Adds a header.
    pub(super) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// Percent-encodes a query value (RFC 3986 §2.1), commas and the like left readable.
fn encode(value: &str) -> String {
    use std::fmt::Write;
    value.bytes().fold(String::with_capacity(value.len() + 16), |mut text, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b',' | b'(' | b')' | b'$' => {
                text.push(char::from(byte));
            }
            _ => drop(write!(text, "%{byte:02X}")),
        }
        text
    })
}

/// An OData string literal: quotes are doubled.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_values_and_literals_are_escaped() {
        assert_eq!(encode("a eq 'x/1' & b,c"), "a%20eq%20%27x%2F1%27%20%26%20b,c");
        assert_eq!(literal("O'Neill"), "'O''Neill'");
    }
}
