//! Where raw messages come from: one file, a folder of `.eml`, a maildir, an mbox; one after another, never all at once.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::mbox::Mbox;
use super::{EXPECTATION_SUFFIX, FOLDERS_DEEP_MAX, MESSAGE_BYTES_MAX};
use crate::mail::outlook_message;

/// A message that was found; a file is read only when asked for.
#[derive(Debug)]
pub struct Found {
    /// How it is named to people: the path below the folder that was asked for, `inbox.mbox#7` for the seventh of an mbox.
    pub file: String,
    /// The expectation beside it, where there is one.
    pub expectation: Option<PathBuf>,
    place: Where,
}

#[derive(Debug)]
enum Where {
    File(PathBuf),
    Bytes(Vec<u8>),
    Nowhere(String),
}

impl Found {
    /// A message in a file, named as given.
    pub fn in_file(file: impl Into<String>, path: PathBuf) -> Self {
        Self { file: file.into(), expectation: None, place: Where::File(path) }
    }

    fn unreadable(file: String, reason: String) -> Self {
        Self { file, expectation: None, place: Where::Nowhere(reason) }
    }

    /// Its bytes; an error says in words why there are none.
    pub fn read(self) -> Result<Vec<u8>, String> {
        match self.place {
            Where::File(path) => read_file(&path),
            Where::Bytes(raw) => Ok(raw),
            Where::Nowhere(reason) => Err(reason),
        }
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |error: io::Error| format!("cannot be read: {error}");
    let mut file = File::open(path).map_err(cannot)?;
    let size = usize::try_from(file.metadata().map_err(cannot)?.len()).unwrap_or(usize::MAX);
    if size > MESSAGE_BYTES_MAX {
        return Err(too_large());
    }
    let mut raw = Vec::with_capacity(size);
    file.read_to_end(&mut raw).map_err(cannot)?;
    if !has_extension(path, "msg") {
        return Ok(raw);
    }
    let message = outlook_message(&raw).unwrap_or_else(|| Err("it is no Outlook message".to_owned()));
    message.map_err(|reason| format!("cannot be read: {reason}"))
}

pub(super) fn too_large() -> String {
    format!("not read: it is larger than {} MB", MESSAGE_BYTES_MAX >> 20)
}

/// The messages of one place, in name order. Holds one folder's names at a level and at most one message.
#[derive(Debug)]
pub struct Mails {
    /// What is still to be looked at; the next one is last.
    pending: Vec<Pending>,
    mbox: Option<(String, Mbox<BufReader<File>>)>,
}

#[derive(Debug)]
enum Pending {
    Folder { path: PathBuf, shown: String, depth: usize, kind: FolderKind },
    File { path: PathBuf, shown: String, expectation: Option<PathBuf> },
}

/// What in a folder counts as mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FolderKind {
    /// Files named `.eml`, `.msg`, `.mbox`.
    Named,
    /// Every file: `cur` or `new` of a maildir.
    Maildir,
}

impl Mails {
    /// The messages of a file or folder.
    ///
    /// # Errors
    /// There is nothing at that path, or it cannot be looked at.
    pub fn at(path: &Path) -> io::Result<Self> {
        let about = std::fs::metadata(path)?;
        let shown = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
        let first = if about.is_dir() {
            let inner =
                matches!(shown.as_str(), "cur" | "new") && path.parent().is_some_and(|parent| parent.join("tmp").is_dir());
            let kind = if inner { FolderKind::Maildir } else { FolderKind::Named };
            Pending::Folder { path: path.to_owned(), shown: String::new(), depth: 0, kind }
        } else if about.is_file() {
            Pending::File { path: path.to_owned(), shown, expectation: expectation_beside(path) }
        } else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "neither a file nor a folder"));
        };
        Ok(Self { pending: vec![first], mbox: None })
    }

    fn open_folder(&mut self, path: &Path, shown: &str, depth: usize, kind: FolderKind) -> Result<(), String> {
        if depth > FOLDERS_DEEP_MAX {
            return Err(format!("not searched: more than {FOLDERS_DEEP_MAX} folders within each other"));
        }
        let entries = listing(path).map_err(|error| format!("cannot be searched: {error}"))?;
        let names: BTreeSet<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        let folders = entries.iter().filter(|entry| entry.is_folder).map(|entry| entry.name.as_str());
        let is_maildir = folders.filter(|name| matches!(*name, "cur" | "new" | "tmp")).count() >= 2;
        for entry in entries.iter().rev() {
            let below = if shown.is_empty() { entry.name.clone() } else { format!("{shown}/{}", entry.name) };
            let path = entry.path.clone();
            if entry.is_folder {
                let kind = match entry.name.as_str() {
                    "tmp" if is_maildir => continue,
                    "cur" | "new" if is_maildir => FolderKind::Maildir,
                    // A maildir's subfolders begin with a dot; elsewhere that means "not for you".
                    name if name.starts_with('.') && !is_maildir => continue,
                    _ => FolderKind::Named,
                };
                self.pending.push(Pending::Folder { path, shown: below, depth: depth + 1, kind });
            } else if is_mail(&entry.name, kind) {
                let beside = expectation_name(&entry.name).filter(|name| names.contains(name.as_str()));
                let expectation = beside.map(|name| path.with_file_name(name));
                self.pending.push(Pending::File { path, shown: below, expectation });
            }
        }
        Ok(())
    }

    fn open_file(&mut self, path: PathBuf, shown: String, expectation: Option<PathBuf>) -> Option<Found> {
        if !is_mbox(&path) {
            return Some(Found { file: shown, expectation, place: Where::File(path) });
        }
        match File::open(&path) {
            Ok(file) => {
                self.mbox = Some((shown, Mbox::new(BufReader::with_capacity(64 << 10, file))));
                None
            }
            Err(error) => Some(Found::unreadable(shown, format!("cannot be read: {error}"))),
        }
    }

    fn next_of_mbox(&mut self) -> Option<Found> {
        let (shown, mbox) = self.mbox.as_mut()?;
        let Some(next) = mbox.next() else {
            self.mbox = None;
            return None;
        };
        let file = format!("{shown}#{}", mbox.number());
        Some(match next {
            Ok(raw) => Found { file, expectation: None, place: Where::Bytes(raw) },
            Err(reason) => Found::unreadable(file, reason),
        })
    }
}

impl Iterator for Mails {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        // Ends: every turn takes something off, and folders only add what is deeper.
        loop {
            if let Some(found) = self.next_of_mbox() {
                return Some(found);
            }
            match self.pending.pop()? {
                Pending::Folder { path, shown, depth, kind } => {
                    if let Err(reason) = self.open_folder(&path, &shown, depth, kind) {
                        let file = if shown.is_empty() { path.display().to_string() } else { shown };
                        return Some(Found::unreadable(file, reason));
                    }
                }
                Pending::File { path, shown, expectation } => {
                    if let Some(found) = self.open_file(path, shown, expectation) {
                        return Some(found);
                    }
                }
            }
        }
    }
}

/// One name of a folder.
pub(super) struct Entry {
    /// For people: what is no Unicode in it is replaced.
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) is_folder: bool,
}

/// A folder's files and folders in name order. Links to folders are left out, since they may lead in circles; so is what
/// is neither, since a pipe would never end.
pub(super) fn listing(dir: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        let is_file = kind.is_file() || kind.is_symlink() && entry.path().is_file();
        if kind.is_dir() || is_file {
            entries.push(Entry { name, path: entry.path(), is_folder: kind.is_dir() });
        }
    }
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

fn is_mail(name: &str, kind: FolderKind) -> bool {
    match kind {
        FolderKind::Maildir => !name.starts_with('.'),
        FolderKind::Named => ["eml", "msg", "mbox"].iter().any(|extension| has_extension(Path::new(name), extension)),
    }
}

pub(super) fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}

/// By its name, or, where the name says nothing, by its first bytes.
fn is_mbox(path: &Path) -> bool {
    if has_extension(path, "eml") || has_extension(path, "msg") {
        return false;
    }
    let mut start = [0; 5];
    has_extension(path, "mbox")
        || path.parent().and_then(Path::file_name).is_none_or(|folder| folder != "cur" && folder != "new")
            && File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok()
            && &start == b"From "
}

/// `acme.eml` -> `acme.expect.toml`.
pub(super) fn expectation_name(mail: &str) -> Option<String> {
    let (stem, extension) = mail.rsplit_once('.')?;
    let known = extension.eq_ignore_ascii_case("eml") || extension.eq_ignore_ascii_case("msg");
    known.then(|| format!("{stem}{EXPECTATION_SUFFIX}"))
}

fn expectation_beside(path: &Path) -> Option<PathBuf> {
    let name = expectation_name(path.file_name()?.to_str()?)?;
    Some(path.with_file_name(name)).filter(|beside| beside.is_file())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn all(path: &Path) -> Vec<(String, Result<String, String>)> {
        let text = |raw: Vec<u8>| String::from_utf8(raw).unwrap();
        Mails::at(path).unwrap().map(|found| (found.file.clone(), found.read().map(text))).collect()
    }

    fn write(place: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = place.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }

    fn ok(file: &str, text: &str) -> (String, Result<String, String>) {
        (file.to_owned(), Ok(text.to_owned()))
    }

    #[test]
    fn a_folder_is_read_in_name_order_with_what_it_cannot_read_named() {
        let place = tempfile::tempdir().unwrap();
        write(
            place.path(),
            &[("b.eml", "B"), ("a/2.EML", "A2"), ("a/1.eml", "A1"), ("c.msg", "?"), ("notes.txt", "no"), (".git/x.eml", "no")],
        );
        let msg = ("c.msg".to_owned(), Err("cannot be read: it is no Outlook message".to_owned()));
        assert_eq!(all(place.path()), [ok("a/1.eml", "A1"), ok("a/2.EML", "A2"), ok("b.eml", "B"), msg]);
    }

    #[test]
    fn a_maildir_gives_what_is_in_cur_and_new() {
        let place = tempfile::tempdir().unwrap();
        write(
            place.path(),
            &[("cur/1:2,S", "one"), ("new/2", "From here"), ("tmp/3", "no"), (".Sent/cur/4", "four"), (".Sent/new/5", "five")],
        );
        let expected = [ok(".Sent/cur/4", "four"), ok(".Sent/new/5", "five"), ok("cur/1:2,S", "one"), ok("new/2", "From here")];
        assert_eq!(all(place.path()), expected);
        assert_eq!(all(&place.path().join("cur")), [ok("1:2,S", "one")]);
    }

    #[test]
    fn an_mbox_is_known_by_name_or_by_its_first_line() {
        let place = tempfile::tempdir().unwrap();
        write(
            place.path(),
            &[(
                "inbox",
                "From a@b Mon Dec  2 10:00:00 2024\nSubject: 1\n\nx\n\nFrom a@b Mon Dec  2 10:00:00 2024\nSubject: 2\n\n",
            )],
        );
        assert_eq!(all(&place.path().join("inbox")), [ok("inbox#1", "Subject: 1\n\nx\n"), ok("inbox#2", "Subject: 2\n")]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_mail_whose_name_is_no_unicode_is_read_like_any_other() {
        use std::os::unix::ffi::OsStrExt;
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join(std::ffi::OsStr::from_bytes(b"gr\xfc\xdfe.eml")), "A").unwrap();
        assert_eq!(all(place.path()), [ok("gr\u{fffd}\u{fffd}e.eml", "A")]);
    }

    #[test]
    fn an_expectation_beside_a_mail_is_found() {
        let place = tempfile::tempdir().unwrap();
        write(place.path(), &[("a.eml", "A"), ("a.expect.toml", ""), ("b.eml", "B")]);
        let beside: Vec<_> = Mails::at(place.path()).unwrap().map(|found| found.expectation).collect();
        assert_eq!(beside, [Some(place.path().join("a.expect.toml")), None]);
        assert!(Mails::at(&place.path().join("none")).is_err());
    }
}
