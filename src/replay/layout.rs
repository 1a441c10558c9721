//! Expectation files as text: stable, one fact a line.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::case_file::Given;
use super::expectation::{Expectation, ExpectedAction, ExpectedDecision};
use super::toml_text::{inline, key};
use crate::plan::Question;

/// Characters of a line before a value is laid out over several.
const LINE_MAX: usize = 110;

/// How values with parts are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// On one line where it fits.
    Compact,
    /// Each part on its own line, so that a difference is one line.
    Expanded,
}

/// What is given, then what is expected.
pub(super) fn file(given: &Given, expected: &Expectation) -> String {
    let mut text = String::new();
    if let Some(now) = given.now {
        let _ = writeln!(text, "now = {}\n", inline(&json!(now.to_string())));
    }
    for answer in &given.answers {
        text.push_str(&answer_text(answer.endpoint.as_str(), &answer.request, &answer.reply));
        text.push('\n');
    }
    if !given.memory.0.is_empty() {
        text.push_str("[memory]\n");
        for (name, value) in &given.memory.0 {
            let _ = writeln!(text, "{} = {}", key(name), inline(value));
        }
        text.push('\n');
    }
    text.push_str(&expectation(expected, Style::Compact));
    text
}

/// An `[[answer]]` that a question waits for, its reply left open.
pub(super) fn answer_for(question: &Question) -> Option<String> {
    let Question::Ask { endpoint, request } = question else { return None };
    Some(answer_text(endpoint.as_str(), request, &json!({})))
}

fn answer_text(endpoint: &str, request: &Value, reply: &Value) -> String {
    let mut section = Section::new("[[answer]]", "answer", Style::Compact);
    section.put("ask", &json!(endpoint));
    section.put("request", request);
    section.put("reply", reply);
    section.finish()
}

/// `[expect]` and its actions.
pub(super) fn expectation(expected: &Expectation, style: Style) -> String {
    let mut section = Section::new("[expect]", "expect", style);
    if expected.decision != ExpectedDecision::Planned {
        section.put("decision", &json!(expected.decision.word()));
    }
    if let Some(reason) = &expected.reason {
        section.put("reason", &json!(reason));
    }
    if let Some(rules) = &expected.rules {
        section.put("rules", &json!(rules));
    }
    if let Some(notes) = &expected.notes {
        section.put("notes", &json!(notes));
    }
    if !expected.forget.is_empty() {
        section.put("forget", &json!(expected.forget));
    }
    if !expected.remember.is_empty() {
        section.put("remember", &Value::Object(expected.remember.clone().into_iter().collect::<Map<_, _>>()));
    }
    let mut text = section.finish();
    for action in &expected.actions {
        text.push('\n');
        text.push_str(&action_text(action, style));
    }
    text
}

/// The order in which facts are written; records come last, since they may become tables of their own.
const ORDER: [&str; 11] =
    ["rule", "withheld", "to", "cc", "subject", "template", "note", "attach", "body_contains", "data", "record"];

fn action_text(action: &ExpectedAction, style: Style) -> String {
    let mut section = Section::new("[[expect.action]]", "expect.action", style);
    section.put(action.word.name, &action.about);
    for name in ORDER {
        if let Some(value) = action.facts.get(name) {
            section.put(name, value);
        }
    }
    for (name, value) in action.facts.iter().filter(|(name, _)| !ORDER.contains(&name.as_str())) {
        section.put(name, value);
    }
    section.finish()
}

/// A table and, after it, the tables below it.
struct Section {
    path: &'static str,
    style: Style,
    text: String,
    below: String,
}

impl Section {
    fn new(heading: &str, path: &'static str, style: Style) -> Self {
        Self { path, style, text: format!("{heading}\n"), below: String::new() }
    }

    fn put(&mut self, name: &str, value: &Value) {
        let line = format!("{} = {}", key(name), inline(value));
        let is_long = self.style == Style::Expanded || line.chars().count() > LINE_MAX;
        match value {
            Value::Object(map) if is_long && !map.is_empty() => {
                let _ = writeln!(self.below, "[{}.{}]", self.path, key(name));
                for (part, value) in map.iter().filter(|(_, value)| !value.is_null()) {
                    let _ = writeln!(self.below, "{} = {}", key(part), inline(value));
                }
            }
            Value::Array(items) if is_long && items.len() > 1 => {
                let _ = writeln!(self.text, "{} = [", key(name));
                for item in items {
                    let _ = writeln!(self.text, "    {},", inline(item));
                }
                self.text.push_str("]\n");
            }
            _ => {
                let _ = writeln!(self.text, "{line}");
            }
        }
    }

    fn finish(self) -> String {
        self.text + self.below.as_str()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::case_file::CaseFile;
    use super::*;

    #[test]
    fn a_file_that_is_written_reads_the_same() {
        let text = "now = \"2024-12-01T09:00:00Z\"\n\n\
            [[answer]]\nask = \"supplier-check\"\nrequest = { vat = \"DE1\" }\nreply = { known = true }\n\n\
            [memory]\n\"invoice/7\" = \"m1\"\n\n\
            [expect]\nrules = [\"10-a\"]\nforget = [\"a\"]\nremember = { \"invoice/8\" = \"*\" }\n\n\
            [[expect.action]]\npost_each = \"erp\"\nrecords = [\n    { article = \"A-1\", quantity = 1, text = \"a rather long description of an article\" },\n    \
            { article = \"A-2\", quantity = 2, text = \"another rather long description\" },\n]\n\n\
            [[expect.action]]\ndelete = true\n";
        let file_read = CaseFile::parse(text, "a").unwrap();
        assert_eq!(file(&file_read.given, file_read.expect.as_ref().unwrap()), text);
    }

    #[test]
    fn a_long_record_becomes_a_table_below_its_action() {
        let text = format!(
            "[expect]\n\n[[expect.action]]\npost = \"erp\"\nwithheld = \"x\"\n[expect.action.record]\na = \"{}\"\nb = [1, 2]\n",
            "y".repeat(120)
        );
        let expected = CaseFile::parse(&text, "a").unwrap().expect.unwrap();
        assert_eq!(expectation(&expected, Style::Compact), text);
    }
}
