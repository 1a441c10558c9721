//! CSV tables beside the rules: keys are text, columns have names.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use rust_decimal::Decimal;

use super::row::Row;
use super::values::text_or_absent;

/// One table.
pub(super) struct Table {
    headers: Arc<[String]>,
    rows: Vec<Arc<[String]>>,
    indexes: Vec<OnceLock<Index>>,
}

/// Rows by their text in one column; the first text that stands in two rows.
struct Index {
    rows: HashMap<String, usize>,
    doubled: Option<String>,
}

impl Table {
    /// Parses a table; `;`, a tab or `,` separates, whichever the first line has more of.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|_| "the table is not UTF-8 text; save it as `CSV UTF-8`".to_owned())?;
        let first = text.lines().next().unwrap_or_default();
        let separator = [',', ';', '\t'].into_iter().rev().max_by_key(|sign| first.matches(*sign).count()).unwrap_or(',') as u8;
        let mut reader = csv::ReaderBuilder::new().delimiter(separator).trim(csv::Trim::All).from_reader(bytes);
        let headers: Arc<[String]> = reader.headers().map_err(|error| error.to_string())?.iter().map(str::to_owned).collect();
        if headers.iter().any(String::is_empty) || headers.is_empty() {
            return Err("the first line must name every column".to_owned());
        }
        let rows = reader
            .records()
            .map(|record| record.map(|record| record.iter().map(str::to_owned).collect::<Arc<[String]>>()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| error.to_string())?;
        let indexes = headers.iter().map(|_| OnceLock::new()).collect();
        Ok(Self { headers, rows, indexes })
    }

    /// The columns' names.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }

    /// A column's number; case does not matter.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.headers.iter().position(|header| header.eq_ignore_ascii_case(name))
    }

    /// The text that stands in two rows of a column, if any does.
    pub fn doubled(&self, column: usize) -> Option<&str> {
        self.index(column)?.doubled.as_deref()
    }

    /// The row whose text in `column` is `value`.
    pub fn find(&self, column: usize, value: &str) -> Option<Row> {
        self.row(*self.index(column)?.rows.get(value.trim())?)
    }

    /// The texts of a column.
    pub fn keys(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().filter_map(move |row| row.get(column).map(String::as_str))
    }

    /// The first row with `from` ≤ `value` ≤ `to`; as numbers when all three are, else as text.
    pub fn find_range(&self, from: usize, to: usize, value: &str) -> Option<Row> {
        let value = value.trim();
        let number: Option<Decimal> = value.parse().ok();
        let position = self.rows.iter().position(|row| {
            let (Some(low), Some(high)) = (row.get(from), row.get(to)) else { return false };
            match (number, low.parse::<Decimal>(), high.parse::<Decimal>()) {
                (Some(number), Ok(low), Ok(high)) => low <= number && number <= high,
                _ => low.as_str() <= value && value <= high.as_str(),
            }
        })?;
        self.row(position)
    }

    /// The row whose text in `column` is the longest beginning of `value`.
    pub fn find_prefix(&self, column: usize, value: &str) -> Option<Row> {
        let (value, rows) = (value.trim(), &self.index(column)?.rows);
        let ends = value.char_indices().map(|(at, sign)| at + sign.len_utf8()).rev();
        self.row(ends.filter_map(|end| rows.get(value.get(..end)?)).copied().next()?)
    }

    fn row(&self, position: usize) -> Option<Row> {
        let cells = self.rows.get(position)?.iter().map(|cell| text_or_absent(Some(cell)));
        Some(Row::new(self.headers.clone(), cells.collect()))
    }

    fn index(&self, column: usize) -> Option<&Index> {
        Some(self.indexes.get(column)?.get_or_init(|| {
            let mut rows = HashMap::with_capacity(self.rows.len());
            let mut doubled = None;
            for (position, row) in self.rows.iter().enumerate() {
                let Some(key) = row.get(column).filter(|key| !key.is_empty()) else { continue };
                if rows.contains_key(key) {
                    doubled.get_or_insert_with(|| key.clone());
                } else {
                    rows.insert(key.clone(), position);
                }
            }
            Index { rows, doubled }
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn cell(row: Option<Row>, column: &str) -> Option<String> {
        row.and_then(|row| row.cell(column)?.into_string().ok())
    }

    #[test]
    fn keys_are_text_and_semicolons_separate_too() {
        let table = Table::parse("\u{feff}postcode;region\n01067;East\n80331;South\n".as_bytes()).unwrap();
        assert_eq!(cell(table.find(0, "01067"), "region"), Some("East".to_owned()));
        assert_eq!(cell(table.find(0, "1067"), "region"), None);
        assert_eq!(table.doubled(0), None);
    }

    #[test]
    fn ranges_compare_numbers_as_numbers_and_prefixes_take_the_longest() {
        let table = Table::parse(b"from,to,rate\n0,99.5,low\n100,1000,high\n").unwrap();
        assert_eq!(cell(table.find_range(0, 1, "250"), "rate"), Some("high".to_owned()));
        assert_eq!(cell(table.find_range(0, 1, "99.7"), "rate"), None);
        let codes = Table::parse(b"dial,country\n4,none\n49,DE\n4930,Berlin\n").unwrap();
        assert_eq!(cell(codes.find_prefix(0, "4930123"), "country"), Some("Berlin".to_owned()));
        assert_eq!(cell(codes.find_prefix(0, "4989"), "country"), Some("DE".to_owned()));
    }

    #[test]
    fn a_doubled_key_is_named() {
        assert_eq!(Table::parse(b"k,v\na,1\nb,2\na,3\n").unwrap().doubled(0), Some("a"));
        assert!(Table::parse(b"k,\na,1\n").is_err());
    }
}
