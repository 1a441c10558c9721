//! Starts the tasks of the engine and joins them: the wiring that `run`, `demo` and every story share.

mod settings;
mod standing_rules;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::{Clock, from_ms};
use crate::config::{Config, MailboxConfig, Reload as ReloadSetting, Start};
use crate::decider::{DecidedMailbox, Decider, LiveRules, Role, RulesWatch, kept_files, origin_of};
use crate::endpoints::{EndpointError, Endpoints};
use crate::executor::{Executor, LeaseTrouble, Machine, Patience};
use crate::graph::{Graph, GraphError};
use crate::ids::MailboxName;
use crate::intake::{Auditor, Follower, Health, Hooks, Nudge, Subscriber};
use crate::journal::{Arrival, Deciding, InstanceKey, Journal, JournalError, Lock};
use crate::parsing::{Parser, Parsing};
use crate::rules::Surroundings;
use crate::web::{self, Console};
use settings::served_mailbox;
pub use settings::{endpoint_settings, fixtures_dir, graph_settings, surroundings};
use standing_rules::{Remarks, gate, load_rules, rules_line, shadow_of};

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
            let dir = mailbox.rules.clone();
            let origin = clock.work(move || origin_of(&dir)).await.unwrap_or_default();
            journal.record_version(&name, set.hash(), origin).await?;
            let live = LiveRules::new(set, clock.now());
            let remarks = Remarks::default();
            let graph = graph.mailbox(&mailbox.address);
            let from = engine.start_of(&name, mailbox, &clock).await?;
            engine.follow((&name, from), mailbox, &graph, &watching);
            engine.watch_rules(config, (&name, mailbox), (live.clone(), remarks.clone()), (&given, &stopped));
            let shadow = shadow_of(config, &name, clock.now());
            if let Some(shadow) = &shadow {
                journal.keep_rule_set(shadow.rules.current().hash(), &kept_files(&shadow.rules.current())).await?;
                engine.watch_shadow(config, (&name, mailbox), shadow.rules.clone(), (&given, &stopped));
            }
            shown.push((name.clone(), live.clone(), remarks, shadow.clone().map(|shadow| shadow.rules)));
            actions.insert(name.clone(), served_mailbox(mailbox, &graph));
            decisions.insert(name, DecidedMailbox { graph, rules: live, shadow });
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
        let reload = if mailbox.reload == ReloadSetting::Check { Reload::Compiles } else { given.reload };
        let rules = RulesWatch {
            mailbox: name.clone(),
            dir: mailbox.rules.clone(),
            role: Role::Live,
            surroundings: surroundings(config, name),
            gate: gate(fixtures_dir(config, name), reload, remarks),
            live,
            journal: self.journal.clone(),
            idle: given.patience.idle,
            clock: given.clock.clone(),
        };
        let stopped = stopped.clone();
        self.tasks.spawn(async move { rules.run(stopped).await });
    }

    /// Rules in the shadow need not hold any case: they are there to be tried.
    fn watch_shadow(
        &mut self,
        config: &Config,
        (name, mailbox): (&MailboxName, &MailboxConfig),
        live: LiveRules,
        (given, stopped): (&Given, &watch::Receiver<bool>),
    ) {
        let Some(dir) = mailbox.shadow.clone() else { return };
        let surroundings = Surroundings { dir: dir.display().to_string(), ..surroundings(config, name) };
        let rules = RulesWatch {
            mailbox: name.clone(),
            dir,
            role: Role::Shadow,
            surroundings,
            gate: Arc::new(|_| Ok(())),
            live,
            journal: self.journal.clone(),
            idle: given.patience.idle,
            clock: given.clock.clone(),
        };
        let stopped = stopped.clone();
        self.tasks.spawn(async move { rules.run(stopped).await });
    }
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
