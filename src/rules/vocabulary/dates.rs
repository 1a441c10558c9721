//! Days and times, as they were when the message was decided.

use rhai::{Dynamic, Engine, ImmutableString, NativeCallContext};

use super::Word as Entry;
use super::register::{Absent, alone, fact, text, word};
use crate::rules::codes;
use crate::rules::dates::{add_days, add_workdays, moment_add_days};
use crate::rules::run::current;
use crate::rules::stop::{Word, fault};
use crate::rules::values::{Day, Moment};
use crate::text;

/// The family's words.
pub(super) const WORDS: &[Entry] = &[
    Entry::new([
        "now",
        "dates",
        "now() -> moment",
        "When the message was decided, in the mailbox's time zone",
        "note(now().format(\"HH:mm\"));",
    ]),
    Entry::new(["today", "dates", "today() -> day", "The day on which the message was decided", "flag(today());"]),
    Entry::new(["add_days", "dates", "day.add_days(n) -> day", "The day n days later", "flag(today().add_days(7));"]),
    Entry::new([
        "add_workdays",
        "dates",
        "day.add_workdays(n) -> day",
        "The day n working days later (Monday to Friday)",
        "flag(today().add_workdays(2));",
    ]),
    Entry::new([
        "weekday",
        "dates",
        "day.weekday -> text",
        "Its English name: Monday",
        "if today().weekday == \"Friday\" { flag(); }",
    ]),
    Entry::new([
        "format",
        "dates",
        "day.format(form) -> text",
        "The day in Excel's letters",
        "note(today().format(\"dd.MM.yyyy\"));",
    ]),
    Entry::new(["date", "dates", "moment.date -> day", "The moment's day", "if mail.received.date < today() { flag(); }"]),
    Entry::new(["year", "dates", "day.year -> number", "Its year", "note(`${today().year}`);"]),
    Entry::new(["month", "dates", "day.month -> number", "Its month, 1 to 12", "note(`${today().month}`);"]),
    Entry::new(["day", "dates", "day.day -> number", "Its day of the month", "note(`${today().day}`);"]),
    Entry::new(["hour", "dates", "moment.hour -> number", "Its hour, 0 to 23", "if now().hour < 8 { flag(); }"]),
    Entry::new(["minute", "dates", "moment.minute -> number", "Its minute", "note(`${now().minute}`);"]),
];

/// Registers the family.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Day>("day").register_type_with_name::<Moment>("moment");
    alone(engine, "now", &[], |context, _| {
        let run = current(context)?;
        Ok(Dynamic::from(Moment(run.input.now.to_zoned(run.known.surroundings.time_zone.clone()))))
    });
    alone(engine, "today", &[], |context, _| {
        let run = current(context)?;
        Ok(Dynamic::from(Day(run.input.now.to_zoned(run.known.surroundings.time_zone.clone()).date())))
    });
    let number = std::any::TypeId::of::<i64>();
    word::<Day>(engine, "add_days", &[number], &Absent::Nothing, |context, day, given| {
        result(context, add_days(*day, given.value(0).as_int().unwrap_or(0)))
    });
    word::<Day>(engine, "add_workdays", &[number], &Absent::Nothing, |context, day, given| {
        result(context, add_workdays(*day, given.value(0).as_int().unwrap_or(0)))
    });
    word::<Moment>(engine, "add_days", &[number], &Absent::Nothing, |context, moment, given| {
        result(context, moment_add_days(moment, given.value(0).as_int().unwrap_or(0)))
    });
    word::<Moment>(engine, "add_workdays", &[number], &Absent::Nothing, |context, moment, given| {
        result(context, add_workdays(Day(moment.0.date()), given.value(0).as_int().unwrap_or(0)))
    });
    word::<Day>(engine, "format", &[text()], &Absent::Nothing, |context, day, given| {
        result(context, text::format_date(day.0, &given.text(0)).map(ImmutableString::from))
    });
    word::<Moment>(engine, "format", &[text()], &Absent::Nothing, |context, moment, given| {
        result(context, text::format_date(moment.0.datetime(), &given.text(0)).map(ImmutableString::from))
    });
    fact::<Day>(engine, "weekday", |_, day| Ok(text::weekday(day.0).into()));
    fact::<Moment>(engine, "weekday", |_, moment| Ok(text::weekday(moment.0.date()).into()));
    fact::<Day>(engine, "year", |_, day| Ok(i64::from(day.0.year()).into()));
    fact::<Day>(engine, "month", |_, day| Ok(i64::from(day.0.month()).into()));
    fact::<Day>(engine, "day", |_, day| Ok(i64::from(day.0.day()).into()));
    fact::<Day>(engine, "date", |_, day| Ok(Dynamic::from(*day)));
    fact::<Moment>(engine, "date", |_, moment| Ok(Dynamic::from(Day(moment.0.date()))));
    fact::<Moment>(engine, "hour", |_, moment| Ok(i64::from(moment.0.hour()).into()));
    fact::<Moment>(engine, "minute", |_, moment| Ok(i64::from(moment.0.minute()).into()));
    engine.register_fn("to_string", |day: &mut Day| ImmutableString::from(day.0.to_string()));
    engine.register_fn("to_string", |moment: &mut Moment| ImmutableString::from(moment.0.strftime("%Y-%m-%d %H:%M").to_string()));
}

fn result<T: rhai::Variant + Clone, E: ToString>(context: &NativeCallContext, result: Result<T, E>) -> Word<Dynamic> {
    match result {
        Ok(value) => Ok(Dynamic::from(value)),
        Err(why) => fault(context, codes::VALUE, why.to_string(), ""),
    }
}
