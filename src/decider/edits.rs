//! Edits in folders, told to whoever watches them: by one watcher, for a system grants a process few (128 on a usual Linux), and what
//! is read in a folder that many watch would be told to each of theirs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// Tells of edits. Clones are handles on the same watcher.
#[derive(Clone)]
pub struct Edits {
    /// Never locked by one who holds the list: the watcher's thread may wait for that.
    watcher: Arc<Mutex<Option<RecommendedWatcher>>>,
    listeners: Arc<Mutex<Vec<Listener>>>,
}

struct Listener {
    dirs: Vec<PathBuf>,
    told: mpsc::Sender<()>,
}

/// Told of edits in its folders until it is dropped.
pub(super) struct Told {
    edits: Edits,
    dirs: Vec<PathBuf>,
    changes: mpsc::Receiver<()>,
}

impl Edits {
    /// The system's watcher. Where there is none, nobody is told.
    pub fn new() -> Self {
        let listeners = Arc::<Mutex<Vec<Listener>>>::default();
        let listed = Arc::clone(&listeners);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading is an event too; only what changes files counts. A full channel has told enough.
            let Some(event) = event.ok().filter(|event| !event.kind.is_access()) else { return };
            for listener in locked(&listed).iter() {
                let is_theirs = |path: &PathBuf| listener.dirs.iter().any(|dir| path.starts_with(dir));
                // Without a path it is a loss of events, which may be anybody's.
                if event.paths.is_empty() || event.paths.iter().any(is_theirs) {
                    let _ = listener.told.try_send(());
                }
            }
        });
        let watcher = watcher.inspect_err(|error| tracing::warn!(%error, "edits are looked for every 5 s")).ok();
        Self { watcher: Arc::new(Mutex::new(watcher)), listeners }
    }

    /// Watches the folders, with those in them, that are there.
    pub(super) fn watch(&self, dirs: impl Iterator<Item = PathBuf>) -> Told {
        let dirs: Vec<PathBuf> = dirs.filter(|dir| dir.is_dir()).filter_map(|dir| std::path::absolute(dir).ok()).collect();
        let (told, changes) = mpsc::channel(16);
        locked(&self.listeners).push(Listener { dirs: dirs.clone(), told });
        if let Some(watcher) = &mut *locked(&self.watcher) {
            for dir in &dirs {
                if let Err(error) = watcher.watch(dir, RecursiveMode::Recursive) {
                    tracing::warn!(%error, dir = %dir.display(), "edits there are looked for every 5 s");
                }
            }
        }
        Told { edits: self.clone(), dirs, changes }
    }
}

impl Default for Edits {
    fn default() -> Self {
        Self::new()
    }
}

impl Told {
    /// Waits for an edit.
    pub(super) async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// Forgets what was told and not heard yet.
    pub(super) fn forget(&mut self) {
        while self.changes.try_recv().is_ok() {}
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.changes.close();
        let mut listeners = locked(&self.edits.listeners);
        listeners.retain(|listener| !listener.told.is_closed());
        let is_watched = |dir: &Path| listeners.iter().any(|listener| listener.dirs.iter().any(|own| own == dir));
        let left: Vec<PathBuf> = self.dirs.iter().filter(|dir| !is_watched(dir)).cloned().collect();
        drop(listeners);
        if let Some(watcher) = &mut *locked(&self.edits.watcher) {
            for dir in left {
                // It may have gone by itself, and its watch with it.
                let _ = watcher.unwatch(&dir);
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[tokio::test]
    async fn an_edit_is_told_to_those_who_watch_its_folder_until_they_go() {
        let place = tempfile::tempdir().unwrap();
        let [own, other, shared] = ["own", "other", "lib"].map(|name| place.path().join(name));
        for dir in [&own, &other, &shared] {
            std::fs::create_dir(dir).unwrap();
        }
        let edits = Edits::new();
        let mut other_one = edits.watch([other.clone(), shared.clone()].into_iter());
        let mut one = edits.watch([own.clone(), shared.clone(), place.path().join("templates")].into_iter());
        std::fs::write(own.join("10-a.rhai"), "x").unwrap();
        one.changed().await;
        assert!(other_one.changes.try_recv().is_err(), "who was here first would have been told first");
        std::fs::write(shared.join("days.rhai"), "x").unwrap();
        other_one.changed().await;
        drop(one);
        other_one.forget();
        std::fs::write(other.join("10-a.rhai"), "x").unwrap();
        other_one.changed().await;
        let left: Vec<PathBuf> = locked(&edits.listeners).iter().flat_map(|listener| listener.dirs.clone()).collect();
        assert_eq!(left, [other, shared]);
    }
}
