//! The value that stands beside or below a label.

use super::amount::is_blank;
use super::currency;
use super::pattern::pattern;

/// Occurrences of one label that are looked at.
const OCCURRENCES_MAX: usize = 200;
/// Bytes of a line that are looked at on either side of a label.
const LINE_BYTES_MAX: usize = 4_000;
/// Characters of a label that count.
const LABEL_CHARS_MAX: usize = 200;
/// Lines after a label's line among which the value below is looked for; all but the last of them empty.
const LINES_BELOW_MAX: usize = 3;

/// The value beside or below a label: labels are tried in the order given, and the first that is found with a value counts.
///
/// - A label is found as a whole phrase, in any case and spacing: `Total` is not found in `Subtotal`, nor in `Total due: 5`,
///   where the label is a longer one; a currency or a remark in brackets (`Total EUR: 5`, `Total (net): 5`) belongs to it.
///   A closing `:`, `.` or `#` in the label may be left out.
/// - Beside: what follows on its line after `:`, `.`, `#`, `=`, dashes and blanks, up to a tab, two blanks or the line's end.
/// - Below, when nothing stands beside or its line is a row of headings: the next line that is not empty, in a line of columns
///   (tabs or two blanks) the same column. A line that is a label itself (`Date: …`) is no value.
/// - Of several occurrences the clearest counts, then the first: a label that begins a line or column and is set off by a
///   colon or column, then any that is set off so (`Your total: 5`), then one with only a blank between (`Total 5`).
///
/// The first 200 occurrences of a label and 4 KB of a line on either side are looked at.
pub fn value_after<'t>(text: &'t str, labels: &[&str]) -> Option<&'t str> {
    labels.iter().find_map(|label| after_label(text, label))
}

fn after_label<'t>(text: &'t str, label: &str) -> Option<&'t str> {
    let label: String = label.chars().take(LABEL_CHARS_MAX).collect();
    let words: Vec<String> = label
        .trim_end_matches(|sign: char| is_blank(sign) || matches!(sign, ':' | '.' | '#'))
        .split_whitespace()
        .map(regex::escape)
        .collect();
    if words.is_empty() {
        return None;
    }
    let regex = pattern(&format!("(?i){}", words.join(r"[^\S\n]+"))).ok()?;
    let mut best: Option<(Clarity, &str)> = None;
    for found in regex.find_iter(text).filter(|found| is_whole(text, found.start(), found.end())).take(OCCURRENCES_MAX) {
        let place = Place::new(text, found.start(), found.end());
        if let Some((clarity, value)) = place.value()
            && best.is_none_or(|(clearest, _)| clarity < clearest)
        {
            best = Some((clarity, value));
        }
        if best.is_some_and(|(clearest, _)| clearest == Clarity::SetOffAtStart) {
            break;
        }
    }
    best.map(|(_, value)| value)
}

/// No letter, digit or joining hyphen directly before or after.
fn is_whole(text: &str, start: usize, end: usize) -> bool {
    let joins = |near: Option<char>, further: Option<char>| match near {
        Some('-' | '\'' | '’') => further.is_some_and(char::is_alphanumeric),
        Some(sign) => sign.is_alphanumeric() || sign == '_',
        None => false,
    };
    let mut before = text[..start].chars().rev();
    let mut after = text[end..].chars();
    !joins(before.next(), before.next()) && !joins(after.next(), after.next())
}

/// How clearly an occurrence is a label, the clearest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Clarity {
    SetOffAtStart,
    SetOff,
    BlankAtStart,
    Blank,
}

/// A part of a line between tabs or runs of two blanks.
#[derive(Clone, Copy)]
struct Cell<'t> {
    text: &'t str,
    /// Characters before it in its line.
    column: usize,
    /// Bytes before it in its line.
    from: usize,
}

impl Cell<'_> {
    fn overlaps(&self, other: &Cell<'_>) -> bool {
        let ends = |cell: &Cell<'_>| cell.column + cell.text.chars().count();
        self.column < ends(other) && other.column < ends(self)
    }

    fn has_digit(&self) -> bool {
        self.text.contains(|sign: char| sign.is_ascii_digit())
    }
}

/// One occurrence of a label: its line, the cells of that, and what comes after the line.
struct Place<'t> {
    line: &'t str,
    cells: Vec<Cell<'t>>,
    own: usize,
    /// The label within its cell, in bytes.
    label: std::ops::Range<usize>,
    below: &'t str,
}

impl<'t> Place<'t> {
    fn new(text: &'t str, start: usize, end: usize) -> Self {
        let before = &text[text.floor_char_boundary(start.saturating_sub(LINE_BYTES_MAX))..start];
        let line_start = start - before.rsplit('\n').next().unwrap_or(before).len();
        let window = &text[end..text.floor_char_boundary(text.len().min(end + LINE_BYTES_MAX))];
        let (line_end, below) = match window.find('\n') {
            Some(length) => (end + length, &text[end + length + 1..]),
            None => (end + window.len(), ""),
        };
        let line = text[line_start..line_end].trim_end();
        let cells = cells(line);
        let own = cells.iter().rposition(|cell| cell.from <= start - line_start).unwrap_or_default();
        let from = start - line_start - cells.get(own).map_or(0, |cell| cell.from);
        Self { line, cells, own, label: from..from + (end - start), below }
    }

    fn value(&self) -> Option<(Clarity, &'t str)> {
        let cell = self.cells.get(self.own)?;
        let at_start = !cell.text.get(..self.label.start)?.contains(char::is_alphanumeric);
        // A label with two blanks inside reaches over cells; its own cell then ends within it.
        let rest = strip_remark(cell.text.get(self.label.end..)?);
        let trimmed = rest.trim_start_matches(is_blank).trim_start_matches('.').trim_start_matches(is_blank);
        let marked = trimmed.starts_with([':', '#', '=', '–', '—', '：']);
        let value = strip_marks(trimmed);
        let set_off = if at_start { Clarity::SetOffAtStart } else { Clarity::SetOff };
        if !value.is_empty() {
            if marked {
                return Some((set_off, value));
            }
            let blank = rest.starts_with(|sign: char| is_blank(sign) || sign == '.');
            let clarity = if at_start { Clarity::BlankAtStart } else { Clarity::Blank };
            return (blank && !self.is_longer_label(value)).then_some((clarity, value));
        }
        let beside = self.cells.iter().skip(self.own + 1).map(|cell| strip_marks(cell.text)).find(|text| !text.is_empty());
        let below = self.below();
        let found = match (beside, below) {
            (Some(_), Some(below)) if !marked && self.is_heading(&below) => below.text,
            (Some(beside), _) => Some(beside).filter(|text| !text.ends_with(':'))?,
            (None, Some(below)) => Some(below.text).filter(|text| !is_label(text))?,
            (None, None) => return None,
        };
        let wrapped_prose = !at_start && !marked && self.cells.len() == 1;
        Some((if wrapped_prose { Clarity::Blank } else { set_off }, found))
    }

    /// `due: 5` after `Total`, or `due` with an amount in the next column: the label goes on.
    fn is_longer_label(&self, rest: &str) -> bool {
        let next_is_value = self.cells.get(self.own + 1).is_some_and(|cell| {
            let word = cell.text.split(|sign: char| !sign.is_alphabetic()).next().unwrap_or_default();
            cell.has_digit() && (word.is_empty() || currency::is_word(word)) || cell.text.starts_with([':', '='])
        });
        is_label(rest) || (next_is_value && !rest.contains(|sign: char| sign.is_ascii_digit()))
    }

    /// Whether the label's line is a row of headings over a row of values: no digits or colons in it, and below the label
    /// something like a number, or as many columns (three, five, …: pairs of label and value are even).
    fn is_heading(&self, below: &Below<'t>) -> bool {
        if self.line.contains(|sign: char| sign.is_ascii_digit() || sign == ':') || is_label(below.text) {
            return false;
        }
        let digit = below.text.contains(|sign: char| sign.is_ascii_digit());
        let like_number = digit && (below.text.starts_with(|sign: char| !sign.is_alphabetic()) || !below.text.contains(is_blank));
        let filled = self.cells.iter().filter(|cell| !cell.text.is_empty()).count();
        like_number || (filled % 2 == 1 && below.cells == filled)
    }

    fn below(&self) -> Option<Below<'t>> {
        let line = self.below.lines().take(LINES_BELOW_MAX).find(|line| !line.trim().is_empty())?;
        let line = line[..line.floor_char_boundary(line.len().min(2 * LINE_BYTES_MAX))].trim_end();
        let cells = cells(line);
        let own = self.cells.get(self.own)?;
        let alone = self.cells.len() == 1;
        let chosen = if self.line.contains('\t') && line.contains('\t') {
            cells.get(self.own)
        } else {
            let overlapping = cells.iter().find(|cell| cell.overlaps(own));
            let same_place = cells.get(self.own).filter(|_| alone || cells.len() == self.cells.len());
            overlapping.or(same_place)
        };
        let text = first_part(chosen?.text.trim());
        (!text.is_empty()).then(|| Below { text, cells: cells.iter().filter(|cell| !cell.text.is_empty()).count() })
    }
}

/// The value below a label and the number of filled columns in its line.
struct Below<'t> {
    text: &'t str,
    cells: usize,
}

/// The cells of a line: between tabs (empty ones count), else between runs of two blanks (there are no empty ones).
fn cells(line: &str) -> Vec<Cell<'_>> {
    let mut cells = Vec::new();
    let (mut column, mut from) = (0, 0);
    let gap = if line.contains('\t') { "\t" } else { "  " };
    for part in line.split(gap) {
        let text = part.trim();
        if gap == "\t" || !text.is_empty() {
            let lead = part.len() - part.trim_start().len();
            cells.push(Cell { text, column: column + part[..lead].chars().count(), from: from + lead });
        }
        column += part.chars().count() + gap.len();
        from += part.len() + gap.len();
    }
    cells
}

/// Without a remark in brackets or a currency that belongs to the label, if the label ends after it.
fn strip_remark(rest: &str) -> &str {
    let near = rest.trim_start_matches(is_blank);
    let after = if let Some(open) = near.strip_prefix('(') {
        open.split_once(')').map(|(_, after)| after)
    } else {
        let length: usize =
            near.chars().take_while(|sign| sign.is_alphabetic() || currency::is_sign(*sign)).take(8).map(char::len_utf8).sum();
        let (word, after) = near.split_at(length);
        let known = currency::is_word(word) || (!word.is_empty() && word.chars().all(currency::is_sign));
        known.then_some(after)
    };
    let ends = |after: &str| after.is_empty() || after.starts_with([':', '=']);
    match after {
        Some(after) if near.starts_with('(') || ends(after.trim_start_matches(is_blank)) => after,
        _ => rest,
    }
}

fn strip_marks(text: &str) -> &str {
    first_part(text.trim_start_matches(|sign: char| is_blank(sign) || matches!(sign, ':' | '#' | '=' | '–' | '—' | '：')).trim())
}

/// Up to a tab or two blanks.
fn first_part(text: &str) -> &str {
    let end = text.find('\t').into_iter().chain(text.find("  ")).min().unwrap_or(text.len());
    text[..end].trim_end()
}

/// Whether the text begins as a label does: words without digits, then a colon that ends a word.
fn is_label(text: &str) -> bool {
    let Some((words, rest)) = text.split_once(':') else { return false };
    let plain = words.starts_with(char::is_alphabetic) && !words.contains(|sign: char| sign.is_ascii_digit());
    plain && words.len() <= 60 && (rest.is_empty() || rest.starts_with(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::value_after;

    #[test]
    fn the_value_beside_a_label_ends_with_its_column() {
        let cases = [
            ("Total due: 119,00 EUR", "Total due", Some("119,00 EUR")),
            ("Invoice No. 4711", "Invoice No", Some("4711")),
            ("Invoice No.: #4711   Date: 1.2.2024", "invoice no.", Some("4711")),
            ("Invoice No.: #4711   Date: 1.2.2024", "Date", Some("1.2.2024")),
            ("Order\t\tA-1\tOpen", "order", Some("A-1")),
            ("Total   due :   5,00 EUR", "Total due", None),
            ("Total due      EUR 5,00", "Total due", Some("EUR 5,00")),
            ("Order no      : 12", "Order no", Some("12")),
            ("Total EUR: 5,00", "Total", Some("5,00")),
            ("Total EUR    5,00", "Total", Some("5,00")),
            ("Total EUR 5,00", "Total", Some("EUR 5,00")),
            ("Due date (dd.mm.yyyy): 1.2.2024", "Due date", Some("1.2.2024")),
            ("Supplier Contoso GmbH", "Supplier", Some("Contoso GmbH")),
            ("- Name: Anna", "Name", Some("Anna")),
        ];
        for (text, label, expected) in cases {
            assert_eq!(value_after(text, &[label]), expected, "{label} in {text}");
        }
    }

    #[test]
    fn a_label_is_a_whole_phrase_and_not_part_of_a_longer_one() {
        for text in
            ["Subtotal: 5", "Sub-Total: 5", "Total due: 5", "Total due     5,00", "Totals: 5", "Total_x: 5", "The total, then"]
        {
            assert_eq!(value_after(text, &["Total"]), None, "{text}");
        }
        let text = "Subtotal: 100,00\nTotal net: 100,00\nYour total: 118,00\nTotal: 119,00";
        assert_eq!(value_after(text, &["Total"]), Some("119,00"));
        assert_eq!(value_after("We like your total offer.\nYour total: 118", &["total"]), Some("118"));
    }

    #[test]
    fn labels_are_tried_in_the_order_given() {
        let text = "Gesamtbetrag: 7,00\nTotal due: 5,00";
        assert_eq!(value_after(text, &["Total due", "Gesamtbetrag"]), Some("5,00"));
        assert_eq!(value_after(text, &["Sum", "Gesamtbetrag"]), Some("7,00"));
        assert_eq!(value_after(text, &["Sum", "", ":"]), None);
    }

    #[test]
    fn the_value_below_a_label_stands_in_its_column() {
        let spaced = "Invoice no     Date          Amount due\n\n4711           1.2.2024         119,00\n";
        assert_eq!(value_after(spaced, &["Invoice no"]), Some("4711"));
        assert_eq!(value_after(spaced, &["Date"]), Some("1.2.2024"));
        assert_eq!(value_after(spaced, &["Amount due"]), Some("119,00"));
        let tabs = "Order\tCustomer\tDate\nA-1\tContoso Ltd\t2024-12-01";
        assert_eq!(value_after(tabs, &["Order"]), Some("A-1"));
        assert_eq!(value_after(tabs, &["Customer"]), Some("Contoso Ltd"));
        assert_eq!(value_after(tabs, &["Date"]), Some("2024-12-01"));
        let pairs = "Supplier    Contoso GmbH\nInvoice     4711\nStatus\tOpen\nAddress 2\tx";
        assert_eq!(value_after(pairs, &["Supplier"]), Some("Contoso GmbH"));
        assert_eq!(value_after(pairs, &["Status"]), Some("Open"));
        assert_eq!(value_after("Total due:\r\n\r\n  5,00 EUR\r\n", &["Total due"]), Some("5,00 EUR"));
        assert_eq!(value_after("Reference:\nTotal: 5", &["Reference"]), None);
        assert_eq!(value_after("Reference:\n\n\n\nfar", &["Reference"]), None);
    }

    #[test]
    fn odd_and_long_texts_cost_linear_time_and_never_panic() {
        let texts =
            ["Total ".repeat(200_000), "Total:\t".repeat(200_000), "Totälé\u{a0}".repeat(100_000), "Total\n".repeat(200_000)];
        for text in &texts {
            let _ = value_after(text, &["Total", "Totälé", "é"]);
        }
    }
}
