//! Rules that are wrong: what is said at load, what a run says, and that the next message goes on.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use serde_json::json;

use super::stories::{INVOICE, Remembers, fault, faults, input, load, parked, planned, world};
use super::*;
use crate::mail::Message;
use crate::plan::{Action, Answers, Question};

#[test]
fn check_finds_every_problem_of_every_file() {
    let found = faults(&[
        (
            "10-a.rhai",
            "fn then(mail) {\n    let pdf = mail.atachment(\"*.pdf\").layout;\n    post(\"epr\", #{});\n    ask(\"erp\", #{});\n    \
             move_to(\"/x\");\n    reply(\"recieved.html\", #{});\n    reply(\"received.html\", #{ nmber: 1 });\n    mail.text.find(\"(\");\n    \
             categoriz(\"x\");\n    park();\n    lookup(\"regions.csv\", \"zip\", 1);\n    create_event(#{});\n    mail.from.adress;\n    \
             let a = mail.attachment(\"*\");\n    a.sheetz;\n    reply(\"received.html\", #{ number: 1 }, #{ subjct: 1 });\n    print(\"x\");\n}",
        ),
        ("20-b.rhai", "fn when(mail) { true and false }\nfn then(mail) {}"),
        ("30-c.rhai", "flag();\nfn when(mail) { true }"),
        ("40-d.rhai", "fn then(mail) { let x = 1; let y = [1].map(|i| i + x); if mial.subject == () {} }"),
        ("templates/received.html", "{{ number }}"),
        ("regions.csv", "postcode;region\n1;a\n"),
    ]);
    let short: Vec<String> =
        found.iter().map(|fault| fault.trim_start_matches("rules/invoices/").replace("\n   |  ", "\n")).collect();
    let text = short.join("\n");
    for expected in [
        "10-a.rhai:2:20  R112  `mail.atachment` is not a word\nlet pdf = mail.atachment(\"*.pdf\").layout;\n               ^^^^^^^^^ did you mean `attachment`?",
        "10-a.rhai:3:10  R114  there is no endpoint `epr`",
        "10-a.rhai:4:9  R115  `erp` cannot be asked: it is not `read_only`",
        "10-a.rhai:5:13  R116  `/x` is not a folder path; write it like `Processed/Invoices`",
        "10-a.rhai:6:11  R117  there is no template `recieved.html`",
        "10-a.rhai:7:11  R118  the template `received.html` needs number too",
        "10-a.rhai:8:20  R119",
        "10-a.rhai:9:5  R110  there is no function `categoriz`",
        "10-a.rhai:10:5  R113  `park` takes 1 parameter, not 0",
        "10-a.rhai:11:27  R122  `regions.csv` has no column `zip`; there are: postcode, region",
        "10-a.rhai:12:5  R124  `create_event` is not in this version",
        "10-a.rhai:13:15  R112  `mail.from.adress` is not a word",
        "10-a.rhai:15:7  R112  `a.sheetz` is not a word",
        "10-a.rhai:16:47  R209  `subjct` is not an option; there are: subject, cc, to_reply_to, attach, per_sender_per_day",
        "10-a.rhai:17:5  R110  there is no `print`",
        "20-b.rhai:1:22  R010",
        "write `&&` for and",
        "30-c.rhai:1:1  R011  only `const`, `import` and functions stand outside of functions",
        "30-c.rhai  R004  the rule has no `then`",
        "40-d.rhai:1:52  R110  there is no `x`",
    ] {
        assert!(text.contains(expected), "missing: {expected}\nin:\n{text}");
    }
}

#[test]
fn words_of_other_languages_get_a_hint() {
    let hints = [
        ("let x = mail.is_reply ? 1 : 2;", "write `if a { b } else { c }` for `a ? b : c`"),
        ("if mail.is_reply or mail.is_bulk { }", "write `||` for or"),
        ("if mail.subject = \"x\" { }", "write `==` to compare"),
        ("let x = null;", "nothing is written `()`"),
        ("mail.text.find(\"\\d+\");", "in a pattern write #\"\\d\"# instead of \"\\d\""),
        ("var x = 1;", "write `let`"),
        ("if Mail.subject == () { }", "a text is written in quotes: \"Mail\""),
    ];
    for (line, hint) in hints {
        let found = faults(&[("10-a.rhai", &format!("fn then(mail) {{\n    {line}\n}}"))]).join("\n");
        assert!(found.contains(hint), "{line}: {found}");
    }
}

#[test]
fn a_rule_behind_the_end_never_runs() {
    let found = faults(&[("10-a.rhai", "fn then(mail) { flag(); no_more_rules(); }"), ("20-b.rhai", "fn then(mail) {}")]);
    assert_eq!(
        found,
        [
            "rules/invoices/20-b.rhai  R120  this rule never runs: 10-a is for every mail and says `no_more_rules()`\n   give 10-a a `when`"
        ]
    );
}

#[test]
fn a_doubled_key_fails_the_load() {
    let found = faults(&[("10-a.rhai", "fn then(mail) { lookup(\"r.csv\", \"k\", 1); }"), ("r.csv", "k,v\n1,a\n1,b\n")]);
    assert!(found[0].contains("R003  `1` stands twice in the column `k` of `r.csv`"), "{found:?}");
}

#[test]
fn a_dynamic_name_is_checked_when_it_is_used() {
    assert_eq!(fault("let e = \"er\" + \"b\"; post(e, #{});"), "2:21 R114 there is no endpoint `erb` (did you mean `erp`?)");
    assert_eq!(
        fault("let f = \"a//\" + \"b\"; move_to(f);"),
        "2:22 R116 `a//b` is not a folder path; write it like `Processed/Invoices`"
    );
    assert_eq!(
        fault("let o = #{}; o.subjekt = \"x\"; reply(\"received.html\", #{ number: 1 }, o);"),
        "2:31 R209 `subjekt` is not an option; there are: subject, cc, to_reply_to, attach, per_sender_per_day (did you mean `subject`?)"
    );
    assert_eq!(fault("let p = \"(\" + \"a\"; mail.text.find(p);").split(':').nth(1).unwrap().split(' ').nth(1), Some("R119"));
}

#[test]
fn folders_outside_the_allowed_ones_fail_the_load() {
    let files = RuleFiles::from_files([("10-a.rhai".to_owned(), b"fn then(mail) { move_to(\"Archive\"); }".to_vec())].into());
    let world = Surroundings { allowed_folders: vec!["Processed/*".to_owned()], ..world() };
    let found = RuleSet::load(files, world).err().unwrap();
    assert_eq!(
        (found[0].code, found[0].message.as_str()),
        ("R116", "the folder `Archive` is not allowed; allowed are: Processed/*")
    );
}

#[test]
fn a_condition_that_is_none_is_a_fault() {
    let set = load(&[("10-a.rhai", "fn when(mail) {\n    mail.subject\n}\nfn then(mail) {}")]).unwrap();
    let Decision::Faulted(fault) = decide(&set, &input(INVOICE)).decision else { panic!() };
    assert_eq!((fault.code, fault.message.as_str()), ("R201", "`when` must say true or false; it gave a text"));
}

#[test]
fn a_memory_that_cannot_be_read_is_a_fault() {
    assert_eq!(fault("recall(\"broken\");"), "2:1 R211 the memory could not be read: disk");
}

#[test]
fn what_a_rule_remembers_a_later_one_recalls() {
    let set = load(&[
        ("10-a.rhai", "fn then(mail) { remember(\"k\", #{ total: 1.50 }, 30); forget(\"gone\"); }"),
        ("20-b.rhai", "fn then(mail) { note(recall(\"k\").total); if recall(\"gone\") == () { note(\"gone\"); } }"),
    ])
    .unwrap();
    let known = [("gone".to_owned(), json!(1))].into();
    let Decision::Planned(plan) = decide(&set, &Input { memory: Arc::new(Remembers(known)), ..input(INVOICE) }).decision else {
        panic!()
    };
    assert_eq!(plan.notes, ["1.50", "gone"]);
    assert!(plan.recalled.is_empty());
    assert_eq!(plan.remember[0].until, "2025-01-01T09:30:00Z".parse().ok());
    assert_eq!(plan.remember[1].value, None);
}

#[test]
fn too_many_questions_notes_and_records_are_faults() {
    let set = load(&[("10-a.rhai", "fn then(mail) { for i in 0..20 { ask(\"supplier-check\", #{ n: i }); } }")]).unwrap();
    let answers: Answers = (0..20)
        .map(|n| (Question::Ask { endpoint: "supplier-check".into(), request: json!({ "n": n }) }.key(), json!({})))
        .collect();
    let Decision::Faulted(found) = decide(&set, &Input { answers: Arc::new(answers), ..input(INVOICE) }).decision else {
        panic!()
    };
    assert_eq!(found.message, "more than 16 questions for one message");
    assert_eq!(fault("for i in 0..200 { note(\"x\"); }").split(' ').nth(1), Some("R305"));
    let plan = planned("let r = []; for i in 0..2000 { r.push(#{ n: i, a: 1, b: 2 }); } post_each(\"erp\", r);");
    let Action::PostEach { records, .. } = &plan.actions[0].action else { panic!() };
    assert_eq!((records.len(), &records[1999]), (2000, &json!({ "n": 1999, "a": 1, "b": 2 })));
    assert_eq!(
        fault("let r = []; for i in 0..2001 { r.push(#{ n: i }); } post_each(\"erp\", r);").split(' ').nth(1),
        Some("R303")
    );
}

#[test]
fn a_mail_to_more_than_twenty_is_a_fault() {
    let to = |count: usize| format!("let to = []; for i in 0..{count} {{ to.push(`a${{i}}@fabrikam.com`); }} ");
    let mail = |what: &str| {
        format!("send(#{{ to: [\"a@fabrikam.com\"], {what}: to, subject: \"S\", template: \"t.html\", data: #{{}} }});")
    };
    let Action::Forward(forward) = &planned(&(to(20) + "forward(to);")).actions[0].action else { panic!() };
    assert_eq!((forward.to.len(), forward.to[19].as_str()), (20, "a19@fabrikam.com"));
    for word in ["forward(to);".to_owned(), mail("cc"), mail("to").replacen("to: [\"a@fabrikam.com\"], ", "", 1)] {
        let script = format!("fn then(mail) {{ {}{word} }}", to(21));
        let set = load(&[("10-a.rhai", script.as_str()), ("templates/t.html", "<p>Hello</p>")]).unwrap();
        let Decision::Faulted(found) = decide(&set, &input(INVOICE)).decision else { panic!("{word}") };
        assert_eq!(found.message, "21 recipients; one mail goes to 1 to 20", "{word}");
    }
}

#[test]
fn two_attachments_where_one_is_meant_park_the_mail() {
    let raw = INVOICE.replace(
        "--b1--",
        "--b1\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=\"more.csv\"\r\n\r\na;b\r\n1;2\r\n--b1--",
    );
    let set = load(&[("10-a.rhai", "fn then(mail) { mail.attachment(\"*.csv\"); }")]).unwrap();
    let Decision::Parked { reason, rule, file, line } = decide(&set, &input(&raw)).decision else { panic!() };
    assert_eq!(reason, "2 attachments match `*.csv`: lines.csv, more.csv");
    assert_eq!((rule, file, line), (Some("10-a".into()), Some("rules/invoices/10-a.rhai".to_owned()), Some(1)));
}

#[test]
fn an_amount_that_reads_two_ways_is_a_fault() {
    assert!(fault("\"1.234\".to_money();").contains("R206"));
    assert_eq!(planned("note(`${\"1.234\".to_money(\"1.234,56\") + 1}`);").notes, ["1235"]);
}

#[test]
fn a_broken_template_is_named_with_its_line() {
    let found =
        faults(&[("10-a.rhai", "fn then(mail) { reply(\"a.html\", #{}); }"), ("templates/a.html", "<p>\n{{ x | nofilter }}")]);
    assert!(found.iter().any(|fault| fault.starts_with("rules/invoices/templates/a.html:2  R123  ")), "{found:?}");
    assert!(!found.iter().any(|fault| fault.contains("R117")), "{found:?}");
}

#[test]
fn imports_are_checked() {
    let found = faults(&[
        ("10-a.rhai", "import \"lib/monney\" as m;\nfn then(mail) { }"),
        ("20-b.rhai", "import \"lib/money\" as m2;\nfn then(mail) { m2::grosss(1); m2::gross(); x::y(); }"),
        ("30-c.rhai", "fn then(mail) { import \"lib/money\" as z; }"),
        ("lib/money.rhai", "fn gross(net) { undefined_thing(net) }"),
    ])
    .join("\n");
    for expected in [
        "10-a.rhai:1:8  R012  `lib/monney` cannot be imported; there are: lib/money",
        "R110  there is no function `grosss` in `m2`",
        "R113  `gross` takes 1 parameter, not 0",
        "R012  `x::` is not imported",
        "R012  an import stands at the beginning of the file",
        "lib/money.rhai:1:17  R110  there is no function `undefined_thing`",
    ] {
        assert!(found.contains(expected), "missing: {expected}\nin:\n{found}");
    }
}

#[test]
fn a_folder_without_rules_and_a_script_that_is_no_text_are_refused() {
    assert_eq!(
        faults(&[("templates/a.html", "x")]),
        ["rules/invoices  R001  there is no rule here; a rule is a file like `10-name.rhai`"]
    );
    let files = RuleFiles::from_files([("10-a.rhai".to_owned(), vec![0xff, 0xfe, 0])].into());
    assert_eq!(RuleSet::load(files, world()).err().unwrap()[0].message, "the script is not UTF-8 text");
}

#[test]
fn the_mail_a_bounce_tells_of_has_no_content() {
    let raw = "From: MAILER-DAEMON@mx.example\r\nTo: invoices@contoso.com\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\nAuto-Submitted: auto-replied\r\n\
        Content-Type: multipart/report; report-type=delivery-status; boundary=r\r\n\r\n--r\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n\
        --r\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; bob@fabrikam.com\r\n\
        Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n\r\n\
        --r\r\nContent-Type: text/rfc822-headers\r\n\r\nFrom: invoices@contoso.com\r\nTo: bob@fabrikam.com\r\nSubject: Our answer\r\n\r\n--r--\r\n";
    let run = |body: &str| {
        let set = load(&[("10-a.rhai", &format!("fn then(mail) {{ {body} }}"))]).unwrap();
        decide(&set, &input(raw)).decision
    };
    let Decision::Planned(plan) =
        run("let r = mail.bounce.recipients[0]; note(`${r.address} ${r.code} ${r.permanent} ${mail.bounce.original.subject}`);")
    else {
        panic!()
    };
    assert_eq!(plan.notes, ["bob@fabrikam.com 5.1.1 true Our answer"]);
    let Decision::Faulted(fault) = run("mail.bounce.original.text;") else { panic!() };
    assert_eq!(fault.message, "only the envelope of this mail is known, not its content");
}

#[test]
fn equal_input_gives_equal_bytes() {
    let body = "post(\"erp\", #{ z: 1, a: 2, m: #{ y: 1, b: 2 } }); for (k, i) in [\"x\", \"y\"] { note(`${k}${i}`); }";
    let first = serde_json::to_vec(&planned(body)).unwrap();
    for _ in 0..100 {
        assert_eq!(serde_json::to_vec(&planned(body)).unwrap(), first);
    }
}

#[test]
fn a_set_behaves_the_same_wherever_its_files_lie() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("10-a.rhai"), "fn then(mail) { flag(); }").unwrap();
    let read = RuleFiles::read(place.path()).unwrap();
    let kept = RuleFiles::from_files(read.files.clone());
    assert_eq!(read.hash(), kept.hash());
    let (one, other) = (RuleSet::load(read, world()).ok().unwrap(), RuleSet::load(kept, world()).ok().unwrap());
    assert_eq!(decide(&one, &input(INVOICE)), decide(&other, &input(INVOICE)));
    assert_eq!(one.hash(), other.hash());
}

#[test]
fn a_message_without_anything_meets_every_word() {
    let set = load(&[(
        "10-a.rhai",
        "fn then(mail) { if mail.subject.contains(\"x\") || mail.from.domain == \"x\" || \"y\" in mail.subject { flag(); } \
         if mail.is_from(\"x.example\") || mail.has_attachment(\"*\") || mail.text.matches(#\"a\"#) { flag(); } note(mail.from.address ?? \"none\"); }",
    )])
    .unwrap();
    let message = Arc::new(Message::from_raw(Vec::new(), "empty.eml"));
    let Decision::Planned(plan) = decide(&set, &Input { message, ..input(INVOICE) }).decision else { panic!() };
    assert_eq!((plan.actions.len(), plan.notes), (0, vec!["none".to_owned()]));
}

#[test]
fn a_park_inside_a_function_keeps_its_place() {
    assert_eq!(parked("let f = |x| park(x); [\"a\"].map(|x| park(x));"), "a");
}
