//! People in Outlook: what they do to messages, at the tenant's door or by habit.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::agenda::Errand;
use super::http::GraphError;
use super::ledger::Cause;
use super::luck::{Chance, Span};
use super::routes::{Keep, message_facts, reply_by_hand, write_patch};
use super::state::{ChangeKind, FolderKey, Key, Mailbox, Message, Origin, Recipient, Refusal, Tenant, WellKnown};
use super::transport::{self, Submitted};

/// What a person does to one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Reads a mail that arrived.
    Read,
    /// Adds a category to a mail that arrived.
    Categorise(String),
    /// Moves a mail that arrived to the folder at this path, or of this well-known name.
    Move(String),
    /// Deletes a mail that arrived: it goes to Deleted Items.
    Delete,
    /// Answers a mail that arrived with this text.
    Reply(String),
    /// Writes this text into a draft that the client made.
    EditDraft(String),
    /// Deletes a draft that the client made.
    DeleteDraft,
    /// Takes the copy of a mail that the client sent out of Sent Items for good.
    PurgeSent,
}

/// When a deed can come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// A mail has arrived.
    Arrived,
    /// The client has made a draft.
    Drafted,
    /// A mail that the client sent lies in Sent Items.
    Sent,
}

impl Deed {
    fn occasion(&self) -> Occasion {
        match self {
            Self::Read | Self::Categorise(_) | Self::Move(_) | Self::Delete | Self::Reply(_) => Occasion::Arrived,
            Self::EditDraft(_) | Self::DeleteDraft => Occasion::Drafted,
            Self::PurgeSent => Occasion::Sent,
        }
    }
}

/// What people do to some messages, a while after these came.
#[derive(Clone, Debug, PartialEq)]
pub struct Habit {
    /// What they do.
    pub deed: Deed,
    /// To which share of the messages.
    pub chance: Chance,
    /// How long after the mail arrived, the draft was made, the mail was sent.
    pub after: Span,
}

/// A deed whose time will come.
#[derive(Clone, Debug)]
pub(crate) struct DueDeed {
    address: String,
    key: Key,
    deed: Deed,
}

/// Takes on what people will do to a message.
pub(crate) fn meet(tenant: &mut Tenant, address: &str, key: Key, occasion: Occasion) {
    let Some(print) = tenant.mailboxes.get(address).and_then(|mailbox| mailbox.message(key)).map(|message| message.print) else {
        return;
    };
    let now = tenant.clock.now();
    let mut errands = Vec::new();
    for (place, habit) in tenant.people.iter().enumerate().filter(|(_, habit)| habit.deed.occasion() == occasion) {
        if !tenant.temper.strikes(&format!("habit {place}"), habit.chance, print) {
            continue;
        }
        let after = tenant.temper.time(&format!("habit {place} after"), habit.after, print);
        let deed = DueDeed { address: address.to_owned(), key, deed: habit.deed.clone() };
        errands.push((later(now, after), Errand::Deed(deed)));
    }
    for (due, errand) in errands {
        tenant.agenda.take_on(due, errand);
    }
}

/// A time after another one.
pub(crate) fn later(now: Timestamp, after: std::time::Duration) -> Timestamp {
    SignedDuration::try_from(after).ok().and_then(|after| now.checked_add(after).ok()).unwrap_or(Timestamp::MAX)
}

/// Does what is due; a message that is gone, or a draft that is sent, is left alone.
pub(crate) fn act(tenant: &mut Tenant, due: &DueDeed) {
    let cause = Cause { by: "person", method: "OUTLOOK".to_owned(), path: String::new() };
    let mut person = Person { tenant, cause, address: due.address.clone() };
    let key = due.key;
    let Ok(message) = person.message(key) else { return };
    let is_open_draft = message.is_draft && !message.is_submitted;
    let mut categories = message.categories.clone();
    let done = match &due.deed {
        Deed::Read => person.write(key, &patch("isRead", json!(true))),
        Deed::Categorise(name) => {
            categories.retain(|known| known != name);
            categories.push(name.clone());
            person.write(key, &patch("categories", json!(categories)))
        }
        Deed::Move(path) => person.relocate_to(key, path).map_err(GraphError::from),
        Deed::Delete => person.delete(key).map_err(GraphError::from),
        Deed::Reply(text) => person.reply(key, text).map(|_| ()).map_err(GraphError::from),
        Deed::EditDraft(text) if is_open_draft => {
            person.write(key, &patch("body", json!({"contentType": "text", "content": text})))
        }
        Deed::DeleteDraft if is_open_draft => person.delete(key).map_err(GraphError::from),
        Deed::EditDraft(_) | Deed::DeleteDraft => Ok(()),
        Deed::PurgeSent => person.purge(key).map_err(GraphError::from),
    };
    // A habit that names a folder that is not there comes to nothing.
    let _ = done;
}

fn patch(name: &str, value: Value) -> Map<String, Value> {
    Map::from_iter([(name.to_owned(), value)])
}

/// A person at work in one mailbox.
pub(crate) struct Person<'a> {
    pub tenant: &'a mut Tenant,
    pub cause: Cause,
    /// In lower case.
    pub address: String,
}

impl Person<'_> {
    fn mailbox(&mut self) -> Result<&mut Mailbox, Refusal> {
        self.tenant.mailboxes.get_mut(&self.address).ok_or(Refusal::NoSuchMessage)
    }

    pub fn find(&mut self, id: &str) -> Result<Key, Refusal> {
        self.mailbox()?.find(id)
    }

    fn message(&mut self, key: Key) -> Result<&Message, Refusal> {
        self.mailbox()?.message(key).ok_or(Refusal::NoSuchMessage)
    }

    fn note(&mut self, effect: &'static str, facts: Map<String, Value>) {
        let at = self.tenant.clock.now();
        self.tenant.ledger.note(at, &self.cause, &self.address, effect, facts);
    }

    /// Moves a message to the folder at a path of display names, or of a well-known name.
    pub fn relocate_to(&mut self, key: Key, path: &str) -> Result<(), Refusal> {
        let mailbox = self.mailbox()?;
        let to = mailbox.folder_at(path).map_or_else(|| mailbox.resolve_folder(path), Ok);
        self.relocate(key, to.map_err(|_| Refusal::NoSuchFolder)?, "moved")
    }

    fn relocate(&mut self, key: Key, to: FolderKey, effect: &'static str) -> Result<(), Refusal> {
        let now = self.tenant.now();
        let mailbox = self.mailbox()?;
        mailbox.change(key, ChangeKind::Updated, now, |message| message.was_moved_by_person = true);
        mailbox.relocate(key, to, now);
        let mut facts = mailbox.message(key).map(message_facts).ok_or(Refusal::NoSuchMessage)?;
        facts.insert("folder".to_owned(), json!(mailbox.path(to)));
        self.note(effect, facts);
        Ok(())
    }

    /// To Deleted Items; from there for good.
    pub fn delete(&mut self, key: Key) -> Result<(), Refusal> {
        let message = self.message(key)?;
        if message.folder == WellKnown::DeletedItems.key() {
            return self.purge(key);
        }
        let effect = if message.is_draft { "draft_deleted" } else { "deleted" };
        self.relocate(key, WellKnown::DeletedItems.key(), effect)
    }

    /// For good, wherever it lies.
    pub fn purge(&mut self, key: Key) -> Result<(), Refusal> {
        let message = self.message(key)?;
        let effect = if message.is_draft { "draft_deleted" } else { "deleted" };
        let facts = message_facts(message);
        self.mailbox()?.remove(key);
        self.note(effect, facts);
        Ok(())
    }

    /// Changes what Outlook lets change: categories, read state, flag, importance; of a draft also its text.
    pub fn write(&mut self, key: Key, changes: &Map<String, Value>) -> Result<(), GraphError> {
        let now = self.tenant.now();
        let mut written = self.message(key)?.clone();
        write_patch(&mut written, changes, now)?;
        let only_read = changes.keys().all(|name| name == "isRead");
        let kind = if only_read { ChangeKind::ReadState } else { ChangeKind::Updated };
        self.mailbox()?.change(key, kind, now, |message| *message = written);
        let mut facts = message_facts(self.message(key)?);
        facts.insert("changes".to_owned(), Value::Object(changes.clone()));
        self.note("patched", facts);
        Ok(())
    }

    /// Sends a draft as it lies.
    pub fn send(&mut self, key: Key) -> Result<(), Refusal> {
        let now = self.tenant.now();
        let message = self.message(key)?;
        if !message.is_draft || message.is_submitted {
            return Err(Refusal::NoSuchMessage);
        }
        self.mailbox()?.change(key, ChangeKind::Updated, now, |message| {
            message.is_submitted = true;
            message.sent = now;
        });
        let message = self.message(key)?.clone();
        let mut facts = message_facts(&message);
        facts.insert("folder".to_owned(), json!("Sent Items"));
        self.note("sent", facts);
        transport::queue(self.tenant, Submitted::of(&message, &self.address, Keep::InSentItems));
        Ok(())
    }

    /// Answers by hand: the answer lies in Sent Items at once and goes out; its immutable id.
    pub fn reply(&mut self, key: Key, text: &str) -> Result<String, Refusal> {
        let now = self.tenant.now();
        let original = self.message(key)?.clone();
        let mailbox = self.mailbox()?;
        let own = Recipient { name: mailbox.name.clone(), address: mailbox.address.clone() };
        let mut answer = reply_by_hand(&original, &own, text, now);
        answer.is_draft = false;
        answer.origin = Origin::Own;
        let key = mailbox.add(answer, WellKnown::SentItems.key());
        let message = self.message(key)?.clone();
        let mut facts = message_facts(&message);
        facts.insert("folder".to_owned(), json!("Sent Items"));
        self.note("sent", facts);
        transport::queue(self.tenant, Submitted::of(&message, &self.address, Keep::AsItLies));
        Ok(message.immutable_id)
    }
}
