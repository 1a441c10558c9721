//! The one path that every call to an endpoint takes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method, Url};
use serde_json::Value;
use tracing::Instrument;
use tracing::field::Empty;

use super::addresses::{CheckedResolver, SystemNames};
use super::answer::{Blotter, REFUSAL_MAX, read};
use super::endpoint::{Contract, Credentials, Endpoint, checked_url};
use super::error::{EndpointError, FailureKind, Repeat};
use super::gate::{Admission, Gate, PAUSES};
use super::oauth::Token;
use super::record::{self, Record};
use super::settings::{EndpointSettings, Tls};
use super::signature::signatures;
use super::tls::{self, Encryption};
use crate::clock::Clock;
use crate::ids::EndpointName;
use crate::outgoing;
use crate::verdict::Verdict;

/// Largest answer that is read.
const ANSWER_MAX: usize = 1024 * 1024;
/// Largest body that is sent.
const BODY_MAX: usize = 16 * 1024 * 1024;

/// The endpoints of the configuration.
pub struct Endpoints {
    clock: Clock,
    by_name: BTreeMap<EndpointName, Served>,
}

/// An endpoint with what its calls share.
struct Served {
    endpoint: Endpoint,
    http: Client,
    gate: Gate,
}

impl Endpoints {
    /// Checks the settings; makes no call.
    pub fn new(settings: Vec<EndpointSettings>, clock: Clock) -> Result<Self, EndpointError> {
        Self::with_pauses(settings, clock, &PAUSES)
    }

    /// As [`Endpoints::new`], with other pauses for endpoints that are down than [`PAUSES`].
    pub fn with_pauses(settings: Vec<EndpointSettings>, clock: Clock, pauses: &[Duration]) -> Result<Self, EndpointError> {
        let mut endpoints = Vec::new();
        for settings in settings {
            endpoints.push((Endpoint::new(&settings)?, settings));
        }
        // Connections are shared by host, and so is what a host may resolve to.
        let mut allowed: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (endpoint, _) in &endpoints {
            for host in endpoint.hosts() {
                allowed.entry(host).or_default().extend(endpoint.allowed.iter().copied());
            }
        }
        let allowed = Arc::new(allowed);
        let is_encrypted = endpoints.iter().any(|(endpoint, _)| endpoint.is_encrypted());
        let encryption = if is_encrypted { Encryption::Tls } else { Encryption::Plain };
        let mut clients: Vec<(Tls, Client)> = Vec::new();
        let mut by_name = BTreeMap::new();
        for (endpoint, settings) in endpoints {
            let known = clients.iter().find(|(tls, _)| *tls == settings.tls).map(|(_, http)| http.clone());
            let http = if let Some(http) = known {
                http
            } else {
                let resolver = CheckedResolver { names: SystemNames, allowed: Arc::clone(&allowed) };
                let http = tls::client(&settings.tls, encryption, Some(resolver))
                    .map_err(|why| EndpointError::settings(&settings.name, &why))?;
                clients.push((settings.tls.clone(), http.clone()));
                http
            };
            let gate = Gate::new(settings.name.clone(), settings.concurrent, pauses.to_vec());
            by_name.insert(settings.name, Served { endpoint, http, gate });
        }
        Ok(Self { clock, by_name })
    }

    /// Everything that is wrong with the settings; makes no call.
    pub fn check(settings: &[EndpointSettings]) -> Vec<EndpointError> {
        settings.iter().filter_map(|settings| Endpoint::new(settings).err()).collect()
    }

    /// What the endpoint promises; `None` when there is no such endpoint.
    pub fn contract(&self, name: &EndpointName) -> Option<&Contract> {
        self.by_name.get(name).map(|served| &served.endpoint.contract)
    }

    /// A place for one call to the endpoint by [`Endpoints::post`] or [`Endpoints::look_up`], held while it is made.
    pub fn place(&self, name: &EndpointName) -> Admission {
        match self.served(name) {
            Ok(served) => served.gate.enter(&self.clock),
            Err(error) => Admission::Closed(error),
        }
    }

    /// How many calls [`Endpoints::place`] would have an answer for now.
    pub fn room(&self, name: &EndpointName) -> usize {
        self.by_name.get(name).map_or(usize::MAX, |served| served.gate.room(&self.clock))
    }

    /// Posts a record under its key (`Idempotency-Key`, `webhook-id`). One call; the answer's JSON, or null.
    pub async fn post(&self, name: &EndpointName, record: &Record<'_>) -> Result<Value, EndpointError> {
        let served = self.served(name)?;
        let endpoint = &served.endpoint;
        if let Some(complaint) = endpoint.schema.as_ref().and_then(|schema| schema.complaint(record.json)) {
            let told = format!("the record does not fit the endpoint's `schema` and was not sent: {complaint}");
            return Err(EndpointError::new(name, FailureKind::Misfit, Verdict::Never, &told));
        }
        let repeat = if endpoint.contract.idempotent.is_some() { Repeat::Safe } else { Repeat::Unsafe };
        let body = record::body(&endpoint.profile, record);
        let call = Call { name, method: Method::POST, url: &endpoint.url, key: record.key, body: Some(body), repeat };
        match self.make(served, &call).await? {
            Answered::Json(value) => Ok(value),
            // Where the key is honoured, the same answer can be had again.
            Answered::Broken(error) if repeat == Repeat::Safe => Err(error),
            // Delivered, whatever it says about it.
            Answered::NotJson | Answered::Broken(_) => Ok(Value::Null),
        }
    }

    /// Asks a `read_only` endpoint by a JSON body. One call; the answer must be JSON of at most 1 MiB.
    pub async fn ask(&self, name: &EndpointName, key: &str, body: &[u8]) -> Result<Value, EndpointError> {
        let served = self.served(name)?;
        if !served.endpoint.contract.read_only {
            return Err(EndpointError::settings(name, "only an endpoint with `read_only = true` can be asked"));
        }
        // Who asks has pauses of its own, which grow.
        let _place = served.gate.queue(&self.clock).await.map_err(|error| EndpointError { verdict: Verdict::Retry, ..error })?;
        let body = Some(("application/json", body.to_vec()));
        let call = Call { name, method: Method::POST, url: &served.endpoint.url, key, body, repeat: Repeat::Safe };
        self.make(served, &call).await?.required(name)
    }

    /// What became of a key, from the endpoint's `lookup` address: `None` when it never arrived (404).
    pub async fn look_up(&self, name: &EndpointName, key: &str) -> Result<Option<Value>, EndpointError> {
        let served = self.served(name)?;
        let lookup = served.endpoint.lookup.as_deref();
        let template = lookup.ok_or_else(|| EndpointError::settings(name, "it has no `lookup` address"))?;
        let url = checked_url(name, &template.replace("{key}", &encode(key)))?;
        let call = Call { name, method: Method::GET, url: &url, key, body: None, repeat: Repeat::Safe };
        match self.make(served, &call).await {
            Ok(answer) => answer.required(name).map(Some),
            Err(error) if error.status == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn served(&self, name: &EndpointName) -> Result<&Served, EndpointError> {
        self.by_name.get(name).ok_or_else(|| EndpointError::settings(name, "the configuration has no endpoint of this name"))
    }

    async fn make(&self, served: &Served, call: &Call<'_>) -> Result<Answered, EndpointError> {
        let span = tracing::debug_span!("endpoint", endpoint = %call.name, method = %call.method, key = call.key, status = Empty);
        let made = self.identified(served, call).instrument(span).await;
        served.gate.note(&self.clock, made.as_ref().err());
        made
    }

    /// Makes the call with our credentials; once more with a fresh token when the first is refused, for then nothing happened.
    async fn identified(&self, served: &Served, call: &Call<'_>) -> Result<Answered, EndpointError> {
        let endpoint = &served.endpoint;
        let tokens = match &endpoint.credentials {
            Credentials::None => return self.attempt(served, call, (None, &endpoint.blotter)).await,
            Credentials::Header(header) => return self.attempt(served, call, (Some(header), &endpoint.blotter)).await,
            Credentials::Tokens(tokens) => tokens,
        };
        let with = async |token: &Token| {
            let mut blotter = endpoint.blotter.clone();
            token.keep_secret(&mut blotter);
            self.attempt(served, call, (Some(&token.header), &blotter)).await
        };
        let token = tokens.current(&served.http, &self.clock).await?;
        match with(&token).await {
            Err(error) if error.status == Some(401) => {
                tokens.forget(&token).await;
                with(&tokens.current(&served.http, &self.clock).await?).await
            }
            other => other,
        }
    }

    async fn attempt(
        &self,
        served: &Served,
        call: &Call<'_>,
        (authorization, blotter): (Option<&HeaderValue>, &Blotter),
    ) -> Result<Answered, EndpointError> {
        let endpoint = &served.endpoint;
        let broken = |error| EndpointError::transport(call.name, call.repeat, error);
        let key =
            HeaderValue::try_from(call.key).map_err(|_| EndpointError::settings(call.name, "the key is no header value"))?;
        let request = served.http.request(call.method.clone(), call.url.clone());
        let mut request = request.timeout(endpoint.timeout).header(ACCEPT, "application/json");
        request = request.header("idempotency-key", key.clone()).header("webhook-id", key);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if let Some((media_type, body)) = &call.body {
            if body.len() > BODY_MAX {
                let told = format!("a record of {} bytes is more than the {BODY_MAX} that are sent", body.len());
                return Err(EndpointError::new(call.name, FailureKind::Refused, Verdict::Never, &told));
            }
            let timestamp = self.clock.now().as_second();
            request = request.header("webhook-timestamp", timestamp);
            if !endpoint.signing.is_empty() {
                request = request.header("webhook-signature", signatures(&endpoint.signing, call.key, timestamp, body));
            }
            request = request.header(CONTENT_TYPE, *media_type).body(body.clone());
        }
        let mut response = request.send().await.map_err(broken)?;
        let status = response.status();
        tracing::Span::current().record("status", status.as_u16());
        tracing::debug!("answered");
        if !status.is_success() {
            let wait = outgoing::retry_after(response.headers(), self.clock.now());
            let text = blotter.excerpt(&read(&mut response, REFUSAL_MAX).await.0);
            return Err(EndpointError::refused(call.name, call.repeat, status.as_u16(), (wait, &text)));
        }
        let (body, end) = read(&mut response, ANSWER_MAX + 1).await;
        Ok(match end {
            Err(error) => Answered::Broken(broken(error)),
            Ok(()) if body.len() > ANSWER_MAX => Answered::NotJson,
            Ok(()) => serde_json::from_slice(&body).map_or(Answered::NotJson, |value| Answered::Json(blotter.blot_value(value))),
        })
    }
}

struct Call<'a> {
    name: &'a EndpointName,
    method: Method,
    url: &'a Url,
    key: &'a str,
    /// Media type and bytes.
    body: Option<(&'static str, Vec<u8>)>,
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
