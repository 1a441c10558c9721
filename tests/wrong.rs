//! Scripts with the mistakes that people make, each beside what it is told; read them as a beginner would.
//!
//! `POSTROOM_ACCEPT=1 cargo test wrong::` writes down what came, to be read and committed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use postroom::rules::{EndpointFacts, Examined, RuleFiles, RuleSet, Surroundings};
use serde_json::{Value, json};

use crate::process::output;
use crate::world::write;

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
    let lines: Vec<String> = faults.iter().chain(&warnings).map(ToString::to_string).collect();
    lines.join("\n") + "\n"
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
        if came.trim().is_empty() || came != expected {
            different.push(format!("{}\n--- expected\n{expected}--- came\n{came}", path.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn programs_and_code_scanners_get_every_problem_with_its_place_and_people_its_page() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    assert_eq!(output(dir, &["new", "project", "--address", "orders@contoso.com"]).0, 0);
    assert_eq!(output(dir, &["new", "project", "--address", "orders@contoso.com"]).0, 2);
    write(&dir.join("rules/orders/10-a.rhai"), "fn then(mail) { flga(); }\n");
    write(&dir.join("rules/orders/20-b.rhai"), "fn when(mail) { mail.is_bulk }\nfn then(mail) { let x = 1; }\n");
    let (code, listed, _) = output(dir, &["check", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let expected = json!({
        "problems": [
            {
                "code": "R110", "level": "error", "file": "rules/orders/10-a.rhai", "line": 1, "column": 17, "end_column": 21,
                "message": "there is no function `flga`", "hint": "did you mean `flag`?",
            },
            {
                "code": "R403", "level": "warning", "file": "rules/orders/20-b.rhai", "line": 2, "column": 21, "end_column": 22,
                "message": "nobody uses `x`", "hint": null,
            },
        ],
        "errors": 1, "warnings": 1,
    });
    assert_eq!((code, listed), (1, expected));
    let (code, sarif, _) = output(dir, &["check", "--sarif"]);
    let sarif: Value = serde_json::from_str(&sarif).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(
        (code, &sarif["version"], &result["ruleId"], &result["level"]),
        (1, &json!("2.1.0"), &json!("R110"), &json!("error"))
    );
    let (code, page, _) = output(dir, &["explain", "r110"]);
    assert!(code == 0 && page.starts_with("R110  a function nobody knows\n\n"), "{page}");
    assert_eq!(output(dir, &["explain", "R999"]).0, 1);
}

#[test]
fn a_plan_says_which_condition_was_false_and_what_came_nearest() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    assert_eq!(output(dir, &["new", "project", "--address", "orders@contoso.com"]).0, 0);
    write(
        &dir.join("rules/orders/10-a.rhai"),
        "fn when(mail) {\n    mail.is_to(\"orders@contoso.com\") && mail.subject.len > 20\n}\nfn then(mail) { flag(); }\n",
    );
    let second = "fn then(mail) {\n    let number = mail.text.value_after(\"Rechnungsnr\");\n    note(number ?? \"none\");\n    \
                  if lookup(\"customers.csv\", \"domain\", mail.from.domain) == () { flag(); }\n}\n";
    write(&dir.join("rules/orders/customers.csv"), "domain;name\nfabrikan.com;Fabrikam\n");
    write(&dir.join("rules/orders/20-b.rhai"), second);
    let raw = "From: a@fabrikam.com\r\nTo: orders@contoso.com\r\nSubject: Rechnung\r\n\r\nGuten Tag\r\nRechnungs-Nr.: 4711\r\n";
    write(&dir.join("a.eml"), raw);
    let (code, plan, _) = output(dir, &["plan", "a.eml", "--mailbox", "orders", "--json"]);
    let mut plan: Value = serde_json::from_str(&plan).unwrap();
    let looked = |text: &str, value: &str| json!([{ "text": text, "value": value }]);
    let expected = json!([
        {
            "rule": "10-a", "outcome": "did_not_apply",
            "conditions": [
                {
                    "text": "mail.is_to(\"orders@contoso.com\")", "line": 2, "column": 5, "holds": true,
                    "values": looked("mail.to", "orders@contoso.com"),
                },
                {
                    "text": "mail.subject.len > 20", "line": 2, "column": 41, "holds": false,
                    "values": looked("mail.subject.len", "8"),
                },
            ],
        },
        { "rule": "20-b", "outcome": "applied", "conditions": [] },
    ]);
    assert_eq!((code, plan["trace"].take()), (0, expected));
    let readings = json!([
        {
            "file": "rules/orders/20-b.rhai", "line": 2, "field": "number", "word": "value_after", "wanted": ["Rechnungsnr"],
            "found": null, "source": "mail.text", "near": "Rechnungs-Nr.",
        },
        {
            "file": "rules/orders/20-b.rhai", "line": 4, "word": "lookup", "wanted": ["fabrikam.com"],
            "found": null, "source": "customers.csv", "near": "fabrikan.com",
        },
    ]);
    assert_eq!(plan["readings"].take(), readings);
    let (_, told, _) = output(dir, &["plan", "a.eml", "--mailbox", "orders"]);
    let part = "✗ 10-a does not apply\n    true    mail.is_to(\"orders@contoso.com\")\n    false   mail.subject.len > 20\n              mail.subject.len is 8\n";
    assert!(told.contains(part) && told.contains("      closest text: Rechnungs-Nr.\n"), "{told}");
    assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
}
