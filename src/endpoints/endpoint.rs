//! One endpoint: its settings, checked.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderValue;

use super::addresses::Network;
use super::answer::Blotter;
use super::error::EndpointError;
use super::oauth::Tokens;
use super::schema::Schema;
use super::settings::{Auth, EndpointSettings, Profile};
use super::signature::{SECRETS_MAX, SigningKey};
use super::tls;
use crate::ids::EndpointName;
use crate::outgoing;

/// What an endpoint promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// Asking it changes nothing there.
    pub read_only: bool,
    /// How long it honours our key; `None`: one attempt, then a person.
    pub idempotent: Option<Duration>,
    /// [`super::Endpoints::look_up`] can tell what became of a key.
    pub has_lookup: bool,
}

/// Who we are there.
pub(super) enum Credentials {
    None,
    Header(HeaderValue),
    Tokens(Box<Tokens>),
}

pub(super) struct Endpoint {
    pub url: Url,
    pub lookup: Option<String>,
    pub credentials: Credentials,
    pub signing: Vec<SigningKey>,
    pub timeout: Duration,
    pub contract: Contract,
    pub profile: Profile,
    pub schema: Option<Schema>,
    pub allowed: Vec<Network>,
    pub blotter: Blotter,
}

impl Endpoint {
    pub fn new(settings: &EndpointSettings) -> Result<Self, EndpointError> {
        let name = &settings.name;
        let wrong = |why: &str| EndpointError::settings(name, why);
        let url = checked_url(name, &settings.url)?;
        if let Some(lookup) = &settings.lookup {
            let at = checked_url(name, &lookup.replace("{key}", "0"))?;
            if !lookup.contains("{key}") || at.origin() != url.origin() {
                return Err(wrong("`lookup` must hold {key} and lead to the same host as `url`"));
            }
        }
        let network = |network: &String| {
            let why = || wrong(&format!("`allow` names `{network}`, which is no network like 10.1.0.0/16"));
            Network::parse(network).ok_or_else(why)
        };
        let allowed = settings.allow.iter().map(network).collect::<Result<_, _>>()?;
        let contract =
            Contract { read_only: settings.read_only, idempotent: settings.idempotent, has_lookup: settings.lookup.is_some() };
        if settings.sign.len() > SECRETS_MAX {
            return Err(wrong("`sign` holds more than two secrets: the new one and the one it replaces"));
        }
        let signing = settings.sign.iter().map(SigningKey::read).collect::<Result<_, _>>().map_err(|why| wrong(&why))?;
        tls::check(&settings.tls).map_err(|why| wrong(&why))?;
        let schema = settings.schema.as_ref().map(Schema::read).transpose().map_err(|why| wrong(&why))?;
        let blotter = blotter(settings);
        Ok(Self {
            url,
            lookup: settings.lookup.clone(),
            credentials: credentials(settings, &blotter)?,
            signing,
            timeout: settings.timeout,
            contract,
            profile: settings.profile.clone(),
            schema,
            allowed,
            blotter,
        })
    }

    /// The hosts it is reached by, in lower case.
    pub fn hosts(&self) -> Vec<String> {
        self.urls().filter_map(Url::host_str).map(str::to_ascii_lowercase).collect()
    }

    pub fn is_encrypted(&self) -> bool {
        self.urls().any(|url| url.scheme() == "https")
    }

    fn urls(&self) -> impl Iterator<Item = &Url> {
        let token = match &self.credentials {
            Credentials::Tokens(tokens) => Some(tokens.url()),
            _ => None,
        };
        std::iter::once(&self.url).chain(token)
    }
}

/// Everything that must not come back to us in the clear.
fn blotter(settings: &EndpointSettings) -> Blotter {
    let mut blotter = Blotter::default();
    match &settings.auth {
        Some(Auth::Bearer(token)) => blotter.add(token.reveal()),
        Some(Auth::Basic { user, password }) => {
            blotter.add(password.reveal());
            blotter.add(&format!("{user}:{}", password.reveal()));
        }
        Some(Auth::OAuth2(oauth2)) => blotter.add(oauth2.client_secret.reveal()),
        None => {}
    }
    for secret in &settings.sign {
        blotter.add(secret.reveal());
        blotter.add(secret.reveal().trim_start_matches("whsec_"));
    }
    blotter
}

fn credentials(settings: &EndpointSettings, blotter: &Blotter) -> Result<Credentials, EndpointError> {
    use base64::Engine;
    let text = match &settings.auth {
        None => return Ok(Credentials::None),
        Some(Auth::OAuth2(oauth2)) => {
            let tokens = Tokens::new(&settings.name, oauth2, (settings.timeout, blotter.clone()))?;
            return Ok(Credentials::Tokens(Box::new(tokens)));
        }
        Some(Auth::Bearer(token)) => format!("Bearer {}", token.reveal()),
        Some(Auth::Basic { user, password }) => {
            let pair = format!("{user}:{}", password.reveal());
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
        }
    };
    let mut value = HeaderValue::try_from(text)
        .map_err(|_| EndpointError::settings(&settings.name, "its secret holds characters that a header cannot"))?;
    value.set_sensitive(true);
    Ok(Credentials::Header(value))
}

pub(super) fn checked_url(name: &EndpointName, text: &str) -> Result<Url, EndpointError> {
    outgoing::service_url(text).map_err(|why| EndpointError::settings(name, &why))
}
