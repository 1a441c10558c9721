//! Archives: one level deep; an archive in an archive stays closed.

use super::super::reading::{Bytes, FoundFile, Reading};
use super::{File, Format};
use crate::mail::archive::{self, ArchivedFile};

pub(super) struct Zip;

pub(super) struct Gzip;

impl Format for Zip {
    fn is_content(&self, file: &File<'_>) -> bool {
        [b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"].iter().any(|magic| file.bytes.starts_with(*magic))
    }

    fn endings(&self) -> &'static [&'static str] {
        &["zip"]
    }

    fn types(&self) -> &'static [&'static str] {
        &["application/zip", "application/x-zip-compressed"]
    }

    fn is_archive(&self) -> bool {
        true
    }

    fn read(&self, file: &File<'_>) -> Result<Reading, String> {
        Ok(reading(archive::unzip(file.bytes)?))
    }
}

impl Format for Gzip {
    fn is_content(&self, file: &File<'_>) -> bool {
        file.bytes.starts_with(b"\x1f\x8b")
    }

    fn is_archive(&self) -> bool {
        true
    }

    fn read(&self, file: &File<'_>) -> Result<Reading, String> {
        Ok(reading(vec![archive::gunzip(file.bytes, file.name)?]))
    }
}

fn reading(files: Vec<ArchivedFile>) -> Reading {
    Reading { files: files.into_iter().map(found).collect(), ..Reading::default() }
}

fn found(file: ArchivedFile) -> FoundFile {
    let content_type = "application/octet-stream".to_owned();
    match file.content {
        Err(reason) => FoundFile { name: file.name, content_type, bytes: Bytes(Vec::new()), closed: Some(reason) },
        Ok(bytes) => {
            let inside = File { bytes: &bytes, name: file.name.as_deref(), content_type: &content_type, charset: None, depth: 0 };
            let is_archive = super::of(&inside).is_some_and(Format::is_archive);
            let closed = is_archive.then(|| "it is an archive in an archive: it is not opened".to_owned());
            FoundFile { name: file.name, content_type, bytes: Bytes(bytes), closed }
        }
    }
}
