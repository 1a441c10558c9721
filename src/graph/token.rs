//! The application's access token: got by client credentials, renewed early, fetched by one caller at a time.
//!
//! Microsoft identity platform, "OAuth 2.0 client credentials flow". The token is opaque and never shown.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Url};
use serde_json::Value;
use tokio::sync::Mutex;

use super::error::{ErrorKind, GraphError};
use super::request::{Effect, refusal};
use super::settings::GraphSettings;
use super::transport::{ReadFailure, read_capped};
use crate::clock::{Clock, Stopwatch};
use crate::outgoing::Secret;
use crate::verdict::Verdict;

const CALL: &str = "POST /{tenant}/oauth2/v2.0/token";
/// How long before its end a token is renewed; at most half of its life.
const RENEW_EARLY: Duration = Duration::from_mins(5);
/// How long a failure stands for all callers, so that a crowd does not fail one after another.
const FAILURE_STANDS: Duration = Duration::from_secs(5);
const ANSWER_MAX: usize = 1_000_000;

/// Names that stand for "any tenant" and give an application no token.
const NO_TENANTS: [&str; 4] = ["common", "organizations", "consumers", ""];

#[derive(Clone)]
pub(super) struct Token {
    /// `Bearer …`, marked as sensitive.
    pub header: HeaderValue,
    // By the time that passed, not by the clock on the wall, which somebody may set.
    age: Stopwatch,
    life: Duration,
}

impl Token {
    fn is_good(&self) -> bool {
        self.age.elapsed() < self.life
    }

    fn is_fresh(&self) -> bool {
        self.age.elapsed() < self.life.saturating_sub(RENEW_EARLY.min(self.life / 2))
    }
}

/// The token and how to get another one.
pub(super) struct Tokens {
    url: Url,
    form: String,
    secret: Secret,
    http: Client,
    clock: Clock,
    timeout: Duration,
    // Held while a token is fetched: the others wait for that one instead of fetching their own.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    failure: Option<Failure>,
}

/// A failure that stands for a while.
struct Failure {
    error: GraphError,
    age: Stopwatch,
    stands: Duration,
}

impl Tokens {
    pub fn new(settings: &GraphSettings, [login, base]: [&Url; 2], http: Client, clock: Clock) -> Result<Self, GraphError> {
        let tenant = settings.tenant.to_ascii_lowercase();
        let is_name = tenant.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')) && !tenant.contains("..");
        if NO_TENANTS.contains(&tenant.as_str()) || !is_name {
            return Err(GraphError::settings(format!(
                "tenant `{}` must be the tenant's id or one of its domains",
                settings.tenant
            )));
        }
        let mut url = login.clone();
        url.path_segments_mut().map_err(|()| GraphError::settings("login_url cannot carry a path"))?.pop_if_empty().extend([
            settings.tenant.as_str(),
            "oauth2",
            "v2.0",
            "token",
        ]);
        let scope = format!("{}/.default", base.origin().ascii_serialization());
        let fields = [
            ("client_id", settings.client_id.as_str()),
            ("client_secret", settings.secret.reveal()),
            ("grant_type", "client_credentials"),
            ("scope", &scope),
        ];
        // A URL's query is encoded exactly as a form is.
        let mut encoder = url.clone();
        encoder.query_pairs_mut().clear().extend_pairs(fields);
        let form = encoder.query().unwrap_or_default().to_owned();
        Ok(Self { url, form, secret: settings.secret.clone(), http, clock, timeout: settings.timeout, state: Mutex::default() })
    }

    /// A token that is good for some minutes more.
    pub async fn current(&self) -> Result<Token, GraphError> {
        let mut state = self.state.lock().await;
        if let Some(token) = state.token.as_ref().filter(|token| token.is_fresh()) {
            return Ok(token.clone());
        }
        let still_good = state.token.clone().filter(Token::is_good);
        if let Some(failure) = state.failure.as_ref().filter(|failure| failure.age.elapsed() < failure.stands) {
            return still_good.ok_or_else(|| failure.error.clone());
        }
        match self.fetch().await {
            Ok(token) => {
                *state = State { token: Some(token.clone()), failure: None };
                Ok(token)
            }
            Err(failure) => {
                let stands =
                    if let Verdict::RetryAfter(wait) = failure.verdict { wait.max(FAILURE_STANDS) } else { FAILURE_STANDS };
                state.failure = Some(Failure { error: failure.clone(), age: self.clock.stopwatch(), stands });
                still_good.ok_or(failure)
            }
        }
    }

    /// Forgets a token that Graph refused, unless another caller already did and has a newer one.
    pub async fn forget(&self, refused: &Token) {
        let mut state = self.state.lock().await;
        if state.token.as_ref().is_some_and(|token| token.header == refused.header) {
            state.token = None;
        }
    }

    /// Forgets what failed, for a caller who wants to know now.
    pub async fn forgive(&self) {
        self.state.lock().await.failure = None;
    }

    async fn fetch(&self) -> Result<Token, GraphError> {
        // Counted from before the request: what the answer took on its way is gone of its life.
        let age = self.clock.stopwatch();
        let request = self.http.post(self.url.clone()).timeout(self.timeout);
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let sent = request.header(CONTENT_TYPE, form).body(self.form.clone()).send().await;
        // Asking for a token changes nothing that matters twice.
        let mut response = sent.map_err(|error| GraphError::transport(CALL, Effect::Read, error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = match read_capped(&mut response, ANSWER_MAX).await {
            Ok(body) => body,
            Err(ReadFailure::TooLarge) => return Err(GraphError::bad_answer(CALL, Effect::Read, "the answer is too long")),
            Err(ReadFailure::Broken(error)) => return Err(GraphError::transport(CALL, Effect::Read, error)),
        };
        if !status.is_success() {
            let mut told = refusal(status.as_u16(), &headers, &body, self.clock.now());
            told.message = told.message.replace(self.secret.reveal(), "***");
            let error = GraphError::refused(CALL, Effect::Read, told);
            let kind = if error.verdict == Verdict::Never { ErrorKind::SignIn } else { error.kind };
            return Err(GraphError { kind, ..error });
        }
        read(&body, age).ok_or_else(|| GraphError::bad_answer(CALL, Effect::Read, "the answer holds no token"))
    }
}

fn read(body: &[u8], age: Stopwatch) -> Option<Token> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let mut header = HeaderValue::try_from(format!("Bearer {}", answer.get("access_token")?.as_str()?)).ok()?;
    header.set_sensitive(true);
    // A number here, a string from the managed-identity services.
    let life = answer.get("expires_in").and_then(|life| life.as_i64().or_else(|| life.as_str()?.parse().ok())).unwrap_or(3600);
    let life = Duration::from_secs(u64::try_from(life).unwrap_or(0).min(7 * 24 * 3600));
    Some(Token { header, age, life })
}
