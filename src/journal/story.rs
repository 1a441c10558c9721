//! Looking: stories, lists, counts.

use rusqlite::{Connection, params};
use serde::Serialize;
use serde_json::Value;

use super::hands::find;
use super::rows::{from_json, optional};
use super::{Journal, JournalError, Row, StepError};
use crate::ids::{ActionId, RuleName};
use crate::plan::PlannedAction;

/// Rows of a list at most.
const LIST_MAX: i64 = 10_000;

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
    /// Messages, actions and rule sets that wait for a person, unclear ones left out.
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
        self.look(move |connection| story(connection, find(connection, &name)?)).await
    }

    /// The story of the message that an action belongs to, or of the message itself, by the id that the list of what waits shows.
    ///
    /// # Errors
    /// The database cannot be read, or knows no such action or message.
    pub async fn story_of(&self, id: &str) -> Result<Story, JournalError> {
        let id = id.to_owned();
        self.look(move |connection| {
            let action = connection.prepare_cached("SELECT message FROM action WHERE id = ?")?.query_row([&id], |row| row.get(0));
            let row = optional(action)?.map_or_else(|| find(connection, &id), |row| Ok(Row(row)))?;
            story(connection, row)
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
                    + count("SELECT count(*) FROM action WHERE status IN ('rejected', 'parked')")?
                    + count("SELECT count(*) FROM brake WHERE state = 'held'")?,
            })
        })
        .await
    }
}

fn story(connection: &Connection, row: Row) -> Result<Story, StepError> {
    let message = message_line(connection, row)?;
    let mut statement = connection.prepare_cached(
        "SELECT e.at, e.kind, e.detail, a.ordinal, a.body FROM event e LEFT JOIN action a ON a.id = e.action
         WHERE e.message = ? ORDER BY e.id LIMIT ?",
    )?;
    let mut rows = statement.query(params![row.0, LIST_MAX])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let action = match (row.get::<_, Option<i64>>(3)?, row.get::<_, Option<String>>(4)?) {
            (Some(ordinal), Some(body)) => Some(format!("{}. {}", ordinal + 1, from_json::<PlannedAction>(&body)?.action)),
            _ => None,
        };
        let (at, event) = (row.get(0)?, row.get(1)?);
        lines.push(StoryLine { at, action, event, detail: from_json(&row.get::<_, String>(2)?)? });
    }
    Ok(Story { message, lines })
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
