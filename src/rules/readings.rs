//! What rules read out of texts: which value, from where; and, where nothing was found, what came nearest.

use rhai::{NativeCallContext, Position};
use serde::Serialize;

use super::explain::one_line;
use super::run::{Run, current};
use super::set::RuleSet;
use crate::mail::Message;
use crate::text;

/// Readings of one run that are noted.
const READINGS_MAX: usize = 200;

/// One value that a rule read, or did not find.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// The rule's file, as people know it.
    pub file: String,
    /// The line of the word.
    pub line: usize,
    /// What the value is for, as the line says: the key of a map or the name of a variable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The word: `value_after`.
    pub word: &'static str,
    /// What was looked for: labels, or a pattern.
    pub wanted: Vec<String>,
    /// What was found.
    pub found: Option<String>,
    /// The text it was looked for in: `mail.text`, `lines.csv`.
    pub source: String,
    /// Where in that text it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<TextPlace>,
    /// What came nearest, where nothing was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub near: Option<String>,
}

/// A place in a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TextPlace {
    /// Bytes before it.
    pub offset: usize,
    /// Its line, from 1.
    pub line: usize,
    /// That line.
    pub text: String,
}

/// A reading as a word notes it, with Rhai's place.
pub(super) struct Noted {
    /// Its path in the rule set.
    path: String,
    position: Position,
    reading: Reading,
}

/// Notes what a word found in a text, if the run is explained. `found` is a part of the text.
pub(super) fn note(context: &NativeCallContext, word: &'static str, wanted: &[&str], (it, found): (&str, Option<&str>)) {
    let Ok(run) = current(context) else { return };
    let Some(noted) = &run.noted else { return };
    let mut noted = noted.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if noted.len() >= READINGS_MAX {
        return;
    }
    let (source, base) = source_of(&run.input.message, it);
    let offset = found.map(|found| (found.as_ptr() as usize).saturating_sub(it.as_ptr() as usize));
    let whole = base.map_or(it, |(whole, _)| whole);
    let place = offset.map(|offset| place(whole, base.map_or(0, |(_, begin)| begin) + offset));
    let near = if found.is_none() { nearest(word, wanted, it) } else { None };
    // A function of the rule's own file has no source of its own.
    let own = || run.state().rule.as_ref().map(|rule| format!("{rule}.rhai")).unwrap_or_default();
    noted.push(Noted {
        path: context.call_source().filter(|source| !source.is_empty()).map_or_else(own, str::to_owned),
        position: context.call_position(),
        reading: Reading {
            file: String::new(),
            line: 0,
            field: None,
            word,
            wanted: wanted.iter().map(|text| one_line(text)).collect(),
            found: found.map(one_line),
            source,
            place,
            near,
        },
    });
}

/// The name of a text, and the whole text with where the part begins in it.
fn source_of<'t>(message: &'t Message, it: &str) -> (String, Option<(&'t str, usize)>) {
    let mut known: Vec<(String, &str)> = Vec::new();
    known.extend(message.envelope.subject.as_deref().map(|subject| ("mail.subject".to_owned(), subject)));
    if let Ok(content) = message.content() {
        known.push(("mail.text".to_owned(), content.text()));
        known.push(("mail.top_text".to_owned(), content.top_text()));
        known.push(("mail.quoted_text".to_owned(), content.quoted_text()));
        known.extend(content.html().map(|html| ("mail.html".to_owned(), html)));
        for file in content.attachments() {
            let texts = [file.text(), file.layout()].into_iter().filter_map(|text| text.ok().flatten());
            known.extend(texts.map(|text| (file.name().unwrap_or("an attachment").to_owned(), text)));
        }
    }
    if let Some((name, whole)) = known.iter().find(|(_, text)| *text == it) {
        return (name.clone(), Some((whole, 0)));
    }
    let part = known.iter().find_map(|(name, text)| Some((name, *text, text.find(it).filter(|_| it.len() > 3)?)));
    match part {
        Some((name, whole, begin)) => (format!("a part of {name}"), Some((whole, begin))),
        None => ("a text".to_owned(), None),
    }
}

fn place(text: &str, offset: usize) -> TextPlace {
    let before = text.get(..offset).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    TextPlace { offset, line, text: one_line(text.lines().nth(line - 1).unwrap_or_default().trim()) }
}

fn nearest(word: &str, wanted: &[&str], it: &str) -> Option<String> {
    match word {
        "value_after" => text::nearest_label(it, wanted).map(one_line),
        "find" => {
            let regex = text::pattern(&format!("(?i){}", wanted.first()?)).ok()?;
            text::find(it, &regex)
                .map(|found| format!("{} (with other capitals; `(?i)` at the beginning lets case not matter)", one_line(found)))
        }
        _ => None,
    }
}

impl Run {
    /// What was noted, with the places of the rules' files.
    pub(super) fn readings(&self, set: &RuleSet) -> Vec<Reading> {
        let Some(noted) = &self.noted else { return Vec::new() };
        let noted = std::mem::take(&mut *noted.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        let mut readings: Vec<Reading> = Vec::new();
        for Noted { path, position, reading } in noted {
            let line = position.line().unwrap_or(0);
            let written = set.source(&path).lines().nth(line.wrapping_sub(1)).unwrap_or_default();
            let reading = Reading { file: set.shown(&path), line, field: field(written), ..reading };
            if !readings.contains(&reading) {
                readings.push(reading);
            }
        }
        readings
    }
}

/// What a line gives a value to: `number: …,` or `let number = …`.
fn field(line: &str) -> Option<String> {
    let line = line.trim();
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|sign| sign.is_alphanumeric() || sign == '_');
    let variable = line.strip_prefix("let ").and_then(|rest| rest.split_once('=')).map(|(name, _)| name.trim());
    let key = || line.split_once(':').map(|(name, _)| name.trim());
    variable.or_else(key).filter(|name| is_name(name)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_its_value_is_for() {
        assert_eq!(field("    number:   require(pdf.find(\"x\"), \"no\"),").as_deref(), Some("number"));
        assert_eq!(field("let total = text.value_after(\"Total: \");").as_deref(), Some("total"));
        assert_eq!(field("if mail.text.find(\"a\") == () {"), None);
    }

    #[test]
    fn a_place_counts_lines_and_shows_its_own() {
        assert_eq!(place("a\r\n  b c\n", 5), TextPlace { offset: 5, line: 2, text: "b c".to_owned() });
    }
}
