//! The audit's book: what a mailbox received, and what of it had to be taken in by the audit.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::arrivals::{Arrival, Origin, record_message};
use super::rows::optional;
use super::{Journal, JournalError, StepError};
use crate::clock::from_ms;
use crate::ids::MailboxName;
use crate::mail::Envelope;

/// How long a line of the book is kept; the first one, which says from when on, for good.
const KEPT_MS: i64 = 90 * 24 * 60 * 60 * 1_000;

/// A message that the mailbox received.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// The message.
    pub envelope: Envelope,
    /// A person has thrown it away.
    pub is_deleted: bool,
}

/// What one audit came to, or several together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audit {
    /// From when on.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Messages that the mailbox received in that time.
    pub received: i64,
    /// Those of them that no round had shown and the audit took in.
    pub missed: i64,
    /// When it was made.
    pub at: Timestamp,
}

impl Journal {
    /// Up to when the mailbox has been audited. The first time it is `start`: what came before is nobody's business.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn audited_until(&self, mailbox: &MailboxName, start: Timestamp) -> Result<Timestamp, JournalError> {
        let mailbox = mailbox.clone();
        self.write(move |connection| {
            if let Some(audit) = newest(connection, &mailbox)? {
                return Ok(audit.until);
            }
            let start = start.as_millisecond();
            book(connection, &mailbox, (start, start), (0, 0), start)?;
            Ok(from_ms(start))
        })
        .await
    }

    /// Takes in what is missing of what was `listed`, and keeps what the stretch from `since` until `until` came to. What was listed may
    /// begin earlier: it is taken in like the rest, and counted before.
    ///
    /// # Errors
    /// The database cannot be written; nothing of it is kept then.
    pub async fn audit(
        &self,
        at: &Arrival,
        (since, until): (Timestamp, Timestamp),
        listed: Vec<Received>,
    ) -> Result<Audit, JournalError> {
        let (at, now) = (at.clone(), self.now_ms());
        self.write(move |connection| {
            let mut missed = 0;
            for Received { envelope, is_deleted } in &listed {
                let origin = if *is_deleted { Origin::AuditOfDeleted } else { Origin::Audit };
                missed += i64::from(record_message(connection, &at, envelope, now, origin)?);
            }
            let is_counted = |received: &&Received| received.envelope.received.is_none_or(|at| at >= since);
            let received = i64::try_from(listed.iter().filter(is_counted).count()).unwrap_or(i64::MAX);
            let stretch = (since.as_millisecond(), until.as_millisecond());
            book(connection, &at.mailbox, stretch, (received, missed), now)?;
            Ok(Audit { since, until, received, missed, at: from_ms(now) })
        })
        .await
    }

    /// From when on the mailbox is audited at all: what came before is nobody's business.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn audited_from(&self, mailbox: &MailboxName) -> Result<Option<Timestamp>, JournalError> {
        let mailbox = mailbox.clone();
        self.look(move |connection| {
            let first: Option<i64> = connection
                .prepare_cached("SELECT min(since) FROM audit WHERE mailbox = ?")?
                .query_row([mailbox.as_str()], |row| row.get(0))?;
            Ok(first.map(from_ms))
        })
        .await
    }
}

fn book(
    connection: &Connection,
    mailbox: &MailboxName,
    (since, until): (i64, i64),
    (received, missed): (i64, i64),
    now: i64,
) -> Result<(), StepError> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO audit (mailbox, since, until, received, missed, at) VALUES (?, ?, ?, ?, ?, ?)")?
        .execute(params![mailbox.as_str(), since, until, received, missed, now])?;
    connection
        .prepare_cached("DELETE FROM audit WHERE mailbox = ? AND until < ? AND since < until")?
        .execute(params![mailbox.as_str(), now.min(until) - KEPT_MS])?;
    Ok(())
}

pub(super) fn newest(connection: &Connection, mailbox: &MailboxName) -> Result<Option<Audit>, StepError> {
    let found = connection
        .prepare_cached("SELECT since, until, received, missed, at FROM audit WHERE mailbox = ? ORDER BY until DESC LIMIT 1")?
        .query_row([mailbox.as_str()], |row| {
            Ok(Audit {
                since: from_ms(row.get(0)?),
                until: from_ms(row.get(1)?),
                received: row.get(2)?,
                missed: row.get(3)?,
                at: from_ms(row.get(4)?),
            })
        });
    optional(found)
}
