//! The brake on rules that run away: the first effects of a changed rule set are counted, and when many messages wait for it, it stops
//! after so many until a person has looked. A held message is one whose first action has not been given its turn.

use rusqlite::{Connection, params};
use serde::Serialize;
use serde_json::json;

use super::actions::apply;
use super::rows::{optional, tell};
use super::{Event, Journal, JournalError, Row, StepError};
use crate::ids::ActionId;

/// How far a changed rule set is trusted. The first rule set of a mailbox is the one it was set up with, and is not braked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brake {
    /// Effects before a person has looked.
    pub effects: u32,
    /// With so many messages waiting or fewer, nobody is asked.
    pub waiting: u32,
}

/// Which rule set in which mailbox, and when.
pub(super) struct At<'a> {
    pub mailbox: &'a str,
    pub rule_set: &'a str,
    pub now: i64,
}

/// Rules that wait for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldRules {
    /// What `parked retry` and `parked skip` take: `rules:invoices:7f3a91c2`.
    pub id: String,
    /// The mailbox.
    pub mailbox: String,
    /// Why.
    pub reason: String,
    /// Since when, in milliseconds.
    pub since: i64,
    /// Messages whose actions wait for it.
    pub messages: i64,
}

/// Digits of a rule set's hash in a name.
const SHORT: usize = 8;

/// Meets the rule set that decided a message: whether its actions must wait.
pub(super) fn holds(connection: &Connection, at: &At<'_>) -> Result<bool, StepError> {
    if let Some(state) = state(connection, at)? {
        return Ok(state == "held");
    }
    // The first rule set of a mailbox is trusted; so is one that comes back.
    connection
        .prepare_cached(
            "INSERT INTO brake (mailbox, rule_set, state, changed_at)
             SELECT ?1, ?2, CASE WHEN EXISTS (SELECT 1 FROM brake WHERE mailbox = ?1) THEN 'watched' ELSE 'released' END, ?3",
        )?
        .execute(params![at.mailbox, at.rule_set, at.now])?;
    Ok(false)
}

fn state(connection: &Connection, at: &At<'_>) -> Result<Option<String>, StepError> {
    optional(
        connection
            .prepare_cached("SELECT state FROM brake WHERE mailbox = ? AND rule_set = ?")?
            .query_row([at.mailbox, at.rule_set], |row| row.get(0)),
    )
}

/// Whether a call may be made, and counts it when it is the first of its actions: neighbours that one call carries are one effect.
pub(super) fn lets_begin(connection: &Connection, first: &ActionId, limit: Brake, at: &At<'_>) -> Result<bool, StepError> {
    let attempt: u32 =
        connection.prepare_cached("SELECT attempt FROM action WHERE id = ?")?.query_row([first.as_str()], |row| row.get(0))?;
    if attempt > 0 {
        return Ok(true);
    }
    let Some(mut state) = state(connection, at)? else { return Ok(true) };
    match state.as_str() {
        "held" => return Ok(false),
        "released" => return Ok(true),
        _ => {}
    }
    if state == "watched" && waiting(connection, at)? > i64::from(limit.waiting) {
        "armed".clone_into(&mut state);
    }
    let effects: u32 = connection
        .prepare_cached(
            "UPDATE brake SET state = ?3, effects = effects + 1, changed_at = ?4 WHERE mailbox = ?1 AND rule_set = ?2
             RETURNING effects",
        )?
        .query_row(params![at.mailbox, at.rule_set, state, at.now], |row| row.get(0))?;
    if effects < limit.effects {
        return Ok(true);
    }
    if state == "armed" {
        // The one that was counted last is still begun, which gives it its turn back.
        hold(connection, &format!("the rules were changed, and {effects} of their effects have been brought about"), at)?;
    } else {
        set(connection, "released", None, at)?;
    }
    Ok(true)
}

fn set(connection: &Connection, state: &str, reason: Option<&str>, at: &At<'_>) -> Result<(), StepError> {
    connection
        .prepare_cached(
            "UPDATE brake SET state = ?3, reason = ?4, effects = 0, changed_at = ?5 WHERE mailbox = ?1 AND rule_set = ?2",
        )?
        .execute(params![at.mailbox, at.rule_set, state, reason, at.now])?;
    Ok(())
}

/// Messages that this rule set would still touch: those not decided yet, and those decided by it of which nothing has begun.
fn waiting(connection: &Connection, at: &At<'_>) -> Result<i64, StepError> {
    Ok(connection
        .prepare_cached(
            "SELECT (SELECT count(*) FROM message WHERE status = 'seen' AND mailbox = ?1)
                  + (SELECT count(*) FROM action a JOIN message m ON m.id = a.message
                      WHERE a.turn = 1 AND a.status IN ('due', 'deferred') AND a.attempt = 0 AND m.mailbox = ?1 AND m.rule_set = ?2)",
        )?
        .query_row([at.mailbox, at.rule_set], |row| row.get(0))?)
}

/// Takes the turn from everything that has not begun.
pub(super) fn hold(connection: &Connection, reason: &str, at: &At<'_>) -> Result<(), StepError> {
    set(connection, "held", Some(reason), at)?;
    connection
        .prepare_cached(
            "UPDATE action SET turn = 0, status = 'due' WHERE turn = 1 AND status IN ('due', 'deferred') AND attempt = 0
                AND message IN (SELECT id FROM message WHERE mailbox = ? AND rule_set = ?)",
        )?
        .execute([at.mailbox, at.rule_set])?;
    Ok(())
}

/// The first action of each message that waits for a rule set. `turn` is 0 for all of a message's actions only while it is held.
const HELD: &str = "SELECT m.id, a.id FROM message m JOIN action a ON a.message = m.id AND a.epoch = m.epoch
     WHERE m.mailbox = ?1 AND m.rule_set = ?2 AND a.status = 'due' AND a.turn = 0
       AND a.ordinal = (SELECT min(b.ordinal) FROM action b WHERE b.message = m.id AND b.epoch = m.epoch AND b.status <> 'done')";

impl Journal {
    /// Rules that wait for a person.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn held_rules(&self) -> Result<Vec<HeldRules>, JournalError> {
        self.look(held_rules).await
    }
}

pub(super) fn held_rules(connection: &Connection) -> Result<Vec<HeldRules>, StepError> {
    let mut statement = connection
        .prepare_cached("SELECT mailbox, rule_set, reason, changed_at FROM brake WHERE state = 'held' ORDER BY changed_at")?;
    let held = statement.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get::<_, i64>(3)?))
    })?;
    let mut rules = Vec::new();
    for row in held {
        let (mailbox, rule_set, reason, since) = row?;
        let messages = connection
            .prepare_cached(&format!("SELECT count(*) FROM ({HELD})"))?
            .query_row([&mailbox, &rule_set], |row| row.get(0))?;
        let short = rule_set.get(..SHORT).unwrap_or(&rule_set);
        rules.push(HeldRules { id: format!("rules:{mailbox}:{short}"), mailbox, reason, since, messages });
    }
    Ok(rules)
}

/// A person's word on held rules, by the name that [`HeldRules::id`] gives. `None` when nothing of that name is held.
pub(super) fn speak(connection: &Connection, name: &str, word: &super::Word, now: i64) -> Result<Option<String>, StepError> {
    let Some((mailbox, short)) = name.strip_prefix("rules:").and_then(|rest| rest.rsplit_once(':')) else { return Ok(None) };
    let found = connection
        .prepare("SELECT rule_set FROM brake WHERE state = 'held' AND mailbox = ?1 AND substr(rule_set, 1, length(?2)) = ?2")?
        .query_row([mailbox, short], |row| row.get::<_, String>(0));
    let Some(rule_set) = optional(found)? else { return Ok(None) };
    let at = At { mailbox, rule_set: &rule_set, now };
    let held: Vec<(i64, String)> = connection
        .prepare(HELD)?
        .query_map([mailbox, &rule_set], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let count = held.len();
    match word {
        super::Word::Retry { by } => {
            set(connection, "released", None, &at)?;
            for (row, action) in held {
                connection
                    .prepare_cached("UPDATE action SET turn = 1, due_at = ? WHERE id = ?")?
                    .execute(params![now, action])?;
                tell(connection, Row(row), None, now, ("released", &json!({ "by": by, "rule_set": rule_set })))?;
            }
            Ok(Some(format!("rule set {short} of {mailbox} goes on: {count} messages are worked off")))
        }
        super::Word::Skip { by } | super::Word::Done { by } => {
            set(connection, "watched", None, &at)?;
            for (row, _) in held {
                leave_out(connection, Row(row), by, now)?;
            }
            Ok(Some(format!("rule set {short} of {mailbox} goes on with what comes: {count} messages are left out")))
        }
    }
}

/// Passes over every action of a message that has not begun.
fn leave_out(connection: &Connection, row: Row, by: &str, now: i64) -> Result<(), StepError> {
    let due: Vec<String> = connection
        .prepare_cached(
            "SELECT a.id FROM action a JOIN message m ON m.id = a.message AND m.epoch = a.epoch
             WHERE m.id = ? AND a.status = 'due' ORDER BY a.ordinal",
        )?
        .query_map([row.0], |found| found.get(0))?
        .collect::<Result<_, _>>()?;
    for id in due {
        apply(connection, row, &ActionId::new(id), &Event::Skipped { by: by.to_owned() }, now)?;
    }
    Ok(())
}
