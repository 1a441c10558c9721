//! Mail that is not what it says: the rules hear so, and what Postroom does by itself does not fall for it.

use postroom::journal::MessageLine;
use serde_json::json;

use crate::world::{MAILBOX, World, mail, statuses};

/// Acts on mail whose sender is proven.
const CAREFUL: [(&str, &str); 1] =
    [("10-a.rhai", "//! Acts.\nfn then(mail) {\n    require_authentic();\n    post(\"erp\", #{ subject: mail.subject });\n}\n")];

/// A mail with fields of its own on top.
fn under(headers: &str, number: usize, subject: &str) -> Vec<u8> {
    [headers.as_bytes(), &mail(number, subject, "x")].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_receiving_server_found_out_proves_a_sender() {
    const DOOR: &str = "Received: from mail.fabrikam.com (192.0.2.7) by c.mail.protection.outlook.com with SMTP; Mon, 2 Mar 2026 \
        09:00:00 +0000\r\n";
    let found = |dmarc: &str| format!("Authentication-Results: spf=pass; dmarc={dmarc} header.from=fabrikam.com\r\n");
    let mut world = World::started(&CAREFUL).await;
    let mails = [
        (format!("{}{DOOR}", found("pass")), "proven"),
        (format!("{}{DOOR}", found("fail")), "in another's name"),
        (format!("{DOOR}{}", found("pass")), "says so itself"),
        // An id of ours, or a known conversation, is no proof of who joins it.
        (format!("{}{DOOR}In-Reply-To: <1@fabrikam.com>\r\nReferences: <1@fabrikam.com>\r\n", found("fail")), "RE: proven"),
    ];
    for (number, (headers, subject)) in mails.iter().enumerate() {
        world.deliver(&under(headers, number, subject));
    }
    let lines = world.settled(4).await;
    let mut parked: Vec<(String, String)> =
        lines.iter().filter_map(|line| line.reason.as_ref().map(|reason| (line.subject.clone(), reason.clone()))).collect();
    parked.sort_unstable();
    world.stop().await;
    assert_eq!(world.posted(), [json!({ "subject": "proven" })]);
    let place = world.rules_dir().join("10-a.rhai");
    let expected = [
        ("RE: proven", "DMARC failed (dmarc=fail)"),
        ("in another's name", "DMARC failed (dmarc=fail)"),
        (
            "says so itself",
            "its Authentication-Results stands below the Received field of the server that took the mail in, where its sender can have \
         written it",
        ),
    ];
    let told =
        |(subject, why): (&str, &str)| (subject.to_owned(), format!("the sender is not proven: {why} ({}:3)", place.display()));
    assert_eq!(parked, expected.map(told));
    assert_eq!(lines.iter().map(statuses).filter(|found| !found.is_empty()).collect::<Vec<_>>(), [["done"]]);
}

const ANSWERS: [(&str, &str); 2] = [
    ("10-answers.rhai", "//! Answers.\nfn then(mail) { reply(\"a.html\", #{}); }\n"),
    ("templates/a.html", "<p>Thank you.</p>\n"),
];

/// A report by `from` that what bears this Message-ID did not reach `recipient`; with these fields on top, and these of the original.
fn report(number: usize, from: &str, (headers, original): (&str, &str), (id, recipient): (&str, &str)) -> Vec<u8> {
    format!(
        "{headers}From: Mailer <{from}>\r\nTo: {MAILBOX}\r\nSubject: Undeliverable {number}\r\nMessage-ID: <r{number}@report.example>\r\n\
         In-Reply-To: {id}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns;mx.example\r\n\r\n\
         Final-Recipient: rfc822;{recipient}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n\
         --b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: {id}\r\nSubject: RE: Hello\r\n{original}\r\n--b--\r\n"
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_only_names_a_mail_of_ours_is_believed_of_those_alone_who_must_know() {
    const INSIDE: &str = "Received: from a.prod.outlook.com by b.prod.outlook.com with HTTPS; Mon, 2 Mar 2026 09:00:00 +0000\r\n";
    let forged_mark = "x-postroom-action: 0f.00000000000000000000000000000000\r\n";
    let failed = "Authentication-Results: spf=fail; dmarc=fail header.from=fabrikam.com\r\nReceived: from x.example by \
        c.mail.protection.outlook.com with SMTP; Mon, 2 Mar 2026 09:00:00 +0000\r\n";
    for (what, from, fields, is_believed) in [
        ("a stranger", "postmaster@evil.example", ("", ""), false),
        ("a stranger with a mark of its own", "postmaster@evil.example", ("", forged_mark), false),
        ("a stranger in the recipient's name", "postmaster@fabrikam.com", (failed, ""), false),
        ("the recipient's own server", "postmaster@fabrikam.com", ("", ""), true),
        ("the tenant's own mailer", "mailer@contoso.onmicrosoft.com", (INSIDE, ""), true),
    ] {
        let mut world = World::started(&ANSWERS).await;
        world.deliver(&mail(1, "Hello", "x"));
        world.settled(1).await;
        world.until_sent(1).await;
        let shown = world.tenant.mailbox(MAILBOX).unwrap();
        let id = shown["folders"]["Sent Items"][0]["internetMessageId"].as_str().unwrap().to_owned();
        world.deliver(&report(2, from, fields, (&id, "ana1@fabrikam.com")));
        let lines = world.until("the report is decided", |counts, _| counts.messages == 2 && counts.undecided == 0).await;
        let waiting = world.engine.as_ref().unwrap().journal().parked().await.unwrap();
        world.stop().await;
        let reasons: Vec<&str> = waiting.iter().map(|line| line.reason.as_str()).collect();
        let (status, expected): (_, &[&str]) =
            if is_believed { ("rejected", &["it came back: ana1@fabrikam.com (5.1.1)"]) } else { ("done", &[]) };
        assert_eq!((statuses(&lines[1]), reasons), (vec![status], expected.to_vec()), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_all_goes_to_fifty_people_and_to_nobody_when_the_mail_names_more() {
    let rules = [("10-answers.rhai", "//! Answers.\nfn then(mail) { reply_all(\"a.html\", #{}); }\n"), ANSWERS[1]];
    let mut world = World::started(&rules).await;
    // The sender is one of those who are answered.
    for (number, others) in [(1, 49), (2, 50)] {
        let list: Vec<String> = (0..others).map(|other| format!("victim{other}@wingtip.example")).collect();
        world.deliver(&under(&format!("Cc: {}\r\n", list.join(",\r\n ")), number, &format!("To {others}")));
    }
    let is = |lines: &[MessageLine], end: &str| lines.iter().any(|line| statuses(line) == [end]);
    let lines = world.until("both have their end", |_, lines| is(lines, "done") && is(lines, "rejected")).await;
    world.until_sent(1).await;
    let waiting = world.engine.as_ref().unwrap().journal().parked().await.unwrap();
    world.stop().await;
    let mut ends: Vec<_> = lines.iter().map(|line| (line.subject.as_str(), statuses(line))).collect();
    ends.sort_unstable();
    assert_eq!(ends, [("To 49", vec!["done"]), ("To 50", vec!["rejected"])]);
    assert_eq!(waiting[0].reason, "the answer would go to 51 people; at most 50 are answered at once");
    let ledger = world.tenant.ledger();
    let reached = ledger
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["effect"] == "sent")
        .map(|entry| entry["to"].as_array().unwrap().len());
    assert_eq!(reached.collect::<Vec<_>>(), [50]);
}
