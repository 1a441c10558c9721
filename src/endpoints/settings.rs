//! What must be known of an endpoint.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::ids::EndpointName;
use crate::outgoing::Secret;

/// One endpoint.
#[derive(Clone, Debug)]
pub struct EndpointSettings {
    /// Its name in the configuration.
    pub name: EndpointName,
    /// Where it is; plain http for loopback addresses only.
    pub url: String,
    /// Who we are there.
    pub auth: Option<Auth>,
    /// Limit of one call.
    pub timeout: Duration,
    /// Asking it changes nothing there.
    pub read_only: bool,
    /// How long it honours our key: a repeat within that time has no second effect.
    pub idempotent: Option<Duration>,
    /// Where it tells what became of a key: a URL that holds `{key}`; 404 means it never came.
    pub lookup: Option<String>,
    /// Networks (`10.1.0.0/16`) that its name may resolve to although they are not public.
    pub allow: Vec<String>,
    /// How records are laid out.
    pub profile: Profile,
    /// Secrets that sign what is sent (Standard Webhooks, `whsec_…`): one, or two while they are changed.
    pub sign: Vec<Secret>,
    /// TLS beyond the ordinary.
    pub tls: Tls,
    /// What a record must look like.
    pub schema: Option<SchemaFile>,
    /// Calls at the same time at most.
    pub concurrent: u32,
}

impl EndpointSettings {
    /// An endpoint with nothing said but its address.
    pub fn new(name: EndpointName, url: impl Into<String>) -> Self {
        Self {
            name,
            url: url.into(),
            auth: None,
            timeout: Duration::from_secs(15),
            read_only: false,
            idempotent: None,
            lookup: None,
            allow: Vec::new(),
            profile: Profile::Standard,
            sign: Vec::new(),
            tls: Tls::default(),
            schema: None,
            concurrent: 4,
        }
    }
}

/// Credentials.
#[derive(Clone, Debug)]
pub enum Auth {
    /// `Authorization: Bearer …` (RFC 6750).
    Bearer(Secret),
    /// `Authorization: Basic …` (RFC 7617).
    Basic {
        /// User name, without a colon.
        user: String,
        /// Password.
        password: Secret,
    },
    /// A bearer token got by client credentials (RFC 6749 §4.4).
    OAuth2(OAuth2),
}

/// Where a token is got, and by whom.
#[derive(Clone, Debug)]
pub struct OAuth2 {
    /// The token endpoint.
    pub token_url: String,
    /// Our id there.
    pub client_id: String,
    /// Our secret there.
    pub client_secret: Secret,
    /// What is asked for.
    pub scope: Option<String>,
}

/// How a record is laid out in the body of a post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Profile {
    /// The record itself, `application/json`.
    Standard,
    /// A CloudEvent in structured mode, `application/cloudevents+json`, with the record as its data.
    CloudEvents {
        /// Its `type`.
        event_type: String,
    },
}

/// TLS beyond the ordinary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Our certificate chain and its private key, in PEM.
    pub client_certificate: Option<Secret>,
    /// The authorities that are trusted instead of the public ones, in PEM.
    pub ca: Option<Secret>,
}

/// A JSON Schema and where it was read.
#[derive(Clone, Debug)]
pub struct SchemaFile {
    /// The file, to name it.
    pub path: PathBuf,
    /// What it says.
    pub text: Arc<str>,
}
