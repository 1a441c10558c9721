//! `[tenant]`: whose mailboxes they are, who we are there, and by which of four credentials.

use std::path::PathBuf;

use jiff::civil::Date;

use super::document::Section;
use super::read::Reader;
use super::secret::{SecretSetting, SecretSource};

/// Azure's metadata service.
const METADATA_HOST: &str = "http://169.254.169.254";

/// Whose mailboxes they are, and who we are there.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    /// The tenant's id or one of its domains.
    pub id: String,
    /// The application's id; empty for the only managed identity of a machine.
    pub client_id: String,
    /// How we prove that we are it.
    pub credential: CredentialSetting,
}

/// How we prove who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialSetting {
    /// By a client secret.
    Secret {
        /// The secret.
        secret: SecretSetting,
        /// Its last day, where somebody wrote it down.
        ends: Option<Date>,
    },
    /// By a certificate with its key, in PEM.
    Certificate(SecretSetting),
    /// By another issuer's token, in a file that is written anew again and again.
    Federated(PathBuf),
    /// By the identity that Azure gave the machine.
    ManagedIdentity(IdentitySetting),
}

/// Who hands out a managed identity's tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentitySetting {
    /// The metadata service, at this host.
    Machine(String),
    /// App Service's.
    App {
        /// Its address.
        endpoint: String,
        /// What it wants to see.
        header: SecretSetting,
    },
}

impl From<SecretSetting> for CredentialSetting {
    fn from(secret: SecretSetting) -> Self {
        Self::Secret { secret, ends: None }
    }
}

impl CredentialSetting {
    /// The secret of it.
    pub(super) fn secret(&self) -> Option<&SecretSetting> {
        match self {
            Self::Secret { secret, .. } | Self::Certificate(secret) => Some(secret),
            Self::ManagedIdentity(IdentitySetting::App { header, .. }) => Some(header),
            Self::Federated(_) | Self::ManagedIdentity(IdentitySetting::Machine(_)) => None,
        }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn tenant(&mut self, section: &Section<'a>) -> Option<Tenant> {
        const CREDENTIALS: [&str; 4] = ["client_secret", "certificate", "workload_identity", "managed_identity"];
        let known = [&["id", "client_id", "client_secret_ends"], &CREDENTIALS[..]].concat();
        section.know(&mut self.document, &known);
        let written: Vec<&str> = CREDENTIALS.into_iter().filter(|key| section.get(key).is_some()).collect();
        let credential = match written[..] {
            [key] => self.credential(section, key),
            [] => {
                let told = "`client_secret` is missing in [tenant]; write client_secret = { env = \"POSTROOM_CLIENT_SECRET\" }, or one of \
                            certificate, workload_identity and managed_identity";
                self.document.error(&section.span, told);
                None
            }
            [first, second, ..] => {
                let told = format!("`{first}` and `{second}` in [tenant] exclude each other; keep the one that is used");
                self.document.error(&section.span_of(second), told);
                None
            }
        };
        let document = &mut self.document;
        let id = section.required(document, "id");
        let client_id = match credential {
            // Named only where the machine has several.
            Some(CredentialSetting::ManagedIdentity(_)) => Some(section.text(document, "client_id").unwrap_or_default()),
            _ => section.required(document, "client_id"),
        };
        if section.get("client_secret_ends").is_some() && written != ["client_secret"] {
            let told = "`client_secret_ends` in [tenant] goes with `client_secret`; a certificate says itself when it ends";
            document.error(&section.span_of("client_secret_ends"), told);
        }
        Some(Tenant { id: id?, client_id: client_id?, credential: credential? })
    }

    fn credential(&mut self, section: &Section<'a>, key: &'static str) -> Option<CredentialSetting> {
        match key {
            "client_secret" => {
                let day = |text: &str| text.parse().map_err(|_| format!("`{text}` is no day like 2027-01-31"));
                let ends = section.parsed(&mut self.document, "client_secret_ends", day);
                Some(CredentialSetting::Secret { secret: self.secret(section, key)?, ends })
            }
            "certificate" => self.secret(section, key).map(CredentialSetting::Certificate),
            "workload_identity" => self.token_file(section, key).map(CredentialSetting::Federated),
            _ => self.identity(section, key).map(CredentialSetting::ManagedIdentity),
        }
    }

    /// `workload_identity = true`, where the platform names the file, or `{ file = "PATH" }`.
    fn token_file(&mut self, section: &Section<'a>, key: &str) -> Option<PathBuf> {
        const VARIABLE: &str = "AZURE_FEDERATED_TOKEN_FILE";
        let value = section.get(key)?;
        if value.get_ref().as_table().is_some() {
            let from = section.section(&mut self.document, key)?;
            from.know(&mut self.document, &["file"]);
            return from.required(&mut self.document, "file").map(|file| self.dir.join(file));
        }
        if !section.is_true(&mut self.document, key) {
            return None;
        }
        let file = (self.environment)(VARIABLE).filter(|file| !file.is_empty());
        if file.is_none() {
            let told = format!("the environment variable {VARIABLE} is not set; write workload_identity = {{ file = \"PATH\" }}");
            self.document.error(&value.span(), told);
        }
        file.map(PathBuf::from)
    }

    /// `managed_identity = true`. Which service hands out the tokens, the platform says in the environment.
    fn identity(&mut self, section: &Section<'a>, key: &str) -> Option<IdentitySetting> {
        let span = section.span_of(key);
        if !section.is_true(&mut self.document, key) {
            return None;
        }
        let variable = |name: &str| (self.environment)(name).filter(|value| !value.is_empty());
        let Some(endpoint) = variable("IDENTITY_ENDPOINT") else {
            let host = variable("AZURE_POD_IDENTITY_AUTHORITY_HOST");
            return Some(IdentitySetting::Machine(host.unwrap_or_else(|| METADATA_HOST.to_owned())));
        };
        let source = SecretSource::Env("IDENTITY_HEADER".to_owned());
        let header = SecretSetting::look(source, self.environment, self.document.at(&span));
        self.document.problems.extend(header.missing());
        Some(IdentitySetting::App { endpoint, header })
    }
}
