//! One call at work on one mailbox.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::query::Query;
use crate::simulator::filter::Filter;
use crate::simulator::http::{Call, GraphError};
use crate::simulator::ledger::Cause;
use crate::simulator::mail_out::as_html;
use crate::simulator::people::later;
use crate::simulator::permissions;
use crate::simulator::shape::View;
use crate::simulator::state::{FolderKey, Key, Mailbox, Message, Refusal, Tenant};

/// How a scripted fault bends what reads see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lens {
    /// Extended properties of messages younger than this (seconds) are not found by `$filter`.
    pub index_lag_s: Option<u64>,
    pub replays_delta: bool,
    pub empties_page: bool,
    /// What is made is not found by its id for so long (seconds).
    pub hides_created_s: Option<u64>,
}

/// The tenant, the call, and the mailbox it is about.
pub(crate) struct Visit<'a> {
    pub tenant: &'a mut Tenant,
    pub call: &'a Call,
    /// In lower case; always a mailbox of the tenant.
    pub address: &'a str,
    pub lens: Lens,
}

impl From<Refusal> for GraphError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoSuchMessage => Self::item_not_found(),
            Refusal::NoSuchFolder => {
                Self::new(404, "ErrorFolderNotFound", "The specified folder could not be found in the store.")
            }
            Refusal::MalformedId => Self::new(400, "ErrorInvalidIdMalformed", "Id is malformed."),
            Refusal::FolderExists(name) => {
                Self::new(409, "ErrorFolderExists", format!("A folder with the specified name already exists: {name}."))
            }
            Refusal::FolderIsDistinguished => {
                Self::new(400, "ErrorDeleteDistinguishedFolder", "Distinguished folders cannot be renamed or deleted.")
            }
        }
    }
}

impl Visit<'_> {
    /// The mailbox, to read.
    pub fn store(&self) -> Result<&Mailbox, GraphError> {
        self.tenant.mailboxes.get(self.address).ok_or_else(GraphError::item_not_found)
    }

    /// The mailbox, to write.
    pub fn mailbox(&mut self) -> Result<&mut Mailbox, GraphError> {
        self.tenant.mailboxes.get_mut(self.address).ok_or_else(GraphError::item_not_found)
    }

    pub fn message(&self, key: Key) -> Result<&Message, GraphError> {
        self.store()?.message(key).ok_or_else(GraphError::item_not_found)
    }

    /// The message of that id; a submitted draft hides in some moods.
    pub fn find(&self, id: &str) -> Result<&Message, GraphError> {
        let key = self.store()?.find(id)?;
        let message = self.message(key)?;
        if message.hidden_until.is_some_and(|until| self.tenant.clock.now() < until) {
            return Err(GraphError::item_not_found());
        }
        let temper = &self.tenant.temper;
        if message.is_submitted && temper.strikes("hides_submitted", temper.moods.hides_submitted, message.print) {
            return Err(GraphError::item_not_found());
        }
        Ok(message)
    }

    /// The view as far as the call's permissions reach: those for headers show no content.
    pub fn permit(&self, mut view: View) -> Result<View, GraphError> {
        if permissions::is_basic(self.tenant, self.call) {
            if view.expands_attachments || !view.properties.is_empty() {
                return Err(permissions::denied(permissions::DENIED));
            }
            view.hides_content = true;
        }
        Ok(view)
    }

    /// Refuses to look for content to whoever may not read it.
    pub fn permit_query(&self, query: &Query) -> Result<(), GraphError> {
        const CONTENT: [&str; 3] = ["bodyPreview", "body/content", "singleValueExtendedProperties"];
        let named = query.filter.as_ref().map(Filter::properties).unwrap_or_default();
        let asks = query.search.is_some() || named.iter().any(|name| CONTENT.iter().any(|own| own.eq_ignore_ascii_case(name)));
        if asks && permissions::is_basic(self.tenant, self.call) {
            return Err(permissions::denied(permissions::DENIED));
        }
        Ok(())
    }

    /// Hides what was just made, if a fault wants it.
    pub fn made(&mut self, key: Key) -> Result<(), GraphError> {
        if let Some(seconds) = self.lens.hides_created_s {
            let until = later(self.tenant.clock.now(), Duration::from_secs(seconds));
            self.mailbox()?.hide(key, until);
        }
        Ok(())
    }

    pub fn folder(&self, reference: &str) -> Result<FolderKey, GraphError> {
        Ok(self.store()?.resolve_folder(reference)?)
    }

    pub fn now(&self) -> Timestamp {
        self.tenant.now()
    }

    /// Writes an effect on a message into the ledger.
    pub fn note(&mut self, effect: &'static str, key: Key, more: Value) -> Result<(), GraphError> {
        let mut facts = message_facts(self.message(key)?);
        if let Value::Object(more) = more {
            facts.extend(more);
        }
        self.note_facts(effect, facts);
        Ok(())
    }

    /// Writes an effect into the ledger.
    pub fn note_facts(&mut self, effect: &'static str, facts: Map<String, Value>) {
        let cause = Cause { by: "client", method: self.call.method.to_string(), path: self.call.path.clone() };
        let at = self.tenant.clock.now();
        self.tenant.ledger.note(at, &cause, self.address, effect, facts);
    }
}

/// What the ledger says about a message: `body` only of own mail, since received mail is known from its delivery.
pub(crate) fn message_facts(message: &Message) -> Map<String, Value> {
    let own = message.origin == crate::simulator::state::Origin::Own;
    let facts = json!({
        "id": message.immutable_id,
        "internetMessageId": message.internet_id,
        "subject": message.subject,
        "to": message.recipients(),
        "body": own.then(|| as_html(&message.body)),
    });
    match facts {
        Value::Object(facts) => facts,
        _ => Map::new(),
    }
}
