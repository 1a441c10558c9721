//! How wide the place is that a text is shown in, and texts that fit into it.

use std::io::IsTerminal;

/// Columns where no terminal says how many it has.
const COLUMNS: usize = 80;
/// Narrower is not tried.
const COLUMNS_MIN: usize = 30;

/// The columns of the terminal that standard output goes to; none where it goes to a file or another program.
pub(super) fn columns() -> Option<usize> {
    columns_of(&std::io::stdout())
}

/// The columns of the terminal that this goes to, if it goes to one.
pub(super) fn columns_of(out: &(impl IsTerminal + std::os::fd::AsFd)) -> Option<usize> {
    if !out.is_terminal() {
        return None;
    }
    let told = rustix::termios::tcgetwinsize(out).map_or(0, |size| usize::from(size.ws_col));
    Some(if told == 0 { COLUMNS } else { told.max(COLUMNS_MIN) })
}

/// As much of a text as a line of so many columns holds, with a sign where something is left out.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    text.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
}

/// The columns to lay a page out in.
pub(super) fn page_columns() -> usize {
    columns().unwrap_or(COLUMNS)
}

/// A text broken at blanks into lines of at most `columns` characters, each behind `indent`. Words that are longer stay whole.
pub(super) fn wrapped(text: &str, columns: usize, indent: &str) -> String {
    let mut lines = vec![indent.to_owned()];
    let mut is_empty = true;
    for word in text.split(' ') {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if !is_empty && last + 1 + word.chars().count() > columns {
            lines.push(indent.to_owned());
            is_empty = true;
        }
        if let Some(line) = lines.last_mut() {
            if !is_empty {
                line.push(' ');
            }
            line.push_str(word);
            is_empty = false;
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_where_its_line_ends() {
        assert_eq!([cut("four", 4), cut("letters", 4)], ["four", "let…"]);
    }

    #[test]
    fn a_text_is_broken_at_its_blanks_and_a_long_word_stays_whole() {
        assert_eq!(
            wrapped("one two three incomprehensibilities end", 12, "  "),
            "  one two\n  three\n  incomprehensibilities\n  end"
        );
    }
}
