//! Looking: stories, what waits for a person, and a person's word on it.

use rusqlite::{Connection, params};
use serde::Serialize;
use serde_json::{Value, json};

use super::actions::apply;
use super::rows::{from_json, optional, tell};
use super::{Event, Journal, JournalError, Row, StepError};
use crate::ids::{ActionId, RuleName};
use crate::plan::PlannedAction;

/// Rows of a list at most.
const LIST_MAX: i64 = 10_000;

/// Something that waits for a person; its JSON keys are fixed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ParkedLine {
    /// Message-ID, or Graph's id where there is none.
    pub message_id: String,
    /// The subject.
    pub subject: String,
    /// The mailbox.
    pub mailbox: String,
    /// The action's kind; empty when the whole message waits.
    pub action: String,
    /// How it waits.
    pub state: WaitingState,
    /// Why, with what is known.
    pub reason: String,
    /// Since when, RFC 3339.
    pub since: String,
    /// What `parked retry` and `parked skip` take: an action's id, or the message's row.
    pub id: String,
}

/// How something waits for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WaitingState {
    /// Put aside with its reason.
    Parked,
    /// Refused by the remote.
    Rejected,
    /// Not known whether it happened; still being looked at.
    Unclear,
}

/// The recorded story of one message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Story {
    /// Its line in a list.
    pub message: MessageLine,
    /// Its events in order.
    pub lines: Vec<StoryLine>,
}

/// One event of a story.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoryLine {
    /// When, in milliseconds.
    pub at: i64,
    /// The action it is about: its position and line.
    pub action: Option<String>,
    /// The event's name.
    pub event: String,
    /// What belongs to it.
    pub detail: Value,
}

/// A message in a list, with its actions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MessageLine {
    /// Its row.
    pub row: i64,
    /// The mailbox.
    pub mailbox: String,
    /// Message-ID.
    pub message_id: Option<String>,
    /// The subject.
    pub subject: String,
    /// From.
    pub sender: String,
    /// When it was first seen, in milliseconds.
    pub seen_at: i64,
    /// `seen`, `planned`, `none`, `parked`, `faulted`, `linked` or `gone`.
    pub status: String,
    /// The rules that applied.
    pub rules: Vec<RuleName>,
    /// The rule set that decided.
    pub rule_set: Option<String>,
    /// Why, where it is not planned.
    pub reason: Option<String>,
    /// Its actions in order.
    pub actions: Vec<StoryAction>,
}

/// An action in a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoryAction {
    /// Its id.
    pub id: ActionId,
    /// What it is.
    pub planned: PlannedAction,
    /// Where it stands.
    pub status: String,
    /// Why, or what was found.
    pub reason: Option<String>,
    /// What the remote answered.
    pub result: Option<Value>,
}

/// How much of what there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Messages ever seen.
    pub messages: i64,
    /// Messages not decided yet.
    pub undecided: i64,
    /// Actions that are due, running, deferred or unclear.
    pub open: i64,
    /// Messages and actions that wait for a person, unclear ones left out.
    pub waiting: i64,
}

impl Journal {
    /// The newest messages with their actions, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn newest(&self, limit: u32) -> Result<Vec<MessageLine>, JournalError> {
        self.look(move |connection| {
            let mut statement = connection.prepare_cached("SELECT id FROM message ORDER BY id DESC LIMIT ?")?;
            let rows: Vec<i64> = statement.query_map([limit], |row| row.get(0))?.collect::<Result<_, _>>()?;
            rows.into_iter().map(|row| message_line(connection, Row(row))).collect()
        })
        .await
    }

    /// The story of the message named by its row, Message-ID or Graph id; of several with one Message-ID, the newest.
    ///
    /// # Errors
    /// The database cannot be read, or knows no such message.
    pub async fn story(&self, name: &str) -> Result<Story, JournalError> {
        let name = name.to_owned();
        self.look(move |connection| {
            let row = find(connection, &name)?;
            let message = message_line(connection, row)?;
            let mut statement = connection.prepare_cached(
                "SELECT e.at, e.kind, e.detail, a.ordinal, a.body FROM event e LEFT JOIN action a ON a.id = e.action
                 WHERE e.message = ? ORDER BY e.id LIMIT ?",
            )?;
            let mut rows = statement.query(params![row.0, LIST_MAX])?;
            let mut lines = Vec::new();
            while let Some(row) = rows.next()? {
                let action = match (row.get::<_, Option<i64>>(3)?, row.get::<_, Option<String>>(4)?) {
                    (Some(ordinal), Some(body)) => {
                        Some(format!("{}. {}", ordinal + 1, from_json::<PlannedAction>(&body)?.action))
                    }
                    _ => None,
                };
                lines.push(StoryLine {
                    at: row.get(0)?,
                    action,
                    event: row.get(1)?,
                    detail: from_json(&row.get::<_, String>(2)?)?,
                });
            }
            Ok(Story { message, lines })
        })
        .await
    }

    /// Everything that waits for a person, longest waiting first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn parked(&self) -> Result<Vec<ParkedLine>, JournalError> {
        self.look(|connection| {
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
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// How much of what there is.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn counts(&self) -> Result<Counts, JournalError> {
        self.look(|connection| {
            let count = |sql: &str| connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0));
            Ok(Counts {
                messages: count("SELECT count(*) FROM message")?,
                undecided: count("SELECT count(*) FROM message WHERE status = 'seen'")?,
                open: count("SELECT count(*) FROM action WHERE turn = 1 AND status IN ('due', 'deferred', 'unclear')")?
                    + count("SELECT count(*) FROM action WHERE status = 'running'")?,
                waiting: count("SELECT count(*) FROM message WHERE status IN ('parked', 'faulted')")?
                    + count("SELECT count(*) FROM action WHERE status IN ('rejected', 'parked')")?,
            })
        })
        .await
    }

    /// A person wants it tried again: a parked message is decided again, an action goes on from where it stands. Gives what it was.
    ///
    /// # Errors
    /// Nothing of that name waits.
    pub async fn retry(&self, name: &str, by: &str) -> Result<String, JournalError> {
        self.speak(name, by, true).await
    }

    /// A person wants it left out: a parked message is closed, an action is passed over and the next one goes on.
    ///
    /// # Errors
    /// Nothing of that name waits.
    pub async fn skip(&self, name: &str, by: &str) -> Result<String, JournalError> {
        self.speak(name, by, false).await
    }

    async fn speak(&self, name: &str, by: &str, again: bool) -> Result<String, JournalError> {
        let (name, by, now) = (name.to_owned(), by.to_owned(), self.now_ms());
        self.write(move |connection| {
            let action = connection
                .prepare("SELECT message, kind FROM action WHERE id = ?")?
                .query_row([&name], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
            if let Some((row, kind)) = optional(action)? {
                let event = if again { Event::Retried { by } } else { Event::Skipped { by } };
                apply(connection, Row(row), &ActionId::new(name.as_str()), &event, now)?;
                return Ok(format!("{kind} of message {row}"));
            }
            let row = find(connection, &name)?;
            let (status, word) = if again { ("seen", "retried") } else { ("none", "skipped") };
            let changed = connection.execute(
                "UPDATE message SET status = ?, look_at = ?, tries = 0, deaths = 0, changed_at = ? WHERE id = ? AND status IN ('parked', 'faulted')",
                params![status, now, now, row.0],
            )?;
            if changed == 0 {
                let waiting = format!("parked message {name}; an action is named by the `id` that `parked list --json` shows");
                return Err(JournalError::Missing(waiting).into());
            }
            tell(connection, row, None, now, (word, &json!({ "by": by })))?;
            Ok(format!("message {}", row.0))
        })
        .await
    }
}

fn find(connection: &Connection, name: &str) -> Result<Row, StepError> {
    let bracketed = format!("<{}>", name.trim_matches(['<', '>']));
    let found = connection
        .prepare_cached(
            "SELECT id FROM message WHERE id = CAST(?1 AS INTEGER) AND CAST(id AS TEXT) = ?1 OR graph_id = ?1 OR internet_message_id = ?2
             ORDER BY status = 'linked', id DESC LIMIT 1",
        )?
        .query_row([name, &bracketed], |row| row.get(0).map(Row));
    optional(found)?.ok_or_else(|| JournalError::Missing(format!("message {name}")).into())
}

fn message_line(connection: &Connection, row: Row) -> Result<MessageLine, StepError> {
    let line = connection
        .prepare_cached(
            "SELECT mailbox, internet_message_id, coalesce(subject, ''), coalesce(sender, ''), seen_at, status, rules, rule_set, reason
             FROM message WHERE id = ?",
        )?
        .query_row([row.0], |found| {
            let rules: String = found.get(6)?;
            let line = MessageLine {
                row: row.0,
                mailbox: found.get(0)?,
                message_id: found.get(1)?,
                subject: found.get(2)?,
                sender: found.get(3)?,
                seen_at: found.get(4)?,
                status: found.get(5)?,
                rules: Vec::new(),
                rule_set: found.get(7)?,
                reason: found.get(8)?,
                actions: Vec::new(),
            };
            Ok((line, rules))
        })?;
    let (mut line, rules) = line;
    line.rules = from_json(&rules)?;
    let mut statement = connection
        .prepare_cached("SELECT id, body, status, reason, result FROM action WHERE message = ? ORDER BY epoch, ordinal")?;
    let mut rows = statement.query([row.0])?;
    while let Some(row) = rows.next()? {
        line.actions.push(StoryAction {
            id: ActionId::new(row.get::<_, String>(0)?),
            planned: from_json(&row.get::<_, String>(1)?)?,
            status: row.get(2)?,
            reason: row.get(3)?,
            result: row.get::<_, Option<String>>(4)?.map(|text| from_json(&text)).transpose()?,
        });
    }
    Ok(line)
}
