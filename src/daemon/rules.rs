//! The rule sets of the mailboxes: loaded, tried before they go live, set beside those in the shadow.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::{Reload, surroundings};
use crate::config::{Config, MailboxConfig};
use crate::decider::{Compare, Difference, Gate, LiveRules, Shadow};
use crate::ids::MailboxName;
use crate::replay::{self, Rivals, side_by_side};
use crate::rules::{Fault, RuleFiles, RuleSet, Surroundings};

/// What does not keep rules from being live but should be known.
pub(super) type Remarks = Arc<std::sync::Mutex<Vec<String>>>;

pub(super) fn gate(fixtures: PathBuf, reload: Reload, remarks: Remarks) -> Gate {
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

/// The rules of one mailbox, compiled; or its faults, one below the other.
pub(super) fn load_set(config: &Config, name: &MailboxName, mailbox: &MailboxConfig) -> Result<RuleSet, String> {
    load(&mailbox.rules, surroundings(config, name))
}

fn load(dir: &Path, surroundings: Surroundings) -> Result<RuleSet, String> {
    let files = RuleFiles::read(dir).map_err(|fault| fault.to_string())?;
    RuleSet::load(files, surroundings).map_err(|faults| faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n"))
}

/// The rules in the shadow of a mailbox's own, if it has any. Ones that do not load are remarked on: nothing depends on them.
pub(super) fn shadow_of(config: &Config, (name, mailbox): (&MailboxName, &MailboxConfig), now: Timestamp) -> Option<Shadow> {
    let dir = mailbox.shadow.as_ref()?;
    let surroundings = Surroundings { dir: dir.display().to_string(), ..surroundings(config, name) };
    match load(dir, surroundings) {
        Ok(set) => Some(Shadow { rules: LiveRules::new(set, now), compare: compared() }),
        Err(faults) => {
            tracing::error!(mailbox = %name, "there are no rules in the shadow until the next start:\n{faults}");
            None
        }
    }
}

/// How a decision of the live rules and one of those in the shadow are set against each other.
fn compared() -> Compare {
    Arc::new(|envelope, (live, before), (shadow, after)| {
        let compared = Rivals::new(live, shadow).told(String::new(), envelope, before, after);
        let lines =
            if compared.change == replay::Change::Same { Vec::new() } else { side_by_side(&compared.before, &compared.after) };
        Difference {
            change: compared.change.word().to_owned(),
            lines: serde_json::to_string(&lines).unwrap_or_else(|_| "[]".to_owned()),
        }
    })
}
