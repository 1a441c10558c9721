//! Folders and the change log that delta queries read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::message::Key;

/// A folder's place in the store; never on the wire.
pub(crate) type FolderKey = u32;

/// The key of `msgfolderroot`.
pub(crate) const ROOT: FolderKey = 0;

/// How many log entries one page looks at; a longer gap gives an empty page with a `nextLink`, as Graph may.
const SCAN_MAX: usize = 5_000;

/// The folders every mailbox has: well-known name, display name.
pub(crate) const WELL_KNOWN: [(WellKnown, &str, &str); 9] = [
    (WellKnown::Root, "msgfolderroot", "Top of Information Store"),
    (WellKnown::Inbox, "inbox", "Inbox"),
    (WellKnown::Drafts, "drafts", "Drafts"),
    (WellKnown::SentItems, "sentitems", "Sent Items"),
    (WellKnown::DeletedItems, "deleteditems", "Deleted Items"),
    (WellKnown::Archive, "archive", "Archive"),
    (WellKnown::JunkEmail, "junkemail", "Junk Email"),
    (WellKnown::Outbox, "outbox", "Outbox"),
    (WellKnown::ConversationHistory, "conversationhistory", "Conversation History"),
];

/// A folder every mailbox has; its number is its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WellKnown {
    Root,
    Inbox,
    Drafts,
    SentItems,
    DeletedItems,
    Archive,
    JunkEmail,
    Outbox,
    ConversationHistory,
}

impl WellKnown {
    pub fn key(self) -> FolderKey {
        self as FolderKey
    }
}

/// One folder.
#[derive(Debug)]
pub(crate) struct Folder {
    pub key: FolderKey,
    pub id: String,
    pub name: String,
    pub parent: Option<FolderKey>,
    pub is_hidden: bool,
    /// The mailbox's count of changes to folders when this one last changed, its counts of messages among what can.
    pub changed: u64,
    /// How many of its messages are unread.
    pub unread: usize,
    /// What lies in it, by time of receipt (seconds), then by key.
    pub items: BTreeSet<(i64, Key)>,
    pub log: DeltaLog,
    /// What came from this place of the log on, delta queries do not see before this time.
    pub withheld: Option<(usize, Timestamp)>,
    /// Extended properties: normal id to the id as it was written and the value.
    pub properties: BTreeMap<String, (String, String)>,
}

impl Folder {
    /// The place behind the last change that a delta query sees now.
    pub fn seen_until(&self, now: Timestamp) -> usize {
        let withheld = self.withheld.filter(|(_, until)| now < *until).map(|(place, _)| place);
        withheld.map_or(self.log.end(), |place| place.min(self.log.end()))
    }
}

/// What happened to a message in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Arrived,
    Updated,
    /// Only the read state: told sparsely, and only to those who select it.
    ReadState,
    Left {
        id: String,
        immutable_id: String,
    },
}

#[derive(Debug)]
struct Change {
    key: Key,
    kind: ChangeKind,
    before: Option<usize>,
}

/// All changes of a folder, append-only: a delta token is a place in it.
#[derive(Debug, Default)]
pub(crate) struct DeltaLog {
    changes: Vec<Change>,
    last: HashMap<Key, usize>,
}

/// How far one delta round has come; travels in the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Round {
    /// Where the round began: all before it was told in earlier rounds.
    pub from: usize,
    pub at: usize,
    /// Where the round ends; later changes belong to the next one.
    pub until: usize,
}

/// One entry of a delta page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Created(Key),
    Updated(Key),
    ReadState(Key),
    Removed { id: String, immutable_id: String },
}

impl DeltaLog {
    /// Notes a change.
    pub fn note(&mut self, key: Key, kind: ChangeKind) {
        let before = self.last.insert(key, self.changes.len());
        self.changes.push(Change { key, kind, before });
    }

    /// The place behind the last change.
    pub fn end(&self) -> usize {
        self.changes.len()
    }

    /// The next page of a round. `sees_read` says whether read flips count, `forgets` of which messages it is not told that they came
    /// back; moves `round.at` on.
    pub fn page(&self, round: &mut Round, size: usize, sees_read: ReadFlips, forgets: impl Fn(Key) -> bool) -> Vec<Found> {
        let until = round.until.min(self.changes.len());
        let scan_until = until.min(round.at.saturating_add(SCAN_MAX));
        let mut found = Vec::new();
        while round.at < scan_until && found.len() < size {
            if let Some(entry) = self.tell(round.at, round.from, until, sees_read) {
                let back = self.came_back(round.at, round.from).filter(|_| matches!(entry, Found::Created(key) if forgets(key)));
                found.push(back.unwrap_or(entry));
            }
            round.at += 1;
        }
        // What follows may be all superseded: look on, so that a full last page is not followed by an empty one.
        while round.at < scan_until && self.tell(round.at, round.from, until, sees_read).is_none() {
            round.at += 1;
        }
        found
    }

    /// What the change at a place tells in this round; nothing if a later one in the round tells it.
    fn tell(&self, place: usize, from: usize, until: usize, sees_read: ReadFlips) -> Option<Found> {
        let change = self.changes.get(place)?;
        if change.kind == ChangeKind::ReadState && sees_read == ReadFlips::Ignored {
            return None;
        }
        if self.last_in(change.key, until, sees_read) != Some(place) {
            return None;
        }
        if let ChangeKind::Left { id, immutable_id } = &change.kind {
            let known_before = from > 0;
            return known_before.then(|| Found::Removed { id: id.clone(), immutable_id: immutable_id.clone() });
        }
        let (mut created, mut whole) = (false, false);
        let mut next = Some(place);
        while let Some(at) = next.filter(|at| *at >= from) {
            created |= self.changes[at].kind == ChangeKind::Arrived;
            whole |= self.changes[at].kind != ChangeKind::ReadState;
            next = self.changes[at].before;
        }
        Some(match (created, whole) {
            (true, _) => Found::Created(change.key),
            (false, true) => Found::Updated(change.key),
            (false, false) => Found::ReadState(change.key),
        })
    }

    /// What is told of the leaving if a message that was told of in an earlier round left in this one and came back at this place.
    fn came_back(&self, place: usize, from: usize) -> Option<Found> {
        let change = self.changes.get(place).filter(|change| change.kind == ChangeKind::Arrived)?;
        let mut first = place;
        let mut next = change.before;
        while let Some(at) = next.filter(|at| *at >= from) {
            first = at;
            next = self.changes[at].before;
        }
        match &self.changes[first].kind {
            ChangeKind::Left { id, immutable_id } => Some(Found::Removed { id: id.clone(), immutable_id: immutable_id.clone() }),
            _ => None,
        }
    }

    fn last_in(&self, key: Key, until: usize, sees_read: ReadFlips) -> Option<usize> {
        let mut next = self.last.get(&key).copied();
        while let Some(at) = next {
            let counts = sees_read == ReadFlips::Told || self.changes[at].kind != ChangeKind::ReadState;
            if at < until && counts {
                return Some(at);
            }
            next = self.changes[at].before;
        }
        None
    }
}

/// Whether a delta query sees changes of the read state: only when `isRead` is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadFlips {
    Told,
    Ignored,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn left(key: Key) -> ChangeKind {
        ChangeKind::Left { id: format!("r{key}"), immutable_id: format!("i{key}") }
    }

    fn all(log: &DeltaLog, from: usize) -> Vec<Found> {
        let mut round = Round { from, at: from, until: log.end() };
        log.page(&mut round, 100, ReadFlips::Told, |_| false)
    }

    #[test]
    fn a_first_round_tells_what_is_there_and_no_tombstones() {
        let mut log = DeltaLog::default();
        log.note(1, ChangeKind::Arrived);
        log.note(2, ChangeKind::Arrived);
        log.note(1, left(1));
        log.note(2, ChangeKind::ReadState);
        assert_eq!(all(&log, 0), vec![Found::Created(2)]);
    }

    #[test]
    fn a_later_round_tells_each_message_once_at_its_last_change() {
        let mut log = DeltaLog::default();
        for key in 1..=4 {
            log.note(key, ChangeKind::Arrived);
        }
        let cursor = log.end();
        log.note(1, ChangeKind::Updated);
        log.note(2, ChangeKind::ReadState);
        log.note(3, left(3));
        log.note(1, ChangeKind::ReadState);
        log.note(4, left(4));
        log.note(4, ChangeKind::Arrived);
        let removed = Found::Removed { id: "r3".into(), immutable_id: "i3".into() };
        assert_eq!(all(&log, cursor), vec![Found::ReadState(2), removed, Found::Updated(1), Found::Created(4)]);
    }

    #[test]
    fn read_flips_are_no_news_to_those_who_do_not_select_them() {
        let mut log = DeltaLog::default();
        log.note(1, ChangeKind::Arrived);
        let cursor = log.end();
        log.note(1, ChangeKind::ReadState);
        let mut round = Round { from: cursor, at: cursor, until: log.end() };
        assert_eq!(log.page(&mut round, 10, ReadFlips::Ignored, |_| false), vec![]);
        assert_eq!(round.at, log.end());
    }

    #[test]
    fn pages_meet_without_gap_or_overlap() {
        let mut log = DeltaLog::default();
        for key in 0..25 {
            log.note(key, ChangeKind::Arrived);
        }
        let mut round = Round { from: 0, at: 0, until: log.end() };
        let mut told = Vec::new();
        for _ in 0..3 {
            told.extend(log.page(&mut round, 10, ReadFlips::Told, |_| false));
        }
        assert_eq!(told, (0..25).map(Found::Created).collect::<Vec<_>>());
        assert_eq!(round.at, round.until);
    }
}
