//! JSON values as TOML writes them, on one line.

use std::fmt::Write;

use serde_json::Value;

/// The value as it stands behind `key = `. TOML has no null: fields that are null are left out.
pub(super) fn inline(value: &Value) -> String {
    let mut text = String::new();
    write_value(value, &mut text);
    text
}

/// The key, in quotes where it needs them.
pub(super) fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if bare { name.to_owned() } else { quoted(name) }
}

fn write_value(value: &Value, text: &mut String) {
    match value {
        Value::Null => text.push_str("\"\""),
        Value::Bool(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => text.push_str(&number.to_string()),
        Value::String(words) => text.push_str(&quoted(words)),
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                text.push_str(if at > 0 { ", " } else { "" });
                write_value(item, text);
            }
            text.push(']');
        }
        Value::Object(map) => {
            text.push('{');
            for (at, (name, item)) in map.iter().filter(|(_, item)| !item.is_null()).enumerate() {
                text.push_str(if at > 0 { ", " } else { " " });
                text.push_str(&key(name));
                text.push_str(" = ");
                write_value(item, text);
            }
            text.push_str(if text.ends_with('{') { "}" } else { " }" });
        }
    }
}

/// A basic string (TOML 1.0, "String").
fn quoted(words: &str) -> String {
    let mut text = String::with_capacity(words.len() + 2);
    text.push('"');
    for letter in words.chars() {
        match letter {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            letter if letter.is_control() => {
                let _ = write!(text, "\\u{:04X}", u32::from(letter));
            }
            letter => text.push(letter),
        }
    }
    text.push('"');
    text
}

/// TOML's value as JSON: a day or moment is its text.
pub(super) fn to_json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::from(text.as_str()),
        toml::Value::Integer(number) => Value::from(*number),
        toml::Value::Float(number) => {
            serde_json::Number::from_f64(*number).map_or_else(|| Value::from(number.to_string()), Value::Number)
        }
        toml::Value::Boolean(flag) => Value::from(*flag),
        toml::Value::Datetime(moment) => Value::from(moment.to_string()),
        toml::Value::Array(items) => items.iter().map(to_json).collect(),
        toml::Value::Table(table) => table.iter().map(|(key, item)| (key.clone(), to_json(item))).collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let value = json!({ "a b": ["x\"\\\n\u{1}", 7, true, []], "due": null, "inner": { "é": {} } });
        let text = inline(&value);
        assert_eq!(text, r#"{ "a b" = ["x\"\\\n\u0001", 7, true, []], inner = { "é" = {} } }"#);
        let read: toml::Table = toml::from_str(&format!("v = {text}")).unwrap();
        assert_eq!(to_json(&read["v"]), json!({ "a b": ["x\"\\\n\u{1}", 7, true, []], "inner": { "é": {} } }));
    }
}
