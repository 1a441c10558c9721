//! The formats of files, each in a file of its own behind one trait; which one a file has is found out by its content before its
//! name, and by its name before its type: senders get the type wrong most often.

mod archive;
mod calendar;
mod closed;
mod csv;
mod docx;
mod feedback;
mod html;
mod json;
mod mail;
mod outlook;
mod pdf;
mod rtf;
mod sealed;
mod spreadsheet;
mod text;
mod xml;

use memchr::memmem;

use super::reading::Reading;
use crate::mail::decode;

pub(super) use mail::is_mail;

/// Bytes of a file that is read as text, table or JSON.
const READABLE_MAX: usize = 20 * 1024 * 1024;

/// A file as a format sees it.
#[derive(Clone, Copy)]
pub(super) struct File<'f> {
    pub(super) bytes: &'f [u8],
    pub(super) name: Option<&'f str>,
    /// `type/subtype` in lower case.
    pub(super) content_type: &'f str,
    pub(super) charset: Option<&'f str>,
    /// How many mails and containers it lies in.
    pub(super) depth: u8,
}

impl File<'_> {
    /// What stands behind the last dot of its name, in lower case.
    pub(super) fn ending(&self) -> Option<String> {
        self.name.and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending.trim().to_ascii_lowercase())
    }

    /// Its text, charset undone.
    ///
    /// # Errors
    /// It is too large, in words.
    pub(super) fn text(&self) -> Result<String, String> {
        if self.bytes.len() > READABLE_MAX {
            return Err(format!("it has {} bytes, more than {READABLE_MAX}: it is not read", self.bytes.len()));
        }
        // UTF-16 without its mark: every other byte of what Europe writes is empty.
        let encoding = match self.bytes.get(..4) {
            Some([0, _, 0, _]) => encoding_rs::UTF_16BE,
            Some([_, 0, _, 0]) => encoding_rs::UTF_16LE,
            _ => return Ok(decode::text(self.bytes, self.charset)),
        };
        Ok(encoding.decode(self.bytes).0.into_owned())
    }

    /// A ZIP archive in whose table of contents that name stands, or the beginning of one.
    fn is_zip_with(&self, name: &[u8]) -> bool {
        self.bytes.starts_with(b"PK\x03\x04") && memmem::find(self.bytes, name).is_some()
    }

    /// An OLE file (MS-CFB).
    fn is_ole(&self) -> bool {
        self.bytes.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    }

    /// An OLE file with a stream of that name.
    fn is_ole_with(&self, stream: &str) -> bool {
        let name: Vec<u8> = stream.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        self.is_ole() && memmem::find(self.bytes, &name).is_some()
    }

    /// UTF-8 or UTF-16 with its mark, without control characters in its first kilobyte.
    pub(super) fn is_text(&self) -> bool {
        if self.bytes.starts_with(b"\xff\xfe") || self.bytes.starts_with(b"\xfe\xff") {
            return true;
        }
        let head = self.bytes.get(..1024).unwrap_or(self.bytes);
        let is_utf8 = match std::str::from_utf8(head) {
            Ok(_) => true,
            Err(error) => error.error_len().is_none(),
        };
        is_utf8 && !head.iter().any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace())
    }

    /// The text's beginning without byte order mark and blanks, in lower case: what XML and HTML are known by.
    fn beginning(&self) -> String {
        let head = self.bytes.get(..512).unwrap_or(self.bytes);
        let text = decode::text(head, self.charset);
        text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).to_ascii_lowercase()
    }
}

/// One format of files.
pub(super) trait Format: Sync {
    /// Whether the content is of this format, whatever name and type say.
    fn is_content(&self, _file: &File<'_>) -> bool {
        false
    }

    /// Endings of the names of such files, in lower case.
    fn endings(&self) -> &'static [&'static str] {
        &[]
    }

    /// Types of such files; one that ends in a `/`, or begins with a `+`, stands for all that do.
    fn types(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether such files hold others, packed.
    fn is_archive(&self) -> bool {
        false
    }

    /// Reads a file. Pure, and linear in what it reads; a file that takes too much may end the process that reads it.
    ///
    /// # Errors
    /// Why nothing of it can be read, in words.
    fn read(&self, file: &File<'_>) -> Result<Reading, String>;
}

/// All formats. Of several that know a file by the same token, the first one reads it.
const FORMATS: &[&dyn Format] = &[
    &mail::Mail,
    &pdf::Pdf,
    // Before Office's formats: what is attached to a message lies in it as it is.
    &outlook::Msg,
    &outlook::Tnef,
    &closed::Protected,
    &spreadsheet::Spreadsheet,
    &docx::Docx,
    &rtf::Rtf,
    &archive::Zip,
    &archive::Gzip,
    &closed::OLE,
    &closed::PICTURE,
    &closed::SEVEN_ZIP,
    &html::Html,
    &xml::Xml,
    &calendar::Calendar,
    &calendar::Cards,
    &feedback::Feedback,
    &sealed::Sealed,
    &csv::Csv,
    &json::Json,
    &text::Text,
];

/// The format of a file.
fn of(file: &File<'_>) -> Option<&'static dyn Format> {
    let formats = || FORMATS.iter().copied();
    let by_content = || formats().find(|format| format.is_content(file));
    let by_name = || file.ending().and_then(|ending| formats().find(|format| format.endings().contains(&ending.as_str())));
    by_content().or_else(by_name).or_else(|| formats().find(|format| is_type(file.content_type, format.types())))
}

fn is_type(content_type: &str, types: &[&str]) -> bool {
    types.iter().any(|known| match known.strip_prefix('+') {
        Some(_) => content_type.ends_with(known),
        None if known.ends_with('/') => content_type.starts_with(known),
        None => content_type == *known,
    })
}

/// Reads a file by its format. A reader that fails has that for its problem.
pub(super) fn read(file: &File<'_>) -> Reading {
    let read = || match of(file) {
        _ if file.bytes.is_empty() => Err("it is empty".to_owned()),
        Some(format) => format.read(file),
        None if file.is_text() => text::Text.read(file),
        None => Err(format!("files of type {} are not read by this version", file.content_type)),
    };
    crate::panics::contained(read)
        .unwrap_or_else(|panic| Err(format!("its reader failed: {panic}")))
        .unwrap_or_else(Reading::problem)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write;

    use super::*;
    use crate::mail::Data;

    /// A ZIP file of these files.
    fn zip(files: &[(&str, &str)]) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, text) in files {
            archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            archive.write_all(text.as_bytes()).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    fn reading(name: &str, bytes: &[u8]) -> Reading {
        read(&File { bytes, name: Some(name), content_type: "application/octet-stream", charset: None, depth: 0 })
    }

    #[test]
    fn a_spreadsheet_gives_cells_with_their_types_and_rows_by_their_columns() {
        let bytes = zip(&[
            (
                "_rels/.rels",
                r#"<Relationships><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
            ),
            (
                "xl/workbook.xml",
                r#"<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Orders" sheetId="1" r:id="r1"/></sheets></workbook>"#,
            ),
            (
                "xl/_rels/workbook.xml.rels",
                r#"<Relationships><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#,
            ),
            ("xl/styles.xml", r#"<styleSheet><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"#),
            (
                "xl/worksheets/sheet1.xml",
                r#"<worksheet><sheetData><row r="3"><c r="B3" t="inlineStr"><is><t>Article</t></is></c><c r="C3" t="inlineStr"><is><t>Qty</t></is></c><c r="D3" t="inlineStr"><is><t>Ship</t></is></c></row><row r="5"><c r="B5" t="inlineStr"><is><t>0815</t></is></c><c r="C5"><v>0.30000000000000004</v></c><c r="D5" s="1"><v>46350</v></c></row><row r="9000"><c r="A9000"/></row></sheetData></worksheet>"#,
            ),
        ]);
        let reading = reading("orders.csv", &bytes);
        assert_eq!(reading.problem, None);
        assert_eq!(reading.sheets[0].name.as_deref(), Some("Orders"));
        let rows = reading.rows().unwrap();
        assert_eq!(rows.headers, ["column 1", "Article", "Qty", "Ship"]);
        let day = Data::Day(jiff::civil::date(2026, 11, 24));
        assert_eq!(rows.rows, [[Data::Nothing, Data::text("0815"), Data::Number("0.3".parse().unwrap()), day]]);
        assert_eq!(reading.text.as_deref(), Some("\tArticle\tQty\tShip\n\n\t0815\t0.3\t2026-11-24\n"));
    }

    #[test]
    fn a_word_file_gives_headers_tables_and_notes_once() {
        let bytes = zip(&[
            (
                "word/document.xml",
                "<w:document><w:body><w:p><w:r><w:t>Order </w:t></w:r><w:r><w:t>A&amp;B &#8364;</w:t></w:r></w:p>\
                 <w:tbl><w:tr><w:tc><w:p><w:r><w:t>Qty</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>two</w:t></w:r></w:p>\
                 <w:p><w:r><w:t>lines</w:t></w:r></w:p></w:tc></w:tr></w:tbl><mc:AlternateContent><mc:Choice><w:p><w:r><w:t>box</w:t></w:r></w:p>\
                 </mc:Choice><mc:Fallback><w:p><w:r><w:t>box</w:t></w:r></w:p></mc:Fallback></mc:AlternateContent></w:body></w:document>",
            ),
            ("word/header1.xml", "<w:hdr><w:p><w:r><w:t>Contoso</w:t></w:r></w:p></w:hdr>"),
            ("word/footnotes.xml", "<w:footnotes><w:p><w:r><w:t>net</w:t></w:r></w:p></w:footnotes>"),
        ]);
        let reading = reading("order.docx", &bytes);
        assert_eq!(reading.text.as_deref(), Some("Contoso\nOrder A&B €\nQty\ttwo lines\nbox\nnet\n"));
        assert_eq!(reading.problem, None);
    }

    #[test]
    fn what_is_called_a_spreadsheet_and_is_text_is_read_as_what_it_is() {
        let sheets =
            |name: &str, bytes: &[u8]| reading(name, bytes).sheets.iter().map(|sheet| sheet.cells.len()).collect::<Vec<_>>();
        assert_eq!(sheets("export.xls", b"Article;Qty\r\n0815;2\r\n"), [2]);
        let utf_16: Vec<u8> = "a;b\n1;2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(sheets("export.csv", &utf_16), [2]);
        assert_eq!(
            reading("page.xls", b"<html><table><tr><td>1<td>2</table></html>").text.as_deref().map(str::trim),
            Some("1\t2")
        );
        assert_eq!(reading("a.xlsx", b"\0\x01").problem.as_deref(), Some("it is called a spreadsheet, but is none"));
        assert!(reading("a.docx", b"\0\x01").problem.unwrap().starts_with("it is a damaged Word file: "));
    }

    #[test]
    fn a_password_is_said_to_be_needed() {
        let name: Vec<u8> = "EncryptedPackage\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let bytes = [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".as_slice(), &name].concat();
        assert_eq!(reading("a.xlsx", &bytes).problem.as_deref(), Some("it is protected: a password is needed to read it"));
    }

    fn problem(content_type: &str, name: Option<&str>, bytes: &[u8]) -> Option<String> {
        read(&File { bytes, name, content_type, charset: None, depth: 0 }).problem
    }

    #[test]
    fn content_beats_the_name_and_the_name_beats_the_type() {
        let zip = Some("it is a damaged ZIP: its list of files cannot be read".to_owned());
        assert_eq!(problem("text/csv", Some("orders.csv"), b"PK\x03\x04..."), zip);
        let rows = |content_type: &str, name: Option<&str>, bytes: &[u8]| {
            read(&File { bytes, name, content_type, charset: None, depth: 0 }).sheets.len()
        };
        assert_eq!(rows("application/octet-stream", Some("ORDERS.CSV"), b"a;b"), 1);
        assert_eq!(rows("application/vnd.ms-excel", Some("orders.csv"), b"a;b"), 1);
        assert_eq!(problem("text/calendar", None, b"BEGIN:VCALENDAR"), None);
        let unknown = Some("files of type application/octet-stream are not read by this version".to_owned());
        assert_eq!(problem("application/octet-stream", None, b"\0\x01"), unknown);
    }
}
