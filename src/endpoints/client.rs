//! The one path that every call to an endpoint takes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method, Response, Url};
use serde_json::Value;
use tracing::Instrument;
use tracing::field::Empty;

use super::addresses::{CheckedResolver, Network};
use super::error::{EndpointError, FailureKind, Repeat};
use super::settings::{Auth, EndpointSettings};
use crate::clock::Clock;
use crate::ids::EndpointName;
use crate::outgoing;
use crate::verdict::Verdict;

/// Largest answer that is read.
const ANSWER_MAX: usize = 1024 * 1024;
/// Largest body that is sent.
const BODY_MAX: usize = 16 * 1024 * 1024;
/// Most of a refusal that is told on.
const EXCERPT_MAX: usize = 300;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Shorter than most servers', so that a call rarely goes out on a connection that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// What an endpoint promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// Asking it changes nothing there.
    pub read_only: bool,
    /// How long it honours our key; `None`: one attempt, then a person.
    pub idempotent: Option<Duration>,
    /// [`Endpoints::look_up`] can tell what became of a key.
    pub has_lookup: bool,
}

/// The endpoints of the configuration.
pub struct Endpoints {
    http: Client,
    clock: Clock,
    by_name: BTreeMap<EndpointName, Endpoint>,
}

struct Endpoint {
    url: Url,
    lookup: Option<String>,
    authorization: Option<HeaderValue>,
    timeout: Duration,
    contract: Contract,
}

impl Endpoints {
    /// Checks the settings; makes no call.
    pub fn new(settings: Vec<EndpointSettings>, clock: Clock) -> Result<Self, EndpointError> {
        let mut allowed: BTreeMap<String, Vec<Network>> = BTreeMap::new();
        let mut endpoints = BTreeMap::new();
        for settings in settings {
            let endpoint = Endpoint::new(&settings)?;
            // Connections are shared by host, and so is what a host may resolve to.
            let networks = allowed.entry(endpoint.url.host_str().unwrap_or_default().to_ascii_lowercase()).or_default();
            for network in &settings.allow {
                let wrong = || {
                    EndpointError::settings(
                        &settings.name,
                        &format!("`allow` names `{network}`, which is no network like 10.1.0.0/16"),
                    )
                };
                networks.push(Network::parse(network).ok_or_else(wrong)?);
            }
            endpoints.insert(settings.name, endpoint);
        }
        let encrypted = endpoints.values().any(|endpoint: &Endpoint| endpoint.encrypted());
        let http = client(CheckedResolver { allowed: Arc::new(allowed) }, encrypted)
            .map_err(|why| EndpointError::transport(&EndpointName::new("*"), Repeat::Unsafe, why))?;
        Ok(Self { http, clock, by_name: endpoints })
    }

    /// What the endpoint promises; `None` when there is no such endpoint.
    pub fn contract(&self, name: &EndpointName) -> Option<&Contract> {
        self.by_name.get(name).map(|endpoint| &endpoint.contract)
    }

    /// Posts a JSON record under a key (`Idempotency-Key`, `webhook-id`). One call; the answer's JSON, or null.
    pub async fn post(&self, name: &EndpointName, key: &str, body: &[u8]) -> Result<Value, EndpointError> {
        let endpoint = self.endpoint(name)?;
        let repeat = if endpoint.contract.idempotent.is_some() { Repeat::Safe } else { Repeat::Unsafe };
        let call = Call { name, method: Method::POST, url: endpoint.url.clone(), key, body: Some(body), repeat };
        match self.make(endpoint, call).await? {
            Answered::Json(value) => Ok(value),
            // Where the key is honoured, the same answer can be had again.
            Answered::Broken(error) if repeat == Repeat::Safe => Err(error),
            // Delivered, whatever it says about it.
            Answered::NotJson | Answered::Broken(_) => Ok(Value::Null),
        }
    }

    /// Asks a `read_only` endpoint by a JSON body. One call; the answer must be JSON of at most 1 MiB.
    pub async fn ask(&self, name: &EndpointName, key: &str, body: &[u8]) -> Result<Value, EndpointError> {
        let endpoint = self.endpoint(name)?;
        if !endpoint.contract.read_only {
            return Err(EndpointError::settings(name, "only an endpoint with `read_only = true` can be asked"));
        }
        let call = Call { name, method: Method::POST, url: endpoint.url.clone(), key, body: Some(body), repeat: Repeat::Safe };
        self.make(endpoint, call).await?.required(name)
    }

    /// What became of a key, from the endpoint's `lookup` address: `None` when it never arrived (404).
    pub async fn look_up(&self, name: &EndpointName, key: &str) -> Result<Option<Value>, EndpointError> {
        let endpoint = self.endpoint(name)?;
        let template = endpoint.lookup.as_deref().ok_or_else(|| EndpointError::settings(name, "it has no `lookup` address"))?;
        let url = checked_url(name, &template.replace("{key}", &encode(key)))?;
        let call = Call { name, method: Method::GET, url, key, body: None, repeat: Repeat::Safe };
        match self.make(endpoint, call).await {
            Ok(answer) => answer.required(name).map(Some),
            Err(error) if error.status == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn endpoint(&self, name: &EndpointName) -> Result<&Endpoint, EndpointError> {
        self.by_name.get(name).ok_or_else(|| EndpointError::settings(name, "the configuration has no endpoint of this name"))
    }

    async fn make(&self, endpoint: &Endpoint, call: Call<'_>) -> Result<Answered, EndpointError> {
        let span = tracing::debug_span!("endpoint", endpoint = %call.name, method = %call.method, key = call.key, status = Empty);
        self.attempt(endpoint, call).instrument(span).await
    }

    async fn attempt(&self, endpoint: &Endpoint, call: Call<'_>) -> Result<Answered, EndpointError> {
        let broken = |error| EndpointError::transport(call.name, call.repeat, error);
        let key =
            HeaderValue::try_from(call.key).map_err(|_| EndpointError::settings(call.name, "the key is no header value"))?;
        let mut request = self.http.request(call.method, call.url).timeout(endpoint.timeout).header(ACCEPT, "application/json");
        request = request.header("idempotency-key", key.clone()).header("webhook-id", key);
        if let Some(authorization) = &endpoint.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if let Some(body) = call.body {
            if body.len() > BODY_MAX {
                let told = format!("a record of {} bytes is more than the {BODY_MAX} that are sent", body.len());
                return Err(EndpointError::new(call.name, FailureKind::Refused, Verdict::Never, &told));
            }
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_vec());
        }
        let mut response = request.send().await.map_err(broken)?;
        let status = response.status();
        tracing::Span::current().record("status", status.as_u16());
        tracing::debug!("answered");
        if !status.is_success() {
            let wait = outgoing::retry_after(response.headers(), self.clock.now());
            let text = excerpt(&read(&mut response, EXCERPT_MAX * 4).await.0);
            return Err(EndpointError::refused(call.name, call.repeat, status.as_u16(), (wait, &text)));
        }
        let (body, end) = read(&mut response, ANSWER_MAX + 1).await;
        Ok(match end {
            Err(error) => Answered::Broken(broken(error)),
            Ok(()) if body.len() > ANSWER_MAX => Answered::NotJson,
            Ok(()) => serde_json::from_slice(&body).map_or(Answered::NotJson, Answered::Json),
        })
    }
}

struct Call<'a> {
    name: &'a EndpointName,
    method: Method,
    url: Url,
    key: &'a str,
    body: Option<&'a [u8]>,
    repeat: Repeat,
}

/// What came with a status of success.
enum Answered {
    Json(Value),
    NotJson,
    Broken(EndpointError),
}

impl Answered {
    fn required(self, name: &EndpointName) -> Result<Value, EndpointError> {
        match self {
            Self::Json(value) => Ok(value),
            Self::Broken(error) => Err(error),
            Self::NotJson => {
                Err(EndpointError::new(name, FailureKind::BadAnswer, Verdict::Never, "the answer is not JSON of at most 1 MiB"))
            }
        }
    }
}

impl Endpoint {
    fn new(settings: &EndpointSettings) -> Result<Self, EndpointError> {
        let name = &settings.name;
        let url = checked_url(name, &settings.url)?;
        if let Some(lookup) = &settings.lookup {
            let at = checked_url(name, &lookup.replace("{key}", "0"))?;
            if !lookup.contains("{key}") || at.origin() != url.origin() {
                return Err(EndpointError::settings(name, "`lookup` must hold {key} and lead to the same host as `url`"));
            }
        }
        let contract =
            Contract { read_only: settings.read_only, idempotent: settings.idempotent, has_lookup: settings.lookup.is_some() };
        let authorization = settings.auth.as_ref().map(|auth| authorization(name, auth)).transpose()?;
        Ok(Self { url, lookup: settings.lookup.clone(), authorization, timeout: settings.timeout, contract })
    }

    fn encrypted(&self) -> bool {
        self.url.scheme() == "https"
    }
}

fn authorization(name: &EndpointName, auth: &Auth) -> Result<HeaderValue, EndpointError> {
    use base64::Engine;
    let text = match auth {
        Auth::Bearer(token) => format!("Bearer {}", token.reveal()),
        Auth::Basic { user, password } => {
            let pair = format!("{user}:{}", password.reveal());
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
        }
    };
    let mut value = HeaderValue::try_from(text)
        .map_err(|_| EndpointError::settings(name, "its secret holds characters that a header cannot"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn checked_url(name: &EndpointName, text: &str) -> Result<Url, EndpointError> {
    outgoing::service_url(text).map_err(|why| EndpointError::settings(name, &why))
}

/// The HTTP client: our TLS, no redirects, no proxy from the environment, no repeats of its own.
fn client(resolver: CheckedResolver, encrypted: bool) -> reqwest::Result<Client> {
    let mut builder = crate::outgoing::client()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .dns_resolver(Arc::new(resolver));
    if !encrypted {
        // Without TLS there is nothing to verify, and a machine without root certificates can serve its own endpoints.
        builder = builder.tls_certs_only([]);
    }
    builder.build()
}

/// What came of a body, at most `max` bytes of it, and whether it broke off.
async fn read(response: &mut Response, max: usize) -> (Vec<u8>, Result<(), reqwest::Error>) {
    let mut body = Vec::new();
    while body.len() < max {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk[..chunk.len().min(max - body.len())]),
            Ok(None) => break,
            Err(error) => return (body, Err(error)),
        }
    }
    (body, Ok(()))
}

/// The beginning of an answer, as one line of plain text.
fn excerpt(body: &[u8]) -> String {
    let text: String =
        String::from_utf8_lossy(body).chars().map(|c| if c.is_control() { ' ' } else { c }).take(EXCERPT_MAX).collect();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() { "the answer has no explanation".to_owned() } else { text }
}

/// Percent-encodes a key for a path or a query (RFC 3986 §2.1).
fn encode(key: &str) -> String {
    use std::fmt::Write;
    key.bytes().fold(String::with_capacity(key.len()), |mut text, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => text.push(char::from(byte)),
            _ => drop(write!(text, "%{byte:02X}")),
        }
        text
    })
}
