//! How long `check` of 100 rules takes: the sample rules of all mailboxes, over and over under other names, in one rule set.
//!
//! `cargo bench --bench check`
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::collections::BTreeMap;
use std::path::Path;

use postroom::clock::Clock;
use postroom::rules::{EndpointFacts, Examined, RuleFiles, RuleSet, Surroundings};

const RULES: usize = 100;
const ROUNDS: usize = 7;

fn main() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let mut files = BTreeMap::new();
    let mut rules = Vec::new();
    for mailbox in ["invoices", "orders", "support"] {
        for (path, bytes) in RuleFiles::read(&sample.join(mailbox)).unwrap().files {
            if Path::new(&path).extension().is_some_and(|extension| extension == "rhai") && !path.contains('/') {
                rules.push(bytes);
            } else {
                drop(files.insert(path, bytes));
            }
        }
    }
    for (number, bytes) in rules.iter().cycle().take(RULES).enumerate() {
        files.insert(format!("{:03}-rule.rhai", number + 1), bytes.clone());
    }
    let fact = |name: &str, read_only| (name.into(), EndpointFacts { read_only });
    let surroundings = Surroundings {
        dir: "rules/all".to_owned(),
        endpoints: [fact("erp", false), fact("supplier-check", true), fact("orders-api", false), fact("tickets", false)].into(),
        own_addresses: vec!["invoices@contoso.com".to_owned()],
        allowed_folders: Vec::new(),
        time_zone: jiff::tz::TimeZone::UTC,
    };
    let clock = Clock::system();
    let mut took: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let files = RuleFiles::from_files(files.clone());
            let stopwatch = clock.stopwatch();
            let Examined { set, faults, warnings } = RuleSet::examine(files, surroundings.clone());
            let took = stopwatch.elapsed();
            assert_eq!((faults, warnings), (Vec::new(), Vec::new()));
            assert_eq!(set.unwrap().rules().len(), RULES);
            took
        })
        .collect();
    took.sort_unstable();
    println!(
        "check of {RULES} rules: {:.0?} (median of {ROUNDS}; {:.0?} to {:.0?})",
        took[ROUNDS / 2],
        took[0],
        took[ROUNDS - 1]
    );
}
