//! What Rhai cannot read, said for people who know other languages.

use rhai::{LexError, ParseError, ParseErrorType, Position};

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

/// Syntax errors of one file that are told at once.
const ERRORS_MAX: usize = 8;

/// The first error of a file and, since Rhai stops at it, those of the functions after the one it is in.
pub(super) fn complaints(first: ParseError, source: &str, read: impl Fn(&str) -> Option<ParseError>) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let (mut error, mut rest) = (first, source.to_owned());
    while complaints.len() < ERRORS_MAX {
        let told = complaint(&error, source);
        let is_other_language = told.code == codes::SIEVE;
        complaints.push(told);
        let Some(without) = error.position().line().and_then(|line| without_function(&rest, line)) else { break };
        rest = without;
        match read(&rest) {
            Some(next) if !is_other_language => error = next,
            _ => break,
        }
    }
    complaints
}

/// The text with the function that holds a line blanked, line by line, so that the others keep their places. An error that
/// comes of a missing brace shows in the next function's line, and is of the one before.
fn without_function(source: &str, line: usize) -> Option<String> {
    let lines: Vec<&str> = source.lines().collect();
    let begins = |line: &str| line.starts_with("fn ") || line.starts_with("private fn ");
    let is_of_the_one_before = line.checked_sub(1).and_then(|at| lines.get(at)).is_some_and(|text| begins(text));
    let last = if is_of_the_one_before { line - 1 } else { line };
    let begin = (0..last.min(lines.len())).rev().find(|at| begins(lines[*at]))?;
    let end = (begin + 1..lines.len()).find(|at| begins(lines[*at])).unwrap_or(lines.len());
    let kept = |(at, text): (usize, &&str)| if (begin..end).contains(&at) { String::new() } else { (*text).to_owned() };
    Some(lines.iter().enumerate().map(kept).collect::<Vec<_>>().join("\n"))
}

/// What is wrong with a script's grammar or names.
pub(super) fn complaint(error: &ParseError, source: &str) -> Complaint {
    let position = error.position();
    if let Some(complaint) = sieve(source).or_else(|| odd_sign(error, source)) {
        return complaint;
    }
    match error.err_type() {
        ParseErrorType::VariableUndefined(name) => unknown_name(name, position, source),
        ParseErrorType::ModuleUndefined(name) => {
            let hint = format!("write `import \"lib/{name}\" as {name};` at the beginning of the file");
            Complaint::new(codes::IMPORT, format!("`{name}::` is not imported"), position).hint(hint)
        }
        kind => Complaint::new(codes::SYNTAX, message(kind), position).hint_if(neighbour(kind, position, source)),
    }
}

/// The first line of a rule that is written for a Sieve server.
fn sieve(source: &str) -> Option<Complaint> {
    let of_sieve = |line: &str| {
        let line = line.trim_start();
        let tests = [":contains", ":is ", ":matches", ":regex", ":over", ":under"];
        line.starts_with("require [")
            || line.starts_with("require \"")
            || line.starts_with("fileinto ")
            || (["if ", "elsif ", "elseif "].iter().any(|word| line.starts_with(word))
                && tests.iter().any(|test| line.contains(test)))
    };
    let (at, line) = source.lines().enumerate().find(|(_, line)| of_sieve(line))?;
    let column = line.chars().take_while(|sign| sign.is_whitespace()).count() + 1;
    let position = Position::new(u16::try_from(at + 1).ok()?, u16::try_from(column).ok()?);
    let hint = "write `fn when(mail) { mail.subject.like(\"*…*\") }` and `fn then(mail) { move_to(\"…\"); }`";
    Some(Complaint::new(codes::SIEVE, "this is a Sieve rule; rules are written otherwise here", position).hint(hint))
}

/// A sign that no script has outside of texts: a rounded quote, a letter that names cannot have.
fn odd_sign(error: &ParseError, source: &str) -> Option<Complaint> {
    let position = error.position();
    let line = line_of(source, position);
    let column = position.position()?.saturating_sub(1);
    let near: Vec<char> = line.chars().skip(column.saturating_sub(1)).take(2).collect();
    if let Some(quote) = near.iter().find(|sign| "“”„‟«»‘’‚".contains(**sign)) {
        let message = format!("`{quote}` is no quote that a text can stand in");
        return Some(Complaint::new(codes::QUOTES, message, position).hint("texts stand in straight quotes: \"…\""));
    }
    let sign = *near.iter().rev().find(|sign| sign.is_alphabetic() && !sign.is_ascii())?;
    let signs: Vec<char> = line.chars().collect();
    let in_name = |sign: &char| sign.is_alphanumeric() || *sign == '_';
    let at = (column.saturating_sub(1)..=column).rev().find(|at| signs.get(*at) == Some(&sign))?;
    let begin = signs[..at].iter().rposition(|sign| !in_name(sign)).map_or(0, |before| before + 1);
    let name: String = signs[begin..].iter().take_while(|sign| in_name(sign)).collect();
    let position = Position::new(u16::try_from(position.line()?).ok()?, u16::try_from(begin + 1).ok()?);
    let message = format!("`{sign}` cannot be part of the name `{name}`");
    let hint = format!("names are made of a to z, digits and `_`: `{}`", plain(&name));
    Some(Complaint::new(codes::LETTERS, message, position).hint(hint))
}

/// A name without accents.
fn plain(name: &str) -> String {
    let plain = |sign: char| -> String {
        match sign {
            'ä' | 'æ' => "ae".to_owned(),
            'ö' | 'ø' | 'œ' => "oe".to_owned(),
            'ü' => "ue".to_owned(),
            'ß' => "ss".to_owned(),
            'á' | 'à' | 'â' | 'ã' | 'å' | 'ą' => "a".to_owned(),
            'ç' | 'ć' | 'č' => "c".to_owned(),
            'é' | 'è' | 'ê' | 'ë' | 'ę' | 'ě' => "e".to_owned(),
            'í' | 'ì' | 'î' | 'ï' => "i".to_owned(),
            'ł' => "l".to_owned(),
            'ñ' | 'ń' | 'ň' => "n".to_owned(),
            'ó' | 'ò' | 'ô' | 'õ' => "o".to_owned(),
            'ř' => "r".to_owned(),
            'ś' | 'š' => "s".to_owned(),
            'ú' | 'ù' | 'û' | 'ů' => "u".to_owned(),
            'ý' => "y".to_owned(),
            'ž' | 'ź' | 'ż' => "z".to_owned(),
            sign if sign.is_ascii() => sign.to_string(),
            _ => "x".to_owned(),
        }
    };
    name.to_lowercase().chars().map(plain).collect()
}

/// A name that stands for nothing.
pub(super) fn unknown_name(name: &str, position: Position, source: &str) -> Complaint {
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
    let first = line.split_whitespace().next().unwrap_or_default();
    let hint = match word.as_str() {
        _ if ["def", "function", "func", "sub", "Sub", "Function"].contains(&first) => {
            "a function is written `fn name(mail) { … }`; those of a rule are `when` and `then`"
        }
        "fn" if is_missing(kind) => "a `}` is missing before this: the function above is not closed",
        _ if !source.contains("fn ") => "a rule is made of `fn when(mail) { … }` and `fn then(mail) { … }`",
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
        _ if line.contains(" and ") => "write `&&` for and",
        _ if line.contains(" or ") => "write `||` for or",
        _ if line.contains(" ? ") => "write `if a { b } else { c }` for `a ? b : c`",
        _ if text.contains("';'") || text.contains("terminate") => "is a `;` missing before this?",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn is_missing(kind: &ParseErrorType) -> bool {
    matches!(kind, ParseErrorType::MissingToken(..) | ParseErrorType::WrongFnDefinition)
}

/// What is wrong, in plain words; Rhai's own where they are plain.
fn message(kind: &ParseErrorType) -> String {
    match kind {
        ParseErrorType::MissingToken(token, _) if token == ";" => "this does not follow from what stands before it".to_owned(),
        ParseErrorType::MissingToken(token, _) => format!("`{token}` is missing before this"),
        ParseErrorType::Reserved(word) => format!("`{word}` is no word of rules"),
        ParseErrorType::UnexpectedEOF => "the file ends too early: a `}`, a `)` or a quote is missing".to_owned(),
        ParseErrorType::BadInput(LexError::MalformedEscapeSequence(escape)) => {
            format!("`{escape}` has no meaning in a text in quotes")
        }
        ParseErrorType::BadInput(LexError::MalformedChar(text)) => format!("`'{text}'` is no text"),
        ParseErrorType::BadInput(LexError::UnterminatedString) => "a text has no closing quote".to_owned(),
        other if other.to_string().contains("typo of '=='") => "`=` gives a value; here one is compared".to_owned(),
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
