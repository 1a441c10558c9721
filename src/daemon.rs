//! Starts the tasks of the engine and joins them: the wiring that `run`, `demo` and every story share.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::{Clock, from_ms};
use crate::config::{
    AuthSetting, Config, CredentialSetting, IdentitySetting, MailboxConfig, ProfileSetting, SecretSetting, SecretSource, Start,
};
use crate::decider::{DecidedMailbox, Decider, Gate, LiveRules, RulesWatch, kept_files};
use crate::endpoints::{Auth, EndpointError, EndpointSettings, Endpoints, OAuth2, Profile, SchemaFile, Tls};
use crate::executor::{Executor, LeaseTrouble, Machine, MissingFolders, Patience, ReplyBudget, SENDS_MAX, ServedMailbox};
use crate::graph::{Changes, Credential, Graph, GraphError, GraphSettings, IdentityService, Kept};
use crate::ids::MailboxName;
use crate::intake::{Auditor, Follower, Health, Hooks, Nudge, Subscriber};
use crate::journal::{Arrival, Brake, Deciding, InstanceKey, Journal, JournalError, Lock};
use crate::outgoing::Secret;
use crate::parsing::{Parser, Parsing};
use crate::replay;
use crate::rules::{EndpointFacts, Fault, RuleFiles, RuleSet, Surroundings};
use crate::web::{self, Console, RulesLine};

/// What a start is given beside the configuration.
#[derive(Clone, Debug)]
pub struct Given {
    /// The time.
    pub clock: Clock,
    /// The executor's waiting times.
    pub patience: Patience,
    /// What an edited rule set must hold before it goes live.
    pub reload: Reload,
    /// Where content is parsed.
    pub parsing: Parsing,
    /// By what name the leases on mailboxes know this process.
    pub machine: Machine,
}

/// What an edited rule set must hold before it goes live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// It compiles, and the fixtures' cases give what they expect.
    Cases,
    /// It compiles; cases that give something else are remarked on.
    Compiles,
}

/// Why the engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The settings for Graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The settings of an endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Rules that do not load: every fault.
    #[error("the rules of mailbox `{mailbox}` cannot be used\n{faults}")]
    Rules {
        /// The mailbox.
        mailbox: MailboxName,
        /// The faults, one below the other.
        faults: String,
    },
    /// The address to listen on.
    #[error("{address} cannot be listened on: {error}; give another one in [web] listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
}

/// What the loops that watch mailboxes share.
struct Watching {
    health: Health,
    hooks: Hooks,
    /// Where the service tells of arrivals, if it is to.
    url: Option<String>,
    key: InstanceKey,
    clock: Clock,
    stopped: watch::Receiver<bool>,
}

/// The running engine.
pub struct Daemon {
    journal: Journal,
    tasks: JoinSet<Result<(), JournalError>>,
    stop: watch::Sender<bool>,
    address: Option<SocketAddr>,
    _lock: Lock,
}

impl Daemon {
    /// Starts everything the configuration names.
    ///
    /// # Errors
    /// The database is in use, rules do not load, an address cannot be listened on.
    pub async fn start(config: &Config, given: Given) -> Result<Self, StartError> {
        let lock = Lock::take(&config.state)?;
        let key = InstanceKey::beside(&config.state)?;
        let clock = given.clock.clone();
        let endpoints =
            Arc::new(Endpoints::with_pauses(endpoint_settings(config), clock.clone(), &given.patience.endpoint_pauses)?);
        let graph = Graph::new(&graph_settings(config), clock.clone())?;
        let rules = load_rules(config)?;
        let listener = listen(config).await?;
        let address = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let journal = Journal::open(&config.state, clock.clone())?;
        let deciding = Deciding::take_up(&journal).await?;

        let (stop, stopped) = watch::channel(false);
        let mut engine = Self { journal: journal.clone(), tasks: JoinSet::new(), stop, address, _lock: lock };
        let watching = Watching {
            health: Health::default(),
            hooks: Hooks::default(),
            url: config.web.public_url.as_ref().map(|url| format!("{}{}", url.trim_end_matches('/'), web::NOTIFICATIONS)),
            key: key.clone(),
            clock: clock.clone(),
            stopped: stopped.clone(),
        };
        let mut decisions = BTreeMap::new();
        let mut actions = BTreeMap::new();
        let mut shown = Vec::new();
        for (name, set) in rules {
            let Some(mailbox) = config.mailboxes.get(&name) else { continue };
            journal.keep_rule_set(set.hash(), &kept_files(&set)).await?;
            let live = LiveRules::new(set, clock.now());
            let remarks = Remarks::default();
            let graph = graph.mailbox(&mailbox.address);
            let from = engine.start_of(&name, mailbox, &clock).await?;
            engine.follow((&name, from), mailbox, &graph, &watching);
            engine.watch_rules(config, (&name, mailbox), (live.clone(), remarks.clone()), (&given, &stopped));
            shown.push((name.clone(), live.clone(), remarks));
            actions.insert(name.clone(), served_mailbox(mailbox, &graph));
            decisions.insert(name, DecidedMailbox { graph, rules: live });
        }
        let parser = Parser::new(given.parsing);
        let decider = Decider::new(
            journal.clone(),
            decisions,
            (Arc::clone(&endpoints), key.clone()),
            (clock.clone(), given.patience.idle),
            (parser.clone(), deciding),
        );
        let leases = LeaseTrouble::default();
        let executor = Executor::new(
            journal.clone(),
            actions,
            endpoints,
            (key, given.machine),
            (clock.clone(), given.patience),
            (parser, leases.clone()),
        );
        let (for_decider, for_executor) = (stopped.clone(), stopped.clone());
        engine.tasks.spawn(async move { decider.run(for_decider).await });
        engine.tasks.spawn(async move { executor.run(for_executor).await });
        if let Some(listener) = listener {
            let console = Console {
                journal,
                health: watching.health,
                hooks: watching.hooks,
                rules: Arc::new(move || shown.iter().map(rules_line).collect()),
                leases: Arc::new(move || leases.all()),
                credential: Arc::new(move || graph.ends_soon()),
                clock,
            };
            engine.tasks.spawn(async move {
                if let Err(error) = web::serve(listener, console, stopped).await {
                    tracing::error!(%error, "the page is no longer served; the engine goes on");
                }
                Ok(())
            });
        }
        Ok(engine)
    }

    /// The journal, to look into.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Where the page is served.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Completes when the engine cannot go on, with the reason.
    pub async fn failed(&mut self) -> String {
        loop {
            tokio::select! {
                error = self.journal.broken() => return error.to_string(),
                ended = self.tasks.join_next() => match ended {
                    Some(Ok(Ok(()))) => {}
                    Some(Ok(Err(error))) => return error.to_string(),
                    Some(Err(panic)) => return format!("a task of the engine ended: {panic}"),
                    None => return "every task of the engine has ended".to_owned(),
                },
            }
        }
    }

    /// Begins nothing new, finishes the calls that are under way, and ends.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Ok(Err(error)) = ended {
                tracing::error!(%error, "a task ended with an error");
            }
        }
        self.journal.close().await;
    }

    /// From when on a mailbox's mail is worked. `now` is the first start on this database, whenever that was.
    async fn start_of(&self, name: &MailboxName, mailbox: &MailboxConfig, clock: &Clock) -> Result<Timestamp, JournalError> {
        // Graph tells times of arrival in whole seconds.
        let now = from_ms(clock.now().as_second() * 1_000);
        self.journal.audited_until(name, now).await?;
        Ok(match mailbox.start {
            Start::All => Timestamp::MIN,
            Start::On(day) => day,
            Start::Now => self.journal.audited_from(name).await?.unwrap_or(now),
        })
    }

    fn follow(
        &mut self,
        (name, from): (&MailboxName, Timestamp),
        mailbox: &MailboxConfig,
        graph: &crate::graph::Mailbox,
        watching: &Watching,
    ) {
        let Watching { health, hooks, url, key, clock, stopped } = watching;
        for folder in &mailbox.folders {
            let arrival = Arrival { mailbox: name.clone(), folder: folder.clone() };
            let nudge = Nudge::default();
            if let Some(url) = url {
                let subscriber = Subscriber {
                    graph: graph.clone(),
                    arrival: arrival.clone(),
                    url: url.clone(),
                    hooks: hooks.clone(),
                    nudge: nudge.clone(),
                    key: key.clone(),
                    journal: self.journal.clone(),
                    clock: clock.clone(),
                    health: health.clone(),
                };
                let stopped = stopped.clone();
                self.tasks.spawn(async move { subscriber.run(stopped).await });
            }
            let follower = Follower {
                graph: graph.clone(),
                arrival,
                from,
                poll: mailbox.poll,
                journal: self.journal.clone(),
                clock: clock.clone(),
                health: health.clone(),
            };
            let stopped = stopped.clone();
            self.tasks.spawn(async move { follower.run(&nudge, stopped).await });
        }
        let Some(folder) = mailbox.folders.first() else { return };
        let auditor = Auditor {
            graph: graph.clone(),
            arrival: Arrival { mailbox: name.clone(), folder: folder.clone() },
            poll: mailbox.poll,
            every: mailbox.audit,
            journal: self.journal.clone(),
            clock: clock.clone(),
            health: health.clone(),
        };
        let stopped = stopped.clone();
        self.tasks.spawn(async move { auditor.run(stopped).await });
    }

    fn watch_rules(
        &mut self,
        config: &Config,
        (name, mailbox): (&MailboxName, &MailboxConfig),
        (live, remarks): (LiveRules, Remarks),
        (given, stopped): (&Given, &watch::Receiver<bool>),
    ) {
        let rules = RulesWatch {
            mailbox: name.clone(),
            dir: mailbox.rules.clone(),
            surroundings: surroundings(config, name),
            gate: gate(fixtures_dir(config, name), given.reload, remarks),
            live,
            journal: self.journal.clone(),
            idle: given.patience.idle,
            clock: given.clock.clone(),
        };
        let stopped = stopped.clone();
        self.tasks.spawn(async move { rules.run(stopped).await });
    }
}

/// What does not keep rules from being live but should be known.
type Remarks = Arc<std::sync::Mutex<Vec<String>>>;

fn gate(fixtures: PathBuf, reload: Reload, remarks: Remarks) -> Gate {
    Arc::new(move |set| {
        let held = if fixtures.is_dir() { replay::cases_hold(set, &fixtures) } else { Ok(()) };
        let mut remarks = remarks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *remarks = match (reload, held) {
            (Reload::Cases, Err(differences)) => return Err(differences),
            (Reload::Compiles, Err(differences)) => differences,
            (_, Ok(())) => Vec::new(),
        };
        Ok(())
    })
}

/// The rules of every mailbox, compiled.
///
/// # Errors
/// The faults of the first mailbox whose rules do not load.
fn load_rules(config: &Config) -> Result<BTreeMap<MailboxName, RuleSet>, StartError> {
    let load = |name: &MailboxName, mailbox: &MailboxConfig| {
        let refused = |faults: String| StartError::Rules { mailbox: name.clone(), faults };
        let files = RuleFiles::read(&mailbox.rules).map_err(|error| refused(error.to_string()))?;
        RuleSet::load(files, surroundings(config, name))
            .map_err(|faults| refused(faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n")))
    };
    config.mailboxes.iter().map(|(name, mailbox)| Ok((name.clone(), load(name, mailbox)?))).collect()
}

/// The page's listener. Mail is worked without a page too; only where the world must reach us it has to be there.
async fn listen(config: &Config) -> Result<Option<TcpListener>, StartError> {
    let address = config.web.listen;
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if config.web.public_url.is_some() => Err(StartError::Listen { address, error }),
        Err(error) => {
            tracing::error!(%address, %error, "the page is not served; give another address in [web] listen");
            Ok(None)
        }
    }
}

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

fn served_mailbox(mailbox: &MailboxConfig, graph: &crate::graph::Mailbox) -> ServedMailbox {
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

fn rules_line((name, live, remarks): &(MailboxName, LiveRules, Remarks)) -> RulesLine {
    let loaded = live.loaded();
    RulesLine {
        mailbox: name.to_string(),
        version: loaded.set.hash().short().to_owned(),
        since: loaded.since.strftime("%H:%M:%S").to_string(),
        refused: loaded.refused.map(|refusal| refusal.faults).unwrap_or_default(),
        remarks: remarks.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone(),
    }
}
