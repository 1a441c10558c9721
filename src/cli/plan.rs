//! `postroom plan`: what would be done with one mail, and why each rule did or did not apply.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::Context;
use serde_json::Value;

use super::replay::{given, load_rules, mails_at};
use super::table::table;
use super::{Exit, say};
use crate::config::Config;
use crate::ids::RuleName;
use crate::replay::{Detail, Jobs, Outcome, Rehearsal, in_order, readable};
use crate::rules::{RuleOutcome, RuleSet};

/// The mail, and how to show the plan.
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// The mail.
    #[arg(value_name = "FILE.eml")]
    file: PathBuf,
    /// The mailbox whose rules decide.
    #[arg(long, value_name = "NAME")]
    mailbox: String,
    /// The plan as JSON.
    #[arg(long)]
    json: bool,
    /// Answers to questions, written as in an expectation file.
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
}

pub(super) fn run(args: &PlanArgs, config: &Config) -> anyhow::Result<Exit> {
    let rules = load_rules(config, &args.mailbox, None)?;
    let given = given(args.answers.as_deref())?;
    let mails = mails_at(&args.file)?;
    let rehearsal = Rehearsal::new(&rules);
    let one = Jobs::new(1).unwrap_or_else(Jobs::all_cores);
    let (mut count, mut is_wrong) = (0, false);
    let worked = in_order(
        mails,
        one,
        |found| Outcome::of(found, &rehearsal, &given, Detail::Full),
        |outcome| {
            let lost = || Outcome::unreadable(args.file.display().to_string(), "the program stumbled over it".to_owned());
            let outcome = outcome.unwrap_or_else(lost);
            count += 1;
            is_wrong |= matches!(outcome.decision, "faulted" | "unreadable");
            say(&if args.json { serde_json::to_string(&outcome).unwrap_or_default() } else { shown(&outcome, &rules) });
            ControlFlow::Continue(())
        },
    );
    worked.context("the mail cannot be worked on")?;
    anyhow::ensure!(count > 0, "there is no mail in {}", args.file.display());
    Ok(if is_wrong { Exit::No } else { Exit::Done })
}

fn shown(outcome: &Outcome, rules: &RuleSet) -> String {
    let subject = outcome.subject.as_deref().unwrap_or("(no subject)");
    let subject: String = subject.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let mut text = format!("{}  {subject}\n{}", outcome.file, outcome.decision);
    if let Some(reason) = outcome.explanation.as_ref().or(outcome.reason.as_ref()) {
        let _ = write!(text, ": {reason}");
    }
    if let Some(place) = &outcome.parked {
        let at = place.file.clone().map(|file| place.line.map_or(file.clone(), |line| format!("{file}:{line}")));
        let _ = write!(text, "{}", at.map(|at| format!(" ({at})")).unwrap_or_default());
    }
    text.push('\n');
    if !outcome.trace.is_empty() {
        let _ = writeln!(text, "\n{}", table(&rule_rows(outcome, rules), &[40, 20, 80]));
    }
    for (number, action) in outcome.actions.iter().enumerate() {
        let _ = writeln!(text, "\n{}. {}", number + 1, outcome.lines.get(number).map_or("", String::as_str));
        action_details(action, &mut text);
    }
    for write in &outcome.remember {
        let _ = match &write.value {
            Some(value) => writeln!(text, "\nremember {} = {value}", write.key),
            None => writeln!(text, "\nforget {}", write.key),
        };
    }
    for note in &outcome.notes {
        let _ = writeln!(text, "\nnote: {note}");
    }
    text.trim_end().to_owned()
}

fn rule_rows(outcome: &Outcome, rules: &RuleSet) -> Vec<Vec<String>> {
    let titles: BTreeMap<RuleName, String> = rules.rules().into_iter().collect();
    let mut rows = vec![["Rule", "Outcome", "Title"].map(str::to_owned).to_vec()];
    for traced in &outcome.trace {
        let became = match traced.outcome {
            RuleOutcome::Applied => "applies",
            RuleOutcome::DidNotApply => "does not apply",
            RuleOutcome::NotReached => "not reached",
        };
        let title = titles.get(&traced.rule).cloned().unwrap_or_default();
        rows.push(vec![traced.rule.to_string(), became.to_owned(), title]);
    }
    rows
}

/// What stands in an action beside what its line says already.
fn action_details(action: &Value, text: &mut String) {
    for (name, value) in action.as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            ("kind" | "withheld" | "data" | "note", _) | (_, Value::Null) => {}
            ("body", Value::String(body)) => {
                let read = if body.contains('<') { readable(body) } else { body.clone() };
                for line in read.lines() {
                    let _ = writeln!(text, "   │ {line}");
                }
            }
            (_, Value::String(words)) => {
                let _ = writeln!(text, "   {name}: {words}");
            }
            ("record" | "records", value) => {
                let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
                let _ = writeln!(text, "   {name}: {}", pretty.replace('\n', "\n   "));
            }
            (_, value) => {
                let _ = writeln!(text, "   {name}: {value}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_shown_as_its_reader_sees_it() {
        let mut text = String::new();
        action_details(
            &json!({ "kind": "reply", "rule": "10-a", "to": ["a@fabrikam.com"], "body": "<p>Dear <b>Ana</b></p>" }),
            &mut text,
        );
        assert_eq!(text, "   │ Dear Ana\n   rule: 10-a\n   to: [\"a@fabrikam.com\"]\n");
    }
}
