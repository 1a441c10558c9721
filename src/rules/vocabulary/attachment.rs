//! A mail's attachments and what is in them.

use std::sync::Arc;

use rhai::{Array, Dynamic, Engine, NativeCallContext};

use super::Word as Entry;
use super::content::limited;
use super::kind::is_meant;
use super::register::{Absent, fact, needs, text, word};
use super::told;
use crate::mail::{Attachment, Data, Message, NeedsReading, Reading, Sheet};
use crate::plan::Question;
use crate::rules::json::{from_data, from_json};
use crate::rules::row::Row;
use crate::rules::stop::{Word, ask, park};
use crate::rules::values::{AttachmentValue, Facts, MailValue, SheetValue, text_or_absent};
use crate::rules::{allocator, watch};

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
        "layout",
        "attachment",
        "attachment.layout -> text",
        "The text of a PDF in columns, as printed",
        "if mail.attachment(\"*.csv\").layout.value_after(\"Total\") != () { flag(); }",
    ]),
    Entry::new([
        "rows",
        "attachment",
        "attachment.rows -> list",
        "The rows of a CSV file, of a spreadsheet's first sheet; the first filled row names the columns",
        "for row in mail.attachment(\"*.csv\").rows { note(row.Article); }",
    ]),
    Entry::new([
        "sheets",
        "attachment",
        "attachment.sheets -> list",
        "The sheets of a spreadsheet",
        "for sheet in mail.attachment(\"*.csv\").sheets { note(sheet.name ?? \"the only one\"); }",
    ]),
    Entry::new([
        "name",
        "attachment",
        "sheet.name -> text",
        "A sheet's name",
        "note(mail.attachment(\"*.csv\").sheets[0].name ?? \"none\");",
    ]),
    Entry::new([
        "rows",
        "attachment",
        "sheet.rows -> list",
        "A sheet's rows below the first filled one, which names the columns",
        "for row in mail.attachment(\"*.csv\").sheets[0].rows { note(row.Article); }",
    ]),
    Entry::new([
        "cells",
        "attachment",
        "sheet.cells -> list",
        "All of a sheet's rows as lists of cells: numbers, days, texts",
        "note(`${mail.attachment(\"*.csv\").sheets[0].cells[0][0]}`);",
    ]),
    Entry::new([
        "json",
        "attachment",
        "attachment.json -> value or ()",
        "What a JSON file holds",
        "if mail.attachment(\"*.json\").json != () { flag(); }",
    ]),
    Entry::new([
        "xml",
        "attachment",
        "attachment.xml -> value",
        "What an XML file holds",
        "if mail.attachment(\"*.xml\").xml != () { flag(); }",
    ]),
    Entry::new([
        "invoice",
        "attachment",
        "attachment.invoice -> invoice",
        "The electronic invoice that a file is, or that a PDF holds",
        "if mail.attachment(\"*.xml\").invoice != () { flag(); }",
    ]),
    Entry::new([
        "events",
        "attachment",
        "attachment.events -> list",
        "The events of a calendar",
        "if mail.attachment(\"*.ics\").events != () { flag(); }",
    ]),
    Entry::new([
        "contacts",
        "attachment",
        "attachment.contacts -> list",
        "The address cards of a vCard file",
        "for contact in mail.attachment(\"*.vcf\").contacts ?? [] { note(contact.name ?? \"nobody\"); }",
    ]),
    Entry::new([
        "files",
        "attachment",
        "attachment.files -> list",
        "The files in a container, each an attachment",
        "for file in mail.attachment(\"*.csv\").files ?? [] { note(file.name); }",
    ]),
    Entry::new([
        "mail",
        "attachment",
        "attachment.mail -> mail or ()",
        "The mail that is attached",
        "if mail.attachment(\"*.eml\").mail.subject != () { flag(); }",
    ]),
];

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
    fact::<AttachmentValue>(engine, "name", |_, it| Ok(known(it, |file| text_or_absent(file.name()))));
    fact::<AttachmentValue>(engine, "type", |_, it| Ok(known(it, |file| text_or_absent(Some(file.content_type())))));
    fact::<AttachmentValue>(engine, "size", |_, it| {
        Ok(known(it, |file| Dynamic::from(i64::try_from(file.size()).unwrap_or(i64::MAX))))
    });
    fact::<AttachmentValue>(engine, "sha256", |_, it| {
        Ok(known(it, |file| {
            watch::charge(file.size());
            text_or_absent(Some(&file.sha256()))
        }))
    });
    fact::<AttachmentValue>(engine, "problem", |context, it| {
        Ok(text_or_absent(asked(context, it, Attachment::problem)?.flatten().as_deref()))
    });
    fact::<AttachmentValue>(engine, "text", |context, it| text_of(context, asked(context, it, Attachment::text)?.flatten()));
    fact::<AttachmentValue>(engine, "mail", |context, it| {
        let zone = &it.mail.zone;
        let value = |mail: &Message| Dynamic::from(MailValue(Arc::new(Facts::new(Arc::new(mail.clone()), zone.clone()))));
        Ok(asked(context, it, Attachment::mail)?.flatten().map_or(Dynamic::UNIT, value))
    });
    fact::<AttachmentValue>(engine, "files", |context, it| {
        let count = asked(context, it, Attachment::files)?.map_or(0, <[Attachment]>::len);
        let inside = |place: usize| it.path.iter().copied().chain([place]).collect();
        let value = |place: usize| Dynamic::from(AttachmentValue { mail: it.mail.clone(), path: inside(place) });
        Ok(list_or_absent((0..count).map(value)))
    });
    register_readings(engine);
}

/// What the format of a file gives.
fn register_readings(engine: &mut Engine) {
    fact::<AttachmentValue>(engine, "layout", |context, it| {
        text_of(context, reading(context, it)?.and_then(|reading| reading.layout.as_deref()))
    });
    fact::<AttachmentValue>(engine, "rows", |context, it| {
        let sheet = reading(context, it)?.and_then(|reading| reading.sheets.first());
        Ok(sheet.map_or(Dynamic::UNIT, |sheet| rows(sheet, it)))
    });
    fact::<AttachmentValue>(engine, "sheets", |context, it| {
        let count = reading(context, it)?.map_or(0, |reading| reading.sheets.len());
        Ok(list_or_absent((0..count).map(|index| Dynamic::from(SheetValue { file: it.clone(), index }))))
    });
    fact::<AttachmentValue>(engine, "json", |context, it| {
        charge(it);
        Ok(reading(context, it)?.and_then(|reading| reading.json.as_ref()).map_or(Dynamic::UNIT, from_json))
    });
    fact::<AttachmentValue>(engine, "xml", |context, it| data(context, it, |reading| reading.xml.as_ref()));
    fact::<AttachmentValue>(engine, "invoice", |context, it| {
        charge(it);
        let invoice = reading(context, it)?.and_then(|reading| reading.invoice.as_deref());
        Ok(invoice.map_or(Dynamic::UNIT, |invoice| told::one(invoice.clone(), &it.mail.zone)))
    });
    fact::<AttachmentValue>(engine, "events", |context, it| {
        charge(it);
        Ok(told_or_absent(reading(context, it)?.map(|reading| reading.events.as_slice()), it))
    });
    fact::<AttachmentValue>(engine, "contacts", |context, it| {
        charge(it);
        Ok(told_or_absent(reading(context, it)?.map(|reading| reading.contacts.as_slice()), it))
    });
    engine.register_type_with_name::<SheetValue>("sheet");
    fact::<SheetValue>(engine, "name", |context, it| {
        Ok(sheet(context, it)?.map_or(Dynamic::UNIT, |sheet| text_or_absent(sheet.name.as_deref())))
    });
    fact::<SheetValue>(
        engine,
        "rows",
        |context, it| Ok(sheet(context, it)?.map_or(Dynamic::UNIT, |sheet| rows(sheet, &it.file))),
    );
    fact::<SheetValue>(engine, "cells", |context, it| {
        charge(&it.file);
        let zone = &it.file.mail.zone;
        let row = |row: &Vec<Data>| Dynamic::from(row.iter().map(|cell| from_data(cell, zone)).collect::<Array>());
        Ok(sheet(context, it)?.map_or(Dynamic::UNIT, |sheet| Dynamic::from(sheet.cells.iter().map(row).collect::<Array>())))
    });
}

/// What the message itself says of a file.
fn known(it: &AttachmentValue, read: impl FnOnce(&Attachment) -> Dynamic) -> Dynamic {
    it.file().map_or(Dynamic::UNIT, |file| allocator::uncounted(|| read(file)))
}

/// What stands in a file, or the question for what stands in the files. What was read is kept with the mail: it is not the script's
/// memory.
fn asked<'i, T>(
    context: &NativeCallContext,
    it: &'i AttachmentValue,
    read: impl FnOnce(&'i Attachment) -> Result<T, NeedsReading>,
) -> Word<Option<T>> {
    match it.file().map(|file| allocator::uncounted(|| read(file))) {
        Some(Err(NeedsReading)) => ask(context, Question::Attachments),
        read => Ok(read.and_then(Result::ok)),
    }
}

fn reading<'i>(context: &NativeCallContext, it: &'i AttachmentValue) -> Word<Option<&'i Reading>> {
    asked(context, it, Attachment::reading)
}

fn sheet<'i>(context: &NativeCallContext, it: &'i SheetValue) -> Word<Option<&'i Sheet>> {
    Ok(reading(context, &it.file)?.and_then(|reading| reading.sheets.get(it.index)))
}

fn data(context: &NativeCallContext, it: &AttachmentValue, part: fn(&Reading) -> Option<&Data>) -> Word<Dynamic> {
    charge(it);
    Ok(reading(context, it)?.and_then(part).map_or(Dynamic::UNIT, |data| from_data(data, &it.mail.zone)))
}

fn text_of(context: &NativeCallContext, text: Option<&str>) -> Word<Dynamic> {
    watch::charge(text.map_or(0, str::len));
    limited(context, text_or_absent, text)
}

fn charge(it: &AttachmentValue) {
    watch::charge(it.file().map_or(0, Attachment::size));
}

fn list_or_absent(values: impl Iterator<Item = Dynamic>) -> Dynamic {
    let list: Array = values.collect();
    if list.is_empty() { Dynamic::UNIT } else { Dynamic::from(list) }
}

fn told_or_absent<T: Clone + Send + Sync + 'static>(values: Option<&[T]>, it: &AttachmentValue) -> Dynamic {
    values.filter(|values| !values.is_empty()).map_or(Dynamic::UNIT, |values| told::each(values, &it.mail.zone))
}

/// A sheet's rows as scripts hold them.
fn rows(sheet: &Sheet, it: &AttachmentValue) -> Dynamic {
    charge(it);
    let Some(table) = sheet.rows() else { return Dynamic::UNIT };
    let headers: Arc<[String]> = table.headers.into();
    let cells = |row: &[Data]| row.iter().map(|cell| from_data(cell, &it.mail.zone)).collect();
    Dynamic::from(table.rows.into_iter().map(|row| Dynamic::from(Row::new(headers.clone(), cells(row)))).collect::<Array>())
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
    let value = |index: usize| Dynamic::from(AttachmentValue { mail: mail.clone(), path: [index].into() });
    Ok(Dynamic::from(meant(context, mail, glob)?.into_iter().map(value).collect::<Array>()))
}

fn single(context: &NativeCallContext, mail: &Arc<Facts>, glob: &str) -> Word<Dynamic> {
    if !mail.message.envelope.has_attachments {
        return Ok(Dynamic::UNIT);
    }
    match meant(context, mail, glob)?.as_slice() {
        [] => Ok(Dynamic::UNIT),
        [index] => Ok(Dynamic::from(AttachmentValue { mail: mail.clone(), path: [*index].into() })),
        several => {
            let files = needs(context, || mail.message.content())?.attachments();
            let names: Vec<&str> = several.iter().filter_map(|index| files.get(*index)?.name()).collect();
            park(context, format!("{} attachments match `{glob}`: {}", several.len(), names.join(", ")))
        }
    }
}
