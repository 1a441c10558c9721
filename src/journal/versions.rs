//! Which rules were live when, who wrote them and why; and what rules in the shadow would have done.

use rusqlite::params;
use serde::Serialize;

use super::rows::optional;
use super::{Journal, JournalError, Row};
use crate::ids::{MailboxName, RuleSetHash};

/// Versions that are listed at most.
const VERSIONS_MAX: u32 = 1_000;

/// Who wrote a version, when and why, as far as the files and their history tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// Who.
    pub author: Option<String>,
    /// When, in milliseconds.
    pub written_at: Option<i64>,
    /// Why.
    pub reason: Option<String>,
}

/// A version of a mailbox's rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Version {
    /// Its hash.
    pub rule_set: RuleSetHash,
    /// From when on it was live, in milliseconds.
    pub at: i64,
    /// Who, when and why.
    #[serde(flatten)]
    pub origin: Origin,
    /// Messages that it decided.
    pub messages: i64,
}

/// What a rule set in the shadow would have done with one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shadowed {
    /// The rule set in the shadow.
    pub rule_set: RuleSetHash,
    /// The one that decided.
    pub live: RuleSetHash,
    /// What the difference comes to, in a word.
    pub change: String,
    /// Both sides in lines, as JSON; `[]` where nothing differs.
    pub lines: String,
}

/// A message with which a rule set in the shadow would have done something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowLine {
    /// Its row.
    pub row: Row,
    /// Its subject.
    pub subject: String,
    /// From.
    pub sender: String,
    /// When it was compared, in milliseconds.
    pub at: i64,
    /// What came of it.
    pub shadowed: Shadowed,
}

impl Journal {
    /// Records that a rule set, which is kept, is live from now on; nothing when it is already.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn record_version(
        &self,
        mailbox: &MailboxName,
        rule_set: &RuleSetHash,
        origin: Origin,
    ) -> Result<(), JournalError> {
        // A start with the version that was live has nothing to write.
        if self.versions(mailbox).await?.first().is_some_and(|newest| newest.rule_set == *rule_set) {
            return Ok(());
        }
        let (mailbox, rule_set, now) = (mailbox.clone(), rule_set.clone(), self.now_ms());
        self.write(move |connection| {
            connection.execute(
                "INSERT INTO version (mailbox, rule_set, author, written_at, reason, at) SELECT ?1, ?2, ?3, ?4, ?5, ?6
                 WHERE ?2 IS NOT (SELECT rule_set FROM version WHERE mailbox = ?1 ORDER BY id DESC LIMIT 1)",
                params![mailbox.as_str(), rule_set.as_str(), origin.author, origin.written_at, origin.reason, now],
            )?;
            Ok(())
        })
        .await
    }

    /// The versions of a mailbox's rules, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn versions(&self, mailbox: &MailboxName) -> Result<Vec<Version>, JournalError> {
        let mailbox = mailbox.clone();
        self.look(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT rule_set, at, author, written_at, reason,
                        (SELECT count(*) FROM message m WHERE m.mailbox = version.mailbox AND m.rule_set = version.rule_set)
                   FROM version WHERE mailbox = ? ORDER BY id DESC LIMIT ?",
            )?;
            let rows = statement.query_map(params![mailbox.as_str(), VERSIONS_MAX], |row| {
                let origin = Origin { author: row.get(2)?, written_at: row.get(3)?, reason: row.get(4)? };
                Ok(Version {
                    rule_set: RuleSetHash::new(row.get::<_, String>(0)?),
                    at: row.get(1)?,
                    origin,
                    messages: row.get(5)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The rule set that is live in a mailbox, or was when the engine last ran.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn live_version(&self, mailbox: &MailboxName) -> Result<Option<RuleSetHash>, JournalError> {
        let mailbox = mailbox.clone();
        self.look(move |connection| {
            let found = connection
                .prepare_cached("SELECT rule_set FROM version WHERE mailbox = ? ORDER BY id DESC LIMIT 1")?
                .query_row([mailbox.as_str()], |row| row.get::<_, String>(0));
            Ok(optional(found)?.map(RuleSetHash::new))
        })
        .await
    }

    /// Records what a rule set in the shadow would have done with a message.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn record_shadow(&self, row: Row, shadowed: Shadowed) -> Result<(), JournalError> {
        let now = self.now_ms();
        self.write(move |connection| {
            let Shadowed { rule_set, live, change, lines } = shadowed;
            connection
                .prepare_cached(
                    "INSERT INTO shadow (message, rule_set, live, change, lines, at) VALUES (?, ?, ?, ?, ?, ?)
                     ON CONFLICT DO UPDATE SET live = excluded.live, change = excluded.change, lines = excluded.lines, at = excluded.at",
                )?
                .execute(params![row.0, rule_set.as_str(), live.as_str(), change, lines, now])?;
            Ok(())
        })
        .await
    }

    /// How many messages a rule set in the shadow would have treated how.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn shadow_counts(&self, mailbox: &MailboxName, rule_set: &RuleSetHash) -> Result<Vec<(String, i64)>, JournalError> {
        let (mailbox, rule_set) = (mailbox.clone(), rule_set.clone());
        self.look(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT change, count(*) FROM shadow s JOIN message m ON m.id = s.message
                  WHERE m.mailbox = ? AND s.rule_set = ? GROUP BY change ORDER BY change",
            )?;
            let rows = statement.query_map([mailbox.as_str(), rule_set.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The messages with which a rule set in the shadow would have done something else, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn shadow_differences(
        &self,
        mailbox: &MailboxName,
        rule_set: &RuleSetHash,
        limit: u32,
    ) -> Result<Vec<ShadowLine>, JournalError> {
        let (mailbox, rule_set) = (mailbox.clone(), rule_set.clone());
        self.look(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT s.message, coalesce(m.subject, ''), coalesce(m.sender, ''), s.at, s.rule_set, s.live, s.change, s.lines
                   FROM shadow s JOIN message m ON m.id = s.message
                  WHERE m.mailbox = ? AND s.rule_set = ? AND s.change <> 'same' ORDER BY s.message DESC LIMIT ?",
            )?;
            let rows = statement.query_map(params![mailbox.as_str(), rule_set.as_str(), limit], |row| {
                let shadowed = Shadowed {
                    rule_set: RuleSetHash::new(row.get::<_, String>(4)?),
                    live: RuleSetHash::new(row.get::<_, String>(5)?),
                    change: row.get(6)?,
                    lines: row.get(7)?,
                };
                Ok(ShadowLine { row: Row(row.get(0)?), subject: row.get(1)?, sender: row.get(2)?, at: row.get(3)?, shadowed })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}
