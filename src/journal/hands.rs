//! People's hands: what waits for a person, and a person's word on it.

use rusqlite::{Connection, params};
use serde::Serialize;
use serde_json::json;

use super::actions::apply;
use super::rows::{optional, tell};
use super::{Event, Journal, JournalError, Row, StepError, brake};
use crate::ids::ActionId;

/// Rows of a list at most.
const LIST_MAX: i64 = 10_000;

/// Something that waits for a person; its JSON keys are fixed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ParkedLine {
    /// Message-ID, or Graph's id where there is none; empty for a whole rule set.
    pub message_id: String,
    /// The subject.
    pub subject: String,
    /// The mailbox.
    pub mailbox: String,
    /// The action's kind; empty when the whole message waits, `rules` when a rule set does.
    pub action: String,
    /// How it waits.
    pub state: WaitingState,
    /// Why, with what is known.
    pub reason: String,
    /// Since when, RFC 3339.
    pub since: String,
    /// What `parked retry` and its neighbours take: an action's id, a message's row, or a rule set's name.
    pub id: String,
}

/// How something waits for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WaitingState {
    /// Put aside with its reason.
    Parked,
    /// Refused by the remote, or come back.
    Rejected,
    /// Not known whether it happened; still being looked at.
    Unclear,
}

/// A person's word on what waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// Try it again: a message is decided again, an action goes on from where it stands, held rules go on.
    Retry {
        /// Who says so.
        by: String,
    },
    /// Leave it out: a message is closed, an action is passed over and the next one goes on.
    Skip {
        /// Who says so.
        by: String,
    },
    /// It has happened, or was done by hand: the next action goes on.
    Done {
        /// Who says so.
        by: String,
    },
}

impl Journal {
    /// Everything that waits for a person, longest waiting first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn parked(&self) -> Result<Vec<ParkedLine>, JournalError> {
        self.look(|connection| {
            let mut lines: Vec<ParkedLine> = brake::held_rules(connection)?.into_iter().map(held_line).collect();
            let mut statement = connection.prepare_cached(
                "SELECT coalesce(m.internet_message_id, m.graph_id), coalesce(m.subject, ''), m.mailbox, w.kind, w.status,
                        coalesce(w.reason, ''), w.since, w.id
                 FROM (SELECT id AS message, '' AS kind, 'parked' AS status, reason, changed_at AS since, CAST(id AS TEXT) AS id
                         FROM message WHERE status IN ('parked', 'faulted')
                       UNION ALL
                       SELECT message, kind, status, reason, coalesce(unclear_at, changed_at), id
                         FROM action WHERE status IN ('rejected', 'parked', 'unclear')) w
                 JOIN message m ON m.id = w.message ORDER BY w.since LIMIT ?",
            )?;
            let rows = statement.query_map([LIST_MAX], |row| {
                let state = match row.get::<_, String>(4)?.as_str() {
                    "rejected" => WaitingState::Rejected,
                    "unclear" => WaitingState::Unclear,
                    _ => WaitingState::Parked,
                };
                Ok(ParkedLine {
                    message_id: row.get(0)?,
                    subject: row.get(1)?,
                    mailbox: row.get(2)?,
                    action: row.get(3)?,
                    state,
                    reason: row.get(5)?,
                    since: crate::clock::from_ms(row.get(6)?).to_string(),
                    id: row.get(7)?,
                })
            })?;
            for row in rows {
                lines.push(row?);
            }
            Ok(lines)
        })
        .await
    }

    /// A person's word on an action, a message or held rules. Gives what comes of it, in words.
    ///
    /// # Errors
    /// Nothing of that name waits.
    pub async fn speak(&self, name: &str, word: Word) -> Result<String, JournalError> {
        let (name, now) = (name.to_owned(), self.now_ms());
        self.write(move |connection| {
            if let Some(told) = brake::speak(connection, &name, &word, now)? {
                return Ok(told);
            }
            if let Some(told) = speak_of_action(connection, &name, &word, now)? {
                return Ok(told);
            }
            speak_of_message(connection, &name, &word, now)
        })
        .await
    }
}

fn held_line(held: brake::HeldRules) -> ParkedLine {
    ParkedLine {
        message_id: String::new(),
        subject: format!("{} messages wait for these rules", held.messages),
        mailbox: held.mailbox,
        action: "rules".to_owned(),
        state: WaitingState::Parked,
        reason: format!(
            "{}: look at what they did, then let them go on (retry) or leave the waiting messages out (skip)",
            held.reason
        ),
        since: crate::clock::from_ms(held.since).to_string(),
        id: held.id,
    }
}

fn speak_of_action(connection: &Connection, name: &str, word: &Word, now: i64) -> Result<Option<String>, StepError> {
    let action = connection
        .prepare("SELECT message, kind FROM action WHERE id = ?")?
        .query_row([name], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
    let Some((row, kind)) = optional(action)? else { return Ok(None) };
    let (event, told) = match word.clone() {
        Word::Retry { by } => (Event::Retried { by }, "is tried again"),
        Word::Skip { by } => (Event::Skipped { by }, "is left out"),
        Word::Done { by } => (Event::DoneByHand { by }, "counts as done"),
    };
    apply(connection, Row(row), &ActionId::new(name), &event, now)?;
    Ok(Some(format!("the {kind} of message {row} {told}")))
}

fn speak_of_message(connection: &Connection, name: &str, word: &Word, now: i64) -> Result<String, StepError> {
    let row = find(connection, name)?;
    let (status, event, by, told) = match word {
        Word::Retry { by } => ("seen", "retried", by, "is decided again"),
        Word::Skip { by } => ("none", "skipped", by, "is left out"),
        Word::Done { by } => ("none", "done_by_hand", by, "counts as done"),
    };
    let changed = connection.execute(
        "UPDATE message SET status = ?, look_at = ?, tries = 0, deaths = 0, changed_at = ? WHERE id = ? AND status IN ('parked', 'faulted')",
        params![status, now, now, row.0],
    )?;
    if changed == 0 {
        let waiting = format!("parked message {name}; an action is named by the `id` that `parked list --json` shows");
        return Err(JournalError::Missing(waiting).into());
    }
    tell(connection, row, None, now, (event, &json!({ "by": by })))?;
    Ok(format!("message {} {told}", row.0))
}

/// The message named by its row, Message-ID or Graph id; of several with one Message-ID, the newest.
pub(super) fn find(connection: &Connection, name: &str) -> Result<Row, StepError> {
    // Most names are numbers, and these are found without reading all messages.
    let row = name.parse::<i64>().ok().filter(|row| row.to_string() == name);
    let by_row = connection.prepare_cached("SELECT id FROM message WHERE id = ?")?.query_row([row], |row| row.get(0).map(Row));
    if let Some(found) = optional(by_row)? {
        return Ok(found);
    }
    let bracketed = format!("<{}>", name.trim_matches(['<', '>']));
    let found = connection
        .prepare_cached(
            "SELECT id FROM message WHERE graph_id = ?1 OR internet_message_id = ?2 ORDER BY status = 'linked', id DESC LIMIT 1",
        )?
        .query_row([name, &bracketed], |row| row.get(0).map(Row));
    optional(found)?.ok_or_else(|| JournalError::Missing(format!("message {name}")).into())
}
