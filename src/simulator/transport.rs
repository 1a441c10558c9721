//! Transport: what was accepted for sending moves to Sent Items, arrives in local mailboxes, or comes back.

use serde_json::{Map, Value, json};

use super::agenda::Errand;
use super::ledger::Cause;
use super::luck::print_of;
use super::mail_in::{self, Trace};
use super::mail_out::{Audience, date, render};
use super::people::{self, Occasion, later};
use super::routes::{Keep, message_facts};
use super::server::Strangers;
use super::state::{ChangeKind, Key, Message, Refusal, Tenant, WellKnown, domain};
use super::subscriptions;

/// A mail accepted for sending, as it was at that moment.
#[derive(Clone, Debug)]
pub(crate) struct Submitted {
    mailbox: String,
    key: Key,
    print: u64,
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
            mailbox: mailbox.to_owned(),
            key: message.key,
            print: message.print,
            keep,
            raw: render(message, Audience::Recipients),
            recipients,
            subject: message.subject.clone(),
            internet_id: message.internet_id.clone(),
        }
    }
}

/// A report that a mail did not reach somebody, on its way to the sender.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    mailbox: String,
    raw: Vec<u8>,
}

/// Hands a mail to transport; it is due after the tenant's delay.
pub(crate) fn queue(tenant: &mut Tenant, mail: Submitted) {
    let mood = tenant.temper.time("sent_delay", tenant.temper.moods.sent_delay, mail.print);
    let due = later(tenant.clock.now(), tenant.sent_delay + mood);
    tenant.agenda.take_on(due, Errand::Transport(mail));
}

/// Does everything that is due.
pub(crate) fn run(tenant: &mut Tenant) {
    while let Some(errand) = tenant.agenda.due(tenant.clock.now()) {
        match errand {
            Errand::Transport(mail) => transport(tenant, &mail),
            // A mailbox of the tenant's own sent it: it is there.
            Errand::Report(report) => drop(deliver(tenant, &report.mailbox, &report.raw, &cause())),
            Errand::Deed(deed) => people::act(tenant, &deed),
            Errand::Reauthorize { subscription, until } => subscriptions::remind(tenant, &subscription, until),
        }
    }
}

fn transport(tenant: &mut Tenant, mail: &Submitted) {
    settle_own_copy(tenant, mail);
    for recipient in &mail.recipients {
        if tenant.mailboxes.contains_key(recipient) {
            // Known to be there: the refusal cannot happen.
            let _ = deliver(tenant, recipient, &mail.raw, &cause());
        } else if !tenant.owns_domain_of(recipient) {
            let print = print_of(&[&mail.print.to_be_bytes(), recipient.as_bytes()]);
            if tenant.temper.strikes("bounces", tenant.temper.moods.bounces, print) {
                let delay = tenant.temper.time("bounce_delay", tenant.temper.moods.bounce_delay, print);
                let raw = non_delivery_report(tenant, mail, recipient, &UNREACHABLE);
                let due = later(tenant.clock.now(), delay);
                tenant.agenda.take_on(due, Errand::Report(Report { mailbox: mail.mailbox.clone(), raw }));
            }
        } else if tenant.strangers == Strangers::Bounce {
            let report = non_delivery_report(tenant, mail, recipient, &UNKNOWN);
            let _ = deliver(tenant, &mail.mailbox, &report, &cause());
        }
    }
}

fn cause() -> Cause {
    Cause { by: "transport", method: "SMTP".to_owned(), path: String::new() }
}

/// The sender's copy leaves the draft state; a person may have deleted it meanwhile, then nothing is left to keep.
fn settle_own_copy(tenant: &mut Tenant, mail: &Submitted) {
    let now = tenant.now();
    let is_renamed = tenant.temper.strikes("new_id_on_send", tenant.temper.moods.new_id_on_send, mail.print);
    let Some(mailbox) = tenant.mailboxes.get_mut(&mail.mailbox) else { return };
    match mail.keep {
        Keep::AsItLies => {}
        Keep::Nowhere => mailbox.remove(mail.key),
        Keep::InSentItems => {
            let Some(message) = mailbox.message(mail.key) else { return };
            let is_first = message.is_draft;
            mailbox.change(mail.key, ChangeKind::Updated, now, |message| {
                message.is_draft = false;
                message.is_submitted = false;
                message.is_read = true;
                message.sent = now;
                message.received = now;
                message.internet_id.clone_from(&mail.internet_id);
            });
            mailbox.relocate(mail.key, WellKnown::SentItems.key(), now);
            if is_first {
                if is_renamed {
                    mailbox.rename(mail.key);
                }
                people::meet(tenant, &mail.mailbox, mail.key, Occasion::Sent);
            }
        }
    }
}

/// Delivers a raw message to a mailbox's Inbox; its immutable id.
pub(crate) fn deliver(tenant: &mut Tenant, address: &str, raw: &[u8], cause: &Cause) -> Result<String, Refusal> {
    let now = tenant.now();
    let at = tenant.clock.now();
    let mailbox = tenant.mailboxes.get_mut(&address.to_lowercase()).ok_or(Refusal::NoSuchMessage)?;
    let own_domain = domain(&mailbox.address).to_owned();
    let print = mailbox.names.print(print_of(&[raw]));
    let internet_id = mailbox.names.internet_message_id_of(print, &own_domain);
    let stamped = mail_in::stamp(raw, &Trace { internet_id, now });
    let key = mailbox.add(mail_in::received(stamped, now), WellKnown::Inbox.key());
    let message = mailbox.message(key).ok_or(Refusal::NoSuchMessage)?;
    let id = message.immutable_id.clone();
    let mut facts: Map<String, Value> = message_facts(message);
    facts.insert("folder".to_owned(), json!("Inbox"));
    let address = mailbox.address.clone();
    tenant.ledger.note(at, cause, &address, "delivered", facts);
    people::meet(tenant, &address, key, Occasion::Arrived);
    Ok(id)
}

/// Why a mail did not reach somebody: in words, as a status (RFC 3463), as the other side's answer.
struct Why(&'static str, &'static str, &'static str);

const UNKNOWN: Why = Why(
    "the address wasn't found",
    "5.1.10",
    "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
);
const UNREACHABLE: Why = Why(
    "the remote server couldn't be reached",
    "5.4.300",
    "550 5.4.300 Message expired -> 451 4.4.0 Remote server did not answer",
);

/// A report that a mail did not reach one of its recipients (RFC 3464).
fn non_delivery_report(tenant: &Tenant, mail: &Submitted, recipient: &str, why: &Why) -> Vec<u8> {
    let own = domain(&mail.mailbox);
    let postmaster = format!("MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@{own}");
    let print = print_of(&[&mail.print.to_be_bytes(), recipient.as_bytes(), b"report"]);
    let id = tenant.names.internet_message_id_of(print, own);
    let date = date(tenant.now());
    let boundary = "_ndr_postmaster_";
    let head_end = mail.raw.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(mail.raw.len());
    let original = String::from_utf8_lossy(&mail.raw[..head_end]);
    let subject: String = mail.subject.chars().filter(char::is_ascii).filter(|letter| !letter.is_control()).collect();
    // It is made within the tenant and comes through no door.
    format!(
        "Received: from AM0PR04MB1.eurprd04.prod.outlook.com (2603:10a6:10:1::6)\r\n by AM0PR04MB2.eurprd04.prod.outlook.com with HTTPS; \
         {date}\r\n\
         Authentication-Results: dkim=none (message not signed)\r\n header.d=none;dmarc=none action=none header.from={own};\r\n\
         Return-Path: <>\r\n\
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
         Your message to {recipient} couldn't be delivered: {words}.\r\n\r\n\
         --{boundary}\r\n\
         Content-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns;mail.{own}\r\n\r\n\
         Final-Recipient: rfc822;{recipient}\r\n\
         Action: failed\r\n\
         Status: {status}\r\n\
         Diagnostic-Code: smtp;{answer}\r\n\r\n\
         --{boundary}\r\n\
         Content-Type: message/rfc822\r\n\r\n\
         {original}\r\n\r\n\
         --{boundary}--\r\n",
        sender = mail.mailbox,
        original_id = mail.internet_id,
        words = why.0,
        status = why.1,
        answer = why.2,
    )
    .into_bytes()
}
