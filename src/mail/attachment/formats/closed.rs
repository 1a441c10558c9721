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

pub(super) const OLE: Closed = Closed {
    files: "old Word files",
    magic: &[b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"],
    endings: &["doc"],
    types: &["application/msword"],
};
pub(super) const PICTURE: Closed = Closed {
    files: "pictures",
    magic: &[b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*"],
    endings: &[],
    types: &["image/"],
};
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

/// Word and Excel files with a password: an OLE file with the encrypted one in it (MS-OFFCRYPTO).
pub(super) struct Protected;

impl Format for Protected {
    fn is_content(&self, file: &File<'_>) -> bool {
        file.is_ole_with("EncryptedPackage")
    }

    fn read(&self, _: &File<'_>) -> Result<Reading, String> {
        Err("it is protected: a password is needed to read it".to_owned())
    }
}
