//! The one path that every call to Graph takes: gate, token, headers, time limit, error envelope.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method, Response, Url};
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::Instrument;
use tracing::field::Empty;

use super::error::{ErrorKind, GraphError};
use super::gate::{Closed, Gate};
use super::request::{Answer, Call, Effect, OpenCall, RequestIds, refusal};
use super::settings::{Changes, GraphSettings};
use super::token::{Token, Tokens};
use crate::clock::Clock;
use crate::verdict::Verdict;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Shorter than any server's, so that a call rarely goes out on a connection that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// Most of an error's body that is read.
const ERROR_BODY_MAX: usize = 64 * 1024;
const IMMUTABLE_IDS: &str = "IdType=\"ImmutableId\"";

/// Makes calls.
pub(super) struct Transport {
    http: Client,
    base: Url,
    tokens: Tokens,
    clock: Clock,
    timeout: Duration,
    ids: RequestIds,
    changes: Changes,
    /// Calls of the whole application at the same time, if they are limited.
    application: Option<Semaphore>,
    requests_max: u32,
}

/// Given back when the call has ended.
type Places<'a> = (Option<SemaphorePermit<'a>>, Option<SemaphorePermit<'a>>);

/// Why an answer's body could not be read.
pub(super) enum ReadFailure {
    TooLarge,
    Broken(reqwest::Error),
}

/// A call that failed, and what Graph wants the next token to prove.
struct Failed {
    error: GraphError,
    claims: Option<Value>,
}

impl From<GraphError> for Failed {
    fn from(error: GraphError) -> Self {
        Self { error, claims: None }
    }
}

impl Transport {
    pub fn new(settings: &GraphSettings, clock: Clock) -> Result<Self, GraphError> {
        let [base, login] = settings.urls()?;
        let http = client(&base, &login)?;
        let tokens = Tokens::new(settings, [&login, &base], http.clone(), clock.clone())?;
        Ok(Self {
            http,
            base,
            tokens,
            clock,
            timeout: settings.timeout,
            ids: RequestIds::new(),
            changes: settings.changes,
            application: settings.concurrent_max.map(|max| Semaphore::new(max.get())),
            requests_max: settings.requests_max,
        })
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The gate of one more mailbox.
    pub fn gate(&self) -> Gate {
        Gate::new(self.clock.clone(), self.requests_max)
    }

    pub fn changes(&self) -> Changes {
        self.changes
    }

    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Gets a token, now.
    pub async fn sign_in(&self) -> Result<(), GraphError> {
        self.tokens.forgive().await;
        self.tokens.current().await.map(drop)
    }

    /// That the credential ends soon, in words.
    pub fn ends_soon(&self) -> Option<String> {
        self.tokens.ends_soon()
    }

    /// The address of a path below the base URL.
    pub fn url(&self, segments: &[&str]) -> Result<Url, GraphError> {
        // The URL library drops such segments, which would make the path mean something else.
        if let Some(bad) = segments.iter().find(|segment| matches!(**segment, "" | "." | "..")) {
            return Err(GraphError::senseless("", &format!("`{bad}` is no id, address or folder")));
        }
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| GraphError::settings("base_url cannot carry a path"))?
            .pop_if_empty()
            .extend(segments);
        Ok(url)
    }

    /// Whether an address leads to the configured service; the token goes nowhere else.
    pub fn is_ours(&self, url: &Url) -> bool {
        url.origin() == self.base.origin() && url.username().is_empty() && url.path().starts_with(self.base.path())
    }

    /// Whether an address is on the configured service's host.
    pub fn is_our_origin(&self, url: &Url) -> bool {
        url.origin() == self.base.origin() && url.username().is_empty()
    }

    /// Makes one call to an address that carries its own permission; the token stays here.
    pub async fn send_open(
        &self,
        mailbox: &Arc<str>,
        gate: &Gate,
        call: OpenCall,
        body: Option<Vec<u8>>,
    ) -> Result<Bytes, GraphError> {
        let effect = if body.is_some() { Effect::Repeatable } else { Effect::Read };
        let name = call.name;
        let attempt = async {
            let _place = self.place(gate, (name, call.timeout)).await?;
            let broken = |error| GraphError::transport(name, effect, error);
            let request = self.http.request(call.method, call.url).timeout(call.timeout).headers(call.headers);
            let mut response = request.body(body.unwrap_or_default()).send().await.map_err(broken)?;
            let (status, headers) = (response.status(), response.headers().clone());
            let body = read_capped(&mut response, ERROR_BODY_MAX).await.unwrap_or_default();
            if status.is_success() {
                return Ok(body);
            }
            Err(GraphError::refused(name, effect, &refusal(status.as_u16(), &headers, &body, self.clock.now())))
        };
        attempt.await.map_err(|error: GraphError| error.of(Some(mailbox)))
    }

    /// Makes one call.
    pub async fn send(&self, mailbox: &Arc<str>, gate: &Gate, call: &Call) -> Result<Answer, GraphError> {
        let span = tracing::debug_span!("graph", call = call.name, mailbox = %mailbox, status = Empty, request_id = Empty);
        self.enter(gate, call).instrument(span).await.map_err(|error| error.of(Some(mailbox)))
    }

    /// A place at the mailbox's gate, then one of the application's: who waits for his own mailbox keeps nobody else from theirs.
    async fn place<'a>(&'a self, gate: &'a Gate, (call, limit): (&'static str, Duration)) -> Result<Places<'a>, GraphError> {
        let mailbox = gate.enter(limit).await.map_err(|closed| {
            let (wait, told) = match closed {
                Closed::Asked(wait) => (wait, format!("the mailbox is closed for {} s more, as Graph asked", wait.as_secs())),
                Closed::Spent(wait) => {
                    (wait, format!("the mailbox's calls of ten minutes are used up, for {} s more", wait.as_secs()))
                }
            };
            GraphError::new(ErrorKind::Throttled, Verdict::RetryAfter(wait), call, &told)
        })?;
        // First come, first served; no mailbox waits here with more than its four.
        let application = match &self.application {
            Some(places) => places.acquire().await.ok(),
            None => None,
        };
        Ok((mailbox, application))
    }

    async fn enter(&self, gate: &Gate, call: &Call) -> Result<Answer, GraphError> {
        if !self.is_ours(&call.url) {
            let link = format!("{}://{} is not the configured service", call.url.scheme(), call.url.authority());
            return Err(GraphError::new(ErrorKind::ForeignLink, Verdict::Never, call.name, &link));
        }
        let _place = self.place(gate, (call.name, call.timeout)).await?;
        let token = self.tokens.current().await?;
        match self.attempt(gate, call, &token).await {
            // Refused before anything happened: the same call may go out under a fresh token, once.
            Err(Failed { error, claims }) if error.status == Some(401) => {
                self.tokens.forget(&token, claims).await;
                self.attempt(gate, call, &self.tokens.current().await?).await.map_err(|failed| failed.error)
            }
            done => done.map_err(|failed| failed.error),
        }
    }

    async fn attempt(&self, gate: &Gate, call: &Call, token: &Token) -> Result<Answer, Failed> {
        let broken = |error| Failed::from(GraphError::transport(call.name, call.effect, error));
        let mut response = self.request(call, token).send().await.map_err(broken)?;
        let status = response.status();
        let span = tracing::Span::current();
        span.record("status", status.as_u16());
        if let Some(id) = response.headers().get("request-id").and_then(|id| id.to_str().ok()) {
            span.record("request_id", id);
        }
        tracing::debug!("answered");
        if !status.is_success() {
            let headers = response.headers().clone();
            let body = read_capped(&mut response, ERROR_BODY_MAX).await.unwrap_or_default();
            let told = refusal(status.as_u16(), &headers, &body, self.clock.now());
            let wait = told.retry_after.filter(|_| matches!(told.status, 429 | 503 | 504));
            let quota_spent = told.code.as_deref() == Some("ErrorExceededMessageLimit");
            if let Some(wait) = wait.filter(|_| !quota_spent) {
                gate.close(wait);
            }
            return Err(Failed { error: GraphError::refused(call.name, call.effect, &told), claims: told.claims });
        }
        let answer = |body| Answer { call: call.name, effect: call.effect, body };
        if call.answer_max == 0 {
            // The status says it all; a body cut short must not make a success doubtful.
            return Ok(answer(Bytes::new()));
        }
        match read_capped(&mut response, call.answer_max).await {
            Ok(body) => Ok(answer(body)),
            Err(ReadFailure::Broken(error)) => Err(broken(error)),
            Err(ReadFailure::TooLarge) => {
                let verdict = if call.effect == Effect::Read { Verdict::Never } else { Verdict::Unknown };
                let told = format!("the answer is longer than {} bytes", call.answer_max);
                Err(GraphError::new(ErrorKind::TooLarge, verdict, call.name, &told).into())
            }
        }
    }

    fn request(&self, call: &Call, token: &Token) -> reqwest::RequestBuilder {
        let mut request = self.http.request(call.method.clone(), call.url.clone()).timeout(call.timeout);
        request = request
            .header(AUTHORIZATION, token.header.clone())
            .header("Prefer", HeaderValue::from_static(IMMUTABLE_IDS))
            .header("client-request-id", self.ids.next())
            .header(ACCEPT, "application/json, text/plain;q=0.9, */*;q=0.5");
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        match &call.body {
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.to_string()),
            // An empty POST without a length is refused (411).
            None if call.method == Method::POST => request.header(CONTENT_LENGTH, "0").body(""),
            None => request,
        }
    }
}

/// The HTTP client: our TLS, no redirects, no proxy from the environment, no repeats of its own.
fn client(base: &Url, login: &Url) -> Result<Client, GraphError> {
    let mut builder = crate::outgoing::client().connect_timeout(CONNECT_TIMEOUT).pool_idle_timeout(IDLE_TIMEOUT);
    if [base, login].iter().all(|url| url.scheme() == "http") {
        // Without TLS there is nothing to verify, and a machine without root certificates can run against a simulator.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|why| GraphError::transport("", Effect::Read, why))
}

/// Reads a body, but no more than `max` bytes of it.
pub(super) async fn read_capped(response: &mut Response, max: usize) -> Result<Bytes, ReadFailure> {
    let announced = usize::try_from(response.content_length().unwrap_or(0)).unwrap_or(usize::MAX);
    if announced > max {
        return Err(ReadFailure::TooLarge);
    }
    let mut body = BytesMut::with_capacity(announced.min(1024 * 1024));
    while let Some(chunk) = response.chunk().await.map_err(ReadFailure::Broken)? {
        if body.len() + chunk.len() > max {
            return Err(ReadFailure::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
