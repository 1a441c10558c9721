//! Spreadsheets: XLSX, XLS, XLSB and ODS.

use std::io::Cursor;
use std::str::FromStr;

use calamine::{ExcelDateTime, Ods, Range, Reader, Sheets, Xls, Xlsb, Xlsx};
use jiff::civil::{Date, DateTime};
use rust_decimal::Decimal;

use super::super::reading::{Reading, Sheet};
use super::{File, Format};
use crate::mail::data::Data;

/// Sheets that are read.
const SHEETS_MAX: usize = 250;
/// Filled cells that are read.
const CELLS_MAX: usize = 1_000_000;

pub(super) struct Spreadsheet;

impl Format for Spreadsheet {
    fn is_content(&self, file: &File<'_>) -> bool {
        file.is_zip_with(b"xl/workbook")
            || file.is_zip_with(b"opendocument.spreadsheet")
            || ["Workbook", "WORKBOOK", "Book", "BOOK"].iter().any(|stream| file.is_ole_with(stream))
    }

    fn endings(&self) -> &'static [&'static str] {
        &["xlsx", "xlsm", "xltx", "xls", "xlsb", "ods"]
    }

    fn read(&self, file: &File<'_>) -> Result<Reading, String> {
        let mut book = open(file)?;
        let mut reading = Reading::default();
        let mut left = CELLS_MAX;
        for name in book.sheet_names().into_iter().take(SHEETS_MAX) {
            match book.worksheet_range(&name) {
                Ok(range) => {
                    let cells = cells(&range, &mut left);
                    reading.sheets.push(Sheet { name: Some(name), cells });
                }
                Err(error) => {
                    reading.problem.get_or_insert_with(|| format!("its sheet `{name}` cannot be read: {error}"));
                }
            }
        }
        if left == 0 {
            reading.problem.get_or_insert_with(|| format!("it has more than {CELLS_MAX} cells: the rest was not read"));
        }
        reading.text = Some(text(&reading.sheets));
        Ok(reading)
    }
}

fn open<'f>(file: &File<'f>) -> Result<Sheets<Cursor<&'f [u8]>>, String> {
    let damaged = |error: &dyn std::fmt::Display| format!("it is a damaged spreadsheet, or of a kind that is not read: {error}");
    let bytes = Cursor::new(file.bytes);
    if file.is_zip_with(b"xl/workbook.bin") {
        Xlsb::new(bytes).map(Sheets::Xlsb).map_err(|error| damaged(&error))
    } else if file.is_zip_with(b"opendocument.spreadsheet") {
        Ods::new(bytes).map(Sheets::Ods).map_err(|error| damaged(&error))
    } else if file.is_zip_with(b"") {
        Xlsx::new(bytes).map(Sheets::Xlsx).map_err(|error| damaged(&error))
    } else if file.is_ole() {
        Xls::new(bytes).map(Sheets::Xls).map_err(|error| damaged(&error))
    } else {
        Err("it is called a spreadsheet, but is none".to_owned())
    }
}

/// The rows from the first to the last one that is filled, each to its last filled cell.
fn cells(range: &Range<calamine::Data>, left: &mut usize) -> Vec<Vec<Data>> {
    let mut rows = Vec::new();
    let mut filled = 0;
    // Columns before the first filled one are there: a cell stands in the column in which people see it.
    let before = range.start().map_or(0, |(_, column)| column as usize);
    for row in range.rows() {
        // Cells of blanks are cells to a program, and nothing to people.
        let width = row.iter().rposition(|cell| value(cell) != Data::Nothing).map_or(0, |last| before + last + 1);
        if *left < width {
            *left = 0;
            break;
        }
        *left -= width;
        if width == 0 && filled == 0 {
            continue;
        }
        let mut cells = Vec::with_capacity(width);
        cells.extend(std::iter::repeat_n(Data::Nothing, before).chain(row.iter().map(value)).take(width));
        rows.push(cells);
        if width > 0 {
            filled = rows.len();
        }
    }
    rows.truncate(filled);
    rows
}

fn value(cell: &calamine::Data) -> Data {
    match cell {
        calamine::Data::Empty => Data::Nothing,
        calamine::Data::Int(number) => Data::Number((*number).into()),
        calamine::Data::Float(number) => decimal(*number),
        // Texts of old files that are taken for single bytes have a zero behind each letter.
        calamine::Data::String(text) if text.contains('\0') => Data::text(&text.replace('\0', "")),
        calamine::Data::String(text) | calamine::Data::DurationIso(text) => Data::text(text),
        calamine::Data::Bool(flag) => Data::Flag(*flag),
        calamine::Data::DateTime(time) => moment(time),
        calamine::Data::DateTimeIso(text) => {
            let day = || Date::from_str(text).map(Data::Day);
            if text.contains('T') {
                DateTime::from_str(text).map_or_else(|_| Data::text(text), Data::Local)
            } else {
                day().unwrap_or_else(|_| Data::text(text))
            }
        }
        calamine::Data::Error(error) => Data::Text(error.to_string()),
    }
}

/// A number as spreadsheets show it: fifteen digits count, what is beyond them is the machine's.
fn decimal(number: f64) -> Data {
    let digits = format!("{number:.14e}");
    Decimal::from_scientific(&digits).map_or_else(|_| Data::Text(number.to_string()), |number| Data::Number(number.normalize()))
}

/// A day, a day with a time, or a time alone, which stands before the first day there is.
fn moment(time: &ExcelDateTime) -> Data {
    let (year, month, day, hour, minute, second, milli) = time.to_ymd_hms_milli();
    let small = |number: u16| i8::try_from(number).unwrap_or(0);
    let nanos = i32::from(milli) * 1_000_000;
    let moment = DateTime::new(
        i16::try_from(year).unwrap_or(0),
        small(month.into()),
        small(day.into()),
        small(hour.into()),
        small(minute.into()),
        small(second.into()),
        nanos,
    );
    match moment {
        Ok(moment) if time.is_duration() || time.as_f64() < 1.0 => {
            Data::Text(format!("{:02}:{:02}:{:02}", hours(time, moment), minute, second))
        }
        Ok(moment) if time.as_f64().fract() == 0.0 => Data::Day(moment.date()),
        Ok(moment) => Data::Local(moment),
        Err(_) => decimal(time.as_f64()),
    }
}

/// Hours of a span of time may be more than a day's.
#[allow(clippy::cast_possible_truncation, reason = "days of a span")]
fn hours(time: &ExcelDateTime, moment: DateTime) -> i64 {
    time.as_f64().trunc() as i64 * 24 + i64::from(moment.hour())
}

/// All sheets one below the other, cells by tabs.
fn text(sheets: &[Sheet]) -> String {
    let mut text = String::new();
    for sheet in sheets {
        for row in &sheet.cells {
            let cells = row.iter().map(ToString::to_string).collect::<Vec<_>>();
            text.push_str(cells.join("\t").trim_end());
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_stand_where_people_see_them_and_blanks_around_them_are_none() {
        let mut range = Range::new((2, 1), (6, 3));
        let text = |text: &str| calamine::Data::String(text.to_owned());
        for (at, cell) in [((2, 1), text(" ")), ((4, 2), text("T\0o\0t\0a\0l\0")), ((4, 3), text("")), ((6, 1), text(""))] {
            range.set_value(at, cell);
        }
        let mut left = 10;
        assert_eq!(cells(&range, &mut left), [vec![Data::Nothing, Data::Nothing, Data::Text("Total".to_owned())]]);
        assert_eq!((left, cells(&range, &mut 2).len()), (7, 0));
    }

    #[test]
    fn numbers_have_the_digits_that_people_see() {
        let number = |text: &str| Data::Number(text.parse().unwrap_or_default());
        assert_eq!(decimal(0.1 + 0.2), number("0.3"));
        assert_eq!(decimal(1190.0), number("1190"));
        assert_eq!(decimal(-1_234_567.891), number("-1234567.891"));
        assert_eq!(decimal(1e300), Data::Text(1e300_f64.to_string()));
    }
}
