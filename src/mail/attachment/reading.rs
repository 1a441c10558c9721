//! What reading a file gave: everything that rules can ask of it.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::mail::calendar::{Contact, Event};
use crate::mail::data::Data;
use crate::mail::invoice::Invoice;
use crate::mail::report::Report;
use crate::mail::table::COLUMNS_MAX;

/// What a format gives of a file; each part is absent where the format does not have it.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reading {
    /// Its text, in the order in which it is read.
    pub text: Option<String>,
    /// Its text in columns, as printed.
    pub layout: Option<String>,
    /// Its sheets; of a CSV file one without a name.
    pub sheets: Vec<Sheet>,
    /// What a JSON file holds.
    pub json: Option<Value>,
    /// What an XML file holds.
    pub xml: Option<Data>,
    /// The invoice that it is.
    pub invoice: Option<Box<Invoice>>,
    /// The events of a calendar.
    pub events: Vec<Event>,
    /// The cards of an address file.
    pub contacts: Vec<Contact>,
    /// The report on mail that it is.
    pub report: Option<Report>,
    /// The mail that it is, as RFC 5322 has it. It is parsed with the reading.
    pub(in crate::mail) mail: Option<Bytes>,
    /// The files in it.
    pub(in crate::mail) files: Vec<FoundFile>,
    /// Why it cannot be read, or what of it could not; in words.
    pub problem: Option<String>,
}

impl Reading {
    /// Of a file that has nothing of all this.
    pub(in crate::mail) const NOTHING: Self = Self {
        text: None,
        layout: None,
        sheets: Vec::new(),
        json: None,
        xml: None,
        invoice: None,
        events: Vec::new(),
        contacts: Vec::new(),
        report: None,
        mail: None,
        files: Vec::new(),
        problem: None,
    };

    /// Nothing but the reason.
    pub(in crate::mail) fn problem(problem: impl Into<String>) -> Self {
        Self { problem: Some(problem.into()), ..Self::default() }
    }

    /// Nothing but a text.
    pub(in crate::mail) fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..Self::default() }
    }

    /// The first sheet's rows: those of a CSV file, of a spreadsheet.
    pub fn rows(&self) -> Option<SheetRows<'_>> {
        self.sheets.first()?.rows()
    }
}

/// A file that lies in another one.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::mail) struct FoundFile {
    pub(in crate::mail) name: Option<String>,
    /// `type/subtype` in lower case; guessed from the name by whoever reads it where the container does not say.
    pub(in crate::mail) content_type: String,
    pub(in crate::mail) bytes: Bytes,
    /// Why it is not opened, in words, where the container says so.
    pub(in crate::mail) closed: Option<String>,
}

/// Bytes that are written down as base64.
#[derive(PartialEq, Eq)]
pub(in crate::mail) struct Bytes(pub(in crate::mail) Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64_STANDARD.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// One sheet: its cells as they stand, empty rows at its beginning left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sheet {
    /// Its name; none in a CSV file.
    pub name: Option<String>,
    /// Its rows from the header on, each as wide as it is filled.
    pub cells: Vec<Vec<Data>>,
}

/// A sheet as a table: the names of its columns, and the rows below them.
#[derive(Debug, PartialEq)]
pub struct SheetRows<'s> {
    /// The columns' names, no two the same: an empty one is called by its place (`column 3`), one that comes again gets a number
    /// (`Price 2`).
    pub headers: Vec<String>,
    /// The rows that are not empty. One may be shorter or longer than the headers.
    pub rows: Vec<&'s [Data]>,
}

impl Sheet {
    /// Its rows below the header row; `None` when it has no filled cell.
    pub fn rows(&self) -> Option<SheetRows<'_>> {
        let is_filled = |row: &&Vec<Data>| row.iter().any(|cell| !cell.is_nothing());
        let mut filled = self.cells.iter().filter(is_filled);
        let headers = names(filled.next()?);
        Some(SheetRows { headers, rows: filled.map(Vec::as_slice).collect() })
    }
}

fn names(row: &[Data]) -> Vec<String> {
    let mut headers: Vec<String> = Vec::with_capacity(row.len().min(COLUMNS_MAX));
    for (at, cell) in row.iter().take(COLUMNS_MAX).enumerate() {
        let name = if cell.is_nothing() { format!("column {}", at + 1) } else { cell.to_string() };
        let unique = (1..=COLUMNS_MAX + 1).map(|number| if number == 1 { name.clone() } else { format!("{name} {number}") });
        let unique = unique.into_iter().find(|name| !headers.contains(name)).unwrap_or_default();
        headers.push(unique);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubled_and_empty_headers_get_names_of_their_own() {
        let row = |cells: &[&str]| cells.iter().map(|cell| Data::text(cell)).collect::<Vec<_>>();
        let cells = vec![row(&["Price", "", "Price"]), row(&["", " "]), row(&["1", "2", "3"]), row(&["5"])];
        let sheet = Sheet { name: None, cells };
        let headers = ["Price", "column 2", "Price 2"].map(str::to_owned).to_vec();
        assert_eq!(sheet.rows(), Some(SheetRows { headers, rows: vec![&row(&["1", "2", "3"]), &row(&["5"])] }));
        assert_eq!(Sheet::default().rows(), None);
    }
}
