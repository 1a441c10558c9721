//! `postroom run` as a process, killed at random moments: rounds of many kills on one database, then a run that works everything off.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use postroom::clock::Clock;
use postroom::journal::{Journal, JournalError};
use postroom::simulator::{Chance, MailboxSeed, Moods, Options, Receiver, ReceiverOptions, Simulator, Span};
use serde_json::{Value, json};

use super::checker::{self, Counts, Evidence, Others, Verdict, waits_an_hour};

const PROGRAM: &str = env!("CARGO_BIN_EXE_postroom");
const ADDRESS: &str = "orders@contoso.com";
/// Messages that a round has at most: what the journal lists at once.
const LIST_MAX: u32 = 10_000;
/// How often the last run's journal is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long the last run may take; what waits even then is counted as waiting.
const LAST_RUN: Duration = Duration::from_mins(2);
/// How long sent mail may take to Sent Items.
const TRANSPORT: Duration = Duration::from_secs(5);

/// One kind of mail after the other, so that every action there is gets killed.
const RULES: [(&str, &str); 3] = [
    (
        "10-mix.rhai",
        r#"//! Every kind of action; the subject says which.

fn when(mail) { mail.subject.matches("^[A-Z][a-z]+ [0-9]+$") }

fn then(mail) {
    if mail.subject.like("Order *") {
        let record = post("erp", #{ subject: mail.subject });
        reply("thanks.html", #{ reference: record.result("id") });
        categorise("Order");
        mark_read();
        move_to("Processed/Orders");
    } else if mail.subject.like("Claim *") {
        post("desk", #{ subject: mail.subject });
        forward("claims@fabrikam.com", "Please look.");
        flag(today().add_days(2));
        set_importance("high");
        copy_to("Archive/Claims");
    } else if mail.subject.like("Notice *") {
        send(#{ to: ["board@fabrikam.com"], subject: `About ${mail.subject}`, template: "notice.html", data: #{} });
        delete();
    } else if mail.subject.like("Question *") {
        draft_reply("thanks.html", #{ reference: "a draft" });
        categorise("Question");
        move_to("Questions");
    } else if mail.subject.like("List *") {
        post_each("erp", [#{ line: 1, of: mail.subject }, #{ line: 2, of: mail.subject }, #{ line: 3, of: mail.subject }]);
        copy_to("Archive/Lists");
        delete();
    } else if mail.subject.like("Once *") {
        post("once", #{ subject: mail.subject });
        categorise("Once");
    } else if mail.subject.like("Flood *") {
        reply("thanks.html", #{ reference: "an answer" });
    }
}
"#,
    ),
    ("templates/thanks.html", "<p>Thank you. Our reference is {{ reference }}.</p>\n"),
    ("templates/notice.html", "<p>A notice came.</p>\n"),
];

/// Kinds of mail, in turn.
const KINDS: [&str; 12] =
    ["Order", "Claim", "Notice", "Question", "List", "Order", "Claim", "Notice", "Question", "List", "Order", "Once"];

/// One round: a database, a tenant, a receiver, so many deaths.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// What all chance of it follows from.
    pub seed: u64,
    /// How often the process is killed.
    pub kills: usize,
    /// The longest life.
    pub life: Duration,
    /// How lives end.
    pub ending: Ending,
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By `kill -9`.
    Kill,
    /// By `kill -9`, and the three that come after it while they still recover from the death before.
    KillWhileRecovering,
    /// By SIGTERM: it must end by itself, in time and with 0.
    Terminate,
}

/// How long recovery takes at most: the start, and the first looks after it.
const RECOVERY: Duration = Duration::from_millis(100);
/// How long the program may take to end once it is asked to.
const STOP: Duration = Duration::from_secs(20);

/// What a round came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The checker's words and counts.
    pub verdict: Verdict,
    /// Those that still lay unsent at the end and are looked at for an hour: they count as unclear.
    pub settling: usize,
    /// How long the last run took until everything was worked off.
    pub worked_off: Duration,
}

/// Numbers that follow from a seed (SplitMix64).
#[derive(Clone, Copy, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The dice of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A time up to this one.
    pub fn within(&mut self, longest: Duration) -> Duration {
        let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX).max(1);
        Duration::from_nanos(self.below(nanos))
    }
}

/// Plays a round; `killed` counts its kills as they come.
pub async fn round(round: Round, killed: &AtomicUsize) -> Outcome {
    let office = Office::open(round.seed).await;
    let mut dice = Dice::new(round.seed);
    let mut told = Vec::new();
    let mut delivered = 0;
    for death in 0..round.kills {
        let mut engine = office.run();
        for _ in 0..dice.below(4) {
            office.deliver(delivered);
            delivered += 1;
        }
        let recovers = round.ending == Ending::KillWhileRecovering && death % 4 != 0;
        tokio::time::sleep(dice.within(if recovers { RECOVERY } else { round.life })).await;
        if let Some(status) = engine.0.try_wait().unwrap() {
            told.push(format!("`run` ended by itself with {status}: {}", office.log()));
        } else if round.ending == Ending::Terminate {
            told.extend(terminated(&mut engine.0).await.map(|what| format!("{what}: {}", office.log())));
        }
        drop(engine);
        killed.fetch_add(1, Ordering::Relaxed);
    }
    let started = Instant::now();
    let mut engine = office.run();
    let settling = office.work_off(delivered).await;
    let worked_off = started.elapsed();
    if let Some(status) = engine.0.try_wait().unwrap() {
        told.push(format!("the last `run` ended by itself with {status}: {}", office.log()));
    }
    drop(engine);
    let evidence = office.evidence().await;
    let mut verdict = checker::judge(&evidence);
    verdict.violations.splice(0..0, told);
    verdict.violations.extend(office.integrity());
    if !verdict.violations.is_empty() {
        verdict.violations.extend(office.stories(&evidence, &verdict).await);
    }
    office.close().await;
    Outcome { verdict, settling, worked_off }
}

/// Asks it to end; gives what is wrong with how it does.
async fn terminated(process: &mut Child) -> Option<String> {
    rustix::process::kill_process(rustix::process::Pid::from_child(process), rustix::process::Signal::TERM).unwrap();
    let asked = Instant::now();
    while asked.elapsed() < STOP {
        if let Some(status) = process.try_wait().unwrap() {
            // One that has not come to listen for it yet ends by the signal.
            let is_fine = status.success() || std::os::unix::process::ExitStatusExt::signal(&status) == Some(15);
            return (!is_fine).then(|| format!("`run` was asked to end and ended with {status}"));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Some(format!("`run` was asked to end and did not within {STOP:?}"))
}

/// A process that is killed when it is dropped.
pub struct Engine(pub Child);

impl Drop for Engine {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `run` on the configuration of a folder; what it tells goes to a file beside it.
pub fn run(dir: &Path) -> Engine {
    let told = File::options().create(true).append(true).open(dir.join("told")).unwrap();
    let mut command = Command::new(PROGRAM);
    command.arg("run").current_dir(dir).env("POSTROOM_CLIENT_SECRET", "secret").env("POSTROOM_LOG", "off");
    Engine(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(told).spawn().unwrap())
}

/// A folder in memory where there is one: a kill loses nothing that was written, be it on a disk or not.
pub fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()).unwrap()
}

/// A tenant and a receiver in this process, and a folder for `run`.
pub struct Office {
    dir: tempfile::TempDir,
    /// Where the mail is.
    pub tenant: Simulator,
    receiver: Receiver,
}

impl Office {
    /// Opens it; its moods and faults follow from the seed.
    pub async fn open(seed: u64) -> Self {
        let dir = folder();
        // Whoever makes the first client installs our TLS for the whole process.
        let _ = postroom::outgoing::client();
        let ms = Duration::from_millis;
        let moods = Moods {
            latency: Span::Between(ms(1), ms(12)),
            sent_delay: Span::About(ms(60)),
            index_lag: Span::Between(ms(0), ms(400)),
            hides_submitted: Chance::percent(30),
            new_id_on_send: Chance::percent(20),
            new_message_id_on_send: Chance::percent(10),
            ..Moods::default()
        };
        let options = Options {
            mailboxes: vec![MailboxSeed { address: ADDRESS.into(), mail: Vec::new() }],
            sent_delay: ms(60),
            seed,
            moods,
            ..Options::new(Clock::system())
        };
        let tenant = Simulator::start(options).await.unwrap();
        let receiver = Receiver::start(ReceiverOptions::new("R", Clock::system())).await.unwrap();
        for on in ["send", "create_draft", "create_forward", "patch", "move", "copy", "delete"] {
            for fault in faults(on, seed) {
                tenant.script(&fault).unwrap();
            }
        }
        for fault in faults("post", seed) {
            receiver.script(&fault).unwrap();
        }
        configure(dir.path(), &tenant.base_url(), &receiver.base_url());
        Self { dir, tenant, receiver }
    }

    /// Starts the program.
    pub fn run(&self) -> Engine {
        run(self.dir.path())
    }

    /// Its database.
    pub fn database(&self) -> PathBuf {
        self.dir.path().join("postroom.db")
    }

    /// Delivers the mail of this number.
    pub fn deliver(&self, number: usize) {
        let subject = format!("{} {number}", KINDS[number % KINDS.len()]);
        self.deliver_as(number, &subject, &format!("ana{number}@fabrikam.com"));
    }

    /// Delivers a mail with this subject from this sender.
    pub fn deliver_as(&self, number: usize, subject: &str, from: &str) {
        let raw = format!(
            "From: Ana <{from}>\r\nTo: {ADDRESS}\r\nSubject: {subject}\r\n\
             Date: Mon, 2 Mar 2026 09:00:00 +0000\r\nMessage-ID: <{number}@fabrikam.com>\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\r\nPlease see to {subject}.\r\n"
        );
        self.tenant.deliver(ADDRESS, raw.as_bytes()).unwrap();
    }

    /// The end of what the processes told.
    fn log(&self) -> String {
        let told = std::fs::read_to_string(self.dir.path().join("told")).unwrap_or_default();
        let lines: Vec<&str> = told.lines().collect();
        lines[lines.len().saturating_sub(5)..].join(" / ")
    }

    fn journal(&self) -> Result<Journal, JournalError> {
        Journal::open_existing(&self.database(), Clock::system())
    }

    /// Waits until everything is worked off but what is looked at for an hour; gives how many those are.
    async fn work_off(&self, delivered: usize) -> usize {
        let started = Instant::now();
        let all = i64::try_from(delivered).unwrap();
        let journal = loop {
            match self.journal() {
                Ok(journal) => break journal,
                Err(error) => assert!(started.elapsed() < LAST_RUN, "{error}"),
            }
            tokio::time::sleep(LOOK).await;
        };
        let settling = loop {
            let (counts, waiting) = (journal.counts().await.unwrap(), journal.parked().await.unwrap());
            let settling = waiting.iter().filter(|line| waits_an_hour(line)).count();
            let is_done = counts.messages >= all && counts.undecided == 0 && counts.open == i64::try_from(settling).unwrap();
            if is_done || started.elapsed() > LAST_RUN {
                break settling;
            }
            tokio::time::sleep(LOOK).await;
        };
        journal.close().await;
        let started = Instant::now();
        while started.elapsed() < TRANSPORT && self.on_its_way() {
            tokio::time::sleep(LOOK).await;
        }
        settling
    }

    /// Waits until so many messages are worked off; gives how many were in time.
    pub async fn settled(&self, messages: usize) -> usize {
        let settling = self.work_off(messages).await;
        let journal = self.journal().unwrap();
        let counts = journal.counts().await.unwrap();
        journal.close().await;
        usize::try_from(counts.messages - counts.undecided - counts.open).unwrap_or(0) + settling
    }

    /// Whether mail was accepted that does not lie in Sent Items yet.
    fn on_its_way(&self) -> bool {
        let ledger = self.tenant.ledger();
        let sent = ledger.as_array().map_or(0, |all| all.iter().filter(|entry| entry["effect"] == "sent").count());
        let mailbox = self.tenant.mailbox(ADDRESS).unwrap();
        mailbox["folders"]["Sent Items"].as_array().map_or(0, Vec::len) < sent
    }

    async fn evidence(&self) -> Evidence {
        let journal = self.journal().unwrap();
        let evidence = Evidence {
            ledger: self.tenant.ledger(),
            mailbox: self.tenant.mailbox(ADDRESS).unwrap(),
            received: self.receiver.received(),
            messages: journal.newest(LIST_MAX).await.unwrap(),
            waiting: journal.parked().await.unwrap(),
            others: Others::Nobody,
        };
        journal.close().await;
        evidence
    }

    /// What SQLite finds wrong with the file.
    fn integrity(&self) -> Option<String> {
        let connection = rusqlite::Connection::open(self.database()).unwrap();
        let found: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        (found != "ok").then(|| format!("the database is damaged: {found}"))
    }

    /// The whole stories of the messages that a violation names, to find out why.
    async fn stories(&self, evidence: &Evidence, verdict: &Verdict) -> Vec<String> {
        let journal = self.journal().unwrap();
        let mut stories = Vec::new();
        let is_named = |subject: &str| {
            let ends = [format!("{subject}\""), format!("{subject} "), format!("{subject}:")];
            verdict.violations.iter().any(|one| ends.iter().any(|end| one.contains(end.as_str())))
        };
        for line in evidence.messages.iter().filter(|line| is_named(&line.subject)).take(5) {
            let story = journal.story(&line.row.to_string()).await.unwrap();
            let events = story
                .lines
                .iter()
                .map(|one| format!("\n    {} {} {} {}", one.at, one.action.as_deref().unwrap_or(""), one.event, one.detail));
            let ledger = evidence.ledger.as_array().into_iter().flatten();
            let effects = ledger.filter(|entry| entry["subject"].as_str().is_some_and(|found| found.ends_with(&line.subject)));
            let effects = effects.map(|entry| {
                format!("\n    {} {} {} {} {}", entry["at"], entry["by"], entry["effect"], entry["method"], entry["path"])
            });
            stories.push(format!("the story of {}:{}{}", line.subject, events.collect::<String>(), effects.collect::<String>()));
        }
        journal.close().await;
        stories
    }

    /// Ends tenant and receiver.
    pub async fn close(self) {
        self.tenant.stop().await;
        self.receiver.stop().await;
    }
}

/// Answers that are lost and calls that never come about, each a few of a hundred; the same call does not fail twice.
fn faults(on: &str, seed: u64) -> Vec<Value> {
    let fault = |fault: &str, chance: f64, more: u64| json!({ "on": on, "fault": fault, "chance": chance, "seed": seed.wrapping_mul(31) % 1_000_003 + more, "times": 1 });
    vec![
        fault("reset_before_effect", 0.01, 1),
        fault("reset_after_effect", 0.015, 2),
        fault("timeout_after_effect", 0.015, 3),
        fault("503", 0.01, 4),
    ]
}

fn configure(dir: &Path, tenant: &str, receiver: &str) {
    let text = format!(
        "[tenant]\nid = \"contoso.onmicrosoft.com\"\nclient_id = \"app\"\nclient_secret = {{ env = \"POSTROOM_CLIENT_SECRET\" }}\n\
         [graph]\nbase_url = \"{tenant}/v1.0\"\nlogin_url = \"{tenant}\"\n\
         [mailbox.orders]\naddress = \"{ADDRESS}\"\nrules = \"rules\"\npoll = \"200ms\"\ncreate_folders = true\n\
         replies = {{ per_minute = 10000 }}\n\
         [endpoint.erp]\nurl = \"{receiver}/erp\"\nidempotent = \"24h\"\n\
         [endpoint.desk]\nurl = \"{receiver}/desk\"\nlookup = \"{receiver}/received/{{key}}\"\n\
         [endpoint.once]\nurl = \"{receiver}/once\"\n\
         [web]\nlisten = \"127.0.0.1:0\"\n"
    );
    write(&dir.join("postroom.toml"), &text);
    for (path, text) in RULES {
        write(&dir.join("rules").join(path), text);
    }
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Many rounds in one line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Processes killed.
    pub kills: usize,
    /// What the checker counted.
    pub counts: Counts,
    /// Rounds with a violation.
    pub failed: usize,
}
