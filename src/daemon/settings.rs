//! What each part of the engine needs of the configuration.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{
    AuthSetting, Config, CredentialSetting, IdentitySetting, MailboxConfig, ProfileSetting, SecretSetting, SecretSource,
};
use crate::endpoints::{Auth, EndpointSettings, OAuth2, Profile, SchemaFile, Tls};
use crate::executor::{MissingFolders, ReplyBudget, SENDS_MAX, ServedMailbox};
use crate::graph::{Changes, Credential, GraphSettings, IdentityService, Kept};
use crate::ids::MailboxName;
use crate::journal::Brake;
use crate::outgoing::Secret;
use crate::rules::{EndpointFacts, Surroundings};

/// What the rules of a mailbox may name.
pub fn surroundings(config: &Config, name: &MailboxName) -> Surroundings {
    let mailbox = config.mailboxes.get(name);
    Surroundings {
        dir: mailbox.map(|mailbox| mailbox.rules.display().to_string()).unwrap_or_default(),
        endpoints: config
            .endpoints
            .iter()
            .map(|(name, endpoint)| (name.clone(), EndpointFacts { read_only: endpoint.read_only }))
            .collect(),
        own_addresses: config.mailboxes.values().map(|mailbox| mailbox.address.clone()).collect(),
        allowed_folders: mailbox.map(|mailbox| mailbox.allowed_folders.clone()).unwrap_or_default(),
        time_zone: mailbox.map_or(jiff::tz::TimeZone::UTC, |mailbox| mailbox.time_zone.clone()),
    }
}

/// Where a mailbox's fixtures lie: beside the configuration.
pub fn fixtures_dir(config: &Config, name: &MailboxName) -> PathBuf {
    config.dir().join("fixtures").join(name.as_str())
}

/// What Graph needs of the configuration. A secret without a value is empty; `run` refuses it before.
pub fn graph_settings(config: &Config) -> GraphSettings {
    let value = |setting: &SecretSetting| Secret::new(setting.reveal().unwrap_or_default());
    let kept = |setting: &SecretSetting| match &setting.source {
        SecretSource::File(path) => Kept::File(path.clone()),
        SecretSource::Env(_) | SecretSource::Given => Kept::Given(value(setting)),
    };
    let credential = match &config.tenant.credential {
        CredentialSetting::Secret { secret, ends } => Credential::Secret { secret: kept(secret), ends: *ends },
        CredentialSetting::Certificate(pem) => Credential::Certificate(kept(pem)),
        CredentialSetting::Federated(file) => Credential::Federated(file.clone()),
        CredentialSetting::ManagedIdentity(IdentitySetting::Machine(host)) => {
            Credential::ManagedIdentity(IdentityService::Machine { host: host.clone() })
        }
        CredentialSetting::ManagedIdentity(IdentitySetting::App { endpoint, header }) => {
            Credential::ManagedIdentity(IdentityService::App { endpoint: endpoint.clone(), header: value(header) })
        }
    };
    GraphSettings {
        base_url: config.graph.base_url.clone(),
        login_url: config.graph.login_url.clone(),
        tenant: config.tenant.id.clone(),
        client_id: config.tenant.client_id.clone(),
        credential,
        changes: if config.graph.cloud.has_message_delta() { Changes::Delta } else { Changes::Listing },
        timeout: config.graph.timeout,
    }
}

/// What the endpoints need of the configuration. A secret without a value is left out; `run` refuses it before.
pub fn endpoint_settings(config: &Config) -> Vec<EndpointSettings> {
    let secret = |setting: &SecretSetting| Secret::new(setting.reveal().unwrap_or_default());
    let known = |setting: &SecretSetting| setting.reveal().map(Secret::new);
    let auth = |auth: &AuthSetting| match auth {
        AuthSetting::Bearer(token) => Auth::Bearer(secret(token)),
        AuthSetting::Basic { user, password } => Auth::Basic { user: user.clone(), password: secret(password) },
        AuthSetting::OAuth2 { token_url, client_id, client_secret, scope } => Auth::OAuth2(OAuth2 {
            token_url: token_url.clone(),
            client_id: client_id.clone(),
            client_secret: secret(client_secret),
            scope: scope.clone(),
        }),
    };
    let settings = config.endpoints.iter().map(|(name, endpoint)| EndpointSettings {
        name: name.clone(),
        url: endpoint.url.clone(),
        auth: endpoint.auth.as_ref().map(auth),
        timeout: endpoint.timeout,
        read_only: endpoint.read_only,
        idempotent: endpoint.idempotent,
        lookup: endpoint.lookup.clone(),
        allow: endpoint.allow.clone(),
        profile: match &endpoint.profile {
            ProfileSetting::Standard => Profile::Standard,
            ProfileSetting::CloudEvents { event_type } => Profile::CloudEvents { event_type: event_type.clone() },
        },
        sign: endpoint.sign.iter().filter_map(known).collect(),
        tls: Tls {
            client_certificate: endpoint.client_certificate.as_ref().and_then(known),
            ca: endpoint.ca.as_ref().and_then(known),
        },
        schema: endpoint.schema.as_ref().map(|schema| SchemaFile { path: schema.path.clone(), text: Arc::clone(&schema.text) }),
        concurrent: endpoint.concurrent,
    });
    settings.collect()
}

pub(super) fn served_mailbox(mailbox: &MailboxConfig, graph: &crate::graph::Mailbox) -> ServedMailbox {
    ServedMailbox {
        graph: graph.clone(),
        address: mailbox.address.clone(),
        missing_folders: if mailbox.create_folders { MissingFolders::Create } else { MissingFolders::Refuse },
        sends: Arc::new(tokio::sync::Semaphore::new(SENDS_MAX)),
        budget: ReplyBudget {
            per_minute: mailbox.replies.per_minute,
            per_sender_per_day: mailbox.replies.per_sender_per_day,
            per_conversation: mailbox.replies.per_conversation,
            per_domain_per_hour: mailbox.replies.per_domain_per_hour,
            per_rule_set_per_hour: mailbox.replies.per_rule_set_per_hour,
        },
        brake: mailbox.brake.map(|brake| Brake { effects: brake.effects, waiting: brake.waiting }),
    }
}
