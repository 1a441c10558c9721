//! PDF files, as far as they hold an electronic invoice (Factur-X, ZUGFeRD).

use super::super::reading::Reading;
use super::{File, Format};
use crate::mail::pdf_files;

pub(super) struct InvoicePdf;

impl Format for InvoicePdf {
    fn is_content(&self, file: &File<'_>) -> bool {
        // Some write a line of their own before the mark.
        file.bytes.get(..1024).unwrap_or(file.bytes).windows(5).any(|window| window == b"%PDF-")
    }

    fn endings(&self) -> &'static [&'static str] {
        &["pdf"]
    }

    fn types(&self) -> &'static [&'static str] {
        &["application/pdf"]
    }

    fn read(&self, file: &File<'_>) -> Result<Reading, String> {
        let invoice = pdf_files::invoice(file.bytes).ok_or("PDF files are not read by this version")??;
        Ok(Reading { invoice: Some(Box::new(invoice)), ..Reading::default() })
    }
}
