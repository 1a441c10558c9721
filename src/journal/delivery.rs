//! What became of mail that was accepted for delivery: accepted is not delivered.

use std::time::Duration;

use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::actions::apply;
use super::rows::{optional, tell};
use super::{Event, Journal, JournalError, Row, StepError};
use crate::ids::{ActionId, MailboxName, MessageId};

/// When a mail is first looked for in Sent Items.
const FIRST_LOOK_MS: i64 = 60_000;
/// How long after it was accepted a mail may come back.
const BOUNCES_FOR_MS: i64 = 5 * 86_400_000;

/// A mail that the service accepted and nobody has seen in Sent Items yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedMail {
    /// The message it was sent for.
    pub row: Row,
    /// The action that sent it.
    pub action: ActionId,
    /// The mailbox it was sent from.
    pub mailbox: MailboxName,
    /// The draft it was.
    pub draft: Option<MessageId>,
    /// The draft's Message-ID.
    pub internet_message_id: Option<String>,
    /// When it was accepted, in milliseconds.
    pub accepted_at: i64,
    /// Looks so far.
    pub looks: u32,
}

/// What a report of non-delivery says about the mail that came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Returned {
    /// The action whose mark the returned mail bears, its signature checked.
    pub action: Option<ActionId>,
    /// Message-IDs that it may have had.
    pub message_ids: Vec<String>,
    /// Who did not get it, and why.
    pub reason: String,
}

impl Journal {
    /// Mail that is to be looked for in Sent Items now, longest waiting first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn accepted_mail(&self, limit: usize) -> Result<Vec<AcceptedMail>, JournalError> {
        let now = self.now_ms();
        self.look(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT a.message, s.action, s.mailbox, s.draft, s.internet_message_id, s.accepted_at, s.looks
                 FROM sent s JOIN action a ON a.id = s.action WHERE s.outcome = 'accepted' AND s.look_at <= ? ORDER BY s.look_at LIMIT ?",
            )?;
            let found = statement.query_map(params![now, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                Ok(AcceptedMail {
                    row: Row(row.get(0)?),
                    action: ActionId::new(row.get::<_, String>(1)?),
                    mailbox: MailboxName::new(row.get::<_, String>(2)?),
                    draft: row.get::<_, Option<String>>(3)?.map(MessageId::new),
                    internet_message_id: row.get(4)?,
                    accepted_at: row.get::<_, Option<i64>>(5)?.unwrap_or(0),
                    looks: row.get(6)?,
                })
            })?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// When the next mail is to be looked for, if any is.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn next_confirmation_at(&self) -> Result<Option<i64>, JournalError> {
        self.look(|connection| {
            Ok(connection
                .prepare_cached("SELECT min(look_at) FROM sent WHERE outcome = 'accepted'")?
                .query_row([], |row| row.get(0))?)
        })
        .await
    }

    /// The mail lies in Sent Items: it has left.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn record_confirmed(&self, mail: &AcceptedMail, found: &MessageId) -> Result<(), JournalError> {
        let (row, action, found, now) = (mail.row, mail.action.clone(), found.clone(), self.now_ms());
        self.write(move |connection| {
            let first = connection
                .prepare_cached(
                    "UPDATE sent SET outcome = 'confirmed', look_at = NULL WHERE action = ? AND outcome = 'accepted'",
                )?
                .execute([action.as_str()])?;
            if first > 0 {
                tell(connection, row, Some(&action), now, ("left", &json!({ "found": found })))?;
            }
            Ok(())
        })
        .await
    }

    /// It was not found yet: to be looked for again.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn look_again(&self, mail: &AcceptedMail, after: Duration) -> Result<(), JournalError> {
        let (action, now) = (mail.action.clone(), self.now_ms());
        let look_at = now.saturating_add(i64::try_from(after.as_millis()).unwrap_or(i64::MAX));
        self.write(move |connection| {
            connection
                .prepare_cached("UPDATE sent SET looks = looks + 1, look_at = ? WHERE action = ? AND outcome = 'accepted'")?
                .execute(params![look_at, action.as_str()])?;
            Ok(())
        })
        .await
    }

    /// It was accepted long ago and is nowhere: a person must look.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn record_lost(&self, mail: &AcceptedMail, reason: String) -> Result<(), JournalError> {
        let (row, action, now) = (mail.row, mail.action.clone(), self.now_ms());
        self.write(move |connection| {
            settle(connection, &action, "lost")?;
            apply(connection, row, &action, &Event::Lost { reason }, now).map(drop)
        })
        .await
    }

    /// Whether a report of non-delivery can be about mail of this mailbox.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn may_bounce(&self, mailbox: &MailboxName) -> Result<bool, JournalError> {
        let (mailbox, since) = (mailbox.clone(), self.now_ms() - BOUNCES_FOR_MS);
        self.look(move |connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM sent WHERE mailbox = ? AND at > ? AND outcome IN ('accepted', 'confirmed'))",
                )?
                .query_row(params![mailbox.as_str(), since], |row| row.get(0))?)
        })
        .await
    }

    /// A mail of ours came back: its action is rejected, with the report's reason, and both stories say so. Gives the action's message.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn record_bounce(
        &self,
        report: Row,
        mailbox: &MailboxName,
        returned: Returned,
    ) -> Result<Option<Row>, JournalError> {
        let (mailbox, now) = (mailbox.clone(), self.now_ms());
        self.write(move |connection| {
            let Some((row, action)) = sender_of(connection, &mailbox, &returned)? else { return Ok(None) };
            settle(connection, &action, "bounced")?;
            let reason = format!("it came back: {}", returned.reason);
            apply(connection, row, &action, &Event::Bounced { reason }, now)?;
            tell(connection, report, None, now, ("returned", &json!({ "message": row.0, "action": action })))?;
            Ok(Some(row))
        })
        .await
    }
}

fn settle(connection: &Connection, action: &ActionId, outcome: &str) -> Result<(), StepError> {
    connection
        .prepare_cached("UPDATE sent SET outcome = ?, look_at = NULL WHERE action = ?")?
        .execute([outcome, action.as_str()])?;
    Ok(())
}

/// The message and the action that sent what came back; `None` when it was not us, or when it came back before.
fn sender_of(connection: &Connection, mailbox: &MailboxName, returned: &Returned) -> Result<Option<(Row, ActionId)>, StepError> {
    const BY: &str = "FROM sent s JOIN action a ON a.id = s.action
         WHERE s.mailbox = ? AND s.outcome IN ('accepted', 'confirmed') AND a.status = 'done'";
    let one = |sql: &str, name: &str| {
        let found = connection
            .prepare_cached(sql)?
            .query_row([mailbox.as_str(), name], |row| Ok((Row(row.get(0)?), ActionId::new(row.get::<_, String>(1)?))));
        optional(found)
    };
    if let Some(action) = &returned.action {
        return one(&format!("SELECT a.message, a.id {BY} AND s.action = ?"), action.as_str());
    }
    for id in &returned.message_ids {
        let found = one(&format!("SELECT a.message, a.id {BY} AND s.internet_message_id = ?"), id)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Keeps what is known of a mail whose action is done: from now on it is looked for in Sent Items.
pub(super) fn accept(connection: &Connection, action: &ActionId, result: &Value, now: i64) -> Result<(), StepError> {
    let draft = result.get("draft").and_then(Value::as_str);
    let message_id = result.get("internet_message_id").and_then(Value::as_str);
    // A look has found it where sent mail lies: nothing is left to confirm.
    let outcome = if result.get("found").is_some() { "confirmed" } else { "accepted" };
    let look_at = (outcome == "accepted").then_some(now + FIRST_LOOK_MS);
    connection
        .prepare_cached(
            "UPDATE sent SET outcome = ?2, draft = coalesce(?3, draft), internet_message_id = coalesce(?4, internet_message_id),
                    accepted_at = ?5, looks = 0, look_at = ?6 WHERE action = ?1",
        )?
        .execute(params![action.as_str(), outcome, draft, message_id, now, look_at])?;
    Ok(())
}
