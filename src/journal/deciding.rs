//! Which messages a process was reading or running rules over when it died: a file beside the database says so.
//!
//! A mark stands around just that work, never around a wait for Graph or an endpoint: only what can kill the process is marked.
//! Writing it costs no more than the system's page cache. That survives the death of the process; the death of the machine is
//! nobody's message's doing.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::params;
use serde_json::json;

use super::lock::beside;
use super::rows::{optional, tell};
use super::{Journal, JournalError, Row, StepError};

/// Deaths of the process during one message's work before the message is parked.
const DEATHS_MAX: u32 = 3;
/// Bytes of a line of the file: a row in decimal digits, or blanks, and a line feed.
const LINE_BYTES: usize = 21;

/// The marks of this process. Clones mark in the same file.
#[derive(Clone)]
pub struct Deciding(Arc<Mutex<Marks>>);

struct Marks {
    file: File,
    /// Which lines of the file bear a row.
    taken: Vec<bool>,
}

/// Stands in the file as long as it lives.
pub struct Mark {
    deciding: Deciding,
    /// Its line.
    line: usize,
}

impl Deciding {
    /// Opens the file (`postroom.db.deciding`). Rows that an earlier process left in it died with that process or killed it:
    /// each is counted and told in its story, and parked once it was there too often. Then the file is emptied.
    ///
    /// # Errors
    /// The file cannot be opened, or the journal cannot be written: then it keeps its rows.
    pub async fn take_up(journal: &Journal) -> Result<Self, JournalError> {
        let path = beside(journal.path(), "deciding");
        let cannot = |error: io::Error| JournalError::Open { path: path.display().to_string(), what: error.to_string() };
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(cannot)?;
        let left = std::fs::read_to_string(&path).map_err(cannot)?;
        let rows: Vec<Row> = left.lines().filter_map(|line| line.trim().parse().ok().map(Row)).collect();
        if !rows.is_empty() {
            journal.count_deaths(rows).await?;
        }
        file.set_len(0).map_err(cannot)?;
        Ok(Self(Arc::new(Mutex::new(Marks { file, taken: Vec::new() }))))
    }

    /// Marks a message until the mark is dropped. A mark that cannot be written is remarked on and missing: the work is done all the
    /// same.
    #[must_use = "the mark is gone when it is dropped"]
    pub fn mark(&self, row: Row) -> Mark {
        let mut marks = self.marks();
        let line = marks.taken.iter().position(|taken| !taken).unwrap_or(marks.taken.len());
        let written = marks.write(line, &format!("{:020}\n", row.0));
        if let Err(error) = &written {
            tracing::error!(message = row.0, %error, "if the process dies now, nobody will know that this message was at work");
        }
        if line == marks.taken.len() {
            marks.taken.push(true);
        } else if let Some(taken) = marks.taken.get_mut(line) {
            *taken = true;
        }
        drop(marks);
        Mark { deciding: self.clone(), line }
    }

    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Marks {
    fn write(&mut self, line: usize, text: &str) -> io::Result<()> {
        self.file.seek(SeekFrom::Start((line * LINE_BYTES) as u64))?;
        self.file.write_all(text.as_bytes())
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        let mut marks = self.deciding.marks();
        if let Err(error) = marks.write(self.line, &format!("{:20}\n", "")) {
            tracing::error!(%error, "a message stays marked as being at work");
        }
        if let Some(taken) = marks.taken.get_mut(self.line) {
            *taken = false;
        }
    }
}

impl Journal {
    /// One death more for each of these messages that is still to be decided; the last one parks it.
    async fn count_deaths(&self, rows: Vec<Row>) -> Result<(), JournalError> {
        let now = self.now_ms();
        self.write(move |connection| {
            for row in rows {
                let counted = connection
                    .prepare_cached("UPDATE message SET deaths = deaths + 1 WHERE id = ? AND status = 'seen' RETURNING deaths")?
                    .query_row([row.0], |row| row.get::<_, u32>(0));
                let Some(deaths) = optional(counted)? else { continue };
                tell(connection, row, None, now, ("process_died", &json!({ "times": deaths })))?;
                if deaths >= DEATHS_MAX {
                    park(connection, row, now)?;
                }
            }
            Ok(())
        })
        .await
    }
}

fn park(connection: &rusqlite::Connection, row: Row, now: i64) -> Result<(), StepError> {
    let reason = format!(
        "{DEATHS_MAX} times the process died while it read this message or ran its rules; the message was left untouched, and is \
         tried again when a person says so"
    );
    connection
        .prepare_cached("UPDATE message SET status = 'parked', reason = ?, changed_at = ? WHERE id = ?")?
        .execute(params![reason, now, row.0])?;
    tell(connection, row, None, now, ("parked", &json!({ "reason": reason })))
}
