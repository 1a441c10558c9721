//! One mailbox: folders, messages, both kinds of id, conversations.
//!
//! Every write goes through here, so that change keys, modification times and the change logs always agree.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use bytes::Bytes;
use jiff::Timestamp;

use super::folder::{ChangeKind, DeltaLog, Folder, FolderKey, ROOT, WELL_KNOWN, WellKnown};
use super::message::{Key, Message, Origin, normal_property_id};
use super::names::Names;
use super::thread::{Conversation, topic};
use crate::clock::Clock;
use crate::simulator::luck::print_of;
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
}

/// One mailbox.
#[derive(Debug)]
pub(crate) struct Mailbox {
    /// In lower case.
    pub address: String,
    pub name: String,
    pub guid: String,
    pub names: Names,
    /// Requests being answered right now.
    pub in_flight: usize,
    /// When the latest calls came, oldest first; kept only as far back as a throttle looks.
    pub calls: VecDeque<Timestamp>,
    pub uploads: HashMap<String, Upload>,
    folders: BTreeMap<FolderKey, Folder>,
    folder_ids: HashMap<String, FolderKey>,
    messages: HashMap<Key, Message>,
    ids: HashMap<String, Key>,
    /// By internet message id; lets answers join their conversation.
    threads: HashMap<String, Conversation>,
    /// By subject without marks; lets `RE:` without references join.
    topics: HashMap<String, Conversation>,
    changes: u64,
    clock: Clock,
}

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
            in_flight: 0,
            calls: VecDeque::new(),
            uploads: HashMap::new(),
            folders: BTreeMap::new(),
            folder_ids: HashMap::new(),
            messages: HashMap::new(),
            ids: HashMap::new(),
            threads: HashMap::new(),
            topics: HashMap::new(),
            changes: 0,
            clock,
        };
        for (which, _, display) in WELL_KNOWN {
            let parent = (which != WellKnown::Root).then_some(ROOT);
            mailbox.insert_folder(which.key(), display, parent, false);
        }
        mailbox
    }

    fn insert_folder(&mut self, key: FolderKey, name: &str, parent: Option<FolderKey>, is_hidden: bool) {
        let looks = print_of(&[b"folder", &parent.unwrap_or(ROOT).to_be_bytes(), name.to_lowercase().as_bytes()]);
        let print = self.names.print(looks);
        let id = self.names.folder_id(print);
        self.folder_ids.insert(id.clone(), key);
        let folder = Folder {
            key,
            id,
            name: name.to_owned(),
            parent,
            is_hidden,
            items: BTreeSet::new(),
            log: DeltaLog::default(),
            properties: BTreeMap::new(),
        };
        self.folders.insert(key, folder);
    }

    // Folders.

    /// The folder of that well-known name (any case) or id.
    pub fn resolve_folder(&self, reference: &str) -> Result<FolderKey, Refusal> {
        if let Some(key) = self.folder_ids.get(reference) {
            return Ok(*key);
        }
        let named = WELL_KNOWN.iter().find(|(_, name, _)| name.eq_ignore_ascii_case(reference));
        match named {
            Some((which, _, _)) => Ok(which.key()),
            None if looks_like_id(reference) => Err(Refusal::NoSuchFolder),
            None => Err(Refusal::MalformedId),
        }
    }

    pub fn folder(&self, key: FolderKey) -> Option<&Folder> {
        self.folders.get(&key)
    }

    /// All folders, the root first.
    pub fn folders(&self) -> impl Iterator<Item = &Folder> {
        self.folders.values()
    }

    pub fn children(&self, parent: FolderKey) -> impl Iterator<Item = &Folder> {
        self.folders.values().filter(move |folder| folder.parent == Some(parent))
    }

    /// The display names from below the root, joined with `/`.
    pub fn path(&self, key: FolderKey) -> String {
        let mut names = Vec::new();
        let mut next = self.folders.get(&key);
        while let Some(folder) = next.filter(|folder| folder.key != ROOT) {
            names.push(folder.name.as_str());
            next = folder.parent.and_then(|parent| self.folders.get(&parent));
        }
        names.reverse();
        names.join("/")
    }

    /// The folder at a path of display names, in any case.
    pub fn folder_at(&self, path: &str) -> Option<FolderKey> {
        let mut at = ROOT;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            at = self.children(at).find(|folder| folder.name.to_lowercase() == name.to_lowercase())?.key;
        }
        (at != ROOT).then_some(at)
    }

    pub fn create_folder(&mut self, parent: FolderKey, name: &str, is_hidden: bool) -> Result<FolderKey, Refusal> {
        self.refuse_double(parent, name, None)?;
        let key = self.folders.keys().next_back().map_or(0, |last| last + 1);
        self.insert_folder(key, name, Some(parent), is_hidden);
        Ok(key)
    }

    pub fn rename_folder(&mut self, key: FolderKey, name: &str) -> Result<(), Refusal> {
        Self::refuse_distinguished(key)?;
        let parent = self.folders.get(&key).and_then(|folder| folder.parent).ok_or(Refusal::NoSuchFolder)?;
        self.refuse_double(parent, name, Some(key))?;
        if let Some(folder) = self.folders.get_mut(&key) {
            name.clone_into(&mut folder.name);
        }
        Ok(())
    }

    /// Writes an extended property of a folder; without a value, it is taken away.
    pub fn set_folder_property(&mut self, key: FolderKey, id: &str, value: Option<String>) {
        let Some(folder) = self.folders.get_mut(&key) else { return };
        let normal = normal_property_id(id);
        match value {
            Some(value) => drop(folder.properties.insert(normal, (id.to_owned(), value))),
            None => drop(folder.properties.remove(&normal)),
        }
    }

    fn refuse_double(&self, parent: FolderKey, name: &str, but: Option<FolderKey>) -> Result<(), Refusal> {
        let wanted = name.to_lowercase();
        let double = self.children(parent).any(|folder| Some(folder.key) != but && folder.name.to_lowercase() == wanted);
        if double { Err(Refusal::FolderExists(name.to_owned())) } else { Ok(()) }
    }

    fn refuse_distinguished(key: FolderKey) -> Result<(), Refusal> {
        if usize::try_from(key).is_ok_and(|key| key < WELL_KNOWN.len()) { Err(Refusal::FolderIsDistinguished) } else { Ok(()) }
    }

    /// Takes the folder, what is below it and all messages therein away for good.
    pub fn delete_folder(&mut self, key: FolderKey) -> Result<(), Refusal> {
        Self::refuse_distinguished(key)?;
        let mut doomed = vec![key];
        let mut at = 0;
        while at < doomed.len() {
            let below: Vec<FolderKey> = self.children(doomed[at]).map(|folder| folder.key).collect();
            doomed.extend(below);
            at += 1;
        }
        for key in doomed {
            let items: Vec<Key> =
                self.folders.get(&key).map(|f| f.items.iter().map(|(_, key)| *key).collect()).unwrap_or_default();
            for item in items {
                self.remove(item);
            }
            if let Some(folder) = self.folders.remove(&key) {
                self.folder_ids.remove(&folder.id);
            }
        }
        Ok(())
    }

    pub fn unread(&self, folder: &Folder) -> usize {
        folder.items.iter().filter(|(_, key)| self.messages.get(key).is_some_and(|message| !message.is_read)).count()
    }

    // Messages.

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
        let one = folder.and_then(|key| self.folders.get(&key));
        if let Some(folder) = one {
            return folder.items.iter().rev().filter_map(|(_, key)| self.messages.get(key)).collect();
        }
        let mut all: Vec<&Message> = self.messages.values().collect();
        all.sort_by_key(|message| std::cmp::Reverse((message.received, message.key)));
        all
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
        self.enter(key, message.received, folder);
        self.messages.insert(key, message);
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
        let before = message.received;
        write(message);
        self.changes += 1;
        message.change = self.changes;
        if kind != ChangeKind::ReadState {
            message.modified = now;
        }
        let (after, folder) = (message.received, message.folder);
        self.threads.entry(message.internet_id.clone()).or_insert_with(|| message.conversation.clone());
        if let Some(folder) = self.folders.get_mut(&folder) {
            folder.items.remove(&(before.as_second(), key));
            folder.items.insert((after.as_second(), key));
            folder.log.note(key, kind);
        }
    }

    /// Moves a message: the default id changes, the immutable one stays. Into its own folder: nothing happens.
    pub fn relocate(&mut self, key: Key, folder: FolderKey, now: Timestamp) {
        let Some(message) = self.messages.get_mut(&key).filter(|message| message.folder != folder) else { return };
        let id = self.names.rest_id();
        let old = std::mem::replace(&mut message.id, id.clone());
        let (from, received) = (message.folder, message.received);
        let immutable_id = message.immutable_id.clone();
        message.folder = folder;
        message.modified = now;
        self.changes += 1;
        message.change = self.changes;
        self.ids.remove(&old);
        self.ids.insert(id, key);
        self.leave(key, received, from, ChangeKind::Left { id: old, immutable_id });
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

    /// Takes a message away for good.
    pub fn remove(&mut self, key: Key) {
        let Some(message) = self.messages.remove(&key) else { return };
        self.ids.remove(&message.id);
        self.ids.remove(&message.immutable_id);
        let left = ChangeKind::Left { id: message.id, immutable_id: message.immutable_id };
        self.leave(key, message.received, message.folder, left);
    }

    fn enter(&mut self, key: Key, received: Timestamp, folder: FolderKey) {
        if let Some(folder) = self.folders.get_mut(&folder) {
            folder.items.insert((received.as_second(), key));
            folder.log.note(key, ChangeKind::Arrived);
        }
    }

    fn leave(&mut self, key: Key, received: Timestamp, folder: FolderKey, left: ChangeKind) {
        if let Some(folder) = self.folders.get_mut(&folder) {
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

fn looks_like_id(id: &str) -> bool {
    id.len() > 40 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'='))
}
