//! Reading values out of texts.

use rhai::{Array, Dynamic, Engine, ImmutableString, Map, NativeCallContext};
use rust_decimal::Decimal;

use super::Word as Entry;
use super::content::texts_of;
use super::register::{Absent, of_text, text, texts};
use crate::rules::codes;
use crate::rules::stop::{Word, fault};
use crate::rules::values::{Day, Moment, text_or_absent};
use crate::text;

/// The family's words.
pub(super) const WORDS: &[Entry] = &[
    Entry::new([
        "find",
        "text",
        "text.find(regex) -> text",
        "The first group of the first match, else the whole match",
        "note(mail.text.find(#\"No\\.\\s*(\\S+)\"#) ?? \"none\");",
    ]),
    Entry::new([
        "find_all",
        "text",
        "text.find_all(regex) -> list",
        "Every match, each as `find` gives it",
        "note(`${mail.text.find_all(#\"\\d+\"#).len}`);",
    ]),
    Entry::new([
        "groups",
        "text",
        "text.groups(regex) -> map",
        "The named groups of the first match",
        "let g = mail.text.groups(#\"No\\. (?<number>\\S+)\"#); note(g?.number ?? \"none\");",
    ]),
    Entry::new([
        "matches",
        "text",
        "text.matches(regex) -> bool",
        "Whether it matches anywhere",
        "if mail.subject.matches(#\"(?i)invoice\"#) { flag(); }",
    ]),
    Entry::new([
        "like",
        "text",
        "text.like(glob) -> bool",
        "Whether the whole text is like `*…?`, in any case",
        "if mail.subject.like(\"*invoice*\") { flag(); }",
    ]),
    Entry::new([
        "value_after",
        "text",
        "text.value_after(labels…) -> text",
        "The value beside or below the first label that is there",
        "note(mail.text.value_after(\"Total due\", \"Total\") ?? \"none\");",
    ]),
    Entry::new([
        "text_between",
        "text",
        "text.text_between(a, b) -> text",
        "What stands between two marks",
        "note(mail.text.text_between(\"Dear\", \",\") ?? \"none\");",
    ]),
    Entry::new(["lines", "text", "text.lines -> list", "The lines that are not empty", "note(mail.text.lines()[0]);"]),
    Entry::new([
        "to_money",
        "text",
        "text.to_money() -> number",
        "The amount; write the form where it reads two ways",
        "note(`${\"1.234,56 EUR\".to_money()} ${\"1.234\".to_money(\"1.234,56\")}`);",
    ]),
    Entry::new([
        "to_number",
        "text",
        "text.to_number() -> number",
        "The number; write the form where it reads two ways",
        "if \"12\".to_number() > 5 { flag(); }",
    ]),
    Entry::new([
        "to_date",
        "text",
        "text.to_date(form) -> day",
        "The day, in the form of Excel's letters",
        "flag(\"24.12.2024\".to_date(\"dd.MM.yyyy\"));",
    ]),
    Entry::new([
        "similar",
        "text",
        "text.similar(other) -> number",
        "How alike two texts are, 0 to 100",
        "if mail.subject.similar(\"Invoice\") > 80 { flag(); }",
    ]),
];

/// Labels that `value_after` takes at most.
const LABELS_MAX: usize = 12;

/// Registers the family.
pub(super) fn register(engine: &mut Engine) {
    of_text(engine, "find", &[text()], &Absent::Nothing, |context, it, given| {
        let regex = pattern(context, &given.text(0))?;
        Ok(text_or_absent(text::find(it, &regex)))
    });
    of_text(engine, "find_all", &[text()], &Absent::Nothing, |context, it, given| {
        let regex = pattern(context, &given.text(0))?;
        match text::find_all(it, &regex) {
            Ok(found) => Ok(texts_of(found.into_iter())),
            Err(error) => fault(context, codes::SIZE, error.to_string(), ""),
        }
    });
    of_text(engine, "groups", &[text()], &Absent::Nothing, |context, it, given| {
        let regex = pattern(context, &given.text(0))?;
        let map = |groups: std::collections::BTreeMap<String, Option<String>>| {
            groups.into_iter().map(|(name, value)| (name.into(), text_or_absent(value.as_deref()))).collect::<Map>()
        };
        Ok(text::groups(it, &regex).map_or(Dynamic::UNIT, |groups| Dynamic::from(map(groups))))
    });
    of_text(engine, "matches", &[text()], &Absent::False, |context, it, given| {
        let regex = pattern(context, &given.text(0))?;
        Ok(text::matches(it, &regex).into())
    });
    of_text(engine, "like", &[text()], &Absent::False, |context, it, given| {
        super::kind::matches_glob(context, it, &given.text(0)).map(Dynamic::from)
    });
    for labels in 1..=LABELS_MAX {
        of_text(engine, "value_after", &vec![text(); labels], &Absent::Nothing, |_, it, given| {
            Ok(value_after(it, &given.texts()))
        });
    }
    of_text(engine, "value_after", &[std::any::TypeId::of::<Array>()], &Absent::Nothing, |context, it, given| {
        Ok(value_after(it, &texts(context, &given.value(0))?))
    });
    of_text(engine, "text_between", &[text(), text()], &Absent::Nothing, |_, it, given| {
        Ok(text_or_absent(text::text_between(it, &given.text(0), &given.text(1))))
    });
    for written in ["lines", "get$lines"] {
        of_text(engine, written, &[], &Absent::Nothing, |_, it, _| Ok(texts_of(text::lines(it))));
    }
    of_text(engine, "similar", &[text()], &Absent::Nothing, |_, it, given| {
        Ok(Dynamic::from(i64::from(text::similar(it, &given.text(0)))))
    });
    register_numbers(engine);
    register_dates(engine);
}

fn register_numbers(engine: &mut Engine) {
    of_text(engine, "to_money", &[], &Absent::Nothing, |context, it, _| number(context, text::to_money(it)));
    of_text(engine, "to_money", &[text()], &Absent::Nothing, |context, it, given| {
        number(context, text::to_money_as(it, &given.text(0)))
    });
    of_text(engine, "to_number", &[], &Absent::Nothing, |context, it, _| number(context, text::to_number(it)));
    of_text(engine, "to_number", &[text()], &Absent::Nothing, |context, it, given| {
        number(context, text::to_number_as(it, &given.text(0)))
    });
    for name in ["to_money", "to_number"] {
        engine.register_fn(name, |number: i64| Decimal::from(number)).register_fn(name, |number: Decimal| number);
        // A cell of a spreadsheet is a number already: a rule reads both kinds of files.
        engine.register_fn(name, |number: i64, _: ImmutableString| Decimal::from(number));
        engine.register_fn(name, |number: Decimal, _: ImmutableString| number);
    }
}

fn register_dates(engine: &mut Engine) {
    of_text(engine, "to_date", &[text()], &Absent::Nothing, |context, it, given| day(context, text::to_date(it, &given.text(0))));
    of_text(engine, "to_date", &[], &Absent::Nothing, |context, it, _| day(context, text::to_date_guess(it)));
    engine.register_fn("to_date", |day: Day| day).register_fn("to_date", |day: Day, _: ImmutableString| day);
    engine.register_fn("to_date", |moment: Moment| Day(moment.0.date()));
    engine.register_fn("to_date", |moment: Moment, _: ImmutableString| Day(moment.0.date()));
}

fn value_after(it: &str, labels: &[ImmutableString]) -> Dynamic {
    let labels: Vec<&str> = labels.iter().map(ImmutableString::as_str).collect();
    text_or_absent(text::value_after(it, &labels))
}

fn pattern(context: &NativeCallContext, expression: &str) -> Word<std::sync::Arc<regex::Regex>> {
    match text::pattern(expression) {
        Ok(regex) => Ok(regex),
        Err(error) => {
            let message = format!("bad regular expression `{}`: {}", error.pattern, error.reason);
            fault(context, codes::PATTERN, message, error.hint.unwrap_or_default())
        }
    }
}

fn number(context: &NativeCallContext, read: Result<Option<Decimal>, text::NumberError>) -> Word<Dynamic> {
    match read {
        Ok(number) => Ok(number.map_or(Dynamic::UNIT, Dynamic::from_decimal)),
        Err(error) => fault(context, codes::AMBIGUOUS, error.to_string(), ""),
    }
}

fn day(context: &NativeCallContext, read: Result<Option<jiff::civil::Date>, text::DateError>) -> Word<Dynamic> {
    match read {
        Ok(day) => Ok(day.map_or(Dynamic::UNIT, |day| Dynamic::from(Day(day)))),
        Err(error) => fault(context, codes::AMBIGUOUS, error.to_string(), ""),
    }
}
