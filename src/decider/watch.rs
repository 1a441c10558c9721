//! Hot reload: an edit is compiled and tried, and goes live or is refused, while messages are decided with the old rules.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;

use super::{Edits, Gate, LiveRules, origin_of};
use crate::clock::Clock;
use crate::ids::MailboxName;
use crate::journal::{Journal, JournalError};
use crate::rules::{RuleFiles, RuleSet, Surroundings};

/// An editor writes a file in several steps: wait until it is quiet.
const QUIET: Duration = Duration::from_millis(80);
/// File systems that tell nothing are looked at this often, where nobody wants it more rarely.
const LOOK_AT_MOST: Duration = Duration::from_secs(5);

/// What a rule set is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It decides; every version has its place in the mailbox's history.
    Live,
    /// It decides beside the live one, and acts on nothing.
    Shadow,
}

/// Watches the rules of one mailbox.
pub struct RulesWatch {
    /// The mailbox.
    pub mailbox: MailboxName,
    /// Its rules folder.
    pub dir: PathBuf,
    /// Who tells of edits in it, and in what it shares with others.
    pub edits: Edits,
    /// What they are there for.
    pub role: Role,
    /// What the rules may name.
    pub surroundings: Surroundings,
    /// What must hold before a set goes live.
    pub gate: Gate,
    /// Where the live set is exchanged.
    pub live: LiveRules,
    /// Where every live set is kept.
    pub journal: Journal,
    /// The least time between two looks that nobody asked for.
    pub idle: Duration,
    /// The time.
    pub clock: Clock,
}

/// A rule set's files as the journal keeps them.
pub fn kept_files(set: &RuleSet) -> BTreeMap<String, String> {
    set.files().files.iter().map(|(path, bytes)| (path.clone(), String::from_utf8_lossy(bytes).into_owned())).collect()
}

impl RulesWatch {
    /// Watches until `stop` says so.
    ///
    /// # Errors
    /// The journal failed for good.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) -> Result<(), JournalError> {
        let shared = self.dir.parent().into_iter().flat_map(|parent| [parent.join("lib"), parent.join("templates")]);
        let mut edits = self.edits.watch(std::iter::once(self.dir.clone()).chain(shared));
        let mut tried = Some(self.live.current().hash().clone());
        while !*stop.borrow() {
            tokio::select! {
                biased;
                () = edits.changed() => {
                    self.clock.sleep(QUIET).await;
                    edits.forget();
                }
                () = self.clock.sleep(LOOK_AT_MOST.max(self.idle)) => {}
                _ = stop.changed() => continue,
            }
            let dir = self.dir.clone();
            let read = self.clock.work(move || RuleFiles::read(&dir)).await;
            match read {
                Ok(Ok(files)) => {
                    let hash = files.hash();
                    if tried.as_ref() != Some(&hash) {
                        tried = Some(hash);
                        self.try_set(files).await?;
                    }
                }
                Ok(Err(error)) => {
                    if tried.take().is_some() {
                        self.refuse(vec![error.to_string()]);
                    }
                }
                Err(panic) => self.refuse(vec![panic.to_string()]),
            }
        }
        Ok(())
    }

    async fn try_set(&self, files: RuleFiles) -> Result<(), JournalError> {
        if files.hash() == *self.live.current().hash() {
            self.live.forgive();
            tracing::info!(mailbox = %self.mailbox, version = files.hash().short(), "the rules are again those that are live");
            return Ok(());
        }
        let (surroundings, gate) = (self.surroundings.clone(), std::sync::Arc::clone(&self.gate));
        let tried = self.clock.work(move || {
            let set = RuleSet::load(files, surroundings)
                .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>())?;
            gate(&set).map(|()| set)
        });
        match tried.await {
            Ok(Ok(set)) => {
                let hash = set.hash().clone();
                self.journal.keep_rule_set(&hash, &kept_files(&set)).await?;
                if self.role == Role::Live {
                    let dir = self.dir.clone();
                    let origin = self.clock.work(move || origin_of(&dir)).await.unwrap_or_default();
                    self.journal.record_version(&self.mailbox, &hash, origin).await?;
                }
                self.live.exchange(set, self.clock.now());
                let what =
                    if self.role == Role::Live { "the edited rules are live" } else { "the edited rules are in the shadow" };
                tracing::info!(mailbox = %self.mailbox, version = hash.short(), "{what}");
            }
            Ok(Err(faults)) => self.refuse(faults),
            Err(panic) => self.refuse(vec![panic.to_string()]),
        }
        Ok(())
    }

    fn refuse(&self, faults: Vec<String>) {
        let live = self.live.current().hash().clone();
        let stays = if self.role == Role::Live { "live" } else { "in the shadow" };
        tracing::error!(mailbox = %self.mailbox, "{}\nThe rule set was not loaded; version {} stays {stays}.", faults.join("\n"), live.short());
        self.live.refuse(faults, self.clock.now());
    }
}
