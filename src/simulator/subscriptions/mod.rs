//! Change notifications: who is told of what, the handshake with an endpoint, what is posted to it and how often.
//!
//! Where Graph wants https, plain http to loopback addresses is taken too. Not here: resources other than messages, web push.

mod calls;
mod collect;
mod office;
mod post;
mod resource;
mod rich;
mod signing;

pub(crate) use calls::{answer, of_batch};
pub(crate) use collect::{Lifecycle, collect, expire, remind, tell_lifecycle};
pub(crate) use office::PostOffice;
pub(crate) use post::{Post, work};
#[cfg(test)]
pub(crate) use rich::Seeded;
pub(crate) use signing::{SigningKey, key_set};

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::filter::Filter;
use super::state::{FolderKey, Key, NewsKind};
use rich::Certificate;

/// How patiently endpoints are posted to. As it stands by default, as Microsoft's pages tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Webhooks {
    /// How long changes are gathered before they go out in one POST.
    pub gather: Duration,
    /// How long an endpoint may take to answer the handshake.
    pub handshake: Duration,
    /// How long it may take to answer the first POST of a notification; an answer that takes longer is slow.
    pub first: Duration,
    /// How long it may take to answer a repeated POST; an answer that takes longer never came.
    pub again: Duration,
    /// The wait before the first repeat; it doubles with each one.
    pub backoff: Duration,
    /// How long a notification is repeated.
    pub gives_up_after: Duration,
    /// How far back an endpoint's answers are counted, and how long it then is posted to late or not at all.
    pub window: Duration,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            gather: Duration::from_millis(50),
            handshake: Duration::from_secs(10),
            first: Duration::from_secs(3),
            again: Duration::from_secs(10),
            backoff: Duration::from_secs(10),
            gives_up_after: Duration::from_hours(4),
            window: Duration::from_mins(10),
        }
    }
}

/// What of a mailbox is watched.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    /// In lower case.
    pub mailbox: String,
    /// `None` watches all folders.
    pub folder: Option<FolderKey>,
    pub filter: Option<Filter>,
    /// The `$select` of rich notifications.
    pub select: Option<Vec<&'static str>>,
}

/// One subscription.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub id: String,
    /// The application and the directory whose token made it.
    pub app: String,
    pub directory: String,
    /// The origin it was made at: the issuer of its validation tokens is there.
    pub base: String,
    pub resource: String,
    pub watched: Watched,
    pub kinds: Vec<NewsKind>,
    pub notification_url: String,
    pub lifecycle_url: Option<String>,
    pub client_state: Option<String>,
    pub ends: Timestamp,
    /// Until when it is authorized: as long as a token holds, from when it was made, renewed or reauthorized.
    pub authorized_until: Timestamp,
    pub renewed: Timestamp,
    pub immutable_ids: bool,
    pub tls: String,
    /// Set: notifications carry the message, encrypted for it.
    pub certificate: Option<Certificate>,
    /// Under a filter: what meets it, so that entering and leaving can be told.
    pub matching: BTreeSet<Key>,
}

impl Subscription {
    /// `created,updated` in Graph's order of the words.
    pub fn change_type(&self) -> String {
        let words: Vec<&str> = self.kinds.iter().map(|kind| kind.word()).collect();
        words.join(",")
    }

    /// As Graph shows it; options that were not given come as null.
    pub fn show(&self) -> Value {
        json!({
            "id": self.id,
            "resource": self.resource,
            "applicationId": self.app,
            "changeType": self.change_type(),
            "clientState": self.client_state,
            "notificationUrl": self.notification_url,
            "notificationQueryOptions": null,
            "lifecycleNotificationUrl": self.lifecycle_url,
            "expirationDateTime": self.ends.to_string(),
            "creatorId": self.app,
            "includeResourceData": self.certificate.is_some(),
            "latestSupportedTlsVersion": self.tls,
            "encryptionCertificate": self.certificate.as_ref().map(|certificate| certificate.text.as_str()),
            "encryptionCertificateId": self.certificate.as_ref().map(|certificate| certificate.id.as_str()),
            "notificationUrlAppId": null,
            "notificationContentType": "application/json",
        })
    }
}

/// All subscriptions and the post on its way.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    by_id: BTreeMap<String, Subscription>,
    /// The subscriptions on a mailbox, by its address in lower case.
    on: BTreeMap<String, BTreeSet<String>>,
    pub post: PostOffice,
    /// What validation tokens are signed with; made with the first subscription that needs them.
    pub signing: Option<SigningKey>,
}

impl Subscriptions {
    pub fn new(webhooks: Webhooks) -> Self {
        Self { post: PostOffice::new(webhooks), ..Self::default() }
    }

    pub fn get(&self, id: &str) -> Option<&Subscription> {
        self.by_id.get(id)
    }

    pub fn get_mut(&mut self, id: &str) -> Option<&mut Subscription> {
        self.by_id.get_mut(id)
    }

    /// All of them, by id.
    pub fn all(&self) -> impl Iterator<Item = &Subscription> {
        self.by_id.values()
    }

    /// The ids of those on a mailbox.
    pub fn on(&self, mailbox: &str) -> Vec<String> {
        self.on.get(mailbox).into_iter().flatten().cloned().collect()
    }

    /// The mailboxes that somebody watches.
    pub fn mailboxes(&self) -> Vec<String> {
        self.on.keys().cloned().collect()
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub fn insert(&mut self, subscription: Subscription) {
        self.on.entry(subscription.watched.mailbox.clone()).or_default().insert(subscription.id.clone());
        self.by_id.insert(subscription.id.clone(), subscription);
    }

    /// Takes one out; the mailbox that nobody watches any more, if there is one now.
    pub fn remove(&mut self, id: &str) -> Option<(Subscription, Option<String>)> {
        let gone = self.by_id.remove(id)?;
        let mailbox = gone.watched.mailbox.clone();
        let left = self.on.get_mut(&mailbox)?;
        left.remove(id);
        let is_last = left.is_empty();
        if is_last {
            self.on.remove(&mailbox);
        }
        Some((gone, is_last.then_some(mailbox)))
    }

    /// The ids of those whose time is over.
    pub fn expired(&self, now: Timestamp) -> Vec<String> {
        self.by_id.values().filter(|one| one.ends <= now).map(|one| one.id.clone()).collect()
    }
}
