//! Messages that were decided, as they can be decided once more by rules that are only tried.

use rusqlite::{Connection, Row as SqlRow, params};
use serde_json::Value;

use super::decisions::answers;
use super::hands::find;
use super::rows::{from_json, optional};
use super::{Journal, JournalError, Row, StepError};
use crate::ids::{MailboxName, MessageId, QuestionKey};
use crate::mail::Envelope;
use crate::plan::{Answers, Question};

/// A message that was decided.
#[derive(Clone, Debug)]
pub struct Decided {
    /// Its row.
    pub row: Row,
    /// What the listing said about it.
    pub envelope: Envelope,
    /// What its rules asked and were told.
    pub answers: Answers,
    /// When it was decided, in milliseconds.
    pub decided_at: i64,
}

/// Which of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Which {
    /// The mailbox.
    pub mailbox: MailboxName,
    /// Received since then, in milliseconds.
    pub since: i64,
    /// Only those parked by, or faulted in, a rule of that name.
    pub parked_by: Option<String>,
}

/// What one message's rules asked and were told.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// What.
    pub question: Question,
    /// The answer.
    pub answer: Value,
}

const WANTED: &str =
    "status IN ('planned', 'none', 'parked', 'faulted') AND mailbox = ?1 AND coalesce(received_at, seen_at) >= ?2
    AND (?3 IS NULL OR status IN ('parked', 'faulted') AND instr(reason, ?3) > 0)";

const COLUMNS: &str = "id, graph_id, envelope, coalesce((SELECT max(at) FROM event WHERE message = message.id AND action IS NULL
    AND kind IN ('planned', 'none', 'parked', 'faulted')), changed_at)";

fn decided(connection: &Connection, row: &SqlRow<'_>) -> Result<Decided, StepError> {
    let id = Row(row.get(0)?);
    let mut envelope: Envelope = from_json(&row.get::<_, String>(2)?)?;
    envelope.id = Some(MessageId::new(row.get::<_, String>(1)?));
    Ok(Decided { row: id, envelope, answers: answers(connection, id)?, decided_at: row.get(3)? })
}

impl Journal {
    /// How many messages were decided.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn count_decided(&self, which: &Which) -> Result<usize, JournalError> {
        let which = which.clone();
        self.look(move |connection| {
            let count: i64 = connection
                .prepare_cached(&format!("SELECT count(*) FROM message WHERE {WANTED}"))?
                .query_row(params![which.mailbox.as_str(), which.since, which.parked_by], |row| row.get(0))?;
            Ok(usize::try_from(count).unwrap_or(0))
        })
        .await
    }

    /// The next messages that were decided, after a row, oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn decided_after(&self, which: &Which, after: Row, limit: u32) -> Result<Vec<Decided>, JournalError> {
        let which = which.clone();
        self.look(move |connection| {
            let sql = format!("SELECT {COLUMNS} FROM message WHERE {WANTED} AND id > ?4 ORDER BY id LIMIT ?5");
            let wanted = params![which.mailbox.as_str(), which.since, which.parked_by, after.0, limit];
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query(wanted)?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(decided(connection, row)?);
            }
            Ok(found)
        })
        .await
    }

    /// The newest messages that were decided, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn newest_decided(&self, which: &Which, limit: u32) -> Result<Vec<Decided>, JournalError> {
        let which = which.clone();
        self.look(move |connection| {
            let sql = format!("SELECT {COLUMNS} FROM message WHERE {WANTED} ORDER BY id DESC LIMIT ?4");
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params![which.mailbox.as_str(), which.since, which.parked_by, limit])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(decided(connection, row)?);
            }
            Ok(found)
        })
        .await
    }

    /// The message named by its row, Message-ID or Graph id.
    ///
    /// # Errors
    /// The database cannot be read, or knows no such message.
    pub async fn decided_named(&self, name: &str) -> Result<Decided, JournalError> {
        let name = name.to_owned();
        self.look(move |connection| {
            let row = find(connection, &name)?;
            let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM message WHERE id = ?"))?;
            let mut rows = statement.query([row.0])?;
            match rows.next()? {
                Some(row) => decided(connection, row),
                None => Err(JournalError::Missing(format!("message {name}")).into()),
            }
        })
        .await
    }

    /// What a message's rules asked and were told, in the order in which they asked.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn told(&self, row: Row) -> Result<Vec<Told>, JournalError> {
        self.look(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT question, answer FROM question WHERE message = ? AND answer IS NOT NULL ORDER BY asked_at",
            )?;
            let mut rows = statement.query([row.0])?;
            let mut told = Vec::new();
            while let Some(row) = rows.next()? {
                let (question, answer) = (from_json(&row.get::<_, String>(0)?)?, from_json(&row.get::<_, String>(1)?)?);
                told.push(Told { question, answer });
            }
            Ok(told)
        })
        .await
    }

    /// What a question was answered last, whichever message asked. Made where it is called, on a thread that may block.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn answer_of(&self, key: &QuestionKey) -> Result<Option<Value>, JournalError> {
        self.look_here(|connection| {
            let found = connection
                .prepare_cached(
                    "SELECT answer FROM question WHERE key = ? AND answer IS NOT NULL ORDER BY answered_at DESC LIMIT 1",
                )?
                .query_row([key.as_str()], |row| row.get::<_, String>(0));
            optional(found)?.map(|answer| from_json(&answer)).transpose()
        })
    }

    /// What `recall(key)` would have found before a time, as far as that can be known: what was written since is not there, and neither
    /// is what stood in its place.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn recall_before(&self, mailbox: &MailboxName, key: &str, before: i64) -> Result<Option<Value>, JournalError> {
        self.look_here(|connection| {
            let found = connection
                .prepare_cached(
                    "SELECT value FROM memory WHERE mailbox = ?1 AND key = ?2 AND at < ?3 AND (until IS NULL OR until > ?3)",
                )?
                .query_row(params![mailbox.as_str(), key, before], |row| row.get::<_, String>(0));
            optional(found)?.map(|value| from_json(&value)).transpose()
        })
    }
}
