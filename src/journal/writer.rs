//! The one task that writes. Steps that are waiting together are committed together (group commit), on a thread that may block.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::witness::Witness;
use super::{JournalError, StepError};
use crate::clock::Clock;

/// Steps in one commit.
const GROUP_MAX: usize = 256;
/// Pages in the write-ahead log from which on they are brought over into the database's own file.
const LOG_PAGES_MAX: i64 = 1000;
/// Steps that may wait.
const QUEUE_MAX: usize = 1024;

/// A handle on the writer's task.
#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Box<dyn Step>>,
    bell: watch::Receiver<u64>,
    broken: watch::Sender<Option<JournalError>>,
    hindered: watch::Sender<Option<JournalError>>,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
    path: Arc<PathBuf>,
}

/// One step on its way through the writer.
trait Step: Send {
    /// Does the step inside the transaction; gives the error that spoils the whole transaction, if it met one.
    fn run(&mut self, connection: &Connection) -> Option<JournalError>;
    /// Tells the caller how it ended, once the commit has succeeded or failed.
    fn settle(self: Box<Self>, commit: Result<(), JournalError>);
    /// Whether this asks the writer to end.
    fn ends(&self) -> bool {
        false
    }
}

struct Pending<T, F> {
    work: Option<F>,
    result: Option<Result<T, JournalError>>,
    reply: oneshot::Sender<Result<T, JournalError>>,
    path: Arc<PathBuf>,
}

impl<T: Send, F: FnOnce(&Connection) -> Result<T, StepError> + Send> Step for Pending<T, F> {
    fn run(&mut self, connection: &Connection) -> Option<JournalError> {
        let result = in_savepoint(connection, self.work.take()?).map_err(|error| error.at(&self.path));
        let spoiled = result.as_ref().err().filter(|error| error.is_passing() || error.is_final()).cloned();
        self.result = Some(result);
        spoiled
    }

    fn settle(self: Box<Self>, commit: Result<(), JournalError>) {
        let Self { result, reply, .. } = *self;
        let not_run = || Err(JournalError::Statement("a step was not run".to_owned()));
        let outcome = commit.and_then(|()| result.unwrap_or_else(not_run));
        // Whoever asked may have gone: then nobody is told, and what was written stays written.
        let _ = reply.send(outcome);
    }
}

/// The request to end.
struct End;

impl Step for End {
    fn run(&mut self, _: &Connection) -> Option<JournalError> {
        None
    }
    fn settle(self: Box<Self>, _: Result<(), JournalError>) {}
    fn ends(&self) -> bool {
        true
    }
}

impl Writer {
    pub(super) fn start(connection: Connection, path: PathBuf, witness: Option<Witness>, clock: Clock) -> Self {
        let (queue, steps) = mpsc::channel(QUEUE_MAX);
        let (ring, bell) = watch::channel(0);
        let broken = watch::Sender::new(None);
        let hindered = watch::Sender::new(None);
        let tell = (broken.clone(), hindered.clone());
        let path = Arc::new(path);
        let at = Arc::clone(&path);
        let task = tokio::spawn(write_all((connection, witness), clock, steps, at, ring, tell));
        Self { queue, bell, broken, hindered, task: Arc::new(Mutex::new(Some(task))), path }
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StepError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let (reply, answer) = oneshot::channel();
        let pending = Pending { work: Some(work), result: None, reply, path: Arc::clone(&self.path) };
        let gone = || self.broken.borrow().clone().unwrap_or_else(|| JournalError::Statement("the journal is closed".to_owned()));
        self.queue.send(Box::new(pending)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    pub(super) fn bell(&self) -> watch::Receiver<u64> {
        self.bell.clone()
    }

    /// Why the last steps could not be written, if they could not: a full disk, another program's lock.
    pub(super) fn hindrance(&self) -> Option<JournalError> {
        self.hindered.borrow().clone()
    }

    pub(super) async fn broken(&self) -> JournalError {
        let mut broken = self.broken.subscribe();
        let failed = broken.wait_for(Option::is_some).await.map(|error| error.clone());
        match failed {
            Ok(Some(error)) => error,
            // Neither comes: it waits for a reason, and keeps the sender itself.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Nothing more is written: the file failed under somebody who read it.
    pub(super) fn stop(&self, error: &JournalError) {
        self.broken.send_if_modified(|broken| broken.is_none() && broken.replace(error.clone()).is_none());
    }

    pub(super) async fn close(&self) {
        let _ = self.queue.send(Box::new(End)).await;
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // It fails only if it panicked, and then there is nothing left to wait for.
            let _ = task.await;
        }
    }
}

async fn write_all(
    mut desk: (Connection, Option<Witness>),
    clock: Clock,
    mut steps: mpsc::Receiver<Box<dyn Step>>,
    path: Arc<PathBuf>,
    ring: watch::Sender<u64>,
    (tell, hindered): (watch::Sender<Option<JournalError>>, watch::Sender<Option<JournalError>>),
) {
    while let Some(first) = steps.recv().await {
        let mut group = vec![first];
        while group.len() < GROUP_MAX {
            let Ok(next) = steps.try_recv() else { break };
            group.push(next);
        }
        let at = Arc::clone(&path);
        let broken = tell.borrow().clone();
        let (connection, mut witness) = desk;
        let written = clock.work(move || {
            let committed = broken.map_or(Ok(()), Err).and_then(|()| commit(&connection, &mut group, &at));
            if let (Ok(()), Some(witness)) = (&committed, &mut witness) {
                witness.hear(&connection);
            }
            ((connection, witness), group, committed)
        });
        let (returned, group, committed) = match written.await {
            Ok(written) => written,
            Err(panic) => {
                let what = format!("a step could not be run: {panic}");
                tell.send_replace(Some(JournalError::Broken { path: path.display().to_string(), what }));
                return;
            }
        };
        desk = returned;
        let ends = group.iter().any(|step| step.ends());
        if committed.is_ok() {
            ring.send_modify(|count| *count = count.wrapping_add(1));
        }
        hindered.send_replace(committed.as_ref().err().filter(|error| error.is_passing()).cloned());
        let broken = committed.as_ref().err().filter(|error| error.is_final()).cloned();
        for step in group {
            step.settle(committed.clone());
        }
        if let Some(error) = broken {
            // After a failed write SQLite would go on as if nothing had happened: nothing more is written by this process.
            tell.send_replace(Some(error));
            return;
        }
        if ends {
            return;
        }
    }
}

fn commit(connection: &Connection, group: &mut [Box<dyn Step>], path: &Path) -> Result<(), JournalError> {
    let told = |error: rusqlite::Error| JournalError::from_sqlite(path, &error);
    checkpoint(connection).map_err(told).or_else(|error| if error.is_passing() { Ok(()) } else { Err(error) })?;
    connection.execute_batch("BEGIN IMMEDIATE").map_err(told)?;
    let run = group.iter_mut().find_map(|step| step.run(connection)).map_or(Ok(()), Err);
    let committed = run.and_then(|()| connection.execute_batch("COMMIT").map_err(told));
    if committed.is_err() && !connection.is_autocommit() {
        // What fails here was rolled back by SQLite already.
        let _ = connection.execute_batch("ROLLBACK");
    }
    committed
}

/// Shortens a long log, before a group rather than after it: whatever fails here, nobody is told of steps that came later. A full
/// disk is no failure yet: the log goes on, and the next group tries again.
fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    let pages = |mode: &str| {
        let pragma = format!("PRAGMA wal_checkpoint({mode})");
        connection.query_row(&pragma, [], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))
    };
    if pages("NOOP")? >= LOG_PAGES_MAX {
        pages("PASSIVE")?;
    }
    Ok(())
}

fn in_savepoint<T>(connection: &Connection, work: impl FnOnce(&Connection) -> Result<T, StepError>) -> Result<T, StepError> {
    connection.execute_batch("SAVEPOINT step")?;
    let result = work(connection);
    if result.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK TO step")?;
    }
    if !connection.is_autocommit() {
        connection.execute_batch("RELEASE step")?;
    }
    result
}
