//! What stands in a mail: texts, tables, links, data.

use std::sync::{Arc, OnceLock};

use rhai::{Array, Dynamic, Engine, ImmutableString, Map, NativeCallContext};

use super::Word as Entry;
use super::register::{Absent, Given, fact, needs, text, texts, word};
use crate::mail::{Content, Table, TableSearch};
use crate::rules::json::from_json;
use crate::rules::limits::TEXT_BYTES_MAX;
use crate::rules::row::Row;
use crate::rules::stop::{Word, fault, park};
use crate::rules::values::{Facts, MailValue, text_or_absent};
use crate::rules::{allocator, codes, watch};

/// The family's words.
pub(super) const WORDS: &[Entry] = &[
    Entry::new([
        "text",
        "content",
        "mail.text -> text",
        "The readable text, tables kept in columns",
        "note(mail.text.find(#\"No\\. (\\S+)\"#) ?? \"none\");",
    ]),
    Entry::new(["html", "content", "mail.html -> text or ()", "The HTML as it was sent", "if mail.html != () { flag(); }"]),
    Entry::new([
        "top_text",
        "content",
        "mail.top_text -> text",
        "What the sender wrote now: without quoted mails, signature and notices",
        "if mail.top_text.contains(\"unsubscribe\") { flag(); }",
    ]),
    Entry::new([
        "quoted_text",
        "content",
        "mail.quoted_text -> text or ()",
        "The quoted mails below",
        "if mail.quoted_text != () { flag(); }",
    ]),
    Entry::new([
        "signature",
        "content",
        "mail.signature -> text",
        "The signature below, from the greeting on",
        "note(mail.signature ?? \"none\");",
    ]),
    Entry::new([
        "notices",
        "content",
        "mail.notices -> text",
        "Confidentiality notices below, warnings of mail systems above",
        "if mail.notices != () { flag(); }",
    ]),
    Entry::new([
        "forwarded",
        "content",
        "mail.forwarded -> mail",
        "The mail that this one forwards in its text, opened; `()` when it forwards none",
        "let order = mail.forwarded ?? mail; note(order.subject ?? \"none\");",
    ]),
    Entry::new([
        "table",
        "content",
        "mail.table(columns…) -> list or ()",
        "The rows of the table that has these columns; two such tables park the mail",
        "for row in mail.table(\"Article\", \"Qty\") ?? [] { note(`${row.Article}: ${row.Qty}`); }",
    ]),
    Entry::new(["tables", "content", "mail.tables -> list", "All tables, each a list of rows", "note(`${mail.tables.len}`);"]),
    Entry::new([
        "select",
        "content",
        "mail.select(css) -> list",
        "The texts of the elements a CSS selector finds",
        "for cell in mail.select(\"td\") { note(cell); }",
    ]),
    Entry::new([
        "links",
        "content",
        "mail.links -> list",
        "All links, each with `text` and `url`",
        "for link in mail.links { note(link.url); }",
    ]),
    Entry::new([
        "data",
        "content",
        "mail.data(type) -> list",
        "schema.org objects of that type: Order, Invoice …",
        "for order in mail.data(\"Order\") { note(`${order}`); }",
    ]),
    Entry::new([
        "language",
        "content",
        "mail.language -> text or ()",
        "\"en\", \"de\" …, where the text is long enough to tell",
        "note(mail.language ?? \"unknown\");",
    ]),
    Entry::new([
        "keys",
        "content",
        "row.keys() -> list",
        "The columns of a row",
        "for row in mail.table(\"Article\", \"Qty\") ?? [] { note(`${row.keys().len}`); }",
    ]),
];

/// Words of `mail` that this version does not have.
pub(in crate::rules) const LATER: [&str; 1] = ["away_until"];

/// Columns that `mail.table(…)` takes at most.
const COLUMNS_MAX: usize = 12;

/// Registers the family.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Row>("row");
    fact::<MailValue>(engine, "text", |context, mail| part(context, mail, &mail.0.text, |content| Some(content.text())));
    fact::<MailValue>(engine, "html", |context, mail| part(context, mail, &mail.0.html, Content::html));
    fact::<MailValue>(engine, "top_text", |context, mail| {
        part(context, mail, &mail.0.top_text, |content| Some(content.top_text()))
    });
    fact::<MailValue>(engine, "quoted_text", |context, mail| {
        part(context, mail, &mail.0.quoted_text, |content| Some(content.quoted_text()))
    });
    fact::<MailValue>(engine, "signature", |context, mail| {
        part(context, mail, &mail.0.signature, |content| Some(content.signature()))
    });
    fact::<MailValue>(engine, "notices", |context, mail| part(context, mail, &mail.0.notices, |content| Some(content.notices())));
    fact::<MailValue>(engine, "forwarded", |context, mail| {
        if let Some(kept) = mail.0.forwarded.get() {
            return Ok(kept.clone());
        }
        let opened = needs(context, || mail.0.message.content())?;
        watch::charge(opened.text().len());
        let found = allocator::uncounted(|| opened.forwarded().map(|found| Arc::new(found.clone())));
        let value = |message| Dynamic::from(MailValue(Arc::new(Facts::new(message, mail.0.zone.clone()))));
        Ok(mail.0.forwarded.get_or_init(|| found.map_or(Dynamic::UNIT, value)).clone())
    });
    for columns in 1..=COLUMNS_MAX {
        word::<MailValue>(engine, "table", &vec![text(); columns], &Absent::Nothing, table);
    }
    word::<MailValue>(engine, "table", &[std::any::TypeId::of::<Array>()], &Absent::Nothing, table);
    fact::<MailValue>(engine, "tables", |context, mail| {
        let tables = needs(context, || mail.0.message.content().map(Content::tables))?;
        Ok(Dynamic::from(tables.iter().map(rows).collect::<Array>()))
    });
    word::<MailValue>(engine, "select", &[text()], &Absent::Nothing, |context, mail, given| {
        let opened = needs(context, || mail.0.message.content())?;
        watch::charge(opened.html().map_or(0, str::len));
        match allocator::uncounted(|| opened.select(&given.text(0))) {
            Ok(found) => Ok(texts_of(found.iter().map(String::as_str))),
            Err(message) => fault(context, codes::PATTERN, message, ""),
        }
    });
    fact::<MailValue>(engine, "links", |context, mail| {
        let links = needs(context, || mail.0.message.content().map(Content::links))?;
        let link = |text: &str, url: &str| {
            let pairs = [("text", text), ("url", url)];
            Dynamic::from(pairs.into_iter().map(|(key, value)| (key.into(), text_or_absent(Some(value)))).collect::<Map>())
        };
        Ok(Dynamic::from(links.iter().map(|found| link(&found.text, &found.url)).collect::<Array>()))
    });
    word::<MailValue>(engine, "data", &[text()], &Absent::Nothing, |context, mail, given| {
        let opened = needs(context, || mail.0.message.content())?;
        watch::charge(opened.html().map_or(0, str::len));
        let found = allocator::uncounted(|| opened.data(&given.text(0)));
        Ok(Dynamic::from(found.iter().map(from_json).collect::<Array>()))
    });
    fact::<MailValue>(engine, "language", |context, mail| {
        needs(context, || mail.0.message.content().map(|content| text_or_absent(content.language())))
    });
    register_rows(engine);
}

fn register_rows(engine: &mut Engine) {
    engine.register_indexer_get(|context: NativeCallContext, row: &mut Row, column: ImmutableString| -> Word<Dynamic> {
        if let Some(cell) = row.cell(&column) {
            return Ok(cell);
        }
        let message = format!("no column `{column}`; there are: {}", row.headers().join(", "));
        fault(&context, codes::NO_COLUMN, message, "")
    });
    word::<Row>(engine, "get", &[text()], &Absent::Nothing, |_, row, given| Ok(row.cell(&given.text(0)).unwrap_or_default()));
    word::<Row>(engine, "contains", &[text()], &Absent::False, |_, row, given| Ok(row.cell(&given.text(0)).is_some().into()));
    word::<Row>(engine, "keys", &[], &Absent::Nothing, |_, row, _| Ok(texts_of(row.headers().iter().map(String::as_str))));
}

/// One of the mail's texts, made a script's text once.
fn part(
    context: &NativeCallContext,
    mail: &MailValue,
    kept: &OnceLock<Dynamic>,
    read: fn(&Content) -> Option<&str>,
) -> Word<Dynamic> {
    if let Some(text) = kept.get() {
        return Ok(text.clone());
    }
    let found = needs(context, || mail.0.message.content().map(read))?;
    limited(context, |found| kept.get_or_init(|| text_or_absent(found)).clone(), found)
}

/// Makes a script's text, unless it is larger than texts may be.
pub(super) fn limited(
    context: &NativeCallContext,
    make: impl FnOnce(Option<&str>) -> Dynamic,
    found: Option<&str>,
) -> Word<Dynamic> {
    let bytes = found.map_or(0, str::len);
    if bytes > TEXT_BYTES_MAX {
        let message = format!("the text has {} KB; rules read texts of up to {} KB", bytes >> 10, TEXT_BYTES_MAX >> 10);
        return fault(context, codes::SIZE, message, "");
    }
    Ok(make(found))
}

fn table(context: &NativeCallContext, mail: &MailValue, given: &Given) -> Word<Dynamic> {
    let names = if given.value(0).is_array() { texts(context, &given.value(0))? } else { given.texts() };
    let opened = needs(context, || mail.0.message.content())?;
    watch::charge(opened.html().map_or(0, str::len));
    let columns: Vec<&str> = names.iter().map(ImmutableString::as_str).collect();
    match allocator::uncounted(|| opened.table(&columns)) {
        TableSearch::None => Ok(Dynamic::UNIT),
        TableSearch::One(table) => Ok(rows(&table)),
        TableSearch::Several(tables) => park(context, format!("{} tables have the columns {}", tables.len(), columns.join(", "))),
    }
}

/// A table's rows as scripts hold them.
fn rows(table: &Table) -> Dynamic {
    let headers: Arc<[String]> = table.headers.clone().into();
    let cells = |cells: &Vec<String>| cells.iter().map(|cell| text_or_absent(Some(cell))).collect();
    let row = |row: &Vec<String>| Dynamic::from(Row::new(headers.clone(), cells(row)));
    Dynamic::from(table.rows.iter().map(row).collect::<Array>())
}

/// A list of texts as scripts hold it.
pub(super) fn texts_of<'t>(texts: impl Iterator<Item = &'t str>) -> Dynamic {
    Dynamic::from(texts.map(|text| Dynamic::from(ImmutableString::from(text))).collect::<Array>())
}
