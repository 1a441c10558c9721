//! `postroom plan`: what would be done with one mail, and why each rule did or did not apply.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::Context;
use rust_decimal::Decimal;
use serde_json::Value;

use super::replay::{given, load_rules, mails_at};
use super::terminal::{page_columns, wrapped};
use super::{Exit, say};
use crate::config::Config;
use crate::ids::RuleName;
use crate::replay::{Detail, Jobs, Outcome, Rehearsal, Why, in_order, readable};
use crate::rules::{Condition, Reading, RuleOutcome, RuleSet};

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
    let columns = page_columns();
    let (mut count, mut is_wrong) = (0, false);
    let worked = in_order(
        mails,
        one,
        |found| Outcome::of(found, &rehearsal, &given, Detail::Explained),
        |outcome| {
            let lost = || Outcome::unreadable(args.file.display().to_string(), "the program stumbled over it".to_owned());
            let outcome = outcome.unwrap_or_else(lost);
            count += 1;
            is_wrong |= matches!(outcome.decision, "faulted" | "unreadable");
            say(&if args.json { serde_json::to_string(&outcome).unwrap_or_default() } else { shown(&outcome, &rules, columns) });
            ControlFlow::Continue(())
        },
    );
    worked.context("the mail cannot be worked on")?;
    anyhow::ensure!(count > 0, "there is no mail in {}", args.file.display());
    Ok(if is_wrong { Exit::No } else { Exit::Done })
}

fn shown(outcome: &Outcome, rules: &RuleSet, columns: usize) -> String {
    let subject = outcome.subject.as_deref().unwrap_or("(no subject)");
    let mut text = format!("{}\n{}\n\n", wrapped(&outcome.file, columns, ""), wrapped(&one_line(subject), columns, "  "));
    let mut decision = outcome.decision.to_owned();
    if let Some(reason) = outcome.explanation.as_ref().or(outcome.reason.as_ref()) {
        let _ = write!(decision, ": {reason}");
    }
    if let Some(place) = &outcome.parked {
        let at = place.file.clone().map(|file| place.line.map_or(file.clone(), |line| format!("{file}:{line}")));
        let _ = write!(decision, "{}", at.map(|at| format!(" ({at})")).unwrap_or_default());
    }
    for line in decision.lines() {
        let _ = writeln!(text, "{}", if line.starts_with("   ") { line.to_owned() } else { wrapped(line, columns, "") });
    }
    if let Some(why) = &outcome.why {
        rules_told(why, rules, columns, &mut text);
    }
    for (number, action) in outcome.actions.iter().enumerate() {
        let line = format!("{}. {}", number + 1, outcome.lines.get(number).map_or("", String::as_str));
        let _ = writeln!(text, "\n{}", wrapped(&line, columns, ""));
        action_details(action, columns, &mut text);
    }
    for write in &outcome.remember {
        let line = match &write.value {
            Some(value) => format!("remember {} = {value}", write.key),
            None => format!("forget {}", write.key),
        };
        let _ = writeln!(text, "\n{}", wrapped(&line, columns, ""));
    }
    for note in &outcome.notes {
        let _ = writeln!(text, "\n{}", wrapped(&format!("note: {note}"), columns, ""));
    }
    if let Some(why) = &outcome.why {
        readings_told(&why.readings, columns, &mut text);
        let ms = Decimal::new(i64::try_from(why.microseconds).unwrap_or(i64::MAX), 3).round_dp(1);
        let _ = writeln!(text, "\nThe rules took {ms} ms and {} steps of 1,000,000.", why.operations);
    }
    text.trim_end().to_owned()
}

/// Each rule with the conditions that decided about it.
fn rules_told(why: &Why, rules: &RuleSet, columns: usize, text: &mut String) {
    let titles: BTreeMap<RuleName, String> = rules.rules().into_iter().collect();
    let _ = writeln!(text, "\nRules");
    for story in &why.trace {
        let (mark, became) = match story.outcome {
            RuleOutcome::Applied => ('✓', "applies"),
            RuleOutcome::DidNotApply => ('✗', "does not apply"),
            RuleOutcome::NotReached => ('·', "was not reached"),
        };
        let _ = writeln!(text, "{}", wrapped(&format!("{mark} {} {became}", story.rule), columns, ""));
        if story.outcome == RuleOutcome::Applied
            && let Some(title) = titles.get(&story.rule).filter(|title| !title.is_empty())
        {
            let _ = writeln!(text, "{}", wrapped(title, columns, "    "));
        }
        // What held on the way to the first that did not is told for the rule that did not apply.
        for condition in story.conditions.iter().filter(|_| story.outcome == RuleOutcome::DidNotApply) {
            condition_told(condition, columns, text);
        }
    }
}

fn condition_told(condition: &Condition, columns: usize, text: &mut String) {
    let mark = match condition.holds {
        Some(true) => "true ",
        Some(false) => "false",
        None => "?    ",
    };
    let lines = wrapped(&condition.text, columns, "            ");
    let _ = writeln!(text, "    {mark}   {}", lines.trim_start());
    for looked in condition.values.iter().filter(|_| condition.holds != Some(true)) {
        let _ = writeln!(text, "{}", wrapped(&format!("{} is {}", looked.text, looked.value), columns, "              "));
    }
}

/// What was read out of the mail, and where it stands.
fn readings_told(readings: &[Reading], columns: usize, text: &mut String) {
    if readings.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nRead from the mail");
    for reading in readings {
        let wanted: Vec<String> = reading.wanted.iter().map(|wanted| format!("\"{wanted}\"")).collect();
        let word = format!("{}({})", reading.word, wanted.join(", "));
        let name = reading.field.as_deref().unwrap_or(&word);
        let line = match &reading.found {
            Some(found) => format!("{name} = {found}"),
            None => format!("{name}: not found"),
        };
        let _ = writeln!(text, "{}", wrapped(&one_line(&line), columns, "  "));
        let told = match (&reading.place, &reading.found) {
            (Some(place), _) => format!("{}, line {}: {}", reading.source, place.line, place.text),
            (None, Some(_)) => format!("in {}", reading.source),
            (None, None) => format!("{word} in {}", reading.source),
        };
        let _ = writeln!(text, "{}", wrapped(&one_line(&told), columns, "      "));
        if let Some(near) = &reading.near {
            let _ = writeln!(text, "{}", wrapped(&format!("closest text: {}", one_line(near)), columns, "      "));
        }
        let _ = writeln!(text, "      {}:{}", reading.file, reading.line);
    }
}

/// What mail says must not move the cursor.
fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// What stands in an action beside what its line says already.
fn action_details(action: &Value, columns: usize, text: &mut String) {
    for (name, value) in action.as_object().into_iter().flatten() {
        let told = match (name.as_str(), value) {
            ("kind" | "withheld" | "data" | "note" | "names" | "folder" | "endpoint" | "template", _) | (_, Value::Null) => {
                continue;
            }
            ("body", Value::String(body)) => {
                let read = if body.contains('<') { readable(body) } else { body.clone() };
                for line in read.lines() {
                    let _ = writeln!(text, "{}", wrapped(line, columns, "   │ ").trim_end());
                }
                continue;
            }
            ("record" | "records", value) => {
                let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
                let _ = writeln!(text, "   {name}: {}", pretty.replace('\n', "\n   "));
                continue;
            }
            (_, Value::String(words)) => one_line(words),
            (_, Value::Array(list)) if list.iter().all(Value::is_string) => {
                one_line(&list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "))
            }
            (_, value) => value.to_string(),
        };
        let _ = writeln!(text, "{}", wrapped(&format!("{name}: {told}"), columns, "   "));
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
            80,
            &mut text,
        );
        assert_eq!(text, "   │ Dear Ana\n   rule: 10-a\n   to: a@fabrikam.com\n");
    }
}
