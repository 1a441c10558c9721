//! Which mailboxes have something waiting, found without reading what waits.

use rusqlite::{Connection, OptionalExtension};

use crate::ids::MailboxName;

/// What a loop finds when it looks for its work.
#[derive(Clone, Debug)]
pub struct Waiting<T> {
    /// What can be taken up now, longest waiting first.
    pub now: Vec<T>,
    /// When the first of what waits for a later time can be, in milliseconds.
    pub next_at: Option<i64>,
}

/// The mailboxes with rows of a table for which a condition holds; both are ours, and an index by mailbox stands behind them.
pub(super) fn waiting(connection: &Connection, (table, condition): (&str, &str)) -> rusqlite::Result<Vec<MailboxName>> {
    let mut next = connection
        .prepare_cached(&format!("SELECT mailbox FROM {table} WHERE {condition} AND mailbox > ?1 ORDER BY mailbox LIMIT 1"))?;
    let mut found: Vec<MailboxName> = Vec::new();
    loop {
        let last = found.last().map_or("", MailboxName::as_str);
        let Some(name) = next.query_row([last], |row| row.get::<_, String>(0)).optional()? else { return Ok(found) };
        found.push(MailboxName::new(name));
    }
}
