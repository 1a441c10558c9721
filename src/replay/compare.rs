//! When a value is the expected one.

use rust_decimal::Decimal;
use serde_json::{Map, Value};

/// Stands for any value.
pub(super) const ANY: &str = "*";

/// Whether `came` is what `expected` asks for: `"*"` is anything, a number and its text are equal, a field that is null
/// counts as absent.
pub(super) fn fits(expected: &Value, came: &Value) -> bool {
    match (expected, came) {
        (Value::String(any), _) if any == ANY => true,
        (Value::Object(expected), Value::Object(came)) => {
            let missing = |(name, value): (&String, &Value)| match came.get(name) {
                Some(other) if !other.is_null() => !fits(value, other),
                _ => !value.is_null(),
            };
            let surplus = |(name, value): (&String, &Value)| !value.is_null() && !expected.contains_key(name);
            !expected.iter().any(missing) && !came.iter().any(surplus)
        }
        (Value::Array(expected), Value::Array(came)) => {
            expected.len() == came.len() && expected.iter().zip(came).all(|(expected, came)| fits(expected, came))
        }
        (Value::Number(number), Value::String(text)) | (Value::String(text), Value::Number(number)) => {
            decimal(text).is_some_and(|text| decimal(&number.to_string()) == Some(text))
        }
        (Value::Number(expected), Value::Number(came)) => {
            expected == came || decimal(&expected.to_string()) == decimal(&came.to_string())
        }
        (expected, came) => expected == came,
    }
}

/// A number as a record writes it; `007` is an article, not a number.
fn decimal(text: &str) -> Option<Decimal> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let leading_zero = digits.first() == Some(&b'0') && digits.get(1).is_some_and(u8::is_ascii_digit);
    let plain = digits.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    if leading_zero || !plain { None } else { text.parse().ok() }
}

/// What came, written as the expectation has it wherever they agree, so that only what differs looks different.
pub(super) fn seen_through(expected: &Value, came: &Value) -> Value {
    if fits(expected, came) {
        return expected.clone();
    }
    match (expected, came) {
        (Value::Object(expected), Value::Object(came)) => {
            let seen = came.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| {
                let value = expected.get(name).map_or_else(|| value.clone(), |expected| seen_through(expected, value));
                (name.clone(), value)
            });
            Value::Object(seen.collect::<Map<_, _>>())
        }
        (Value::Array(expected), Value::Array(came)) => came
            .iter()
            .enumerate()
            .map(|(at, value)| expected.get(at).map_or_else(|| value.clone(), |expected| seen_through(expected, value)))
            .collect(),
        (_, came) => came.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_and_their_texts_are_equal_and_articles_are_not_numbers() {
        assert!(fits(&json!({ "total": 1190.0, "n": "*" }), &json!({ "total": "1190.00", "n": [1], "due": null })));
        assert!(fits(&json!("7"), &json!(7)));
        assert!(!fits(&json!(7), &json!("007")));
        assert!(!fits(&json!("1190.0"), &json!("1190.00")));
        assert!(!fits(&json!({ "a": "*" }), &json!({})));
        assert!(!fits(&json!({}), &json!({ "a": 1 })));
    }

    #[test]
    fn only_what_differs_looks_different() {
        let expected = json!({ "a": "*", "b": [1, 2.5], "c": 3 });
        let came = json!({ "a": 9, "b": [2, "2.50"], "d": null });
        assert_eq!(seen_through(&expected, &came), json!({ "a": "*", "b": [2, 2.5] }));
    }
}
