//! A whole system in virtual time: tenant, receiver and engine on one runtime whose time passes only while everything waits, so that an
//! hour of settling costs nothing and a run can be ended at any commit or effect.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use postroom::clock::Clock;
use postroom::config::{Config, EndpointConfig, GraphAccess, MailboxConfig, SecretSetting, Tenant, Web};
use postroom::daemon::{Configuration, Daemon, Given, Reload};
use postroom::executor::{Machine, Patience};
use postroom::ids::{EndpointName, MailboxName};
use postroom::journal::{Journal, MessageLine, ParkedLine};
use postroom::parsing::Parsing;
use postroom::simulator::{AskReply, Habit, MailboxSeed, Moods, Options, Receiver, ReceiverOptions, Simulator};
use serde_json::Value;

pub const MAILBOX: &str = "invoices@contoso.com";

/// The longest virtual time in which everything must have come to its end: mail is given up after a day.
const LONGEST: Duration = Duration::from_hours(30);

/// After so long every mail that is still in a followed folder has been seen.
const NOTHING_COMES: Duration = Duration::from_hours(2);

/// Where databases lie: in memory where that can be, since a virtual day has many commits.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// Runs `work` on a runtime of its own whose time is virtual, on one thread with the stack that rules need.
pub fn in_virtual_time<T: Send>(work: impl AsyncFnOnce() -> T + Send) -> T {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(work())
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(postroom::rules::STACK_BYTES);
        let ended = thread.spawn_scoped(scope, run).unwrap().join();
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// How the world around the engine behaves.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    pub seed: u64,
    pub moods: Moods,
    pub people: Vec<Habit>,
    /// Faults for the tenant's door.
    pub faults: Vec<Value>,
    /// Faults for the receiver's door.
    pub post_faults: Vec<Value>,
    /// The tenant tells of what arrives.
    pub told: bool,
    /// What the receiver answers when it is asked, as the endpoint `check`.
    pub asks: Vec<AskReply>,
    /// More mailboxes of the tenant; the configuration does not name them yet.
    pub others: Vec<&'static str>,
}

/// A tenant, a receiver, and an engine that can die.
pub struct Lab {
    pub tenant: Simulator,
    pub receiver: Receiver,
    pub clock: Clock,
    pub config: Config,
    pub configuration: Configuration,
    engine: Arc<Mutex<Option<Daemon>>>,
    starts: AtomicU32,
    is_asked: bool,
    _dir: tempfile::TempDir,
}

/// A point at which a process can die: right after something became durable, here or outside, and before anybody knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point(pub u64);

impl Lab {
    pub async fn new(rules: &[(&str, &str)], around: &Surroundings) -> Self {
        let dir = scratch();
        let start: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
        let clock = Clock::of_runtime(start);
        let options = Options {
            mailboxes: std::iter::once(&MAILBOX)
                .chain(&around.others)
                .map(|address| MailboxSeed { address: (*address).into(), mail: Vec::new() })
                .collect(),
            seed: around.seed,
            moods: around.moods,
            people: around.people.clone(),
            ..Options::new(clock.clone())
        };
        let tenant = Simulator::start(options).await.unwrap();
        let asks = around.asks.clone();
        let receiver = Receiver::start(ReceiverOptions { asks, ..ReceiverOptions::new("ERP", clock.clone()) }).await.unwrap();
        for fault in &around.faults {
            tenant.script(fault).unwrap();
        }
        for fault in &around.post_faults {
            receiver.script(fault).unwrap();
        }
        for (path, text) in rules {
            let path = dir.path().join("rules").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let mut config = configuration(dir.path(), &tenant, &receiver);
        if around.told {
            let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            config.web = Web {
                listen: ([127, 0, 0, 1], port).into(),
                public_url: Some(format!("http://127.0.0.1:{port}")),
                ..Web::default()
            };
        }
        // Marks in mail follow from the key: with one of the seed's own, the same seed gives the same mail.
        let key: Vec<u8> = (0..32).map(|n| u8::try_from((around.seed >> (n % 8)) & 0xff).unwrap_or(0)).collect();
        std::fs::write(format!("{}.key", config.state.display()), key).unwrap();
        name_database(&config.state, around.seed, &clock).await;
        let (starts, is_asked) = (AtomicU32::new(1), !around.asks.is_empty());
        Self {
            tenant,
            receiver,
            clock,
            config,
            configuration: Configuration::Fixed,
            engine: Arc::default(),
            starts,
            is_asked,
            _dir: dir,
        }
    }

    pub async fn start(&self) {
        // A day of waiting for what nobody will find again costs much and shows no more than six hours do.
        let patience = Patience { idle: Duration::from_mins(5), confirm: Duration::from_hours(6), ..Patience::default() };
        let starts = self.starts.fetch_add(1, Ordering::SeqCst);
        let machine = Machine::held_by("lab", &format!("process {starts}"));
        let given = Given {
            clock: self.clock.clone(),
            patience,
            reload: Reload::Compiles,
            parsing: Parsing::Here,
            machine,
            configuration: self.configuration,
        };
        let engine = Daemon::start(&self.config, given).await.unwrap();
        *self.engine.lock().unwrap() = Some(engine);
    }

    /// Ends the engine as a death would: nothing more is done, written or told.
    pub async fn die(&self) {
        let engine = self.engine.lock().unwrap().take();
        let Some(engine) = engine else { return };
        let journal = engine.journal().clone();
        drop(engine);
        // What was being written is on the disk or is not; the next process must not find this one's hand still on it.
        journal.close().await;
    }

    pub async fn stop(&self) {
        let engine = self.engine.lock().unwrap().take();
        if let Some(engine) = engine {
            engine.stop().await;
        }
    }

    /// The page as a browser gets it.
    pub async fn page(&self) -> String {
        reqwest::get(self.url("http", "/")).await.unwrap().text().await.unwrap()
    }

    /// An address of ours.
    pub fn url(&self, scheme: &str, path: &str) -> String {
        let address = self.engine.lock().unwrap().as_ref().unwrap().address().unwrap();
        format!("{scheme}://{address}{path}")
    }

    pub fn journal(&self) -> Option<Journal> {
        self.engine.lock().unwrap().as_ref().map(|engine| engine.journal().clone())
    }

    pub fn deliver(&self, raw: &[u8]) {
        self.tenant.deliver(MAILBOX, raw).unwrap();
    }

    /// Works until everything has its end, or until the point comes at which the process dies. Gives the points that went by.
    pub async fn work(&self, messages: i64, death: Option<Point>) -> Worked {
        let points = Arc::new(Mutex::new(0_u64));
        let died = Arc::new(tokio::sync::Notify::new());
        let watcher =
            tokio::spawn(watch_points(self.bells(), Arc::clone(&points), (death, Arc::clone(&died)), Arc::clone(&self.engine)));
        let settled = tokio::select! {
            biased;
            () = died.notified() => None,
            settled = self.settle(messages) => Some(settled),
        };
        watcher.abort();
        let points = *points.lock().unwrap();
        match settled {
            None => Worked::Died,
            Some(true) => Worked::Settled(points),
            Some(false) => Worked::Stuck,
        }
    }

    fn bells(&self) -> Vec<tokio::sync::watch::Receiver<u64>> {
        let journal = self.journal().map(|journal| journal.bell());
        // A question has no effect; it can have been answered, and nobody heard.
        let asked = self.is_asked.then(|| self.receiver.requests_seen());
        journal.into_iter().chain([self.tenant.effects(), self.receiver.effects()]).chain(asked).collect()
    }

    async fn settle(&self, messages: i64) -> bool {
        let began = self.clock.stopwatch();
        let mut pause = Duration::from_millis(500);
        while began.elapsed() < LONGEST {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_mins(5));
            let Some(journal) = self.journal() else { return false };
            let counts = journal.counts().await.unwrap();
            let confirmed = journal.next_confirmation_at().await.unwrap().is_none();
            // What people took away before it was seen never comes.
            let all_came = counts.messages >= messages || began.elapsed() > NOTHING_COMES;
            if all_came && counts.undecided == 0 && counts.open == 0 && confirmed {
                return true;
            }
        }
        false
    }

    /// What the journal says of everything.
    pub async fn told(&self) -> (Vec<MessageLine>, Vec<ParkedLine>) {
        let journal = self.journal().unwrap();
        (journal.newest(u32::MAX).await.unwrap(), journal.parked().await.unwrap())
    }

    pub async fn end(self) {
        self.stop().await;
        self.receiver.stop().await;
        self.tenant.stop().await;
    }
}

/// How a stretch of work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worked {
    /// Everything has its end; so many points went by.
    Settled(u64),
    /// The process died at the point asked for.
    Died,
    /// Something is still open after a virtual day.
    Stuck,
}

/// Counts what becomes durable; at the point asked for, the engine is gone before it hears of it.
async fn watch_points(
    mut bells: Vec<tokio::sync::watch::Receiver<u64>>,
    points: Arc<Mutex<u64>>,
    (death, died): (Option<Point>, Arc<tokio::sync::Notify>),
    engine: Arc<Mutex<Option<Daemon>>>,
) {
    for bell in &mut bells {
        bell.borrow_and_update();
    }
    loop {
        let rung = futures_util::future::select_all(bells.iter_mut().map(|bell| Box::pin(bell.changed()))).await.0;
        if rung.is_err() {
            return;
        }
        let count = {
            let mut points = points.lock().unwrap();
            *points += 1;
            *points
        };
        if death == Some(Point(count)) {
            let dead = engine.lock().unwrap().take();
            if let Some(dead) = dead {
                let journal = dead.journal().clone();
                drop(dead);
                journal.close().await;
            }
            died.notify_one();
            return;
        }
    }
}

/// Makes the database and gives it a name that follows from the seed: its leases bear it.
async fn name_database(state: &Path, seed: u64, clock: &Clock) {
    let made = Journal::open(state, clock.clone()).unwrap();
    made.close().await;
    let connection = rusqlite::Connection::open(state).unwrap();
    assert_eq!(connection.execute("UPDATE origin SET name = ?", [format!("{seed:032x}")]).unwrap(), 1);
    // It has heard the other name.
    std::fs::remove_file(format!("{}.witness", state.display())).unwrap();
}

fn configuration(dir: &Path, tenant: &Simulator, receiver: &Receiver) -> Config {
    let mut mailbox = MailboxConfig::new(MAILBOX, dir.join("rules"));
    mailbox.poll = Duration::from_mins(15);
    mailbox.create_folders = true;
    mailbox.replies.per_minute = 10_000;
    mailbox.replies.per_sender_per_day = 10_000;
    let base = receiver.base_url();
    let day = Some(Duration::from_hours(24 * 30));
    let erp = EndpointConfig { idempotent: day, ..EndpointConfig::new(format!("{base}/erp")) };
    let asked =
        EndpointConfig { lookup: Some(format!("{base}/received/{{key}}")), ..EndpointConfig::new(format!("{base}/asked")) };
    let once = EndpointConfig::new(format!("{base}/once"));
    let check = EndpointConfig { read_only: true, ..EndpointConfig::new(format!("{base}/check")) };
    Config {
        file: dir.join("postroom.toml"),
        tenant: Tenant {
            id: "contoso.onmicrosoft.com".into(),
            client_id: "app".into(),
            credential: SecretSetting::given("secret").into(),
        },
        graph: GraphAccess {
            base_url: format!("{}/v1.0", tenant.base_url()),
            login_url: tenant.base_url(),
            ..GraphAccess::default()
        },
        mailboxes: BTreeMap::from([(MailboxName::new("invoices"), mailbox)]),
        endpoints: BTreeMap::from([
            (EndpointName::new("erp"), erp),
            (EndpointName::new("asked"), asked),
            (EndpointName::new("once"), once),
            (EndpointName::new("check"), check),
        ]),
        state: dir.join("postroom.db"),
        web: Web { listen: ([127, 0, 0, 1], 0).into(), ..Web::default() },
        warnings: Vec::new(),
    }
}

/// A mail of a sender of its own.
pub fn mail(number: usize, subject: &str) -> Vec<u8> {
    format!(
        "From: Ana <ana{number}@fabrikam.com>\r\nTo: {MAILBOX}\r\nSubject: {subject}\r\nDate: Mon, 2 Mar 2026 08:59:00 +0000\r\n\
         Message-ID: <{number}@fabrikam.com>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nPlease.\r\n"
    )
    .into_bytes()
}
