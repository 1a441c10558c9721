//! From the file to the checked values.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::{Document, Section};
use super::problem::Problem;
use super::secret::{SecretSetting, SecretSource};
use super::values::{duration, is_mail_address};
use super::{
    BrakeSetting, Cloud, Config, EndpointConfig, GraphAccess, MailboxConfig, Reload, ReplyBudget, Severity, Start, TlsFiles, Web,
};
use crate::ids::{EndpointName, MailboxName};
use crate::outgoing::service_url;

/// Largest configuration that is read.
const FILE_MAX: u64 = 1_000_000;

impl Config {
    /// Reads and checks a configuration. `environment` gives the value of a variable.
    ///
    /// # Errors
    /// Everything that is wrong, warnings included, in the order of the file.
    pub fn read(path: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, Vec<Problem>> {
        let mut nothing = Document::new(path.to_owned(), "");
        let text = match read_file(path) {
            Ok(text) => text,
            Err(why) => {
                nothing.error(&(0..0), format!("the configuration cannot be read: {why}"));
                return Err(nothing.problems);
            }
        };
        let (table, faults) = DeTable::parse_recoverable(&text);
        let mut reader = Reader { document: Document::new(path.to_owned(), &text), environment, dir: parent(path) };
        for fault in &faults {
            reader.document.error(&fault.span().unwrap_or(0..0), fault.message());
        }
        let root = Section::new(String::new(), 0..0, table.get_ref());
        let config = reader.config(&root);
        let mut problems = reader.document.problems;
        problems.sort_by_key(|problem| (problem.line, problem.column));
        match config {
            Some(config) if problems.iter().all(|problem| problem.severity == Severity::Warning) => {
                Ok(Self { file: path.to_owned(), warnings: problems, ..config })
            }
            _ => Err(problems),
        }
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    let length = std::fs::metadata(path).map_err(|why| why.to_string())?.len();
    if length > FILE_MAX {
        return Err(format!("it has {length} bytes, more than {FILE_MAX}"));
    }
    std::fs::read_to_string(path).map_err(|why| why.to_string())
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

pub(super) struct Reader<'a> {
    pub document: Document<'a>,
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    pub dir: PathBuf,
}

impl<'a> Reader<'a> {
    // Every part is read before the first `?`, so that each one's problems are found.
    fn config(&mut self, root: &Section<'a>) -> Option<Config> {
        root.know(&mut self.document, &["tenant", "graph", "mailbox", "endpoint", "state", "web"]);
        if root.get("tenant").is_none() {
            self.document
                .error(&(0..0), "the table [tenant] is missing; it needs id, client_id and a credential such as client_secret");
        }
        let tenant = root.section(&mut self.document, "tenant").and_then(|section| self.tenant(&section));
        let graph = root.section(&mut self.document, "graph").map_or_else(GraphAccess::default, |section| self.graph(&section));
        let mailboxes = self.mailboxes(root);
        let endpoints = self.endpoints(root);
        let state = root.section(&mut self.document, "state").and_then(|section| {
            section.know(&mut self.document, &["path"]);
            section.text(&mut self.document, "path")
        });
        let web = root.section(&mut self.document, "web").map_or_else(Web::default, |section| self.web(&section));
        let state = self.dir.join(state.as_deref().unwrap_or("postroom.db"));
        Some(Config { file: PathBuf::new(), tenant: tenant?, graph, mailboxes, endpoints, state, web, warnings: Vec::new() })
    }

    fn graph(&mut self, section: &Section<'a>) -> GraphAccess {
        let document = &mut self.document;
        section.know(document, &["cloud", "base_url", "login_url", "timeout", "requests_per_10_minutes", "concurrent"]);
        let cloud = section.parsed(document, "cloud", Cloud::named).unwrap_or_default();
        let mut url = |key| section.parsed(document, key, |text| service_url(text).map(|_| text.to_owned()));
        let (base_url, login_url) = (url("base_url"), url("login_url"));
        let timeout = section.parsed(document, "timeout", duration);
        let default = GraphAccess::of(cloud);
        let mut count = |key| {
            let count = section.count(document, key);
            if count == Some(0) {
                document.error(&section.span_of(key), format!("`{key}` in [graph] is 0: nothing could be done"));
            }
            count
        };
        let (requests, concurrent) = (count("requests_per_10_minutes"), count("concurrent"));
        GraphAccess {
            requests_max: requests.unwrap_or(default.requests_max),
            concurrent_max: concurrent.and_then(|count| NonZeroUsize::new(usize::try_from(count).unwrap_or(usize::MAX))),
            cloud,
            base_url: base_url.unwrap_or(default.base_url),
            login_url: login_url.unwrap_or(default.login_url),
            timeout: timeout.unwrap_or(default.timeout),
        }
    }

    fn mailboxes(&mut self, root: &Section<'a>) -> BTreeMap<MailboxName, MailboxConfig> {
        let Some(all) = root.section(&mut self.document, "mailbox") else { return BTreeMap::new() };
        let mut mailboxes: BTreeMap<MailboxName, MailboxConfig> = BTreeMap::new();
        for (name, section) in all.sections(&mut self.document) {
            self.check_name(&name, &section.span);
            let Some(mailbox) = self.mailbox(&name, &section) else { continue };
            if let Some((other, _)) = mailboxes.iter().find(|(_, other)| other.address.eq_ignore_ascii_case(&mailbox.address)) {
                let told = format!("[mailbox.{other}] and [mailbox.{name}] have the same address; a mailbox is worked once");
                self.document.error(&section.span_of("address"), told);
            }
            mailboxes.insert(MailboxName::new(name), mailbox);
        }
        mailboxes
    }

    fn mailbox(&mut self, name: &str, section: &Section<'a>) -> Option<MailboxConfig> {
        let document = &mut self.document;
        let known = [
            "address",
            "folders",
            "rules",
            "shadow",
            "reload",
            "poll",
            "stale",
            "audit",
            "start",
            "create_folders",
            "allowed_folders",
            "replies",
            "brake",
            "time_zone",
        ];
        section.know(document, &known);
        let address = section.required(document, "address");
        if let Some(address) = address.as_deref().filter(|address| !is_mail_address(address)) {
            document.error(&section.span_of("address"), format!("`{address}` is no mail address"));
        }
        let rules = section.text(document, "rules").unwrap_or_else(|| format!("rules/{name}"));
        let rules = self.dir.join(rules);
        if !rules.is_dir() {
            document.error(
                &section.span_of("rules"),
                format!("the rules folder {} is not there; create it or correct `rules`", rules.display()),
            );
        }
        let shadow = section.text(document, "shadow").map(|dir| self.dir.join(dir));
        if let Some(dir) = shadow.as_ref().filter(|dir| !dir.is_dir() || **dir == rules) {
            let told = format!("`shadow` must be another folder with rules; {} is none", dir.display());
            document.error(&section.span_of("shadow"), told);
        }
        let reload = |text: &str| match text {
            "fixtures" => Ok(Reload::Fixtures),
            "check" => Ok(Reload::Check),
            other => Err(format!("`{other}` is neither \"fixtures\" nor \"check\"")),
        };
        let default = MailboxConfig::new(address.clone().unwrap_or_default(), rules);
        let folders = section.list(document, "folders").map(texts);
        if folders.as_ref().is_some_and(Vec::is_empty) {
            document.error(&section.span_of("folders"), "`folders` is empty: nothing would be followed");
        }
        let zone = |text: &str| jiff::tz::TimeZone::get(text).map_err(|_| format!("`{text}` is no time zone like Europe/Berlin"));
        let time_zone = section.parsed(document, "time_zone", zone).unwrap_or(default.time_zone);
        let start = |text: &str| match text {
            "all" => Ok(Start::All),
            "now" => Ok(Start::Now),
            day => day
                .parse::<jiff::civil::Date>()
                .and_then(|day| Ok(Start::On(day.to_zoned(time_zone.clone())?.timestamp())))
                .map_err(|_| format!("`{day}` is neither \"all\", \"now\" nor a day such as \"2026-11-01\"")),
        };
        let poll = section.parsed(document, "poll", duration).unwrap_or(default.poll);
        let stale = section.parsed(document, "stale", duration);
        if stale.is_some_and(|stale| stale < poll) {
            document.error(&section.span_of("stale"), "`stale` is shorter than `poll`: every folder would be looked at too late");
        }
        let mailbox = MailboxConfig {
            shadow,
            reload: section.parsed(document, "reload", reload).unwrap_or(default.reload),
            folders: folders.unwrap_or(default.folders),
            poll,
            stale: stale.unwrap_or(default.stale).max(poll),
            audit: section.parsed(document, "audit", duration).unwrap_or(default.audit),
            start: section.parsed(document, "start", start).unwrap_or(default.start),
            create_folders: section.flag(document, "create_folders").unwrap_or(default.create_folders),
            allowed_folders: section.list(document, "allowed_folders").map(texts).unwrap_or_default(),
            time_zone: time_zone.clone(),
            replies: section.section(document, "replies").map_or(default.replies, |replies| self.replies(&replies)),
            brake: self.brake(section),
            ..default
        };
        address.map(|_| mailbox)
    }

    fn replies(&mut self, section: &Section<'a>) -> ReplyBudget {
        let known = ["per_minute", "per_sender_per_day", "per_conversation", "per_domain_per_hour", "per_rule_set_per_hour"];
        section.know(&mut self.document, &known);
        let default = ReplyBudget::default();
        let mut count = |key| section.count(&mut self.document, key);
        ReplyBudget {
            per_minute: count("per_minute").unwrap_or(default.per_minute),
            per_sender_per_day: count("per_sender_per_day").unwrap_or(default.per_sender_per_day),
            per_conversation: count("per_conversation").unwrap_or(default.per_conversation),
            per_domain_per_hour: count("per_domain_per_hour"),
            per_rule_set_per_hour: count("per_rule_set_per_hour"),
        }
    }

    /// `brake = false`, or `brake = { effects = 50, waiting = 50 }`.
    fn brake(&mut self, section: &Section<'a>) -> Option<BrakeSetting> {
        let default = BrakeSetting::default();
        let document = &mut self.document;
        match section.get("brake").map(|value| value.get_ref().as_bool()) {
            None | Some(Some(true)) => Some(default),
            Some(Some(false)) => None,
            Some(None) => {
                let brake = section.section(document, "brake")?;
                brake.know(document, &["effects", "waiting"]);
                let mut count = |key| brake.count(document, key);
                Some(BrakeSetting {
                    effects: count("effects").unwrap_or(default.effects).max(1),
                    waiting: count("waiting").unwrap_or(default.waiting),
                })
            }
        }
    }

    fn endpoints(&mut self, root: &Section<'a>) -> BTreeMap<EndpointName, EndpointConfig> {
        let Some(all) = root.section(&mut self.document, "endpoint") else { return BTreeMap::new() };
        let mut endpoints = BTreeMap::new();
        for (name, section) in all.sections(&mut self.document) {
            self.check_name(&name, &section.span);
            if let Some(endpoint) = self.endpoint(&section) {
                endpoints.insert(EndpointName::new(name), endpoint);
            }
        }
        endpoints
    }

    /// A secret: `{ env = "NAME" }` or `{ file = "PATH" }`. One that has no value is a warning here.
    pub(super) fn secret(&mut self, section: &Section<'a>, key: &str) -> Option<SecretSetting> {
        let value = section.get(key)?;
        self.secret_at(section, key, value)
    }

    pub(super) fn secret_at(
        &mut self,
        section: &Section<'a>,
        key: &str,
        value: &'a Spanned<DeValue<'a>>,
    ) -> Option<SecretSetting> {
        let Some(table) = value.get_ref().as_table() else {
            // Whatever stands there may be the secret itself: it is not repeated.
            let told = format!(
                "`{key}` in [{}] must be {{ env = \"NAME\" }} or {{ file = \"PATH\" }}; secrets are never written here",
                section.path
            );
            self.document.error(&value.span(), told);
            return None;
        };
        let from = Section::new(format!("{}.{key}", section.path), value.span(), table);
        from.know(&mut self.document, &["env", "file"]);
        let (env, file) = (from.text(&mut self.document, "env"), from.text(&mut self.document, "file"));
        let source = match (env, file) {
            (Some(name), None) => SecretSource::Env(name),
            (None, Some(path)) => SecretSource::File(self.dir.join(path)),
            _ => {
                self.document.error(&from.span, format!("`{key}` in [{}] must hold either `env` or `file`", section.path));
                return None;
            }
        };
        let secret = SecretSetting::look(source, self.environment, self.document.at(&from.span));
        self.document.problems.extend(secret.missing());
        Some(secret)
    }

    fn web(&mut self, section: &Section<'a>) -> Web {
        let document = &mut self.document;
        section.know(document, &["listen", "public_url", "tls", "end_subscriptions"]);
        let default = Web::default();
        let address = |text: &str| text.parse().map_err(|_| format!("`{text}` is no address and port like 127.0.0.1:8080"));
        let listen = section.parsed(document, "listen", address).unwrap_or(default.listen);
        let public_url = section.parsed(document, "public_url", |text| service_url(text).map(|_| text.to_owned()));
        let end_subscriptions = section.flag(document, "end_subscriptions").unwrap_or(default.end_subscriptions);
        let tls = section.section(document, "tls").and_then(|tls| {
            tls.know(document, &["certificate", "key"]);
            let (certificate, key) = (tls.required(document, "certificate"), tls.required(document, "key"));
            Some(TlsFiles { certificate: self.dir.join(certificate?), key: self.dir.join(key?) })
        });
        Web { listen, public_url, tls, end_subscriptions }
    }

    fn check_name(&mut self, name: &str, span: &Range<usize>) {
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
            self.document.error(span, format!("`{name}` is no name: letters, digits, `-` and `_` only"));
        }
    }
}

pub(super) fn texts(list: Vec<(String, Range<usize>)>) -> Vec<String> {
    list.into_iter().map(|(text, _)| text).collect()
}
