//! What the tenant holds: mailboxes with folders and messages, what was sent but not yet transported, tokens, faults.
//!
//! Plain data behind one lock: nothing here waits, and nothing here knows HTTP.

mod category;
mod folder;
mod index;
mod mailbox;
mod message;
mod names;
mod news;
mod settings;
mod thread;
mod tree;

pub(crate) use category::Category;
pub(crate) use folder::{ChangeKind, Folder, FolderKey, Found, ROOT, ReadFlips, Round, WellKnown};
pub(crate) use index::{Mark, is_worked_out};
pub(crate) use mailbox::{Mailbox, Refusal, Upload};
pub(crate) use message::{Attachment, AttachmentKind, Body, BodyKind, Key, Message, Origin, Recipient, normal_property_id};
pub(crate) use names::{Names, guid, hex};
pub(crate) use news::{News, NewsKind};
pub(crate) use thread::topic;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use super::agenda::Agenda;
use super::assertion::Registered;
use super::delegated::Delegated;
use super::faults::FaultTable;
use super::ledger::Ledger;
use super::limits::Limits;
use super::luck::Comings;
use super::moods::Temper;
use super::people::Habit;
use super::permissions::Access;
use super::server::Strangers;
use super::subscriptions::Subscriptions;
use crate::clock::Clock;

/// Everything the tenant knows.
pub(crate) struct Tenant {
    pub clock: Clock,
    pub seed: u64,
    /// Differs from run to run, so that delta tokens of an earlier run are unknown.
    pub nonce: String,
    pub names: Names,
    /// By address in lower case.
    pub mailboxes: BTreeMap<String, Mailbox>,
    /// Bearer tokens and when they end.
    pub tokens: HashMap<String, Timestamp>,
    /// The one application that may sign in (id, secret); `None` lets any in.
    pub client: Option<(String, String)>,
    pub registered: Registered,
    /// People who sign in.
    pub delegated: Delegated,
    /// What App Service's identity service wants to see.
    pub identity_header: String,
    pub token_lifetime: Duration,
    pub sent_delay: Duration,
    pub strangers: Strangers,
    /// How much a mailbox takes.
    pub limits: Limits,
    /// What the application may do.
    pub access: Access,
    pub temper: Temper,
    /// What people do.
    pub people: Vec<Habit>,
    /// What is to be done later.
    pub agenda: Agenda,
    pub faults: FaultTable,
    /// Who is told of changes, and what is on its way to them.
    pub subscriptions: Subscriptions,
    /// How often each call was let in.
    pub comings: Comings,
    pub ledger: Ledger,
}

impl Tenant {
    /// The mailbox of that address or object id.
    pub fn mailbox_address(&self, reference: &str) -> Option<String> {
        let wanted = reference.to_lowercase();
        if self.mailboxes.contains_key(&wanted) {
            return Some(wanted);
        }
        self.mailboxes.values().find(|mailbox| mailbox.guid == wanted).map(|mailbox| mailbox.address.clone())
    }

    /// Whether an address lies in one of the tenant's own domains.
    pub fn owns_domain_of(&self, address: &str) -> bool {
        let domain = domain(address);
        self.mailboxes.keys().any(|own| self::domain(own).eq_ignore_ascii_case(domain))
    }

    /// Now, in whole seconds as Outlook keeps time.
    pub fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }
}

/// What stands behind the last `@`.
pub(crate) fn domain(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}
