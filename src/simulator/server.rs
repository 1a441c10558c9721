//! The tenant's front: what it is made of, how it starts and stops.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use jiff::SignedDuration;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::agenda::Agenda;
use super::assertion::Registered;
use super::delegated::Delegated;
use super::door;
use super::faults::{FaultTable, GRAPH_OPERATIONS};
use super::flow;
use super::http::{Encryption, Serving, stopped};
use super::ledger::{Cause, Ledger};
use super::limits::Limits;
use super::luck::Comings;
use super::moods::{Moods, Temper};
use super::people::Habit;
use super::permissions::Access;
use super::state::{Mailbox, Names, Tenant};
use super::subscriptions::{self, Post, Subscriptions, Webhooks};
use super::tape::Tape;
use super::transport;
use crate::clock::Clock;

/// A mailbox and the raw messages (RFC 5322) it starts with, oldest first.
#[derive(Clone, Debug, Default)]
pub struct MailboxSeed {
    /// Its address; compared without case.
    pub address: String,
    /// What lies in its Inbox at the start.
    pub mail: Vec<Vec<u8>>,
}

/// What becomes of mail to addresses of our own domains that have no mailbox here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strangers {
    /// It comes back: nobody has this address.
    Bounce,
    /// It arrives with a colleague whose mailbox is not simulated.
    Colleagues,
}

/// What a tenant is made of.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where to listen for https beside it, with a certificate of an authority that lives as long as the tenant.
    pub listen_tls: Option<SocketAddr>,
    /// Its mailboxes.
    pub mailboxes: Vec<MailboxSeed>,
    /// Identifiers follow from it: the same seed and the same calls give the same ones.
    pub seed: u64,
    /// The application (id, secret) that may sign in; `None` lets any in.
    pub client: Option<(String, String)>,
    /// The certificates and issuers that the application is known by.
    pub registered: Registered,
    /// What App Service's identity service, at `/msi/token`, wants to see as `X-IDENTITY-HEADER`.
    pub identity_header: String,
    /// How long a sent draft stays a draft before it moves to Sent Items.
    pub sent_delay: Duration,
    /// What becomes of mail to addresses of our own domains that have no mailbox here.
    pub strangers: Strangers,
    /// How long an access token holds.
    pub token_lifetime: Duration,
    /// How long every Graph call takes at least.
    pub latency: Duration,
    /// How much a mailbox takes before it answers 429.
    pub limits: Limits,
    /// What the application may do, and in which mailboxes.
    pub access: Access,
    /// How patiently the endpoints of subscriptions are posted to.
    pub webhooks: Webhooks,
    /// How it behaves where Microsoft promises nothing.
    pub moods: Moods,
    /// What people do beside the client.
    pub people: Vec<Habit>,
    /// Is told every Graph call with its answer.
    pub tape: Option<Tape>,
    /// Time.
    pub clock: Clock,
}

impl Options {
    /// A tenant without mailboxes on a free port of the loopback interface, as Microsoft's behaves.
    pub fn new(clock: Clock) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            listen_tls: None,
            mailboxes: Vec::new(),
            seed: 1,
            client: None,
            registered: Registered::default(),
            identity_header: "simulated".to_owned(),
            sent_delay: Duration::from_millis(300),
            strangers: Strangers::Bounce,
            token_lifetime: Duration::from_secs(3599),
            latency: Duration::ZERO,
            limits: Limits::default(),
            access: Access::default(),
            webhooks: Webhooks::default(),
            moods: Moods::default(),
            people: Vec::new(),
            tape: None,
            clock,
        }
    }
}

/// Why a tenant cannot start or take a mail.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The address cannot be listened on.
    #[error("the simulator cannot listen on {address}: {reason}; choose another address or stop what uses it")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        reason: std::io::Error,
    },
    /// No certificate could be made.
    #[error("the simulator cannot offer https: {0}")]
    Encryption(String),
    /// The mailbox's name is no mail address.
    #[error("the simulator cannot make a mailbox of \"{0}\": it must be a mail address such as invoices@contoso.com")]
    Address(String),
    /// There is no such mailbox.
    #[error("the simulator has no mailbox {0}: add it to its mailboxes")]
    NoMailbox(String),
    /// A fault that cannot be scripted.
    #[error("the fault cannot be scripted: {0}")]
    Fault(String),
}

/// What all requests share.
pub(crate) struct World {
    tenant: Mutex<Tenant>,
    pub clock: Clock,
    pub latency: Duration,
    pub tape: Option<Tape>,
    pub stop: watch::Receiver<bool>,
    pub post: Post,
}

impl World {
    /// The tenant; never held across a wait.
    pub fn tenant(&self) -> Held<'_> {
        Held(self.tenant.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The tenant in one hand. Who lets go of it leaves no change untold: notifications are made before anybody else looks.
pub(crate) struct Held<'a>(MutexGuard<'a, Tenant>);

impl Deref for Held<'_> {
    type Target = Tenant;

    fn deref(&self) -> &Tenant {
        &self.0
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut Tenant {
        &mut self.0
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        subscriptions::collect(&mut self.0);
    }
}

/// A tenant at work.
pub struct Simulator {
    world: Arc<World>,
    serving: Serving,
    /// The https door and the certificate (PEM) to be trusted there.
    encrypted: Option<(Serving, String)>,
    transport: JoinHandle<()>,
    post: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Simulator {
    /// Fills the mailboxes and begins to serve.
    pub async fn start(options: Options) -> Result<Self, SimulatorError> {
        let (stop, stopping) = watch::channel(false);
        let (listen, listen_tls) = (options.listen, options.listen_tls);
        let (clock, latency, tape) = (options.clock.clone(), options.latency, options.tape.clone());
        let tenant = Mutex::new(tenant_of(options)?);
        let world = Arc::new(World { tenant, clock, latency, tape, stop: stopping.clone(), post: Post::default() });
        let router = Router::new().fallback(flow::answer).with_state(world.clone());
        let encrypted = match listen_tls {
            None => None,
            Some(address) => {
                let Encryption { acceptor, authority } =
                    Encryption::new(address.ip()).map_err(|reason| SimulatorError::Encryption(reason.to_string()))?;
                Some((serve(address, Some(acceptor), router.clone(), &stopping).await?, authority))
            }
        };
        let serving = serve(listen, None, router, &stopping).await?;
        let transport = tokio::spawn(keep_agenda(world.clone(), stopping.clone()));
        let post = tokio::spawn(subscriptions::work(world.clone(), stopping));
        Ok(Self { world, serving, encrypted, transport, post, stop })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.serving.address
    }

    /// `http://HOST:PORT`; Graph is below `/v1.0`, sign-in below `/{tenant}`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.serving.address)
    }

    /// `https://HOST:PORT` and the certificate (PEM) of its authority, if it was asked to listen there.
    pub fn encrypted(&self) -> Option<(String, &str)> {
        let (serving, authority) = self.encrypted.as_ref()?;
        Some((format!("https://{}", serving.address), authority))
    }

    /// Delivers a raw message to a mailbox's Inbox; gives its immutable id.
    pub fn deliver(&self, address: &str, raw: &[u8]) -> Result<String, SimulatorError> {
        let cause = Cause { by: "person", method: "SMTP".to_owned(), path: String::new() };
        transport::deliver(&mut self.world.tenant(), address, raw, &cause)
            .map_err(|_| SimulatorError::NoMailbox(address.to_owned()))
    }

    /// Scripts a fault, as `POST /sim/faults` does.
    pub fn script(&self, fault: &Value) -> Result<(), SimulatorError> {
        self.world.tenant().faults.script(fault).map(|_| ()).map_err(SimulatorError::Fault)
    }

    /// All effects so far, as `GET /sim/ledger` shows them.
    pub fn ledger(&self) -> Value {
        self.world.tenant().ledger.entries()
    }

    /// Changes with every entry of the ledger, at the moment of the effect and before its answer is sent: the number of entries.
    pub fn effects(&self) -> watch::Receiver<u64> {
        self.world.tenant().ledger.effects_bell()
    }

    /// Changes with every Graph call that is let in, before it has any effect: the number of such calls.
    pub fn requests_seen(&self) -> watch::Receiver<u64> {
        self.world.tenant().ledger.requests_bell()
    }

    /// A mailbox's folders and messages, as `GET /sim/mailboxes/{address}` shows them.
    pub fn mailbox(&self, address: &str) -> Result<Value, SimulatorError> {
        let tenant = self.world.tenant();
        let mailbox = tenant.mailboxes.get(&address.to_lowercase());
        mailbox.map(door::show_mailbox).ok_or_else(|| SimulatorError::NoMailbox(address.to_owned()))
    }

    /// The MIME content of the message with this immutable id, as `$value` gives it.
    pub fn raw(&self, address: &str, id: &str) -> Option<Vec<u8>> {
        let tenant = self.world.tenant();
        let mailbox = tenant.mailboxes.get(&address.to_lowercase())?;
        Some(mailbox.mime(mailbox.find(id).ok()?)?.to_vec())
    }

    /// The MIME content of the newest message with this subject in a folder, as `$value` gives it.
    pub fn content(&self, address: &str, folder: &str, subject: &str) -> Option<Vec<u8>> {
        let tenant = self.world.tenant();
        let mailbox = tenant.mailboxes.get(&address.to_lowercase())?;
        let items = &mailbox.folders().find(|found| Some(found.key) == mailbox.folder_at(folder))?.items;
        let named = |key| mailbox.message(key).filter(|message| message.subject == subject).map(|_| key);
        let key = items.iter().rev().find_map(|(_, key)| named(*key))?;
        Some(mailbox.mime(key)?.to_vec())
    }

    /// Stops listening, ends open requests, transport and post; mail not yet transported stays a draft.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        self.serving.join().await;
        if let Some((encrypted, _)) = self.encrypted {
            encrypted.join().await;
        }
        // They end by the same signal; one fails only if it panicked, and then there is nothing left to end.
        let _ = self.transport.await;
        let _ = self.post.await;
    }
}

fn tenant_of(options: Options) -> Result<Tenant, SimulatorError> {
    let started = options.clock.now();
    let mut tenant = Tenant {
        seed: options.seed,
        nonce: format!("{}|{started}|{}", options.seed, std::process::id()),
        names: Names::new(options.seed, "tenant"),
        mailboxes: BTreeMap::new(),
        tokens: HashMap::new(),
        client: options.client,
        registered: options.registered,
        delegated: Delegated::default(),
        identity_header: options.identity_header,
        token_lifetime: options.token_lifetime,
        sent_delay: options.sent_delay,
        strangers: options.strangers,
        limits: options.limits,
        access: options.access,
        temper: Temper { seed: options.seed, moods: options.moods },
        people: options.people,
        agenda: Agenda::default(),
        faults: FaultTable::new(GRAPH_OPERATIONS),
        subscriptions: Subscriptions::new(options.webhooks),
        comings: Comings::default(),
        ledger: Ledger::default(),
        clock: options.clock,
    };
    for seed in &options.mailboxes {
        if !seed.address.contains('@') {
            return Err(SimulatorError::Address(seed.address.clone()));
        }
        let mailbox = Mailbox::new(&seed.address, options.seed, tenant.clock.clone());
        tenant.mailboxes.insert(seed.address.to_lowercase(), mailbox);
    }
    let cause = Cause { by: "seed", method: "SMTP".to_owned(), path: String::new() };
    for seed in &options.mailboxes {
        for raw in &seed.mail {
            transport::deliver(&mut tenant, &seed.address, raw, &cause)
                .map_err(|_| SimulatorError::NoMailbox(seed.address.clone()))?;
        }
    }
    Ok(tenant)
}

async fn serve(
    address: SocketAddr,
    encryption: Option<TlsAcceptor>,
    router: Router,
    stop: &watch::Receiver<bool>,
) -> Result<Serving, SimulatorError> {
    let serving = Serving::start(address, encryption, router, stop.clone()).await;
    serving.map_err(|reason| SimulatorError::Listen { address, reason })
}

/// Does what is due by the tenant's clock, until stopping is asked for.
async fn keep_agenda(world: Arc<World>, stopping: watch::Receiver<bool>) {
    let rung = world.tenant().agenda.rung.clone();
    while !*stopping.borrow() {
        let due = {
            let mut tenant = world.tenant();
            transport::run(&mut tenant);
            tenant.agenda.next()
        };
        let wait = due.map(|due| due.duration_since(world.clock.now()).max(SignedDuration::from_millis(1)));
        tokio::select! {
            () = stopped(stopping.clone()) => {}
            () = rung.notified() => {}
            () = world.clock.sleep(wait.unwrap_or_default().unsigned_abs()), if wait.is_some() => {}
        }
    }
}
