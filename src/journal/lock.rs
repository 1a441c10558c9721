//! One `run` a database: a lock of the operating system that dies with its process, and the key that marks our own mail.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::JournalError;

/// Tries to take a lock that is held, and the pause between them: half a second in all.
const TRIES: u32 = 25;
const TRY_AGAIN: std::time::Duration = std::time::Duration::from_millis(20);

/// Held as long as this process works on the database.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock beside the database (`postroom.db.lock`).
    ///
    /// # Errors
    /// Another process holds it, or the file cannot be made.
    pub fn take(database: &Path) -> Result<Self, JournalError> {
        let path = beside(database, "lock");
        let mut tries = TRIES;
        let open = |what: String| JournalError::Open { path: path.display().to_string(), what };
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(|error| open(error.to_string()))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                // The system takes a moment to let go of what a killed process held.
                Err(std::fs::TryLockError::WouldBlock) if tries > 0 => {
                    tries -= 1;
                    std::thread::sleep(TRY_AGAIN);
                }
                Err(std::fs::TryLockError::WouldBlock) => {
                    let path = path.display().to_string();
                    return Err(JournalError::SecondRun { path: database.display().to_string(), lock: path });
                }
                Err(std::fs::TryLockError::Error(error)) => return Err(open(error.to_string())),
            }
        }
    }
}

/// The secret of this database, by which we know our own marks in mail again.
#[derive(Clone)]
pub struct InstanceKey(Vec<u8>);

/// Bytes of the key.
const KEY_BYTES: usize = 32;
/// Hexadecimal digits of a mark's signature: 16 bytes of HMAC-SHA256.
const SIGNATURE_DIGITS: usize = 32;

impl InstanceKey {
    /// Reads the key beside the database (`postroom.db.key`), or makes one.
    ///
    /// # Errors
    /// The file cannot be read or made.
    pub fn beside(database: &Path) -> Result<Self, JournalError> {
        let path = beside(database, "key");
        let cannot = |error: std::io::Error| JournalError::Open { path: path.display().to_string(), what: error.to_string() };
        if let Ok(key) = std::fs::read(&path)
            && key.len() == KEY_BYTES
        {
            return Ok(Self(key));
        }
        let mut key = vec![0; KEY_BYTES];
        File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut key)).map_err(cannot)?;
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(cannot)?;
        file.write_all(&key).and_then(|()| file.sync_all()).map_err(cannot)?;
        Ok(Self(key))
    }

    /// The value of `x-postroom-action` for an action: its id and our signature.
    pub fn mark(&self, action: &crate::ids::ActionId) -> String {
        format!("{action}.{}", self.sign(action.as_str()))
    }

    /// Whether a mark is ours.
    pub fn is_ours(&self, mark: &str) -> bool {
        mark.trim().split_once('.').is_some_and(|(action, signature)| crate::outgoing::same_secret(&self.sign(action), signature))
    }

    /// A name for whoever has this key, by which it cannot be guessed.
    pub fn instance(&self) -> String {
        self.sign("postroom instance")
    }

    /// What only we and whom we tell it can know, for a purpose of this name.
    pub fn secret(&self, purpose: &str) -> String {
        self.sign(&format!("postroom secret {purpose}"))
    }

    fn sign(&self, text: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(text.as_bytes());
        let mut digits = crate::plan::hex(&mac.finalize().into_bytes());
        digits.truncate(SIGNATURE_DIGITS);
        digits
    }
}

/// A file beside the database itself, by whatever name or link it was given.
pub(super) fn beside(database: &Path, extension: &str) -> PathBuf {
    let folder = || database.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).canonicalize();
    let real =
        database.canonicalize().or_else(|_| Ok::<_, std::io::Error>(folder()?.join(database.file_name().unwrap_or_default())));
    let mut path = real.unwrap_or_else(|_| database.to_owned()).into_os_string();
    path.push(".");
    path.push(extension);
    path.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_second_run_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("postroom.db");
        let first = Lock::take(&database).unwrap();
        assert!(matches!(Lock::take(&database), Err(JournalError::SecondRun { .. })));
        drop(first);
        assert!(Lock::take(&database).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_the_database_is_the_same_database() {
        let dir = tempfile::tempdir().unwrap();
        let (database, link) = (dir.path().join("postroom.db"), dir.path().join("other.db"));
        std::fs::write(&database, "").unwrap();
        std::os::unix::fs::symlink(&database, &link).unwrap();
        let _first = Lock::take(&database).unwrap();
        assert!(matches!(Lock::take(&link), Err(JournalError::SecondRun { .. })));
    }

    #[test]
    fn a_mark_is_ours_only_with_our_signature() {
        let dir = tempfile::tempdir().unwrap();
        let key = InstanceKey::beside(&dir.path().join("a.db")).unwrap();
        let mark = key.mark(&"0f".into());
        assert!(InstanceKey::beside(&dir.path().join("a.db")).unwrap().is_ours(&mark));
        assert!(!InstanceKey::beside(&dir.path().join("b.db")).unwrap().is_ours(&mark));
        assert!(!key.is_ours("0e.00000000000000000000000000000000"));
    }
}
