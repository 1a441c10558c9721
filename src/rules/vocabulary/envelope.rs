//! What a listing says of a mail: subject, addresses, times, folder.

use rhai::{Array, Dynamic, Engine, ImmutableString};

use super::Word as Entry;
use super::register::{Absent, fact, needs, text, word};
use crate::mail::Address;
use crate::plan::Importance;
use crate::rules::dates::moment;
use crate::rules::values::{AddressValue, MailValue, text_or_absent};

/// The family's words.
pub(super) const WORDS: &[Entry] = &[
    Entry::new(["subject", "envelope", "mail.subject -> text", "The subject", "note(mail.subject);"]),
    Entry::new(["from", "envelope", "mail.from -> address", "Whom the mail says it is from", "note(mail.from.address);"]),
    Entry::new([
        "sender",
        "envelope",
        "mail.sender -> address or ()",
        "The Sender field, where there is one",
        "note(`${mail.sender != ()}`);",
    ]),
    Entry::new(["reply_to", "envelope", "mail.reply_to -> list", "The Reply-To addresses", "note(`${mail.reply_to.len}`);"]),
    Entry::new(["to", "envelope", "mail.to -> list", "The To addresses", "for a in mail.to { note(a.address); }"]),
    Entry::new(["cc", "envelope", "mail.cc -> list", "The Cc addresses", "note(`${mail.cc.len}`);"]),
    Entry::new(["recipients", "envelope", "mail.recipients -> list", "To and Cc together", "note(mail.recipients[0].domain);"]),
    Entry::new([
        "received",
        "envelope",
        "mail.received -> moment",
        "When the mailbox received it",
        "note(mail.received.format(\"dd.MM.yyyy\"));",
    ]),
    Entry::new(["sent", "envelope", "mail.sent -> moment", "When it was sent, as it says", "note(mail.sent.weekday);"]),
    Entry::new([
        "importance",
        "envelope",
        "mail.importance -> text",
        "\"low\", \"normal\" or \"high\"",
        "if mail.importance == \"high\" { flag(); }",
    ]),
    Entry::new([
        "categories",
        "envelope",
        "mail.categories -> list",
        "The categories it has",
        "if \"Paid\" in mail.categories { return; }",
    ]),
    Entry::new(["folder", "envelope", "mail.folder -> text", "The folder it was seen in", "note(mail.folder);"]),
    Entry::new([
        "conversation",
        "envelope",
        "mail.conversation -> text or ()",
        "The conversation's id",
        "note(mail.conversation ?? \"none\");",
    ]),
    Entry::new(["message_id", "envelope", "mail.message_id -> text", "The Message-ID", "note(mail.message_id);"]),
    Entry::new(["id", "envelope", "mail.id -> text", "The message's id in the mailbox", "remember(\"seen\", mail.id);"]),
    Entry::new([
        "size",
        "envelope",
        "mail.size -> number",
        "Bytes of the whole message",
        "if mail.size > 1_000_000 { categorise(\"Large\"); }",
    ]),
    Entry::new([
        "has_attachments",
        "envelope",
        "mail.has_attachments -> bool",
        "It has attachments that are not inline",
        "if mail.has_attachments { flag(); }",
    ]),
    Entry::new([
        "header",
        "envelope",
        "mail.header(name) -> text or ()",
        "The topmost header field of that name",
        "note(mail.header(\"X-Ticket\") ?? \"none\");",
    ]),
    Entry::new([
        "headers",
        "envelope",
        "mail.headers(name) -> list",
        "All header fields of that name, topmost first",
        "note(`${mail.headers(\"Received\").len}`);",
    ]),
    Entry::new(["address", "envelope", "address.address -> text", "`name@domain` in lower case", "note(mail.from.address);"]),
    Entry::new([
        "name",
        "envelope",
        "address.name -> text or ()",
        "The name beside the address",
        "note(mail.from.name ?? mail.from.address);",
    ]),
    Entry::new([
        "domain",
        "envelope",
        "address.domain -> text",
        "What stands behind the @, in lower case",
        "note(mail.from.domain);",
    ]),
];

/// Registers the family.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<MailValue>("mail").register_type_with_name::<AddressValue>("address");
    fact::<MailValue>(engine, "subject", |_, mail| {
        Ok(mail.0.subject.get_or_init(|| text_or_absent(mail.0.message.envelope.subject.as_deref())).clone())
    });
    fact::<MailValue>(engine, "from", |_, mail| Ok(one(mail.0.message.envelope.from.as_ref())));
    fact::<MailValue>(engine, "sender", |_, mail| Ok(one(mail.0.message.envelope.sender.as_ref())));
    fact::<MailValue>(engine, "reply_to", |_, mail| Ok(list(mail.0.message.envelope.reply_to.iter())));
    fact::<MailValue>(engine, "to", |_, mail| Ok(list(mail.0.message.envelope.to.iter())));
    fact::<MailValue>(engine, "cc", |_, mail| Ok(list(mail.0.message.envelope.cc.iter())));
    fact::<MailValue>(engine, "recipients", |_, mail| {
        let envelope = &mail.0.message.envelope;
        Ok(list(envelope.to.iter().chain(&envelope.cc)))
    });
    fact::<MailValue>(engine, "received", |_, mail| Ok(moment(mail.0.message.envelope.received, &mail.0.zone)));
    fact::<MailValue>(engine, "sent", |_, mail| Ok(moment(mail.0.message.envelope.sent, &mail.0.zone)));
    fact::<MailValue>(engine, "importance", |_, mail| Ok(Dynamic::from(importance(mail.0.message.envelope.importance))));
    fact::<MailValue>(engine, "categories", |_, mail| {
        let names = mail.0.message.envelope.categories.iter();
        Ok(Dynamic::from(names.map(|name| Dynamic::from(ImmutableString::from(name.as_str()))).collect::<Array>()))
    });
    fact::<MailValue>(engine, "folder", |_, mail| Ok(text_or_absent(Some(&mail.0.message.envelope.folder))));
    fact::<MailValue>(engine, "conversation", |_, mail| Ok(text_or_absent(mail.0.message.envelope.conversation.as_deref())));
    fact::<MailValue>(engine, "message_id", |_, mail| Ok(text_or_absent(mail.0.message.envelope.internet_message_id.as_deref())));
    fact::<MailValue>(engine, "id", |_, mail| {
        Ok(text_or_absent(mail.0.message.envelope.id.as_ref().map(crate::ids::MessageId::as_str)))
    });
    fact::<MailValue>(engine, "size", |context, mail| {
        let bytes = needs(context, || mail.0.message.content().map(|content| content.raw().len()))?;
        Ok(Dynamic::from(i64::try_from(bytes).unwrap_or(i64::MAX)))
    });
    fact::<MailValue>(engine, "has_attachments", |_, mail| Ok(Dynamic::from(mail.0.message.envelope.has_attachments)));
    word::<MailValue>(engine, "header", &[text()], &Absent::Nothing, |context, mail, given| {
        needs(context, || mail.0.message.header(&given.text(0)).map(text_or_absent))
    });
    word::<MailValue>(engine, "headers", &[text()], &Absent::Nothing, |context, mail, given| {
        let name = given.text(0);
        needs(context, || {
            let headers = mail.0.message.headers()?.iter().filter(|header| header.name.eq_ignore_ascii_case(&name));
            Ok(Dynamic::from(headers.map(|header| ImmutableString::from(header.value.as_str()).into()).collect::<Array>()))
        })
    });
    fact::<AddressValue>(engine, "address", |_, address| Ok(text_or_absent(Some(&address.0.address.to_lowercase()))));
    fact::<AddressValue>(engine, "name", |_, address| Ok(text_or_absent(address.0.name.as_deref())));
    fact::<AddressValue>(engine, "domain", |_, address| Ok(text_or_absent(Some(&address.0.domain()))));
}

/// An address as scripts hold it, or `()`.
pub(super) fn one(address: Option<&Address>) -> Dynamic {
    address.map_or(Dynamic::UNIT, |address| Dynamic::from(AddressValue(address.clone())))
}

fn list<'a>(addresses: impl Iterator<Item = &'a Address>) -> Dynamic {
    Dynamic::from(addresses.map(|address| Dynamic::from(AddressValue(address.clone()))).collect::<Array>())
}

fn importance(importance: Importance) -> ImmutableString {
    match importance {
        Importance::Low => "low",
        Importance::Normal => "normal",
        Importance::High => "high",
    }
    .into()
}
