//! Old mail that a person wants worked after all.

use rusqlite::params;
use serde_json::json;

use super::arrivals::{Arrival, Origin, record_message};
use super::rows::tell;
use super::{Journal, JournalError, Row};
use crate::ids::MessageId;
use crate::mail::Envelope;

/// Known, and left alone because it came before the mailbox was worked.
const LEFT_ALONE: &str = "status = 'none' AND rule_set IS NULL";

impl Journal {
    /// Those of the messages that no rule has seen yet: they were never seen, or came before the mailbox was worked.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn not_worked(&self, at: &Arrival, ids: Vec<MessageId>) -> Result<Vec<MessageId>, JournalError> {
        let at = at.clone();
        self.look(move |connection| {
            let sql = format!("SELECT count(*) FROM message WHERE mailbox = ? AND graph_id = ? AND NOT ({LEFT_ALONE})");
            let mut worked = connection.prepare_cached(&sql)?;
            let mut left = Vec::new();
            for id in ids {
                if worked.query_row(params![at.mailbox.as_str(), id.as_str()], |row| row.get::<_, i64>(0))? == 0 {
                    left.push(id);
                }
            }
            Ok(left)
        })
        .await
    }

    /// Has old messages decided like new ones, in one transaction; those that a rule has seen stay as they are. How many there are.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn take_in_old(&self, at: &Arrival, envelopes: Vec<Envelope>) -> Result<usize, JournalError> {
        let (at, now) = (at.clone(), self.now_ms());
        self.write(move |connection| {
            let mut taken = 0;
            for envelope in &envelopes {
                if record_message(connection, &at, envelope, now, Origin::Backfill)? {
                    taken += 1;
                    continue;
                }
                let Some(id) = &envelope.id else { continue };
                let known: Vec<i64> = connection
                    .prepare_cached(&format!("SELECT id FROM message WHERE mailbox = ? AND graph_id = ? AND {LEFT_ALONE}"))?
                    .query_map(params![at.mailbox.as_str(), id.as_str()], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                for row in known {
                    connection
                        .prepare_cached(
                            "UPDATE message SET status = 'seen', reason = NULL, look_at = ?1, changed_at = ?1 WHERE id = ?2",
                        )?
                        .execute(params![now, row])?;
                    tell(connection, Row(row), None, now, ("seen", &json!({ "folder": at.folder, "origin": "backfill" })))?;
                    taken += 1;
                }
            }
            Ok(taken)
        })
        .await
    }
}
