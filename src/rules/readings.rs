//! What rules read out of texts: which value, from where; and, where nothing was found, what came nearest.

use std::sync::{Arc, PoisonError};

use rhai::{NativeCallContext, Position};
use serde::Serialize;

use super::allocator;
use super::explain::one_line;
use super::row::Row;
use super::run::{Run, current};
use super::set::RuleSet;
use crate::mail::{Content, Message};
use crate::text;

/// Readings of one run that are noted.
const READINGS_MAX: usize = 200;
/// Keys of a table among which a near one is looked for.
const KEYS_MAX: usize = 10_000;

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
    /// What was looked for: labels, a pattern, or the key of a table.
    pub wanted: Vec<String>,
    /// What was found.
    pub found: Option<String>,
    /// The text or table it was looked for in: `mail.text`, `lines.csv`.
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
    let Some(run) = explained(context) else { return };
    // What is noted is not the script's memory.
    allocator::uncounted(|| keep(context, &run, reading(&run, word, wanted, (it, found))));
}

fn reading(run: &Run, word: &'static str, wanted: &[&str], (it, found): (&str, Option<&str>)) -> Reading {
    let (source, base) = source_of(&run.input.message, it);
    let offset = found.map(|found| (found.as_ptr() as usize).saturating_sub(it.as_ptr() as usize));
    let whole = base.map_or(it, |(whole, _)| whole);
    let place = offset.map(|offset| place(whole, base.map_or(0, |(_, begin)| begin) + offset));
    let near = if found.is_none() { nearest(word, wanted, it) } else { None };
    let found = found.map(one_line);
    let wanted = wanted.iter().map(|text| one_line(text)).collect();
    Reading { file: String::new(), line: 0, field: None, word, wanted, found, source, place, near }
}

/// Notes what stands in a table for a key, if the run is explained.
pub(super) fn note_lookup<'t, K: Iterator<Item = &'t str>>(
    context: &NativeCallContext,
    (table, key): (&str, &str),
    found: Option<&Row>,
    keys: impl FnOnce() -> K,
) {
    let Some(run) = explained(context) else { return };
    let near = if found.is_none() { text::nearest(key, keys().take(KEYS_MAX)).map(one_line) } else { None };
    let cells = |row: &Row| row.pairs().map(|(column, cell)| format!("{column}: {cell}")).collect::<Vec<_>>().join(", ");
    let reading = Reading {
        file: String::new(),
        line: 0,
        field: None,
        word: "lookup",
        wanted: vec![one_line(key)],
        found: found.map(|row| one_line(&cells(row))),
        source: table.to_owned(),
        place: None,
        near,
    };
    keep(context, &run, reading);
}

/// The run that calls a word, if it is explained.
fn explained(context: &NativeCallContext) -> Option<Arc<Run>> {
    current(context).ok().filter(|run| run.noted.is_some())
}

fn keep(context: &NativeCallContext, run: &Run, reading: Reading) {
    // A function of the rule's own file has no source of its own.
    let own = || run.state().rule.as_ref().map(|rule| format!("{rule}.rhai")).unwrap_or_default();
    let path = context.call_source().filter(|source| !source.is_empty()).map_or_else(own, str::to_owned);
    let Some(noted) = &run.noted else { return };
    let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
    if noted.len() < READINGS_MAX {
        noted.push(Noted { path, position: context.call_position(), reading });
    }
}

/// The name of a text, and the whole text with where the part begins in it.
fn source_of<'t>(message: &'t Message, it: &str) -> (String, Option<(&'t str, usize)>) {
    if let Some((name, whole)) = texts(message).find(|(_, text)| *text == it) {
        return (name, Some((whole, 0)));
    }
    let part = texts(message).find_map(|(name, text)| Some((name, text, text.find(it).filter(|_| it.len() > 3)?)));
    match part {
        Some((name, whole, begin)) => (format!("a part of {name}"), Some((whole, begin))),
        None => ("a text".to_owned(), None),
    }
}

/// The texts of a mail by their names; those of attachments last, since they are made when they are asked for.
fn texts(message: &Message) -> impl Iterator<Item = (String, &str)> {
    let content = message.content().ok();
    let subject = message.envelope.subject.as_deref();
    let own = [
        ("mail.subject", subject),
        ("mail.text", content.map(Content::text)),
        ("mail.top_text", content.map(Content::top_text)),
        ("mail.quoted_text", content.map(Content::quoted_text)),
        ("mail.html", content.and_then(Content::html)),
    ];
    let files = content.map(Content::attachments).unwrap_or_default().iter();
    let of_files = files.flat_map(|file| {
        let layout = file.reading().ok().and_then(|reading| reading.layout.as_deref());
        let texts = [layout, file.text().ok().flatten()].into_iter().flatten();
        texts.map(|text| (file.name().unwrap_or("an attachment").to_owned(), text))
    });
    own.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?))).chain(of_files)
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
        let noted = std::mem::take(&mut *noted.lock().unwrap_or_else(PoisonError::into_inner));
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
