//! One mailbox: folders, messages, both kinds of id, conversations.
//!
//! Every write goes through here, so that change keys, modification times and the change logs always agree.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use jiff::Timestamp;

use super::category::Category;
use super::folder::{ChangeKind, Folder, FolderKey, ROOT, WELL_KNOWN, WellKnown};
use super::index::{Index, Mark};
use super::message::{Key, Message, Origin};
use super::names::{self, Names};
use super::news::{News, NewsKind};
use super::settings::Settings;
use super::thread::{Conversation, topic};
use crate::clock::Clock;
use crate::simulator::limits::Meter;
use crate::simulator::mail_out::{Audience, render};

/// Why the store refuses; the routes say it in Graph's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoSuchMessage,
    NoSuchFolder,
    MalformedId,
    FolderExists(String),
    /// A folder every mailbox has cannot be renamed or deleted.
    FolderIsDistinguished,
}

/// An upload session of one attachment.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub message: Key,
    pub name: String,
    pub content_type: String,
    pub is_inline: bool,
    pub content_id: Option<String>,
    pub size: usize,
    pub bytes: Vec<u8>,
    /// When its address ceases to be one.
    pub ends: Timestamp,
}

/// One mailbox.
#[derive(Debug)]
pub(crate) struct Mailbox {
    /// In lower case.
    pub address: String,
    pub name: String,
    pub guid: String,
    pub names: Names,
    /// What it has to bear.
    pub meter: Meter,
    pub uploads: HashMap<String, Upload>,
    /// Its list of categories, in the order in which they came.
    pub categories: Vec<Category>,
    pub settings: Settings,
    /// What has happened since somebody looked; nothing is kept while nobody watches.
    pub news: Option<Vec<News>>,
    pub(super) folders: BTreeMap<FolderKey, Folder>,
    pub(super) folder_ids: HashMap<String, FolderKey>,
    messages: HashMap<Key, Message>,
    ids: HashMap<String, Key>,
    /// All messages by time of receipt (seconds), then by key.
    by_time: BTreeSet<(i64, Key)>,
    index: Index,
    /// By internet message id; lets answers join their conversation.
    threads: HashMap<String, Conversation>,
    /// By subject without marks; lets `RE:` without references join.
    topics: HashMap<String, Conversation>,
    changes: u64,
    /// Changes to folders, counted.
    pub(super) folder_changes: u64,
    /// The folders that are gone: at which count, their ids.
    pub(super) buried: Vec<(u64, String)>,
    clock: Clock,
}

/// The categories that a mailbox begins with.
const CATEGORIES: [(&str, &str); 6] = [
    ("Red category", "preset0"),
    ("Orange category", "preset1"),
    ("Yellow category", "preset3"),
    ("Green category", "preset4"),
    ("Blue category", "preset7"),
    ("Purple category", "preset8"),
];

impl Mailbox {
    pub fn new(address: &str, seed: u64, clock: Clock) -> Self {
        let mut names = Names::new(seed, address);
        let guid = names.guid();
        let local = address.split('@').next().unwrap_or(address);
        let mut name = local.replace(['.', '-', '_'], " ");
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        let mut mailbox = Self {
            address: address.to_lowercase(),
            name,
            guid,
            names,
            meter: Meter::default(),
            uploads: HashMap::new(),
            categories: Vec::new(),
            settings: Settings::default(),
            news: None,
            folders: BTreeMap::new(),
            folder_ids: HashMap::new(),
            messages: HashMap::new(),
            ids: HashMap::new(),
            by_time: BTreeSet::new(),
            index: Index::default(),
            threads: HashMap::new(),
            topics: HashMap::new(),
            changes: 0,
            folder_changes: 0,
            buried: Vec::new(),
            clock,
        };
        for (which, _, display) in WELL_KNOWN {
            let parent = (which != WellKnown::Root).then_some(ROOT);
            mailbox.insert_folder(which.key(), display, parent, false);
        }
        mailbox.categories = CATEGORIES
            .into_iter()
            .map(|(name, colour)| Category {
                id: names::guid(&mailbox.names.category_digest(name)),
                name: name.to_owned(),
                colour: colour.to_owned(),
            })
            .collect();
        mailbox
    }

    /// The message of that id, in either format.
    pub fn find(&self, id: &str) -> Result<Key, Refusal> {
        match self.ids.get(id) {
            Some(key) => Ok(*key),
            None if looks_like_id(id) => Err(Refusal::NoSuchMessage),
            None => Err(Refusal::MalformedId),
        }
    }

    pub fn message(&self, key: Key) -> Option<&Message> {
        self.messages.get(&key)
    }

    /// The messages of a folder, or of all folders, newest first.
    pub fn newest_first(&self, folder: Option<FolderKey>) -> Vec<&Message> {
        self.items(folder).iter().rev().filter_map(|(_, key)| self.messages.get(key)).collect()
    }

    /// How many messages are in a folder, or in all.
    pub fn count(&self, folder: Option<FolderKey>) -> usize {
        self.items(folder).len()
    }

    /// Some of the messages of a folder, or of all folders, newest first.
    pub fn page(&self, folder: Option<FolderKey>, skip: usize, top: usize) -> Vec<&Message> {
        self.items(folder).iter().rev().skip(skip).take(top).filter_map(|(_, key)| self.messages.get(key)).collect()
    }

    fn items(&self, folder: Option<FolderKey>) -> &BTreeSet<(i64, Key)> {
        folder.and_then(|key| self.folders.get(&key)).map_or(&self.by_time, |folder| &folder.items)
    }

    /// The messages with this mark, and perhaps others.
    pub fn marked(&self, mark: &Mark<'_>) -> BTreeSet<Key> {
        self.index.find(mark)
    }

    /// Puts a new message into a folder: ids, change key and, if it has none, a conversation.
    pub fn add(&mut self, mut message: Message, folder: FolderKey) -> Key {
        let key = self.names.number();
        message.key = key;
        message.id = self.names.rest_id();
        message.print = self.names.print(message.looks());
        message.immutable_id = self.names.immutable_id(message.print);
        message.born = self.clock.now();
        message.folder = folder;
        if message.internet_id.is_empty() {
            let domain = super::domain(&self.address).to_owned();
            message.internet_id = self.names.internet_message_id_of(message.print, &domain);
        }
        for attachment in &mut message.attachments {
            attachment.id = self.names.attachment_id();
        }
        if message.conversation == Conversation::default() {
            message.conversation = self.conversation_of(&message);
        }
        self.threads.entry(message.internet_id.clone()).or_insert_with(|| message.conversation.clone());
        self.topics.entry(topic(&message.subject).0).or_insert_with(|| message.conversation.clone());
        self.changes += 1;
        message.change = self.changes;
        self.ids.insert(message.id.clone(), key);
        self.ids.insert(message.immutable_id.clone(), key);
        let received = message.received;
        self.by_time.insert((received.as_second(), key));
        self.index.enter(key, &Index::prints(&message));
        self.messages.insert(key, message);
        self.enter(key, received, folder);
        key
    }

    fn conversation_of(&mut self, message: &Message) -> Conversation {
        let mut parents = message.in_reply_to.iter().chain(message.references.iter().rev());
        if let Some(parent) = parents.find_map(|id| self.threads.get(id)) {
            return parent.child(message.received);
        }
        let (topic, marked) = topic(&message.subject);
        match self.topics.get(&topic) {
            Some(parent) if marked => parent.child(message.received),
            _ => Conversation::new(self.names.conversation(message.print), message.received),
        }
    }

    /// Changes a message in place. A read flip keeps the modification time, as Outlook does.
    pub fn change(&mut self, key: Key, kind: ChangeKind, now: Timestamp, write: impl FnOnce(&mut Message)) {
        let Some(message) = self.messages.get_mut(&key) else { return };
        let (before, was_read, prints) = (message.received, message.is_read, Index::prints(message));
        write(message);
        let written = Index::prints(message);
        if written != prints {
            self.index.leave(key, &prints);
            self.index.enter(key, &written);
        }
        self.changes += 1;
        message.change = self.changes;
        if kind != ChangeKind::ReadState {
            message.modified = now;
        }
        let (after, folder, is_read) = (message.received, message.folder, message.is_read);
        self.threads.entry(message.internet_id.clone()).or_insert_with(|| message.conversation.clone());
        self.by_time.remove(&(before.as_second(), key));
        self.by_time.insert((after.as_second(), key));
        if let Some(folder) = self.folders.get_mut(&folder) {
            folder.items.remove(&(before.as_second(), key));
            folder.items.insert((after.as_second(), key));
            folder.log.note(key, kind);
            folder.unread = (folder.unread + usize::from(!is_read)).saturating_sub(usize::from(!was_read));
        }
        if is_read != was_read {
            self.touch(Some(folder));
        }
        self.tell(key, NewsKind::Updated, folder);
    }

    /// Tells those who watch of a change of a message that is there.
    fn tell(&mut self, key: Key, kind: NewsKind, folder: FolderKey) {
        let Some(news) = &mut self.news else { return };
        let Some(message) = self.messages.get(&key) else { return };
        let place = self.folders.get(&folder).map_or(0, |folder| folder.log.end().saturating_sub(1));
        let (id, immutable_id) = (message.id.clone(), message.immutable_id.clone());
        news.push(News { kind, folder, key, id, immutable_id, change: message.change, place });
    }

    /// Moves a message: the default id changes, the immutable one stays. Into its own folder: nothing happens.
    pub fn relocate(&mut self, key: Key, folder: FolderKey, now: Timestamp) {
        let Some(message) = self.messages.get_mut(&key).filter(|message| message.folder != folder) else { return };
        let id = self.names.rest_id();
        let old = std::mem::replace(&mut message.id, id.clone());
        let (from, received, unread) = (message.folder, message.received, usize::from(!message.is_read));
        let immutable_id = message.immutable_id.clone();
        message.folder = folder;
        message.modified = now;
        self.changes += 1;
        message.change = self.changes;
        self.ids.remove(&old);
        self.ids.insert(id, key);
        self.leave((key, unread), received, from, ChangeKind::Left { id: old, immutable_id });
        self.enter(key, received, folder);
    }

    /// Gives a message another immutable id; the old one is unknown from now on.
    pub fn rename(&mut self, key: Key) {
        let Some(message) = self.messages.get_mut(&key) else { return };
        let print = self.names.print(message.print);
        let id = self.names.immutable_id(print);
        self.ids.remove(&std::mem::replace(&mut message.immutable_id, id.clone()));
        self.ids.insert(id, key);
    }

    /// A copy in a folder, with ids of its own.
    pub fn duplicate(&mut self, key: Key, folder: FolderKey, now: Timestamp) -> Option<Key> {
        let mut copy = self.messages.get(&key)?.clone();
        copy.created = now;
        copy.modified = now;
        copy.is_submitted = false;
        copy.was_moved_by_person = false;
        Some(self.add(copy, folder))
    }

    /// Lets the ids of a message lead nowhere until then.
    pub fn hide(&mut self, key: Key, until: Timestamp) {
        if let Some(message) = self.messages.get_mut(&key) {
            message.hidden_until = Some(until);
        }
    }

    /// Takes a message away for good.
    pub fn remove(&mut self, key: Key) {
        let Some(message) = self.messages.remove(&key) else { return };
        self.ids.remove(&message.id);
        self.ids.remove(&message.immutable_id);
        self.by_time.remove(&(message.received.as_second(), key));
        self.index.leave(key, &Index::prints(&message));
        let left = ChangeKind::Left { id: message.id, immutable_id: message.immutable_id };
        self.leave((key, usize::from(!message.is_read)), message.received, message.folder, left);
    }

    fn enter(&mut self, key: Key, received: Timestamp, folder: FolderKey) {
        self.touch(Some(folder));
        let unread = usize::from(self.messages.get(&key).is_some_and(|message| !message.is_read));
        if let Some(folder) = self.folders.get_mut(&folder) {
            folder.unread += unread;
            folder.items.insert((received.as_second(), key));
            folder.log.note(key, ChangeKind::Arrived);
        }
        self.tell(key, NewsKind::Created, folder);
    }

    fn leave(&mut self, (key, unread): (Key, usize), received: Timestamp, folder: FolderKey, left: ChangeKind) {
        self.touch(Some(folder));
        if let (Some(news), ChangeKind::Left { id, immutable_id }) = (&mut self.news, &left) {
            let place = self.folders.get(&folder).map_or(0, |folder| folder.log.end());
            let (id, immutable_id, change) = (id.clone(), immutable_id.clone(), self.changes);
            news.push(News { kind: NewsKind::Deleted, folder, key, id, immutable_id, change, place });
        }
        if let Some(folder) = self.folders.get_mut(&folder) {
            folder.unread = folder.unread.saturating_sub(unread);
            folder.items.remove(&(received.as_second(), key));
            folder.log.note(key, left);
        }
    }

    /// The message's MIME: as it arrived, or rendered.
    pub fn mime(&self, key: Key) -> Option<Bytes> {
        let message = self.messages.get(&key)?;
        match (&message.raw, message.origin) {
            (Some(raw), Origin::Received) => Some(raw.clone()),
            _ => Some(render(message, Audience::Sender).into()),
        }
    }
}

pub(super) fn looks_like_id(id: &str) -> bool {
    id.len() > 40 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'='))
}
