//! A message that was forwarded inside of another one's text, opened: whom it was from, what it said.

use std::ops::Range;

use super::fields::{Above, Block, Field, field_of};
use super::lines::{Lines, folded};
use super::trail::{attribution, introduces_forward, is_original_mark, is_rule};
use super::{Marks, Portion};
use crate::mail::envelope::Address;

/// Lines of rules and introductions above a forwarded header.
const INTRODUCTIONS_MAX: usize = 4;

/// Addresses read of one field.
const ADDRESSES_MAX: usize = 500;

/// A message forwarded in the text of another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::mail) struct Forwarded {
    /// Whom it was from; the address is empty where only the name was kept.
    pub(in crate::mail) from: Option<Address>,
    pub(in crate::mail) to: Vec<Address>,
    pub(in crate::mail) cc: Vec<Address>,
    /// When it was sent, as it is written there.
    pub(in crate::mail) date: Option<String>,
    pub(in crate::mail) subject: Option<String>,
    /// Its text, with all that it quotes and forwards itself.
    pub(in crate::mail) text: String,
}

/// What the mail's own subject says it is. Programs write the same header above an answer's trail and above a forwarded message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mail) enum Subject {
    /// `RE:`. Only words that say so introduce a forwarded message.
    Answer,
    /// `FW:`. Outlook for Mac introduces it by "On … wrote:".
    Forward,
    Neither,
}

/// What subjects of answers and of forwards begin with, before the colon. `VS` is either, in Finnish and in Danish.
const ANSWER_MARKS: [&str; 17] =
    ["re", "aw", "sv", "antw", "odp", "res", "rif", "ref", "rép", "rep", "ynt", "atb", "bls", "r", "回复", "答复", "回覆"];
const FORWARD_MARKS: [&str; 20] = [
    "fw",
    "fwd",
    "wg",
    "tr",
    "rv",
    "i",
    "pd",
    "enc",
    "vb",
    "vl",
    "ilt",
    "i̇lt",
    "doorst",
    "redir.",
    "videresend",
    "továbbítás",
    "转发",
    "轉寄",
    "転送",
    "fs",
];

impl Subject {
    pub(in crate::mail) fn of(subject: Option<&str>) -> Self {
        let mut subject = subject.unwrap_or_default().trim_start();
        // A mail system's mark: `[EXTERNAL] FW: …`.
        while let Some((_, rest)) = subject.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            subject = rest.trim_start();
        }
        let Some((mark, _)) = subject.split_once([':', '：']) else { return Self::Neither };
        let mark = mark.trim().to_lowercase();
        let is_one = |marks: &[&str]| marks.contains(&mark.as_str());
        if is_one(&ANSWER_MARKS) || mark.starts_with("re[") {
            Self::Answer
        } else if is_one(&FORWARD_MARKS) {
            Self::Forward
        } else {
            Self::Neither
        }
    }
}

impl Forwarded {
    /// The message that a text forwards, if its trail begins with one.
    pub(in crate::mail) fn find(
        (text, marks): (&str, &Marks),
        spans: &[(Portion, Range<usize>)],
        subject: Subject,
    ) -> Option<Self> {
        let (_, quoted) = spans.iter().find(|(portion, _)| *portion == Portion::Quoted)?;
        let lines = Lines::of(text, marks);
        let at = text.get(..quoted.start)?.matches('\n').count();
        let first = lines.filled_from(at);
        if let Some(count) = attribution(&lines, first) {
            return (subject == Subject::Forward).then(|| Self::attributed(lines.from(first), count));
        }
        Self::open(&unmarked(lines.from(first)), subject)
    }

    /// Whether its date says where the clock stood, as RFC 5322 has it: only then it is a moment.
    pub(in crate::mail) fn has_zone(&self) -> bool {
        let Some(date) = self.date.as_deref() else { return false };
        let zone = date.split('(').next().unwrap_or(date).split_whitespace().next_back().unwrap_or_default();
        zone.strip_prefix(['+', '-'])
            .is_some_and(|digits| digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_digit()))
    }

    /// The same as the bytes of a mail of its own, so that all that can be asked of a mail can be asked of it.
    pub(in crate::mail) fn to_raw(&self) -> Vec<u8> {
        let person = |person: &Address| match (&person.name, person.address.as_str()) {
            (Some(name), "") => name.clone(),
            (Some(name), address) => format!("{name} <{address}>"),
            (None, address) => format!("<{address}>"),
        };
        let people =
            |people: &[Address]| Some(people.iter().map(person).collect::<Vec<_>>().join(", ")).filter(|list| !list.is_empty());
        let fields = [
            ("From", self.from.as_ref().map(person)),
            ("To", people(&self.to)),
            ("Cc", people(&self.cc)),
            ("Date", self.date.clone()),
            ("Subject", self.subject.clone()),
            ("Content-Type", Some("text/plain; charset=utf-8".to_owned())),
        ];
        let header =
            fields.into_iter().filter_map(|(name, value)| Some(format!("{name}: {}\r\n", value?.replace(['\r', '\n'], " "))));
        format!("{}\r\n{}", header.collect::<String>(), self.text).into_bytes()
    }

    /// The message below "On … wrote:".
    fn attributed(lines: &[&str], count: usize) -> Self {
        let line = lines.get(..count).unwrap_or_default().join(" ");
        Self {
            from: addresses(&line)
                .into_iter()
                .next()
                .map(|from| Address { name: from.name.as_deref().and_then(name_at_end), ..from }),
            date: moment(&line),
            text: joined(&unmarked(lines.get(count..).unwrap_or_default())),
            ..Self::default()
        }
    }

    fn open(lines: &[&str], subject: Subject) -> Option<Self> {
        let (mut at, mut is_introduced, mut above) = (0, subject != Subject::Answer, Above::Text);
        for _ in 0..INTRODUCTIONS_MAX {
            at += lines.get(at..)?.iter().take_while(|line| line.trim().is_empty()).count();
            let line = folded(lines.get(at)?);
            let line = line.trim_start_matches(['>', ' ']);
            if introduces_forward(line) {
                is_introduced = true;
            } else if !is_original_mark(line) && !is_rule(line) {
                break;
            }
            above = Above::Introduction;
            at += 1;
        }
        if !is_introduced {
            return None;
        }
        let mut below = unmarked(lines.get(at..)?);
        // Yahoo goes on behind the dashes: `----- Forwarded Message ----- From: …`.
        let behind = at.checked_sub(1).and_then(|above| lines.get(above)?.rsplit("--").next()).unwrap_or_default();
        if field_of(behind.trim_start_matches('-')).is_some() {
            below.insert(0, behind.trim_start_matches('-'));
        }
        let Some(block) = Block::begins(&below, above) else {
            // An introduction alone says that the rest is the message.
            return (above == Above::Introduction).then(|| Self { text: joined(&below), ..Self::default() });
        };
        let addresses = |field| block.get(field).map(addresses).unwrap_or_default();
        let said = |field| block.get(field).map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned);
        Some(Self {
            from: addresses(Field::From).into_iter().next(),
            to: addresses(Field::To),
            cc: addresses(Field::Cc),
            date: said(Field::Date),
            subject: said(Field::Subject),
            text: joined(&unmarked(below.get(block.lines..).unwrap_or_default())),
        })
    }
}

/// The lines without their `>`, up to where the marks end, if the first filled one is marked; else as they are.
fn unmarked<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let is_marked = |line: &&&str| line.trim_start().starts_with('>');
    if !lines.iter().find(|line| !line.trim().is_empty()).is_some_and(|line| is_marked(&line)) {
        return lines.to_vec();
    }
    let marked = lines.iter().take_while(|line| line.trim().is_empty() || is_marked(line));
    marked.map(|line| line.trim_start().strip_prefix('>').map_or(*line, |line| line.strip_prefix(' ').unwrap_or(line))).collect()
}

fn joined(lines: &[&str]) -> String {
    let mut text = super::without_blank_edges(&lines.join("\n")).to_owned();
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// From the first digit to the last time of day: `2 Dec 2024 at 10:00`.
fn moment(line: &str) -> Option<String> {
    let start = line.find(|c: char| c.is_ascii_digit())?;
    let is_time = |at: &usize| line.as_bytes().get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_digit));
    let end = line.match_indices([':', '.']).map(|(at, _)| at).rfind(is_time)? + 3;
    line.get(start..end).map(str::to_owned)
}

/// The name at the end of what stands before an address: `On 2 Dec 2024, at 10:00, "Bob Example"`.
fn name_at_end(before: &str) -> Option<String> {
    let after_digits = before.rsplit(|c: char| c.is_ascii_digit()).next().unwrap_or(before);
    let quoted = after_digits.rsplit(['"', '„', '«', '“']).next().unwrap_or(after_digits);
    name(quoted.rsplit(", ").next().unwrap_or(quoted))
}

/// The addresses of a field: `Ann <ann@fabrikam.com>; Bob [mailto:bob@fabrikam.com]`, `Ann Example`.
fn addresses(value: &str) -> Vec<Address> {
    let mut found = Vec::new();
    let mut name_from = 0;
    let mut at = 0;
    let is_address =
        |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '\'' | '&' | '=' | '~' | '#' | '/' | '%');
    while let Some(sign) = value.get(at..).and_then(|rest| rest.find('@')).map(|sign| at + sign) {
        let start = sign - value[at..sign].chars().rev().take_while(|c| is_address(*c)).map(char::len_utf8).sum::<usize>();
        let end = sign + 1 + value[sign + 1..].chars().take_while(|c| is_address(*c)).map(char::len_utf8).sum::<usize>();
        at = end;
        let address = value[start..end].trim_end_matches(['.', '\'']);
        let is_whole = !address.starts_with('@') && !address.ends_with('@');
        let is_again = found.last().is_some_and(|last: &Address| {
            last.address.eq_ignore_ascii_case(address) && !value[name_from..start].contains([',', ';'])
        });
        if is_whole && !is_again && found.len() < ADDRESSES_MAX {
            found.push(Address { name: name(&value[name_from..start]), address: address.to_ascii_lowercase() });
        }
        name_from = end;
    }
    if found.is_empty() {
        let names = value.split(';').filter_map(name).take(ADDRESSES_MAX);
        found.extend(names.map(|name| Address { name: Some(name), address: String::new() }));
    }
    found
}

/// A name without the marks around it.
fn name(text: &str) -> Option<String> {
    let text = text.trim_end_matches("mailto:").trim_end_matches("via").trim_end();
    let mark = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '[' | ']' | '(' | ')' | '"' | ',' | ';' | '\'' | ':');
    let name = text.trim_matches(mark);
    let name = name.rsplit(">;").next().unwrap_or(name).trim_matches(mark);
    (!name.is_empty() && name.contains(char::is_alphanumeric)).then(|| name.split_whitespace().collect::<Vec<_>>().join(" "))
}
