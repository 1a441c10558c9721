//! A TOML file with the places of its parts, and the problems found so far.

use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problem, Severity};
use crate::text::nearest;

/// The file and what is wrong with it.
pub(super) struct Document<'a> {
    file: PathBuf,
    text: &'a str,
    pub problems: Vec<Problem>,
}

/// One table of the file. Readers of single keys complain to the document and go on.
#[derive(Clone)]
pub(super) struct Section<'a> {
    /// As it is headed: `mailbox.invoices`; empty for the whole file.
    pub path: String,
    pub span: Range<usize>,
    table: &'a DeTable<'a>,
}

impl<'a> Document<'a> {
    pub fn new(file: PathBuf, text: &'a str) -> Self {
        Self { file, text, problems: Vec::new() }
    }

    /// A problem at a place, without words.
    pub fn at(&self, span: &Range<usize>) -> Problem {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Problem { file: self.file.clone(), line, column, severity: Severity::Error, message: String::new() }
    }

    pub fn error(&mut self, span: &Range<usize>, message: impl Into<String>) {
        let problem = Problem { message: message.into(), ..self.at(span) };
        self.problems.push(problem);
    }

    /// Says that the value at `key` is not what it should be.
    fn wrong_kind(&mut self, section: &Section<'_>, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let found = value.get_ref().type_str();
        self.error(&value.span(), format!("`{key}`{} must be {wanted}, not {}", section.within(), with_article(found)));
    }
}

impl<'a> Section<'a> {
    pub fn new(path: String, span: Range<usize>, table: &'a DeTable<'a>) -> Self {
        Self { path, span, table }
    }

    pub fn get(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    pub fn span_of(&self, key: &str) -> Range<usize> {
        self.get(key).map_or_else(|| self.span.clone(), Spanned::span)
    }

    fn within(&self) -> String {
        if self.path.is_empty() { String::new() } else { format!(" in [{}]", self.path) }
    }

    /// Complains of every key that is not among these, naming the nearest.
    pub fn know(&self, document: &mut Document<'_>, known: &[&str]) {
        for (key, _) in self.table.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
            let hint = match nearest(key.get_ref(), known.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("known keys are {}", known.join(", ")),
            };
            document.error(&key.span(), format!("unknown key `{}`{}; {hint}", key.get_ref(), self.within()));
        }
    }

    /// The names and values of the table, as sections of their own; other values are complained of.
    pub fn sections(&self, document: &mut Document<'_>) -> Vec<(String, Section<'a>)> {
        let keys: Vec<String> = self.table.iter().map(|(key, _)| key.get_ref().to_string()).collect();
        keys.into_iter().filter_map(|key| self.section(document, &key).map(|section| (key, section))).collect()
    }

    /// A table.
    pub fn section(&self, document: &mut Document<'_>, key: &str) -> Option<Section<'a>> {
        let value = self.get(key)?;
        let Some(table) = value.get_ref().as_table() else {
            document.wrong_kind(self, key, value, "a table");
            return None;
        };
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Some(Section::new(path, value.span(), table))
    }

    /// A string that is not empty.
    pub fn text(&self, document: &mut Document<'_>, key: &str) -> Option<String> {
        let value = self.get(key)?;
        match value.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() => return Some(text.to_owned()),
            Some(_) => document.error(&value.span(), format!("`{key}`{} is empty", self.within())),
            None => document.wrong_kind(self, key, value, "a string"),
        }
        None
    }

    /// A string that must be there.
    pub fn required(&self, document: &mut Document<'_>, key: &str) -> Option<String> {
        if self.get(key).is_none() {
            document.error(&self.span, format!("`{key}` is missing{}", self.within()));
        }
        self.text(document, key)
    }

    /// A string that `read` understands.
    pub fn parsed<T>(&self, document: &mut Document<'_>, key: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(document, key)?;
        read(&text).map_err(|why| document.error(&self.span_of(key), format!("`{key}`{}: {why}", self.within()))).ok()
    }

    /// `true` or `false`.
    pub fn flag(&self, document: &mut Document<'_>, key: &str) -> Option<bool> {
        let value = self.get(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            document.wrong_kind(self, key, value, "true or false");
        }
        flag
    }

    /// `true`; anything else is complained of, for leaving the key out says the same as `false`.
    pub fn is_true(&self, document: &mut Document<'_>, key: &str) -> bool {
        match self.flag(document, key) {
            Some(false) => {
                document.error(&self.span_of(key), format!("`{key} = false`{} says nothing; leave it out", self.within()));
                false
            }
            flag => flag.is_some(),
        }
    }

    /// A whole number.
    pub fn count(&self, document: &mut Document<'_>, key: &str) -> Option<u32> {
        let value = self.get(key)?;
        let Some(integer) = value.get_ref().as_integer() else {
            document.wrong_kind(self, key, value, "a whole number");
            return None;
        };
        let count = u32::from_str_radix(integer.as_str(), integer.radix()).ok();
        if count.is_none() {
            document.error(&value.span(), format!("`{key}`{} must be from 0 to {}, not {integer}", self.within(), u32::MAX));
        }
        count
    }

    /// A list of strings, each with its place.
    pub fn list(&self, document: &mut Document<'_>, key: &str) -> Option<Vec<(String, Range<usize>)>> {
        let value = self.get(key)?;
        let Some(items) = value.get_ref().as_array() else {
            document.wrong_kind(self, key, value, "a list of strings");
            return None;
        };
        let mut texts = Vec::new();
        for item in items {
            match item.get_ref().as_str() {
                Some(text) if !text.trim().is_empty() => texts.push((text.to_owned(), item.span())),
                _ => document.wrong_kind(self, key, item, "a list of strings that are not empty"),
            }
        }
        Some(texts)
    }
}

fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {kind}")
}
