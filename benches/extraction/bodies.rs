//! What is read of a mail's own text: HTML, the new part of an answer, forwarded messages, values.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use postroom::mail::Content;
use postroom::text;
use regex::Regex;
use rust_decimal::Decimal;
use scraper::{ElementRef, Html, Node, Selector};

use crate::Line;
use crate::corpora::{Corpora, Random};

/// Damaged copies of bodies.
const COPIES: usize = 1_000;
const SEED: u64 = 20_261_127;
/// Bytes that mean something to somebody.
const TELLING: &[u8] = b"<>&;\"'\n\0 \xff\xc3:@0-";
const HTML_BYTES: usize = 60 * 1024;

pub fn measure(corpora: &Corpora) -> Vec<Line> {
    let html = html_files(corpora);
    let mut lines = Vec::new();
    lines.extend(html_lines(&html));
    lines.extend(replies(corpora));
    lines.extend(forwards(corpora));
    lines.extend(values(corpora));
    lines.extend(damaged(corpora, &html));
    lines
}

fn mail(kind: &str, body: &[u8]) -> Content {
    let head = format!("From: a@fabrikam.com\r\nSubject: s\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n");
    Content::parse([head.as_bytes(), body].concat())
}

fn html_files(corpora: &Corpora) -> Vec<String> {
    let files = corpora.files("html", &["html"]);
    files.iter().map(|file| String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned()).collect()
}

/// Amounts and rows that a tree of the document has, looked for in the text.
fn html_lines(files: &[String]) -> Vec<Line> {
    let amount = Regex::new(r"\d[\d.,]*[.,]\d{2}\b").unwrap();
    let style = Regex::new(r"(?i)(font-size|font-family|text-align|margin|padding|color)\s*:\s*[^\n]{0,40}[;}]").unwrap();
    let [row, cell, table] = ["tr", "td, th", "table"].map(|css| Selector::parse(css).unwrap());
    let (mut values, mut found, mut rows, mut kept, mut leaked) = (0, 0, 0, 0, 0);
    for file in files {
        let content = mail("html", file.as_bytes());
        let plain = folded(content.text());
        leaked += usize::from(style.is_match(content.text()));
        let lines: Vec<String> = content.text().lines().map(folded).collect();
        let page = Html::parse_document(file);
        for value in amount.find_iter(&visible(page.root_element())) {
            values += 1;
            found += usize::from(plain.contains(value.as_str()));
        }
        let data = page.select(&row).filter(|row| row.select(&table).next().is_none());
        for cells in data
            .map(|row| row.select(&cell).map(|cell| folded(&visible(cell))).filter(|text| !text.is_empty()).collect::<Vec<_>>())
        {
            if cells.len() < 2 || !cells.iter().any(|cell| amount.is_match(cell)) || cells.iter().any(|cell| cell.len() > 400) {
                continue;
            }
            rows += 1;
            kept += usize::from(lines.iter().any(|line| cells.iter().all(|cell| line.contains(cell.as_str()))));
        }
    }
    vec![
        Line::share("HTML mails: amounts found", "≥ 98 %", found, values),
        Line::share("HTML mails: rows with an amount on one line", "all", kept, rows),
        Line::new("HTML mails with styles in their text", "0", format!("{leaked} of {}", files.len())),
    ]
}

/// The text of an element that a reader sees.
fn visible(element: ElementRef<'_>) -> String {
    let mut text = String::new();
    let mut open = vec![*element];
    while let Some(node) = open.pop() {
        match node.value() {
            Node::Text(own) => text.push_str(own),
            Node::Element(own) => {
                let style = own.attr("style").unwrap_or_default().to_lowercase().replace(' ', "");
                let is_hidden =
                    style.contains("display:none") || style.contains("mso-hide:all") || style.contains("visibility:hidden");
                if is_hidden || matches!(own.name(), "script" | "style" | "title" | "head" | "template") {
                    continue;
                }
                let _ = write!(
                    text,
                    "{}",
                    if matches!(own.name(), "span" | "b" | "a" | "strong" | "font" | "i" | "em" | "sup") { "" } else { " " }
                );
                open.extend(node.children().rev());
            }
            _ => open.extend(node.children().rev()),
        }
    }
    text
}

fn folded(text: &str) -> String {
    let is_mark = |c: &char| !matches!(c, '\u{200b}' | '\u{200c}' | '\u{ad}' | '\u{34f}' | '\u{feff}' | '\u{2060}');
    text.chars().filter(is_mark).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What an answer of the zapier and GitHub sets must have in its new part (`+`), must not have (`-`), or must be (`=`).
const ASSERTIONS: [(&str, &[&str]); 24] = [
    ("email_1_1", &["+folks", "-Abhishek", "-riak-users"]),
    ("email_1_2", &["+Hi,", "+You can list the keys for the bucket", "-Abhishek", "-riak-users", "-wrote:"]),
    ("email_1_3", &["=Oh thanks.\n\nHaving the function would be great."]),
    ("email_1_4", &["+Awesome", "-Loader", "-On Aug"]),
    ("email_1_5", &["+One: Here's", "+for a while."]),
    ("email_1_6", &["+I get", "-On Dec", "-reply@reply"]),
    ("email_1_7", &["=:+1:"]),
    ("email_1_8", &["+I will reply under this one", "+and under this.", "-my signature", "-okay?"]),
    ("email_2_1", &["=Outlook with a reply"]),
    ("email_2_2", &["=Outlook with a reply directly above line"]),
    ("email_2_3", &["+Outlook with a reply", "-From:"]),
    ("correct_sig", &["=this is an email with a correct -- signature."]),
    ("email_iPhone", &["=Here is another email"]),
    ("email_BlackBerry", &["=Here is another email"]),
    ("email_multi_word_sent_from_my_mobile_device", &["=Here is another email"]),
    ("email_sent_from_my_not_signature", &["=Here is another email\n\nSent from my desk, is much easier then my mobile phone."]),
    ("email_bullets", &["+   - how about bullets\n   - and another", "-Give us", "-Joe Smith"]),
    ("email_one_is_not_on", &["+One outstanding question", "-On Oct 1, 2012"]),
    ("greedy_on", &["+On your remote host", "-On 9 Jan 2014", "-I am having"]),
    ("pathological", &["+I think you're onto something", "-Dec 8, 2013"]),
    ("email_sig_delimiter_in_middle_of_line", &["+this is not a signature", "+kthxbai"]),
    ("email_gmail", &["=This is a test for inbox replying to a github message."]),
    ("email_headers_no_delimiter", &["=And another reply!"]),
    ("email_partial_quote_header", &["+On your remote host", "-On 9 Jan 2014"]),
];

fn replies(corpora: &Corpora) -> Vec<Line> {
    let top = |path: &Path| mail("plain", &std::fs::read(path).unwrap_or_default()).top_text().to_owned();
    let mut lines = Vec::new();
    if let Some(truth) = corpora.path("reply/expected.json") {
        let truth: BTreeMap<String, String> = serde_json::from_str(&std::fs::read_to_string(truth).unwrap()).unwrap();
        let is_right = |(file, expected): &(&String, &String)| {
            corpora.path(file).is_some_and(|file| folded(&top(&file)) == folded(expected))
        };
        let right = truth.iter().filter(is_right).count();
        lines.push(Line::share("new part of an answer, exact: crisp set", "≥ 40 of 49", right, truth.len()));
    }
    let (mut held, mut all) = (0, 0);
    for folder in ["reply/github+email_reply_parser/test/emails", "reply/zapier+email-reply-parser/test/emails"] {
        let Some(folder) = corpora.path(folder) else { continue };
        for (name, assertions) in ASSERTIONS {
            let file = folder.join(format!("{name}.txt"));
            if !file.exists() {
                continue;
            }
            let top = top(&file);
            for assertion in assertions {
                let (kind, words) = assertion.split_at(1);
                let holds = match kind {
                    "+" => top.contains(words),
                    "-" => !top.contains(words),
                    _ => folded(&top) == folded(words),
                };
                if !holds {
                    println!("{name}: `{assertion}` does not hold of {top:?}");
                }
                (held, all) = (held + usize::from(holds), all + 1);
            }
        }
    }
    lines.push(Line::share("new part of an answer: zapier and GitHub sets' assertions", "all", held, all));
    lines
}

/// From, to, date and subject of forwarded HTML mails, and how their text begins.
const FORWARDS: [(&str, [&str; 5]); 5] = [
    (
        "apple_forward",
        ["foo@bar.example", "john@doe.example", "March 24, 2016 at 20:16:25 GMT+1", "The Subject", "Text of the original email"],
    ),
    ("gmail_forward", ["foo@bar.example", "john@doe.example", "Thu, Mar 24, 2016 at 5:17 PM", "The Subject", "Some text"]),
    ("outlook_forward", ["John Doe", "foo@bar.example", "Wednesday, July 09, 2014 10:27 AM", "The subject!", ""]),
    (
        "thunderbird_forward",
        ["johndoe@example.com", "foobar@example.com", "Tue, 3 May 2016 14:54:27 +0200 (CEST)", "Re: Example subject", ""],
    ),
    (
        "mailru_forward",
        ["ivanivanov@example.com", "petrpetrov@example.com", "Среда, 14 июня 2017, 15:19 +03:00", "Тестовая тема", ""],
    ),
];

fn forwards(corpora: &Corpora) -> Vec<Line> {
    let Some(folder) = corpora.path("forward/closeio+quotequail/tests/files") else { return Vec::new() };
    let (mut right, mut all) = (0, 0);
    for (name, expected) in FORWARDS {
        let content = mail("html", &std::fs::read(folder.join(format!("{name}.html"))).unwrap_or_default());
        let person = |address: &postroom::mail::Address| {
            if address.address.is_empty() { address.name.clone().unwrap_or_default() } else { address.address.clone() }
        };
        let found = content.forwarded().map(|mail| {
            [
                mail.envelope.from.as_ref().map(person).unwrap_or_default(),
                mail.envelope.to.first().map(person).unwrap_or_default(),
                mail.header("Date").unwrap().unwrap_or_default().to_owned(),
                mail.envelope.subject.clone().unwrap_or_default(),
                mail.content().unwrap().text().to_owned(),
            ]
        });
        let found = found.unwrap_or_default();
        let begins = |(found, expected): (&String, &str)| found == expected || found.starts_with(expected) && !found.is_empty();
        let held = found.iter().zip(expected).filter(|(found, expected)| begins((found, expected))).count();
        if held < expected.len() {
            println!("{name}: {found:?}");
        }
        (right, all) = (right + held, all + expected.len());
    }
    vec![Line::share("forwarded HTML mails: from, to, date, subject, text", "all", right, all)]
}

/// The parcels that the carriers' mails are about.
const PARCELS: [(&str, &[&str]); 12] = [
    ("auspost_delivered", &["997053641168"]),
    ("dhl_out_for_delivery", &["4212345678", "4294142591"]),
    ("dpd_com_pl_delivering", &["1000399528451U"]),
    ("fedex_out_for_delivery", &["61290912345678912345"]),
    ("fedex_out_for_delivery_2", &["286548999999", "286548999979", "286548999989"]),
    ("gls_delivered", &["90346692444"]),
    ("gls_delivering", &["90346692444"]),
    ("hermes_delivered", &["8888297016898882"]),
    ("hermes_out_for_delivery", &["8888888888888888"]),
    ("informed_delivery", &["92741234567890123456789000"]),
    ("inpost_pl_delivered", &["609999999990999918999993"]),
    ("inpost_pl_out_for_delivery", &["690000009890699994929999"]),
];

fn values(corpora: &Corpora) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(prices) = corpora.path("prices.json") {
        let rows: Vec<serde_json::Value> = serde_json::from_str(&std::fs::read_to_string(prices).unwrap()).unwrap();
        let (mut right, mut asked, mut wrong) = (0, 0, 0);
        for row in &rows {
            let expected = row["amount"].as_str().map(|amount| amount.parse::<Decimal>().unwrap());
            match text::to_price(row["raw"].as_str().unwrap()) {
                Ok(value) if value == expected => right += 1,
                Err(error) => {
                    println!("{}: asks: {error}", row["raw"]);
                    asked += 1;
                }
                Ok(value) => {
                    println!("{}: {value:?} for {expected:?}", row["raw"]);
                    wrong += 1;
                }
            }
        }
        lines.push(Line::share("prices read", "≥ 97 %", right, rows.len()));
        lines.push(Line::new("prices that are asked about / read wrongly", "-", format!("{asked} / {wrong}")));
    }
    if let Some(folder) = corpora.path("shipping-mails/mailandpackages/tests/test_emails") {
        let (mut found, mut all, mut more) = (0, 0, 0);
        for (name, parcels) in PARCELS {
            let content = Content::parse(std::fs::read(folder.join(format!("{name}.eml"))).unwrap_or_default());
            let own: Vec<String> = text::tracking_numbers(content.text()).into_iter().map(|parcel| parcel.number).collect();
            let hits = parcels.iter().filter(|parcel| own.iter().any(|own| own == *parcel)).count();
            (found, all, more) = (found + hits, all + parcels.len(), more + own.len() - hits);
            if hits < parcels.len() || own.len() > hits {
                println!("{name}: {own:?}");
            }
        }
        lines.push(Line::share("shipping mails: tracking numbers found", "-", found, all));
        lines.push(Line::new("shipping mails: other numbers taken for one", "-", more.to_string()));
    }
    lines
}

/// Reads a mail as a rule that looks at everything in its text does.
fn read(content: &Content) -> usize {
    content.text().len() + content.top_text().len() + content.links().len() + usize::from(content.forwarded().is_some())
}

pub fn times(corpora: &Corpora) -> Vec<Line> {
    let html = html_files(corpora);
    let mails: Vec<Vec<u8>> = corpora.files("mailbox", &[]).iter().map(|file| std::fs::read(file).unwrap()).collect();
    let mails: Vec<&Vec<u8>> = mails.iter().filter(|raw| Content::parse((*raw).clone()).attachments().is_empty()).collect();
    let took = |bytes: usize, work: &dyn Fn() -> usize, pieces: usize| {
        let _ = work();
        let rounds = (0..25).map(|_| {
            let began = Instant::now();
            std::hint::black_box(work());
            began.elapsed()
        });
        let best = rounds.min().unwrap_or_default();
        (best.as_secs_f64() * 1e3 / pieces.max(1) as f64, bytes / pieces.max(1))
    };
    let bytes = mails.iter().map(|raw| raw.len()).sum();
    let (ms, size) = took(bytes, &|| mails.iter().map(|raw| read(&Content::parse((*raw).clone()))).sum(), mails.len());
    let mut lines = vec![Line::new(
        "time: mail without attachment, parsed and read",
        "≤ 0.1 ms",
        format!("{ms:.3} ms ({} mails of {size} bytes)", mails.len()),
    )];
    let large: Vec<String> = html.iter().filter(|file| !file.is_empty()).map(|file| sized(file)).collect();
    let bytes = large.iter().map(String::len).sum();
    let (ms, size) = took(bytes, &|| large.iter().map(|file| read(&mail("html", file.as_bytes()))).sum(), large.len());
    lines.push(Line::new(
        "time: HTML of 60 KB, parsed and read",
        "≤ 1 ms",
        format!("{ms:.2} ms ({} mails of {size} bytes)", large.len()),
    ));
    let (ms, _) = took(0, &|| read(&mail("html", ("<div>".repeat(100_000) + "x").as_bytes())), 1);
    lines.push(Line::new("time: 100,000 nested `<div>`", "harmless", format!("{ms:.0} ms")));
    lines
}

/// The file so often that it has sixty kilobytes, or its beginning.
fn sized(file: &str) -> String {
    let mut sized = String::new();
    while sized.len() < HTML_BYTES {
        sized.push_str(file);
    }
    sized.truncate(sized.floor_char_boundary(HTML_BYTES));
    sized
}

/// Damaged copies of bodies: bytes changed, dropped, repeated, pieces moved.
fn damaged(corpora: &Corpora, html: &[String]) -> Vec<Line> {
    let plain = corpora.files("reply", &["txt"]);
    let plain = plain.iter().map(|file| std::fs::read(file).unwrap());
    let kinds: [(&str, Vec<Vec<u8>>); 2] =
        [("html", html.iter().map(|file| file.as_bytes().to_vec()).collect()), ("plain", plain.collect())];
    let mut random = Random(SEED);
    let (mut copies, mut panics, mut slowest) = (0, 0, Duration::ZERO);
    for (kind, bodies) in kinds.iter().filter(|(_, bodies)| !bodies.is_empty()) {
        for _ in 0..COPIES {
            let mut body = bodies[random.below(bodies.len())].clone();
            for _ in 0..=random.below(20) {
                damage(&mut body, &mut random);
            }
            let began = Instant::now();
            let ended = std::panic::catch_unwind(|| {
                let content = mail(kind, &body);
                let found = read(&content) + content.tables().len() + content.data("Order").len();
                let text = content.text();
                found
                    + text::ibans(text).len()
                    + text::vat_ids(text).len()
                    + text::phones(text).len()
                    + text::tracking_numbers(text).len()
            });
            slowest = slowest.max(began.elapsed());
            (copies, panics) = (copies + 1, panics + usize::from(ended.is_err()));
        }
    }
    vec![Line::new("damaged bodies: panics / slowest", "0 / 10 s", format!("{panics} of {copies} / {} ms", slowest.as_millis()))]
}

fn damage(body: &mut Vec<u8>, random: &mut Random) {
    if body.is_empty() {
        return;
    }
    let at = random.below(body.len());
    let end = (at + random.below(400)).min(body.len());
    match random.below(4) {
        0 => body[at] = TELLING[random.below(TELLING.len())],
        1 => drop(body.drain(at..end)),
        2 => {
            let piece = body[at..end].to_vec();
            let to = random.below(body.len());
            body.splice(to..to, piece);
        }
        _ => body.truncate(at.max(1)),
    }
}
