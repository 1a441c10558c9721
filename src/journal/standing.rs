//! How a mailbox stands: how far it has been looked at, what came and what waits.

use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde::Serialize;

use super::audit::newest;
use super::{Journal, JournalError, StepError};
use crate::clock::from_ms;
use crate::ids::MailboxName;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What the journal knows of a mailbox as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Its name.
    pub mailbox: String,
    /// Its folders that are followed, each with the time of its last round.
    pub folders: Vec<(String, Timestamp)>,
    /// The folders of which the service tells, each with the time until which it does.
    pub subscriptions: Vec<(String, Timestamp)>,
    /// Calls to the mailbox in the ten minutes before the last round.
    pub calls: i64,
    /// Up to when everything that it received is accounted for; `None` before the first audit.
    pub audited_until: Option<Timestamp>,
    /// When that was found out; before the first audit, since when there is something to audit.
    pub audited_at: Option<Timestamp>,
    /// Messages that it received in the last day, as its audits counted them.
    pub received: i64,
    /// Those of them that an audit had to take in.
    pub missed: i64,
    /// Messages waiting for a decision.
    pub undecided: i64,
    /// The longest of them waits since.
    pub undecided_since: Option<Timestamp>,
    /// Actions under way or to come.
    pub open: i64,
    /// Messages and actions that wait for a person.
    pub waiting: i64,
}

impl Journal {
    /// How a mailbox stands by what has been written down so far.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn standing(&self, mailbox: &MailboxName) -> Result<Standing, JournalError> {
        let (mailbox, now) = (mailbox.clone(), self.now_ms());
        self.look(move |connection| standing(connection, &mailbox, now)).await
    }
}

fn standing(connection: &Connection, mailbox: &MailboxName, now: i64) -> Result<Standing, StepError> {
    let name = mailbox.as_str();
    let count = |sql: &str| connection.prepare_cached(sql)?.query_row([name], |row| row.get::<_, i64>(0));
    let times = |sql: &str| {
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map([name], |row| Ok((row.get(0)?, from_ms(row.get(1)?))))?;
        rows.collect::<Result<Vec<(String, Timestamp)>, _>>()
    };
    let (received, missed) = connection
        .prepare_cached("SELECT coalesce(sum(received), 0), coalesce(sum(missed), 0) FROM audit WHERE mailbox = ? AND until > ?")?
        .query_row(params![name, now - DAY_MS], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let undecided_since: Option<i64> = connection
        .prepare_cached("SELECT min(seen_at) FROM message WHERE mailbox = ? AND status = 'seen'")?
        .query_row([name], |row| row.get(0))?;
    let audit = newest(connection, mailbox)?;
    let of_action = "SELECT count(*) FROM action a JOIN message m ON m.id = a.message WHERE m.mailbox = ? AND";
    Ok(Standing {
        mailbox: name.to_owned(),
        folders: times("SELECT folder, at FROM cursor WHERE mailbox = ? AND followed = 1 ORDER BY folder")?,
        subscriptions: times("SELECT folder, expires_at FROM subscription WHERE mailbox = ? ORDER BY folder")?,
        calls: count(
            "SELECT coalesce((SELECT calls FROM cursor WHERE mailbox = ? AND followed = 1 ORDER BY at DESC LIMIT 1), 0)",
        )?,
        // The first line says only from when on.
        audited_until: audit.filter(|audit| audit.since < audit.until).map(|audit| audit.until),
        audited_at: audit.map(|audit| audit.at),
        received,
        missed,
        undecided: count("SELECT count(*) FROM message WHERE mailbox = ? AND status = 'seen'")?,
        undecided_since: undecided_since.map(from_ms),
        open: count(&format!(
            "{of_action} (a.status = 'running' OR (a.turn = 1 AND a.status IN ('due', 'deferred', 'unclear')))"
        ))?,
        waiting: count("SELECT count(*) FROM message WHERE mailbox = ? AND status IN ('parked', 'faulted')")?
            + count(&format!("{of_action} a.status IN ('rejected', 'parked')"))?
            + count("SELECT count(*) FROM brake WHERE mailbox = ? AND state = 'held'")?,
    })
}
