//! The world of a story: a tenant, a receiver, rules in a folder, and the engine wired by the daemon as in `run`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use postroom::clock::Clock;
use postroom::config::{Config, EndpointConfig, GraphAccess, MailboxConfig, SecretSetting, Tenant, Web};
use postroom::daemon::{Configuration, Daemon, Given, Reload};
use postroom::executor::{Machine, Patience};
use postroom::ids::{EndpointName, MailboxName};
use postroom::journal::{Counts, MessageLine};
use postroom::parsing::{Limits, Parsing};
use postroom::simulator::{MailboxSeed, Options, Receiver, ReceiverOptions, Simulator, Tape};
use serde_json::{Value, json};

use crate::graph::{Judge, Side};

pub const MAILBOX: &str = "invoices@contoso.com";

/// A story that takes longer is stuck.
const PATIENCE_OF_A_STORY: Duration = Duration::from_secs(40);

pub struct World {
    pub tenant: Simulator,
    pub receiver: Receiver,
    pub config: Config,
    pub patience: Patience,
    pub parsing: Parsing,
    pub engine: Option<Daemon>,
    pub clock: Clock,
    pub configuration: Configuration,
    /// Where the engine runs; a start later in the story is another process there.
    pub boot: String,
    /// Holds all that is said to the tenant, and all that it answers, against Microsoft's model.
    pub judge: Judge,
    dir: tempfile::TempDir,
}

impl World {
    /// A tenant with one mailbox, a receiver, and these rules; the engine is not started yet.
    pub async fn new(rules: &[(&str, &str)]) -> Self {
        Self::at(rules, Clock::system()).await
    }

    /// The same by another clock.
    pub async fn at(rules: &[(&str, &str)], clock: Clock) -> Self {
        Self::with(rules, &[MAILBOX], clock).await
    }

    /// A tenant with these mailboxes, the first of them configured.
    pub async fn with_mailboxes(rules: &[(&str, &str)], addresses: &[&str]) -> Self {
        Self::with(rules, addresses, Clock::system()).await
    }

    async fn with(rules: &[(&str, &str)], addresses: &[&str], clock: Clock) -> Self {
        let seed = |address: &&str| MailboxSeed { address: (*address).to_owned(), mail: Vec::new() };
        let dir = tempfile::tempdir().unwrap();
        let judge = Judge::default();
        let hearing = judge.clone();
        let options = Options {
            mailboxes: addresses.iter().map(seed).collect(),
            sent_delay: Duration::from_millis(20),
            tape: Some(Tape::new(move |exchange| hearing.hear(exchange, Side::Both))),
            ..Options::new(clock.clone())
        };
        let tenant = Simulator::start(options).await.unwrap();
        let receiver = Receiver::start(ReceiverOptions::new("ERP", clock.clone())).await.unwrap();
        let folder = dir.path().join("rules");
        for (path, text) in rules {
            write(&folder.join(path), text);
        }
        std::fs::create_dir_all(&folder).unwrap();
        let mut mailbox = MailboxConfig::new(MAILBOX, folder);
        mailbox.poll = Duration::from_millis(50);
        mailbox.create_folders = true;
        mailbox.replies.per_minute = 10_000;
        let erp = EndpointConfig {
            idempotent: Some(Duration::from_hours(24)),
            timeout: Duration::from_secs(2),
            ..EndpointConfig::new(format!("{}/erp", receiver.base_url()))
        };
        let once = EndpointConfig { idempotent: None, ..EndpointConfig::new(format!("{}/once", receiver.base_url())) };
        let config = Config {
            file: dir.path().join("postroom.toml"),
            tenant: Tenant {
                id: "contoso.onmicrosoft.com".into(),
                client_id: "app".into(),
                credential: SecretSetting::given("secret").into(),
            },
            graph: GraphAccess {
                base_url: format!("{}/v1.0", tenant.base_url()),
                login_url: tenant.base_url(),
                timeout: Duration::from_secs(2),
                ..GraphAccess::default()
            },
            mailboxes: BTreeMap::from([(MailboxName::new("invoices"), mailbox)]),
            endpoints: BTreeMap::from([(EndpointName::new("erp"), erp), (EndpointName::new("once"), once)]),
            state: dir.path().join("postroom.db"),
            web: Web { listen: ([127, 0, 0, 1], 0).into(), ..Web::default() },
            warnings: Vec::new(),
        };
        let ms = |list: &[u64]| list.iter().copied().map(Duration::from_millis).collect();
        let patience = Patience {
            retries: ms(&[20, 50, 100]),
            posts: ms(&[20, 50, 100]),
            endpoint_pauses: ms(&[100, 300, 1_000]),
            looks: ms(&[50, 100, 200]),
            look_again: Duration::from_millis(20),
            settle: Duration::from_millis(1_500),
            give_up: Duration::from_secs(5),
            configuration: Duration::from_millis(100),
            index: Duration::from_millis(200),
            lease_settle: Duration::from_millis(200),
            lease_look: Duration::from_millis(100),
            ..Patience::default()
        };
        let parsing = in_children(Limits::default());
        Self {
            tenant,
            receiver,
            config,
            patience,
            parsing,
            engine: None,
            clock,
            configuration: Configuration::Fixed,
            boot: "first boot".to_owned(),
            judge,
            dir,
        }
    }

    /// A world with its engine started.
    pub async fn started(rules: &[(&str, &str)]) -> Self {
        let mut world = Self::new(rules).await;
        world.start().await;
        world
    }

    pub async fn start(&mut self) {
        self.engine = Some(Daemon::start(&self.config, self.given()).await.unwrap());
    }

    pub fn given(&self) -> Given {
        let (clock, patience, parsing) = (self.clock.clone(), self.patience.clone(), self.parsing.clone());
        Given {
            clock,
            patience,
            reload: Reload::Cases,
            parsing,
            machine: Machine::booted(&self.boot),
            configuration: self.configuration,
        }
    }

    pub async fn stop(&mut self) {
        if let Some(engine) = self.engine.take() {
            engine.stop().await;
        }
    }

    pub fn rules_dir(&self) -> PathBuf {
        self.dir.path().join("rules")
    }

    pub fn deliver(&self, raw: &[u8]) {
        self.tenant.deliver(MAILBOX, raw).unwrap();
    }

    pub fn script(&self, fault: &Value) {
        self.tenant.script(fault).unwrap();
    }

    /// Waits until `done` says so of the journal's counts, looking whenever something was written.
    pub async fn until(&self, what: &str, done: impl Fn(&Counts, &[MessageLine]) -> bool) -> Vec<MessageLine> {
        let journal = self.engine.as_ref().unwrap().journal();
        let mut bell = journal.bell();
        let waiting = async {
            loop {
                bell.borrow_and_update();
                let (counts, lines) = (journal.counts().await.unwrap(), journal.newest(1_000).await.unwrap());
                if done(&counts, &lines) {
                    return lines;
                }
                bell.changed().await.unwrap();
            }
        };
        if let Ok(lines) = tokio::time::timeout(PATIENCE_OF_A_STORY, waiting).await {
            return lines;
        }
        panic!("never came: {what}; there is {:#?} {}", journal.newest(20).await.unwrap(), self.page().await)
    }

    /// Waits until so many messages are worked off.
    pub async fn settled(&self, messages: i64) -> Vec<MessageLine> {
        self.until(&format!("{messages} messages worked off"), |counts, _| {
            counts.messages >= messages && counts.undecided == 0 && counts.open == 0
        })
        .await
    }

    /// The effects on the tenant that the engine brought about, in order: `moved`, `patched` … Without our own folder and its lease.
    pub fn effects(&self) -> Vec<String> {
        let ledger = self.tenant.ledger();
        let entries = ledger.as_array().unwrap();
        let ours = entries
            .iter()
            .filter(|entry| entry["effect"] != "delivered" && entry["by"] != "person" && entry["by"] != "transport")
            .filter(|entry| {
                entry["folder"] != "Postroom Outbox"
                    || !["folder_created", "folder_patched"].contains(&entry["effect"].as_str().unwrap())
            });
        ours.map(|entry| entry["effect"].as_str().unwrap().to_owned()).collect()
    }

    /// How often an effect is in the ledger.
    pub fn count(&self, effect: &str) -> usize {
        self.effects().iter().filter(|found| *found == effect).count()
    }

    /// Subjects by folder, sorted.
    pub fn folders(&self) -> Value {
        let shown = self.tenant.mailbox(MAILBOX).unwrap();
        let folders = shown["folders"].as_object().unwrap().iter().filter_map(|(path, messages)| {
            let mut subjects: Vec<&str> =
                messages.as_array()?.iter().map(|message| message["subject"].as_str().unwrap_or("")).collect();
            subjects.sort_unstable();
            (!subjects.is_empty()).then(|| (path.clone(), json!(subjects)))
        });
        Value::Object(folders.collect())
    }

    /// Waits until the tenant has filed everything as expected: sent mail is on its way for a moment.
    pub async fn until_filed(&self, expected: &Value) {
        self.until_folders(&expected.to_string(), |folders| folders == expected).await;
    }

    /// Waits until so much mail lies in Sent Items.
    pub async fn until_sent(&self, count: usize) {
        let sent = |folders: &Value| folders["Sent Items"].as_array().map_or(0, Vec::len);
        self.until_folders(&format!("{count} in Sent Items"), |folders| sent(folders) >= count).await;
    }

    async fn until_folders(&self, expected: &str, done: impl Fn(&Value) -> bool) {
        let looking = async {
            while !done(&self.folders()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(
            tokio::time::timeout(PATIENCE_OF_A_STORY, looking).await.is_ok(),
            "never came: {expected}; there is {}",
            self.folders()
        );
    }

    /// What the receiver took, once each.
    pub fn posted(&self) -> Vec<Value> {
        self.receiver.received().into_iter().map(|received| received.body).collect()
    }
}

impl Drop for World {
    /// A story that failed has said why already.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.judge.verdict(), Vec::<String>::new(), "not as Microsoft's model has it");
        }
    }
}

/// Content is parsed as in `run`, within these limits.
pub fn in_children(limits: Limits) -> Parsing {
    Parsing::Children { program: env!("CARGO_BIN_EXE_postroom").into(), limits }
}

pub fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A plain mail from a customer.
pub fn mail(number: usize, subject: &str, body: &str) -> Vec<u8> {
    format!(
        "From: Ana <ana{number}@fabrikam.com>\r\nTo: {MAILBOX}\r\nSubject: {subject}\r\nDate: Mon, 2 Mar 2026 09:00:00 +0000\r\n\
         Message-ID: <{number}@fabrikam.com>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
    )
    .into_bytes()
}

/// The statuses of a message's actions in order.
pub fn statuses(line: &MessageLine) -> Vec<&str> {
    line.actions.iter().map(|action| action.status.as_str()).collect()
}

impl World {
    /// The page as a browser gets it.
    pub async fn page(&self) -> String {
        let address = self.engine.as_ref().unwrap().address().unwrap();
        reqwest::get(format!("http://{address}/")).await.unwrap().text().await.unwrap()
    }

    /// Reloads the page, as a person would, until it shows `text`.
    pub async fn until_page(&self, text: &str) {
        self.reload_until(&format!("`{text}` on the page"), |page| page.contains(text)).await;
    }

    /// Reloads the page until it no longer shows `text`.
    pub async fn until_page_lacks(&self, text: &str) {
        self.reload_until(&format!("a page without `{text}`"), |page| !page.contains(text)).await;
    }

    async fn reload_until(&self, what: &str, done: impl Fn(&str) -> bool) {
        let looking = async {
            let mut page = self.page().await;
            while !done(&page) {
                tokio::time::sleep(Duration::from_millis(20)).await;
                page = self.page().await;
            }
        };
        assert!(
            tokio::time::timeout(PATIENCE_OF_A_STORY, looking).await.is_ok(),
            "never came: {what}; there is {}",
            self.page().await
        );
    }
}
