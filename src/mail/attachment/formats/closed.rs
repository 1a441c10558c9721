//! Formats that are known and not read.

use super::super::reading::Reading;
use super::{File, Format};

/// A format that is only recognised.
pub(super) struct Closed {
    /// What such files are called, in the plural.
    files: &'static str,
    /// First bytes.
    magic: &'static [&'static [u8]],
    endings: &'static [&'static str],
    types: &'static [&'static str],
}

pub(super) const OFFICE: Closed =
    Closed { files: "Word and Excel files", magic: &[], endings: &["docx", "xlsx", "xlsm", "xlsb", "ods"], types: &[] };
pub(super) const OLE: Closed = Closed {
    files: "old Word and Excel files",
    magic: &[b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"],
    endings: &["doc", "xls"],
    types: &[],
};
pub(super) const PICTURE: Closed = Closed {
    files: "pictures",
    magic: &[b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*"],
    endings: &[],
    types: &["image/"],
};
pub(super) const RTF: Closed = Closed { files: "RTF files", magic: &[b"{\\rtf"], endings: &[], types: &[] };
pub(super) const SEVEN_ZIP: Closed = Closed { files: "7-Zip files", magic: &[b"7z\xbc\xaf\x27\x1c"], endings: &[], types: &[] };

impl Format for Closed {
    fn is_content(&self, file: &File<'_>) -> bool {
        self.magic.iter().any(|magic| file.bytes.starts_with(magic))
    }

    fn endings(&self) -> &'static [&'static str] {
        self.endings
    }

    fn types(&self) -> &'static [&'static str] {
        self.types
    }

    fn read(&self, _: &File<'_>) -> Result<Reading, String> {
        Err(format!("{} are not read by this version", self.files))
    }
}
