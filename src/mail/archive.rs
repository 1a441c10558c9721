//! ZIP and gzip: the files in them, unpacked within limits, their names made harmless.

use std::io::{Cursor, ErrorKind, Read};

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;
use zip::result::ZipError;

/// Bytes that all files of an archive may have once they are unpacked: more than any message brings as it is.
const UNPACKED_MAX: usize = 40 * 1024 * 1024;
/// Files of an archive, folders among them.
const ENTRIES_MAX: usize = 1_000;
/// Characters of a file's name.
const NAME_MAX: usize = 255;

/// A file in an archive.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ArchivedFile {
    /// The name without its folders.
    pub(super) name: Option<String>,
    /// The bytes, or why they cannot be had, in words.
    pub(super) content: Result<Vec<u8>, String>,
}

/// The files of a ZIP, folders left out. A damaged or locked one is there with its reason.
///
/// # Errors
/// It is none, or it holds too much; in words.
pub(super) fn unzip(bytes: &[u8]) -> Result<Vec<ArchivedFile>, String> {
    unzip_within(bytes, UNPACKED_MAX)
}

fn unzip_within(bytes: &[u8], mut left: usize) -> Result<Vec<ArchivedFile>, String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| match error {
        ZipError::Io(_) | ZipError::InvalidArchive(_) => "it is a damaged ZIP: its list of files cannot be read".to_owned(),
        other => format!("its ZIP cannot be read: {other}"),
    })?;
    if archive.len() > ENTRIES_MAX {
        return Err(format!("its ZIP holds {} files, more than {ENTRIES_MAX}: it stays closed", archive.len()));
    }
    let mut files = Vec::new();
    for place in 0..archive.len() {
        let name = archive.name_for_index(place).and_then(Result::ok).map(std::borrow::Cow::into_owned);
        if name.as_deref().is_some_and(|name| name.ends_with(['/', '\\'])) {
            continue;
        }
        let content = match archive.by_index(place) {
            Ok(file) => unpacked(file, &mut left)?,
            Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) | ZipError::InvalidPassword) => {
                Err("it is locked: a password is needed".to_owned())
            }
            Err(ZipError::CompressionMethodNotSupported(_)) => {
                Err("it is packed in a way that is not read by this version".to_owned())
            }
            Err(_) => Err("it is damaged: it cannot be unpacked".to_owned()),
        };
        files.push(ArchivedFile { name: name.as_deref().and_then(harmless), content });
    }
    Ok(files)
}

/// The file in a gzip, named as the gzip is without its ending, else as its header says.
///
/// # Errors
/// It holds too much, in words.
pub(super) fn gunzip(bytes: &[u8], name: Option<&str>) -> Result<ArchivedFile, String> {
    let decoder = MultiGzDecoder::new(bytes);
    let stated = decoder.header().and_then(|header| header.filename()).map(|name| String::from_utf8_lossy(name).into_owned());
    let without_ending = name.and_then(|name| name.rsplit_once('.')).map(|(name, _)| name);
    let name = without_ending.and_then(harmless).or_else(|| stated.as_deref().and_then(harmless));
    Ok(ArchivedFile { name, content: unpacked(decoder, &mut UNPACKED_MAX.clone())? })
}

/// Reads a file to its end; the outer error says that the archive holds too much, the inner one that this file is damaged.
fn unpacked(file: impl Read, left: &mut usize) -> Result<Result<Vec<u8>, String>, String> {
    let mut content = Vec::new();
    let most = u64::try_from(*left).unwrap_or(u64::MAX).saturating_add(1);
    match file.take(most).read_to_end(&mut content) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            return Ok(Err("it is cut off: it cannot be unpacked".to_owned()));
        }
        Err(_) => return Ok(Err("it is damaged: it cannot be unpacked".to_owned())),
    }
    *left = left
        .checked_sub(content.len())
        .ok_or_else(|| format!("it holds more than {} MB once it is unpacked: it stays closed", UNPACKED_MAX >> 20))?;
    Ok(Ok(content))
}

/// A file's name without folders, drives and control characters; `None` when nothing is left.
fn harmless(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\', ':']).next().unwrap_or(name);
    let name: String = last.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect();
    let name = name.trim().trim_end_matches('.');
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in files {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn file(name: &str, content: &[u8]) -> ArchivedFile {
        ArchivedFile { name: Some(name.to_owned()), content: Ok(content.to_vec()) }
    }

    #[test]
    fn files_come_without_their_folders_and_ways_out_of_them() {
        let bytes =
            zip(&[("in/a.csv", b"a;b"), ("../../etc/passwd", b"x"), ("C:\\b\\é.txt", b"y"), ("empty/", b""), ("..", b"z")]);
        let nameless = ArchivedFile { name: None, content: Ok(b"z".to_vec()) };
        assert_eq!(unzip(&bytes), Ok(vec![file("a.csv", b"a;b"), file("passwd", b"x"), file("é.txt", b"y"), nameless]));
    }

    #[test]
    fn a_gzip_holds_one_file() {
        assert_eq!(gunzip(&gzip(b"<feedback/>"), Some("report.xml.gz")), Ok(file("report.xml", b"<feedback/>")));
        let cut = gunzip(&gzip(b"<feedback/>")[..20], None).unwrap();
        assert_eq!(cut.content, Err("it is cut off: it cannot be unpacked".to_owned()));
    }

    #[test]
    fn bombs_stay_closed() {
        let zeroes = vec![0; 1 << 20];
        let told = "it holds more than 40 MB once it is unpacked: it stays closed".to_owned();
        assert_eq!(unzip_within(&zip(&[("a", &zeroes), ("b", &zeroes)]), (1 << 20) + 1).unwrap_err(), told);
        // Members of a gzip stand one behind the other.
        assert_eq!(gunzip(&gzip(&zeroes).repeat(41), None).unwrap_err(), told);
        let names: Vec<String> = (0..=ENTRIES_MAX).map(|place| place.to_string()).collect();
        let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
        assert_eq!(unzip(&zip(&many)).unwrap_err(), "its ZIP holds 1001 files, more than 1000: it stays closed");
    }

    #[test]
    fn damage_is_told() {
        let bytes = zip(&[("a.csv", &b"Article;Quantity;Price".map(|letter| letter ^ 0x15))]);
        assert_eq!(unzip(&bytes[..bytes.len() / 2]).unwrap_err(), "it is a damaged ZIP: its list of files cannot be read");
        let mut torn = bytes.clone();
        torn[36..40].fill(0xff);
        assert_eq!(unzip(&torn).unwrap()[0].content, Err("it is damaged: it cannot be unpacked".to_owned()));
    }
}
