//! `postroom demo`: the whole product with nothing to set up.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use super::table::table;
use super::{Exit, OutsideError, say, tell};
use crate::clock::Clock;
use crate::config::Config;
use crate::daemon::{Configuration, Daemon, Given, Reload, fixtures_dir};
use crate::executor::{Machine, Patience};
use crate::ids::MailboxName;
use crate::journal::{Journal, MessageLine};
use crate::mail::Content;
use crate::parsing::Parsing;
use crate::replay;
use crate::simulator::{AskReply, MailboxSeed, Options, Receiver, ReceiverOptions, Simulator, Strangers};

/// New mail arrives this often while the demo runs.
const DRIP: Duration = Duration::from_secs(5);
/// `--once` gives up when nothing has changed for so long.
const STUCK: Duration = Duration::from_secs(90);
/// How often `--once` looks whether everything is worked off.
const LOOK: Duration = Duration::from_millis(100);
/// Quiet looks in a row before everything counts as worked off: mail between our own mailboxes is on its way for a moment.
const QUIET_LOOKS: u32 = 15;

/// How to show it.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Work everything off, print what was done, and end.
    #[arg(long)]
    once: bool,
    /// Where the page is served.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
    listen: SocketAddr,
}

/// A sample mail.
struct Sample {
    mailbox: MailboxName,
    file: String,
    raw: Vec<u8>,
}

/// A folder for the demo's state, removed when it ends.
struct StateDir(PathBuf);

impl StateDir {
    fn new() -> anyhow::Result<Self> {
        let dir = std::env::temp_dir().join(format!("postroom-demo-{}", std::process::id()));
        // What an earlier process of the same number left behind is nobody's.
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).with_context(|| format!("{} cannot be made", dir.display()))?;
        Ok(Self(dir))
    }
}

impl Drop for StateDir {
    fn drop(&mut self) {
        // It lies among temporary files: what cannot be removed now is removed by the system.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) fn run(args: &DemoArgs, path: &Path) -> anyhow::Result<Exit> {
    super::start_log();
    // The demo's tenant and receiver take any secret.
    let mut config = Config::read(path, &|name| Some(format!("demo-{}", name.to_lowercase()))).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the demo needs the sample configuration, rules and fixtures of the project\n{}", lines.join("\n"))
    })?;
    let samples = samples(&config)?;
    let state = StateDir::new()?;
    config.state = state.0.join("demo.db");
    config.web.listen = if args.once { SocketAddr::from(([127, 0, 0, 1], 0)) } else { args.listen };
    config.web.public_url = None;
    for mailbox in config.mailboxes.values_mut() {
        mailbox.poll = Duration::from_secs(1);
    }
    let runtime = super::runtime()?;
    let ended = runtime.block_on(show(args, config, samples));
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

async fn show(args: &DemoArgs, mut config: Config, samples: Vec<Sample>) -> anyhow::Result<Exit> {
    let clock = Clock::system();
    let mut tenant = Options::new(clock.clone());
    tenant.strangers = Strangers::Colleagues;
    tenant.mailboxes = config.mailboxes.iter().map(|(name, mailbox)| seed(name, &mailbox.address, &samples)).collect();
    let simulator = Simulator::start(tenant).await?;
    let mut receiving = ReceiverOptions::new("NO", clock.clone());
    receiving.prefixes = config.endpoints.keys().map(|name| (format!("/{name}"), name.as_str().to_uppercase())).collect();
    receiving.asks = asks(&config)?;
    let receiver = Receiver::start(receiving).await?;
    config.graph.base_url = format!("{}/v1.0", simulator.base_url());
    config.graph.login_url = simulator.base_url();
    for (name, endpoint) in &mut config.endpoints {
        endpoint.url = format!("{}/{name}", receiver.base_url());
        // Nothing outside is asked for a token, and no secret has to be at hand.
        (endpoint.lookup, endpoint.auth) = (None, None);
        endpoint.sign.clear();
        (endpoint.client_certificate, endpoint.ca) = (None, None);
    }
    let parsing = Parsing::in_children().context("this program cannot be found")?;
    let given = Given {
        clock: clock.clone(),
        patience: Patience::default(),
        reload: Reload::Compiles,
        parsing,
        machine: Machine::this(),
        configuration: Configuration::Fixed,
    };
    let mut engine = Daemon::start(&config, given).await.map_err(super::run::start_error)?;
    let journal = engine.journal().clone();
    let ended = if args.once {
        tokio::select! {
            ended = work_off(&journal, &samples) => ended,
            reason = engine.failed() => Err(OutsideError(reason).into()),
        }
    } else {
        if let Some(address) = engine.address() {
            tell(&format!("Postroom works {} sample mailboxes; watch it on http://{address}", config.mailboxes.len()));
        }
        tell(&format!("Edit a file in {}: it takes effect on the next message. Ctrl-C ends the demo.", rules_dirs(&config)));
        tokio::select! {
            () = drip(&simulator, &config, &samples, &clock) => Ok(Exit::Done),
            reason = engine.failed() => Err(OutsideError(reason).into()),
            () = super::run::asked_to_stop() => Ok(Exit::Done),
        }
    };
    engine.stop().await;
    simulator.stop().await;
    receiver.stop().await;
    ended
}

fn rules_dirs(config: &Config) -> String {
    config.mailboxes.values().map(|mailbox| mailbox.rules.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn seed(name: &MailboxName, address: &str, samples: &[Sample]) -> MailboxSeed {
    let mail = samples.iter().filter(|sample| sample.mailbox == *name).map(|sample| sample.raw.clone()).collect();
    MailboxSeed { address: address.to_owned(), mail }
}

/// The fixtures of every mailbox, in name order.
fn samples(config: &Config) -> anyhow::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for name in config.mailboxes.keys() {
        let dir = fixtures_dir(config, name);
        let entries = std::fs::read_dir(&dir).with_context(|| format!("{} cannot be read", dir.display()))?;
        let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
        files.sort();
        for path in files {
            let raw = std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            samples.push(Sample { mailbox: name.clone(), file, raw });
        }
    }
    anyhow::ensure!(!samples.is_empty(), "there is no fixture to show");
    Ok(samples)
}

/// What the receiver answers to questions: what the fixtures say it would.
fn asks(config: &Config) -> anyhow::Result<Vec<AskReply>> {
    let mut asks = Vec::new();
    for name in config.mailboxes.keys() {
        for answer in replay::answers_of(&fixtures_dir(config, name)).map_err(|problem| anyhow::anyhow!(problem))? {
            asks.push(AskReply {
                path: format!("/{}", answer.endpoint),
                request: answer.request,
                status: 200,
                reply: answer.reply,
            });
        }
    }
    Ok(asks)
}

/// Delivers the samples again and again as new mail.
async fn drip(simulator: &Simulator, config: &Config, samples: &[Sample], clock: &Clock) {
    for round in 1_u32.. {
        for sample in samples {
            clock.sleep(DRIP).await;
            let Some(mailbox) = config.mailboxes.get(&sample.mailbox) else { continue };
            if let Err(error) = simulator.deliver(&mailbox.address, &as_new(&sample.raw, round)) {
                tell(&error.to_string());
            }
        }
    }
}

/// The same mail under a Message-ID of its own.
fn as_new(raw: &[u8], round: u32) -> Vec<u8> {
    const NAME: &[u8] = b"\nmessage-id:";
    let header_end = raw.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(raw.len());
    let lower = raw[..header_end].to_ascii_lowercase();
    let Some(start) = lower.windows(NAME.len()).position(|window| window == NAME) else { return raw.to_vec() };
    let Some(open) = raw[start..header_end].iter().position(|byte| *byte == b'<') else { return raw.to_vec() };
    let at = start + open + 1;
    [&raw[..at], format!("{round}.").as_bytes(), &raw[at..]].concat()
}

async fn work_off(journal: &Journal, samples: &[Sample]) -> anyhow::Result<Exit> {
    let clock = Clock::system();
    let (mut quiet, mut last, mut since) = (0, (0, 0, 0), clock.stopwatch());
    while quiet < QUIET_LOOKS {
        clock.sleep(LOOK).await;
        let counts = journal.counts().await?;
        let expected = i64::try_from(samples.len()).unwrap_or(i64::MAX);
        let settled = counts.undecided == 0 && counts.open == 0 && counts.messages >= expected;
        let state = (counts.messages, counts.undecided, counts.open);
        quiet = if settled && state == last { quiet + 1 } else { 0 };
        if state != last {
            (last, since) = (state, clock.stopwatch());
        }
        if since.elapsed() > STUCK {
            let (messages, undecided, open) = state;
            let what =
                format!("{messages} messages, {undecided} undecided and {open} actions open: nothing changed for {STUCK:?}");
            return Err(OutsideError(what).into());
        }
    }
    let lines = journal.newest(u32::MAX).await?;
    say(&report(samples, lines));
    Ok(Exit::Done)
}

/// Message, rules, actions, result: the samples in their order, then what else arrived.
fn report(samples: &[Sample], lines: Vec<MessageLine>) -> String {
    let mut left: BTreeMap<i64, MessageLine> = lines.into_iter().map(|line| (line.row, line)).collect();
    let mut rows = vec![["Mailbox", "Message", "Rules", "Actions", "Result"].map(str::to_owned).to_vec()];
    for sample in samples {
        let envelope = Content::parse(sample.raw.clone()).envelope();
        let subject = envelope.subject.unwrap_or_default();
        let is_it = |line: &MessageLine| {
            line.mailbox == sample.mailbox.as_str()
                && match &envelope.internet_message_id {
                    Some(id) => line.message_id.as_ref() == Some(id),
                    None => line.subject == subject,
                }
        };
        let found = left.values().find(|line| is_it(line)).map(|line| line.row);
        match found.and_then(|row| left.remove(&row)) {
            Some(line) => rows.push(report_line(&sample.file, &line)),
            None => rows.push(vec![
                sample.mailbox.to_string(),
                sample.file.clone(),
                String::new(),
                String::new(),
                "not seen".to_owned(),
            ]),
        }
    }
    let more = left.len();
    rows.extend(left.values().map(|line| report_line(&format!("“{}”", line.subject), line)));
    let count = samples.len();
    format!("{}\n\n{count} sample messages, {more} more that they brought about.", table(&rows, &[10, 40, 52, 76, 60]))
}

fn report_line(name: &str, line: &MessageLine) -> Vec<String> {
    let rules = line.rules.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let actions: Vec<String> = line
        .actions
        .iter()
        .map(|action| {
            let mark = if action.status == "done" && action.reason.is_none() { "" } else { " (!)" };
            format!("{}{mark}", action.planned.action)
        })
        .collect();
    let open = line.actions.iter().find(|action| action.status != "done");
    let withheld = line.actions.iter().find_map(|action| action.reason.as_ref().filter(|_| action.status == "done"));
    let result = match (line.status.as_str(), open, withheld) {
        ("planned", Some(action), _) => format!("{}: {}", action.status, action.reason.as_deref().unwrap_or_default()),
        ("planned", None, Some(reason)) => format!("done; (!) {reason}"),
        ("planned", None, None) => "done".to_owned(),
        ("none", ..) => "no rule applies".to_owned(),
        (status, ..) => line.reason.as_ref().map_or(status.to_owned(), |reason| format!("{status}: {reason}")),
    };
    vec![line.mailbox.clone(), name.to_owned(), rules, actions.join(", "), result]
}
