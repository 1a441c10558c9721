//! A witness outside the database knows how far it had come: one that was restored or rolled back is noticed, and what it may have
//! forgotten is looked for before it is brought about again.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::lock::beside;
use super::rows::optional;
use super::{Journal, JournalError, StepError};
use crate::ids::MailboxName;
use crate::plan::hex;

/// What is known of a database: which one it is, and how many lines its stories had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Testimony {
    /// The database's own name.
    pub origin: String,
    /// Its newest line.
    pub sequence: i64,
}

/// Bytes of the witness file: written over in place, so that it never grows and is never half old.
const LINE: usize = 64;

/// The witness beside the database (`postroom.db.witness`). Written with every commit but not waited for: it must survive the
/// replacement of the database, not a power cut, after which the database knows more than the witness.
pub(super) struct Witness {
    file: File,
    said: Option<Testimony>,
}

impl Witness {
    pub fn beside(database: &Path) -> Result<Self, JournalError> {
        let path = beside(database, "witness");
        let cannot = |error: std::io::Error| JournalError::Open { path: path.display().to_string(), what: error.to_string() };
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(cannot)?;
        Ok(Self { file, said: None })
    }

    /// What the last process on this database knew.
    fn remembers(&self) -> Option<Testimony> {
        let mut line = [0; LINE];
        let length = self.file.read_at(&mut line, 0).ok()?;
        let text = std::str::from_utf8(&line[..length]).ok()?;
        let (origin, sequence) = text.trim().split_once(' ')?;
        Some(Testimony { origin: origin.to_owned(), sequence: sequence.trim().parse().ok()? })
    }

    /// Notes how far the database has come. What cannot be noted is no harm: the witness only knows less then.
    pub fn hear(&mut self, connection: &Connection) {
        let Ok(testimony) = testimony(connection) else { return };
        if self.said.as_ref() == Some(&testimony) {
            return;
        }
        let line = format!("{:<width$}\n", format!("{} {}", testimony.origin, testimony.sequence), width = LINE - 1);
        if self.file.write_all_at(line.as_bytes(), 0).is_ok() {
            self.said = Some(testimony);
        }
    }

    /// Raises the fence when this witness knows more than the database does.
    pub fn question(&self, connection: &Connection, now: i64) -> Result<(), StepError> {
        let Some(remembered) = self.remembers() else { return Ok(()) };
        if let Some(reason) = contradiction(connection, &remembered, None)? {
            raise(connection, "", &reason, now)?;
            tracing::error!(reason, "every effect of mail that has come is looked for before it is brought about");
        }
        Ok(())
    }
}

pub(super) fn testimony(connection: &Connection) -> Result<Testimony, StepError> {
    let origin =
        connection.prepare_cached("SELECT name FROM origin ORDER BY id DESC LIMIT 1")?.query_row([], |row| row.get(0))?;
    let sequence = connection.prepare_cached("SELECT coalesce(max(id), 0) FROM event")?.query_row([], |row| row.get(0))?;
    Ok(Testimony { origin, sequence })
}

/// Why the database is not to be believed, if a witness knows better. What this process wrote since it was `opened` proves nothing about
/// what earlier ones did, so it does not count where the witness heard one of those.
fn contradiction(
    connection: &Connection,
    remembered: &Testimony,
    opened: Option<&Testimony>,
) -> Result<Option<String>, StepError> {
    let ours = testimony(connection)?;
    let known: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM origin WHERE name = ?)")?
        .query_row([&remembered.origin], |row| row.get(0))?;
    if !known {
        return Ok(Some("another database was at work here before".to_owned()));
    }
    let is_this_process = opened.is_none_or(|opened| ours.origin == remembered.origin && opened.origin != ours.origin);
    let sequence = opened.filter(|_| !is_this_process).map_or(ours.sequence, |opened| opened.sequence);
    let missing = remembered.sequence - sequence;
    Ok((missing > 0).then(|| format!("the database was restored or rolled back: it lacks {missing} lines of its stories")))
}

/// From now on, what arrived before is doubted; the database goes on under a new name.
fn raise(connection: &Connection, mailbox: &str, reason: &str, now: i64) -> Result<(), StepError> {
    connection
        .prepare_cached("INSERT INTO fence (mailbox, raised_at, reason) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")?
        .execute(params![mailbox, now, reason])?;
    connection.prepare_cached("INSERT INTO origin (name) VALUES (lower(hex(randomblob(16))))")?.execute([])?;
    Ok(())
}

/// Why a message's effects are doubted, and since when: it arrived before the latest fence of its mailbox.
pub(super) fn doubt(connection: &Connection, mailbox: &str, arrived_at: i64) -> Result<Option<(i64, String)>, StepError> {
    let found = connection
        .prepare_cached(
            "SELECT raised_at, reason FROM fence WHERE mailbox IN ('', ?) AND raised_at >= ? ORDER BY raised_at DESC LIMIT 1",
        )?
        .query_row(params![mailbox, arrived_at], |row| Ok((row.get(0)?, row.get(1)?)));
    optional(found)
}

impl Journal {
    /// What this database can say of itself.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn testimony(&self) -> Result<Testimony, JournalError> {
        self.look(testimony).await
    }

    /// The database goes on under a new name, which a copy of it that was made before does not know: it follows from the name before
    /// and from who takes it.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn take_new_name(&self, taker: &str) -> Result<(), JournalError> {
        let taker = taker.to_owned();
        self.write(move |connection| {
            let before = testimony(connection)?.origin;
            let name = hex(&Sha256::digest(format!("{before}\n{taker}"))[..16]);
            connection.prepare_cached("INSERT INTO origin (name) VALUES (?)")?.execute([name])?;
            Ok(())
        })
        .await
    }

    /// Hears a witness from outside, such as the mailbox itself. Gives why the database is not believed, if the witness knows better.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn hear(&self, mailbox: &MailboxName, remembered: Testimony) -> Result<Option<String>, JournalError> {
        let (mailbox, now) = (mailbox.clone(), self.now_ms());
        let opened = std::sync::Arc::clone(&self.opened);
        self.write(move |connection| {
            let reason = contradiction(connection, &remembered, Some(&opened))?;
            if let Some(reason) = &reason {
                raise(connection, mailbox.as_str(), reason, now)?;
            }
            Ok(reason)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::clock::Clock;

    fn open(dir: &tempfile::TempDir) -> Journal {
        Journal::open(&dir.path().join("postroom.db"), Clock::system()).unwrap()
    }

    #[tokio::test]
    async fn a_witness_is_believed_by_what_the_database_was_when_this_process_opened_it() {
        let dir = tempfile::tempdir().unwrap();
        let mailbox = MailboxName::new("invoices");
        let journal = open(&dir);
        let opened = journal.testimony().await.unwrap();
        let line = "INSERT INTO message (id, mailbox, graph_id, folder, envelope, status, look_at, seen_at, changed_at)
                    VALUES (1, 'invoices', 'A', 'Inbox', '{}', 'seen', 0, 0, 0);
                    INSERT INTO event (id, message, at, kind, detail) VALUES (10, 1, 0, 'seen', '{}');";
        journal.write(move |connection| Ok(connection.execute_batch(line)?)).await.unwrap();
        assert_eq!(journal.hear(&mailbox, opened.clone()).await.unwrap(), None);
        // Ten lines of its own say nothing about the five that another wrote after it was copied.
        let further = Testimony { sequence: 5, ..opened };
        let lacks = Some("the database was restored or rolled back: it lacks 5 lines of its stories");
        assert_eq!(journal.hear(&mailbox, further).await.unwrap().as_deref(), lacks);
        journal.take_new_name("another").await.unwrap();
        let own = journal.testimony().await.unwrap();
        assert_eq!((own.sequence, journal.hear(&mailbox, own).await.unwrap()), (10, None));
        let stranger = Testimony { origin: "0f".into(), sequence: 0 };
        assert_eq!(journal.hear(&mailbox, stranger).await.unwrap().as_deref(), Some("another database was at work here before"));
    }
}
