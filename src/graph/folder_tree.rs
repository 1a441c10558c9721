//! The folders that lie below another, however deep.

use std::collections::VecDeque;

use super::error::{ErrorKind, GraphError};
use super::mailbox::Mailbox;
use super::wire::WireFolder;
use crate::ids::FolderId;
use crate::verdict::Verdict;

const LIST_ROOT: &str = "GET /mailFolders";
const LIST: &str = "GET /mailFolders/{id}/childFolders";
/// Pages of 100 sibling folders.
const PAGES_MAX: usize = 50;
/// Folders that are looked into; a mailbox has at most some thousands.
const FOLDERS_MAX: usize = 2_000;
/// Levels below the first.
const DEPTH_MAX: usize = 20;
/// Below these lies what nobody sent to the mailbox, or what was thrown away.
const NOT_RECEIVED: [&str; 5] = ["sentitems", "drafts", "outbox", "junkemail", "deleteditems"];

impl Mailbox {
    /// The paths of the folders below `above` (empty: below the mailbox itself), down to so many levels (`None`: all). Left out are those
    /// that hold no received mail, hidden ones, and names with a `/`, which no path can mean. Nothing where `above` is not there.
    pub async fn folders_below(&self, above: &str, depth: Option<usize>) -> Result<Vec<String>, GraphError> {
        let top = if above.is_empty() {
            None
        } else {
            let Some(id) = self.folder(above).await? else { return Ok(Vec::new()) };
            Some(id)
        };
        let mut left_out = Vec::new();
        if top.is_none() {
            for name in NOT_RECEIVED {
                left_out.extend(self.folder(name).await?);
            }
        }
        let depth = depth.unwrap_or(DEPTH_MAX).min(DEPTH_MAX);
        let mut paths = Vec::new();
        let mut ahead = VecDeque::from([(top, above.to_owned(), 0)]);
        while let Some((folder, path, level)) = ahead.pop_front() {
            for child in self.children(folder.as_ref()).await? {
                let (id, name) = (FolderId::new(child.id), child.display_name.unwrap_or_default());
                if left_out.contains(&id) || name.is_empty() || name.contains('/') {
                    continue;
                }
                let path = if path.is_empty() { name } else { format!("{path}/{name}") };
                if paths.len() >= FOLDERS_MAX {
                    let told = format!("there are more than {FOLDERS_MAX} folders below `{above}`");
                    return Err(self.error(ErrorKind::BadAnswer, Verdict::Retry, LIST, &told));
                }
                if level + 1 < depth && child.child_folder_count.unwrap_or(1) > 0 {
                    ahead.push_back((Some(id), path.clone(), level + 1));
                }
                paths.push(path);
            }
        }
        Ok(paths)
    }

    async fn children(&self, folder: Option<&FolderId>) -> Result<Vec<WireFolder>, GraphError> {
        let call = match folder {
            None => self.read(LIST_ROOT, &["mailFolders"])?,
            Some(folder) => self.read(LIST, &["mailFolders", folder.as_str(), "childFolders"])?,
        };
        self.list(call.query(&[("$top", "100"), ("$select", "id,displayName,childFolderCount")]), PAGES_MAX).await
    }
}
