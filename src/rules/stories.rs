//! Rule sets from a map of files, over small mails.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::*;
use crate::ids::RuleName;
use crate::mail::{Envelope, Message};
use crate::plan::{self, Action, Answers, Plan, Question};

pub(super) const INVOICE: &str = "Authentication-Results: mx.contoso.com; spf=pass; dkim=pass; dmarc=pass action=none header.from=acme.example\r\n\
Received: from mail.acme.example by mx.contoso.com; Mon, 2 Dec 2024 09:00:01 +0000\r\n\
From: Acme Billing <Billing@Acme.example>\r\n\
To: invoices@contoso.com\r\nSubject: Invoice 2024-118\r\nMessage-ID: <118@acme.example>\r\n\
Date: Mon, 2 Dec 2024 10:00:00 +0100\r\nMIME-Version: 1.0\r\n\
Content-Type: multipart/mixed; boundary=b1\r\n\r\n\
--b1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nDear colleagues,\r\n\r\nInvoice No. 2024-118\r\nTotal due: 1.190,00 EUR\r\n\
Due date: 01.12.2024\r\n\r\n\
--b1\r\nContent-Type: text/csv; name=\"lines.csv\"\r\nContent-Disposition: attachment; filename=\"lines.csv\"\r\n\r\n\
Article;Qty\r\nA-1;3\r\nB-2;5\r\n\
--b1--\r\n";

pub(super) struct Remembers(pub BTreeMap<String, Value>);

impl Memory for Remembers {
    fn recall(&self, key: &str) -> Result<Option<Value>, String> {
        if key == "broken" { Err("disk".to_owned()) } else { Ok(self.0.get(key).cloned()) }
    }
}

pub(super) fn world() -> Surroundings {
    let facts = |read_only| EndpointFacts { read_only };
    Surroundings {
        dir: "rules/invoices".to_owned(),
        endpoints: [("erp".into(), facts(false)), ("supplier-check".into(), facts(true))].into(),
        own_addresses: vec!["invoices@contoso.com".to_owned()],
        allowed_folders: Vec::new(),
        time_zone: TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC),
    }
}

pub(super) fn load(files: &[(&str, &str)]) -> Result<RuleSet, Vec<Fault>> {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    RuleSet::load(RuleFiles::from_files(files), world())
}

pub(super) fn input(raw: &str) -> Input {
    Input {
        message: Arc::new(Message::from_raw(raw.as_bytes().to_vec(), "a.eml")),
        answers: Arc::new(Answers::new()),
        memory: Arc::new(Remembers(BTreeMap::new())),
        now: "2024-12-02T09:30:00Z".parse().unwrap(),
        expired: Arc::new(|| false),
    }
}

pub(super) fn faults(files: &[(&str, &str)]) -> Vec<String> {
    load(files).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

fn loaded(body: &str) -> Result<RuleSet, Vec<Fault>> {
    beside(&format!("fn then(mail) {{\n{body}\n}}"))
}

/// A rule beside a template and a table.
fn beside(text: &str) -> Result<RuleSet, Vec<Fault>> {
    load(&[
        ("10-a.rhai", text),
        ("templates/received.html", "<p>{{ number }}</p>"),
        ("regions.csv", "postcode;region\n01067;East\n"),
    ])
}

pub(super) fn then(body: &str) -> Decided {
    match loaded(body) {
        Ok(set) => decide(&set, &input(INVOICE)),
        Err(faults) => panic!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

pub(super) fn planned(body: &str) -> Plan {
    match then(body).decision {
        Decision::Planned(plan) => plan,
        other => panic!("{body}: {other:?}"),
    }
}

/// What a body faults with, at the latest when it runs.
pub(super) fn fault(body: &str) -> String {
    let fault = match loaded(body) {
        Err(faults) => faults[0].clone(),
        Ok(set) => match decide(&set, &input(INVOICE)).decision {
            Decision::Faulted(fault) => fault,
            other => panic!("{body}: {other:?}"),
        },
    };
    let hint = fault.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{}:{} {} {}{hint}", fault.line.unwrap_or(0), fault.column.unwrap_or(0), fault.code, fault.message)
}

pub(super) fn parked(body: &str) -> String {
    match then(body).decision {
        Decision::Parked { reason, .. } => reason,
        other => panic!("{body}: {other:?}"),
    }
}

const SUPPLIER: &str = r##"//! Supplier invoices go to the ERP.

fn when(mail) {
    mail.is_to("invoices@contoso.com") && mail.is_authentic && mail.has_attachment("*.csv")
}

fn then(mail) {
    let text = mail.text;
    let invoice = #{
        supplier: mail.from.address,
        number:   require(text.find(#"Invoice\s+No\.?\s*(\S+)"#), "no invoice number"),
        total:    require(text.value_after("Total due", "Gesamtbetrag").to_money(), "no total"),
        due:      optional(text.value_after("Due date").to_date("dd.MM.yyyy")),
    };
    let key = `invoice/${invoice.supplier}/${invoice.number}`;
    if recall(key) != () {
        categorise("Duplicate");
        return;
    }
    let record = post("erp", invoice);
    remember(key, mail.id);
    reply("received.html", #{ number: invoice.number, our_reference: record.result("id") });
    categorise("Invoice");
    move_to("Processed/Invoices");
}
"##;

fn supplier_files() -> [(&'static str, &'static str); 2] {
    [("10-supplier-invoices.rhai", SUPPLIER), ("templates/received.html", "<p>{{ number }} {{ our_reference }}</p>")]
}

#[test]
fn an_invoice_is_posted_answered_and_filed() {
    let set = load(&supplier_files()).map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
    assert_eq!(set.rules(), [(RuleName::new("10-supplier-invoices"), "Supplier invoices go to the ERP.".to_owned())]);
    let decided = decide(&set, &input(INVOICE));
    let Decision::Planned(plan) = &decided.decision else { panic!("{decided:?}") };
    let actions: Vec<Value> = plan.actions.iter().map(|action| serde_json::to_value(action).unwrap()).collect();
    let rule = "10-supplier-invoices";
    assert_eq!(
        actions,
        [
            json!({ "rule": rule, "kind": "post", "endpoint": "erp", "record": {
                "due": "2024-12-01", "number": "2024-118", "supplier": "billing@acme.example", "total": "1190.00" } }),
            json!({ "rule": rule, "kind": "reply", "template": "received.html", "data": {
                "number": "2024-118", "our_reference": { "$result": { "action": 0, "endpoint": "erp", "path": "id" } } } }),
            json!({ "rule": rule, "kind": "categorise", "names": ["Invoice"] }),
            json!({ "rule": rule, "kind": "move", "folder": "Processed/Invoices" }),
        ]
    );
    let key = "invoice/billing@acme.example/2024-118";
    assert_eq!(plan.remember, [plan::MemoryWrite { key: key.to_owned(), value: Some(json!("file:a.eml")), until: None }]);
    assert_eq!(plan.recalled, [plan::MemoryRead { key: key.to_owned(), value: None }]);
    assert_eq!(decide(&set, &input(INVOICE)), decided);
}

#[test]
fn a_duplicate_is_only_categorised() {
    let set = load(&supplier_files()).unwrap();
    let known = [("invoice/billing@acme.example/2024-118".to_owned(), json!("x"))].into();
    let decided = decide(&set, &Input { memory: Arc::new(Remembers(known)), ..input(INVOICE) });
    let Decision::Planned(plan) = decided.decision else { panic!() };
    assert_eq!(
        plan.actions.iter().map(|it| it.action.clone()).collect::<Vec<_>>(),
        [Action::Categorise { names: vec!["Duplicate".into()] }]
    );
}

#[test]
fn content_is_asked_for_only_when_a_rule_looks_at_it() {
    let set = load(&supplier_files()).unwrap();
    let message = |subject: &str, to: &str| {
        let envelope = Envelope {
            subject: Some(subject.to_owned()),
            to: vec![crate::mail::Address::new(to)],
            has_attachments: true,
            headers: Some(vec![]),
            ..Envelope::default()
        };
        Arc::new(Message::new(envelope))
    };
    let other = decide(&set, &Input { message: message("x", "support@contoso.com"), ..input(INVOICE) });
    assert_eq!(other.decision, Decision::None);
    let all = load(&[("10-a.rhai", "fn then(mail) { if mail.has_attachment(\"*.pdf\") { flag(); } }")]).unwrap();
    let waiting = decide(&all, &Input { message: message("x", "invoices@contoso.com"), ..input(INVOICE) });
    assert_eq!(waiting.decision, Decision::Waiting(Question::Content));
}

#[test]
fn a_question_ends_the_run_and_its_answer_goes_on() {
    let text = "fn then(mail) { try { if ask(\"supplier-check\", #{ vat: \"DE1\" }).known { categorise(\"Known\"); } } catch { flag(); } }";
    let set = load(&[("10-a.rhai", text)]).unwrap();
    let waiting = decide(&set, &input(INVOICE)).decision;
    let question = Question::Ask { endpoint: "supplier-check".into(), request: json!({ "vat": "DE1" }) };
    assert_eq!(waiting, Decision::Waiting(question.clone()));
    let answers = Arc::new(Answers::from([(question.key(), json!({ "known": true }))]));
    let Decision::Planned(plan) = decide(&set, &Input { answers, ..input(INVOICE) }).decision else { panic!() };
    assert_eq!(plan.actions[0].action, Action::Categorise { names: vec!["Known".into()] });
}

#[test]
fn rules_run_in_order_until_one_ends_it() {
    let set = load(&[
        ("10-a.rhai", "fn when(mail) { false }\nfn then(mail) { flag(); }"),
        ("20-b.rhai", "fn when(mail) { mail.subject.contains(\"Invoice\") }\nfn then(mail) { no_more_rules(); mark_read(); }"),
        ("30-c.rhai", "fn then(mail) { delete(); }"),
    ])
    .unwrap();
    let decided = decide(&set, &input(INVOICE));
    let outcomes: Vec<RuleOutcome> = decided.trace.iter().map(|trace| trace.outcome).collect();
    assert_eq!(outcomes, [RuleOutcome::DidNotApply, RuleOutcome::Applied, RuleOutcome::NotReached]);
    assert_eq!(decided.rules, [RuleName::new("20-b")]);
}

#[test]
fn rules_that_disagree_park_the_mail_with_both_names() {
    let set =
        load(&[("10-a.rhai", "fn then(mail) { move_to(\"A\"); }"), ("20-b.rhai", "fn then(mail) { move_to(\"B\"); }")]).unwrap();
    let Decision::Parked { reason, .. } = decide(&set, &input(INVOICE)).decision else { panic!() };
    assert_eq!(reason, "two rules move the message: 10-a to `A`, 20-b to `B`");
}

#[test]
fn a_rule_parks_what_it_requires_even_inside_try() {
    assert_eq!(
        parked("try { require(mail.text.value_after(\"Kostenstelle\").to_money(), \"no cost centre\"); } catch { }"),
        "no cost centre"
    );
    assert_eq!(parked("park(\"look at it\");"), "look at it");
}

#[test]
fn comparing_different_kinds_is_an_error() {
    assert_eq!(
        fault("if \"9000\" > 5000 { flag(); }"),
        "2:11 R201 a text is compared with a number (turn the text into a number with `.to_number()` or `.to_money()`)"
    );
    assert_eq!(
        fault("let t = mail.text.value_after(\"nowhere\").to_money();\nif t > 5000.50 { flag(); }"),
        "3:6 R202 one side of `>` is absent (take it with `require(…, \"reason\")`, or ask first with `!= ()`)"
    );
    assert_eq!(
        fault("if mail.subject == 5 { flag(); }").split(" (").next().unwrap(),
        "2:17 R201 a text is compared with a number"
    );
    assert_eq!(
        fault("let x = 1; if x == \"1\" { flag(); }").split(" (").next().unwrap(),
        "2:17 R201 a number is compared with a text"
    );
    assert_eq!(planned("if 5000.50 > 5000 && mail.subject != () && 1 == 1.0 { flag(); }").actions.len(), 1);
}

#[test]
fn an_absent_value_never_becomes_text() {
    assert_eq!(
        fault("let t = mail.text.value_after(\"nowhere\");\nnote(`total ${t}`);"),
        "3:15 R202 a value inside a text is absent (take it with `require(…, \"reason\")`, or give another value with `??`)"
    );
    assert_eq!(fault("note(\"a\" + mail.sender.name);").split(" (").next().unwrap(), "2:10 R202 one side of `+` is absent");
    assert_eq!(fault("let s = \"a\"; s += (); note(s);").split(" (").next().unwrap(), "2:16 R202 one side of `+=` is absent");
    assert_eq!(planned("note(`by ${mail.sender?.name ?? \"nobody\"}`);").notes, ["by nobody"]);
    let last = fault("let x = `${mail.from}`;");
    assert_eq!(last, "2:16 R201 an address cannot be part of a text (take its `.address` or `.name`)");
}

#[test]
fn a_column_that_is_not_there_names_those_that_are() {
    let body = "for row in mail.attachment(\"*.csv\").rows { note(row.Qtty); }";
    assert_eq!(fault(body), "2:52 R203 no column `Qtty`; there are: Article, Qty");
    assert_eq!(
        planned("for row in mail.attachment(\"*.csv\").rows { note(`${row.Article} ${row.qty}`); }").notes,
        ["A-1 3", "B-2 5"]
    );
    assert_eq!(
        fault("let m = #{ a: 1 }; note(`${m.b}`);"),
        "2:30 R203 there is no `b` (write `.get(\"b\")`, which gives `()` when it is not there)"
    );
}

#[test]
fn a_record_has_no_silent_holes() {
    assert_eq!(
        fault("post(\"erp\", #{ lines: [#{ due: mail.text.value_after(\"x y z\") }] });"),
        "2:1 R204 the record's field `lines.0.due` is absent (write `optional(…)` if it may be absent, `require(…, \"reason\")` if it may not)"
    );
    assert_eq!(
        fault("let k = #{}; k[\"$result\"] = 1; post(\"erp\", k);"),
        "2:32 R204 the record has a key `$result` (keys that begin with `$` are reserved)"
    );
    assert_eq!(
        fault("post(\"erp\", #{ from: mail.from });").split(" (").next().unwrap(),
        "2:1 R204 the record's field `from` is an address, which cannot be sent as it is"
    );
}

#[test]
fn what_a_post_will_answer_cannot_decide_anything() {
    let receipt = "let r = post(\"erp\", #{ n: 1 }); let id = r.result(\"id\");\n";
    let expected = "R208 ‹id from erp› is not known while rules run (it can go into records and templates only)";
    assert_eq!(fault(&format!("{receipt}if id == 5 {{ flag(); }}")), format!("3:7 {expected}"));
    assert_eq!(fault(&format!("{receipt}note(`id ${{id}}`);")), format!("3:12 {expected}"));
    assert_eq!(
        fault(&format!("{receipt}if id {{ flag(); }}")),
        "3:4 R201 true or false is needed here, not the answer of a post (it is not known while rules run)"
    );
}

#[test]
fn a_verdict_is_compared_with_its_words_only() {
    assert_eq!(planned("if mail.authenticity.verdict == \"pass\" { flag(); }").actions.len(), 1);
    assert_eq!(
        fault("if mail.authenticity.verdict == \"passed\" { flag(); }"),
        "2:30 R210 `passed` is no verdict (did you mean `pass`?)"
    );
}

#[test]
fn trim_and_replace_give_the_new_text() {
    assert_eq!(
        planned("let s = \" a-b \"; note(s.trim()); note(s.replace(\"-\", '/')); note(s);").notes,
        ["a-b", " a/b ", " a-b "]
    );
}

#[test]
fn constants_and_imports_work_inside_functions() {
    let set = load(&[
        (
            "10-a.rhai",
            "import \"lib/money\" as money;\nconst LIMIT = 1000.50;\nconst TWICE = LIMIT * 2;\nconst WHO = [\"a@x.example\", \"acme.example\"];\n\
             fn large(x) { x > LIMIT }\nfn then(mail) { if large(money::gross(1000)) && mail.is_from(WHO) { note(`${TWICE}`); } }",
        ),
        ("lib/money.rhai", "const VAT = 1.19;\nfn gross(net) { net * VAT }"),
    ])
    .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>())
    .unwrap();
    let Decision::Planned(plan) = decide(&set, &input(INVOICE)).decision else { panic!() };
    assert_eq!(plan.notes, ["2001.00"]);
}

#[test]
fn a_fault_inside_lib_names_its_file() {
    let set = load(&[
        ("10-a.rhai", "import \"lib/money\" as money;\nfn then(mail) { money::gross(\"x\"); }"),
        ("lib/money.rhai", "fn gross(net) {\n  if net > 5 { 1 } else { 2 }\n}"),
    ])
    .unwrap();
    let Decision::Faulted(fault) = decide(&set, &input(INVOICE)).decision else { panic!() };
    assert_eq!((fault.file.as_str(), fault.line), ("rules/invoices/lib/money.rhai", Some(2)));
}

#[test]
fn a_lookup_gives_the_row_or_nothing() {
    assert_eq!(planned("note(lookup(\"regions.csv\", \"postcode\", \"01067\").region); if lookup(\"regions.csv\", \"postcode\", 5) == () { flag(); }").notes, ["East"]);
}

#[test]
fn a_reply_to_a_machine_is_withheld_and_seen() {
    let raw = INVOICE.replace("Subject:", "Auto-Submitted: auto-generated\r\nSubject:");
    let set = load(&[
        (
            "10-a.rhai",
            "fn then(mail) { reply(\"r.txt\"); forward([\"invoices@contoso.com\"]); forward(\"team@contoso.com\", \"look\"); }",
        ),
        ("templates/r.txt", "Hello"),
    ])
    .unwrap();
    let Decision::Planned(plan) = decide(&set, &input(&raw)).decision else { panic!() };
    let withheld: Vec<bool> = plan.actions.iter().map(|action| action.withheld.is_some()).collect();
    assert_eq!(withheld, [true, true, false]);
    assert_eq!(plan.actions[1].withheld.as_deref(), Some("invoices@contoso.com is a mailbox that we work on"));
}

#[test]
fn every_word_has_an_example_that_runs() {
    let files = |example: &str| {
        vec![
            ("10-a.rhai".to_owned(), format!("fn then(mail) {{\n    {example}\n}}").into_bytes()),
            ("templates/received.html".to_owned(), b"<p>{{ number }}</p>".to_vec()),
            ("regions.csv".to_owned(), b"postcode;region\n01067;East\n".to_vec()),
            ("rates.csv".to_owned(), b"from,to,rate\n0,99,low\n".to_vec()),
        ]
    };
    let question = Question::Ask { endpoint: "supplier-check".into(), request: json!({ "vat": "DE1" }) };
    let answers = Arc::new(Answers::from([(question.key(), json!({ "known": true }))]));
    let mut wrong = Vec::new();
    for word in words() {
        match RuleSet::load(RuleFiles::from_files(files(word.example).into_iter().collect()), world()) {
            Err(faults) => wrong.push(format!("{}: {}", word.name, faults[0])),
            Ok(set) => match decide(&set, &Input { answers: answers.clone(), ..input(INVOICE) }).decision {
                Decision::Planned(_) => {}
                other => wrong.push(format!("{}: {other:?}", word.name)),
            },
        }
        if word.summary.is_empty() || word.signature.is_empty() {
            wrong.push(format!("{}: not described", word.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn facts_are_written_with_and_without_parentheses() {
    let body = "note(mail.subject()); note(mail.subject); if mail.is_reply() == mail.is_reply { note(\"same\"); }";
    assert_eq!(planned(body).notes, ["Invoice 2024-118", "Invoice 2024-118", "same"]);
}

#[test]
fn a_thrown_value_is_a_fault_with_its_place() {
    assert_eq!(fault("throw \"no way\";"), "2:1 R200 the rule gave up: no way");
    assert_eq!(fault("let a = [1]; let b = a[3];").split(" (").next().unwrap(), "2:24 R203 there is no entry 3 in a list of 1");
    assert_eq!(fault("let a = 1 / 0;").split(" (").next().unwrap().split(' ').nth(1), Some("R220"));
}

#[test]
fn dates_count_working_days_in_the_mailboxs_zone() {
    let body = "note(today().add_workdays(5).format(\"yyyy-MM-dd\")); note(now().format(\"HH:mm\")); note(`${today()}`); \
                if mail.received.date <= today() && today().weekday == \"Monday\" { flag(today().add_days(1)); }";
    let plan = planned(body);
    assert_eq!(plan.notes, ["2024-12-09", "10:30", "2024-12-02"]);
    assert_eq!(serde_json::to_value(&plan.actions[0].action).unwrap(), json!({ "kind": "flag", "due": "2024-12-03" }));
}

#[test]
fn one_set_decides_on_many_threads_alike() {
    let set = load(&supplier_files()).unwrap();
    let expected = decide(&set, &input(INVOICE));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|_| assert_eq!(decide(&set, &input(INVOICE)), expected)));
        }
    });
}

/// The examples of a page: whether they are right, and the rule.
fn examples(page: &str) -> Vec<(bool, &str)> {
    let mut found = Vec::new();
    for (at, _) in page.match_indices("```rhai\n") {
        let is_right = page[..at].trim_end().ends_with("Right:");
        assert!(is_right || page[..at].trim_end().ends_with("Wrong:"), "{page}");
        found.push((is_right, page[at + 8..].split("```").next().unwrap()));
    }
    found
}

#[test]
fn the_wrong_example_of_each_page_is_told_by_its_code_and_the_right_one_is_right() {
    let mut odd = Vec::new();
    for page in codes::pages() {
        let code = page.split(' ').next().unwrap();
        for (is_right, rule) in examples(page) {
            let told: Vec<&str> = match beside(rule) {
                Err(faults) => faults.iter().map(|fault| fault.code).collect(),
                Ok(set) => {
                    let faulted = match decide(&set, &input(INVOICE)).decision {
                        Decision::Faulted(fault) => Some(fault.code),
                        _ => None,
                    };
                    set.warnings().iter().map(|fault| fault.code).chain(faulted).collect()
                }
            };
            let expected = if is_right { told.is_empty() } else { told.contains(&code) };
            if !expected {
                odd.push(format!("{code} {}: {told:?}", if is_right { "right" } else { "wrong" }));
            }
        }
    }
    assert_eq!(odd, Vec::<String>::new());
}
