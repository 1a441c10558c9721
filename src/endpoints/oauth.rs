//! OAuth 2.0 client credentials (RFC 6749 §4.4): got by one caller at a time, renewed early, never shown.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Url};
use serde_json::Value;
use tokio::sync::Mutex;

use super::answer::{Blotter, REFUSAL_MAX, read};
use super::error::{EndpointError, FailureKind, Repeat};
use super::settings::OAuth2;
use crate::clock::Clock;
use crate::ids::EndpointName;
use crate::outgoing;
use crate::verdict::Verdict;

/// How long before its end a token is renewed; at most half of its life.
const RENEW_EARLY: SignedDuration = SignedDuration::from_mins(1);
/// How long a failure stands for all callers, so that a crowd does not fail one after another.
const FAILURE_STANDS: Duration = Duration::from_secs(2);
/// Of a token whose life is not told.
const LIFE: i64 = 300;
const ANSWER_MAX: usize = 64 * 1024;

#[derive(Clone)]
pub(super) struct Token {
    /// `Bearer …`, marked as sensitive.
    pub header: HeaderValue,
    text: String,
    renew_at: Timestamp,
}

impl Token {
    /// Keeps the token out of whatever the endpoint reflects.
    pub fn keep_secret(&self, blotter: &mut Blotter) {
        blotter.add(&self.text);
    }
}

/// One endpoint's token and how to get another one.
pub(super) struct Tokens {
    endpoint: EndpointName,
    url: Url,
    form: String,
    timeout: Duration,
    blotter: Blotter,
    // Held while a token is fetched: the others wait for that one instead of fetching their own.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    failure: Option<(EndpointError, Timestamp)>,
}

impl Tokens {
    pub fn new(endpoint: &EndpointName, oauth2: &OAuth2, (timeout, blotter): (Duration, Blotter)) -> Result<Self, EndpointError> {
        let wrong = |why: &str| EndpointError::settings(endpoint, &format!("`token_url`: {why}"));
        let url = outgoing::service_url(&oauth2.token_url).map_err(|why| wrong(&why))?;
        let mut fields = vec![
            ("grant_type", "client_credentials"),
            ("client_id", oauth2.client_id.as_str()),
            ("client_secret", oauth2.client_secret.reveal()),
        ];
        fields.extend(oauth2.scope.as_deref().map(|scope| ("scope", scope)));
        // A URL's query is encoded exactly as a form is.
        let mut encoder = url.clone();
        encoder.query_pairs_mut().clear().extend_pairs(fields);
        let form = encoder.query().unwrap_or_default().to_owned();
        Ok(Self { endpoint: endpoint.clone(), url, form, timeout, blotter, state: Mutex::default() })
    }

    /// Where tokens are got.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// A token that is good for some time more.
    pub async fn current(&self, http: &Client, clock: &Clock) -> Result<Token, EndpointError> {
        let mut state = self.state.lock().await;
        let now = clock.now();
        if let Some(token) = state.token.as_ref().filter(|token| now < token.renew_at) {
            return Ok(token.clone());
        }
        if let Some((failure, until)) = &state.failure
            && now < *until
        {
            return Err(failure.clone());
        }
        match self.fetch(http, clock).await {
            Ok(token) => {
                *state = State { token: Some(token.clone()), failure: None };
                Ok(token)
            }
            Err(failure) => {
                let stands = SignedDuration::try_from(FAILURE_STANDS).unwrap_or_default();
                state.failure = Some((failure.clone(), later(clock.now(), stands)));
                Err(failure)
            }
        }
    }

    /// Forgets a token that the endpoint refused, unless another caller already did and has a newer one.
    pub async fn forget(&self, refused: &Token) {
        let mut state = self.state.lock().await;
        if state.token.as_ref().is_some_and(|token| token.header == refused.header) {
            state.token = None;
        }
    }

    /// Whatever goes wrong here, nothing was sent to the endpoint.
    async fn fetch(&self, http: &Client, clock: &Clock) -> Result<Token, EndpointError> {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let request = http.post(self.url.clone()).timeout(self.timeout).header(ACCEPT, "application/json");
        let sent = request.header(CONTENT_TYPE, form).body(self.form.clone()).send().await;
        let mut response = sent.map_err(|error| self.told(EndpointError::transport(&self.endpoint, Repeat::Safe, error)))?;
        let status = response.status();
        if !status.is_success() {
            let wait = outgoing::retry_after(response.headers(), clock.now());
            let text = self.blotter.excerpt(&read(&mut response, REFUSAL_MAX).await.0);
            let refused = EndpointError::refused(&self.endpoint, Repeat::Safe, status.as_u16(), (wait, &text));
            let error = self.told(refused);
            // A client that is not accepted is told so by 400 as well (RFC 6749 §5.2).
            let kind = if error.verdict == Verdict::Never { FailureKind::Credentials } else { error.kind };
            return Err(EndpointError { kind, ..error });
        }
        let (body, end) = read(&mut response, ANSWER_MAX).await;
        end.map_err(|error| self.told(EndpointError::transport(&self.endpoint, Repeat::Safe, error)))?;
        read_token(&body, clock.now()).ok_or_else(|| {
            let told = format!("the token endpoint {} answered without a token; check `token_url`", self.url);
            EndpointError::new(&self.endpoint, FailureKind::Credentials, Verdict::Never, &told)
        })
    }

    fn told(&self, error: EndpointError) -> EndpointError {
        let status = error.status.map(|status| format!("{status} ")).unwrap_or_default();
        let message = format!(
            "no token from {}: {status}{}; nothing was sent to the endpoint; check `auth.oauth2` if this stays",
            self.url, error.message
        );
        EndpointError { status: None, message: message.into(), ..error }
    }
}

/// The token in the answer of a token endpoint (RFC 6749 §5.1).
fn read_token(body: &[u8], now: Timestamp) -> Option<Token> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let text = answer.get("access_token")?.as_str().filter(|token| !token.is_empty())?.to_owned();
    let mut header = HeaderValue::try_from(format!("Bearer {text}")).ok()?;
    header.set_sensitive(true);
    let life = answer.get("expires_in").and_then(|life| life.as_i64().or_else(|| life.as_str()?.parse().ok()));
    let life = SignedDuration::from_secs(life.unwrap_or(LIFE).clamp(0, 7 * 24 * 3600));
    Some(Token { header, text, renew_at: later(now, life - RENEW_EARLY.min(life / 2)) })
}

fn later(now: Timestamp, span: SignedDuration) -> Timestamp {
    now.saturating_add(span).unwrap_or(Timestamp::MAX)
}
