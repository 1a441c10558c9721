//! A mail's attachments and what is in them.

use std::sync::Arc;

use rhai::{Array, Dynamic, Engine, NativeCallContext};

use super::Word as Entry;
use super::content::limited;
use super::kind::is_meant;
use super::register::{Absent, fact, needs, text, word};
use crate::mail::Attachment;
use crate::rules::json::from_json;
use crate::rules::stop::{Word, fault, park};
use crate::rules::values::{AttachmentValue, Facts, MailValue, text_or_absent};
use crate::rules::{allocator, codes, watch};

/// The family's words.
pub(super) const WORDS: &[Entry] = &[
    Entry::new([
        "attachments",
        "attachment",
        "mail.attachments(glob) -> list",
        "All attachments (inline ones left out), or those with such a name",
        "for a in mail.attachments(\"*.csv\") { note(a.name); }",
    ]),
    Entry::new([
        "attachment",
        "attachment",
        "mail.attachment(glob) -> attachment or ()",
        "The only attachment with such a name; two that match park the mail",
        "note(mail.attachment(\"*.csv\").name);",
    ]),
    Entry::new(["name", "attachment", "attachment.name -> text", "Its file name", "note(mail.attachment(\"*.csv\").name);"]),
    Entry::new(["type", "attachment", "attachment.type -> text", "Its MIME type", "note(mail.attachment(\"*.csv\").type);"]),
    Entry::new([
        "size",
        "attachment",
        "attachment.size -> number",
        "Its bytes",
        "if mail.attachment(\"*.csv\").size > 0 { flag(); }",
    ]),
    Entry::new([
        "sha256",
        "attachment",
        "attachment.sha256 -> text",
        "The SHA-256 of its bytes",
        "remember(\"file\", mail.attachment(\"*.csv\").sha256);",
    ]),
    Entry::new([
        "problem",
        "attachment",
        "attachment.problem -> text or ()",
        "Why it cannot be read, if it cannot",
        "note(mail.attachment(\"*.csv\").problem ?? \"fine\");",
    ]),
    Entry::new([
        "text",
        "attachment",
        "attachment.text -> text",
        "Its text",
        "note(mail.attachment(\"*.csv\").text.lines()[0]);",
    ]),
    Entry::new([
        "rows",
        "attachment",
        "attachment.rows -> list",
        "The rows of a CSV file",
        "for row in mail.attachment(\"*.csv\").rows { note(row.Article); }",
    ]),
    Entry::new([
        "json",
        "attachment",
        "attachment.json -> value or ()",
        "What a JSON file holds",
        "if mail.attachment(\"*.json\").json != () { flag(); }",
    ]),
    Entry::new([
        "mail",
        "attachment",
        "attachment.mail -> mail or ()",
        "The mail that is attached",
        "if mail.attachment(\"*.eml\").mail.subject != () { flag(); }",
    ]),
];

/// Words of an attachment that this version does not have.
pub(in crate::rules) const LATER: [&str; 6] = ["layout", "sheets", "xml", "invoice", "events", "files"];

/// Registers the family.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<AttachmentValue>("attachment");
    fact::<MailValue>(engine, "attachments", |context, mail| list(context, &mail.0, "*"));
    word::<MailValue>(engine, "attachments", &[text()], &Absent::Nothing, |context, mail, given| {
        list(context, &mail.0, &given.text(0))
    });
    word::<MailValue>(engine, "attachment", &[text()], &Absent::Nothing, |context, mail, given| {
        single(context, &mail.0, &given.text(0))
    });
    fact::<AttachmentValue>(engine, "name", |_, it| Ok(read(it, |file| text_or_absent(file.name()))));
    fact::<AttachmentValue>(engine, "type", |_, it| Ok(read(it, |file| text_or_absent(Some(file.content_type())))));
    fact::<AttachmentValue>(engine, "size", |_, it| {
        Ok(read(it, |file| Dynamic::from(i64::try_from(file.size()).unwrap_or(i64::MAX))))
    });
    fact::<AttachmentValue>(engine, "sha256", |_, it| {
        Ok(read(it, |file| {
            watch::charge(file.size());
            text_or_absent(Some(&file.sha256()))
        }))
    });
    fact::<AttachmentValue>(engine, "problem", |_, it| Ok(read(it, |file| text_or_absent(file.problem().as_deref()))));
    fact::<AttachmentValue>(engine, "text", |context, it| {
        let Some(file) = file(it) else { return Ok(Dynamic::UNIT) };
        let found = allocator::uncounted(|| file.text());
        watch::charge(found.map_or(0, str::len));
        limited(context, text_or_absent, found)
    });
    fact::<AttachmentValue>(engine, "rows", |_, it| Ok(read(it, rows)));
    fact::<AttachmentValue>(engine, "json", |_, it| {
        let Some(file) = file(it) else { return Ok(Dynamic::UNIT) };
        watch::charge(file.size());
        Ok(allocator::uncounted(|| file.json()).map_or(Dynamic::UNIT, from_json))
    });
    fact::<AttachmentValue>(engine, "mail", |_, it| {
        let zone = it.mail.zone.clone();
        let inner = |mail: &crate::mail::Message| MailValue(Arc::new(Facts::new(Arc::new(mail.clone()), zone.clone())));
        Ok(read(it, |file| file.mail().map_or(Dynamic::UNIT, |mail| Dynamic::from(inner(mail)))))
    });
    for name in LATER {
        fact::<AttachmentValue>(engine, name, |context, _| {
            let name = context.fn_name().trim_start_matches("get$");
            fault(
                context,
                codes::NOT_YET,
                format!("`attachment.{name}` is not in this version"),
                "there are .text .rows .json .mail",
            )
        });
    }
}

fn file(it: &AttachmentValue) -> Option<&Attachment> {
    it.mail.message.content().ok()?.attachments().get(it.index)
}

fn read(it: &AttachmentValue, read: impl FnOnce(&Attachment) -> Dynamic) -> Dynamic {
    file(it).map_or(Dynamic::UNIT, |file| allocator::uncounted(|| read(file)))
}

/// The positions of the attachments that a glob means.
fn meant(context: &NativeCallContext, mail: &Arc<Facts>, glob: &str) -> Word<Vec<usize>> {
    let opened = needs(context, || mail.message.content())?;
    let mut positions = Vec::new();
    for (position, attachment) in opened.attachments().iter().enumerate() {
        if is_meant(context, attachment, glob)? {
            positions.push(position);
        }
    }
    Ok(positions)
}

fn list(context: &NativeCallContext, mail: &Arc<Facts>, glob: &str) -> Word<Dynamic> {
    if !mail.message.envelope.has_attachments {
        return Ok(Dynamic::from(Array::new()));
    }
    let value = |index: usize| Dynamic::from(AttachmentValue { mail: mail.clone(), index });
    Ok(Dynamic::from(meant(context, mail, glob)?.into_iter().map(value).collect::<Array>()))
}

fn single(context: &NativeCallContext, mail: &Arc<Facts>, glob: &str) -> Word<Dynamic> {
    if !mail.message.envelope.has_attachments {
        return Ok(Dynamic::UNIT);
    }
    match meant(context, mail, glob)?.as_slice() {
        [] => Ok(Dynamic::UNIT),
        [index] => Ok(Dynamic::from(AttachmentValue { mail: mail.clone(), index: *index })),
        several => {
            let files = needs(context, || mail.message.content())?.attachments();
            let names: Vec<&str> = several.iter().filter_map(|index| files.get(*index)?.name()).collect();
            park(context, format!("{} attachments match `{glob}`: {}", several.len(), names.join(", ")))
        }
    }
}

fn rows(file: &Attachment) -> Dynamic {
    watch::charge(file.size());
    file.rows().map_or(Dynamic::UNIT, super::content::rows)
}
