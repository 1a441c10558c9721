//! Folders by path: `Processed/Invoices`, or a well-known one by its English name.
//!
//! Display names are compared without case. What was found is remembered for a minute only: a folder that a person
//! deletes keeps its id and goes on existing below Deleted Items, where nothing may be filed unseen.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::error::{ErrorKind, GraphError};
use super::mailbox::Mailbox;
use super::request::Effect;
use super::wire::WireFolder;
use crate::clock::Clock;
use crate::ids::FolderId;
use crate::verdict::Verdict;

const REMEMBERED: SignedDuration = SignedDuration::from_secs(60);
/// Pages of 100 sibling folders.
const PAGES_MAX: usize = 50;
const DEPTH_MAX: usize = 20;
const LIST_ROOT: &str = "GET /mailFolders";
const LIST: &str = "GET /mailFolders/{id}/childFolders";
const GET: &str = "GET /mailFolders/{id}";
const CREATE: &str = "POST /mailFolders";
const CREATE_CHILD: &str = "POST /mailFolders/{id}/childFolders";

/// English names and Graph's names of the folders that every mailbox has, whatever its language calls them.
const WELL_KNOWN: [(&str, &str); 8] = [
    ("inbox", "inbox"),
    ("drafts", "drafts"),
    ("sent items", "sentitems"),
    ("deleted items", "deleteditems"),
    ("junk email", "junkemail"),
    ("archive", "archive"),
    ("outbox", "outbox"),
    ("conversation history", "conversationhistory"),
];

/// Whether people see a folder in Outlook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// They do.
    Visible,
    /// They do not; can only be said when the folder is created.
    Hidden,
}

/// Folder ids by lower-case path, each with the time until which it is believed.
pub(super) struct FolderCache {
    clock: Clock,
    known: Mutex<HashMap<String, (FolderId, Timestamp)>>,
    /// Held by the one that looks or creates: those who want the same folder find what it found.
    looking: tokio::sync::Mutex<()>,
}

impl FolderCache {
    pub fn new(clock: Clock) -> Self {
        Self { clock, known: Mutex::default(), looking: tokio::sync::Mutex::default() }
    }

    pub fn clear(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn get(&self, path: &str) -> Option<FolderId> {
        let now = self.clock.now();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(path).filter(|(_, until)| now < *until).map(|(id, _)| id.clone())
    }

    fn put(&self, path: String, id: FolderId) {
        let until = self.clock.now().saturating_add(REMEMBERED).unwrap_or(Timestamp::MAX);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(path, (id, until));
    }
}

impl Mailbox {
    /// The folder with this path, if there is one. Parts are separated by `/`; the first may be a well-known folder
    /// (`Inbox`, `Sent Items`, `sentitems`).
    pub async fn folder(&self, path: &str) -> Result<Option<FolderId>, GraphError> {
        let steps = self.named(steps(path))?;
        if let Some(known) = self.known(&steps) {
            return Ok(Some(known));
        }
        let _looking = self.folders.looking.lock().await;
        let mut parent = None;
        for step in steps {
            let Some(found) = self.child(parent.as_ref(), &step).await? else { return Ok(None) };
            parent = Some(found);
        }
        Ok(parent)
    }

    /// The folder with this path; what is missing of it is created, each created part with this visibility.
    pub async fn create_folder(&self, path: &str, visibility: Visibility) -> Result<FolderId, GraphError> {
        let steps = self.named(steps(path))?;
        if let Some(known) = self.known(&steps) {
            return Ok(known);
        }
        let _looking = self.folders.looking.lock().await;
        let mut parent = None;
        for step in steps {
            parent = Some(match self.child(parent.as_ref(), &step).await? {
                Some(found) => found,
                None => self.create_child(parent.as_ref(), &step, visibility).await?,
            });
        }
        parent.ok_or_else(|| self.error(ErrorKind::Refused, Verdict::Never, CREATE, "a folder's path is empty"))
    }

    fn known(&self, steps: &[Step]) -> Option<FolderId> {
        steps.last().and_then(|step| self.folders.get(&step.path))
    }

    async fn child(&self, parent: Option<&FolderId>, step: &Step) -> Result<Option<FolderId>, GraphError> {
        if let Some(known) = self.folders.get(&step.path) {
            return Ok(Some(known));
        }
        if parent.is_none()
            && let Some(name) = well_known(&step.name)
        {
            let call = self.read(GET, &["mailFolders", name])?.query(&[("$select", "id,displayName")]);
            match self.make(&call).await {
                Ok(answer) => {
                    let id = FolderId::new(self.json::<WireFolder>(&answer)?.id);
                    self.folders.put(step.path.clone(), id.clone());
                    return Ok(Some(id));
                }
                // Not every mailbox has an archive; then it is a name like any other.
                Err(error) if error.is_gone() => {}
                Err(error) => return Err(error),
            }
        }
        self.find(parent, step).await
    }

    async fn find(&self, parent: Option<&FolderId>, step: &Step) -> Result<Option<FolderId>, GraphError> {
        let call = match parent {
            None => self.read(LIST_ROOT, &["mailFolders"])?,
            Some(parent) => self.read(LIST, &["mailFolders", parent.as_str(), "childFolders"])?,
        };
        let call = call.query(&[("$top", "100"), ("$select", "id,displayName"), ("includeHiddenFolders", "true")]);
        let siblings: Vec<WireFolder> = self.list(call, PAGES_MAX).await?;
        let mut found = None;
        for sibling in siblings {
            let name = sibling.display_name.unwrap_or_default().to_lowercase();
            let id = FolderId::new(sibling.id);
            if found.is_none() && name == step.name {
                found = Some(id.clone());
            }
            // The whole listing was paid for. Well-known names keep their own meaning.
            if !name.contains('/') && (parent.is_some() || well_known(&name).is_none()) {
                self.folders.put(format!("{}{name}", step.parent_path), id);
            }
        }
        Ok(found)
    }

    async fn create_child(&self, parent: Option<&FolderId>, step: &Step, visibility: Visibility) -> Result<FolderId, GraphError> {
        let body = match visibility {
            Visibility::Visible => json!({ "displayName": step.written }),
            Visibility::Hidden => json!({ "displayName": step.written, "isHidden": true }),
        };
        // Names are unique among siblings: a second creation is refused with 409.
        let call = match parent {
            None => self.post(CREATE, Effect::Repeatable, &["mailFolders"], body)?,
            Some(parent) => {
                self.post(CREATE_CHILD, Effect::Repeatable, &["mailFolders", parent.as_str(), "childFolders"], body)?
            }
        };
        match self.make(&call).await {
            Ok(answer) => {
                let id = FolderId::new(self.json::<WireFolder>(&answer)?.id);
                self.folders.put(step.path.clone(), id.clone());
                Ok(id)
            }
            // Somebody else was faster.
            Err(error) if error.kind == ErrorKind::Conflict => self.find(parent, step).await?.ok_or(error),
            Err(error) => Err(error),
        }
    }
}

/// One part of a path on the way down.
#[derive(Debug, PartialEq)]
struct Step {
    /// As it was written, for a folder that is created.
    written: String,
    /// In lower case, for comparing.
    name: String,
    /// The whole path so far, in lower case.
    path: String,
    /// The path above with its `/`; empty at the top.
    parent_path: String,
}

fn steps(path: &str) -> Result<Vec<Step>, GraphError> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').map(str::trim).collect();
    if parts.len() > DEPTH_MAX || parts.iter().any(|part| part.is_empty()) {
        let told = format!("`{path}` is no folder path: parts are separated by single `/`, at most {DEPTH_MAX}");
        return Err(GraphError::senseless("", &told));
    }
    let mut above = String::new();
    let step = |part: &&str| {
        let name = part.to_lowercase();
        let path = format!("{above}{name}");
        let parent_path = std::mem::replace(&mut above, format!("{path}/"));
        Step { written: (*part).to_owned(), name, path, parent_path }
    };
    Ok(parts.iter().map(step).collect())
}

fn well_known(name: &str) -> Option<&'static str> {
    WELL_KNOWN.iter().find(|(english, graph)| name == *english || name == *graph).map(|(_, graph)| *graph)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_walked_part_by_part() {
        let paths = steps("/Processed/Invoices 2026")
            .map(|steps| steps.into_iter().map(|step| (step.written, step.path, step.parent_path)).collect());
        let step = |written: &str, path: &str, above: &str| (written.to_owned(), path.to_owned(), above.to_owned());
        let expected: Vec<_> =
            vec![step("Processed", "processed", ""), step("Invoices 2026", "processed/invoices 2026", "processed/")];
        assert_eq!(paths.map_err(|why| why.to_string()), Ok(expected));
        assert!(steps("A//B").is_err() && steps("").is_err());
    }
}
