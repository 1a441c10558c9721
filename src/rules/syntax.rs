//! What Rhai cannot read, said for people who know other languages.

use rhai::{ParseError, ParseErrorType, Position};

use super::codes;

/// A problem at a place of a script, before it is a fault of a file.
pub(super) struct Complaint {
    pub code: &'static str,
    pub message: String,
    pub position: Position,
    pub hint: Option<String>,
}

impl Complaint {
    pub fn new(code: &'static str, message: impl Into<String>, position: Position) -> Self {
        Self { code, message: message.into(), position, hint: None }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn hint_if(self, hint: Option<impl Into<String>>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }
}

/// What is wrong with a script's grammar or names.
pub(super) fn complaint(error: &ParseError, source: &str) -> Complaint {
    let position = error.position();
    match error.err_type() {
        ParseErrorType::VariableUndefined(name) => unknown_name(name, position, source),
        ParseErrorType::ModuleUndefined(name) => {
            let hint = format!("write `import \"lib/{name}\" as {name};` at the beginning of the file");
            Complaint::new(codes::IMPORT, format!("`{name}::` is not imported"), position).hint(hint)
        }
        kind => Complaint::new(codes::SYNTAX, message(kind), position).hint_if(neighbour(kind, position, source)),
    }
}

fn unknown_name(name: &str, position: Position, source: &str) -> Complaint {
    let complaint = Complaint::new(codes::UNKNOWN_FUNCTION, format!("there is no `{name}`"), position);
    let line = line_of(source, position);
    if in_closure(line, position) {
        let hint = format!("a function in `|…|` does not see `{name}` of outside; use `for … in …` instead");
        return complaint.hint(hint);
    }
    match name {
        "null" | "nil" | "None" | "none" | "undefined" => complaint.hint("nothing is written `()`"),
        "True" | "False" | "TRUE" | "FALSE" | "yes" | "no" => complaint.hint("write `true` or `false`"),
        "and" | "AND" => complaint.hint("write `&&`"),
        "or" | "OR" => complaint.hint("write `||`"),
        "not" | "NOT" => complaint.hint("write `!`"),
        "mail" => complaint.hint("give it to the function as a parameter: `fn name(mail)`"),
        _ if source.contains(&format!("let {name}")) => {
            complaint.hint("a function sees only its parameters and the constants (`const`) of the file")
        }
        _ => complaint.hint(format!("a text is written in quotes: \"{name}\"")),
    }
}

/// The hint for what somebody would write in another language, from what stands at the place.
fn neighbour(kind: &ParseErrorType, position: Position, source: &str) -> Option<String> {
    let line = line_of(source, position);
    let column = position.position().unwrap_or(1).saturating_sub(1);
    let rest: String = line.chars().skip(column).collect();
    let text = kind.to_string();
    let word: String = rest.chars().take_while(|sign| sign.is_alphanumeric() || *sign == '_').collect();
    let hint = match word.as_str() {
        "and" => "write `&&` for and",
        "or" => "write `||` for or",
        "not" => "write `!` for not",
        "null" | "nil" => "nothing is written `()`",
        "var" => "write `let`",
        "elif" | "elsif" | "elseif" => "write `else if`",
        "then" | "begin" => "a condition is followed by `{ … }`",
        "match" | "case" => "write `switch value { \"a\" => …, _ => … }`",
        "print" | "debug" => "write `note(text)`; it goes into the message's story",
        _ if text.contains("escape") => "in a pattern write #\"\\d\"# instead of \"\\d\"",
        _ if rest.starts_with('?') => "write `if a { b } else { c }` for `a ? b : c`",
        _ if rest.starts_with('=') && !rest.starts_with("==") => "write `==` to compare",
        _ if rest.starts_with("<>") => "write `!=` for not equal",
        _ if rest.starts_with('\'') || text.contains("character") => "texts are written in double quotes",
        _ if text.contains("';'") || text.contains("terminate") => "is a `;` missing before this?",
        _ if line.contains(" and ") => "write `&&` for and",
        _ if line.contains(" or ") => "write `||` for or",
        _ if line.contains(" ? ") => "write `if a { b } else { c }` for `a ? b : c`",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn message(kind: &ParseErrorType) -> String {
    match kind {
        ParseErrorType::ExprTooDeep => "brackets or blocks are nested too deep".to_owned(),
        ParseErrorType::TooManyFunctions => "there are too many functions in one file".to_owned(),
        other => other.to_string(),
    }
}

fn line_of(source: &str, position: Position) -> &str {
    position.line().and_then(|line| source.lines().nth(line.checked_sub(1)?)).unwrap_or_default()
}

/// Whether the place is behind `|x|` on its line.
fn in_closure(line: &str, position: Position) -> bool {
    let column = position.position().unwrap_or(1).saturating_sub(1);
    let before: String = line.chars().take(column).collect();
    let mut parts = before.split('|');
    parts.next();
    parts.next().is_some_and(|parameters| {
        !parameters.is_empty() && parameters.chars().all(|sign| sign.is_alphanumeric() || matches!(sign, '_' | ',' | ' '))
    }) && parts.next().is_some()
}
