//! A text as lines, each with what is asked of it again and again.

use super::Marks;

/// A longer line introduces nothing; bytes.
pub(super) const INTRODUCTION_MAX: usize = 400;

pub(super) struct Lines<'a> {
    pub(super) raw: Vec<&'a str>,
    folded: Folded,
    /// Index of the first line at or below that is not blank.
    next_filled: Vec<usize>,
    /// Whether a digit, an `@` or a colon at its end stands in each: without any, nothing says when or by whom something was written.
    is_telling: Vec<bool>,
    is_cited: Vec<bool>,
    trail: Option<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str, marks: &Marks) -> Self {
        let raw: Vec<&str> = text.split('\n').collect();
        let folded = Folded::of(&raw, text.len());
        let is_telling = (0..raw.len()).map(|at| is_telling(folded.line(at))).collect();
        let mut next_filled = vec![raw.len(); raw.len() + 1];
        for at in (0..raw.len()).rev() {
            let is_filled = raw.get(at).is_some_and(|line| !line.trim().is_empty());
            let below = next_filled.get(at + 1).copied().unwrap_or(raw.len());
            if let Some(slot) = next_filled.get_mut(at) {
                *slot = if is_filled { at } else { below };
            }
        }
        let mut is_cited = vec![false; if marks.cited.is_empty() { 0 } else { raw.len() }];
        for range in &marks.cited {
            if let Some(lines) = is_cited.get_mut(range.clone()) {
                lines.fill(true);
            }
        }
        Self { raw, folded, next_filled, is_telling, is_cited, trail: marks.trail }
    }

    pub(super) fn len(&self) -> usize {
        self.raw.len()
    }

    pub(super) fn line(&self, at: usize) -> &'a str {
        self.raw.get(at).copied().unwrap_or_default()
    }

    pub(super) fn from(&self, at: usize) -> &[&'a str] {
        self.raw.get(at..).unwrap_or_default()
    }

    pub(super) fn folded(&self, at: usize) -> &str {
        self.folded.line(at)
    }

    /// Whether one of so many lines from this one on tells when or by whom something was written.
    pub(super) fn is_telling(&self, at: usize, count: usize) -> bool {
        self.is_telling.iter().skip(at).take(count).any(|is_telling| *is_telling)
    }

    pub(super) fn is_blank(&self, at: usize) -> bool {
        at >= self.len() || self.filled_from(at) != at
    }

    /// Begins with `>`, or is cited by the HTML that the text was made of.
    pub(super) fn is_marked(&self, at: usize) -> bool {
        self.is_cited.get(at) == Some(&true) || self.line(at).trim_start().starts_with('>')
    }

    /// The HTML that the text was made of says that the trail begins here.
    pub(super) fn is_trail(&self, at: usize) -> bool {
        self.trail == Some(at)
    }

    /// The first line at or below that has text.
    pub(super) fn filled_from(&self, at: usize) -> usize {
        self.next_filled.get(at).copied().unwrap_or(self.raw.len())
    }
}

/// Lines in lower case without marks of emphasis, one behind the other; empty those that are too long to introduce anything.
struct Folded {
    text: String,
    ends: Vec<usize>,
}

impl Folded {
    fn of(lines: &[&str], length: usize) -> Self {
        let mut folded = Self { text: String::with_capacity(length), ends: Vec::with_capacity(lines.len()) };
        for line in lines {
            fold(line, &mut folded.text);
            folded.ends.push(folded.text.len());
        }
        folded
    }

    fn line(&self, at: usize) -> &str {
        let start = at.checked_sub(1).map_or(Some(&0), |above| self.ends.get(above));
        let span = start.zip(self.ends.get(at)).map(|(&start, &end)| start..end);
        span.and_then(|span| self.text.get(span)).unwrap_or_default()
    }
}

fn is_telling(line: &str) -> bool {
    line.ends_with([':', '：']) || line.bytes().any(|byte| byte.is_ascii_digit() || byte == b'@')
}

pub(super) fn folded(line: &str) -> String {
    let mut folded = String::with_capacity(line.len());
    fold(line, &mut folded);
    folded
}

fn fold(line: &str, into: &mut String) {
    if line.len() > INTRODUCTION_MAX {
        return;
    }
    let line = line.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '\u{feff}' | '\u{200e}' | '\u{200f}'));
    if line.is_ascii() {
        let start = into.len();
        into.push_str(line);
        into[start..].make_ascii_lowercase();
    } else {
        into.extend(line.chars().map(|c| if c == '\u{a0}' || c == '\u{202f}' { ' ' } else { c }).flat_map(char::to_lowercase));
    }
}
