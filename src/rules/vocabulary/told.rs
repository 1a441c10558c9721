//! Facts of values that files hold: one table says each fact's name, what it gives, what it is for, and how it is had. The line for
//! the reference, with its example, and the registration are made of it.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use rhai::{Array, Dynamic, ImmutableString};
use rust_decimal::Decimal;

use crate::mail::When;
use crate::rules::values::{Day, Moment, Told, text_or_absent};

/// `facts! { "family"; invoice: Invoice, one "mail.attachment(\"*.xml\").invoice" { number -> text: "The number", |it| …; } }`;
/// `each` stands before what is a list of such values.
macro_rules! facts {
    ($family:literal; $($kind:ident: $of:ty, $one_or_each:ident $from:literal { $($name:ident -> $gives:ident: $summary:literal, $get:expr;)* })*) => {
        /// The family's words.
        pub(super) const WORDS: &[super::Word] = &[$($(super::Word::new([
            stringify!($name),
            $family,
            concat!(stringify!($kind), ".", stringify!($name), " -> ", stringify!($gives)),
            $summary,
            $crate::rules::vocabulary::told::facts!(@$one_or_each $from, $name),
        ]),)*)*];

        /// Registers the family.
        pub(super) fn register(engine: &mut rhai::Engine) {
            $(
                engine.register_type_with_name::<$crate::rules::values::Told<$of>>(stringify!($kind));
                $(super::register::fact::<$crate::rules::values::Told<$of>>(engine, stringify!($name), |_, it| {
                    let get: fn(&$crate::rules::values::Told<$of>) -> rhai::Dynamic = $get;
                    Ok(get(it))
                });)*
            )*
        }
    };
    (@one $from:literal, $name:ident) => {
        concat!("if ", $from, ".", stringify!($name), " != () { flag(); }")
    };
    (@each $from:literal, $name:ident) => {
        concat!("for it in ", $from, " ?? [] { if it.", stringify!($name), " != () { flag(); } }")
    };
}
pub(super) use facts;

/// A text, or `()`.
pub(super) fn text(text: Option<&String>) -> Dynamic {
    text_or_absent(text.map(String::as_str))
}

/// A number, or `()`.
pub(super) fn number(number: Option<Decimal>) -> Dynamic {
    number.map_or(Dynamic::UNIT, Dynamic::from_decimal)
}

/// A day, or `()`.
pub(super) fn day(day: Option<Date>) -> Dynamic {
    day.map_or(Dynamic::UNIT, |day| Dynamic::from(Day(day)))
}

/// A moment in the mailbox's time zone, or `()`.
pub(super) fn moment(moment: Option<jiff::Timestamp>, zone: &TimeZone) -> Dynamic {
    moment.map_or(Dynamic::UNIT, |moment| Dynamic::from(Moment(moment.to_zoned(zone.clone()))))
}

/// A moment; a time that belongs to no zone is one of the mailbox's, and a day begins at its midnight.
pub(super) fn when(when: Option<When>, zone: &TimeZone) -> Dynamic {
    let local = match when {
        None => return Dynamic::UNIT,
        Some(When::Moment(at)) => return moment(Some(at), zone),
        Some(When::Day(date)) => date.at(0, 0, 0, 0),
        Some(When::Local(local)) => local,
    };
    local.to_zoned(zone.clone()).map_or(Dynamic::UNIT, |at| Dynamic::from(Moment(at)))
}

/// A list of texts.
pub(super) fn texts(texts: &[String]) -> Dynamic {
    Dynamic::from(texts.iter().map(|text| Dynamic::from(ImmutableString::from(text.as_str()))).collect::<Array>())
}

/// A list of values that are told themselves.
pub(super) fn each<T: Clone + Send + Sync + 'static>(values: &[T], zone: &TimeZone) -> Dynamic {
    Dynamic::from(values.iter().map(|value| one(value.clone(), zone)).collect::<Array>())
}

/// A value that is told itself.
pub(super) fn one<T: Send + Sync + 'static>(value: T, zone: &TimeZone) -> Dynamic {
    Dynamic::from(Told { value: Arc::new(value), zone: zone.clone() })
}
