//! Problems as people, programs and code scanners read them.

use std::fmt::Write;

use serde_json::{Value, json};

use super::terminal::wrapped;
use crate::rules::{Fault, codes};

/// A problem in lines of at most `columns` characters, where a line can be broken at all.
pub(super) fn shown(fault: &Fault, columns: usize) -> String {
    let whole = fault.to_string();
    if whole.lines().all(|line| line.chars().count() <= columns) {
        return whole;
    }
    let place =
        [Some(fault.file.clone()), fault.line.map(|line| line.to_string()), fault.column.map(|column| column.to_string())];
    let place: Vec<String> = place.into_iter().flatten().collect();
    let mut text = place.join(":");
    let weight = if fault.is_warning() { "warning: " } else { "" };
    let _ = write!(text, "\n{}", wrapped(&format!("{}  {weight}{}", fault.code, fault.message), columns, ""));
    if let Some(excerpt) = &fault.excerpt {
        for line in window(excerpt, columns.saturating_sub(6)) {
            let _ = write!(text, "\n   |  {line}");
        }
    }
    if let Some(hint) = fault.hint.as_deref().filter(|hint| !hint.is_empty()) {
        let _ = write!(text, "\n{}", wrapped(hint, columns, "   "));
    }
    text
}

/// The part of an excerpt around its carets.
fn window(excerpt: &str, columns: usize) -> Vec<String> {
    let lines: Vec<Vec<char>> = excerpt.lines().map(|line| line.chars().collect()).collect();
    let caret = lines.get(1).and_then(|line| line.iter().position(|sign| *sign == '^')).unwrap_or(0);
    let begin = if caret < columns * 3 / 4 { 0 } else { caret - columns / 4 };
    let cut = |line: &Vec<char>| line.iter().skip(begin).take(columns).collect::<String>();
    lines.iter().map(cut).collect()
}

/// Characters from the place of a problem on that it is about.
fn width(fault: &Fault) -> usize {
    let carets = fault.excerpt.as_deref().and_then(|excerpt| excerpt.lines().nth(1)).unwrap_or_default();
    carets.matches('^').count().max(1)
}

fn level(fault: &Fault) -> &'static str {
    if fault.is_warning() { "warning" } else { "error" }
}

/// `{"problems": […], "errors": n, "warnings": n}`.
pub(super) fn json(faults: &[Fault]) -> Value {
    let problems: Vec<Value> = faults
        .iter()
        .map(|fault| {
            json!({
                "code": fault.code, "level": level(fault), "file": fault.file, "line": fault.line, "column": fault.column,
                "end_column": fault.column.map(|column| column + width(fault)), "message": fault.message, "hint": fault.hint,
            })
        })
        .collect();
    let warnings = faults.iter().filter(|fault| fault.is_warning()).count();
    json!({ "problems": problems, "errors": faults.len() - warnings, "warnings": warnings })
}

/// SARIF 2.1.0 (OASIS), with the rules that are named; columns are counted in code points.
pub(super) fn sarif(faults: &[Fault]) -> Value {
    let mut named: Vec<&str> = faults.iter().map(|fault| fault.code).collect();
    named.sort_unstable();
    named.dedup();
    let rules: Vec<Value> = codes::ALL
        .iter()
        .filter(|(code, _)| named.contains(code))
        .map(|(code, meaning)| {
            json!({
                "id": code, "shortDescription": { "text": meaning },
                "help": { "text": codes::page(code).unwrap_or_default(), "markdown": codes::page(code).unwrap_or_default() },
                "defaultConfiguration": { "level": if codes::is_warning(code) { "warning" } else { "error" } },
            })
        })
        .collect();
    let results: Vec<Value> = faults.iter().map(|fault| result(fault, &named)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "postroom", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(fault: &Fault, named: &[&str]) -> Value {
    let message = match &fault.hint {
        Some(hint) => format!("{} ({hint})", fault.message),
        None => fault.message.clone(),
    };
    let mut place = json!({ "artifactLocation": { "uri": uri(&fault.file) } });
    if let (Some(line), Some(fields)) = (fault.line, place.as_object_mut()) {
        let region = match fault.column {
            Some(column) => json!({ "startLine": line, "startColumn": column, "endColumn": column + width(fault) }),
            None => json!({ "startLine": line }),
        };
        fields.insert("region".to_owned(), region);
    }
    json!({
        "ruleId": fault.code, "ruleIndex": named.iter().position(|code| *code == fault.code), "level": level(fault),
        "message": { "text": message }, "locations": [{ "physicalLocation": place }],
    })
}

/// A path as a relative or `file:` URI.
fn uri(path: &str) -> String {
    let mut uri = if path.starts_with('/') { "file://".to_owned() } else { String::new() };
    for byte in path.trim_start_matches("./").replace('\\', "/").bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault() -> Fault {
        Fault {
            code: codes::UNKNOWN_WORD,
            file: "rules/in voices/10-a.rhai".to_owned(),
            line: Some(2),
            column: Some(46),
            message: "`mail.atachment` is not a word".to_owned(),
            excerpt: Some(format!("let pdf = {} mail.atachment(\"*.pdf\");\n{}^^^^^^^^^", "x".repeat(25), " ".repeat(41))),
            hint: Some("did you mean `attachment`?".to_owned()),
        }
    }

    #[test]
    fn a_narrow_terminal_shows_the_part_around_the_carets() {
        let text = shown(&fault(), 40);
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        assert_eq!(
            text,
            "rules/in voices/10-a.rhai:2:46\nR112  `mail.atachment` is not a word\n   \
             |  xx mail.atachment(\"*.pdf\");\n   |          ^^^^^^^^^\n   did you mean `attachment`?"
        );
    }

    #[test]
    fn programs_get_the_place_with_its_end() {
        let expected = json!({
            "problems": [{
                "code": "R112", "level": "error", "file": "rules/in voices/10-a.rhai", "line": 2, "column": 46, "end_column": 55,
                "message": "`mail.atachment` is not a word", "hint": "did you mean `attachment`?",
            }],
            "errors": 1, "warnings": 0,
        });
        assert_eq!(json(&[fault()]), expected);
        let sarif = sarif(&[fault()]);
        let result = &sarif["runs"][0]["results"][0];
        assert_eq!(
            result["locations"][0]["physicalLocation"],
            json!({
                "artifactLocation": { "uri": "rules/in%20voices/10-a.rhai" },
                "region": { "startLine": 2, "startColumn": 46, "endColumn": 55 },
            })
        );
        assert_eq!(sarif["runs"][0]["tool"]["driver"]["rules"][0]["id"], result["ruleId"]);
    }
}
