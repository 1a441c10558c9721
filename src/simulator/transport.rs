//! Transport: what was accepted for sending moves to Sent Items, arrives in local mailboxes, or comes back.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::ledger::Cause;
use super::mail_in::{self, Trace};
use super::mail_out::{Audience, date, render};
use super::routes::{Keep, message_facts};
use super::server::Strangers;
use super::state::{ChangeKind, Key, Message, Refusal, Tenant, WellKnown, domain};

/// A mail accepted for sending, as it was at that moment.
#[derive(Clone, Debug)]
pub(crate) struct Submitted {
    pub due: Timestamp,
    mailbox: String,
    key: Key,
    keep: Keep,
    raw: Vec<u8>,
    recipients: Vec<String>,
    subject: String,
    internet_id: String,
}

impl Submitted {
    /// The message as transport takes it.
    pub fn of(message: &Message, mailbox: &str, keep: Keep) -> Self {
        let mut recipients: Vec<String> = message.recipients().iter().map(|address| address.to_lowercase()).collect();
        recipients.sort();
        recipients.dedup();
        Self {
            due: message.sent,
            mailbox: mailbox.to_owned(),
            key: message.key,
            keep,
            raw: render(message, Audience::Recipients),
            recipients,
            subject: message.subject.clone(),
            internet_id: message.internet_id.clone(),
        }
    }
}

/// Hands a mail to transport; it is due after the tenant's delay.
pub(crate) fn queue(tenant: &mut Tenant, mut mail: Submitted) {
    let delay = SignedDuration::try_from(tenant.sent_delay).unwrap_or_default();
    mail.due = tenant.clock.now().checked_add(delay).unwrap_or(Timestamp::MAX);
    tenant.outgoing.push_back(mail);
    tenant.queued.notify_one();
}

/// Transports what is due.
pub(crate) fn run(tenant: &mut Tenant) {
    while tenant.outgoing.front().is_some_and(|mail| mail.due <= tenant.clock.now()) {
        let Some(mail) = tenant.outgoing.pop_front() else { return };
        settle_own_copy(tenant, &mail);
        for recipient in &mail.recipients {
            if tenant.mailboxes.contains_key(recipient) {
                // Known to be there: the refusal cannot happen.
                let _ = deliver(tenant, recipient, &mail.raw, &cause());
            } else if tenant.owns_domain_of(recipient) && tenant.strangers == Strangers::Bounce {
                let report = non_delivery_report(tenant, &mail, recipient);
                let _ = deliver(tenant, &mail.mailbox, &report, &cause());
            }
        }
    }
}

fn cause() -> Cause {
    Cause { by: "transport", method: "SMTP".to_owned(), path: String::new() }
}

/// The sender's copy leaves the draft state; a person may have deleted it meanwhile, then nothing is left to keep.
fn settle_own_copy(tenant: &mut Tenant, mail: &Submitted) {
    let now = tenant.now();
    let Some(mailbox) = tenant.mailboxes.get_mut(&mail.mailbox) else { return };
    match mail.keep {
        Keep::Nowhere => mailbox.remove(mail.key),
        Keep::InSentItems => {
            mailbox.change(mail.key, ChangeKind::Updated, now, |message| {
                message.is_draft = false;
                message.is_submitted = false;
                message.is_read = true;
                message.sent = now;
                message.received = now;
            });
            mailbox.relocate(mail.key, WellKnown::SentItems.key(), now);
        }
    }
}

/// Delivers a raw message to a mailbox's Inbox; its immutable id.
pub(crate) fn deliver(tenant: &mut Tenant, address: &str, raw: &[u8], cause: &Cause) -> Result<String, Refusal> {
    let now = tenant.now();
    let at = tenant.clock.now();
    let mailbox = tenant.mailboxes.get_mut(&address.to_lowercase()).ok_or(Refusal::NoSuchMessage)?;
    let own_domain = domain(&mailbox.address).to_owned();
    let internet_id = mailbox.names.internet_message_id(&own_domain);
    let stamped = mail_in::stamp(raw, &Trace { internet_id, now });
    let key = mailbox.add(mail_in::received(stamped, now), WellKnown::Inbox.key());
    let message = mailbox.message(key).ok_or(Refusal::NoSuchMessage)?;
    let id = message.immutable_id.clone();
    let mut facts: Map<String, Value> = message_facts(message);
    facts.insert("folder".to_owned(), json!("Inbox"));
    let address = mailbox.address.clone();
    tenant.ledger.note(at, cause, &address, "delivered", facts);
    Ok(id)
}

/// A report that a recipient of an own domain does not exist (RFC 3464).
fn non_delivery_report(tenant: &mut Tenant, mail: &Submitted, recipient: &str) -> Vec<u8> {
    let own = domain(&mail.mailbox);
    let postmaster = format!("MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@{own}");
    let id = tenant.names.internet_message_id(own);
    let date = date(tenant.now());
    let boundary = "_ndr_postmaster_";
    let head_end = mail.raw.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(mail.raw.len());
    let original = String::from_utf8_lossy(&mail.raw[..head_end]);
    let subject: String = mail.subject.chars().filter(char::is_ascii).filter(|letter| !letter.is_control()).collect();
    format!(
        "Return-Path: <>\r\n\
         From: Microsoft Outlook <{postmaster}>\r\n\
         To: <{sender}>\r\n\
         Date: {date}\r\n\
         Message-ID: {id}\r\n\
         In-Reply-To: {original_id}\r\n\
         References: {original_id}\r\n\
         Subject: Undeliverable: {subject}\r\n\
         Auto-Submitted: auto-replied\r\n\
         X-MS-Exchange-Message-Is-Ndr:\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"{boundary}\"\r\n\r\n\
         --{boundary}\r\n\
         Content-Type: text/plain; charset=\"us-ascii\"\r\n\r\n\
         Your message to {recipient} couldn't be delivered.\r\n{recipient} wasn't found at {own}.\r\n\r\n\
         --{boundary}\r\n\
         Content-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns;mail.{own}\r\n\r\n\
         Final-Recipient: rfc822;{recipient}\r\n\
         Action: failed\r\n\
         Status: 5.1.10\r\n\
         Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup\r\n\r\n\
         --{boundary}\r\n\
         Content-Type: message/rfc822\r\n\r\n\
         {original}\r\n\r\n\
         --{boundary}--\r\n",
        sender = mail.mailbox,
        original_id = mail.internet_id,
    )
    .into_bytes()
}
