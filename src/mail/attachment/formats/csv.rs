//! CSV files: the separator found out.

use super::super::reading::{Reading, Sheet};
use super::{File, Format};
use crate::mail::data::Data;
use crate::mail::table::COLUMNS_MAX;

/// Rows that are read.
const ROWS_MAX: usize = 200_000;

/// Lines that are looked at to find the separator.
const SAMPLE_MAX: usize = 50;

const SEPARATORS: [u8; 4] = *b",;\t|";

pub(super) struct Csv;

impl Format for Csv {
    /// Many programs call what they export a spreadsheet.
    fn is_content(&self, file: &File<'_>) -> bool {
        let is_called_otherwise = file.ending().is_some_and(|ending| matches!(ending.as_str(), "xls" | "xlsx" | "ods"));
        is_called_otherwise && !file.bytes.is_empty() && file.is_text() && !file.beginning().starts_with('<')
    }

    fn endings(&self) -> &'static [&'static str] {
        &["csv", "tsv"]
    }

    fn types(&self) -> &'static [&'static str] {
        &["text/csv", "application/csv", "text/tab-separated-values", "text/comma-separated-values"]
    }

    fn read(&self, file: &File<'_>) -> Result<Reading, String> {
        let text = file.text()?;
        let (sheets, problem) = match cells(&text) {
            Ok(cells) => (vec![Sheet { name: None, cells }], None),
            Err(problem) => (Vec::new(), Some(problem)),
        };
        Ok(Reading { text: Some(text), sheets, problem, ..Reading::default() })
    }
}

/// The rows from the header on, without empty ones. An error says in words why there are none.
fn cells(text: &str) -> Result<Vec<Vec<Data>>, String> {
    let text = text.trim_start_matches('\u{feff}');
    let (stated, text) = stated_separator(text);
    let separator = stated.unwrap_or_else(|| separator(text));
    let mut reader =
        csv::ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| format!("it is no CSV file: {error}"))?;
        let row: Vec<Data> = record.iter().take(COLUMNS_MAX).map(Data::text).collect();
        if row.iter().all(Data::is_nothing) {
            continue;
        }
        // The header is one more.
        if rows.len() > ROWS_MAX {
            return Err(format!("it has more than {ROWS_MAX} rows"));
        }
        rows.push(row);
    }
    if rows.is_empty() { Err("it has no rows".to_owned()) } else { Ok(rows) }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Result<Vec<Vec<String>>, String> {
        Ok(cells(text)?.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect())
    }

    fn owned(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|&cell| cell.to_owned()).collect()).collect()
    }

    #[test]
    fn the_separator_is_the_one_that_gives_even_rows() {
        assert_eq!(rows("a;b\n1,50;2\n3;4,5\n"), Ok(owned(&[&["a", "b"], &["1,50", "2"], &["3", "4,5"]])));
        assert_eq!(rows("a,b\n\"x;y\",2\n"), Ok(owned(&[&["a", "b"], &["x;y", "2"]])));
        assert_eq!(rows("a\tb\n1\t2\n"), Ok(owned(&[&["a", "b"], &["1", "2"]])));
        assert_eq!(rows("sep=|\r\na|b\r\n1|2\r\n"), Ok(owned(&[&["a", "b"], &["1", "2"]])));
        assert_eq!(rows("only\none\n"), Ok(owned(&[&["only"], &["one"]])));
    }

    #[test]
    fn a_file_of_blanks_has_no_rows() {
        assert_eq!(rows("\u{feff} \n"), Err("it has no rows".to_owned()));
    }
}
