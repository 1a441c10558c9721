//! The header of a quoted or forwarded message, as programs write it into a text: `From: …`, `Sent: …`, in many languages.

use super::phrases;

/// Lines within which a header's fields stand.
const LINES_MAX: usize = 40;

/// Lines that a long field is wrapped into.
const WRAPPED_MAX: usize = 12;

/// Blank lines that may stand between two fields.
const BLANKS_MAX: usize = 2;

/// Colons of one line that are looked at for fields.
const FIELDS_MAX: usize = 40;

/// Characters of a label.
const LABEL_MAX: usize = 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    From,
    Date,
    To,
    Cc,
    Subject,
    /// Known, but of no use to anybody here.
    Other,
}

/// A header found in a text.
#[derive(Debug, Default)]
pub(super) struct Block {
    fields: Vec<(Field, String)>,
    /// Lines from its first to its last field.
    pub(super) lines: usize,
}

/// What stands directly above a header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Above {
    /// A rule, or words that introduce a message.
    Introduction,
    Text,
}

impl Block {
    /// The header that begins with the first of these lines. Below an introduction a From and one more field are enough; in
    /// running text it must have three, an address or a subject among them, and begin with From.
    pub(super) fn begins(lines: &[&str], above: Above) -> Option<Self> {
        let (first, _) = field_of(lines.first()?)?;
        let block = Self::read(lines);
        if above == Above::Introduction
            && block.fields.len() < 3
            && let Some(in_one_line) = Self::run_together(lines.first()?)
        {
            return Some(in_one_line);
        }
        let has = |field: Field| block.get(field).is_some();
        let is_header = match above {
            Above::Introduction => has(Field::From) && block.fields.len() >= 2 || block.fields.len() >= 3,
            Above::Text => {
                let leads = first == Field::From || matches!(first, Field::Subject | Field::Date) && block.fields.len() >= 4;
                let has_address =
                    [Field::From, Field::To].iter().any(|&field| block.get(field).is_some_and(|it| it.contains('@')));
                leads && has(Field::From) && block.fields.len() >= 3 && (has(Field::Subject) || has_address)
            }
        };
        is_header.then_some(block)
    }

    /// A header whose fields stand one after another on a single line, as Yahoo writes it: `From: … To: … Sent: …`.
    fn run_together(line: &str) -> Option<Self> {
        let mut found: Vec<(Field, std::ops::Range<usize>)> = Vec::new();
        for (colon, _) in line.match_indices(':').take(FIELDS_MAX) {
            let before = line.get(..colon)?.trim_end();
            let label: usize = before.chars().rev().take_while(|c| c.is_alphabetic()).take(LABEL_MAX).map(char::len_utf8).sum();
            let start = before.len() - label;
            if let Some((field, _)) = line.get(start..).and_then(field_of)
                && found.iter().all(|(other, _)| *other != field)
            {
                found.push((field, start..colon + 1));
            }
        }
        let ends = found.iter().skip(1).map(|(_, label)| label.start).chain([line.len()]);
        let fields = found
            .iter()
            .zip(ends)
            .filter_map(|((field, label), end)| Some((*field, line.get(label.end..end)?.trim().to_owned())));
        let block = Self { fields: fields.collect(), lines: 1 };
        (block.get(Field::From).is_some() && block.fields.len() >= 3).then_some(block)
    }

    /// What a field says; nothing of one that is empty.
    pub(super) fn get(&self, field: Field) -> Option<&str> {
        self.fields.iter().find(|(own, _)| *own == field).map(|(_, value)| value.as_str())
    }

    fn read(lines: &[&str]) -> Self {
        let mut block = Self::default();
        let (mut at, mut blanks) = (0, 0);
        while let Some(line) = lines.get(at).filter(|_| at < LINES_MAX) {
            if line.trim().is_empty() {
                blanks += 1;
                if blanks > BLANKS_MAX {
                    break;
                }
            } else if let Some((field, value)) = field_of(line) {
                if field != Field::Other && block.get(field).is_some() {
                    break;
                }
                block.fields.push((field, value.to_owned()));
                block.lines = at + 1;
                blanks = 0;
            } else {
                let Some(wrapped) = block.wrapped(lines.get(at..).unwrap_or_default(), blanks) else { break };
                at += wrapped;
                block.lines = at;
                continue;
            }
            at += 1;
        }
        block
    }

    /// Takes lines that go on with the last field; says how many. What follows the last field is the message.
    fn wrapped(&mut self, lines: &[&str], blanks: usize) -> Option<usize> {
        let (_, value) = self.fields.last_mut()?;
        let is_open = value.is_empty() || value.ends_with([',', ';']);
        if blanks > 0 && !value.is_empty() {
            return None;
        }
        let candidates = lines.iter().take(WRAPPED_MAX).take_while(|line| !line.trim().is_empty());
        let before_next = candidates.clone().position(|line| field_of(line).is_some());
        let taken = match before_next {
            Some(count) => count,
            None if is_open => 1,
            None => return None,
        };
        for line in candidates.take(taken) {
            if !value.is_empty() {
                value.push(' ');
            }
            value.push_str(line.trim());
        }
        Some(taken)
    }
}

/// Field and value of a line such as `*From:* Ann`.
pub(super) fn field_of(line: &str) -> Option<(Field, &str)> {
    let colon = line.char_indices().take(LABEL_MAX + 8).find(|(_, c)| matches!(c, ':' | '：'))?;
    let (label, rest) = (line.get(..colon.0)?, line.get(colon.0 + colon.1.len_utf8()..)?);
    let mark = |c: char| c.is_whitespace() || matches!(c, '*' | '_' | '|' | '\u{feff}' | '\u{200e}' | '\u{200f}');
    let label = label.trim_matches(mark);
    if label.is_empty() || label.chars().count() > LABEL_MAX {
        return None;
    }
    let label: String = label.chars().map(|c| if c == '\u{a0}' { ' ' } else { c }).flat_map(char::to_lowercase).collect();
    let value = rest.trim_start_matches(mark).trim_end();
    phrases::field(&label).map(|field| (field, value.strip_suffix('*').unwrap_or(value)))
}
