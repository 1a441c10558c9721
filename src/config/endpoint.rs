//! `[endpoint.NAME]`: an endpoint's keys.

use super::document::Section;
use super::read::{Reader, texts};
use super::secret::SecretSetting;
use super::values::{duration, is_network};
use super::{AuthSetting, EndpointConfig, ProfileSetting, SchemaSetting};
use crate::outgoing::service_url;

const KEYS: [&str; 14] = [
    "url",
    "auth",
    "timeout",
    "read_only",
    "idempotent",
    "lookup",
    "allow",
    "profile",
    "event_type",
    "sign",
    "client_certificate",
    "ca",
    "schema",
    "concurrent",
];
/// The `type` of events where none is named.
const EVENT_TYPE: &str = "postroom.record";
/// Largest schema that is read.
const SCHEMA_MAX: u64 = 1_000_000;
/// Calls at the same time that can be allowed.
const CONCURRENT_MAX: u32 = 64;

impl<'a> Reader<'a> {
    pub(super) fn endpoint(&mut self, section: &Section<'a>) -> Option<EndpointConfig> {
        let document = &mut self.document;
        section.know(document, &KEYS);
        section.required(document, "url");
        let url = section.get("url").and_then(|value| value.get_ref().as_str()).map(str::to_owned);
        if let Some(why) = url.as_deref().and_then(|url| service_url(url).err()) {
            document.error(&section.span_of("url"), format!("`url` in [{}]: {why}", section.path));
        }
        let lookup = section.parsed(document, "lookup", |text| {
            let held = if text.contains("{key}") { Ok(()) } else { Err(format!("`{text}` must hold {{key}}")) };
            held.and_then(|()| service_url(&text.replace("{key}", "0"))).map(|_| text.to_owned())
        });
        let allow = section.list(document, "allow").unwrap_or_default();
        for (network, span) in allow.iter().filter(|(network, _)| !is_network(network)) {
            document.error(span, format!("`{network}` is no network like 10.1.0.0/16"));
        }
        let default = EndpointConfig::new(url.clone().unwrap_or_default());
        let concurrent = section.count(document, "concurrent").unwrap_or(default.concurrent);
        if !(1..=CONCURRENT_MAX).contains(&concurrent) {
            let told = format!("`concurrent` in [{}] must be from 1 to {CONCURRENT_MAX}, not {concurrent}", section.path);
            document.error(&section.span_of("concurrent"), told);
        }
        let endpoint = EndpointConfig {
            timeout: section.parsed(document, "timeout", duration).unwrap_or(default.timeout),
            read_only: section.flag(document, "read_only").unwrap_or(default.read_only),
            idempotent: section.parsed(document, "idempotent", duration),
            lookup,
            allow: texts(allow),
            concurrent,
            profile: self.profile(section),
            sign: self.sign(section),
            client_certificate: self.secret(section, "client_certificate"),
            ca: self.secret(section, "ca"),
            schema: self.schema(section),
            auth: section.section(&mut self.document, "auth").and_then(|auth| self.auth(&auth)),
            ..default
        };
        url.map(|_| endpoint)
    }

    fn profile(&mut self, section: &Section<'a>) -> ProfileSetting {
        let document = &mut self.document;
        let event_type = section.text(document, "event_type");
        let is_events = section.parsed(document, "profile", |text| match text {
            "standard" => Ok(false),
            "cloudevents" => Ok(true),
            _ => Err(format!("`{text}` is no profile; there are `standard` and `cloudevents`")),
        });
        if is_events == Some(true) {
            return ProfileSetting::CloudEvents { event_type: event_type.unwrap_or_else(|| EVENT_TYPE.to_owned()) };
        }
        if event_type.is_some() {
            let told = format!("`event_type` in [{}] needs `profile = \"cloudevents\"`", section.path);
            document.error(&section.span_of("event_type"), told);
        }
        ProfileSetting::Standard
    }

    /// One secret, or a list of two while the receiver changes from one to the other.
    fn sign(&mut self, section: &Section<'a>) -> Vec<SecretSetting> {
        let Some(value) = section.get("sign") else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            return self.secret_at(section, "sign", value).into_iter().collect();
        };
        if items.is_empty() || items.len() > 2 {
            let told = format!("`sign` in [{}] must hold one secret or two: the new one and the one it replaces", section.path);
            self.document.error(&value.span(), told);
        }
        items.iter().filter_map(|item| self.secret_at(section, "sign", item)).collect()
    }

    fn schema(&mut self, section: &Section<'a>) -> Option<SchemaSetting> {
        let path = self.dir.join(section.text(&mut self.document, "schema")?);
        let length = std::fs::metadata(&path).map_err(|why| why.to_string()).and_then(|found| match found.len() {
            length if length > SCHEMA_MAX => Err(format!("it has {length} bytes, more than {SCHEMA_MAX}")),
            _ => Ok(()),
        });
        match length.and_then(|()| std::fs::read_to_string(&path).map_err(|why| why.to_string())) {
            Ok(text) => Some(SchemaSetting { path, text: text.into() }),
            Err(why) => {
                let told = format!("the schema {} cannot be read: {why}", path.display());
                self.document.error(&section.span_of("schema"), told);
                None
            }
        }
    }

    fn auth(&mut self, section: &Section<'a>) -> Option<AuthSetting> {
        section.know(&mut self.document, &["bearer", "basic", "oauth2"]);
        match (section.get("bearer"), section.get("basic"), section.get("oauth2")) {
            (Some(_), None, None) => self.secret(section, "bearer").map(AuthSetting::Bearer),
            (None, Some(_), None) => {
                let basic = section.section(&mut self.document, "basic")?;
                basic.know(&mut self.document, &["user", "password"]);
                let user = basic.required(&mut self.document, "user");
                let password = self.required_secret(&basic, "password");
                Some(AuthSetting::Basic { user: user?, password: password? })
            }
            (None, None, Some(_)) => {
                let oauth2 = section.section(&mut self.document, "oauth2")?;
                self.oauth2(&oauth2)
            }
            _ => {
                let told = format!("[{}] must hold one of `bearer`, `basic` and `oauth2`", section.path);
                self.document.error(&section.span, told);
                None
            }
        }
    }

    fn oauth2(&mut self, section: &Section<'a>) -> Option<AuthSetting> {
        let document = &mut self.document;
        section.know(document, &["token_url", "client_id", "client_secret", "scope"]);
        let (token_url, client_id) = (section.required(document, "token_url"), section.required(document, "client_id"));
        if let Some(why) = token_url.as_deref().and_then(|url| service_url(url).err()) {
            document.error(&section.span_of("token_url"), format!("`token_url` in [{}]: {why}", section.path));
        }
        let scope = section.text(document, "scope");
        let client_secret = self.required_secret(section, "client_secret");
        Some(AuthSetting::OAuth2 { token_url: token_url?, client_id: client_id?, client_secret: client_secret?, scope })
    }

    fn required_secret(&mut self, section: &Section<'a>, key: &str) -> Option<SecretSetting> {
        if section.get(key).is_none() {
            self.document.error(&section.span, format!("`{key}` is missing in [{}]", section.path));
        }
        self.secret(section, key)
    }
}
