//! Starts the tasks of the engine and joins them: the wiring that `run`, `demo` and every story share.

mod mailboxes;
mod rules;
mod settings;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::config::{Config, MailboxConfig};
use crate::decider::{Decider, Edits};
use crate::endpoints::{EndpointError, Endpoints};
use crate::executor::{Executor, LeaseTrouble, Machine, Patience};
use crate::graph::{Graph, GraphError};
use crate::ids::MailboxName;
use crate::intake::{Health, Hooks, Notifications};
use crate::journal::{Deciding, InstanceKey, Journal, JournalError, Lock};
use crate::parsing::{Parser, Parsing};
use crate::roster::Roster;
use crate::rules::RuleSet;
use crate::web::{self, Console, Tls, TlsError};
use mailboxes::{Mailboxes, Trouble};
use rules::load_set;
pub use settings::{endpoint_settings, fixtures_dir, graph_settings, surroundings};

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
    /// Whether an edited configuration is followed.
    pub configuration: Configuration,
}

/// Whether an edited configuration is followed while the engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Configuration {
    /// It is as it was given.
    Fixed,
    /// Its file is read again when it changes: mailboxes join, leave, or work by new settings.
    Followed,
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
    /// Our own certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address to listen on.
    #[error("{address} cannot be listened on: {error}; give another one in [web] listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
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
        let tls = config.web.tls.clone().map(|files| Tls::read(files.certificate, files.key, clock.clone())).transpose()?;
        let journal = Journal::open(&config.state, clock.clone())?;
        let deciding = Deciding::take_up(&journal).await?;

        let (stop, stopped) = watch::channel(false);
        let mut engine = Self { journal: journal.clone(), tasks: JoinSet::new(), stop, address, _lock: lock };
        let (health, hooks) = (Health::default(), Hooks::default());
        let url = config.web.public_url.as_ref().map(|url| format!("{}{}", url.trim_end_matches('/'), web::NOTIFICATIONS));
        let mailboxes = Mailboxes {
            config: config.clone(),
            given: given.clone(),
            graph: graph.clone(),
            journal: journal.clone(),
            notifications: url.map(|url| Notifications { url, hooks: hooks.clone(), key: key.clone() }),
            health: health.clone(),
            decided: Roster::default(),
            served: Roster::default(),
            shown: Roster::default(),
            trouble: Trouble::default(),
            edits: Edits::new(),
        };
        let mut prepared = Vec::new();
        for (name, set) in rules {
            let Some(mailbox) = config.mailboxes.get(&name) else { continue };
            prepared.push(mailboxes.prepare(&name, mailbox, set).await?);
        }
        let parser = Parser::new(given.parsing);
        let decider = Decider::new(
            journal.clone(),
            mailboxes.decided.clone(),
            (Arc::clone(&endpoints), key.clone()),
            (clock.clone(), given.patience.idle),
            (parser.clone(), deciding),
        );
        let leases = LeaseTrouble::default();
        let executor = Executor::new(
            journal.clone(),
            mailboxes.served.clone(),
            endpoints,
            (key, given.machine),
            (clock.clone(), given.patience),
            (parser, leases.clone()),
        );
        let (shown, trouble) = (mailboxes.shown.clone(), mailboxes.trouble.clone());
        let (for_mailboxes, for_decider, for_executor) = (stopped.clone(), stopped.clone(), stopped.clone());
        engine.tasks.spawn(async move { mailboxes.run(prepared, for_mailboxes).await });
        engine.tasks.spawn(async move { decider.run(for_decider).await });
        engine.tasks.spawn(async move { executor.run(for_executor).await });
        if let Some(listener) = listener {
            let console = Console {
                journal,
                health,
                hooks,
                rules: Arc::new(move || shown.all().iter().map(|(name, shown)| shown.line(name)).collect()),
                leases: Arc::new(move || leases.all()),
                troubles: Arc::new(move || {
                    let configuration = trouble.all().into_iter().map(|why| ("The configuration:".to_owned(), why));
                    graph.ends_soon().map(|why| ("Signing in:".to_owned(), why)).into_iter().chain(configuration).collect()
                }),
                clock,
            };
            engine.tasks.spawn(async move {
                if let Err(error) = web::serve((listener, tls), console, stopped).await {
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
}

/// The rules of every mailbox, compiled.
///
/// # Errors
/// The faults of the first mailbox whose rules do not load.
fn load_rules(config: &Config) -> Result<Vec<(MailboxName, RuleSet)>, StartError> {
    let load = |(name, mailbox): (&MailboxName, &MailboxConfig)| {
        let set = load_set(config, name, mailbox).map_err(|faults| StartError::Rules { mailbox: name.clone(), faults })?;
        Ok((name.clone(), set))
    };
    config.mailboxes.iter().map(load).collect()
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
