//! JSON Schema: a record that does not fit is not sent.

use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

use super::settings::SchemaFile;

/// Faults of a record that are told; more say no more.
const TOLD_MAX: usize = 3;
/// Most of a value that is told, in characters.
const VALUE_MAX: usize = 80;

/// A compiled schema.
pub(super) struct Schema(Validator);

impl Schema {
    /// Compiles a schema. It must stand alone: nothing it refers to is fetched.
    pub fn read(file: &SchemaFile) -> Result<Self, String> {
        let path = file.path.display();
        let schema: Value = serde_json::from_str(&file.text).map_err(|why| format!("the schema {path} is no JSON: {why}"))?;
        jsonschema::options()
            // Linear in the text, whatever the pattern.
            .with_pattern_options(PatternOptions::regex())
            .should_validate_formats(true)
            .offline()
            .build(&schema)
            .map(Self)
            .map_err(|why| format!("the schema {path} cannot be used: {}", fault(&why)))
    }

    /// What about a record does not fit, each fault with the JSON pointer of its place.
    pub fn complaint(&self, json: &[u8]) -> Option<String> {
        let record: Value = match serde_json::from_slice(json) {
            Ok(record) => record,
            Err(why) => return Some(format!("it is no JSON: {why}")),
        };
        let faults: Vec<String> = self.0.iter_errors(&record).take(TOLD_MAX + 1).map(|error| fault(&error)).collect();
        let more = if faults.len() > TOLD_MAX { " and more" } else { "" };
        let told = faults.iter().take(TOLD_MAX).cloned().collect::<Vec<_>>().join("; ");
        (!faults.is_empty()).then(|| format!("{told}{more}"))
    }
}

fn fault(error: &ValidationError<'_>) -> String {
    let place = error.instance_path().to_string();
    let place = if place.is_empty() { "the whole".to_owned() } else { place };
    let reason = error.to_string();
    // The value itself may be long; the reason stands after it.
    let value = error.instance().to_string();
    let reason = if value.chars().count() > VALUE_MAX { reason.replace(&value, "the value") } else { reason };
    format!("at {place}: {reason}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn schema(text: &str) -> Result<Schema, String> {
        Schema::read(&SchemaFile { path: "schemas/invoice.json".into(), text: text.into() })
    }

    const INVOICE: &str = r#"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["number", "lines"],
        "properties": {
            "number": { "type": "string", "pattern": "^[0-9]+$" },
            "lines": { "type": "array", "items": { "type": "object", "properties": { "amount": { "type": "number" } } } }
        }
    }"#;

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        let schema = schema(INVOICE).unwrap();
        let complaint = |json: &str| schema.complaint(json.as_bytes()).unwrap_or_default();
        assert_eq!(complaint(r#"{"number":"7","lines":[{"amount":1.5}]}"#), "");
        assert_eq!(
            complaint(r#"{"number":"7","lines":[{"amount":1},{"amount":"1,50"}]}"#),
            r#"at /lines/1/amount: "1,50" is not of type "number""#
        );
        assert_eq!(complaint(r#"{"number":"7"}"#), r#"at the whole: "lines" is a required property"#);
        assert_eq!(complaint(r#"{"number":"x","lines":[]}"#), r#"at /number: "x" does not match "^[0-9]+$""#);
        assert!(complaint("{").starts_with("it is no JSON: "));
        let many = complaint(r#"{"number":7,"lines":[{"amount":"a"},{"amount":"b"},{"amount":"c"}]}"#);
        assert!(many.ends_with(" and more"), "{many}");
        let long = complaint(&format!(r#"{{"number":"{}","lines":[]}}"#, "x".repeat(500)));
        assert_eq!(long, r#"at /number: the value does not match "^[0-9]+$""#);
    }

    #[test]
    fn a_schema_that_cannot_be_used_says_why_and_none_is_fetched() {
        let complaint = |text: &str| schema(text).err().unwrap_or_default();
        assert!(complaint("{").starts_with("the schema schemas/invoice.json is no JSON: "));
        let wrong = complaint(r#"{ "properties": { "total": { "type": "numbr" } } }"#);
        assert!(wrong.starts_with("the schema schemas/invoice.json cannot be used: at /properties/total/type: "), "{wrong}");
        let elsewhere = complaint(r#"{ "$ref": "https://fabrikam.com/invoice.json" }"#);
        assert!(elsewhere.contains("https://fabrikam.com/invoice.json"), "{elsewhere}");
        let file = complaint(r#"{ "$ref": "file:///etc/passwd" }"#);
        assert!(file.starts_with("the schema schemas/invoice.json cannot be used: "), "{file}");
    }
}
