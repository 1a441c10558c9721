//! `postroom drop`: a folder of .eml files worked like a mailbox, without Microsoft 365.
//!
//! The simulated tenant is the mailbox: files are delivered to it as they appear, and what the rules move is moved on the disk. The journal
//! lies in the folder and knows every message by its content, so that nothing is done twice when this is started again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use notify::{RecursiveMode, Watcher};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{Exit, OutsideError, say, tell};
use crate::clock::{Clock, Stopwatch};
use crate::config::{Config, SecretSetting};
use crate::daemon::{Configuration, Daemon, Given, Reload};
use crate::executor::{Machine, Patience};
use crate::ids::MailboxName;
use crate::journal::Journal;
use crate::parsing::Parsing;
use crate::replay::MESSAGE_BYTES_MAX;
use crate::simulator::{Limits, Options, Simulator, Strangers};

/// What to work, and how.
#[derive(Debug, clap::Args)]
pub struct DropArgs {
    /// The folder; .eml files that are put there are new mail.
    dir: PathBuf,
    /// The mailbox of the configuration whose rules decide.
    #[arg(long, value_name = "NAME")]
    mailbox: String,
    /// Work off what is there, and end.
    #[arg(long)]
    once: bool,
}

/// A file whose size has stayed the same for so long is whole.
const LOOK: Duration = Duration::from_millis(500);
/// File systems that tell nothing are looked at this often.
const LOOK_AT_MOST: Duration = Duration::from_secs(5);
/// Looks at which nothing was left to do, before everything counts as worked off: mail between our own mailboxes is on its way for a moment.
const QUIET_LOOKS: u32 = 4;
/// Where mail arrives, and where we write what is to be sent before it is.
const ARRIVES: &str = "Inbox";
const OURS: &str = "Postroom Outbox";
const STATE: &str = ".postroom";

pub(super) fn run(args: &DropArgs, config: &Config) -> anyhow::Result<Exit> {
    super::start_log();
    anyhow::ensure!(args.dir.is_dir(), "there is no folder {}", args.dir.display());
    let name = MailboxName::new(args.mailbox.clone());
    let known: Vec<&str> = config.mailboxes.keys().map(MailboxName::as_str).collect();
    let mailbox =
        config.mailboxes.get(&name).with_context(|| format!("there is no mailbox `{name}`; there are: {}", known.join(", ")))?;
    let mut config = Config { mailboxes: BTreeMap::from([(name.clone(), mailbox.clone())]), ..config.clone() };
    config.tenant.credential = SecretSetting::given("drop").into();
    config.require_secrets().map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the configuration cannot be used\n{}", lines.join("\n"))
    })?;
    let state = args.dir.join(STATE);
    std::fs::create_dir_all(&state).with_context(|| format!("{} cannot be made", state.display()))?;
    config.state = state.join("postroom.db");
    config.web.public_url = None;
    if let Some(mailbox) = config.mailboxes.get_mut(&name) {
        (mailbox.poll, mailbox.folders) = (LOOK, vec![ARRIVES.to_owned()]);
    }
    let runtime = super::runtime()?;
    let ended = runtime.block_on(work(args, config, name));
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

async fn work(args: &DropArgs, mut config: Config, name: MailboxName) -> anyhow::Result<Exit> {
    let clock = Clock::system();
    let address = config.mailboxes[&name].address.clone();
    let mut options = Options::new(clock.clone());
    options.limits = Limits::NONE;
    options.strangers = Strangers::Colleagues;
    options.mailboxes = vec![crate::simulator::MailboxSeed { address: address.clone(), mail: Vec::new() }];
    let tenant = Simulator::start(options).await?;
    config.graph.base_url = format!("{}/v1.0", tenant.base_url());
    config.graph.login_url = tenant.base_url();
    let (effects, files, seen, growing) = (tenant.effects(), BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
    let mut folder = Folder { dir: args.dir.clone(), address, tenant, files, seen, effects, growing, clock: clock.clone() };
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
    if let Some(page) = engine.address().filter(|_| !args.once) {
        tell(&format!("{} is worked as `{name}`; watch it on http://{page}. Ctrl-C ends it.", args.dir.display()));
    }
    let ended = tokio::select! {
        ended = follow(&mut folder, &journal, (&clock, args.once)) => ended,
        reason = engine.failed() => Err(OutsideError(reason).into()),
        () = super::run::asked_to_stop() => Ok(Exit::Done),
    };
    engine.stop().await;
    folder.mirror();
    folder.tenant.stop().await;
    ended
}

/// Takes in what appears, and moves what was moved; with `once` until everything is worked off.
async fn follow(folder: &mut Folder, journal: &Journal, (clock, once): (&Clock, bool)) -> anyhow::Result<Exit> {
    let (told, mut changes) = mpsc::channel(1);
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading a file is an event too; a full channel has told enough.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            let _ = told.try_send(());
        }
    });
    let watcher = watcher.and_then(|mut watcher| {
        watcher.watch(&folder.dir, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    let _watcher = watcher.inspect_err(|error| tracing::warn!(%error, "new files are looked for every 5 s")).ok();
    let mut effects = folder.effects.clone();
    let mut quiet = 0;
    loop {
        effects.borrow_and_update();
        folder.take_in();
        if folder.effects.has_changed().unwrap_or(true) {
            folder.mirror();
        }
        let counts = journal.counts().await?;
        let is_confirmed = journal.next_confirmation_at().await?.is_none();
        let is_done = counts.undecided == 0 && counts.open == 0 && is_confirmed && folder.growing.is_empty();
        quiet = if is_done { quiet + 1 } else { 0 };
        if once && quiet >= QUIET_LOOKS {
            say(&format!("{} messages worked off, {} wait for a person", counts.messages, counts.waiting));
            return Ok(if counts.waiting == 0 { Exit::Done } else { Exit::No });
        }
        let pause = if once || !folder.growing.is_empty() { LOOK } else { LOOK_AT_MOST };
        tokio::select! {
            Some(()) = changes.recv(), if !once => {}
            Ok(()) = effects.changed(), if !once => {}
            () = clock.sleep(pause) => {}
        }
    }
}

/// A message on the disk.
struct File {
    path: PathBuf,
    /// The folder of the mailbox that it lies in.
    folder: String,
}

/// The folder and the mailbox that mirrors it.
struct Folder {
    dir: PathBuf,
    address: String,
    tenant: Simulator,
    /// By the message's immutable id.
    files: BTreeMap<String, File>,
    /// Files of the folder itself that were delivered, or cannot be.
    seen: BTreeSet<PathBuf>,
    /// Rings when something was done to the mailbox.
    effects: tokio::sync::watch::Receiver<u64>,
    /// Files that somebody may still be writing: their size, and for how long it has been that.
    growing: BTreeMap<PathBuf, (u64, Stopwatch)>,
    clock: Clock,
}

impl Folder {
    /// Delivers the files that are new and whole.
    fn take_in(&mut self) {
        let Ok(entries) = std::fs::read_dir(&self.dir) else { return };
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("eml")));
        paths.sort();
        let mut before = std::mem::take(&mut self.growing);
        for path in paths {
            if self.seen.contains(&path) {
                continue;
            }
            let Ok(size) = std::fs::metadata(&path).map(|found| found.len()) else { continue };
            let same = before.remove(&path).filter(|(before, _)| *before == size);
            let (size, since) = same.unwrap_or_else(|| (size, self.clock.stopwatch()));
            if since.elapsed() < LOOK {
                self.growing.insert(path, (size, since));
            } else if let Err(why) = self.deliver(&path, size) {
                tracing::error!(file = %path.display(), why, "the file is left where it is");
                self.seen.insert(path);
            }
        }
    }

    fn deliver(&mut self, path: &Path, size: u64) -> Result<(), String> {
        if size > u64::try_from(MESSAGE_BYTES_MAX).unwrap_or(u64::MAX) {
            return Err(format!("it has {size} bytes, more than a message may have"));
        }
        let raw = std::fs::read(path).map_err(|error| error.to_string())?;
        let id = self.tenant.deliver(&self.address, &raw).map_err(|error| error.to_string())?;
        self.seen.insert(path.to_owned());
        self.files.insert(id, File { path: path.to_owned(), folder: ARRIVES.to_owned() });
        Ok(())
    }

    /// Moves files as their messages were moved, and writes down what is new: mail that was sent, copies, drafts for a person.
    fn mirror(&mut self) {
        self.effects.borrow_and_update();
        let Ok(shown) = self.tenant.mailbox(&self.address) else { return };
        let Some(folders) = shown["folders"].as_object() else { return };
        for (folder, messages) in folders.iter().filter(|(folder, _)| *folder != OURS) {
            for message in messages.as_array().into_iter().flatten() {
                let Some(id) = message["id"].as_str() else { continue };
                if let Err(error) = self.mirror_one(id, folder, message) {
                    tracing::error!(folder, %error, "a message could not be filed on the disk; it is tried again");
                }
            }
        }
    }

    fn mirror_one(&mut self, id: &str, folder: &str, message: &Value) -> std::io::Result<()> {
        match self.files.get_mut(id) {
            Some(file) if file.folder == folder => Ok(()),
            Some(file) => {
                let to = place(&self.dir, folder, file.path.file_name().unwrap_or_default().to_string_lossy().as_ref())?;
                std::fs::rename(&file.path, &to)?;
                self.seen.remove(&file.path);
                *file = File { path: to, folder: folder.to_owned() };
                Ok(())
            }
            // A report of non-delivery, or an answer to ourselves: it arrived in the mailbox and has no file yet.
            None => {
                let Some(raw) = self.tenant.raw(&self.address, id) else { return Ok(()) };
                let subject = message["subject"].as_str().unwrap_or_default();
                let path = place(&self.dir, folder, &format!("{}.eml", file_name(subject)))?;
                self.seen.insert(path.clone());
                std::fs::write(&path, raw)?;
                self.files.insert(id.to_owned(), File { path, folder: folder.to_owned() });
                Ok(())
            }
        }
    }
}

/// A path in a folder of the mailbox that nothing lies at yet; what arrives lies in the folder itself.
fn place(dir: &Path, folder: &str, name: &str) -> std::io::Result<PathBuf> {
    let below = if folder == ARRIVES {
        dir.to_owned()
    } else {
        folder.split('/').fold(dir.to_owned(), |path, part| path.join(file_name(part)))
    };
    std::fs::create_dir_all(&below)?;
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, "eml"));
    let numbered =
        (1..).map(|number: u32| if number == 1 { format!("{stem}.{extension}") } else { format!("{stem} {number}.{extension}") });
    let free = numbered.map(|name| below.join(name)).find(|path| !path.exists());
    Ok(free.unwrap_or_else(|| below.join(name)))
}

/// A folder's name or a subject as a name on any disk: nothing that leads elsewhere, nothing that is hidden, not too long.
fn file_name(text: &str) -> String {
    let clean = text.chars().map(|letter| if letter.is_control() || "/\\:*?\"<>|".contains(letter) { '_' } else { letter });
    let name: String = clean.take(80).collect();
    let name = name.trim().trim_start_matches('.').trim_end_matches('.').to_owned();
    if name.is_empty() { "mail".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        let names = ["Rechnung 4711", "../../etc/passwd", "..", "a/b:c?", "", ".hidden"].map(file_name);
        assert_eq!(names, ["Rechnung 4711", "_.._etc_passwd", "mail", "a_b_c_", "mail", "hidden"]);
    }
}
