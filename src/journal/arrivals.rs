//! What arrived, and how far each folder has been followed.

use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::rows::{optional, tell, to_json};
use super::{Journal, JournalError, Row, StepError};
use crate::ids::{MailboxName, MessageId};
use crate::mail::Envelope;

/// Where and what intake follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The mailbox.
    pub mailbox: MailboxName,
    /// The folder's path.
    pub folder: String,
}

/// Which way a message was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A round of its folder showed it.
    Round,
    /// The same, and it came before the mailbox was worked.
    BeforeStart,
    /// An audit found it in the mailbox.
    Audit,
    /// An audit found it where a person had thrown it away.
    AuditOfDeleted,
    /// A person wants old mail worked.
    Backfill,
}

/// How far a round has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// The delta link behind the page.
    pub next: String,
    /// Calls to the mailbox in the last ten minutes.
    pub calls: u32,
}

/// What a page brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sighting {
    /// Messages that were never seen before.
    pub new: usize,
    /// Messages seen again: nothing is run twice.
    pub known: usize,
}

impl Journal {
    /// The delta link to go on from.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn cursor(&self, at: &Arrival) -> Result<Option<String>, JournalError> {
        let at = at.clone();
        self.look(move |connection| {
            let link = connection
                .prepare_cached("SELECT link FROM cursor WHERE mailbox = ? AND folder = ?")?
                .query_row(params![at.mailbox.as_str(), at.folder], |row| row.get(0));
            optional(link)
        })
        .await
    }

    /// Keeps one page: all its messages and the cursor behind it, or nothing of it. What came before `from` is known, and no rule sees it.
    ///
    /// # Errors
    /// The database cannot be written; the same page can be recorded again.
    pub async fn record_page(
        &self,
        at: &Arrival,
        envelopes: Vec<Envelope>,
        Looked { next, calls }: Looked,
        from: Timestamp,
    ) -> Result<Sighting, JournalError> {
        let (at, now) = (at.clone(), self.now_ms());
        self.write(move |connection| {
            let sighting = record_messages(connection, &at, (&envelopes, from), now)?;
            connection
                .prepare_cached(
                    "INSERT INTO cursor (mailbox, folder, link, at, calls) VALUES (?, ?, ?, ?, ?)
                     ON CONFLICT DO UPDATE SET link = excluded.link, at = excluded.at, calls = excluded.calls, followed = 1",
                )?
                .execute(params![at.mailbox.as_str(), at.folder, next, now, calls])?;
            Ok(sighting)
        })
        .await
    }

    /// A folder is followed no more. Its cursor stays, for it may be again.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn leave(&self, at: &Arrival) -> Result<(), JournalError> {
        let at = at.clone();
        self.write(move |connection| {
            let left = params![at.mailbox.as_str(), at.folder];
            connection.execute("UPDATE cursor SET followed = 0 WHERE mailbox = ? AND folder = ?", left)?;
            Ok(())
        })
        .await
    }

    /// Keeps messages that the service named; where the folder was looked at last stays as it is.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn record_named(&self, at: &Arrival, envelopes: Vec<Envelope>, from: Timestamp) -> Result<Sighting, JournalError> {
        let (at, now) = (at.clone(), self.now_ms());
        self.write(move |connection| record_messages(connection, &at, (&envelopes, from), now)).await
    }

    /// Those of the messages that were never seen in the mailbox.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn never_seen(&self, at: &Arrival, ids: Vec<MessageId>) -> Result<Vec<MessageId>, JournalError> {
        let at = at.clone();
        self.look(move |connection| {
            let mut find = connection.prepare_cached("SELECT count(*) FROM message WHERE mailbox = ? AND graph_id = ?")?;
            let mut unseen = Vec::new();
            for id in ids {
                if find.query_row(params![at.mailbox.as_str(), id.as_str()], |row| row.get::<_, i64>(0))? == 0 {
                    unseen.push(id);
                }
            }
            Ok(unseen)
        })
        .await
    }

    /// Forgets a cursor that the service no longer takes: the folder is read from its beginning, known messages are not run again.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn drop_cursor(&self, at: &Arrival) -> Result<(), JournalError> {
        let at = at.clone();
        self.write(move |connection| {
            connection.execute("DELETE FROM cursor WHERE mailbox = ? AND folder = ?", params![at.mailbox.as_str(), at.folder])?;
            Ok(())
        })
        .await
    }
}

fn record_messages(
    connection: &Connection,
    at: &Arrival,
    (envelopes, from): (&[Envelope], Timestamp),
    now: i64,
) -> Result<Sighting, StepError> {
    let mut sighting = Sighting::default();
    for envelope in envelopes {
        let is_old = envelope.received.is_some_and(|received| received < from);
        let origin = if is_old { Origin::BeforeStart } else { Origin::Round };
        if record_message(connection, at, envelope, now, origin)? {
            sighting.new += 1;
        } else {
            sighting.known += 1;
        }
    }
    Ok(sighting)
}

/// Whether the message is new.
pub(super) fn record_message(
    connection: &Connection,
    at: &Arrival,
    envelope: &Envelope,
    now: i64,
    origin: Origin,
) -> Result<bool, StepError> {
    let Some(id) = &envelope.id else { return Ok(false) };
    let identity = identity(envelope);
    let first = match &identity {
        Some(identity) => optional(
            connection
                .prepare_cached("SELECT id FROM message WHERE mailbox = ? AND identity = ? AND graph_id <> ? LIMIT 1")?
                .query_row(params![at.mailbox.as_str(), identity, id.as_str()], |row| row.get::<_, i64>(0)),
        )?,
        None => None,
    };
    let (status, reason) = match (first, origin) {
        (Some(_), _) => ("linked", None),
        (None, Origin::BeforeStart) => ("none", Some("it came before this mailbox was worked (`start`)")),
        (None, Origin::AuditOfDeleted) => ("gone", Some("a person deleted the message before it was seen")),
        (None, Origin::Round | Origin::Audit | Origin::Backfill) => ("seen", None),
    };
    let added = connection
        .prepare_cached(
            "INSERT INTO message (mailbox, graph_id, internet_message_id, identity, subject, sender, conversation, folder, received_at,
                                  envelope, status, reason, look_at, seen_at, changed_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13, ?13) ON CONFLICT (mailbox, graph_id) DO NOTHING",
        )?
        .execute(params![
            at.mailbox.as_str(),
            id.as_str(),
            envelope.internet_message_id,
            identity,
            envelope.subject,
            envelope.from.as_ref().map(|from| from.address.clone()),
            envelope.conversation,
            at.folder,
            envelope.received.map(jiff::Timestamp::as_millisecond),
            to_json(envelope)?,
            status,
            reason,
            now,
        ])?;
    if added == 0 {
        return Ok(false);
    }
    let row = Row(connection.last_insert_rowid());
    let mut detail = json!({ "folder": at.folder });
    if let Some(first) = first {
        detail["same_as"] = json!(first);
    }
    match origin {
        Origin::Audit | Origin::AuditOfDeleted => detail["origin"] = json!("audit"),
        Origin::Backfill => detail["origin"] = json!("backfill"),
        Origin::Round | Origin::BeforeStart => {}
    }
    if let Some(reason) = reason {
        detail["reason"] = json!(reason);
    }
    tell(connection, row, None, now, (status, &detail))?;
    Ok(first.is_none() && origin != Origin::BeforeStart)
}

/// The identity beside the immutable id, for mail that has a Message-ID: a second sighting under another id is linked, not run again.
fn identity(envelope: &Envelope) -> Option<String> {
    let message_id = envelope.internet_message_id.as_deref().filter(|id| !id.is_empty())?;
    let sent = envelope.sent.map(|sent| sent.as_second().to_string()).unwrap_or_default();
    let from = envelope.from.as_ref().map(|from| from.address.to_ascii_lowercase()).unwrap_or_default();
    let subject = envelope.subject.as_deref().unwrap_or_default();
    let mut digest = Sha256::new();
    let attachments = if envelope.has_attachments { "with attachments" } else { "" };
    for part in [message_id, &sent, &from, subject, &envelope.preview, attachments] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
    Some(crate::plan::hex(&digest.finalize()))
}
