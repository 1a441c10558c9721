//! Numbered, forward-only migrations on `PRAGMA user_version`, each in one transaction.

use std::path::Path;
use std::sync::OnceLock;

use rusqlite::Connection;

use super::JournalError;

/// The migrations in order; the schema's number is how many have been applied. Never edit one that was released.
const MIGRATIONS: [&str; 8] = [
    include_str!("migrations/0001_journal.sql"),
    include_str!("migrations/0002_deaths.sql"),
    include_str!("migrations/0003_effects.sql"),
    include_str!("migrations/0004_audit.sql"),
    include_str!("migrations/0005_subscriptions.sql"),
    include_str!("migrations/0006_looks.sql"),
    include_str!("migrations/0007_versions.sql"),
    include_str!("migrations/0008_lanes.sql"),
];

/// Brings the database to this program's schema.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), JournalError> {
    let told = |error: rusqlite::Error| JournalError::from_sqlite(path, &error);
    loop {
        let version = version(connection, path)?;
        let Some(next) = usize::try_from(version).ok().and_then(|applied| MIGRATIONS.get(applied)) else {
            require_current(connection, path)?;
            return require_whole(connection, path);
        };
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(told)?;
        transaction.execute_batch(next).map_err(told)?;
        transaction.pragma_update(None, "user_version", version + 1).map_err(told)?;
        transaction.commit().map_err(told)?;
    }
}

/// Refuses a database of another schema.
pub(super) fn require_current(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let found = version(connection, path)?;
    let at = path.display().to_string();
    match found.cmp(&known) {
        std::cmp::Ordering::Greater => Err(JournalError::TooNew { path: at, found, known }),
        std::cmp::Ordering::Less => Err(JournalError::Open {
            path: at,
            what: format!("it has schema {found}, {known} is needed; `postroom run` brings it there"),
        }),
        std::cmp::Ordering::Equal => Ok(()),
    }
}

/// A table or an index, and the statement that makes it.
type Part = (String, String);

/// Refuses a schema in which a table or an index is not as the migrations make it: SQLite takes any text that it can read for what was meant.
fn require_whole(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let compared = || Ok((parts(connection)?, meant()?));
    let (found, meant) = compared().map_err(|error: rusqlite::Error| JournalError::from_sqlite(path, &error))?;
    match meant.iter().find(|part| !found.contains(part)) {
        None => Ok(()),
        Some((name, _)) => Err(JournalError::Damaged {
            path: path.display().to_string(),
            what: format!("`{name}` in its schema is not as this program made it"),
        }),
    }
}

fn parts(connection: &Connection) -> rusqlite::Result<Vec<Part>> {
    let mut parts = connection.prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")?;
    parts.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// The schema of a database that was just made; made once for the process.
fn meant() -> rusqlite::Result<&'static [Part]> {
    static MEANT: OnceLock<Vec<Part>> = OnceLock::new();
    if let Some(meant) = MEANT.get() {
        return Ok(meant);
    }
    let fresh = Connection::open_in_memory()?;
    MIGRATIONS.iter().try_for_each(|migration| fresh.execute_batch(migration))?;
    let meant = parts(&fresh)?;
    Ok(MEANT.get_or_init(|| meant))
}

fn version(connection: &Connection, path: &Path) -> Result<i64, JournalError> {
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|error| JournalError::Open { path: path.display().to_string(), what: error.to_string() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// One sample row of every table, added after the migration that made it, must survive all later ones.
    const SAMPLES: [&str; 8] = [
        include_str!("migrations/0001_sample.sql"),
        include_str!("migrations/0002_sample.sql"),
        include_str!("migrations/0003_sample.sql"),
        include_str!("migrations/0004_sample.sql"),
        include_str!("migrations/0005_sample.sql"),
        include_str!("migrations/0006_sample.sql"),
        include_str!("migrations/0007_sample.sql"),
        include_str!("migrations/0008_sample.sql"),
    ];

    #[test]
    fn every_migration_keeps_the_rows_of_those_before() {
        let mut connection = Connection::open_in_memory().unwrap();
        for (applied, (migration, sample)) in MIGRATIONS.iter().zip(SAMPLES).enumerate() {
            connection.execute_batch(migration).unwrap();
            connection.execute_batch(sample).unwrap();
            connection.pragma_update(None, "user_version", i64::try_from(applied).unwrap() + 1).unwrap();
        }
        migrate(&mut connection, Path::new("sample")).unwrap();
        let count =
            |table: &str| connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).unwrap();
        let tables = [
            "cursor",
            "rule_set",
            "message",
            "action",
            "event",
            "memory",
            "question",
            "sent",
            "brake",
            "origin",
            "fence",
            "audit",
            "subscription",
            "version",
            "shadow",
        ];
        assert_eq!(tables.map(count), [1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
        let deaths = "SELECT group_concat(deaths) FROM message";
        assert_eq!(connection.query_row(deaths, [], |row| row.get::<_, String>(0)).unwrap(), "0,2");
        let of: String = connection.query_row("SELECT mailbox FROM action", [], |row| row.get(0)).unwrap();
        assert_eq!(of, "invoices");
        let broken: i64 = connection.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap();
        assert_eq!(broken, 0);
    }

    #[test]
    fn a_newer_database_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        let refused = migrate(&mut connection, Path::new("postroom.db")).unwrap_err();
        assert_eq!(refused.to_string(), "postroom.db has schema 99, this program knows 8; use the newer program");
    }
}
