//! Where the corpora are, and what is the same for all families.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use postroom::mail::{Attachment, Content};

/// The folder with the corpora.
pub struct Corpora(PathBuf);

impl Corpora {
    pub fn find() -> Option<Self> {
        let folder = std::env::var_os("POSTROOM_CORPORA").map(PathBuf::from);
        let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"));
        folder.is_dir().then_some(Self(folder))
    }

    /// A file or a folder among them; `None`, with a word, when it is not there.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        let path = self.0.join(name);
        if path.exists() {
            return Some(path);
        }
        println!("{} is not there: what needs it is left out", path.display());
        None
    }

    /// The files below a folder that end in one of `endings`, in order; none when it is not there.
    pub fn files(&self, folder: &str, endings: &[&str]) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders: Vec<PathBuf> = self.path(folder).into_iter().collect();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
                if path.is_dir() {
                    folders.push(path);
                } else if endings.is_empty() || endings.contains(&ending.as_str()) {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }
}

/// A mail with one attachment, as rules get it.
pub fn mail_with(name: &str, bytes: &[u8]) -> Vec<u8> {
    let encoded = base64::prelude::BASE64_STANDARD.encode(bytes);
    let head =
        "From: a@fabrikam.com\r\nSubject: s\r\nContent-Type: multipart/mixed; boundary=boundary\r\n\r\n--boundary\r\n\r\nx\r\n";
    let part = format!(
        "--boundary\r\nContent-Type: application/octet-stream; name=\"{name}\"\r\nContent-Disposition: attachment\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n--boundary--\r\n"
    );
    format!("{head}{part}").into_bytes()
}

/// Reads a file the way an attachment is read, in this process; gives how long that took, parsing of the mail left out.
pub fn with_attachment<T>(name: &str, bytes: &[u8], read: impl FnOnce(&Attachment) -> T) -> (T, Duration) {
    let content = Content::parse(mail_with(name, bytes));
    let attachment = &content.attachments()[0];
    let _ = attachment.bytes();
    let began = Instant::now();
    let _ = attachment.reading();
    let took = began.elapsed();
    (read(attachment), took)
}

/// A file's name, made fit for a header.
pub fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.chars().filter(|sign| sign.is_ascii_graphic() && *sign != '"').collect()
}

/// A generator of numbers that gives the same ones for the same seed (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % most.max(1) as u64).unwrap()
    }
}
