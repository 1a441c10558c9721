//! `postroom check`: configuration, rules and templates; every problem found, not only the first.

use std::path::Path;

use super::problems::{json, sarif, shown};
use super::{Exit, say, tell, terminal};
use crate::clock::Clock;
use crate::config::{Config, Problem, Severity};
use crate::daemon::{endpoint_settings, fixtures_dir, graph_settings, surroundings};
use crate::endpoints::Endpoints;
use crate::graph::Graph;
use crate::ids::MailboxName;
use crate::replay;
use crate::rules::{Examined, Fault, RuleFiles, RuleSet, codes, excerpt};

/// How the problems are told.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// The problems as JSON.
    #[arg(long, conflicts_with = "sarif")]
    json: bool,
    /// The problems in the form of code scanners, SARIF 2.1.0.
    #[arg(long)]
    sarif: bool,
}

pub(super) fn run(args: &CheckArgs, path: &Path) -> Exit {
    let faults = problems(path);
    let warnings = faults.iter().filter(|fault| fault.is_warning()).count();
    let errors = faults.len() - warnings;
    if args.json {
        say(&serde_json::to_string_pretty(&json(&faults)).unwrap_or_default());
    } else if args.sarif {
        say(&serde_json::to_string_pretty(&sarif(&faults)).unwrap_or_default());
    } else {
        let columns = terminal::columns().unwrap_or(usize::MAX);
        for fault in &faults {
            say(&shown(fault, columns));
        }
        if let Some(fault) = faults.iter().find(|fault| !fault.is_warning()).or(faults.first()) {
            tell(&format!("`postroom explain {}` says more.", fault.code));
        }
    }
    tell(&format!("{}, {}.", counted(errors, "error"), counted(warnings, "warning")));
    if errors == 0 { Exit::Done } else { Exit::No }
}

/// Every problem: of the configuration, of its credentials and endpoints, of each mailbox's rules.
fn problems(path: &Path) -> Vec<Fault> {
    let config = match Config::read(path, &|name| std::env::var(name).ok()) {
        Ok(config) => config,
        Err(problems) => return problems.iter().map(of_configuration).collect(),
    };
    let mut faults: Vec<Fault> = config.warnings.iter().map(of_configuration).collect();
    let shown = path.display().to_string();
    match Graph::check(&graph_settings(&config), Clock::system().now()) {
        Ok(soon) => faults.extend(soon.map(|soon| Fault::new(codes::ODD_CONFIGURATION, shown.clone(), soon))),
        Err(error) => faults.push(Fault::new(codes::CONFIGURATION, shown.clone(), error.to_string())),
    }
    for error in Endpoints::check(&endpoint_settings(&config)) {
        faults.push(Fault::new(codes::CONFIGURATION, shown.clone(), error.to_string()));
    }
    for name in config.mailboxes.keys() {
        faults.extend(of_rules(&config, name));
    }
    faults
}

fn of_configuration(problem: &Problem) -> Fault {
    let code = if problem.severity == Severity::Warning { codes::ODD_CONFIGURATION } else { codes::CONFIGURATION };
    let source = std::fs::read_to_string(&problem.file).unwrap_or_default();
    Fault {
        line: Some(problem.line),
        column: Some(problem.column),
        excerpt: excerpt(&source, problem.line, Some(problem.column)),
        ..Fault::new(code, problem.file.display().to_string(), problem.message.clone())
    }
}

fn of_rules(config: &Config, name: &MailboxName) -> Vec<Fault> {
    let Some(mailbox) = config.mailboxes.get(name) else { return Vec::new() };
    let files = match RuleFiles::read(&mailbox.rules) {
        Ok(files) => files,
        Err(fault) => return vec![*fault],
    };
    let Examined { set, mut faults, warnings } = RuleSet::examine(files, surroundings(config, name));
    faults.extend(warnings);
    if let Some(set) = set {
        for rule in replay::unreached(&set, &fixtures_dir(config, name)) {
            let file = format!("{}/{rule}.rhai", mailbox.rules.display());
            let fault = Fault::new(codes::NO_FIXTURE, file, "no fixture reaches this rule");
            faults.push(Fault { line: Some(1), column: Some(1), ..fault });
        }
        tell(&format!("{name}: {}, version {}", counted(set.rules().len(), "rule"), set.hash().short()));
    }
    faults
}

fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}
