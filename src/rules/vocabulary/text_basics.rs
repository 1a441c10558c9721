//! Rhai's own text functions where ours differ: they give the new text, are bounded, and know `()`.

use std::any::TypeId;

use rhai::{Dynamic, Engine, ImmutableString, NativeCallContext};

use super::Word as Entry;
use super::content::texts_of;
use super::register::{Absent, Given, of_text, text};
use crate::rules::codes;
use crate::rules::limits::{LIST_ENTRIES_MAX, TEXT_BYTES_MAX};
use crate::rules::row::Row;
use crate::rules::stop::{Stop, Stopped, Word, fault};
use crate::rules::values::{
    AddressValue, Ahead, AttachmentValue, AuthenticityValue, BounceValue, BouncedValue, MailValue, Nothing, PostReceipt,
    VerdictValue, kind_of,
};
use crate::rules::watch;

/// The family's words.
pub(super) const WORDS: &[Entry] = &[
    Entry::new(["trim", "text", "text.trim() -> text", "The text without white space around it", "note(\" a \".trim());"]),
    Entry::new([
        "replace",
        "text",
        "text.replace(old, new) -> text",
        "The text with every `old` replaced",
        "note(\"a-b\".replace(\"-\", \"/\"));",
    ]),
    Entry::new(["split", "text", "text.split(mark) -> list", "The parts between the marks", "note(\"a;b\".split(\";\")[1]);"]),
    Entry::new([
        "contains",
        "text",
        "text.contains(part) -> bool",
        "Whether the part is in it, in this case",
        "if mail.subject.contains(\"Invoice\") { flag(); }",
    ]),
    Entry::new([
        "starts_with",
        "text",
        "text.starts_with(part) -> bool",
        "Whether it begins with the part",
        "if mail.subject.starts_with(\"RE:\") { flag(); }",
    ]),
    Entry::new([
        "ends_with",
        "text",
        "text.ends_with(part) -> bool",
        "Whether it ends with the part",
        "if mail.subject.ends_with(\"!\") { flag(); }",
    ]),
    Entry::new(["to_upper", "text", "text.to_upper() -> text", "The text in capitals", "note(mail.subject.to_upper());"]),
    Entry::new(["to_lower", "text", "text.to_lower() -> text", "The text in small letters", "note(mail.subject.to_lower());"]),
    Entry::new(["len", "text", "text.len -> number", "Its characters", "if mail.subject.len > 100 { flag(); }"]),
];

/// Registers the family.
pub(super) fn register(engine: &mut Engine) {
    let (sign, number) = (TypeId::of::<char>(), TypeId::of::<i64>());
    of_text(engine, "trim", &[], &Absent::Nothing, |_, it, _| Ok(made(it.trim())));
    for types in [[text(), text()], [text(), sign], [sign, text()], [sign, sign]] {
        of_text(engine, "replace", &types, &Absent::Nothing, replace);
    }
    of_text(engine, "split", &[], &Absent::Nothing, |context, it, _| parts(context, it.split_whitespace()));
    for mark in [text(), sign] {
        of_text(engine, "split", &[mark], &Absent::Nothing, |context, it, given| parts(context, it.split(&*short(given, 0))));
        of_text(engine, "split", &[mark, number], &Absent::Nothing, |context, it, given| {
            let most = usize::try_from(given.value(1).as_int().unwrap_or(0)).unwrap_or(0);
            parts(context, it.splitn(most, &*short(given, 0)))
        });
        of_text(engine, "contains", &[mark], &Absent::False, |_, it, given| Ok(it.contains(&*short(given, 0)).into()));
        of_text(engine, "starts_with", &[mark], &Absent::False, |_, it, given| Ok(it.starts_with(&*short(given, 0)).into()));
        of_text(engine, "ends_with", &[mark], &Absent::False, |_, it, given| Ok(it.ends_with(&*short(given, 0)).into()));
    }
    of_text(engine, "to_chars", &[], &Absent::Nothing, |context, it, _| {
        let signs: Vec<String> = it.chars().take(LIST_ENTRIES_MAX + 1).map(String::from).collect();
        parts(context, signs.iter().map(String::as_str))
    });
    of_text(engine, "to_upper", &[], &Absent::Nothing, |_, it, _| Ok(made(&it.to_uppercase())));
    of_text(engine, "to_lower", &[], &Absent::Nothing, |_, it, _| Ok(made(&it.to_lowercase())));
    register_refusals(engine);
}

fn made(text: &str) -> Dynamic {
    Dynamic::from(ImmutableString::from(text))
}

fn short(given: &Given, position: usize) -> String {
    let value = given.value(position);
    value.as_char().map_or_else(|_| given.text(position).to_string(), String::from)
}

fn replace(context: &NativeCallContext, it: &str, given: &Given) -> Word<Dynamic> {
    let (old, new) = (short(given, 0), short(given, 1));
    if old.is_empty() {
        return Ok(made(it));
    }
    let found = it.matches(old.as_str()).count();
    let size = found.saturating_mul(new.len()).saturating_add(it.len() - found * old.len());
    if size > TEXT_BYTES_MAX {
        let message = format!("`replace` would make a text of more than {} KB", TEXT_BYTES_MAX >> 10);
        return fault(context, codes::SIZE, message, "");
    }
    watch::charge(size);
    Ok(made(&it.replace(&old, &new)))
}

fn parts<'t>(context: &NativeCallContext, parts: impl Iterator<Item = &'t str>) -> Word<Dynamic> {
    let parts: Vec<&str> = parts.take(LIST_ENTRIES_MAX + 1).collect();
    if parts.len() > LIST_ENTRIES_MAX {
        return fault(context, codes::SIZE, format!("more than {LIST_ENTRIES_MAX} parts"), "");
    }
    Ok(texts_of(parts.into_iter()))
}

/// What cannot be part of a text. Rhai swallows the errors of `to_string`, so the run is stopped at its next step.
fn register_refusals(engine: &mut Engine) {
    let refused = [
        TypeId::of::<()>(),
        TypeId::of::<MailValue>(),
        TypeId::of::<AttachmentValue>(),
        TypeId::of::<AddressValue>(),
        TypeId::of::<AuthenticityValue>(),
        TypeId::of::<BounceValue>(),
        TypeId::of::<BouncedValue>(),
        TypeId::of::<PostReceipt>(),
        TypeId::of::<Ahead>(),
        TypeId::of::<Nothing>(),
        TypeId::of::<Row>(),
    ];
    for kind in refused {
        engine.register_raw_fn("to_string", [kind], |context, args| {
            let (code, message, hint) = refusal(args[0]);
            let hint = Some(hint.to_owned());
            watch::stop_soon(Stopped::here(&context, Stop::Fault { code, message, hint }));
            Ok(ImmutableString::new())
        });
    }
    engine.register_raw_fn("to_string", [TypeId::of::<VerdictValue>()], |_, args| {
        Ok(ImmutableString::from(args[0].read_lock::<VerdictValue>().map_or("", |verdict| verdict.0)))
    });
}

fn refusal(value: &Dynamic) -> (&'static str, String, &'static str) {
    if value.is_unit() {
        let hint = "take it with `require(…, \"reason\")`, or give another value with `??`";
        return (codes::ABSENT, "a value inside a text is absent".to_owned(), hint);
    }
    if let Some(ahead) = value.read_lock::<Ahead>() {
        return (
            codes::ANSWER_AHEAD,
            format!("{} is not known while rules run", ahead.0),
            "it can go into records and templates only",
        );
    }
    let hint = match kind_of(value) {
        "an address" => "take its `.address` or `.name`",
        "a row" => "take one of its columns: `row.Name`",
        "an attachment" => "take its `.name` or `.text`",
        "a mail" => "take its `.subject`, `.id` or `.text`",
        _ => "",
    };
    (codes::KINDS, format!("{} cannot be part of a text", kind_of(value)), hint)
}
