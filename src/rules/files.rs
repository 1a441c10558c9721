//! The files of a rule set and the hash that names it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::codes;
use super::fault::Fault;
use super::limits::{FILE_BYTES_MAX, FILES_MAX, SOURCE_BYTES_MAX};
use crate::ids::RuleSetHash;

/// All files of one rule set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleFiles {
    /// Path relative to the rules folder (`10-a.rhai`, `templates/x.html`, `lib/money.rhai`, `regions.csv`) and bytes.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Those of them that stand in the parent folder, shared with other mailboxes; only for naming them to people.
    pub shared: BTreeSet<String>,
}

impl RuleFiles {
    /// A rule set as it was recorded.
    pub fn from_files(files: BTreeMap<String, Vec<u8>>) -> Self {
        Self { files, shared: BTreeSet::new() }
    }

    /// Reads a rules folder: `*.rhai`, `*.csv`, `templates/*`, `lib/*.rhai`; tables, templates and `lib` of the parent folder
    /// too, where the folder itself has none of that name.
    pub fn read(dir: &Path) -> Result<Self, Box<Fault>> {
        let mut read = Self::default();
        read.take(dir, "", &["rhai", "csv"], Place::Own)?;
        read.take(&dir.join("lib"), "lib/", &["rhai"], Place::Own)?;
        read.take(&dir.join("templates"), "templates/", &[], Place::Own)?;
        let parent = dir.join("..");
        read.take(&parent, "", &["csv"], Place::Shared)?;
        read.take(&parent.join("lib"), "lib/", &["rhai"], Place::Shared)?;
        read.take(&parent.join("templates"), "templates/", &[], Place::Shared)?;
        Ok(read)
    }

    /// SHA-256 over all paths and bytes, each with its length before it; the same wherever the files lie.
    pub fn hash(&self) -> RuleSetHash {
        let mut digest = Sha256::new();
        for (path, bytes) in &self.files {
            digest.update((path.len() as u64).to_be_bytes());
            digest.update(path.as_bytes());
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        }
        RuleSetHash::new(crate::plan::hex(&digest.finalize()))
    }

    /// A file's name as people know it: below `dir`, or below its parent when it is shared.
    pub(super) fn shown(&self, dir: &str, path: &str) -> String {
        let folder = if self.shared.contains(path) { dir.rsplit_once('/').map_or(".", |(parent, _)| parent) } else { dir };
        if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") }
    }

    fn take(&mut self, dir: &Path, prefix: &str, extensions: &[&str], place: Place) -> Result<(), Box<Fault>> {
        let listing = match std::fs::read_dir(dir) {
            Ok(listing) => listing,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && (place == Place::Shared || !prefix.is_empty()) => {
                return Ok(());
            }
            Err(error) => return Err(unreadable(dir, &error)),
        };
        for entry in listing {
            let path = entry.map_err(|error| unreadable(dir, &error))?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|name| !name.starts_with('.')) else {
                continue;
            };
            let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            let wanted = if extensions.is_empty() { !name.ends_with('~') } else { extensions.contains(&extension) };
            let key = format!("{prefix}{name}");
            if !wanted || !path.is_file() || self.files.contains_key(&key) {
                continue;
            }
            if self.files.len() >= FILES_MAX {
                return Err(Box::new(Fault::new(
                    codes::TOO_LARGE,
                    dir.display().to_string(),
                    format!("more than {FILES_MAX} files"),
                )));
            }
            let size = std::fs::metadata(&path).map_err(|error| unreadable(&path, &error))?.len();
            check_size(&path.display().to_string(), extension, size)?;
            let bytes = std::fs::read(&path).map_err(|error| unreadable(&path, &error))?;
            if place == Place::Shared {
                self.shared.insert(key.clone());
            }
            self.files.insert(key, bytes);
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Own,
    Shared,
}

/// Refuses a file that is larger than its kind may be.
pub(super) fn check_size(shown: &str, extension: &str, bytes: u64) -> Result<(), Box<Fault>> {
    let limit = if extension == "rhai" { SOURCE_BYTES_MAX } else { FILE_BYTES_MAX };
    if bytes > limit as u64 {
        let message = format!("the file has {bytes} bytes; the limit is {limit}");
        return Err(Box::new(Fault::new(codes::TOO_LARGE, shown, message)));
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Box<Fault> {
    Box::new(Fault::new(codes::UNREADABLE, path.display().to_string(), format!("cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_folder_is_read_with_what_it_shares_and_hashes_the_same_from_a_map() {
        let place = tempfile::tempdir().unwrap();
        let rules = place.path().join("invoices");
        for (path, text) in [
            ("invoices/10-a.rhai", "fn then(mail) {}"),
            ("invoices/templates/a.html", "own"),
            ("templates/a.html", "shared"),
            ("templates/b.html", "shared"),
            ("lib/money.rhai", "fn round(x) { x }"),
            ("regions.csv", "a;b\n"),
            ("invoices/notes.txt", "no"),
            ("invoices/.10-a.rhai.swp", "no"),
        ] {
            let path = place.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let read = RuleFiles::read(&rules).unwrap();
        assert_eq!(
            read.files.keys().map(String::as_str).collect::<Vec<_>>(),
            ["10-a.rhai", "lib/money.rhai", "regions.csv", "templates/a.html", "templates/b.html"]
        );
        assert_eq!(read.files["templates/a.html"], b"own");
        assert_eq!(read.hash(), RuleFiles::from_files(read.files.clone()).hash());
        assert_eq!(read.shown("rules/invoices", "lib/money.rhai"), "rules/lib/money.rhai");
        assert_eq!(read.shown("rules/invoices", "10-a.rhai"), "rules/invoices/10-a.rhai");
    }

    #[test]
    fn a_missing_folder_and_a_huge_script_are_named() {
        let place = tempfile::tempdir().unwrap();
        let missing = RuleFiles::read(&place.path().join("none")).unwrap_err();
        assert_eq!(missing.code, codes::UNREADABLE);
        std::fs::write(place.path().join("10-a.rhai"), vec![b' '; SOURCE_BYTES_MAX + 1]).unwrap();
        assert_eq!(RuleFiles::read(place.path()).unwrap_err().message, "the file has 65537 bytes; the limit is 65536");
    }
}
