//! CSV files: the separator found out, the first row taken for the header.

use crate::mail::table::{COLUMNS_MAX, Table};

/// Rows that are read.
const ROWS_MAX: usize = 200_000;

/// Lines that are looked at to find the separator.
const SAMPLE_MAX: usize = 50;

const SEPARATORS: [u8; 4] = *b",;\t|";

/// The rows below the header row, each with as many cells as there are headers. A header that is empty is called by its place
/// (`column 3`), one that comes again gets a number (`Price 2`). An error says in words why there are none.
pub(super) fn table(text: &str) -> Result<Table, String> {
    let text = text.trim_start_matches('\u{feff}');
    let (stated, text) = stated_separator(text);
    let separator = stated.unwrap_or_else(|| separator(text));
    let mut reader =
        csv::ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut records = reader.records().map(|record| {
        let record = record.map_err(|error| format!("it is no CSV file: {error}"))?;
        Ok::<_, String>(record.iter().take(COLUMNS_MAX).map(|cell| cell.trim().to_owned()).collect::<Vec<_>>())
    });
    let is_filled = |row: &Vec<String>| row.iter().any(|cell| !cell.is_empty());
    let headers = loop {
        match records.next() {
            None => return Err("it has no rows".to_owned()),
            Some(row) => {
                let row = row?;
                if is_filled(&row) {
                    break named(row);
                }
            }
        }
    };
    let mut rows = Vec::new();
    for row in records {
        let mut row = row?;
        if !is_filled(&row) {
            continue;
        }
        if rows.len() == ROWS_MAX {
            return Err(format!("it has more than {ROWS_MAX} rows"));
        }
        row.resize(headers.len(), String::new());
        rows.push(row);
    }
    Ok(Table { headers, rows })
}

/// Excel's own first line, `sep=;`.
fn stated_separator(text: &str) -> (Option<u8>, &str) {
    let Some((first, rest)) = text.split_once('\n') else { return (None, text) };
    match first.trim_end_matches('\r').strip_prefix("sep=").map(str::as_bytes) {
        Some([separator]) => (Some(*separator), rest),
        _ => (None, text),
    }
}

/// The separator that gives most rows the same number of fields, and of equals the one that gives most fields.
fn separator(text: &str) -> u8 {
    let score = |separator: u8| {
        let mut reader =
            csv::ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(text.as_bytes());
        let widths: Vec<usize> =
            reader.byte_records().take(SAMPLE_MAX).map_while(Result::ok).map(|record| record.len()).collect();
        let most_common =
            widths.iter().copied().max_by_key(|width| (widths.iter().filter(|other| *other == width).count(), *width));
        let width = most_common.filter(|&width| width > 1)?;
        let agreeing = widths.iter().filter(|&&other| other == width).count();
        Some((agreeing * 1000 / widths.len(), width))
    };
    SEPARATORS.into_iter().rev().max_by_key(|&separator| score(separator)).unwrap_or(b',')
}

fn named(row: Vec<String>) -> Vec<String> {
    let mut headers: Vec<String> = Vec::with_capacity(row.len());
    for (at, cell) in row.into_iter().enumerate() {
        let name = if cell.is_empty() { format!("column {}", at + 1) } else { cell };
        let unique = (1..=COLUMNS_MAX + 1).map(|number| if number == 1 { name.clone() } else { format!("{name} {number}") });
        let unique = unique.into_iter().find(|name| !headers.contains(name)).unwrap_or_default();
        headers.push(unique);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Result<(Vec<String>, Vec<Vec<String>>), String> {
        table(text).map(|table| (table.headers, table.rows))
    }

    fn owned(headers: &[&str], rows: &[&[&str]]) -> (Vec<String>, Vec<Vec<String>>) {
        let line = |cells: &[&str]| cells.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>();
        (line(headers), rows.iter().map(|row| line(row)).collect())
    }

    #[test]
    fn the_separator_is_the_one_that_gives_even_rows() {
        assert_eq!(rows("a;b\n1,50;2\n3;4,5\n"), Ok(owned(&["a", "b"], &[&["1,50", "2"], &["3", "4,5"]])));
        assert_eq!(rows("a,b\n\"x;y\",2\n"), Ok(owned(&["a", "b"], &[&["x;y", "2"]])));
        assert_eq!(rows("a\tb\n1\t2\n"), Ok(owned(&["a", "b"], &[&["1", "2"]])));
        assert_eq!(rows("sep=|\r\na|b\r\n1|2\r\n"), Ok(owned(&["a", "b"], &[&["1", "2"]])));
        assert_eq!(rows("only\none\n"), Ok(owned(&["only"], &[&["one"]])));
    }

    #[test]
    fn doubled_and_empty_headers_get_names_of_their_own() {
        assert_eq!(
            rows("\u{feff}Price,,Price\n\n1,2,3,4\n5\n"),
            Ok(owned(&["Price", "column 2", "Price 2"], &[&["1", "2", "3"], &["5", "", ""]]))
        );
        assert_eq!(rows(" \n"), Err("it has no rows".to_owned()));
    }
}
