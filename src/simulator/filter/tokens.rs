//! The text of `$filter` becomes words, literals and marks.

use super::super::http::GraphError;

/// A piece of the text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    Comma,
    Colon,
}

/// What a text that is no filter is answered with.
pub(super) fn syntax(what: &str) -> GraphError {
    GraphError::bad_request(format!("Invalid filter clause: {what}."))
}

/// Takes the text apart.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, GraphError> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\r' | '\n' => {}
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            ',' => tokens.push(Token::Comma),
            ':' => tokens.push(Token::Colon),
            '\'' => {
                let mut value = String::new();
                loop {
                    match letters.next() {
                        Some('\'') if letters.peek() == Some(&'\'') => {
                            letters.next();
                            value.push('\'');
                        }
                        Some('\'') => break,
                        Some(other) => value.push(other),
                        None => return Err(syntax("a string literal does not end")),
                    }
                }
                tokens.push(Token::Text(value));
            }
            first => {
                let mut word = first.to_string();
                while let Some(next) = letters.peek().filter(|next| !matches!(next, ' ' | '(' | ')' | ',' | '\'' | '\t')) {
                    // A colon belongs to a time of day, and ends the name of a lambda's variable.
                    if *next == ':' && !word.starts_with(|first: char| first.is_ascii_digit()) {
                        break;
                    }
                    word.push(*next);
                    letters.next();
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    Ok(tokens)
}
