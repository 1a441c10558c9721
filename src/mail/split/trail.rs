//! Which lines of a text are quoted: marked ones, and all below what introduces an earlier message.

use std::ops::Range;

use super::Portion;
use super::fields::{Above, Block};
use super::lines::{INTRODUCTION_MAX, Lines};
use super::phrases::{FORWARDED, OPENERS, ORIGINAL, WROTE};

/// "On … wrote:" may be wrapped into so many lines.
const WRAPPED_MAX: usize = 4;

/// Bytes of a marked line below which a mail program does not wrap.
const WRAPS_FROM: usize = 60;

/// Dashes of a rule that programs put above a quoted header.
const RULE_MIN: usize = 4;

/// Marks the quoted lines in `portions`.
pub(super) fn find(lines: &Lines<'_>, portions: &mut [Portion]) {
    let mut at = 0;
    while at < lines.len() {
        if lines.is_marked(at) {
            mark(portions, at..at + 1);
            at += 1;
        } else if lines.is_blank(at) {
            if at > 0 && portions.get(at - 1) == Some(&Portion::Quoted) && !lines.is_trail(at) {
                mark(portions, at..at + 1);
            }
            at += 1;
        } else if is_introduction(lines.folded(at)) && lines.is_marked(lines.filled_from(at + 1)) {
            mark(portions, at..at + 1);
            at += 1;
        } else if lines.is_trail(at) || introduces_rest(lines, at) {
            mark(portions, at..lines.len());
            break;
        } else if let Some(count) = attribution(lines, at) {
            if !lines.is_marked(lines.filled_from(at + count)) {
                // Without marks nothing tells where the quoted message ends.
                mark(portions, at..lines.len());
                break;
            }
            mark(portions, at..at + count);
            at += count;
        } else if is_wrapped_quote(lines, at) {
            mark(portions, at..at + 1);
            at += 1;
        } else {
            at += 1;
        }
    }
}

fn mark(portions: &mut [Portion], lines: Range<usize>) {
    if let Some(lines) = portions.get_mut(lines) {
        lines.fill(Portion::Quoted);
    }
}

/// The tail of a long marked line that a program wrapped without marking it again.
fn is_wrapped_quote(lines: &Lines<'_>, at: usize) -> bool {
    let Some(above) = at.checked_sub(1) else { return false };
    let line = lines.line(at);
    lines.line(above).len() >= WRAPS_FROM
        && line.len() <= WRAPS_FROM
        && lines.is_marked(above)
        && lines.is_marked(at + 1)
        && line.starts_with(|c: char| c.is_lowercase())
}

/// "-----Original Message-----", "Begin forwarded message:", a quoted header, with the rule above it.
fn introduces_rest(lines: &Lines<'_>, at: usize) -> bool {
    let line = lines.folded(at);
    if line.is_empty() {
        return false;
    }
    if is_introduction(line) {
        return true;
    }
    if is_rule(line) {
        return Block::begins(lines.from(lines.filled_from(at + 1)), Above::Introduction).is_some();
    }
    Block::begins(lines.from(at), Above::Text).is_some()
}

fn is_introduction(line: &str) -> bool {
    introduces_forward(line) || is_original_mark(line)
}

/// A line such as `---------- Forwarded message ---------` or `Begin forwarded message:`, folded.
pub(super) fn introduces_forward(line: &str) -> bool {
    if !is_ruled(line) && !line.ends_with([':', '：']) {
        return false;
    }
    let inner = line.trim_matches(is_ruling);
    FORWARDED.has(inner) || line.starts_with("--") && FORWARDED.begins(inner).is_some()
}

/// A line such as `-----Original Message-----`, folded.
pub(super) fn is_original_mark(line: &str) -> bool {
    let is_ruled = is_ruled(line);
    if !is_ruled && !line.ends_with(':') {
        return false;
    }
    let inner = line.trim_matches(is_ruling);
    is_ruled && ORIGINAL.begins(inner).is_some() || line.ends_with(':') && ORIGINAL.has(inner)
}

fn is_ruled(line: &str) -> bool {
    line.starts_with("--") || line.starts_with("==") || line.starts_with("__")
}

fn is_ruling(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '_' | '=' | '*' | ':' | '：' | '—' | '─' | '>' | '<')
}

/// A line of nothing but dashes.
pub(super) fn is_rule(line: &str) -> bool {
    line.len() >= RULE_MIN && line.chars().all(|c| matches!(c, '-' | '_' | '=' | '—' | '─' | '–' | '*' | ' '))
}

/// How many lines "On … wrote:" takes, if it begins here.
pub(super) fn attribution(lines: &Lines<'_>, at: usize) -> Option<usize> {
    let first = lines.folded(at);
    if first.is_empty() || !lines.is_telling(at, WRAPPED_MAX) {
        return None;
    }
    let is_opened = is_opener(first);
    let mut joined = String::new();
    for count in 1..=WRAPPED_MAX {
        let line = lines.folded(at + count - 1);
        if line.is_empty() || count > 1 && lines.is_marked(at + count - 1) {
            return None;
        }
        if count == 2 && is_opener(line) && (!is_opened || has_date(line) && !has_date(first)) {
            // The line above only stands there; the introduction begins with this one.
            return None;
        }
        joined.push_str(line);
        joined.push(' ');
        if joined.len() > INTRODUCTION_MAX {
            return None;
        }
        let before_marks = lines.is_marked(lines.filled_from(at + count));
        if is_attribution(joined.trim(), is_opened, before_marks) {
            return Some(count);
        }
        if !is_opened && !before_marks && count == 2 {
            return None;
        }
    }
    None
}

/// Whether lines joined into one say who wrote what follows. Before marked lines an address and a date are enough.
fn is_attribution(line: &str, is_opened: bool, before_marks: bool) -> bool {
    let ends = line.ends_with([':', '：']);
    let has_address = line.contains('@');
    let has_digit = line.contains(|c: char| c.is_ascii_digit());
    if !ends && !has_address && !has_digit {
        return false;
    }
    let plain = line.trim_end_matches([':', '：', ' ', '-', '*', '>', '.']);
    if before_marks {
        return ends && (has_address || is_opened && has_digit || has_verb(plain))
            || has_address && has_digit && is_opened
            || (has_address || has_digit) && has_verb(plain);
    }
    let is_ruled = line.starts_with("--") && line.ends_with("--");
    if ends || is_ruled {
        // Gmail and Yandex leave the verb out in some languages: "2 Dec 2024 10:00 Bob <bob@fabrikam.com>:".
        let ends_with_address =
            plain.contains('@') && line.trim_end_matches([':', '：', ' ']).ends_with(['>', ')']) && has_time(line);
        return ends && ends_with_address
            || (has_digit || has_address) && (is_opened || is_ruled || ends_with_verb(plain)) && has_verb(plain);
    }
    is_opened && has_address && has_time(line) && ends_with_verb(plain)
}

fn is_opener(line: &str) -> bool {
    OPENERS.begins(line).is_some()
        || line.starts_with(|c: char| c.is_ascii_digit() || c == '<')
        || has_time(line) && has_date(line)
}

/// Whether a year or a day stands in it.
fn has_date(line: &str) -> bool {
    line.as_bytes().windows(2).any(|pair| pair.iter().all(u8::is_ascii_digit))
        && line.bytes().filter(u8::is_ascii_digit).count() >= 3
}

/// Whether a time of day stands in it.
fn has_time(line: &str) -> bool {
    line.as_bytes().windows(4).any(
        |found| matches!(found, [a, b':' | b'.' | b'h', b, c] if a.is_ascii_digit() && b.is_ascii_digit() && c.is_ascii_digit()),
    )
}

/// Whether one of the verbs stands in it as a word.
fn has_verb(line: &str) -> bool {
    verbs(line).next().is_some()
}

fn ends_with_verb(line: &str) -> bool {
    verbs(line).any(|verb| verb.end == line.len())
}

fn verbs(line: &str) -> impl Iterator<Item = Range<usize>> {
    WROTE.find(line).filter(|verb| {
        // Chinese, Japanese and Korean set no blanks between words.
        let is_joined = line[verb.clone()].starts_with(|c: char| c >= '\u{3000}');
        let before = line[..verb.start].chars().next_back();
        let after = line[verb.end..].chars().next();
        is_joined || before.is_none_or(|c| !c.is_alphanumeric()) && after.is_none_or(|c| !c.is_alphanumeric())
    })
}
