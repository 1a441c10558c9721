//! Rules that go wrong and mail that is odd: each gets its end with a reason, and the other messages go on.

use crate::world::{World, mail, statuses};

/// A rule set whose rules go wrong by the subject of the mail.
const TROUBLE: [(&str, &str); 2] = [
    (
        "10-trouble.rhai",
        r#"//! Trouble.
fn then(mail) {
    switch mail.subject {
        "loop" => { let i = 0; while true { i += 1; } }
        "eat" => { let s = "x"; let all = []; while true { s = s + s; all.push(s); } }
        "throw" => { throw "I give up"; }
        "park" => { park("a person must look"); }
        "late" => { reply("late.html", #{ name: if mail.text.contains("x") { () } else { "y" } }); }
        "two moves" => { move_to("A"); move_to("B"); }
        "deep" => { dig(0); }
        _ => { categorise("Fine"); }
    }
}
fn dig(n) { dig(n + 1) }
"#,
    ),
    ("templates/late.html", "<p>{{ name | upper }}</p>\n"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_goes_wrong_parks_its_message_with_the_place_and_the_others_go_on() {
    let mut world = World::started(&TROUBLE).await;
    for (number, subject) in ["loop", "eat", "throw", "park", "two moves", "deep", "fine"].into_iter().enumerate() {
        world.deliver(&mail(number, subject, "x"));
    }
    let lines = world.settled(7).await;
    world.stop().await;
    let end = |subject: &str| {
        let line = lines.iter().find(|line| line.subject == subject).unwrap();
        format!("{}: {}", line.status, line.reason.as_deref().unwrap_or_default())
    };
    let expected = [
        ("loop", "faulted: ", "10-trouble.rhai:4:", "R30"),
        ("eat", "faulted: ", "10-trouble.rhai:5:", "a text of more than"),
        ("throw", "faulted: ", "10-trouble.rhai:6:", "I give up"),
        ("park", "parked: ", "10-trouble.rhai:7)", "a person must look"),
        ("two moves", "parked: ", "10-trouble to `A`", "10-trouble to `B`"),
        ("deep", "faulted: ", "10-trouble.rhai:", "64"),
    ];
    for (subject, status, place, words) in expected {
        let end = end(subject);
        assert!(end.starts_with(status) && end.contains(place) && end.contains(words), "{subject}: {end}");
    }
    assert_eq!(statuses(lines.iter().find(|line| line.subject == "fine").unwrap()), ["done"]);
    assert_eq!(world.effects(), ["patched"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_lacks_a_value_when_it_is_rendered_sends_nothing_and_waits_for_a_person() {
    let mut world = World::started(&[
        (
            "10-a.rhai",
            "//! A.\nfn then(mail) { let r = post(\"erp\", #{ id: 1 }); reply(\"a.html\", #{ lines: r.result(\"lines\") }); }\n",
        ),
        ("templates/a.html", "<p>{{ lines }}</p>\n"),
    ])
    .await;
    world.deliver(&mail(1, "Hello", "x"));
    world.until("the reply is rejected", |counts, _| counts.waiting == 1).await;
    let parked = world.engine.as_ref().unwrap().journal().parked().await.unwrap();
    world.stop().await;
    assert_eq!(parked[0].reason, "‹lines from erp› is not in the answer of `erp`");
    assert_eq!(world.effects(), Vec::<String>::new());
}

/// Mail that nobody would write by hand.
fn odd_mails() -> Vec<(&'static str, Vec<u8>)> {
    let plain = mail(1, "truncated", "x");
    let head = "From: a@fabrikam.com\r\nSubject: odd\r\nMIME-Version: 1.0\r\n";
    let nested: String = (0..200_000)
        .fold(String::new(), |all, n| all + &*format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n"));
    let messages = "Content-Type: message/rfc822\r\n\r\n".repeat(200_000);
    let mut large = format!("{head}Message-ID: <large@x>\r\nContent-Type: text/plain\r\n\r\n").into_bytes();
    large.resize(35 * 1024 * 1024, b'x');
    vec![
        ("empty", Vec::new()),
        ("blank lines only", b"\r\n\r\n\r\n".to_vec()),
        ("truncated", plain[..plain.len() - 30].to_vec()),
        ("binary", (0..=255_u8).cycle().take(20_000).collect()),
        ("35 MB", large),
        ("200,000 nested parts", format!("{head}{nested}").into_bytes()),
        ("200,000 nested messages", format!("{head}{messages}").into_bytes()),
        ("without Message-ID", b"From: a@fabrikam.com\r\nSubject: no id\r\n\r\nx\r\n".to_vec()),
        ("without From", b"Subject: nobody\r\nMessage-ID: <nobody@x>\r\n\r\nx\r\n".to_vec()),
        ("unknown charset", format!("{head}Content-Type: text/plain; charset=klingon-8\r\n\r\nm\u{e9}h\r\n").into_bytes()),
        ("10 MB header line", format!("X-Long: {}\r\n{head}\r\nx\r\n", "y".repeat(10_000_000)).into_bytes()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_mail_gets_its_end_like_any_other() {
    let rules = [(
        "10-all.rhai",
        "//! Looks at everything.\nfn then(mail) {\n    note(`${(mail.text ?? \"\").len} ${mail.attachments.len} ${mail.is_bounce} ${mail.tables.len}`);\n    categorise(\"Seen\");\n}\n",
    )];
    let mut world = World::started(&rules).await;
    let mails = odd_mails();
    let count = i64::try_from(mails.len()).unwrap() + 1;
    for (_, raw) in &mails {
        world.deliver(raw);
    }
    world.deliver(&mail(99, "ordinary", "x"));
    let lines = world.settled(count).await;
    world.stop().await;
    let ends: Vec<(String, Vec<&str>)> = lines.iter().map(|line| (line.status.clone(), statuses(line))).collect();
    assert_eq!(ends, vec![("planned".to_owned(), vec!["done"]); mails.len() + 1], "{lines:#?}");
    assert_eq!(world.folders()["Inbox"].as_array().unwrap().len(), mails.len() + 1);
}
