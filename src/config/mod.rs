//! `postroom.toml`: as written, checked whole, as used.
//!
//! Every problem is reported with its place, not only the first. Secrets are read here, from the environment or from
//! files, and never shown; the file itself cannot hold one. Nothing here calls anybody.

mod cloud;
mod document;
mod endpoint;
mod problem;
mod read;
mod secret;
mod tenant;
mod values;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use cloud::Cloud;
pub use problem::{Problem, Severity};
pub use secret::{SecretSetting, SecretSource};
pub use tenant::{CredentialSetting, IdentitySetting, Tenant};

use crate::ids::{EndpointName, MailboxName};

/// Calls to one mailbox in ten minutes that Exchange takes from an application (Graph, "throttling limits").
const REQUESTS_MAX: u32 = 10_000;
/// The longest that a folder may go without being looked at, unless `poll` is longer.
pub const STALE: Duration = Duration::from_mins(15);

/// The whole configuration. Paths in it are ready to be opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The file it was read from, as given.
    pub file: PathBuf,
    /// `[tenant]`.
    pub tenant: Tenant,
    /// `[graph]`.
    pub graph: GraphAccess,
    /// `[mailbox.NAME]`.
    pub mailboxes: BTreeMap<MailboxName, MailboxConfig>,
    /// `[endpoint.NAME]`.
    pub endpoints: BTreeMap<EndpointName, EndpointConfig>,
    /// `[state] path`: the database.
    pub state: PathBuf,
    /// `[web]`.
    pub web: Web,
    /// What is odd but does not keep it from being used.
    pub warnings: Vec<Problem>,
}

/// Where Graph is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphAccess {
    /// Which of Microsoft's clouds.
    pub cloud: Cloud,
    /// With the version: `https://graph.microsoft.com/v1.0`.
    pub base_url: String,
    /// `https://login.microsoftonline.com`.
    pub login_url: String,
    /// Limit of one call.
    pub timeout: Duration,
    /// Calls to one mailbox in ten minutes.
    pub requests_max: u32,
    /// Calls to all mailboxes together at the same time; `None` for as many as there are.
    pub concurrent_max: Option<NonZeroUsize>,
}

/// From when on a mailbox's mail is worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// All that lies in its folders.
    All,
    /// From the first start on.
    Now,
    /// From the beginning of a day on, in the mailbox's time zone.
    On(jiff::Timestamp),
}

/// What edited rules must hold before they go live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// `fixtures`: `check` finds no error, and every fixture comes as expected.
    Fixtures,
    /// `check`: no error is found; what fixtures expect is only remarked on.
    Check,
}

/// One shared mailbox.
#[derive(Clone, Debug, PartialEq)]
pub struct MailboxConfig {
    /// Its address.
    pub address: String,
    /// Folders that are followed, as paths; with wildcards in a part, or `**` at the end for all that lie below.
    pub folders: Vec<String>,
    /// The folder with its rules.
    pub rules: PathBuf,
    /// The folder with rules that decide beside them and act on nothing.
    pub shadow: Option<PathBuf>,
    /// What edited rules must hold before they go live.
    pub reload: Reload,
    /// How often its folders are looked at.
    pub poll: Duration,
    /// The longest that a folder may go without being looked at: a ceiling for every pause, and an alarm beyond it.
    pub stale: Duration,
    /// From when on its mail is worked.
    pub start: Start,
    /// Pause between two audits.
    pub audit: Duration,
    /// Whether a rule may move to a folder that is not there yet.
    pub create_folders: bool,
    /// Globs of folders that rules may name; empty: all.
    pub allowed_folders: Vec<String>,
    /// Limits of automatic answers.
    pub replies: ReplyBudget,
    /// How far a changed rule set is trusted; `None` trusts any.
    pub brake: Option<BrakeSetting>,
    /// The time zone of its dates.
    pub time_zone: jiff::tz::TimeZone,
}

/// Limits of automatic answers. The paces of a mailbox and towards a domain only delay, those of a sender and a conversation withhold,
/// that of a rule set asks a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyBudget {
    /// Answers of the mailbox in a minute.
    pub per_minute: u32,
    /// Answers to one sender in a day.
    pub per_sender_per_day: u32,
    /// Answers in one conversation, ever.
    pub per_conversation: u32,
    /// Answers to one domain in an hour.
    pub per_domain_per_hour: Option<u32>,
    /// Mails by one rule set in an hour.
    pub per_rule_set_per_hour: Option<u32>,
}

/// The brake on a changed rule set: where more than `waiting` messages wait for it, `effects` effects, then a person is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrakeSetting {
    /// Effects before a person has looked.
    pub effects: u32,
    /// With so many messages waiting or fewer, nobody is asked.
    pub waiting: u32,
}

impl Default for BrakeSetting {
    fn default() -> Self {
        Self { effects: 50, waiting: 50 }
    }
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointConfig {
    /// Where it is.
    pub url: String,
    /// Who we are there.
    pub auth: Option<AuthSetting>,
    /// Limit of one call.
    pub timeout: Duration,
    /// Asking it changes nothing there.
    pub read_only: bool,
    /// How long it honours our key.
    pub idempotent: Option<Duration>,
    /// Where it tells what became of a key; holds `{key}`.
    pub lookup: Option<String>,
    /// Networks that are not public but its name may resolve to.
    pub allow: Vec<String>,
    /// How records are laid out.
    pub profile: ProfileSetting,
    /// Secrets that sign what is sent: one, or two while they are changed.
    pub sign: Vec<SecretSetting>,
    /// Our certificate chain and its key, in PEM.
    pub client_certificate: Option<SecretSetting>,
    /// The authorities that are trusted instead of the public ones, in PEM.
    pub ca: Option<SecretSetting>,
    /// What a record must look like.
    pub schema: Option<SchemaSetting>,
    /// Calls at the same time at most.
    pub concurrent: u32,
}

/// How an endpoint's records are laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileSetting {
    /// `standard`: the record itself.
    Standard,
    /// `cloudevents`: a CloudEvent around the record.
    CloudEvents {
        /// Its `type`.
        event_type: String,
    },
}

/// A JSON Schema, as read from its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaSetting {
    /// The file.
    pub path: PathBuf,
    /// What it says.
    pub text: std::sync::Arc<str>,
}

/// Credentials for an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthSetting {
    /// A bearer token.
    Bearer(SecretSetting),
    /// User name and password.
    Basic {
        /// User name.
        user: String,
        /// Password.
        password: SecretSetting,
    },
    /// A token got by OAuth 2.0 client credentials.
    OAuth2 {
        /// Where it is got.
        token_url: String,
        /// Our id there.
        client_id: String,
        /// Our secret there.
        client_secret: SecretSetting,
        /// What is asked for.
        scope: Option<String>,
    },
}

/// The console's door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the world reaches it; set: notifications are subscribed to.
    pub public_url: Option<String>,
    /// Our own certificate and key; without them plain http is spoken, to a proxy that speaks https.
    pub tls: Option<TlsFiles>,
    /// Whether subscriptions are ended when `run` stops, or kept for the next start.
    pub end_subscriptions: bool,
}

/// Where a server's certificate and key lie, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, our own certificate first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl GraphAccess {
    /// A cloud's own addresses.
    pub fn of(cloud: Cloud) -> Self {
        let (base_url, login_url) = (cloud.base_url().to_owned(), cloud.login_url().to_owned());
        Self { cloud, base_url, login_url, timeout: Duration::from_secs(30), requests_max: REQUESTS_MAX, concurrent_max: None }
    }
}

impl Default for GraphAccess {
    fn default() -> Self {
        Self::of(Cloud::default())
    }
}

impl Default for ReplyBudget {
    fn default() -> Self {
        Self {
            per_minute: 60,
            per_sender_per_day: 1,
            per_conversation: 3,
            per_domain_per_hour: None,
            per_rule_set_per_hour: None,
        }
    }
}

impl Default for Web {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), public_url: None, tls: None, end_subscriptions: false }
    }
}

impl MailboxConfig {
    /// A mailbox with nothing said but its address and its rules.
    pub fn new(address: impl Into<String>, rules: PathBuf) -> Self {
        Self {
            address: address.into(),
            folders: vec!["Inbox".to_owned()],
            rules,
            shadow: None,
            reload: Reload::Fixtures,
            poll: Duration::from_mins(1),
            stale: STALE,
            start: Start::All,
            audit: Duration::from_hours(1),
            create_folders: false,
            allowed_folders: Vec::new(),
            replies: ReplyBudget::default(),
            brake: Some(BrakeSetting::default()),
            time_zone: jiff::tz::TimeZone::UTC,
        }
    }
}

impl EndpointConfig {
    /// An endpoint with nothing said but its address.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            auth: None,
            timeout: Duration::from_secs(15),
            read_only: false,
            idempotent: None,
            lookup: None,
            allow: Vec::new(),
            profile: ProfileSetting::Standard,
            sign: Vec::new(),
            client_certificate: None,
            ca: None,
            schema: None,
            concurrent: 4,
        }
    }

    /// Every secret that it needs.
    fn secrets(&self) -> impl Iterator<Item = &SecretSetting> {
        let auth = self.auth.as_ref().map(|auth| match auth {
            AuthSetting::Bearer(secret)
            | AuthSetting::Basic { password: secret, .. }
            | AuthSetting::OAuth2 { client_secret: secret, .. } => secret,
        });
        auth.into_iter().chain(&self.sign).chain(&self.client_certificate).chain(&self.ca)
    }
}

impl Config {
    /// The folder that the file lies in; `fixtures` lie beside it.
    pub fn dir(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new(""))
    }

    /// Every secret must have a value, or nothing can be run.
    ///
    /// # Errors
    /// The secrets that have none, with their places.
    pub fn require_secrets(&self) -> Result<(), Vec<Problem>> {
        let missing: Vec<Problem> = self
            .tenant
            .credential
            .secret()
            .into_iter()
            .chain(self.endpoints.values().flat_map(EndpointConfig::secrets))
            .filter_map(SecretSetting::missing)
            .map(|problem| Problem { severity: Severity::Error, ..problem })
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    }
}
