//! What was decided: plans, questions and answers, and the rule sets that decided.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rusqlite::{Connection, params};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::rows::{from_json, optional, tell, to_json};
use super::{Journal, JournalError, Row, StepError, Waiting, brake, lanes, memory};
use crate::ids::{ActionId, MailboxName, MessageId, QuestionKey, RuleName, RuleSetHash};
use crate::mail::Envelope;
use crate::plan::{Answers, Plan, Question, hex};

/// A message that waits for a decision.
#[derive(Clone, Debug)]
pub struct Undecided {
    /// Its row.
    pub row: Row,
    /// Its mailbox.
    pub mailbox: MailboxName,
    /// What the listing said about it.
    pub envelope: Envelope,
    /// What its rules have asked and been told so far.
    pub answers: Answers,
    /// How often a decision was put off.
    pub tries: u32,
    /// How often the process died while it read the message or ran its rules.
    pub deaths: u32,
}

/// How recording a plan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The plan is written, its first action is due.
    Planned,
    /// What `recall` read has changed since: decide again.
    MemoryChanged,
    /// The message was decided before: nothing was written.
    AlreadyDecided,
}

/// Why a message ends without a plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Undone {
    /// No rule applied, or those that did want nothing.
    Nothing {
        /// The rules that applied.
        rules: Vec<RuleName>,
    },
    /// A rule said `park` or `require`, or rules contradict each other.
    Parked(String),
    /// A rule failed.
    Faulted(String),
    /// The message is no longer in the mailbox.
    Gone(String),
}

impl Journal {
    /// Messages to decide: at most so many of one mailbox and so many in all, none of mailboxes that are `full`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn undecided(
        &self,
        (of_one, in_all): (usize, usize),
        full: BTreeSet<MailboxName>,
    ) -> Result<Waiting<Undecided>, JournalError> {
        let now = self.now_ms();
        let of_one = i64::try_from(of_one).unwrap_or(i64::MAX);
        self.look(move |connection| {
            // By the index alone: what is far behind is not read whole each time.
            let mut waiting: Vec<(i64, i64)> = Vec::new();
            for mailbox in lanes::waiting(connection, ("message", "status = 'seen'"))? {
                if full.contains(&mailbox) {
                    continue;
                }
                let mut statement = connection.prepare_cached(
                    "SELECT look_at, id FROM message WHERE status = 'seen' AND mailbox = ? AND look_at <= ?
                     ORDER BY look_at, id LIMIT ?",
                )?;
                let rows = statement.query_map(params![mailbox.as_str(), now, of_one], |row| Ok((row.get(0)?, row.get(1)?)))?;
                for row in rows {
                    waiting.push(row?);
                }
            }
            waiting.sort_unstable();
            waiting.truncate(in_all);
            let next_at = connection
                .prepare_cached("SELECT min(look_at) FROM message WHERE status = 'seen' AND look_at > ?")?
                .query_row([now], |row| row.get(0))?;
            let now = waiting.into_iter().map(|(_, id)| whole(connection, Row(id))).collect::<Result<_, _>>()?;
            Ok(Waiting { now, next_at })
        })
        .await
    }

    /// Records a plan whole: its actions due, its memory written, in one transaction.
    ///
    /// # Errors
    /// The database cannot be written; nothing of the plan is.
    pub async fn record_plan(&self, row: Row, rule_set: &RuleSetHash, plan: Plan) -> Result<Recorded, JournalError> {
        let (rule_set, now) = (rule_set.clone(), self.now_ms());
        self.write(move |connection| {
            let Some((mailbox, graph_id, epoch)) = still_undecided(connection, row)? else { return Ok(Recorded::AlreadyDecided) };
            if !memory::still_holds(connection, &mailbox, &plan.recalled, now)? {
                return Ok(Recorded::MemoryChanged);
            }
            memory::remember(connection, &mailbox, &plan.remember, now)?;
            let held = brake::holds(connection, &brake::At { mailbox: &mailbox, rule_set: rule_set.as_str(), now })?;
            close(connection, row, now, ("planned", Some(&rule_set), &plan.rules, None))?;
            let detail = json!({ "rules": plan.rules, "rule_set": rule_set, "actions": plan.actions.len(), "notes": plan.notes });
            tell(connection, row, None, now, ("planned", &detail))?;
            for (ordinal, planned) in plan.actions.iter().enumerate() {
                let id = action_id(&mailbox, &graph_id, &rule_set, epoch, ordinal);
                connection
                    .prepare_cached(
                        "INSERT INTO action
                             (id, message, mailbox, ordinal, epoch, rule, kind, body, status, turn, due_at, changed_at)
                         VALUES (?1, ?2, ?10, ?3, ?4, ?5, ?6, ?7, 'due', ?8, ?9, ?9)",
                    )?
                    .execute(params![
                        id.as_str(),
                        row.0,
                        i64::try_from(ordinal).unwrap_or(i64::MAX),
                        epoch,
                        planned.rule.as_str(),
                        planned.action.kind(),
                        to_json(planned)?,
                        i64::from(ordinal == 0 && !held),
                        now,
                        mailbox.as_str()
                    ])?;
            }
            Ok(Recorded::Planned)
        })
        .await
    }

    /// Records that a message ends without a plan, and why.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn record_undone(&self, row: Row, rule_set: Option<&RuleSetHash>, undone: Undone) -> Result<(), JournalError> {
        let (rule_set, now) = (rule_set.cloned(), self.now_ms());
        self.write(move |connection| {
            if still_undecided(connection, row)?.is_none() {
                return Ok(());
            }
            let (status, rules, reason) = match undone {
                Undone::Nothing { rules } => ("none", rules, None),
                Undone::Parked(reason) => ("parked", Vec::new(), Some(reason)),
                Undone::Faulted(reason) => ("faulted", Vec::new(), Some(reason)),
                Undone::Gone(reason) => ("gone", Vec::new(), Some(reason)),
            };
            close(connection, row, now, (status, rule_set.as_ref(), &rules, reason.as_deref()))?;
            tell(connection, row, None, now, (status, &json!({ "rules": rules, "rule_set": rule_set, "reason": reason })))
        })
        .await
    }

    /// Puts a decision off: the content or an answer cannot be had now.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn put_off(&self, row: Row, after: Duration, reason: String) -> Result<(), JournalError> {
        let now = self.now_ms();
        let look_at = now.saturating_add(i64::try_from(after.as_millis()).unwrap_or(i64::MAX));
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE message SET look_at = ?, tries = tries + 1, changed_at = ? WHERE id = ? AND status = 'seen'",
                )?
                .execute(params![look_at, now, row.0])?;
            tell(connection, row, None, now, ("put_off", &json!({ "reason": reason })))
        })
        .await
    }

    /// Tells in the message's story what is odd about its content.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn record_defects(&self, row: Row, defects: Vec<String>) -> Result<(), JournalError> {
        let now = self.now_ms();
        self.write(move |connection| tell(connection, row, None, now, ("defects", &json!({ "defects": defects })))).await
    }

    /// Records a question before it is asked.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn record_question(&self, row: Row, question: &Question) -> Result<(), JournalError> {
        let (key, text, now) = (question.key(), to_json(question).map_err(|error| error.at(self.path()))?, self.now_ms());
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO question (message, key, question, asked_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                )?
                .execute(params![row.0, key.as_str(), text, now])?;
            Ok(())
        })
        .await
    }

    /// Records an answer, unless there is one: the first answer holds.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn record_answer(&self, row: Row, question: &Question, answer: Value) -> Result<(), JournalError> {
        let (key, shown, now) = (question.key(), question.to_string(), self.now_ms());
        self.write(move |connection| {
            let first = connection
                .prepare_cached(
                    "UPDATE question SET answer = ?, answered_at = ? WHERE message = ? AND key = ? AND answer IS NULL",
                )?
                .execute(params![answer.to_string(), now, row.0, key.as_str()])?;
            if first > 0 {
                tell(connection, row, None, now, ("answered", &json!({ "question": shown, "answer": answer })))?;
            }
            Ok(())
        })
        .await
    }

    /// Keeps a rule set whole, so that what it decided can be carried out as it was meant.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn keep_rule_set(&self, hash: &RuleSetHash, files: &BTreeMap<String, String>) -> Result<(), JournalError> {
        let (hash, now) = (hash.clone(), self.now_ms());
        let files = to_json(files).map_err(|error| error.at(self.path()))?;
        self.write(move |connection| {
            connection.execute(
                "INSERT INTO rule_set (hash, files, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                params![hash.as_str(), files, now],
            )?;
            Ok(())
        })
        .await
    }

    /// The files of a rule set that was kept, by path.
    ///
    /// # Errors
    /// The database cannot be read, or never saw this rule set.
    pub async fn rule_set(&self, hash: &RuleSetHash) -> Result<BTreeMap<String, String>, JournalError> {
        let hash = hash.clone();
        self.look(move |connection| {
            let files = connection
                .prepare_cached("SELECT files FROM rule_set WHERE hash = ?")?
                .query_row([hash.as_str()], |row| row.get::<_, String>(0));
            match optional(files)? {
                Some(files) => from_json(&files),
                None => Err(JournalError::Missing(format!("rule set {hash}")).into()),
            }
        })
        .await
    }
}

fn whole(connection: &Connection, row: Row) -> Result<Undecided, StepError> {
    let mut statement =
        connection.prepare_cached("SELECT mailbox, graph_id, envelope, tries, deaths FROM message WHERE id = ?")?;
    let (mut message, graph_id, envelope) = statement.query_row([row.0], |found| {
        let message = Undecided {
            row,
            mailbox: MailboxName::new(found.get::<_, String>(0)?),
            envelope: Envelope::default(),
            answers: Answers::new(),
            tries: found.get(3)?,
            deaths: found.get(4)?,
        };
        Ok((message, found.get::<_, String>(1)?, found.get::<_, String>(2)?))
    })?;
    message.envelope = from_json(&envelope)?;
    message.envelope.id = Some(MessageId::new(graph_id));
    message.answers = answers(connection, row)?;
    Ok(message)
}

pub(super) fn answers(connection: &Connection, row: Row) -> Result<Answers, StepError> {
    let mut statement = connection.prepare_cached("SELECT key, answer FROM question WHERE message = ? AND answer IS NOT NULL")?;
    let rows = statement.query_map([row.0], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let mut answers = Answers::new();
    for row in rows {
        let (key, answer) = row?;
        answers.insert(QuestionKey::new(key), from_json(&answer)?);
    }
    Ok(answers)
}

/// Mailbox, Graph id and epoch, while nobody has decided.
fn still_undecided(connection: &Connection, row: Row) -> Result<Option<(String, String, i64)>, StepError> {
    optional(
        connection
            .prepare_cached("SELECT mailbox, graph_id, epoch FROM message WHERE id = ? AND status = 'seen'")?
            .query_row([row.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))),
    )
}

type Closing<'a> = (&'a str, Option<&'a RuleSetHash>, &'a [RuleName], Option<&'a str>);

fn close(connection: &Connection, row: Row, now: i64, closing: Closing<'_>) -> Result<(), StepError> {
    let (status, rule_set, rules, reason) = closing;
    connection
        .prepare_cached("UPDATE message SET status = ?, rule_set = ?, rules = ?, reason = ?, changed_at = ? WHERE id = ?")?
        .execute(params![status, rule_set.map(RuleSetHash::as_str), to_json(&rules)?, reason, now, row.0])?;
    Ok(())
}

/// The same plan always gets the same ids, so that a repeat of any kind falls on the same key everywhere.
fn action_id(mailbox: &str, graph_id: &str, rule_set: &RuleSetHash, epoch: i64, ordinal: usize) -> ActionId {
    let mut digest = Sha256::new();
    for part in [mailbox, graph_id, rule_set.as_str(), &epoch.to_string(), &ordinal.to_string()] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
    let mut id = hex(&digest.finalize());
    id.truncate(32);
    ActionId::new(id)
}
