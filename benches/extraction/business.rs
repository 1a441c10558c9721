//! E-invoices, Outlook's files, calendars and reports, held against what other readers say of the same files.

use std::path::Path;

use postroom::mail::{Attachment, Content, Invoice, Report};
use serde_json::Value;

use crate::Line;
use crate::corpora::{Corpora, name_of, with_attachment};

/// What another reader of `.msg` (extract-msg 0.55, in Python) gives: the file, its subject, words of its text, files attached to it.
const MSG: &[(&str, &str, usize, usize)] = &[
    ("ascii.msg", "creating an outlook message file", 6, 0),
    ("attachment.msg", "FW: [WARNING: ATTACHMENT(S) MAY CONTAIN MALWARE]Please check all aspects in documents", 193, 3),
    ("test_email.msg", "Test Email", 3, 3),
    ("test_email_1.msg", "Testing Email", 6, 3),
    ("test_email_2.msg", "Testing Email", 6, 3),
    ("test_email_3.msg", "Welcome to your new Outlook.com account", 247, 11),
    ("test_email_4.msg", "test", 7, 0),
    ("unicode.msg", "Test for TIF files", 18, 2),
];
const MIMEKIT: &str = "tnef/jstedfast+MimeKit/UnitTests/TestData/tnef";

pub fn invoices(corpora: &Corpora) -> Vec<Line> {
    let (mut right, mut all) = (0, 0);
    for path in corpora.files("einvoice-xml", &["xml"]) {
        let bytes = std::fs::read(&path).unwrap();
        let expected = stated(&String::from_utf8_lossy(&bytes));
        let found = read(&path, &bytes, |file| file.invoice.as_deref().map(told));
        all += 1;
        if found.as_ref() == Some(&expected) {
            right += 1;
        } else {
            println!("{}: {found:?}, not {expected:?}", path.display());
        }
    }
    let mut lines = vec![Line::share("e-invoice XML: number, seller, payable", "≥ 99.5 %", right, all)];
    let Some(truth) = corpora.path("pdf_truth.json") else { return lines };
    let truth: Value = serde_json::from_slice(&std::fs::read(truth).unwrap()).unwrap();
    let (mut right, mut all) = (0, 0);
    for case in truth.as_array().unwrap() {
        let Some(path) = corpora.path(&format!("einvoice-pdf/{}", case["pdf"].as_str().unwrap())) else { continue };
        let field = |name: &str| {
            let fields = case["fields"].as_array().unwrap();
            fields.iter().find(|field| field[0] == name).map(|field| field[1].to_string().trim_matches('"').to_owned())
        };
        let payable = field("DuePayableAmount").or_else(|| field("GrandTotalAmount")).unwrap_or_default();
        let expected =
            [field("invoice_number").unwrap_or_default(), field("seller").unwrap_or_default().replace("\\n", " "), payable];
        let found = read(&path, &std::fs::read(&path).unwrap(), |file| file.invoice.as_deref().map(told));
        let is_same = found.as_ref().is_some_and(|found| found.iter().zip(&expected).all(|(one, other)| alike(one, other)));
        all += 1;
        right += usize::from(is_same);
        if !is_same {
            println!("{}: {found:?}, not {expected:?}", path.display());
        }
    }
    lines.push(Line::share("e-invoice in a PDF: number, seller, payable", "≥ 99.5 %", right, all));
    lines
}

fn read<T>(path: &Path, bytes: &[u8], part: impl FnOnce(&postroom::mail::Reading) -> T) -> T {
    with_attachment(&name_of(path), bytes, |file| part(file.reading().unwrap())).0
}

fn told(invoice: &Invoice) -> [String; 3] {
    let payable = invoice.payable.map(|amount| amount.to_string()).unwrap_or_default();
    [invoice.number.clone().unwrap_or_default(), folded(&invoice.seller.name.clone().unwrap_or_default()), payable]
}

/// The same amount or the same text.
fn alike(one: &str, other: &str) -> bool {
    let amount = |text: &str| text.parse::<f64>().ok();
    folded(one) == folded(other) || amount(one).zip(amount(other)).is_some_and(|(one, other)| (one - other).abs() < 1e-9)
}

fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Number, seller and payable amount by their tags alone, read without an XML parser.
fn stated(xml: &str) -> [String; 3] {
    let text = |from: &str, tag: &str| {
        let after = xml.find(from).map_or("", |at| &xml[at..]);
        let found = after.match_indices(tag).find_map(|(at, _)| {
            let before = after[..at].chars().next_back();
            let rest = &after[at + tag.len()..];
            let is_tag = matches!(before, Some(':' | '<')) && rest.starts_with(['>', ' ']);
            is_tag.then(|| rest.split_once('>').and_then(|(_, value)| value.split_once('<')).map_or("", |(value, _)| value))
        });
        folded(&found.unwrap_or_default().replace("&amp;", "&"))
    };
    if xml.contains("CrossIndustry") {
        [text("ExchangedDocument>", "ID"), text("SellerTradeParty>", "Name"), text("SellerTradeParty>", "DuePayableAmount")]
    } else {
        let seller = text("AccountingSupplierParty>", "RegistrationName");
        [text("Invoice", "ID"), seller, text("LegalMonetaryTotal>", "PayableAmount")]
    }
}

pub fn outlook(corpora: &Corpora) -> Vec<Line> {
    let (mut subjects, mut bodies, mut files) = (0, 0, 0);
    for (name, subject, words, attached) in MSG {
        let Some(path) = corpora.path(&format!("msg/marirs+msg-parser-rs/data/{name}")) else { continue };
        with_attachment(name, &std::fs::read(path).unwrap(), |file| {
            let Some(mail) = file.mail().unwrap() else { return println!("{name}: {:?}", file.problem()) };
            let content = mail.content().unwrap();
            subjects += usize::from(mail.envelope.subject.as_deref() == Some(subject));
            bodies += usize::from(content.text().split_whitespace().count() == *words);
            files += usize::from(content.attachments().len() == *attached);
        });
    }
    let of = MSG.len();
    vec![
        Line::share(".msg: subjects", "all", subjects, of),
        Line::share(".msg: texts, by their number of words", "all", bodies, of),
        Line::share(".msg: number of attachments", "all", files, of),
    ]
    .into_iter()
    .chain(winmail(corpora))
    .collect()
}

/// Beside each file of MimeKit's lie the files that another program took out of it.
fn winmail(corpora: &Corpora) -> Vec<Line> {
    let (mut right, mut all, mut opened) = (0, 0, 0);
    let files = corpora.files("tnef", &["tnef"]);
    for path in &files {
        let bytes = std::fs::read(path).unwrap();
        let (mut inside, mut has_body) = (Vec::new(), false);
        with_attachment(&name_of(path), &bytes, |file| {
            opened += usize::from(file.problem() == Ok(None));
            collect(file, &mut inside);
            has_body =
                file.mail().unwrap().and_then(|mail| mail.content().ok()).is_some_and(|mail| !mail.text().trim().is_empty());
        });
        let beside = path.with_extension("");
        if !path.to_string_lossy().contains(MIMEKIT) || !beside.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(beside).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            let expected = std::fs::read(entry.path()).unwrap();
            // Embedded items come out of it as TNEF, out of ours as mail.
            let is_item = expected.get(16..20) == Some(b"\x78\x9f\x3e\x22");
            let is_found = if name.starts_with("message.") || is_item || name.starts_with("Untitled Attachment") {
                has_body
            } else {
                inside.iter().any(|file| same_file(file, &expected))
            };
            all += 1;
            right += usize::from(is_found);
            if !is_found {
                println!("{}: {name} of {} bytes is not in it", path.display(), expected.len());
            }
        }
    }
    vec![
        Line::share("TNEF: files opened", "all", opened, files.len()),
        Line::share("TNEF: files and bodies that another program found", "all", right, all),
    ]
}

fn collect(file: &Attachment, into: &mut Vec<Vec<u8>>) {
    for inside in file.files().unwrap() {
        into.push(inside.bytes().to_vec());
        collect(inside, into);
        let mail = inside.mail().unwrap().and_then(|mail| mail.content().ok());
        for attached in mail.map(Content::attachments).unwrap_or_default() {
            into.push(attached.bytes().to_vec());
        }
    }
}

/// Line ends of texts were changed where the files lie; an object's own mark of 16 bytes stands before some.
fn same_file(one: &[u8], other: &[u8]) -> bool {
    let unix = |bytes: &[u8]| bytes.iter().copied().filter(|byte| *byte != b'\r').collect::<Vec<u8>>();
    let is_same = |expected: &[u8]| unix(one) == unix(expected);
    is_same(other) || other.get(16..).is_some_and(is_same)
}

pub fn calendars(corpora: &Corpora) -> Vec<Line> {
    let files = corpora.files("ics", &["ics"]);
    let (mut parsed, mut events) = (0, 0);
    for path in &files {
        let (problem, count) = with_attachment(&name_of(path), &std::fs::read(path).unwrap(), |file| {
            (file.problem().unwrap(), file.reading().unwrap().events.len())
        })
        .0;
        parsed += usize::from(problem.is_none());
        events += count;
        if let Some(problem) = problem {
            println!("{}: {problem}", path.display());
        }
    }
    let mut line = Line::share("calendars parsed", "≥ 98 %", parsed, files.len());
    line.measured = format!("{}, {events} events", line.measured);
    vec![line]
}

pub fn reports(corpora: &Corpora) -> Vec<Line> {
    let mut lines = Vec::new();
    for (kind, folder) in [("DMARC", "dmarc-feedback"), ("TLS", "tlsrpt"), ("ARF", "arf")] {
        let files = corpora.files(&format!("reports/stalwartlabs+mail-auth/resources/{folder}"), &["xml", "eml"]);
        let right = files.iter().filter(|path| {
            let truth: Value = serde_json::from_slice(&std::fs::read(path.with_extension("json")).unwrap()).unwrap();
            let bytes = std::fs::read(path).unwrap();
            let found = if path.extension().is_some_and(|ending| ending == "eml") {
                Content::parse(bytes).attachments().iter().find_map(report)
            } else {
                with_attachment(&name_of(path), &bytes, report).0
            };
            let is_right = found.as_ref().is_some_and(|found| agrees(found, &truth));
            if !is_right {
                println!("{}: {found:?}", path.display());
            }
            is_right
        });
        let right = right.count();
        lines.push(Line::share(&format!("{kind} reports: who, id, number of records"), "all valid ones", right, files.len()));
    }
    lines
}

fn report(file: &Attachment) -> Option<Report> {
    let own = file.reading().unwrap().report.clone();
    own.or_else(|| file.files().unwrap().iter().find_map(|inside| inside.reading().unwrap().report.clone()))
}

fn agrees(found: &Report, truth: &Value) -> bool {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let count = |value: &Value| value.as_array().map_or(0, Vec::len);
    match found {
        Report::Dmarc(it) => {
            let about = &truth["report_metadata"];
            (it.organization.clone().unwrap_or_default(), it.id.clone().unwrap_or_default(), it.records.len())
                == (text(&about["org_name"]), text(&about["report_id"]), count(&truth["record"]))
        }
        Report::Tls(it) => {
            (it.organization.clone().unwrap_or_default(), it.id.clone().unwrap_or_default(), it.policies.len())
                == (text(&truth["organization-name"]), text(&truth["report-id"]), count(&truth["policies"]))
        }
        Report::Complaint(it) => {
            let kind = it.kind.clone().unwrap_or_default().replace('-', "");
            kind == text(&truth["feedback_type"]).to_lowercase() && it.domains.len() == count(&truth["reported_domain"])
        }
    }
}
