//! Rhai's own errors in the words of the house.

use rhai::EvalAltResult;

use super::codes;
use super::limits::{CALL_DEPTH_MAX, LIST_ENTRIES_MAX, MAP_ENTRIES_MAX, TEXT_BYTES_MAX};
use super::stop::{Stop, Stopped};
use super::values::kind_of_type;
use super::vocabulary;

/// Code, message, hint.
type Told = (&'static str, String, Option<String>);

/// What an error of a script means, and where it happened.
pub(super) fn stopped(error: EvalAltResult) -> Stopped {
    let (file, error) = innermost(error, None);
    let position = error.position();
    if let EvalAltResult::ErrorTerminated(value, _) = &error
        && let Some(stopped) = value.clone().try_cast::<Stopped>()
    {
        return stopped;
    }
    let (code, message, hint) = told(&error);
    Stopped { stop: Stop::Fault { code, message, hint }, file, position }
}

fn innermost(error: EvalAltResult, file: Option<String>) -> (Option<String>, EvalAltResult) {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, source, inner, _) => innermost(*inner, Some(source).or(file)),
        EvalAltResult::ErrorInModule(_, inner, _) => innermost(*inner, file),
        error => (file, error),
    }
}

fn told(error: &EvalAltResult) -> Told {
    use EvalAltResult as E;
    match error {
        E::ErrorRuntime(value, _) => (codes::THROWN, format!("the rule gave up: {value}"), None),
        E::ErrorTooManyOperations(_) => {
            let hint = Some("work on fewer rows, or leave the loop with `break`".to_owned());
            (codes::OPERATIONS, "loops for ever: more than 1,000,000 operations".to_owned(), hint)
        }
        E::ErrorStackOverflow(_) => (codes::DEPTH, format!("functions call each other more than {CALL_DEPTH_MAX} deep"), None),
        E::ErrorDataTooLarge(what, _) => (codes::SIZE, too_large(what), None),
        E::ErrorFunctionNotFound(signature, _) => function_not_found(signature),
        E::ErrorDotExpr(text, _) => (codes::UNKNOWN_WORD, property_not_found(text), None),
        E::ErrorPropertyNotFound(name, _) => {
            let hint = format!("write `.get(\"{name}\")`, which gives `()` when it is not there");
            (codes::NO_COLUMN, format!("there is no `{name}`"), Some(hint))
        }
        E::ErrorMismatchDataType(wanted, got, _) => mismatch(wanted, got),
        E::ErrorVariableNotFound(name, _) => (codes::UNKNOWN_FUNCTION, format!("there is no variable `{name}`"), None),
        E::ErrorIndexingType(what, _) => (codes::KINDS, format!("`[…]` does not work here: {what}"), None),
        E::ErrorArrayBounds(length, index, _) => {
            (codes::NO_COLUMN, format!("there is no entry {index} in a list of {length}"), Some("count from 0".to_owned()))
        }
        E::ErrorStringBounds(length, index, _) => {
            (codes::NO_COLUMN, format!("there is no character {index} in a text of {length}"), Some("count from 0".to_owned()))
        }
        E::ErrorArithmetic(what, _) => (codes::RAISED, what.clone(), None),
        other => (codes::RAISED, plain(other), None),
    }
}

/// Rhai's words without the place, which is shown by itself.
fn plain(error: &EvalAltResult) -> String {
    let text = error.to_string();
    let cut = text.rfind(" (line ").unwrap_or(text.len());
    text.get(..cut).unwrap_or(&text).to_owned()
}

fn too_large(what: &str) -> String {
    match what {
        "Length of string" => {
            format!("a text of more than {} KB, or texts of that size in one list or map", TEXT_BYTES_MAX >> 10)
        }
        "Size of array/BLOB" => format!("a list of more than {LIST_ENTRIES_MAX} entries"),
        "Size of object map" => format!("maps of more than {MAP_ENTRIES_MAX} entries together"),
        other => format!("too large: {other}"),
    }
}

fn mismatch(wanted: &str, got: &str) -> Told {
    let (wanted, got) = (kind_of_type(wanted), kind_of_type(got));
    let hint = match (wanted, got) {
        ("true or false", "nothing") => Some("write `x != ()` to ask whether there is an x"),
        ("true or false", "the answer of a post") => Some("it is not known while rules run"),
        _ => None,
    };
    (codes::KINDS, format!("{wanted} is needed here, not {got}"), hint.map(str::to_owned))
}

/// `name (string, i64)` in words.
fn function_not_found(signature: &str) -> Told {
    let (name, kinds) = signature.split_once(" (").unwrap_or((signature, ""));
    let kinds: Vec<&str> = kinds.trim_end_matches(')').split(", ").filter(|kind| !kind.is_empty()).map(kind_of_type).collect();
    if !name.chars().all(|sign| sign.is_alphanumeric() || sign == '_') {
        return (codes::KINDS, operator(name, &kinds), None);
    }
    if kinds.first() == Some(&"nothing") {
        let hint = "take the value with `require(…, \"reason\")`, or write `?.` instead of `.`";
        return (codes::ABSENT, format!("`{name}` is asked of something absent"), Some(hint.to_owned()));
    }
    let written = vocabulary::words().find(|word| word.name == name).map(|word| format!("write `{}`", word.written()));
    let with = if kinds.is_empty() { "without parameters".to_owned() } else { format!("with {}", kinds.join(", ")) };
    (codes::PARAMETERS, format!("`{name}` does not work {with}"), written)
}

fn operator(name: &str, kinds: &[&str]) -> String {
    match kinds {
        [one] => format!("`{name}` does not work with {one}"),
        [left, right] => format!("`{name}` does not work with {left} and {right}"),
        _ => format!("`{name}` does not work here"),
    }
}

fn property_not_found(text: &str) -> String {
    let mut quoted = text.split('\'').skip(1).step_by(2);
    match (quoted.next(), quoted.next()) {
        (Some(name), Some(kind)) => format!("{} has no `{name}`", kind_of_type(kind)),
        _ => text.to_owned(),
    }
}
