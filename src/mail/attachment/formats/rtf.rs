//! RTF files as text.

use super::super::reading::Reading;
use super::{File, Format, READABLE_MAX};
use crate::mail::{html, rtf};

pub(super) struct Rtf;

impl Format for Rtf {
    fn is_content(&self, file: &File<'_>) -> bool {
        file.bytes.trim_ascii_start().starts_with(b"{\\rtf")
    }

    fn endings(&self) -> &'static [&'static str] {
        &["rtf"]
    }

    fn types(&self) -> &'static [&'static str] {
        &["application/rtf", "text/rtf"]
    }

    fn read(&self, file: &File<'_>) -> Result<Reading, String> {
        if !self.is_content(file) {
            return Err("it is called an RTF file, but is none".to_owned());
        }
        if file.bytes.len() > READABLE_MAX {
            return Err(format!("it has {} bytes, more than {READABLE_MAX}: it is not read", file.bytes.len()));
        }
        let said = rtf::read(file.bytes);
        let wrapped = || Some(html::read(&said.html?).text);
        Ok(Reading::text(said.text.or_else(wrapped).unwrap_or_default()))
    }
}
