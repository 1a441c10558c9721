//! The report on a terminal: counts, then each message side by side, or one side below the other where it is narrow.

use std::fmt::Write;

use super::super::colours::Colours;
use super::super::terminal::{columns, cut};
use super::report::{Report, Shown};
use crate::replay::Line;

/// Columns where nobody says how many there are.
const WIDTH: usize = 120;
/// Fewer columns than these do not hold two sides.
const WIDTH_OF_TWO: usize = 90;
/// More make lines too long to read.
const WIDTH_MAX: usize = 180;
/// Lines around a difference that are shown with it.
const CONTEXT: usize = 2;

/// Columns of standard output.
fn width() -> usize {
    let said = || std::env::var("COLUMNS").ok()?.parse().ok();
    columns().or_else(said).unwrap_or(WIDTH).clamp(20, WIDTH_MAX)
}

pub(super) fn shown(report: &Report, show: usize) -> String {
    told(report, show, width(), Colours::of_output())
}

fn told(report: &Report, show: usize, width: usize, colours: Colours) -> String {
    let all = report.all();
    let messages = if all == 1 { "message" } else { "messages" };
    let mut text = format!("{}: {all} {messages} of {}\n", report.mailbox, report.what);
    let _ = write!(text, "before: {}\nafter:  {}\n\n", report.names.0, report.names.1);
    for kind in report.kinds() {
        let _ = writeln!(text, "{:>7}  {}", kind.count, kind.change.word());
    }
    for kind in report.kinds().filter(|kind| !kind.kept.is_empty()) {
        let heading = format!("{} ({})", kind.change.word(), kind.count);
        let gap = if text.ends_with("\n\n") { "" } else { "\n" };
        let _ = write!(text, "{gap}{heading}\n{}\n", "─".repeat(heading.chars().count()));
        for message in kind.kept.iter().take(show) {
            text.push_str(&heading_of(message, width));
            for row in rows(&message.lines, width, colours) {
                text.push_str(&row);
                text.push('\n');
            }
            text.push('\n');
        }
        let more = kind.count - kind.kept.len().min(show);
        if more > 0 {
            let _ = writeln!(text, "… and {more} more; --show N, --html FILE and --json show them");
        }
    }
    text.trim_end().to_owned()
}

fn heading_of(message: &Shown, width: usize) -> String {
    let line = format!("{}  {}  {}", message.file, message.subject, message.from);
    format!("{}\n", cut(line.trim_end(), width))
}

/// The lines of both sides that differ, with what stands around them, for standard output.
pub(in crate::cli) fn rows_shown(lines: &[Line]) -> Vec<String> {
    rows(lines, width(), Colours::of_output())
}

fn rows(lines: &[Line], width: usize, colours: Colours) -> Vec<String> {
    let is_same = |line: &Line| matches!(line, Line::Both(_));
    let near = |at: usize| {
        let (from, to) = (at.saturating_sub(CONTEXT), (at + CONTEXT + 1).min(lines.len()));
        at == 0 || lines.get(from..to).unwrap_or_default().iter().any(|line| !is_same(line))
    };
    let mut rows = Vec::new();
    let mut left_out = false;
    for (at, line) in lines.iter().enumerate() {
        if !near(at) {
            left_out = true;
            continue;
        }
        if std::mem::take(&mut left_out) {
            rows.push("  …".to_owned());
        }
        if width >= WIDTH_OF_TWO { two(line, width, colours, &mut rows) } else { one(line, width, colours, &mut rows) }
    }
    if left_out {
        rows.push("  …".to_owned());
    }
    rows
}

/// One side below the other.
fn one(line: &Line, width: usize, colours: Colours, rows: &mut Vec<String>) {
    let mut put = |sign: char, text: &str| {
        let parts = wrapped(text, width.saturating_sub(2).max(10));
        rows.extend(parts.iter().map(|part| colours.paint(&format!("{sign} {part}"), sign)));
    };
    match line {
        Line::Both(text) => put(' ', text),
        Line::Before(text) => put('-', text),
        Line::After(text) => put('+', text),
        Line::Instead(before, after) => {
            put('-', before);
            put('+', after);
        }
    }
}

/// Both sides beside each other, as `diff -y` has them: `|` where they differ, `<` and `>` where one has nothing.
fn two(line: &Line, width: usize, colours: Colours, rows: &mut Vec<String>) {
    let half = (width - 3) / 2;
    let (before, sign, after) = match line {
        Line::Both(text) => (text.as_str(), ' ', text.as_str()),
        Line::Before(text) => (text.as_str(), '<', ""),
        Line::After(text) => ("", '>', text.as_str()),
        Line::Instead(before, after) => (before.as_str(), '|', after.as_str()),
    };
    let (before, after) = (wrapped(before, half), wrapped(after, half));
    for number in 0..before.len().max(after.len()) {
        let (left, right) = (before.get(number).map_or("", String::as_str), after.get(number).map_or("", String::as_str));
        let pad = " ".repeat(half.saturating_sub(left.chars().count()));
        let (old, new) = if sign == ' ' { (' ', ' ') } else { ('-', '+') };
        let row = format!("{}{pad} {sign} {}", colours.paint(left, old), colours.paint(right, new));
        rows.push(row.trim_end().to_owned());
    }
}

/// A text in lines of at most so many characters, the later ones indented; broken at a blank where there is one.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let indent = letters.iter().take_while(|letter| **letter == ' ').count().min(8) + 2;
    let mut lines = Vec::new();
    let mut rest = letters.as_slice();
    while !rest.is_empty() {
        let before = if lines.is_empty() { String::new() } else { " ".repeat(indent.min(width / 2)) };
        let room = width.saturating_sub(before.chars().count()).max(1);
        let end = if rest.len() <= room {
            rest.len()
        } else {
            let head = rest.get(..room).unwrap_or(rest);
            head.iter().rposition(|letter| *letter == ' ').filter(|at| *at > room / 2).map_or(room, |at| at + 1)
        };
        let (line, after) = rest.split_at(end.min(rest.len()));
        lines.push(format!("{before}{}", line.iter().collect::<String>().trim_end()));
        rest = after;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Vec<Line> {
        let both = |text: &str| Line::Both(text.to_owned());
        vec![
            both("planned by 10-a"),
            both("post to erp"),
            both("  a: 1"),
            both("  b: 2"),
            both("  c: 3"),
            Line::Instead("move to A".to_owned(), "move to B".to_owned()),
            Line::After("mark read".to_owned()),
        ]
    }

    #[test]
    fn a_wide_terminal_has_both_sides_and_leaves_out_what_is_far_from_a_difference() {
        let gap = |text: &str| format!("{text}{}", " ".repeat(48 - text.chars().count()));
        assert_eq!(
            rows(&lines(), 100, Colours::None),
            [
                format!("{}   planned by 10-a", gap("planned by 10-a")),
                "  …".to_owned(),
                format!("{}     b: 2", gap("  b: 2")),
                format!("{}     c: 3", gap("  c: 3")),
                format!("{} | move to B", gap("move to A")),
                format!("{} > mark read", gap("")),
            ]
        );
    }

    #[test]
    fn a_narrow_terminal_has_one_side_below_the_other() {
        assert_eq!(
            rows(&lines(), 40, Colours::None),
            ["  planned by 10-a", "  …", "    b: 2", "    c: 3", "- move to A", "+ move to B", "+ mark read"]
        );
        assert_eq!(wrapped("a rather long line of words", 12), ["a rather", "  long line", "  of words"]);
    }
}
