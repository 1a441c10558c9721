//! The rule sets of the mailboxes: loaded, tried before they go live, set beside those in the shadow.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Reload, StartError, surroundings};
use crate::config::{Config, MailboxConfig};
use crate::decider::{Compare, Difference, Gate, LiveRules, Shadow};
use crate::ids::MailboxName;
use crate::replay::{self, Rivals, side_by_side};
use crate::rules::{Fault, RuleFiles, RuleSet, Surroundings};
use crate::web::RulesLine;

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

/// The rules of every mailbox, compiled.
///
/// # Errors
/// The faults of the first mailbox whose rules do not load.
pub(super) fn load_rules(config: &Config) -> Result<BTreeMap<MailboxName, RuleSet>, StartError> {
    let load = |name: &MailboxName, mailbox: &MailboxConfig| {
        let refused = |faults: String| StartError::Rules { mailbox: name.clone(), faults };
        let files = RuleFiles::read(&mailbox.rules).map_err(|error| refused(error.to_string()))?;
        RuleSet::load(files, surroundings(config, name))
            .map_err(|faults| refused(faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n")))
    };
    config.mailboxes.iter().map(|(name, mailbox)| Ok((name.clone(), load(name, mailbox)?))).collect()
}

/// The rules in the shadow of a mailbox's own, if it has any. Ones that do not load are remarked on: nothing depends on them.
pub(super) fn shadow_of(config: &Config, name: &MailboxName, now: Timestamp) -> Option<Shadow> {
    let dir = config.mailboxes.get(name)?.shadow.as_ref()?;
    let surroundings = Surroundings { dir: dir.display().to_string(), ..surroundings(config, name) };
    let loaded = RuleFiles::read(dir).map_err(|fault| fault.to_string()).and_then(|files| {
        RuleSet::load(files, surroundings).map_err(|faults| faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n"))
    });
    match loaded {
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

/// A mailbox on the page: its name, what is live, remarks, and what is in the shadow.
pub(super) type ShownRules = (MailboxName, LiveRules, Remarks, Option<LiveRules>);

pub(super) fn rules_line((name, live, remarks, shadow): &ShownRules) -> RulesLine {
    let loaded = live.loaded();
    RulesLine {
        mailbox: name.to_string(),
        version: loaded.set.hash().short().to_owned(),
        since: loaded.since.strftime("%H:%M:%S").to_string(),
        refused: loaded.refused.map(|refusal| refusal.faults).unwrap_or_default(),
        remarks: remarks.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone(),
        shadow: shadow.as_ref().map(|shadow| shadow.current().hash().clone()),
    }
}
