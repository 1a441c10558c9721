//! The subscriptions that this installation holds.

use jiff::Timestamp;
use rusqlite::{Row, params};

use super::arrivals::Arrival;
use super::rows::optional;
use super::{Journal, JournalError};
use crate::clock::from_ms;
use crate::ids::MailboxName;

/// A subscription of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldSubscription {
    /// The service's id.
    pub id: String,
    /// What the service says with everything that it tells.
    pub secret: String,
    /// Where it tells.
    pub url: String,
    /// When it ends.
    pub expires: Timestamp,
}

impl Journal {
    /// The subscription to a folder, if there is one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn subscription(&self, at: &Arrival) -> Result<Option<HeldSubscription>, JournalError> {
        let at = at.clone();
        self.look(move |connection| {
            let found = connection
                .prepare_cached("SELECT id, secret, url, expires_at FROM subscription WHERE mailbox = ? AND folder = ?")?
                .query_row(params![at.mailbox.as_str(), at.folder], held);
            optional(found)
        })
        .await
    }

    /// The subscriptions to a mailbox's folders, each with the folder.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn subscriptions(&self, mailbox: &MailboxName) -> Result<Vec<(String, HeldSubscription)>, JournalError> {
        let mailbox = mailbox.clone();
        self.look(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, secret, url, expires_at, folder FROM subscription WHERE mailbox = ? ORDER BY folder",
            )?;
            let rows = statement.query_map([mailbox.as_str()], |row| Ok((row.get(4)?, held(row)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Keeps the subscription to a folder in the place of the one before; `None` when there is none any more.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn keep_subscription(&self, at: &Arrival, held: Option<HeldSubscription>) -> Result<(), JournalError> {
        let at = at.clone();
        self.write(move |connection| {
            let place = params![at.mailbox.as_str(), at.folder];
            connection.prepare_cached("DELETE FROM subscription WHERE mailbox = ? AND folder = ?")?.execute(place)?;
            if let Some(HeldSubscription { id, secret, url, expires }) = held {
                connection
                    .prepare_cached(
                        "INSERT INTO subscription (mailbox, folder, id, secret, url, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
                    )?
                    .execute(params![at.mailbox.as_str(), at.folder, id, secret, url, expires.as_millisecond()])?;
            }
            Ok(())
        })
        .await
    }
}

fn held(row: &Row<'_>) -> rusqlite::Result<HeldSubscription> {
    Ok(HeldSubscription { id: row.get(0)?, secret: row.get(1)?, url: row.get(2)?, expires: from_ms(row.get(3)?) })
}
