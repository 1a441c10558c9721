//! The only SQL: what arrived, what shall happen, what did happen, in one SQLite file.
//!
//! Owns the database file, its lock, its migrations and the legal moves of an action. Speaks in whole steps of the domain, each one
//! transaction with a sentence for a name. Never lets a rusqlite type out, never keeps a transaction open across an `.await`.

mod actions;
mod arrivals;
mod audit;
mod backfill;
mod begin;
mod brake;
#[cfg(test)]
mod brake_stories;
mod deciding;
mod decisions;
mod delivery;
mod fold;
mod hands;
mod jump;
mod lanes;
mod lock;
mod memory;
mod migrations;
mod past;
mod rows;
mod standing;
#[cfg(test)]
mod stories;
mod story;
mod subscriptions;
mod versions;
mod witness;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::watch;

pub use actions::{ActionRow, LeftAlone, Turn};
pub use arrivals::{Arrival, Looked, Sighting};
pub use audit::{Audit, Received};
pub use begin::{Beginning, Begun, Limits, Pace, Sent};
pub use brake::{Brake, HeldRules};
pub use deciding::{Deciding, Mark};
pub use decisions::{Recorded, Undecided, Undone};
pub use delivery::{AcceptedMail, Returned};
pub use fold::{Event, IllegalMove, Status, next_status};
pub use hands::{ParkedLine, WaitingState, Word};
pub use lanes::Waiting;
pub use lock::{InstanceKey, Lock};
pub use past::{Decided, Told, Which};
pub use standing::Standing;
pub use story::{Counts, MessageLine, Story, StoryAction, StoryLine};
pub use subscriptions::HeldSubscription;
pub use versions::{Origin, ShadowLine, Shadowed, Version};
pub use witness::Testimony;

use crate::clock::Clock;
use witness::Witness;
use writer::Writer;

/// A message's row in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Row(pub i64);

/// SQLite of at least 3.51.3: everything older can corrupt a WAL when two connections write and checkpoint at once.
const SQLITE_MIN: i32 = 3_051_003;

/// How long a write waits for another process that holds the database.
const BUSY: Duration = Duration::from_secs(5);

/// Why the journal could not do what it was asked to.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk is full: nothing was written, the same step can be tried again when there is space.
    #[error("the disk is full: {path} could not be written; free some space, nothing was lost")]
    Full {
        /// The database.
        path: String,
    },
    /// Reading or writing failed; after that nothing SQLite says can be trusted and the process must end.
    #[error("{path} failed: {what}; the process must end and start again")]
    Broken {
        /// The database.
        path: String,
        /// What SQLite said.
        what: String,
    },
    /// What the file holds cannot be right: a disk or a person wrote over it. Starting again does not help.
    #[error(
        "{path} is damaged: {what}; put it aside with its -wal and -shm, and put a backup in its place: what may have happened since it \
         was made is looked for before it is brought about again"
    )]
    Damaged {
        /// The database.
        path: String,
        /// What SQLite found.
        what: String,
    },
    /// Another process held the database for longer than five seconds.
    #[error("{path} is held by another process; tried for 5 s")]
    Busy {
        /// The database.
        path: String,
    },
    /// Another `run` works on this database.
    #[error("another postroom already runs on {path} (it holds {lock}); stop it first")]
    SecondRun {
        /// The database.
        path: String,
        /// The lock file.
        lock: String,
    },
    /// The database cannot be opened.
    #[error("{path} cannot be opened: {what}")]
    Open {
        /// The database.
        path: String,
        /// What went wrong.
        what: String,
    },
    /// The database was written by a newer program.
    #[error("{path} has schema {found}, this program knows {known}; use the newer program")]
    TooNew {
        /// The database.
        path: String,
        /// Its schema.
        found: i64,
        /// The newest schema this program knows.
        known: i64,
    },
    /// An event that the action's status does not allow.
    #[error(transparent)]
    Illegal(#[from] IllegalMove),
    /// There is no such row.
    #[error("there is no {0}")]
    Missing(String),
    /// A statement failed: a defect of the program.
    #[error("the journal refused a statement: {0}")]
    Statement(String),
}

impl JournalError {
    fn from_sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let at = path.display().to_string();
        // SQLite gives bytes back as it finds them: a text that is none was one when it was written.
        if matches!(error, rusqlite::Error::Utf8Error(..) | rusqlite::Error::FromSqlConversionFailure(..)) {
            return Self::Damaged { path: at, what: error.to_string() };
        }
        match error.sqlite_error_code() {
            Some(Code::DiskFull) => Self::Full { path: at },
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => Self::Busy { path: at },
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => Self::Damaged { path: at, what: error.to_string() },
            Some(Code::SystemIoFailure | Code::ReadOnly | Code::CannotOpen) => Self::Broken { path: at, what: error.to_string() },
            _ => Self::Statement(error.to_string()),
        }
    }

    /// Whether the same step can succeed later without anybody changing the program.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Busy { .. })
    }

    /// Whether nothing that the file says can be trusted any more, so that the process must end.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Broken { .. } | Self::Damaged { .. })
    }
}

/// The journal of one database, shared by the loops. Clones are handles on the same journal.
#[derive(Clone)]
pub struct Journal {
    path: Arc<PathBuf>,
    writer: Writer,
    readers: Arc<Mutex<Vec<Connection>>>,
    clock: Clock,
    /// What the database could say of itself when it was opened, before this process wrote anything.
    opened: Arc<Testimony>,
}

impl Journal {
    /// Opens (or makes) the database and starts its writer.
    ///
    /// # Errors
    /// The file cannot be opened, is damaged or newer than the program, or SQLite is too old.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, JournalError> {
        let mut connection = connect(path, OpenFlags::default())?;
        require_sound(&connection, path)?;
        migrations::migrate(&mut connection, path)?;
        let mut witness = Witness::beside(path)?;
        witness.question(&connection, clock.now().as_millisecond()).map_err(|error| error.at(path))?;
        witness.hear(&connection);
        let opened = Arc::new(witness::testimony(&connection).map_err(|error| error.at(path))?);
        let writer = Writer::start(connection, path.to_owned(), Some(witness), clock.clone());
        Ok(Self { path: Arc::new(path.to_owned()), writer, readers: Arc::default(), clock, opened })
    }

    /// Opens an existing database beside a running `run`: to look, and to append a person's word in one short transaction.
    ///
    /// # Errors
    /// There is no database, or it has another schema than this program's.
    pub fn open_existing(path: &Path, clock: Clock) -> Result<Self, JournalError> {
        if !path.exists() {
            let what = "there is no such file; `postroom run` makes it".to_owned();
            return Err(JournalError::Open { path: path.display().to_string(), what });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let connection = connect(path, flags)?;
        migrations::require_current(&connection, path)?;
        let opened = Arc::new(witness::testimony(&connection).map_err(|error| error.at(path))?);
        let writer = Writer::start(connection, path.to_owned(), None, clock.clone());
        Ok(Self { path: Arc::new(path.to_owned()), writer, readers: Arc::default(), clock, opened })
    }

    /// Where the database lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Changes with every commit: what the loops wait for.
    pub fn bell(&self) -> watch::Receiver<u64> {
        self.writer.bell()
    }

    /// Why nothing can be written at this moment, if nothing can: the steps of the loops wait for that.
    pub fn hindrance(&self) -> Option<JournalError> {
        self.writer.hindrance()
    }

    /// Completes when the database failed and the process must end, with the reason.
    pub async fn broken(&self) -> JournalError {
        self.writer.broken().await
    }

    /// Finishes what was handed in and ends the writer. Later steps fail.
    pub async fn close(&self) {
        self.writer.close().await;
    }

    /// One transaction on the writer's thread.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StepError> + Send + 'static,
    ) -> Result<T, JournalError> {
        self.writer.run(work).await
    }

    /// One look on a read-only connection, on a thread that may block.
    async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StepError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let journal = self.clone();
        let looked = self.clock.work(move || {
            let connection = journal.reader()?;
            let result = work(&connection).map_err(|error| error.at(&journal.path));
            journal.readers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(connection);
            result
        });
        self.heard(looked.await.unwrap_or_else(|error| Err(JournalError::Statement(error.to_string()))))
    }

    /// A file that cannot be read is as broken as one that cannot be written: the writer stops too.
    fn heard<T>(&self, looked: Result<T, JournalError>) -> Result<T, JournalError> {
        if let Some(error) = looked.as_ref().err().filter(|error| error.is_final()) {
            self.writer.stop(error);
        }
        looked
    }

    /// A look that is made where it is called: for memory, read while a script runs on a thread that may block.
    fn look_here<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StepError>) -> Result<T, JournalError> {
        let look = || {
            let connection = self.reader()?;
            let result = work(&connection).map_err(|error| error.at(&self.path));
            self.readers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(connection);
            result
        };
        self.heard(look())
    }

    fn reader(&self) -> Result<Connection, JournalError> {
        let idle = self.readers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        // It was opened before, so what fails now is the file and not its name.
        idle.map_or_else(|| set_up(&self.path, flags).map_err(|error| error.at(&self.path)), Ok)
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }
}

/// What can go wrong inside a step, before it is known where the database lies.
#[derive(Debug)]
enum StepError {
    Sqlite(rusqlite::Error),
    Told(JournalError),
}

impl StepError {
    fn at(self, path: &Path) -> JournalError {
        match self {
            Self::Sqlite(error) => JournalError::from_sqlite(path, &error),
            Self::Told(error) => error,
        }
    }
}

impl From<rusqlite::Error> for StepError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<JournalError> for StepError {
    fn from(error: JournalError) -> Self {
        Self::Told(error)
    }
}

impl From<IllegalMove> for StepError {
    fn from(error: IllegalMove) -> Self {
        Self::Told(error.into())
    }
}

impl From<serde_json::Error> for StepError {
    fn from(error: serde_json::Error) -> Self {
        Self::Told(JournalError::Statement(error.to_string()))
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, JournalError> {
    set_up(path, flags).map_err(|error| match error {
        StepError::Sqlite(error) => match JournalError::from_sqlite(path, &error) {
            damaged @ JournalError::Damaged { .. } => damaged,
            _ => JournalError::Open { path: path.display().to_string(), what: error.to_string() },
        },
        StepError::Told(error) => error,
    })
}

/// Reads the whole file before anything is believed of it. The quick check would leave out whether the indexes say what the tables
/// say, and it is by an index that a message is known to have been worked: one that forgot it would have its effects doubled.
fn require_sound(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let found: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|error| JournalError::from_sqlite(path, &error))?;
    if found == "ok" { Ok(()) } else { Err(JournalError::Damaged { path: path.display().to_string(), what: found }) }
}

fn set_up(path: &Path, flags: OpenFlags) -> Result<Connection, StepError> {
    let cannot = |what: String| JournalError::Open { path: path.display().to_string(), what };
    if rusqlite::version_number() < SQLITE_MIN {
        return Err(cannot(format!("SQLite {} is too old, 3.51.3 is needed", rusqlite::version())).into());
    }
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    if !connection.is_readonly("main")? {
        switch_to_log(&connection)?
            .map_or(Ok(()), |mode| Err(cannot(format!("SQLite could not switch it to a write-ahead log, it stays at {mode}"))))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "journal_size_limit", 67_108_864)?;
        // SQLite keeps the errors of its own checkpoints to itself: the writer makes them instead.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    }
    // Plans are made once. Otherwise a statement with a bound LIMIT is prepared anew each time it runs.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Gives the mode that it stays at, if it does not switch. The change is written after the mode was answered: only who reads on to
/// the end hears that it failed.
fn switch_to_log(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let mut change = connection.prepare("PRAGMA journal_mode = WAL")?;
    let modes: Vec<String> = change.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok((modes != ["wal"]).then(|| modes.concat()))
}
