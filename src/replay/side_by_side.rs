//! Two outcomes in lines for people, set against each other.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::letter::readable;
use super::outcome::Outcome;

/// Lines that are told of one outcome at most.
const LINES_MAX: usize = 400;
/// Characters of a line.
const LINE_CHARS_MAX: usize = 400;

/// A line of both sides, or of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// Both have it.
    Both(String),
    /// Only the first has it.
    Before(String),
    /// Only the second has it.
    After(String),
    /// The second has something else in its place.
    Instead(String, String),
}

/// Sets two outcomes against each other.
pub fn side_by_side(before: &Outcome, after: &Outcome) -> Vec<Line> {
    let (old, new) = (told(before).join("\n") + "\n", told(after).join("\n") + "\n");
    let diff = TextDiff::from_lines(old.as_str(), new.as_str());
    let mut lines: Vec<Line> = Vec::new();
    // Where the lines of the second side that take the place of others begin.
    let mut pending = 0;
    for change in diff.iter_all_changes() {
        let text = change.value().trim_end_matches('\n').to_owned();
        match change.tag() {
            ChangeTag::Equal => {
                lines.push(Line::Both(text));
                pending = lines.len();
            }
            ChangeTag::Delete => lines.push(Line::Before(text)),
            ChangeTag::Insert => match lines.iter().skip(pending).position(|line| matches!(line, Line::Before(_))) {
                Some(at) => {
                    if let Some(line) = lines.get_mut(pending + at)
                        && let Line::Before(old) = line
                    {
                        *line = Line::Instead(std::mem::take(old), text);
                    }
                }
                None => lines.push(Line::After(text)),
            },
        }
    }
    lines
}

/// An outcome in lines: what was decided, then each action with its facts, field by field, and bodies as they are read.
fn told(outcome: &Outcome) -> Vec<String> {
    let mut lines = Vec::new();
    let rules: Vec<&str> = outcome.rules.iter().map(crate::ids::RuleName::as_str).collect();
    lines.push(match (outcome.decision, rules.as_slice()) {
        ("none", _) => "no rule applies".to_owned(),
        ("planned", rules) => format!("planned by {}", rules.join(", ")),
        (decision, []) => decision.to_owned(),
        (decision, rules) => format!("{decision} by {}", rules.join(", ")),
    });
    lines.extend(outcome.reason.as_deref().into_iter().flat_map(str::lines).map(|line| format!("  {line}")));
    if let Some(place) =
        outcome.fault.as_ref().or(outcome.parked.as_ref()).and_then(|place| Some((place.file.as_ref()?, place.line)))
    {
        let (file, line) = place;
        lines.push(format!("  {file}{}", line.map(|line| format!(":{line}")).unwrap_or_default()));
    }
    for (number, action) in outcome.actions.iter().enumerate() {
        lines.push(outcome.lines.get(number).cloned().unwrap_or_default());
        for (name, value) in action.as_object().into_iter().flatten() {
            fact(name, value, &mut lines);
        }
    }
    for write in &outcome.remember {
        lines.push(match &write.value {
            Some(value) => format!("remember {} = {value}", write.key),
            None => format!("forget {}", write.key),
        });
    }
    lines.extend(outcome.notes.iter().map(|note| format!("note: {note}")));
    let surplus = lines.len().saturating_sub(LINES_MAX);
    if surplus > 0 {
        lines.truncate(LINES_MAX);
        lines.push(format!("… and {surplus} more lines"));
    }
    lines.iter().map(|line| clean(line)).collect()
}

/// A fact that the action's own line does not say already.
fn fact(name: &str, value: &Value, lines: &mut Vec<String>) {
    match (name, value) {
        (
            "kind" | "withheld" | "data" | "rule" | "note" | "folder" | "names" | "endpoint" | "template" | "due" | "importance",
            _,
        )
        | (_, Value::Null) => {}
        ("body", Value::String(body)) => {
            let read = if body.contains('<') { readable(body) } else { body.clone() };
            lines.extend(read.lines().filter(|line| !line.trim().is_empty()).map(|line| format!("  │ {line}")));
        }
        ("record", Value::Object(fields)) => {
            lines.extend(fields.iter().map(|(field, value)| format!("  {field}: {}", plain(value))));
        }
        ("records", Value::Array(records)) => lines.extend(records.iter().map(|record| format!("  {}", plain(record)))),
        (name, value) => lines.push(format!("  {name}: {}", plain(value))),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(Value::is_string) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// What mail says must not move the cursor, and a line has an end.
fn clean(line: &str) -> String {
    let mut text: String =
        line.chars().take(LINE_CHARS_MAX).map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    if line.chars().nth(LINE_CHARS_MAX).is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_is_told_field_by_field_and_a_text_as_it_is_read() {
        let outcome = |total: &str, folder: &str| Outcome {
            decision: "planned",
            rules: vec!["10-a".into()],
            actions: vec![
                json!({ "kind": "post", "endpoint": "erp", "record": { "number": "7", "total": total } }),
                json!({ "kind": "reply", "body": "<p>Dear <b>Ana</b></p>", "to": ["a@fabrikam.com"] }),
                json!({ "kind": "move", "folder": folder }),
            ],
            lines: vec!["post to erp".to_owned(), "reply a.html".to_owned(), format!("move to {folder}")],
            ..Outcome::default()
        };
        let both = |text: &str| Line::Both(text.to_owned());
        let instead = |old: &str, new: &str| Line::Instead(old.to_owned(), new.to_owned());
        assert_eq!(
            side_by_side(&outcome("1.00", "A"), &outcome("2.00", "B")),
            [
                both("planned by 10-a"),
                both("post to erp"),
                both("  number: 7"),
                instead("  total: 1.00", "  total: 2.00"),
                both("reply a.html"),
                both("  │ Dear Ana"),
                both("  to: a@fabrikam.com"),
                instead("move to A", "move to B"),
            ]
        );
    }

    #[test]
    fn lines_of_one_side_stand_alone_and_cannot_move_the_cursor() {
        let none = Outcome { decision: "none", ..Outcome::default() };
        let parked = Outcome { decision: "parked", reason: Some("no\x1b[2J total\nsecond".to_owned()), ..Outcome::default() };
        let after = |text: &str| Line::After(text.to_owned());
        assert_eq!(
            side_by_side(&none, &parked),
            [Line::Instead("no rule applies".to_owned(), "parked".to_owned()), after("  no [2J total"), after("  second")]
        );
    }
}
