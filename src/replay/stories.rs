//! Whole cases: rules, a mail, an expectation.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use serde_json::json;

use super::*;
use crate::rules::{EndpointFacts, RuleFiles, RuleSet, Surroundings};

const MAIL: &str = "From: Billing <billing@fabrikam.com>\r\nTo: invoices@contoso.com\r\nSubject: Invoice 7\r\nMessage-ID: <7@fabrikam.com>\r\n\
    Date: Mon, 2 Dec 2024 10:00:00 +0100\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nTotal due: 1,190.00\r\n";

const RULE: &str = r#"//! Invoices go to the ERP.
fn when(mail) { mail.is_to("invoices@contoso.com") }
fn then(mail) {
    let known = ask("crm", #{ address: mail.from.address });
    if recall("invoice/7") != () { park("seen before"); }
    let record = post("erp", #{ total: mail.text.value_after("Total due").to_money(), customer: known.id });
    remember("invoice/7", mail.id);
    reply("received.html", #{ reference: record.result("id") });
    move_to("Processed");
}
"#;

const ANSWER: &str = "[[answer]]\nask = \"crm\"\nrequest = { address = \"billing@fabrikam.com\" }\nreply = { id = 42 }\n";

fn rules(text: &str) -> RuleSet {
    let files =
        [("10-invoices.rhai", text), ("templates/received.html", "<p>Thank you: {{ reference }}, {{ mail.subject }}</p>")];
    let files = files.into_iter().map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).collect();
    let world = Surroundings {
        dir: "rules/invoices".to_owned(),
        endpoints: [("erp".into(), EndpointFacts { read_only: false }), ("crm".into(), EndpointFacts { read_only: true })].into(),
        own_addresses: vec!["invoices@contoso.com".to_owned()],
        allowed_folders: Vec::new(),
        time_zone: jiff::tz::TimeZone::UTC,
    };
    RuleSet::load(RuleFiles::from_files(files), world)
        .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>())
        .unwrap()
}

fn fixture(expectation: Option<&str>) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("a.eml"), MAIL).unwrap();
    if let Some(text) = expectation {
        std::fs::write(place.path().join("a.expect.toml"), text).unwrap();
    }
    place
}

fn tried(rules: &RuleSet, dir: &Path) -> Vec<Tried> {
    let mut all = Vec::new();
    try_cases(&Rehearsal::new(rules), cases_in(dir).unwrap(), Jobs::new(2).unwrap(), |tried| all.push(tried)).unwrap();
    all
}

fn standing(rules: &RuleSet, dir: &Path) -> Standing {
    tried(rules, dir).remove(0).standing
}

#[test]
fn what_came_is_accepted_and_holds_from_then_on_until_a_rule_changes() {
    let (set, place) = (rules(RULE), fixture(Some(ANSWER)));
    let before = tried(&set, place.path()).remove(0);
    assert!(matches!(before.standing, Standing::NotYetExpected(_)), "{:?}", before.standing);
    assert_eq!(before.accept(), Accepted::Written);
    let written = std::fs::read_to_string(place.path().join("a.expect.toml")).unwrap();
    let expected = format!(
        "{ANSWER}\n[expect]\nrules = [\"10-invoices\"]\nremember = {{ \"invoice/7\" = \"file:a.eml\" }}\n\n\
         [[expect.action]]\npost = \"erp\"\nrecord = {{ customer = 42, total = \"1190.00\" }}\n\n\
         [[expect.action]]\nreply = \"received.html\"\n\n[[expect.action]]\nmove_to = \"Processed\"\n"
    );
    assert_eq!(written, expected);
    assert_eq!(standing(&set, place.path()), Standing::AsExpected);
    assert_eq!(cases_hold(&set, place.path()), Ok(()));
    let changed = rules(&RULE.replace("\"Processed\"", "\"Done\""));
    let Standing::Different(difference) = standing(&changed, place.path()) else { panic!("the change was not seen") };
    assert!(difference.ends_with("-move_to = \"Processed\"\n+move_to = \"Done\"\n"), "{difference}");
    assert!(cases_hold(&changed, place.path()).is_err());
}

#[test]
fn a_question_without_an_answer_fails_and_shows_what_to_write() {
    let place = fixture(Some("[expect]\nrules = [\"10-invoices\"]"));
    let Standing::Different(reason) = standing(&rules(RULE), place.path()) else { panic!("it passed") };
    assert!(
        reason.contains("[[answer]]\nask = \"crm\"\nrequest = { address = \"billing@fabrikam.com\" }\nreply = {}"),
        "{reason}"
    );
}

#[test]
fn memory_is_given_and_a_parked_mail_has_its_reason() {
    let given = format!("{ANSWER}[memory]\n\"invoice/7\" = \"m1\"\n[expect]\ndecision = \"parked\"\nreason = ");
    let set = rules(RULE);
    assert_eq!(standing(&set, fixture(Some(&format!("{given}\"seen before\""))).path()), Standing::AsExpected);
    assert_eq!(standing(&set, fixture(Some(&format!("{given}\"*\""))).path()), Standing::AsExpected);
    assert!(matches!(standing(&set, fixture(Some(&format!("{given}\"other\""))).path()), Standing::Different(_)));
}

#[test]
fn an_expectation_without_a_mail_and_a_mail_without_an_expectation_are_cases() {
    let place = fixture(None);
    std::fs::write(place.path().join("b.expect.toml"), "[expect]\ndecision = \"none\"").unwrap();
    let all: Vec<_> = tried(&rules("fn when(mail) { false }\nfn then(mail) {}"), place.path())
        .into_iter()
        .map(|tried| (tried.case.name, matches!(tried.standing, Standing::Different(_))))
        .collect();
    assert_eq!(all, [("a.eml".to_owned(), false), ("b.eml".to_owned(), true)]);
}

#[test]
fn a_plan_is_one_object_with_the_keys_that_others_rely_on() {
    let (set, place) = (rules(RULE), fixture(Some(ANSWER)));
    let found = Mails::at(place.path()).unwrap().next().unwrap();
    let outcome = Outcome::of(found, &Rehearsal::new(&set), &Given::default(), Detail::Full);
    let expected = json!({
        "file": "a.eml", "message_id": "<7@fabrikam.com>", "subject": "Invoice 7", "decision": "planned", "rules": ["10-invoices"],
        "actions": [
            { "rule": "10-invoices", "kind": "post", "endpoint": "erp", "record": { "total": "1190.00", "customer": 42 } },
            {
                "rule": "10-invoices", "kind": "reply", "template": "received.html", "data": { "reference": "‹id from erp›" },
                "to": ["billing@fabrikam.com"], "subject": "RE: Invoice 7", "body": "<p>Thank you: ‹id from erp›, Invoice 7</p>",
            },
            { "rule": "10-invoices", "kind": "move", "folder": "Processed" },
        ],
        "reason": null, "notes": [], "remember": [{ "key": "invoice/7", "value": "file:a.eml" }],
    });
    assert_eq!(serde_json::to_value(outcome).unwrap(), expected);
    let waiting =
        Outcome::of(Found::in_file("a.eml", place.path().join("a.eml")), &Rehearsal::new(&set), &Given::default(), Detail::Brief);
    assert_eq!(
        (waiting.decision, waiting.reason.as_deref()),
        ("waiting", Some("ask crm {\"address\":\"billing@fabrikam.com\"}"))
    );
}

#[test]
fn rules_that_no_case_reaches_and_answers_of_a_folder_are_found() {
    let place = fixture(Some(ANSWER));
    assert_eq!(unreached(&rules(RULE), place.path()), []);
    assert_eq!(unreached(&rules("fn when(mail) { false }\nfn then(mail) {}"), place.path()), ["10-invoices".into()]);
    let answer =
        GivenAnswer { endpoint: "crm".into(), request: json!({ "address": "billing@fabrikam.com" }), reply: json!({ "id": 42 }) };
    assert_eq!(answers_of(place.path()), Ok(vec![answer]));
}
