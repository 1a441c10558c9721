//! `postroom check`: configuration, rules and templates; every problem found, not only the first.

use std::path::Path;

use super::{Exit, say, tell};
use crate::clock::Clock;
use crate::config::Config;
use crate::daemon::{endpoint_settings, fixtures_dir, graph_settings, surroundings};
use crate::endpoints::Endpoints;
use crate::graph::Graph;
use crate::replay;
use crate::rules::{RuleFiles, RuleSet};

pub(super) fn run(path: &Path) -> Exit {
    let config = match Config::read(path, &|name| std::env::var(name).ok()) {
        Ok(config) => config,
        Err(problems) => {
            for problem in &problems {
                say(&problem.to_string());
            }
            tell(&format!("{} in the configuration.", counted(problems.len(), "problem")));
            return Exit::No;
        }
    };
    let (mut errors, mut warnings) = (0, 0);
    for problem in &config.warnings {
        say(&problem.to_string());
        warnings += 1;
    }
    match Graph::check(&graph_settings(&config), Clock::system().now()) {
        Ok(None) => {}
        Ok(Some(soon)) => {
            say(&format!("{}: warning: {soon}", path.display()));
            warnings += 1;
        }
        Err(error) => {
            say(&format!("{}: {error}", path.display()));
            errors += 1;
        }
    }
    for error in Endpoints::check(&endpoint_settings(&config)) {
        say(&format!("{}: {error}", path.display()));
        errors += 1;
    }
    for (name, mailbox) in &config.mailboxes {
        let loaded = RuleFiles::read(&mailbox.rules).map_err(|error| vec![error.to_string()]).and_then(|files| {
            RuleSet::load(files, surroundings(&config, name)).map_err(|faults| faults.iter().map(ToString::to_string).collect())
        });
        match loaded {
            Ok(set) => {
                for warning in set.warnings() {
                    say(&warning.to_string());
                    warnings += 1;
                }
                for rule in replay::unreached(&set, &fixtures_dir(&config, name)) {
                    say(&format!("{}/{rule}.rhai: warning: no fixture reaches this rule", mailbox.rules.display()));
                    warnings += 1;
                }
                tell(&format!("{name}: {}, version {}", counted(set.rules().len(), "rule"), set.hash().short()));
            }
            Err(faults) => {
                errors += faults.len();
                for fault in faults {
                    say(&fault);
                }
            }
        }
    }
    tell(&format!("{}, {}.", counted(errors, "error"), counted(warnings, "warning")));
    if errors == 0 { Exit::Done } else { Exit::No }
}

fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}
