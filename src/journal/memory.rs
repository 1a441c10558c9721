//! What a mailbox remembers for its rules.

use rusqlite::{Connection, params};
use serde_json::Value;

use super::rows::{from_json, optional};
use super::{Journal, JournalError, StepError};
use crate::ids::MailboxName;
use crate::plan::{MemoryRead, MemoryWrite};

impl Journal {
    /// What `recall(key)` finds now. Made where it is called, for scripts run on a thread that may block.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn recall(&self, mailbox: &MailboxName, key: &str) -> Result<Option<Value>, JournalError> {
        let now = self.now_ms();
        self.look_here(|connection| recall(connection, mailbox.as_str(), key, now))
    }
}

pub(super) fn recall(connection: &Connection, mailbox: &str, key: &str, now: i64) -> Result<Option<Value>, StepError> {
    let found = connection
        .prepare_cached("SELECT value FROM memory WHERE mailbox = ? AND key = ? AND (until IS NULL OR until > ?)")?
        .query_row(params![mailbox, key, now], |row| row.get::<_, String>(0));
    optional(found)?.map(|value| from_json(&value)).transpose()
}

/// Whether everything that was read still reads the same.
pub(super) fn still_holds(connection: &Connection, mailbox: &str, reads: &[MemoryRead], now: i64) -> Result<bool, StepError> {
    for read in reads {
        if recall(connection, mailbox, &read.key, now)? != read.value {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn remember(connection: &Connection, mailbox: &str, writes: &[MemoryWrite], now: i64) -> Result<(), StepError> {
    for write in writes {
        match &write.value {
            Some(value) => connection
                .prepare_cached(
                    "INSERT INTO memory (mailbox, key, value, until, at) VALUES (?, ?, ?, ?, ?)
                     ON CONFLICT DO UPDATE SET value = excluded.value, until = excluded.until, at = excluded.at",
                )?
                .execute(params![mailbox, write.key, value.to_string(), write.until.map(jiff::Timestamp::as_millisecond), now])?,
            None => connection
                .prepare_cached("DELETE FROM memory WHERE mailbox = ? AND key = ?")?
                .execute(params![mailbox, write.key])?,
        };
    }
    Ok(())
}
