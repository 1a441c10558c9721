//! The tables of an HTML body, read from the stream of tags: only those without a table inside of them.

use memchr::memmem;

use super::is_invisible;
use super::tags::{Event, Tag};
use super::visible::walk_visible;
use crate::mail::table::{COLUMNS_MAX, Grid, ROWS_MAX};

/// Tables read of one message.
const TABLES_MAX: usize = 1_000;

/// Rows a cell may span.
const ROWSPAN_MAX: usize = 1_000;

/// Bytes of text that `rowspan` may repeat in one message.
const REPEATED_MAX: usize = 1024 * 1024;

/// All innermost tables, in order of their end.
pub(in crate::mail) fn grids(html: &str) -> Vec<Grid> {
    if !contains_word(html, "<table") {
        return Vec::new();
    }
    let mut reader = Reader { repeatable: REPEATED_MAX, ..Reader::default() };
    walk_visible(html, |event| match event {
        Event::Open(tag) => reader.open(tag),
        Event::Close(name) => reader.close(name),
        Event::Text(text) => reader.write(text),
    });
    while !reader.open.is_empty() {
        reader.close_table();
    }
    reader.found
}

/// Whether the HTML can have a table with these columns: the longest plain word of each name occurs in it. A word that
/// tags cut in two is not found; letters written as numbers make the answer yes.
pub(in crate::mail) fn may_have_columns(html: &str, columns: &[&str]) -> bool {
    if !contains_word(html, "<table") {
        return false;
    }
    has_words_of(html, columns) || has_letters_as_numbers(html)
}

/// Whether the longest plain word of each name occurs, ASCII case ignored.
pub(in crate::mail) fn has_words_of(text: &str, columns: &[&str]) -> bool {
    columns.iter().all(|column| {
        let words = column.split(|c: char| !c.is_ascii_alphanumeric());
        contains_word(text, words.max_by_key(|word| word.len()).unwrap_or_default())
    })
}

/// Whether `word` occurs, ASCII case ignored.
fn contains_word(html: &str, word: &str) -> bool {
    let (html, word) = (html.as_bytes(), word.as_bytes());
    let Some((first, rest)) = word.split_first() else { return true };
    let follows = |at: usize| html.get(at + 1..at + word.len()).is_some_and(|found| found.eq_ignore_ascii_case(rest));
    memchr::memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), html).any(follows)
}

/// Whether an ASCII letter or digit is written as `&#65;` or `&#x41;`.
fn has_letters_as_numbers(html: &str) -> bool {
    memmem::find_iter(html.as_bytes(), b"&#").any(|at| {
        let digits = html.as_bytes().get(at + 2..).unwrap_or_default();
        let (digits, radix) = match digits.first() {
            Some(b'x' | b'X') => (digits.get(1..).unwrap_or_default(), 16),
            _ => (digits, 10),
        };
        let number = digits.iter().take(8).map_while(|&byte| char::from(byte).to_digit(radix));
        let value = number.fold(0_u32, |value, digit| value.wrapping_mul(radix).wrapping_add(digit));
        char::from_u32(value).is_some_and(|c| c.is_ascii_alphanumeric())
    })
}

#[derive(Default)]
struct Reader {
    open: Vec<OpenTable>,
    found: Vec<Grid>,
    repeatable: usize,
}

#[derive(Default)]
struct OpenTable {
    grid: Grid,
    row: Vec<String>,
    is_in_row: bool,
    cell: Option<Cell>,
    header_cells: usize,
    /// By column: text of a cell above that spans this row, and how many rows are left.
    spanning: Vec<Option<(String, usize)>>,
    has_inner_table: bool,
}

struct Cell {
    text: String,
    columns: usize,
    rows: usize,
}

impl Reader {
    fn open(&mut self, tag: &Tag) {
        match tag.name.as_str() {
            "table" => {
                if let Some(outer) = self.open.last_mut() {
                    // What an outer table holds is layout: its own cells are not needed any more.
                    *outer = OpenTable { has_inner_table: true, ..OpenTable::default() };
                }
                self.open.push(OpenTable::default());
            }
            "tr" => {
                self.close_row();
                if let Some(table) = self.open.last_mut() {
                    table.is_in_row = true;
                }
            }
            name @ ("td" | "th") => {
                self.close_cell();
                let Some(table) = self.open.last_mut() else { return };
                table.is_in_row = true;
                table.header_cells += usize::from(name == "th");
                let (columns, rows) = (tag.count("colspan", COLUMNS_MAX), tag.count("rowspan", ROWSPAN_MAX));
                table.cell = Some(Cell { text: String::new(), columns, rows });
            }
            "br" | "p" | "div" | "li" | "h1" | "h2" | "h3" | "h4" => self.write(" "),
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "table" => self.close_table(),
            "tr" => self.close_row(),
            "td" | "th" => self.close_cell(),
            "p" | "div" | "li" => self.write(" "),
            _ => {}
        }
    }

    fn write(&mut self, text: &str) {
        let Some(cell) = self.open.last_mut().and_then(|table| table.cell.as_mut()) else { return };
        for c in text.chars().filter(|&c| !is_invisible(c)) {
            if !c.is_whitespace() {
                cell.text.push(c);
            } else if !cell.text.is_empty() && !cell.text.ends_with(' ') {
                cell.text.push(' ');
            }
        }
    }

    fn close_cell(&mut self) {
        let Some(table) = self.open.last_mut() else { return };
        let Some(mut cell) = table.cell.take() else { return };
        if cell.text.ends_with(' ') {
            cell.text.pop();
        }
        table.fill_spanned();
        let column = table.row.len();
        if column >= COLUMNS_MAX {
            return;
        }
        let columns = cell.columns.min(COLUMNS_MAX - column);
        if cell.rows > 1 && cell.text.len().saturating_mul(cell.rows) <= self.repeatable {
            self.repeatable -= cell.text.len() * cell.rows;
            table.spanning.resize(table.spanning.len().max(column + columns), None);
            for (at, slot) in table.spanning.iter_mut().enumerate().skip(column).take(columns) {
                let text = if at == column { cell.text.clone() } else { String::new() };
                *slot = Some((text, cell.rows));
            }
        }
        table.row.push(cell.text);
        table.row.resize(column + columns, String::new());
    }

    fn close_row(&mut self) {
        self.close_cell();
        let Some(table) = self.open.last_mut() else { return };
        if !std::mem::take(&mut table.is_in_row) {
            return;
        }
        table.fill_spanned();
        for slot in &mut table.spanning {
            *slot = slot.take().and_then(|(text, rows)| (rows > 1).then_some((text, rows - 1)));
        }
        let row = std::mem::take(&mut table.row);
        let is_header = std::mem::take(&mut table.header_cells) * 2 > row.len();
        if row.iter().any(|cell| !cell.is_empty()) && table.grid.rows.len() < ROWS_MAX {
            table.grid.push(row, is_header);
        }
    }

    fn close_table(&mut self) {
        self.close_row();
        let Some(table) = self.open.pop() else { return };
        if !table.has_inner_table && !table.grid.rows.is_empty() && self.found.len() < TABLES_MAX {
            self.found.push(table.grid);
        }
    }
}

impl OpenTable {
    /// Puts in the cells from above that span the columns which come next.
    fn fill_spanned(&mut self) {
        while let Some(Some((text, rows))) = self.spanning.get(self.row.len()) {
            // A cell of this very row still counts this row; it is not put in a second time because the row is longer by then.
            if *rows == 0 || self.row.len() >= COLUMNS_MAX {
                break;
            }
            self.row.push(text.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(html: &str) -> Vec<Vec<Vec<String>>> {
        grids(html).into_iter().map(|grid| grid.rows).collect()
    }

    #[test]
    fn only_innermost_tables_count_and_end_tags_may_be_missing() {
        let html = "<TABLE><tr><td>layout<table><tr><th>SKU<th>Qty<tr><td>A-1<td>2</table></td></tr></TABLE>";
        assert_eq!(rows(html), [[["SKU", "Qty"], ["A-1", "2"]]]);
    }

    #[test]
    fn spans_keep_cells_in_their_columns() {
        let html = "<table><tr><th>Order<th>SKU<th>Qty<tr><td rowspan=2>7<td>A<td>1<tr><td>B<td>2\
            <tr><td colspan=2>Total<td>3</table>";
        assert_eq!(rows(html), [[["Order", "SKU", "Qty"], ["7", "A", "1"], ["7", "B", "2"], ["Total", "", "3"]]]);
    }

    #[test]
    fn columns_are_looked_for_as_bytes_before_tags_are_read() {
        let html = "<table><tr><td>Article no.</td><td>M&#65;SS</td></tr></table>";
        assert!(may_have_columns(html, &["Article No"]));
        assert!(may_have_columns(html, &["Mass"]));
        assert!(!may_have_columns("<table>Article", &["Quantity"]));
        assert!(!may_have_columns("Quantity", &["Quantity"]));
    }

    #[test]
    fn span_bombs_stay_small() {
        let cell = format!("<td rowspan=1000 colspan=1000>{}", "x".repeat(1_000));
        let html = format!("<table>{}</table>", format!("<tr>{cell}").repeat(500));
        let cells: usize = rows(&html).iter().flatten().flatten().map(String::len).sum();
        assert!(cells < 3_000_000, "{cells}");
    }
}
