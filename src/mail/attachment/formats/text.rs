//! Plain text, and what is read as such.

use super::super::reading::Reading;
use super::{File, Format};

pub(super) struct Text;

impl Format for Text {
    fn endings(&self) -> &'static [&'static str] {
        &["txt", "log", "md", "edi"]
    }

    fn types(&self) -> &'static [&'static str] {
        &["text/", "message/delivery-status", "message/disposition-notification", "message/global-delivery-status"]
    }

    fn read(&self, file: &File<'_>) -> Result<Reading, String> {
        file.text().map(Reading::text)
    }
}
