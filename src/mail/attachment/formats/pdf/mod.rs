//! PDF files: their text in columns as printed, and in the order of the file.
//!
//! What the pages print is found out here; objects, filters, encryption, encodings and character maps are the library's.

mod font;
mod glyphs;
mod layout;
mod metrics;
mod page;

use super::super::reading::Reading;
use super::{File, Format};
use crate::mail::pdf_files;

/// Where the mark of a PDF is looked for: some programs write something before it.
const MARK_WITHIN: usize = 1_024;

pub(super) struct Pdf;

impl Format for Pdf {
    fn is_content(&self, file: &File<'_>) -> bool {
        memchr::memmem::find(file.bytes.get(..MARK_WITHIN).unwrap_or(file.bytes), b"%PDF-").is_some()
    }

    fn endings(&self) -> &'static [&'static str] {
        &["pdf"]
    }

    fn types(&self) -> &'static [&'static str] {
        &["application/pdf", "application/x-pdf"]
    }

    fn read(&self, file: &File<'_>) -> Result<Reading, String> {
        if !self.is_content(file) {
            return Err("it is called a PDF file, but is none".to_owned());
        }
        let document = glyphs::open(file.bytes)?;
        let read = glyphs::pages(&document);
        let text = |of: fn(&[layout::Glyph]) -> String| read.pages.iter().map(|page| of(page)).collect::<Vec<_>>().join("\n");
        let (printed, ordered) = (text(layout::as_printed), text(layout::in_order));
        let problem = read.problem.or_else(|| unreadable(&ordered).map(str::to_owned));
        let mut reading = Reading { layout: Some(printed), text: Some(ordered), problem, ..Reading::default() };
        match pdf_files::invoice(&document) {
            Some(Ok(invoice)) => reading.invoice = Some(Box::new(invoice)),
            Some(Err(reason)) => reading.problem = Some(format!("the invoice in it cannot be read: {reason}")),
            None => {}
        }
        Ok(reading)
    }
}

/// Why a text is none, though the pages could be read.
fn unreadable(text: &str) -> Option<&'static str> {
    let signs = text.chars().filter(|sign| !sign.is_whitespace()).count();
    let unknown = text.chars().filter(|&sign| sign == char::REPLACEMENT_CHARACTER).count();
    if signs == 0 {
        return Some("it has no text layer: its pages are pictures, as scanners make them, or empty");
    }
    (unknown * 2 > signs).then_some("its fonts do not say which characters they show: it can be printed, but not read")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fmt::Write;

    use super::*;
    use crate::text::value_after;

    /// A PDF of one page that prints `content` in Helvetica (`F1`) and in a font whose dictionary goes on with `font` (`F2`).
    fn pdf(content: &str, font: &str) -> Vec<u8> {
        let objects = [
            "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
            "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R/F2 6 0 R>>/XObject<</X 7 0 R>>>>>>"
                .to_owned(),
            format!("<</Length {}>>stream\n{content}\nendstream", content.len()),
            "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>".to_owned(),
            format!("<</Type/Font {font}>>"),
            "<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Matrix[1 0 0 1 100 0]/Length 4>>stream\n/X Do\nendstream".to_owned(),
        ];
        let mut file = "%PDF-1.4\n".to_owned();
        let mut table = String::new();
        for (place, object) in objects.iter().enumerate() {
            writeln!(table, "{:010} 00000 n ", file.len()).unwrap();
            write!(file, "{} 0 obj\n{object}\nendobj\n", place + 1).unwrap();
        }
        let start = file.len();
        let count = objects.len() + 1;
        write!(
            file,
            "xref\n0 {count}\n0000000000 65535 f \n{table}trailer\n<</Size {count}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n"
        )
        .unwrap();
        file.into_bytes()
    }

    fn read(bytes: &[u8]) -> Result<Reading, String> {
        Pdf.read(&File { bytes, name: Some("a.pdf"), content_type: "application/pdf", charset: None, depth: 0 })
    }

    fn layout(content: &str) -> String {
        read(&pdf(content, "")).unwrap().layout.unwrap()
    }

    #[test]
    fn what_stands_side_by_side_is_one_line_of_columns_whatever_its_order_in_the_file() {
        let page = "BT /F1 10 Tf 400 700 Td (1.190,00) Tj -350 0 Td (Gesamtbetrag) Tj 0 -40 Td [(Num) -20 (mer) -300 (47)] TJ ET";
        let reading = read(&pdf(page, "")).unwrap();
        let layout = reading.layout.unwrap();
        assert_eq!(value_after(&layout, &["Gesamtbetrag"]), Some("1.190,00"), "{layout}");
        let lines: Vec<&str> = layout.lines().collect();
        assert!(lines[0].starts_with("Gesamtbetrag      ") && lines[1].is_empty() && lines[2] == "Nummer 47", "{layout}");
        assert_eq!(reading.text.unwrap(), "1.190,00\nGesamtbetrag\nNummer 47\n");
        assert_eq!(reading.problem, None);
    }

    #[test]
    fn a_page_that_is_printed_turned_is_read_upright() {
        let turned =
            "BT /F1 10 Tf 0 1 -1 0 100 100 Tm (Total) Tj 0 1 -1 0 100 300 Tm (12,50) Tj 0 1 -1 0 120 100 Tm (Below) Tj ET";
        let layout = layout(turned);
        assert_eq!(value_after(&layout, &["Total"]), Some("12,50"), "{layout}");
        assert!(layout.lines().nth(2) == Some("Below"), "{layout}");
    }

    #[test]
    fn what_is_printed_twice_to_look_bold_stands_once() {
        assert_eq!(layout("BT /F1 10 Tf 50 700 Td (Bold) Tj 0.3 0 Td (Bold) Tj ET"), "Bold\n");
    }

    #[test]
    fn a_font_without_widths_is_read_with_its_words_apart() {
        let font = "/Subtype/TrueType/BaseFont/Strange/FirstChar 65/LastChar 66/Widths[0 0]/Encoding/WinAnsiEncoding";
        let page = "BT /F2 10 Tf 1 0 0 1 50 700 Tm (A) Tj 1 0 0 1 55 700 Tm (B) Tj 1 0 0 1 70 700 Tm (A) Tj ET";
        assert_eq!(read(&pdf(page, font)).unwrap().layout.unwrap(), "AB  A\n");
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let problem = |bytes: &[u8]| read(bytes).map_or_else(Some, |reading| reading.problem);
        let scan = Some("it has no text layer: its pages are pictures, as scanners make them, or empty".to_owned());
        assert_eq!(problem(&pdf("0 0 100 100 re f", "")), scan);
        let private = "/Subtype/Type0/BaseFont/Own/Encoding/Identity-H/DescendantFonts[]";
        let unknown = "it has no text layer: its pages are pictures, as scanners make them, or empty";
        assert_eq!(problem(&pdf("BT /F2 10 Tf 50 700 Td <00010002> Tj ET", private)), Some(unknown.to_owned()));
        assert_eq!(problem(b"PK\x03\x04"), Some("it is called a PDF file, but is none".to_owned()));
        let whole = pdf("BT /F1 10 Tf (x) Tj ET", "");
        assert!(problem(&whole[..40]).unwrap().starts_with("it is a damaged PDF: "));
        // A form that prints itself.
        let page = "BT /F1 10 Tf 50 700 Td (before) Tj ET /X Do";
        let reading = read(&pdf(page, "")).unwrap();
        assert_eq!(reading.layout.unwrap(), "before\n");
        assert!(reading.problem.unwrap().starts_with("page 1 could not be read whole: its forms lie too deep"));
    }
}
