//! What would be done with one mail: the line that `replay --format jsonl` and `plan --json` give.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::case_file::{CaseFile, Given};
use super::letter::Letter;
use super::rehearsal::Rehearsal;
use super::source::Found;
use crate::ids::RuleName;
use crate::mail::{Envelope, Message};
use crate::plan::{MemoryWrite, PlannedAction, show};
use crate::rules::{Decided, Decision, Explained, Reading, RuleStory};

/// What would be done with one mail. Its keys are relied on by other programs: they stay, more may come.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Outcome {
    /// The mail's name below the place that was asked for.
    pub file: String,
    /// Message-ID with its angle brackets.
    pub message_id: Option<String>,
    /// The mail's subject.
    pub subject: Option<String>,
    /// `planned`, `none`, `parked`, `faulted`, `waiting`; `unreadable` where there is no mail to decide.
    pub decision: &'static str,
    /// The rules that took part, in order.
    pub rules: Vec<RuleName>,
    /// [`crate::plan::Action`] as JSON with its rule, receipts shown; mail has `subject`, `to`, `cc` and `body` besides, or
    /// `body_problem` where its template cannot be rendered. Empty with [`Detail::Brief`].
    pub actions: Vec<Value>,
    /// Why it is parked, faulted or unreadable; what it waits for.
    pub reason: Option<String>,
    /// The rules' notes.
    pub notes: Vec<String>,
    /// What the mailbox would remember and forget.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remember: Vec<MemoryWrite>,
    /// Line of the rule that is wrong or that parks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Where the rule is wrong. (`file` is always the mail's.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Place>,
    /// Where the rule parks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parked: Option<Place>,
    /// Each action in a few words, for people.
    #[serde(skip)]
    pub lines: Vec<String>,
    /// A fault in full, for people.
    #[serde(skip)]
    pub explanation: Option<String>,
    /// Why, with [`Detail::Explained`].
    #[serde(flatten)]
    pub why: Option<Why>,
}

/// Why a mail was decided so.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Why {
    /// What became of each rule, with the conditions of its `when`.
    pub trace: Vec<RuleStory>,
    /// What was read out of the mail, and where it stands.
    pub readings: Vec<Reading>,
    /// Steps of script code.
    pub operations: u64,
    /// How long the rules ran, in microseconds.
    pub microseconds: u64,
}

/// A place in a rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Place {
    /// Of a fault: its code, `R112`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The rule that parks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleName>,
    /// The file as faults name it.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<usize>,
}

/// How much of an outcome is worked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Actions in a few words; no text is rendered.
    Brief,
    /// Actions as JSON, texts rendered.
    Full,
    /// The same with the reasons.
    Explained,
}

impl Outcome {
    /// Decides a mail. `given` is for mail that has no expectation of its own beside it.
    pub fn of(found: Found, rehearsal: &Rehearsal<'_>, given: &Given, detail: Detail) -> Self {
        let file = found.file.clone();
        let own = match found.expectation.as_deref().map(CaseFile::read) {
            Some(Ok(case)) => Some(case.given),
            Some(Err(problems)) => return Self::unreadable(file, problems.join("; ")),
            None => None,
        };
        let raw = match found.read() {
            Ok(raw) => raw,
            Err(reason) => return Self::unreadable(file, reason),
        };
        let message = Arc::new(Message::from_raw(raw, &file));
        let own = own.map(|own| own.or(given));
        let given = own.as_ref().unwrap_or(given);
        if detail != Detail::Explained {
            return Self::told(file, &message.envelope, rehearsal.decide(&message, given), (rehearsal, detail));
        }
        let (Explained { decided, rules, readings, operations }, took) = rehearsal.explain(&message, given);
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let why = Some(Why { trace: rules, readings, operations, microseconds });
        Self { why, ..Self::told(file, &message.envelope, decided, (rehearsal, detail)) }
    }

    /// A mail that cannot be read, or that the program stumbled over.
    pub fn unreadable(file: String, reason: String) -> Self {
        Self { file, decision: "unreadable", reason: Some(reason), ..Self::default() }
    }

    /// Tells what was decided for a mail.
    pub(super) fn told(
        file: String,
        envelope: &Envelope,
        decided: Decided,
        (rehearsal, detail): (&Rehearsal<'_>, Detail),
    ) -> Self {
        let outcome = Self {
            file,
            message_id: envelope.internet_message_id.clone(),
            subject: envelope.subject.clone(),
            rules: decided.rules,
            notes: decided.notes,
            ..Self::default()
        };
        match decided.decision {
            Decision::None => Self { decision: "none", ..outcome },
            Decision::Waiting(question) => Self { decision: "waiting", reason: Some(question.to_string()), ..outcome },
            Decision::Parked { reason, rule, file, line } => {
                let parked = Some(Place { code: None, rule, file, line });
                Self { decision: "parked", reason: Some(reason), line, parked, ..outcome }
            }
            Decision::Faulted(fault) => Self {
                decision: "faulted",
                explanation: Some(fault.to_string()),
                line: fault.line,
                reason: Some(fault.message),
                fault: Some(Place { code: Some(fault.code), rule: None, file: Some(fault.file), line: fault.line }),
                ..outcome
            },
            Decision::Planned(plan) => {
                let whole = |planned: &PlannedAction| whole(planned, envelope, rehearsal);
                let actions = if detail == Detail::Brief { Vec::new() } else { plan.actions.iter().map(whole).collect() };
                let lines = plan.actions.iter().map(line).collect();
                Self { decision: "planned", actions, lines, remember: plan.remember, ..outcome }
            }
        }
    }
}

fn line(planned: &PlannedAction) -> String {
    match &planned.withheld {
        None => planned.action.to_string(),
        Some(reason) => format!("{} (withheld: {reason})", planned.action),
    }
}

fn whole(planned: &PlannedAction, envelope: &Envelope, rehearsal: &Rehearsal<'_>) -> Value {
    let mut action = show(&serde_json::to_value(planned).unwrap_or_default());
    let (Some(letter), Some(fields)) = (Letter::of(&planned.action, envelope, rehearsal.own_addresses()), action.as_object_mut())
    else {
        return action;
    };
    fields.insert("to".to_owned(), json!(letter.to));
    if !letter.cc.is_empty() {
        fields.insert("cc".to_owned(), json!(letter.cc));
    }
    if letter.subject.is_some() {
        fields.insert("subject".to_owned(), json!(letter.subject));
    }
    match letter.body(rehearsal.rules().templates(), envelope) {
        Ok(body) => drop(fields.insert("body".to_owned(), json!(body))),
        Err(problem) => {
            fields.insert("body".to_owned(), Value::Null);
            fields.insert("body_problem".to_owned(), json!(problem));
        }
    }
    action
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_that_others_rely_on_are_always_there() {
        let outcome = Outcome::unreadable("a.msg".to_owned(), "no".to_owned());
        let expected = json!({
            "file": "a.msg", "message_id": null, "subject": null, "decision": "unreadable",
            "rules": [], "actions": [], "reason": "no", "notes": [],
        });
        assert_eq!(serde_json::to_value(outcome).ok(), Some(expected));
    }
}
