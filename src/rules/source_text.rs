//! The text of an expression. Rhai knows where it begins, not where it ends.

use rhai::Position;

/// Characters of an expression that are looked at.
const CHARS_MAX: usize = 400;

/// The text of a condition: up to the `&&`, `||`, `;` or closing bracket that ends it, on one line.
pub(super) fn of_expression(source: &str, start: Position) -> String {
    cut(source, start, &["&&", "||", ";", "{", ","])
}

/// The text of one side of a comparison, or of a parameter.
pub(super) fn of_operand(source: &str, start: Position) -> String {
    cut(source, start, &["&&", "||", ";", "{", ",", "==", "!=", "<", ">", " + ", " - ", " * ", " / ", " in ", "??"])
}

/// The text from one place up to another.
pub(super) fn between(source: &str, start: Position, end: Position) -> &str {
    let (start, end) = (offset(source, start), offset(source, end));
    source.get(start..end.max(start)).unwrap_or_default()
}

/// Bytes before a place.
fn offset(source: &str, place: Position) -> usize {
    let (Some(line), Some(column)) = (place.line(), place.position()) else { return source.len() };
    let begin: usize = source.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let rest = source.get(begin..).unwrap_or_default();
    begin + rest.chars().take(column - 1).map(char::len_utf8).sum::<usize>()
}

fn cut(source: &str, start: Position, ends: &[&str]) -> String {
    let begin = offset(source, start);
    let (length, closed) = length(source.get(begin..).unwrap_or_default(), ends);
    // `(a ?? b) > 5` begins at a: the bracket before it belongs to it.
    let before = source.get(..begin).unwrap_or_default();
    let text = match (closed, before.strip_suffix('(')) {
        (true, Some(outside)) if !outside.ends_with(|sign: char| sign.is_alphanumeric() || sign == '_') => {
            let begin = outside.len();
            let inside = length + 2;
            let (rest, _) = self::length(source.get(begin + inside..).unwrap_or_default(), ends);
            source.get(begin..begin + inside + rest)
        }
        _ => source.get(begin..begin + length),
    };
    text.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Bytes up to what ends an expression outside of brackets and texts, and whether that is a closing bracket.
fn length(text: &str, ends: &[&str]) -> (usize, bool) {
    let (mut deep, mut at) = (0_usize, 0);
    while at < text.len() && at < CHARS_MAX * 4 {
        let rest = &text[at..];
        if let Some(length) = literal(rest) {
            at += length;
            continue;
        }
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        let map = rest.starts_with("#{");
        if deep == 0 && !map && ends.iter().any(|end| rest.starts_with(end)) {
            return (at, false);
        }
        let sign = rest.chars().next().unwrap_or(' ');
        match sign {
            '(' | '[' | '{' => deep += 1,
            ')' | ']' | '}' if deep == 0 => return (at, sign == ')'),
            ')' | ']' | '}' => deep -= 1,
            _ => {}
        }
        at += sign.len_utf8();
    }
    (at.min(text.len()), false)
}

/// Bytes of the text literal at the beginning, if there is one.
fn literal(rest: &str) -> Option<usize> {
    let marks = rest.bytes().take_while(|byte| *byte == b'#').count();
    let quote = rest[marks..].chars().next().filter(|sign| matches!(sign, '"' | '`' | '\''))?;
    if marks > 0 && quote != '"' {
        return None;
    }
    if marks > 0 {
        let end = format!("\"{}", "#".repeat(marks));
        let inside = rest.get(marks + 1..)?;
        return Some(marks + 1 + inside.find(&end).map_or(inside.len(), |at| at + end.len()));
    }
    let mut escaped = false;
    for (at, sign) in rest.char_indices().skip(1) {
        match sign {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            sign if sign == quote => return Some(at + 1),
            _ => {}
        }
    }
    Some(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_ends_where_the_next_begins() {
        let cases = [
            ("a && b", 1, "a"),
            ("x(\"&&\") && b", 1, "x(\"&&\")"),
            ("(a || b) && c", 2, "a"),
            ("(a || b) && c", 7, "b"),
            ("(x ?? 0) > 5 && c", 2, "(x ?? 0) > 5"),
            ("if a.b(#\"\\s}\"#) {", 4, "a.b(#\"\\s}\"#)"),
            ("a.b(\n    c\n) }", 1, "a.b( c )"),
        ];
        for (source, column, expected) in cases {
            assert_eq!(of_expression(source, Position::new(1, column)), expected, "{source}");
        }
        assert_eq!(of_operand("a.b(1) == c", Position::new(1, 1)), "a.b(1)");
    }
}
