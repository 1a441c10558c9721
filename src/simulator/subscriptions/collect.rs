//! What happened in watched mailboxes becomes notifications; lifecycle events.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Subscription;
use super::office::{Handed, Item};
use super::rich;
use crate::simulator::agenda::Errand;
use crate::simulator::faults::{Failure, Fault};
use crate::simulator::filter::matches;
use crate::simulator::luck::print_of;
use crate::simulator::people::later;
use crate::simulator::shape::etag;
use crate::simulator::state::{News, NewsKind, Tenant};

/// How late what a fault delays comes, in seconds, unless its script says otherwise.
const LATE_S: u64 = 2;

/// How long before its token lapses a subscription is asked to be reauthorized, at the most.
const REMINDED_BEFORE: SignedDuration = SignedDuration::from_mins(15);

/// What happens to a subscription itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifecycle {
    ReauthorizationRequired,
    SubscriptionRemoved,
    Missed,
}

impl Lifecycle {
    /// Every event by Graph's word for it.
    pub const ALL: [(&str, Self); 3] = [
        ("reauthorizationRequired", Self::ReauthorizationRequired),
        ("subscriptionRemoved", Self::SubscriptionRemoved),
        ("missed", Self::Missed),
    ];

    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, event)| *event == self).map_or("", |(word, _)| word)
    }
}

/// Makes notifications of what happened since the last look. Called whenever somebody lets go of the tenant, so that nothing is
/// seen in a mailbox before its notification is made.
pub(crate) fn collect(tenant: &mut Tenant) {
    if tenant.subscriptions.is_empty() {
        return;
    }
    for mailbox in tenant.subscriptions.mailboxes() {
        let news = tenant.mailboxes.get_mut(&mailbox).and_then(|mailbox| mailbox.news.as_mut()).map(std::mem::take);
        let Some(news) = news.filter(|news| !news.is_empty()) else { continue };
        expire(tenant);
        for id in tenant.subscriptions.on(&mailbox) {
            for one in &news {
                notify(tenant, &id, one);
            }
        }
    }
}

/// Forgets the subscriptions whose time is over.
pub(crate) fn expire(tenant: &mut Tenant) {
    for id in tenant.subscriptions.expired(tenant.clock.now()) {
        forget(tenant, &id);
    }
}

/// Takes a subscription out; nobody keeps news for a mailbox that nobody watches.
pub(super) fn forget(tenant: &mut Tenant, id: &str) -> Option<Subscription> {
    let (gone, left) = tenant.subscriptions.remove(id)?;
    if let Some(mailbox) = left.and_then(|mailbox| tenant.mailboxes.get_mut(&mailbox)) {
        mailbox.news = None;
    }
    Some(gone)
}

fn notify(tenant: &mut Tenant, id: &str, news: &News) {
    let Some(kind) = kind_for(tenant, id, news) else { return };
    let Some(subscription) = tenant.subscriptions.get(id).cloned() else { return };
    if !subscription.kinds.contains(&kind) {
        return;
    }
    let print = print_of(&[subscription.resource.as_bytes(), news.immutable_id.as_bytes(), kind.word().as_bytes()]);
    let coming = tenant.comings.count_print(print);
    let fault = tenant.faults.strike("notification", Some(&subscription.watched.mailbox), &coming);
    let failure = fault.as_ref().map(|fault| fault.failure);
    if failure == Some(Failure::Lost) {
        return;
    }
    let Some(value) = notification(tenant, &subscription, news, kind, failure == Some(Failure::StaleState)) else { return };
    let item = Item { subscription: subscription.id.clone(), value };
    let now = tenant.clock.now();
    let after = Duration::from_secs(fault.as_ref().and_then(|fault: &Fault| fault.seconds).unwrap_or(LATE_S));
    if failure == Some(Failure::Early) {
        withhold(tenant, news, later(now, after), &subscription.watched.mailbox);
    }
    let post = &mut tenant.subscriptions.post;
    let url = &subscription.notification_url;
    let handed = match failure {
        Some(Failure::OutOfOrder) => post.hand_in_late(url, item, now, after),
        Some(Failure::Duplicate) => {
            post.hand_in_alone(url, item.clone(), now);
            post.hand_in(url, item, now)
        }
        _ => post.hand_in(url, item, now),
    };
    if handed == Handed::Discarded {
        // It is there: it was looked up above.
        let _ = tell_lifecycle(tenant, id, Lifecycle::Missed);
    }
}

/// Delta queries do not see the change yet, nor what comes after it.
fn withhold(tenant: &mut Tenant, news: &News, until: Timestamp, mailbox: &str) {
    if let Some(mailbox) = tenant.mailboxes.get_mut(mailbox) {
        mailbox.withhold(news.folder, news.place, until);
    }
}

/// What the change is to this subscription: with a filter, a message that comes to meet it is created, one that ceases to is deleted.
fn kind_for(tenant: &mut Tenant, id: &str, news: &News) -> Option<NewsKind> {
    let subscription = tenant.subscriptions.get(id)?;
    if subscription.watched.folder.is_some_and(|folder| folder != news.folder) {
        return None;
    }
    let Some(filter) = &subscription.watched.filter else { return Some(news.kind) };
    let message = tenant.mailboxes.get(&subscription.watched.mailbox)?.message(news.key);
    let meets = news.kind != NewsKind::Deleted && message.is_some_and(|message| matches(filter, message).unwrap_or(false));
    let subscription = tenant.subscriptions.get_mut(id)?;
    let met = if meets { !subscription.matching.insert(news.key) } else { subscription.matching.remove(&news.key) };
    match (met, meets) {
        (false, true) => Some(NewsKind::Created),
        (true, true) => Some(NewsKind::Updated),
        (true, false) => Some(NewsKind::Deleted),
        (false, false) => None,
    }
}

fn notification(tenant: &Tenant, to: &Subscription, news: &News, kind: NewsKind, is_stale: bool) -> Option<Value> {
    let mailbox = tenant.mailboxes.get(&to.watched.mailbox)?;
    let id = if to.immutable_ids { &news.immutable_id } else { &news.id };
    let resource = format!("Users/{}/Messages/{id}", mailbox.guid);
    let mut data = json!({"@odata.type": "#Microsoft.Graph.Message", "@odata.id": resource, "id": id});
    let mut value = facts(to);
    if is_stale {
        value["clientState"] = json!("the-secret-of-an-earlier-subscription");
    }
    match &to.certificate {
        // A message that is gone again by now has no content to tell.
        Some(certificate) => {
            if let Some(message) = mailbox.message(news.key).filter(|_| kind != NewsKind::Deleted) {
                value["encryptedContent"] = rich::sealed(tenant.seed, certificate, mailbox, message, to);
            }
        }
        None => data["@odata.etag"] = json!(etag(news.change)),
    }
    value["changeType"] = json!(kind.word());
    value["resource"] = json!(resource);
    value["resourceData"] = data;
    Some(value)
}

/// What notifications and lifecycle events have in common.
fn facts(to: &Subscription) -> Value {
    json!({
        "subscriptionId": to.id,
        "subscriptionExpirationDateTime": to.ends.to_string(),
        "clientState": to.client_state,
        "tenantId": to.directory,
    })
}

/// Tells a subscription's lifecycle endpoint; a subscription that was removed is gone from then on.
pub(crate) fn tell_lifecycle(tenant: &mut Tenant, id: &str, event: Lifecycle) -> Option<()> {
    let subscription = match event {
        Lifecycle::SubscriptionRemoved => forget(tenant, id)?,
        _ => tenant.subscriptions.get(id)?.clone(),
    };
    let Some(url) = &subscription.lifecycle_url else { return Some(()) };
    let mut value = facts(&subscription);
    value["lifecycleEvent"] = json!(event.word());
    let now = tenant.clock.now();
    tenant.subscriptions.post.hand_in_alone(url, Item { subscription: subscription.id, value }, now);
    Some(())
}

/// Takes on to ask for reauthorization before the token lapses, if somebody can be asked.
pub(super) fn promise_reminder(tenant: &mut Tenant, id: &str) {
    let Some(subscription) = tenant.subscriptions.get(id).filter(|one| one.lifecycle_url.is_some()) else { return };
    let until = subscription.authorized_until;
    if until >= subscription.ends {
        return;
    }
    let now = tenant.clock.now();
    let half = until.duration_since(now) / 2;
    let due = until.checked_sub(half.min(REMINDED_BEFORE)).unwrap_or(until);
    tenant.agenda.take_on(due, Errand::Reauthorize { subscription: id.to_owned(), until });
}

/// Asks for reauthorization, unless it was given meanwhile.
pub(crate) fn remind(tenant: &mut Tenant, id: &str, until: Timestamp) {
    if tenant.subscriptions.get(id).is_some_and(|one| one.authorized_until == until) {
        // A subscription that is there can be told.
        let _ = tell_lifecycle(tenant, id, Lifecycle::ReauthorizationRequired);
    }
}
