//! A rule's error, with its place and what to write instead.

use std::fmt;

use rhai::Position;

use super::codes;

/// A rule set's or a run's error, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it is; see [`super::codes`].
    pub code: &'static str,
    /// The file, as people know it: `rules/invoices/10-a.rhai`.
    pub file: String,
    /// Line, from 1.
    pub line: Option<usize>,
    /// Column in characters, from 1.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// The line of the file and, under it, a row of carets.
    pub excerpt: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault without a place in a file.
    pub fn new(code: &'static str, file: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, file: file.into(), line: None, column: None, message: message.into(), excerpt: None, hint: None }
    }

    /// Whether the rule set can be used all the same.
    pub fn is_warning(&self) -> bool {
        codes::is_warning(self.code)
    }

    /// The same with a hint.
    pub(super) fn hint(mut self, hint: Option<impl Into<String>>) -> Self {
        self.hint = hint.map(Into::into);
        self
    }

    /// The same at a place of a source.
    pub(super) fn at(mut self, position: Position, source: &str) -> Self {
        self.line = position.line();
        self.column = position.position();
        self.excerpt = self.line.and_then(|line| excerpt(source, line, self.column));
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(column) = self.column {
            write!(f, ":{column}")?;
        }
        let weight = if self.is_warning() { "warning: " } else { "" };
        write!(f, "  {}  {weight}{}", self.code, self.message)?;
        let hint = self.hint.as_deref().unwrap_or_default();
        match &self.excerpt {
            Some(excerpt) => {
                for line in excerpt.lines() {
                    write!(f, "\n   |  {line}")?;
                }
                if hint.is_empty() { Ok(()) } else { write!(f, " {hint}") }
            }
            None if hint.is_empty() => Ok(()),
            None => write!(f, "\n   {hint}"),
        }
    }
}

/// Characters of a source line that an excerpt shows at most.
const EXCERPT_MAX: usize = 120;

/// The line of a source and, when the column is known, a row of carets under what stands there. Both count from 1.
pub fn excerpt(source: &str, line: usize, column: Option<usize>) -> Option<String> {
    let line = source.lines().nth(line.checked_sub(1)?)?;
    let indent = line.chars().take_while(|sign| sign.is_whitespace()).count();
    let shown: String = line.trim().chars().take(EXCERPT_MAX).map(|sign| if sign == '\t' { ' ' } else { sign }).collect();
    let Some(column) = column.and_then(|column| column.checked_sub(indent + 1)) else {
        return Some(shown);
    };
    if column >= shown.chars().count() {
        return Some(shown);
    }
    let rest: String = shown.chars().skip(column).collect();
    Some(format!("{shown}\n{}{}", " ".repeat(column), "^".repeat(width(&rest))))
}

/// Characters of the word, text or sign at the beginning.
fn width(rest: &str) -> usize {
    let marks = rest.chars().take_while(|sign| *sign == '#').count();
    let text: String = rest.chars().skip(marks).collect();
    if let Some(inside) = text.strip_prefix('"') {
        let end = format!("\"{}", "#".repeat(marks));
        return inside.find(&end).map_or(1, |at| inside[..at].chars().count() + 2 + 2 * marks);
    }
    rest.chars().take_while(|sign| sign.is_alphanumeric() || *sign == '_').count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_shows_its_place_and_what_to_write() {
        let source = "fn then(mail) {\n    let pdf = mail.atachment(\"*.pdf\").layout;\n}";
        let fault = Fault::new("R112", "rules/invoices/10-a.rhai", "`mail.atachment` is not a word")
            .hint(Some("did you mean `attachment`?"))
            .at(Position::new(2, 20), source);
        assert_eq!(
            fault.to_string(),
            "rules/invoices/10-a.rhai:2:20  R112  `mail.atachment` is not a word\n   \
             |  let pdf = mail.atachment(\"*.pdf\").layout;\n   \
             |                 ^^^^^^^^^ did you mean `attachment`?"
        );
    }
}
