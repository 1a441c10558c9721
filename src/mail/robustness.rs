//! Any bytes: cut, mutated, nested, huge, and mail that nobody here wrote.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::path::{Path, PathBuf};

use super::{Attachment, Content, Defect, HEADER_LINES_MAX, Message, RAW_MAX};

/// Asks for everything there is and gives the size of it all.
fn ask_everything(raw: &[u8]) -> usize {
    let message = Message::from_raw(raw.to_vec(), "any.eml");
    let own = ["orders@contoso.com".to_owned()];
    let kinds = [
        message.is_reply(),
        message.is_auto_reply(),
        message.is_out_of_office(),
        message.is_bounce(),
        message.is_bulk(),
        message.is_meeting(),
    ];
    let mut size = kinds.iter().filter(|kind| **kind == Ok(true)).count();
    size += message.authenticity().unwrap().reason.len() + message.reply_hazard(&own).unwrap().map_or(0, |text| text.len());
    size += message.bounce().unwrap().map_or(0, |bounce| bounce.recipients.len());
    size + ask_content(message.content().unwrap())
}

fn ask_content(content: &Content) -> usize {
    let filled = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
    let portions = [content.top_text(), content.quoted_text(), content.signature(), content.notices()];
    assert_eq!(portions.into_iter().map(filled).sum::<usize>(), filled(content.text()));
    let spans = content.portions().iter().map(|(_, span)| content.text().get(span.clone()).unwrap());
    assert_eq!(spans.collect::<String>(), content.text());
    let mut size = content.headers().len() + content.html().map_or(0, str::len) + content.tables().len() + content.links().len();
    size += content.data("Order").len() + content.language().map_or(0, str::len) + content.defects().len();
    size += usize::from(matches!(content.table(&["SKU", "Qty"]), super::TableSearch::One(_)));
    if let Some(forwarded) = content.forwarded() {
        size += ask_content(forwarded.content().unwrap());
    }
    size += content.select("td, a[href]").map_or(0, |found| found.len());
    for defect in content.defects() {
        assert!(!defect.to_string().is_empty());
    }
    size + content.attachments().iter().map(ask_file).sum::<usize>()
}

fn ask_file(file: &Attachment) -> usize {
    let reading = file.reading().unwrap();
    let mut size = file.size() + file.sha256().len() + file.problem().unwrap().map_or(0, |problem| problem.len());
    size += file.text().unwrap().map_or(0, str::len) + format!("{reading:?}").len();
    size += reading.sheets.iter().filter_map(|sheet| Some(sheet.rows()?.rows.len())).sum::<usize>();
    size += file.mail().unwrap().map_or(0, |mail| ask_content(mail.content().unwrap()));
    size + file.files().unwrap().iter().map(ask_file).sum::<usize>()
}

const MAILS: [&str; 4] = [
    "From: =?utf-8?q?J=C3=B6rg?= <joerg@fabrikam.com>\r\nTo: team: a@contoso.com, b@contoso.com;\r\nSubject: =?iso-8859-1?B?R3L832U=?=\r\n\
     Date: Mon, 2 Dec 2024 10:00:00 +0100\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"outer\"\r\n\r\n\
     --outer\r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n--inner\r\nContent-Type: text/plain; charset=utf-8\r\n\
     Content-Transfer-Encoding: quoted-printable\r\n\r\nHallo =C3=BCber=\r\nall\r\n\r\nOn 1 Dec 2024 Bob <b@contoso.com> wrote:\r\n> old\r\n\
     --inner\r\nContent-Type: text/html; charset=windows-1252\r\n\r\n<table><tr><th>SKU<th>Qty<tr><td>A<td>1</table><a href=x>y</a>\r\n--inner--\r\n\
     --outer\r\nContent-Type: text/csv; name*=utf-8''bestell%C3%BCbersicht.csv\r\nContent-Transfer-Encoding: base64\r\n\
     Content-Disposition: attachment\r\n\r\nU0tVO1F0eQpBOzEK\r\n--outer\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ntext\r\n--outer--\r\n",
    "Return-Path: <>\r\nFrom: postmaster@contoso.com\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nno\r\n\
     --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@fabrikam.com\r\nAction: failed\r\n\
     Status: 5.1.1\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: s\r\n--b--\r\n",
    "Subject: plain\nAuthentication-Results: spf=pass (a (b) \"c); dmarc=pass\n\nSKU   Qty\nA     1\nB     2\n\n-- \nsignature\n",
    "Content-Type: text/html\n\n<div style='display:none'>x</div><script type='application/ld+json'>{\"@type\":\"Order\"}</script>\
     <p itemscope itemtype='x/Order'><b itemprop=n>1</b></p><pre> a\n b</pre>&#65;&nope;<!-- c --><td hidden>z",
];

/// Xorshift: the same numbers on every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (limit.max(1) as u64)).unwrap()
    }
}

#[test]
fn a_message_cut_anywhere_is_still_a_message() {
    for mail in MAILS {
        for end in 0..mail.len() {
            ask_everything(&mail.as_bytes()[..end]);
        }
    }
}

#[test]
fn a_message_with_any_bytes_changed_is_still_a_message() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let telling = b"\r\n\t\0\"<>()=?;:-_\\&#%/ \xff\xc3b";
    for mail in MAILS {
        for _ in 0..1_500 {
            let mut raw = mail.as_bytes().to_vec();
            for _ in 0..=numbers.below(8) {
                let at = numbers.below(raw.len());
                match numbers.below(4) {
                    0 => raw[at] = telling[numbers.below(telling.len())],
                    1 => drop(raw.remove(at)),
                    2 => raw.insert(at, telling[numbers.below(telling.len())]),
                    _ => {
                        let end = (at + numbers.below(60)).min(raw.len());
                        let piece = raw[at..end].to_vec();
                        let to = numbers.below(raw.len());
                        raw.splice(to..to, piece);
                    }
                }
            }
            ask_everything(&raw);
        }
    }
}

#[test]
fn large_attachments_are_the_same_bytes_wherever_they_lie() {
    let file = "a line of the file\r\n".repeat(6_000);
    let encoded = |text: &str| {
        use base64::Engine;
        let plain = base64::engine::general_purpose::STANDARD.encode(text);
        plain.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap().to_owned() + "\r\n").collect::<String>()
    };
    let part = format!(
        "Content-Type: text/plain; name=a.txt\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
        encoded(&file)
    );
    let body = format!("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{}", encoded(&file));
    let inner = format!("Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n{body}");
    let raw = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{body}--b\r\n{inner}--b\r\n{part}--b--\r\n");
    let content = Content::parse(raw.clone().into_bytes());
    assert_eq!(content.text(), file.replace("\r\n", "\n"));
    assert_eq!(content.attachments().len(), 2);
    assert_eq!(content.attachments()[0].mail().unwrap().unwrap().content().unwrap().text(), file.replace("\r\n", "\n"));
    assert_eq!(content.attachments()[1].bytes(), file.as_bytes());
    assert_eq!(content.attachments()[1].problem(), Ok(None));
    let quoting = format!("Content-Type: text/plain\r\n\r\nLook:\r\n{raw}");
    assert_eq!(Content::parse(quoting.into_bytes()).text(), format!("Look:\n{}", raw.replace("\r\n", "\n")));
}

#[test]
fn nothing_blanks_and_noise_are_messages_with_a_defect() {
    assert_eq!(Content::parse(Vec::new()).defects(), [Defect::Empty]);
    assert_eq!(Content::parse(b" \r\n\r\n".to_vec()).defects(), [Defect::Empty]);
    let mut numbers = Numbers(7);
    let noise: Vec<u8> = (0..5_000).map(|_| u8::try_from(numbers.below(256)).unwrap()).collect();
    assert!(!Content::parse(noise.clone()).defects().is_empty());
    ask_everything(&noise);
}

#[test]
fn what_the_parser_stumbles_over_is_repaired_and_said() {
    let text = |raw: &str| {
        let content = Content::parse(raw.as_bytes().to_vec());
        let defects =
            content.defects().iter().filter(|defect| !matches!(defect, Defect::NoMessageId)).cloned().collect::<Vec<_>>();
        (content.text().trim().to_owned(), content.envelope().subject, defects)
    };
    let expected = |defects: &[Defect]| ("body".to_owned(), Some("s".to_owned()), defects.to_vec());
    assert_eq!(text("\r\n\r\nFrom: a@b.example\r\nSubject: s\r\n\r\nbody"), expected(&[Defect::BlankLinesBeforeHeader]));
    assert_eq!(text("From: a@b.example\rSubject: s\r\rbody\r"), expected(&[Defect::CarriageReturnsOnly]));
    assert_eq!(
        text("From: a@b.example\nSubject: s\nContent-Type: multipart/mixed; boundary=\"bound\"\n--bound\n\nbody\n--bound--\n"),
        expected(&[Defect::NoBlankLineAfterHeader])
    );
    assert_eq!(
        text("From: a@b.example\nSubject: s\nContent-Type: multipart/mixed; boundary=\"bound\"\n\n--bound\n\nbody\n"),
        expected(&[Defect::Truncated])
    );
    assert_eq!(
        text("From: a@b.example\nSubject: s\nContent-Type: text/plain; charset=x-unheard-of\n\nbody"),
        expected(&[Defect::UnknownCharset("x-unheard-of".to_owned())])
    );
    assert_eq!(text("Subject: s\nDate: soon\n\nbody"), expected(&[Defect::NoFrom, Defect::BadDate("soon".to_owned())]));
}

#[test]
fn bombs_are_messages_with_a_defect_and_their_header() {
    let nested = (0..200_000).fold(String::from("From: a@b.example\nSubject: bomb\n"), |mut raw, level| {
        use std::fmt::Write;
        let _ = write!(raw, "Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n");
        raw
    });
    let attached = "From: a@b.example\nSubject: bomb\n".to_owned() + "Content-Type: message/rfc822\n\n".repeat(100_000).as_str();
    for raw in [nested, attached] {
        let content = Content::parse(raw.into_bytes());
        assert_eq!(content.envelope().subject.as_deref(), Some("bomb"));
        assert!(content.defects().contains(&Defect::TooManyParts));
        assert_eq!(content.text(), "");
    }
    for unit in [
        "base64",
        "Content-Transfer-Encoding: base64\n\nQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\n",
        "--x\n",
        "boundary=x;",
    ] {
        let raw = format!(
            "From: a@b.example\nSubject: bomb\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n{}",
            unit.repeat(4_000_000 / unit.len())
        );
        assert_eq!(Content::parse(raw.into_bytes()).envelope().subject.as_deref(), Some("bomb"));
    }
    let mut huge = b"From: a@b.example\nSubject: bomb\n\n".to_vec();
    huge.resize(RAW_MAX + 1, b'x');
    let content = Content::parse(huge);
    assert_eq!((content.envelope().subject.as_deref(), content.text()), (Some("bomb"), ""));
    assert!(content.defects().contains(&Defect::TooLarge(RAW_MAX + 1)));
    let header = "From: a@b.example\nSubject: bomb\n".to_owned() + "X-A: b\n".repeat(1_000_000).as_str() + "\nbody";
    let content = Content::parse(header.into_bytes());
    assert_eq!((content.headers().len(), content.text()), (HEADER_LINES_MAX, "body"));
    assert!(content.defects().contains(&Defect::HeaderTooLarge));
}

#[test]
fn mail_that_nobody_here_wrote_is_read_without_a_panic() {
    let Ok(corpora) = std::env::var("POSTROOM_CORPORA") else {
        eprintln!("skipped: set POSTROOM_CORPORA to a folder with mime/, mailbox/ and html/ in it");
        return;
    };
    let mut files = Vec::new();
    for folder in ["mime", "mailbox", "html", "shipping-mails"] {
        collect(&Path::new(&corpora).join(folder), &mut files);
    }
    assert!(!files.is_empty(), "no files in {corpora}");
    for file in &files {
        let raw = std::fs::read(file).unwrap();
        ask_everything(&raw);
        if file.extension().is_some_and(|ending| ending == "html") {
            ask_everything(&[b"Content-Type: text/html; charset=utf-8\r\n\r\n", raw.as_slice()].concat());
        }
    }
    eprintln!("{} files read", files.len());
}

#[test]
fn quoted_trails_of_real_replies_are_cut_where_people_would() {
    let Ok(corpora) = std::env::var("POSTROOM_CORPORA") else {
        eprintln!("skipped: set POSTROOM_CORPORA to a folder with reply/ in it");
        return;
    };
    let truth = std::fs::read_to_string(Path::new(&corpora).join("reply/expected.json")).unwrap();
    let truth: std::collections::BTreeMap<String, String> = serde_json::from_str(&truth).unwrap();
    let folded = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut right = 0;
    for (file, expected) in &truth {
        let Ok(text) = std::fs::read_to_string(Path::new(&corpora).join(file)) else { continue };
        let found = super::split::Split::of(&text.replace("\r\n", "\n"), &super::split::Marks::default());
        if folded(&found.top) == folded(expected) {
            right += 1;
        } else {
            eprintln!("{file}\n  found    {:.300?}\n  expected {expected:.300?}", found.top);
        }
    }
    eprintln!("{right} of {} right", truth.len());
    assert!(right >= 35, "{right} of {}", truth.len());
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}
