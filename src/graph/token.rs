//! The application's access token: renewed early, fetched by one caller at a time.
//!
//! The token is opaque and never shown.

use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Client, Url};
use serde_json::Value;
use tokio::sync::Mutex;

use super::error::GraphError;
use super::settings::GraphSettings;
use super::sign_in::SignIn;
use crate::clock::{Clock, Stopwatch};
use crate::verdict::Verdict;

/// How long before its end a token is renewed; at most half of its life.
const RENEW_EARLY: Duration = Duration::from_mins(5);
/// How long a failure stands for all callers, so that a crowd does not fail one after another.
const FAILURE_STANDS: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(super) struct Token {
    /// `Bearer …`, marked as sensitive.
    pub header: HeaderValue,
    // By the time that passed, not by the clock on the wall, which somebody may set.
    pub age: Stopwatch,
    pub life: Duration,
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
    sign_in: SignIn,
    clock: Clock,
    // Held while a token is fetched: the others wait for that one instead of fetching their own.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    failure: Option<Failure>,
    /// What Graph asked the next token to prove.
    claims: Option<Value>,
}

/// A failure that stands for a while.
struct Failure {
    error: GraphError,
    age: Stopwatch,
    stands: Duration,
}

impl Tokens {
    pub fn new(settings: &GraphSettings, urls: [&Url; 2], http: Client, clock: Clock) -> Result<Self, GraphError> {
        Ok(Self { sign_in: SignIn::new(settings, urls, http, clock.clone())?, clock, state: Mutex::default() })
    }

    /// A token that is good for some minutes more.
    pub async fn current(&self) -> Result<Token, GraphError> {
        let mut state = self.state.lock().await;
        if let Some(line) = self.sign_in.expiry.remind(self.clock.now()) {
            tracing::warn!("{line}");
        }
        if let Some(token) = state.token.as_ref().filter(|token| token.is_fresh()) {
            return Ok(token.clone());
        }
        let still_good = state.token.clone().filter(Token::is_good);
        if let Some(failure) = state.failure.as_ref().filter(|failure| failure.age.elapsed() < failure.stands) {
            return still_good.ok_or_else(|| failure.error.clone());
        }
        match self.sign_in.token(state.claims.as_ref()).await {
            Ok(token) => {
                *state = State { token: Some(token.clone()), ..State::default() };
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

    /// Forgets a token that Graph refused, unless another caller already did and has a newer one. The next one answers `claims`.
    pub async fn forget(&self, refused: &Token, claims: Option<Value>) {
        let mut state = self.state.lock().await;
        if state.token.as_ref().is_some_and(|token| token.header == refused.header) {
            state.token = None;
            state.claims = claims;
        }
    }

    /// Forgets what failed, for a caller who wants to know now.
    pub async fn forgive(&self) {
        self.state.lock().await.failure = None;
    }

    /// That the credential ends soon, in words.
    pub fn ends_soon(&self) -> Option<String> {
        self.sign_in.expiry.shown(self.clock.now())
    }
}
