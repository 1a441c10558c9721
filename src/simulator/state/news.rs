//! What a watched mailbox tells of itself: one entry for each change of a message in a folder.

use super::folder::FolderKey;
use super::message::Key;

/// What a change is to somebody who watches a folder; a move is the end in one and the beginning in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NewsKind {
    Created,
    Updated,
    Deleted,
}

impl NewsKind {
    /// Graph's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub kind: NewsKind,
    pub folder: FolderKey,
    pub key: Key,
    /// The ids that the message had in this folder.
    pub id: String,
    pub immutable_id: String,
    pub change: u64,
    /// The place of the change in the folder's log.
    pub place: usize,
}
