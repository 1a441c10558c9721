//! A mailbox's folders: found, made, renamed, taken away, and what delta queries over them see.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::folder::{DeltaLog, Folder, FolderKey, ROOT, WELL_KNOWN};
use super::mailbox::{Mailbox, Refusal, looks_like_id};
use super::message::{Key, normal_property_id};
use crate::simulator::luck::print_of;

/// Well-known names whose folders no mailbox here has.
const ABSENT: [&str; 8] = [
    "clutter",
    "conflicts",
    "localfailures",
    "recoverableitemsdeletions",
    "scheduled",
    "searchfolders",
    "serverfailures",
    "syncissues",
];

impl Mailbox {
    pub(super) fn insert_folder(&mut self, key: FolderKey, name: &str, parent: Option<FolderKey>, is_hidden: bool) {
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
            changed: 0,
            unread: 0,
            items: BTreeSet::new(),
            log: DeltaLog::default(),
            withheld: None,
            properties: BTreeMap::new(),
        };
        self.folders.insert(key, folder);
        self.touch(Some(key));
        self.touch(parent);
    }

    /// How many changes to folders there were.
    pub fn folder_changes(&self) -> u64 {
        self.folder_changes
    }

    /// The folders that are gone: at which count of changes, their ids.
    pub fn buried_folders(&self) -> &[(u64, String)] {
        &self.buried
    }

    /// Counts a change to a folder, be it of what it counts.
    pub(super) fn touch(&mut self, key: Option<FolderKey>) {
        if let Some(folder) = key.and_then(|key| self.folders.get_mut(&key)) {
            self.folder_changes += 1;
            folder.changed = self.folder_changes;
        }
    }

    /// The folder of that well-known name (any case) or id.
    pub fn resolve_folder(&self, reference: &str) -> Result<FolderKey, Refusal> {
        if let Some(key) = self.folder_ids.get(reference) {
            return Ok(*key);
        }
        let named = WELL_KNOWN.iter().find(|(_, name, _)| name.eq_ignore_ascii_case(reference));
        match named {
            Some((which, _, _)) => Ok(which.key()),
            None if ABSENT.iter().any(|name| name.eq_ignore_ascii_case(reference)) => Err(Refusal::NoSuchFolder),
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
        self.touch(Some(key));
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

    /// Hides the changes of a folder from this place of its log on until then; what is hidden already stays so.
    pub fn withhold(&mut self, key: FolderKey, place: usize, until: Timestamp) {
        let Some(folder) = self.folders.get_mut(&key) else { return };
        let (first, last) = folder.withheld.unwrap_or((place, until));
        folder.withheld = Some((first.min(place), last.max(until)));
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
                self.touch(folder.parent);
                self.folder_changes += 1;
                self.buried.push((self.folder_changes, folder.id));
            }
        }
        Ok(())
    }
}
