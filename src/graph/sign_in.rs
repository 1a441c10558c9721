//! Asking for one token: of the sign-in service with a proof, or of the machine's identity service.
//!
//! Microsoft identity platform, "OAuth 2.0 client credentials flow"; Azure, "managed identities: how to use a token".

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderValue};
use reqwest::{Client, RequestBuilder, Url};
use serde_json::{Value, json};

use super::assertion::Claims;
use super::credential::{Credential, IdentityService};
use super::error::{ErrorKind, GraphError};
use super::expiry::Expiry;
use super::request::{Effect, RequestIds, refusal};
use super::settings::{GraphSettings, identity_url};
use super::token::Token;
use super::transport::{ReadFailure, read_capped};
use crate::clock::{Clock, Stopwatch};
use crate::outgoing::Secret;
use crate::verdict::Verdict;

const CALL: &str = "POST /{tenant}/oauth2/v2.0/token";
const MACHINE: &str = "GET /metadata/identity/oauth2/token";
const APP: &str = "GET {IDENTITY_ENDPOINT}";
const ANSWER_MAX: usize = 1_000_000;
/// Longest token that is sent on; Entra's have some kilobytes.
const TOKEN_MAX: usize = 64 * 1024;
/// Pauses before an identity service that is not ready is asked again; after them the caller waits by its own patience.
const IDENTITY_PAUSES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];

/// Names that stand for "any tenant" and give an application no token.
const NO_TENANTS: [&str; 4] = ["common", "organizations", "consumers", ""];

/// Clocks that part by more than this are not the same: assertions hold from their second on, and Microsoft forgives some minutes.
const CLOCKS_PART: SignedDuration = SignedDuration::from_mins(1);

/// A failure, and the service's own time.
struct Refused {
    error: GraphError,
    at: Option<Timestamp>,
}

impl From<GraphError> for Refused {
    fn from(error: GraphError) -> Self {
        Self { error, at: None }
    }
}

/// How a token is got.
pub(super) struct SignIn {
    url: Url,
    /// `https://graph.microsoft.com`.
    resource: String,
    client_id: String,
    credential: Arc<Credential>,
    http: Client,
    clock: Clock,
    timeout: Duration,
    ids: RequestIds,
    pub expiry: Expiry,
}

impl SignIn {
    pub fn new(settings: &GraphSettings, [login, base]: [&Url; 2], http: Client, clock: Clock) -> Result<Self, GraphError> {
        let url = token_url(settings, login)?;
        Ok(Self {
            url,
            resource: base.origin().ascii_serialization(),
            client_id: settings.client_id.clone(),
            expiry: Expiry::of(settings.credential.name()),
            credential: Arc::new(settings.credential.clone()),
            http,
            clock,
            timeout: settings.timeout,
            ids: RequestIds::new(),
        })
    }

    /// A new token; one that answers a challenge, where Graph asked for `claims`.
    pub async fn token(&self, claims: Option<&Value>) -> Result<Token, GraphError> {
        match &*self.credential {
            Credential::ManagedIdentity(service) => self.of_machine(service).await,
            _ => self.of_application(claims).await,
        }
    }

    /// What is signed has a time in it: where our clock is not the service's, the service's counts, once.
    async fn of_application(&self, claims: Option<&Value>) -> Result<Token, GraphError> {
        let now = self.clock.now();
        match self.prove(claims, now).await {
            Err(Refused { error, at: Some(at) })
                if error.kind == ErrorKind::SignIn
                    && matches!(*self.credential, Credential::Certificate(_))
                    && at.duration_since(now).abs() > CLOCKS_PART =>
            {
                let seconds = now.duration_since(at).as_secs();
                tracing::warn!(seconds, "this machine's clock is not the sign-in service's; set it right");
                self.prove(claims, at).await.map_err(|refused| refused.error)
            }
            proved => proved.map_err(|refused| refused.error),
        }
    }

    async fn prove(&self, claims: Option<&Value>, now: Timestamp) -> Result<Token, Refused> {
        let (credential, client_id, audience) = (Arc::clone(&self.credential), self.client_id.clone(), self.url.to_string());
        let id = self.ids.next();
        let proof = move || credential.proof(&Claims { client_id: &client_id, audience: &audience, id, now });
        let proof = self.clock.work(proof).await.map_err(|why| GraphError::settings(why.to_string()))?;
        let proof = proof.map_err(GraphError::settings)?;
        self.expiry.is(proof.ends);
        let scope = format!("{}/.default", self.resource);
        let claims = with_capability(claims).to_string();
        // A URL's query is encoded exactly as a form is.
        let mut encoder = self.url.clone();
        encoder
            .query_pairs_mut()
            .clear()
            .append_pair("client_id", &self.client_id)
            .extend_pairs(&proof.fields)
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", &scope)
            .append_pair("claims", &claims);
        let form = encoder.query().unwrap_or_default().to_owned();
        let content = HeaderValue::from_static("application/x-www-form-urlencoded");
        let hidden = proof.fields.last().map(|(_, value)| Secret::new(value.as_str()));
        self.ask(CALL, self.http.post(self.url.clone()).header(CONTENT_TYPE, content).body(form), hidden).await
    }

    /// The services answer 404 and 410 while they start or are updated.
    async fn of_machine(&self, service: &IdentityService) -> Result<Token, GraphError> {
        let mut pauses = IDENTITY_PAUSES.into_iter();
        loop {
            let asked = self.identity_request(service)?;
            let (call, hidden) = match service {
                IdentityService::Machine { .. } => (MACHINE, None),
                IdentityService::App { header, .. } => (APP, Some(header.clone())),
            };
            let error = match self.ask(call, asked, hidden).await {
                Err(Refused { error, .. }) if error.status.is_some_and(|status| matches!(status, 404 | 410 | 429 | 500..)) => {
                    error
                }
                other => return other.map_err(|refused| refused.error),
            };
            let passing = match error.verdict {
                Verdict::RetryAfter(wait) => GraphError { verdict: Verdict::RetryAfter(wait), ..error },
                _ => GraphError { kind: ErrorKind::Unavailable, verdict: Verdict::Retry, ..error },
            };
            match (passing.verdict, pauses.next()) {
                (Verdict::Retry, Some(pause)) => self.clock.sleep(pause).await,
                _ => return Err(passing),
            }
        }
    }

    fn identity_request(&self, service: &IdentityService) -> Result<RequestBuilder, GraphError> {
        let mut url = identity_address(service)?;
        let version = match service {
            IdentityService::Machine { .. } => "2018-02-01",
            IdentityService::App { .. } => "2019-08-01",
        };
        url.query_pairs_mut().append_pair("api-version", version).append_pair("resource", &self.resource);
        if !self.client_id.is_empty() {
            url.query_pairs_mut().append_pair("client_id", &self.client_id);
        }
        let request = self.http.get(url);
        Ok(match service {
            IdentityService::Machine { .. } => request.header("Metadata", "true"),
            IdentityService::App { header, .. } => request.header("X-IDENTITY-HEADER", header.reveal()),
        })
    }

    async fn ask(&self, call: &'static str, request: RequestBuilder, hidden: Option<Secret>) -> Result<Token, Refused> {
        // Counted from before the request: what the answer took on its way is gone of its life.
        let age = self.clock.stopwatch();
        // Asking for a token changes nothing that matters twice.
        let broken = |error| Refused::from(GraphError::transport(call, Effect::Read, error));
        let mut response = request.timeout(self.timeout).send().await.map_err(broken)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = match read_capped(&mut response, ANSWER_MAX).await {
            Ok(body) => body,
            Err(ReadFailure::TooLarge) => return Err(GraphError::bad_answer(call, Effect::Read, "the answer is too long").into()),
            Err(ReadFailure::Broken(error)) => return Err(broken(error)),
        };
        if !status.is_success() {
            let mut told = refusal(status.as_u16(), &headers, &body, self.clock.now());
            if let Some(hidden) = hidden {
                told.message = told.message.replace(hidden.reveal(), "***");
            }
            let error = GraphError::refused(call, Effect::Read, &told);
            let kind = if error.verdict == Verdict::Never { ErrorKind::SignIn } else { error.kind };
            let at = headers.get(DATE).and_then(|date| jiff::fmt::rfc2822::parse(date.to_str().ok()?).ok());
            return Err(Refused { error: GraphError { kind, ..error }, at: at.map(|at| at.timestamp()) });
        }
        read(&body, age).map_err(|why| GraphError::bad_answer(call, Effect::Read, why).into())
    }
}

/// The tenant's token endpoint; also looks whether a managed identity's service has an address.
pub(super) fn token_url(settings: &GraphSettings, login: &Url) -> Result<Url, GraphError> {
    let tenant = settings.tenant.to_ascii_lowercase();
    let is_name = tenant.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')) && !tenant.contains("..");
    if NO_TENANTS.contains(&tenant.as_str()) || !is_name {
        return Err(GraphError::settings(format!("tenant `{}` must be the tenant's id or one of its domains", settings.tenant)));
    }
    if let Credential::ManagedIdentity(service) = &settings.credential {
        identity_address(service)?;
    }
    let mut url = login.clone();
    url.path_segments_mut().map_err(|()| GraphError::settings("login_url cannot carry a path"))?.pop_if_empty().extend([
        settings.tenant.as_str(),
        "oauth2",
        "v2.0",
        "token",
    ]);
    Ok(url)
}

fn identity_address(service: &IdentityService) -> Result<Url, GraphError> {
    match service {
        IdentityService::Machine { host } => {
            let mut url = identity_url(host)?;
            url.set_path("/metadata/identity/oauth2/token");
            Ok(url)
        }
        IdentityService::App { endpoint, .. } => identity_url(endpoint),
    }
}

/// What Graph asked for, and that we understand it when it asks: without `cp1` a revoked token is only called invalid.
fn with_capability(claims: Option<&Value>) -> Value {
    let mut all = claims.filter(|claims| claims.is_object()).cloned().unwrap_or_else(|| json!({}));
    if !all["access_token"].is_object() {
        all["access_token"] = json!({});
    }
    all["access_token"]["xms_cc"] = json!({ "values": ["cp1"] });
    all
}

fn read(body: &[u8], age: Stopwatch) -> Result<Token, &'static str> {
    let answer: Value = serde_json::from_slice(body).map_err(|_| "the answer is no JSON")?;
    let token = answer.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty());
    let token = token.ok_or("the answer holds no token")?;
    if token.len() > TOKEN_MAX {
        return Err("the answer holds a token of more than 64 KiB");
    }
    let mut header = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| "the answer's token cannot be sent")?;
    header.set_sensitive(true);
    // A number here, a string from the managed-identity services.
    let life = answer.get("expires_in").and_then(|life| life.as_i64().or_else(|| life.as_str()?.parse().ok())).unwrap_or(3600);
    let life = Duration::from_secs(u64::try_from(life).unwrap_or(0).min(7 * 24 * 3600));
    Ok(Token { header, age, life })
}
