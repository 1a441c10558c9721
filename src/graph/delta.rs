//! One page of what changed in a folder (Graph, "message: delta").

use reqwest::Url;
use reqwest::header::HeaderName;

use super::error::{ErrorKind, GraphError};
use super::mailbox::Mailbox;
use super::settings::Changes;
use super::wire::{ENVELOPE_SELECT, Page, WireMessage};
use crate::ids::{FolderId, MessageId};
use crate::mail::Envelope;
use crate::verdict::Verdict;

const DELTA: &str = "GET /mailFolders/{id}/messages/delta";
const ENVELOPE: &str = "GET /messages/{id}";
/// Entries on a page; fewer where a page of so many is more than the service can put together in time, or than we take.
const PAGE_SIZES: [&str; 2] = ["odata.maxpagesize=100", "odata.maxpagesize=10"];
/// Largest page: Exchange takes headers of up to 256 KB a message, and all of a page's headers come with it.
pub(super) const PAGE_BYTES_MAX: usize = 64_000_000;
/// Entries a page may hold whatever was asked for.
pub(super) const ENTRIES_MAX: usize = 2000;

/// One page of changes. Its messages may have been seen before: Graph repeats itself.
#[derive(Clone, Debug, PartialEq)]
pub struct DeltaPage {
    /// New and changed messages; of several entries for one message, the last.
    pub envelopes: Vec<Envelope>,
    /// Messages that are no longer in the folder, as Graph says; not to be believed without [`Mailbox::state`].
    pub removed: Vec<MessageId>,
    /// The cursor to store in the same step as the page.
    pub next: String,
    /// The round goes on: ask again with `next` at once.
    pub more: bool,
}

impl Mailbox {
    /// What changed in the folder since `cursor`, or everything that is in it when there is none. `folder_path` is what
    /// the envelopes name as their folder.
    ///
    /// # Errors
    /// [`ErrorKind::CursorLost`] when the round must start again without a cursor: the service forgot it, or it was made
    /// under another base URL.
    pub async fn delta_page(&self, folder: &FolderId, folder_path: &str, cursor: Option<&str>) -> Result<DeltaPage, GraphError> {
        if self.changes() == Changes::Listing {
            return self.listed_page(folder, folder_path, cursor).await;
        }
        let mut call = self.read(DELTA, &["mailFolders", folder.as_str(), "messages", "delta"])?;
        match cursor {
            // The options of the first call are part of every later link.
            None => call = call.query(&[("$select", ENVELOPE_SELECT)]),
            Some(cursor) => call.url = self.stored(cursor)?,
        }
        call.answer_max = PAGE_BYTES_MAX;
        let [large, small] = PAGE_SIZES.map(|size| call.clone().header(HeaderName::from_static("prefer"), size));
        let answer = match self.make(&large).await {
            Err(error) if error.kind == ErrorKind::TooLarge || error.status == Some(504) => self.make(&small).await,
            answer => answer,
        };
        let page: Page<WireMessage> = self.json(&answer.map_err(|error| cursor_lost(error, cursor))?)?;
        let (next, more) = match (page.next_link, page.delta_link) {
            (Some(next), _) => (next, true),
            (None, Some(delta)) => (delta, false),
            (None, None) => return Err(self.error(ErrorKind::BadAnswer, Verdict::Retry, DELTA, "the page has no link to go on")),
        };
        // A foreign link is refused now, not when the page is already recorded.
        let url = self.link(DELTA, &next)?;
        if more && url == call.url {
            return Err(self.error(ErrorKind::BadAnswer, Verdict::Retry, DELTA, "the page leads to itself"));
        }
        let (envelopes, removed) = self.sort(page.value, folder_path).await?;
        Ok(DeltaPage { envelopes, removed, next, more })
    }

    /// The message as a listing of the folder `folder_path` would show it; `None` when it is not there.
    pub async fn envelope(&self, id: &MessageId, folder_path: &str) -> Result<Option<Envelope>, GraphError> {
        let call = self.read(ENVELOPE, &["messages", id.as_str()])?.query(&[("$select", ENVELOPE_SELECT)]);
        match self.make(&call).await {
            Ok(answer) => Ok(Some(self.json::<WireMessage>(&answer)?.into_envelope(folder_path))),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A message that the service named, as a listing of the folder would show it; `None` when it is not in the folder any more.
    pub async fn arrived(
        &self,
        id: &MessageId,
        (folder, folder_path): (&FolderId, &str),
    ) -> Result<Option<Envelope>, GraphError> {
        let call = self.read(ENVELOPE, &["messages", id.as_str()])?.query(&[("$select", ENVELOPE_SELECT)]);
        let found: WireMessage = match self.make(&call).await {
            Ok(answer) => self.json(&answer)?,
            Err(error) if error.is_gone() => return Ok(None),
            Err(error) => return Err(error),
        };
        let is_here = found.parent_folder_id.as_deref() == Some(folder.as_str());
        Ok(is_here.then(|| found.into_envelope(folder_path)))
    }

    async fn sort(&self, entries: Vec<WireMessage>, folder_path: &str) -> Result<(Vec<Envelope>, Vec<MessageId>), GraphError> {
        if entries.len() > ENTRIES_MAX {
            return Err(self.error(ErrorKind::BadAnswer, Verdict::Never, DELTA, "the page holds more than 2,000 entries"));
        }
        let (mut envelopes, mut removed): (Vec<Envelope>, Vec<MessageId>) = (Vec::new(), Vec::new());
        for entry in last_of_each(entries) {
            let id = MessageId::new(entry.id.clone());
            if entry.removed.is_some() {
                removed.push(id);
            } else if entry.is_sparse() {
                // Gone between page and look: a later page says so.
                envelopes.extend(self.envelope(&id, folder_path).await?);
            } else {
                envelopes.push(entry.into_envelope(folder_path));
            }
        }
        Ok((envelopes, removed))
    }

    fn stored(&self, cursor: &str) -> Result<Url, GraphError> {
        self.link(DELTA, cursor).map_err(|_| {
            self.error(ErrorKind::CursorLost, Verdict::Never, DELTA, "the stored cursor belongs to another base_url")
        })
    }
}

/// The entries in their order, of several for one message only the last.
fn last_of_each(entries: Vec<WireMessage>) -> Vec<WireMessage> {
    let mut seen = std::collections::HashSet::new();
    let mut kept: Vec<_> = entries.into_iter().rev().filter(|entry| seen.insert(entry.id.clone())).collect();
    kept.reverse();
    kept
}

/// In a delta round 410 means a dead cursor whatever its code, and so does a complaint about the token. A folder that is gone takes
/// its cursor with it: another of the same path has another id.
fn cursor_lost(error: GraphError, cursor: Option<&str>) -> GraphError {
    let bad_token = error.status == Some(400) && error.message.to_ascii_lowercase().contains("badly formed token");
    if error.status == Some(410) || bad_token || (error.is_gone() && cursor.is_some()) {
        GraphError { kind: ErrorKind::CursorLost, ..error }
    } else {
        error
    }
}
