//! Comparing and joining: what would be silent in plain Rhai is an error here.

use std::any::TypeId;
use std::cmp::Ordering;

use rhai::{Array, Dynamic, Engine, ImmutableString, Map, NativeCallContext};
use rust_decimal::Decimal;

use super::codes;
use super::stop::{Word, fault};
use super::values::{Ahead, Day, Moment, VERDICTS, VerdictValue, kind_of};
use crate::text::did_you_mean;

/// Registers comparisons for every pair of values, and joining with `()`.
///
/// The pairs of plain kinds are registered one by one, beside the catch-all: Rhai's optimiser folds an operator on two
/// literals unless exactly their pair is registered, and a look-up by exact kinds is faster.
pub(super) fn register(engine: &mut Engine) {
    let plain = [
        TypeId::of::<ImmutableString>(),
        TypeId::of::<i64>(),
        TypeId::of::<Decimal>(),
        TypeId::of::<bool>(),
        TypeId::of::<char>(),
        TypeId::of::<()>(),
        TypeId::of::<Array>(),
        TypeId::of::<Map>(),
    ];
    let pairs: Vec<[TypeId; 2]> = plain
        .iter()
        .flat_map(|left| plain.iter().map(move |right| [*left, *right]))
        .chain([[TypeId::of::<Dynamic>(), TypeId::of::<Dynamic>()]])
        .collect();
    for pair in &pairs {
        engine.register_raw_fn("==", pair, |context, args| equal(&context, args[0], args[1]));
        engine.register_raw_fn("!=", pair, |context, args| equal(&context, args[0], args[1]).map(|equal| !equal));
        engine.register_raw_fn("<", pair, |context, args| order(&context, args[0], args[1]).map(Ordering::is_lt));
        engine.register_raw_fn("<=", pair, |context, args| order(&context, args[0], args[1]).map(Ordering::is_le));
        engine.register_raw_fn(">", pair, |context, args| order(&context, args[0], args[1]).map(Ordering::is_gt));
        engine.register_raw_fn(">=", pair, |context, args| order(&context, args[0], args[1]).map(Ordering::is_ge));
    }
    let nothing = TypeId::of::<()>();
    for other in plain.iter().filter(|other| **other != nothing).chain([&TypeId::of::<Dynamic>()]) {
        for operator in ["+", "-", "*", "/", "%", "+=", "-=", "*=", "/="] {
            engine.register_raw_fn(operator, [*other, nothing], |context, _| joined_with_nothing(&context));
            engine.register_raw_fn(operator, [nothing, *other], |context, _| joined_with_nothing(&context));
        }
    }
    engine.register_raw_fn("+", [nothing, nothing], |context, _| joined_with_nothing(&context));
}

fn joined_with_nothing(context: &NativeCallContext) -> Word<Dynamic> {
    let message = format!("one side of `{}` is absent", context.fn_name());
    fault(context, codes::ABSENT, message, "take it with `require(…, \"reason\")`, or give another value with `??`")
}

/// Whether two values of one kind are equal; everything may be compared with `()`.
fn equal(context: &NativeCallContext, left: &Dynamic, right: &Dynamic) -> Word<bool> {
    refuse_ahead(context, left, right)?;
    if left.is_unit() || right.is_unit() {
        return Ok(left.is_unit() && right.is_unit());
    }
    if let Some((left, right)) = booleans(left, right) {
        return Ok(left == right);
    }
    if let (Ok(left), Ok(right)) = (left.as_array_ref(), right.as_array_ref()) {
        if left.len() != right.len() {
            return Ok(false);
        }
        for (left, right) in left.iter().zip(right.iter()) {
            if !equal(context, left, right)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    if let (Ok(left), Ok(right)) = (left.as_map_ref(), right.as_map_ref()) {
        if !left.keys().eq(right.keys()) {
            return Ok(false);
        }
        for (left, right) in left.values().zip(right.values()) {
            if !equal(context, left, right)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    if let Some(same) = verdicts(context, left, right)? {
        return Ok(same);
    }
    single_order(left, right).map_or_else(|| different(context, left, right), |order| Ok(order.is_eq()))
}

/// The order of two values of one kind.
fn order(context: &NativeCallContext, left: &Dynamic, right: &Dynamic) -> Word<Ordering> {
    refuse_ahead(context, left, right)?;
    if left.is_unit() || right.is_unit() {
        let message = format!("one side of `{}` is absent", context.fn_name());
        let hint = "take it with `require(…, \"reason\")`, or ask first with `!= ()`";
        return fault(context, codes::ABSENT, message, hint);
    }
    single_order(left, right).map_or_else(|| different(context, left, right), Ok)
}

fn booleans(left: &Dynamic, right: &Dynamic) -> Option<(bool, bool)> {
    Some((left.as_bool().ok()?, right.as_bool().ok()?))
}

fn single_order(left: &Dynamic, right: &Dynamic) -> Option<Ordering> {
    if let (Ok(left), Ok(right)) = (left.as_int(), right.as_int()) {
        return Some(left.cmp(&right));
    }
    if let (Ok(left), Ok(right)) = (left.as_immutable_string_ref(), right.as_immutable_string_ref()) {
        return Some(left.as_str().cmp(right.as_str()));
    }
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return Some(left.cmp(&right));
    }
    if let (Some(left), Some(right)) = (short_text(left), short_text(right)) {
        return Some(left.cmp(&right));
    }
    if let (Some(left), Some(right)) = (left.read_lock::<Day>(), right.read_lock::<Day>()) {
        return Some(left.cmp(&right));
    }
    if let (Some(left), Some(right)) = (left.read_lock::<Moment>(), right.read_lock::<Moment>()) {
        return Some(left.0.timestamp().cmp(&right.0.timestamp()));
    }
    None
}

fn number(value: &Dynamic) -> Option<Decimal> {
    value.as_decimal().ok().or_else(|| value.as_int().ok().map(Decimal::from))
}

fn short_text(value: &Dynamic) -> Option<String> {
    value.as_char().ok().map(String::from).or_else(|| value.as_immutable_string_ref().ok().map(|text| text.to_string()))
}

fn verdicts(context: &NativeCallContext, left: &Dynamic, right: &Dynamic) -> Word<Option<bool>> {
    let (verdict, other) = match (left.read_lock::<VerdictValue>(), right.read_lock::<VerdictValue>()) {
        (Some(left), Some(right)) => return Ok(Some(left.0 == right.0)),
        (Some(verdict), None) => (verdict, right),
        (None, Some(verdict)) => (verdict, left),
        (None, None) => return Ok(None),
    };
    let Ok(word) = other.as_immutable_string_ref() else { return Ok(None) };
    if VERDICTS.contains(&word.as_str()) {
        return Ok(Some(verdict.0 == word.as_str()));
    }
    let hint = did_you_mean(&word, VERDICTS).unwrap_or_else(|| "a verdict is \"pass\", \"fail\" or \"unknown\"".to_owned());
    fault(context, codes::VALUE, format!("`{}` is no verdict", word.as_str()), &hint)
}

fn refuse_ahead(context: &NativeCallContext, left: &Dynamic, right: &Dynamic) -> Word<()> {
    let Some(ahead) = left.read_lock::<Ahead>().or_else(|| right.read_lock::<Ahead>()) else { return Ok(()) };
    let message = format!("{} is not known while rules run", ahead.0);
    fault(context, codes::ANSWER_AHEAD, message, "it can go into records and templates only")
}

fn different<T>(context: &NativeCallContext, left: &Dynamic, right: &Dynamic) -> Word<T> {
    let kinds = (kind_of(left), kind_of(right));
    let hint = match kinds {
        ("a text", "a number") | ("a number", "a text") => "turn the text into a number with `.to_number()` or `.to_money()`",
        ("an address", "a text") | ("a text", "an address") => "take the address's `.address`, `.name` or `.domain`",
        ("a moment", "a day") | ("a day", "a moment") => "take the moment's `.date`",
        ("a text", "a day") | ("a day", "a text") => "turn the text into a day with `.to_date(\"dd.MM.yyyy\")`",
        _ => "",
    };
    let message = match kinds {
        (left, right) if left == right => format!("{left} cannot be compared with {right} by `{}`", context.fn_name()),
        (left, right) => format!("{left} is compared with {right}"),
    };
    fault(context, codes::KINDS, message, hint)
}
