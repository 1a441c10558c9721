//! What came, seen through what was expected; and the two set against each other for people.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use super::came::{Came, CameAction};
use super::compare::{fits, seen_through};
use super::expectation::{Expectation, ExpectedAction};
use super::layout::{self, Style};
use super::letter::readable;

/// Lines around a difference that are shown with it.
const CONTEXT: usize = 3;
/// Lines of a text that are shown when it misses a phrase.
const BODY_LINES_MAX: usize = 40;

/// What came, written as the expectation has it wherever they agree, and no more of it than was asked for. It equals
/// the expectation exactly when everything came as expected.
pub(super) fn seen(expected: &Expectation, came: &Came) -> Expectation {
    let told = &came.told;
    let same_decision = expected.decision == told.decision;
    let asked = |asked: &Option<Vec<String>>, came: &Option<Vec<String>>| match asked {
        Some(asked) => came.as_ref().map(|came| strings(&seen_through(&json!(asked), &json!(came)))),
        None => None,
    };
    let reason = match (&expected.reason, &told.reason) {
        (Some(expected), Some(came)) if fits(&json!(expected), &json!(came)) => Some(expected.clone()),
        (None, Some(_)) if same_decision => None,
        (_, came) => came.clone(),
    };
    let remember = seen_through(&map(&expected.remember), &map(&told.remember));
    let same_keys = |a: &[String], b: &[String]| a.len() == b.len() && a.iter().all(|key| b.contains(key));
    Expectation {
        decision: told.decision,
        reason,
        rules: asked(&expected.rules, &told.rules),
        notes: asked(&expected.notes, &told.notes),
        remember: remember.as_object().cloned().unwrap_or_default().into_iter().collect(),
        forget: if same_keys(&expected.forget, &told.forget) { expected.forget.clone() } else { told.forget.clone() },
        actions: aligned(&expected.actions, &came.actions).map(|(expected, came)| seen_action(expected, came)).collect(),
    }
}

fn map(values: &BTreeMap<String, Value>) -> Value {
    Value::Object(values.clone().into_iter().collect())
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|item| item.as_str().unwrap_or_default().to_owned()).collect()
}

/// Each action that came with the one expected in its place: the next of the same word, one about the same thing first.
fn aligned<'a>(
    expected: &'a [ExpectedAction],
    came: &'a [CameAction],
) -> impl Iterator<Item = (Option<&'a ExpectedAction>, &'a CameAction)> {
    let mut next = 0;
    came.iter().map(move |came| {
        let rest = expected.get(next..).unwrap_or_default();
        let same_word = |action: &ExpectedAction| action.word == came.action.word;
        let same_thing = |action: &ExpectedAction| same_word(action) && fits(&action.about, &came.action.about);
        let found = rest.iter().position(same_thing).or_else(|| rest.iter().position(same_word));
        let partner = found.and_then(|at| rest.get(at));
        next += found.map_or(0, |at| at + 1);
        (partner, came)
    })
}

fn seen_action(expected: Option<&ExpectedAction>, came: &CameAction) -> ExpectedAction {
    let action = &came.action;
    let Some(expected) = expected else {
        let facts = action.facts.iter().filter(|(name, _)| came.worth.contains(&name.as_str()));
        return ExpectedAction { facts: facts.map(|(name, value)| (name.clone(), value.clone())).collect(), ..action.clone() };
    };
    let mut facts = BTreeMap::new();
    for (name, wanted) in &expected.facts {
        if name == "body_contains" {
            facts.insert(name.clone(), phrases(wanted, came.body.as_deref()));
        } else if let Some(value) = action.facts.get(name) {
            facts.insert(name.clone(), seen_through(wanted, value));
        }
    }
    // A record nobody wrote down and an answer that will not go out must not pass unseen.
    for name in action.word.always.into_iter().chain(["withheld"]) {
        if let Some(value) = action.facts.get(name).filter(|_| !expected.facts.contains_key(name)) {
            facts.insert(name.to_owned(), value.clone());
        }
    }
    ExpectedAction { word: action.word, about: seen_through(&expected.about, &action.about), facts }
}

/// Those of the phrases that the text has, as it is sent or as it is read.
fn phrases(wanted: &Value, body: Option<&str>) -> Value {
    let body = body.unwrap_or_default();
    let read = one_line(&readable(body));
    let has = |phrase: &&Value| phrase.as_str().is_some_and(|phrase| body.contains(phrase) || read.contains(&one_line(phrase)));
    wanted.as_array().into_iter().flatten().filter(has).cloned().collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The difference for people: lines with `-` were expected, lines with `+` came instead.
pub(super) fn show(expected: &Expectation, seen: &Expectation, came: &Came) -> String {
    let (before, after) = (layout::expectation(expected, Style::Expanded), layout::expectation(seen, Style::Expanded));
    let diff = similar::TextDiff::from_lines(before.as_str(), after.as_str());
    let mut text = diff.unified_diff().context_radius(CONTEXT).header("expected", "came").missing_newline_hint(false).to_string();
    if let Some(fault) = &came.fault {
        let _ = write!(text, "\n{fault}\n");
    }
    if let Some(place) = came.parked_at.as_ref().filter(|_| expected.decision != seen.decision) {
        let _ = write!(text, "\nparked at {place}\n");
    }
    for (expected, came) in aligned(&expected.actions, &came.actions) {
        let Some(wanted) = expected.and_then(|expected| expected.facts.get("body_contains")) else { continue };
        if phrases(wanted, came.body.as_deref()) != *wanted {
            let _ = write!(text, "\nthe text of `{} = {}`:\n", came.action.word.name, came.action.about);
            let read = readable(came.body.as_deref().unwrap_or_default());
            text.extend(read.lines().take(BODY_LINES_MAX).map(|line| format!("    {line}\n")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::case_file::CaseFile;
    use super::super::expectation::find_word;
    use super::*;

    fn expected(text: &str) -> Expectation {
        CaseFile::parse(&format!("[expect]\nrules = [\"10-a\"]\n{text}"), "a").unwrap().expect.unwrap()
    }

    fn action(word: &str, about: &str, facts: &[(&str, Value)]) -> CameAction {
        let facts = facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let action = ExpectedAction { word: find_word(word).unwrap(), about: json!(about), facts };
        CameAction { action, worth: vec!["record", "withheld"], body: Some("<p>Dear Ana,<br>thank you &amp; bye</p>".to_owned()) }
    }

    fn came(actions: Vec<CameAction>) -> Came {
        let told = Expectation { rules: Some(vec!["10-a".into()]), notes: Some(vec!["n".into()]), ..Expectation::default() };
        Came { told, actions, ..Came::default() }
    }

    #[test]
    fn what_was_not_asked_for_is_not_compared_but_the_list_of_actions_is_whole() {
        let came = came(vec![
            action("post", "erp", &[("record", json!({ "total": "1190.00" })), ("rule", json!("10-a"))]),
            action("reply", "a.html", &[("subject", json!("RE: x"))]),
        ]);
        let agrees = expected(
            "[[expect.action]]\npost = \"erp\"\nrecord = { total = 1190.0 }\n[[expect.action]]\nreply = \"*\"\nbody_contains = [\"thank you & bye\"]",
        );
        assert_eq!(seen(&agrees, &came), agrees);
        let shorter = expected("[[expect.action]]\npost = \"erp\"\nrecord = \"*\"");
        assert_ne!(seen(&shorter, &came), shorter);
    }

    #[test]
    fn a_record_nobody_wrote_down_and_a_withheld_answer_are_differences() {
        let unwritten = expected("[[expect.action]]\npost = \"erp\"");
        let came_post = came(vec![action("post", "erp", &[("record", json!({ "a": 1 }))])]);
        assert_ne!(seen(&unwritten, &came_post), unwritten);
        let sent = expected("[[expect.action]]\nreply = \"a.html\"");
        let came_reply = came(vec![action("reply", "a.html", &[("withheld", json!("bulk mail"))])]);
        assert_ne!(seen(&sent, &came_reply), sent);
        let withheld = expected("[[expect.action]]\nreply = \"a.html\"\nwithheld = \"*\"");
        assert_eq!(seen(&withheld, &came_reply), withheld);
        assert_ne!(seen(&withheld, &came(vec![action("reply", "a.html", &[])])), withheld);
    }

    #[test]
    fn a_difference_is_one_line_in_the_words_of_the_file() {
        let expected = expected(
            "[[expect.action]]\npost = \"erp\"\nrecord = { number = \"7\", total = \"1190.00\" }\n[[expect.action]]\nmove_to = \"A\"",
        );
        let came = came(vec![
            action("post", "erp", &[("record", json!({ "number": "7", "total": "1.00" }))]),
            action("move_to", "B", &[]),
        ]);
        let shown = show(&expected, &seen(&expected, &came), &came);
        assert_eq!(
            shown,
            "--- expected\n+++ came\n@@ -5,7 +5,7 @@\n post = \"erp\"\n [expect.action.record]\n number = \"7\"\n-total = \"1190.00\"\n+total = \"1.00\"\n \n \
             [[expect.action]]\n-move_to = \"A\"\n+move_to = \"B\"\n"
        );
    }

    #[test]
    fn a_missing_phrase_shows_the_text() {
        let expected = expected("[[expect.action]]\nreply = \"a.html\"\nbody_contains = [\"goodbye\"]");
        let came = came(vec![action("reply", "a.html", &[])]);
        let shown = show(&expected, &seen(&expected, &came), &came);
        assert!(shown.ends_with("-body_contains = [\"goodbye\"]\n+body_contains = []\n\nthe text of `reply = \"a.html\"`:\n    Dear Ana,\n    thank you & bye\n"), "{shown}");
    }
}
