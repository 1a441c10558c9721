//! HTML files, as a reader sees them.

use super::super::reading::Reading;
use super::{File, Format};
use crate::mail::html;

pub(super) struct Html;

impl Format for Html {
    fn is_content(&self, file: &File<'_>) -> bool {
        ["<!doctype html", "<html"].iter().any(|mark| file.beginning().starts_with(mark))
    }

    fn endings(&self) -> &'static [&'static str] {
        &["html", "htm"]
    }

    fn types(&self) -> &'static [&'static str] {
        &["text/html", "application/xhtml+xml"]
    }

    fn read(&self, file: &File<'_>) -> Result<Reading, String> {
        file.text().map(|text| Reading::text(html::read(&text).text))
    }
}
