//! What kind of mail it is, and who it is from and to.

use rhai::{Dynamic, Engine, NativeCallContext};

use super::Word as Entry;
use super::register::{Absent, any, fact, needs, text, texts, word};
use crate::mail::{Address, Attachment};
use crate::rules::codes;
use crate::rules::stop::{Word, fault};
use crate::rules::values::MailValue;
use crate::text::like;

/// The family's words.
pub(super) const WORDS: &[Entry] = &[
    Entry::new([
        "is_from",
        "kind",
        "mail.is_from(x) -> bool",
        "The From line is this address, of this domain, or in this list",
        "if mail.is_from(\"fabrikam.com\") { flag(); }",
    ]),
    Entry::new([
        "is_to",
        "kind",
        "mail.is_to(x) -> bool",
        "A To address is this address, of this domain, or in this list",
        "if mail.is_to(\"invoices@contoso.com\") { flag(); }",
    ]),
    Entry::new([
        "is_cc",
        "kind",
        "mail.is_cc(x) -> bool",
        "A Cc address is this address, of this domain, or in this list",
        "if mail.is_cc([\"contoso.com\", \"b@fabrikam.com\"]) { flag(); }",
    ]),
    Entry::new([
        "has_attachment",
        "kind",
        "mail.has_attachment(glob) -> bool",
        "An attachment (inline ones do not count) has such a name",
        "if mail.has_attachment(\"*.pdf\") { flag(); }",
    ]),
    Entry::new(["is_reply", "kind", "mail.is_reply -> bool", "It answers an earlier mail", "if mail.is_reply { flag(); }"]),
    Entry::new([
        "is_auto_reply",
        "kind",
        "mail.is_auto_reply -> bool",
        "A program answered",
        "if mail.is_auto_reply { no_more_rules(); }",
    ]),
    Entry::new([
        "is_out_of_office",
        "kind",
        "mail.is_out_of_office -> bool",
        "A note of absence",
        "if mail.is_out_of_office { mark_read(); }",
    ]),
    Entry::new([
        "is_bounce",
        "kind",
        "mail.is_bounce -> bool",
        "A report that a mail could not be delivered",
        "if mail.is_bounce { flag(); }",
    ]),
    Entry::new([
        "is_bulk",
        "kind",
        "mail.is_bulk -> bool",
        "A newsletter or mailing list",
        "if mail.is_bulk { move_to(\"Newsletters\"); }",
    ]),
    Entry::new([
        "is_meeting",
        "kind",
        "mail.is_meeting -> bool",
        "An invitation or an answer to one",
        "if mail.is_meeting { flag(); }",
    ]),
];

/// Registers the family.
pub(super) fn register(engine: &mut Engine) {
    word::<MailValue>(engine, "is_from", &[any()], &Absent::False, |context, mail, given| {
        one_of(context, mail.0.message.envelope.from.iter(), &given.value(0))
    });
    word::<MailValue>(engine, "is_to", &[any()], &Absent::False, |context, mail, given| {
        one_of(context, mail.0.message.envelope.to.iter(), &given.value(0))
    });
    word::<MailValue>(engine, "is_cc", &[any()], &Absent::False, |context, mail, given| {
        one_of(context, mail.0.message.envelope.cc.iter(), &given.value(0))
    });
    word::<MailValue>(engine, "has_attachment", &[text()], &Absent::False, |context, mail, given| {
        has_attachment(context, mail, &given.text(0))
    });
    word::<MailValue>(engine, "has_attachment", &[], &Absent::False, |_, mail, _| {
        Ok(mail.0.message.envelope.has_attachments.into())
    });
    fact::<MailValue>(engine, "is_reply", |context, mail| needs(context, || mail.0.message.is_reply().map(Dynamic::from)));
    fact::<MailValue>(engine, "is_auto_reply", |context, mail| {
        needs(context, || mail.0.message.is_auto_reply().map(Dynamic::from))
    });
    fact::<MailValue>(engine, "is_out_of_office", |context, mail| {
        needs(context, || mail.0.message.is_out_of_office().map(Dynamic::from))
    });
    fact::<MailValue>(engine, "is_bounce", |context, mail| needs(context, || mail.0.message.is_bounce().map(Dynamic::from)));
    fact::<MailValue>(engine, "is_bulk", |context, mail| needs(context, || mail.0.message.is_bulk().map(Dynamic::from)));
    fact::<MailValue>(engine, "is_meeting", |context, mail| needs(context, || mail.0.message.is_meeting().map(Dynamic::from)));
}

/// Whether one of the addresses is meant by `wanted`: an address, a domain (`fabrikam.com` or `@fabrikam.com`), a pattern
/// (`*@*.fabrikam.com`), or a list of them.
fn one_of<'a>(context: &NativeCallContext, addresses: impl Iterator<Item = &'a Address>, wanted: &Dynamic) -> Word<Dynamic> {
    let wanted = texts(context, wanted)?;
    for address in addresses {
        for name in &wanted {
            let name = name.trim();
            let is_meant = if name.contains('*') {
                matches_glob(context, &address.address, name)?
            } else if let Some(domain) = name.strip_prefix('@') {
                address.domain().eq_ignore_ascii_case(domain)
            } else if name.contains('@') {
                address.is(name)
            } else {
                address.domain().eq_ignore_ascii_case(name)
            };
            if is_meant {
                return Ok(Dynamic::TRUE);
            }
        }
    }
    Ok(Dynamic::FALSE)
}

/// A mail whose listing says that it has no attachments (Graph's `hasAttachments`, which leaves out inline ones) is not opened.
fn has_attachment(context: &NativeCallContext, mail: &MailValue, glob: &str) -> Word<Dynamic> {
    if !mail.0.message.envelope.has_attachments {
        return Ok(Dynamic::FALSE);
    }
    let opened = needs(context, || mail.0.message.content())?;
    for attachment in opened.attachments() {
        if is_meant(context, attachment, glob)? {
            return Ok(Dynamic::TRUE);
        }
    }
    Ok(Dynamic::FALSE)
}

/// Whether an attachment is not inline and has such a name.
pub(super) fn is_meant(context: &NativeCallContext, attachment: &Attachment, glob: &str) -> Word<bool> {
    Ok(!attachment.is_inline() && matches_glob(context, attachment.name().unwrap_or_default(), glob)?)
}

/// Whether a name is like a glob.
pub(super) fn matches_glob(context: &NativeCallContext, name: &str, glob: &str) -> Word<bool> {
    match like(name, glob) {
        Ok(is_like) => Ok(is_like),
        Err(error) => fault(context, codes::PATTERN, error.to_string(), ""),
    }
}
