//! Scripts with the mistakes that people make, each beside what it is told; read them as a beginner would.
//!
//! `POSTROOM_ACCEPT=1 cargo test wrong::` writes down what came, to be read and committed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use postroom::rules::{EndpointFacts, Examined, RuleFiles, RuleSet, Surroundings};

fn told(script: &str) -> String {
    let files: BTreeMap<String, Vec<u8>> = [
        ("10-invoices.rhai", script),
        ("templates/received.html", "<p>Thank you for {{ number }}.</p>"),
        ("suppliers.csv", "domain;name\nfabrikam.com;Fabrikam\n"),
    ]
    .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
    .into();
    let surroundings = Surroundings {
        dir: "rules/invoices".to_owned(),
        endpoints: [("erp".into(), EndpointFacts { read_only: false })].into(),
        own_addresses: Vec::new(),
        allowed_folders: Vec::new(),
        time_zone: jiff::tz::TimeZone::UTC,
    };
    let Examined { faults, warnings, .. } = RuleSet::examine(RuleFiles::from_files(files), surroundings);
    faults.iter().chain(&warnings).map(|fault| format!("{fault}\n")).collect()
}

fn scripts() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong");
    let mut found: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "rhai"));
    found.sort();
    found
}

#[test]
fn each_mistake_is_told_in_the_words_beside_it() {
    let scripts = scripts();
    assert!(scripts.len() >= 20);
    let mut different = Vec::new();
    for path in scripts {
        let came = told(&std::fs::read_to_string(&path).unwrap());
        let golden = path.with_extension("txt");
        if std::env::var_os("POSTROOM_ACCEPT").is_some() {
            std::fs::write(&golden, &came).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if came.is_empty() || came != expected {
            different.push(format!("{}\n--- expected\n{expected}--- came\n{came}", path.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
