//! What came of a mail, in the words of an expectation file.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::expectation::{Expectation, ExpectedAction, ExpectedDecision, find_word};
use super::letter::Letter;
use super::rehearsal::Rehearsal;
use crate::mail::Envelope;
use crate::plan::{Action, Note, Plan, PlannedAction, show};
use crate::rules::{Decided, Decision};

/// What came, with everything that an expectation could ask for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Came {
    /// Every fact of it; its actions stand in `actions`.
    pub(super) told: Expectation,
    pub(super) actions: Vec<CameAction>,
    /// A rule's fault in full, for people.
    pub(super) fault: Option<String>,
    /// Where a rule parked it: `rules/invoices/10-a.rhai:8`.
    pub(super) parked_at: Option<String>,
}

/// One action that came.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CameAction {
    /// With every fact that could be asked for.
    pub(super) action: ExpectedAction,
    /// The facts that are worth writing down when nobody asked for any.
    pub(super) worth: Vec<&'static str>,
    /// The text that would be sent.
    pub(super) body: Option<String>,
}

/// Tells what came.
///
/// # Errors
/// In words: a question that nobody answers, a template that cannot be rendered.
pub(super) fn came(decided: &Decided, envelope: &Envelope, rehearsal: &Rehearsal<'_>) -> Result<Came, String> {
    let rules = decided.rules.iter().map(ToString::to_string).collect();
    let told = Expectation { rules: Some(rules), notes: Some(decided.notes.clone()), ..Expectation::default() };
    let with = |decision, reason: Option<&str>| Expectation { decision, reason: reason.map(str::to_owned), ..told.clone() };
    match &decided.decision {
        Decision::Waiting(question) => Err(format!(
            "the rules {question}, and no answer is given; write\n\n{}",
            super::layout::answer_for(question).unwrap_or_default()
        )),
        Decision::None => Ok(Came { told: with(ExpectedDecision::None, None), ..Came::default() }),
        Decision::Parked { reason, file, line, .. } => Ok(Came {
            told: with(ExpectedDecision::Parked, Some(reason)),
            parked_at: file.as_ref().map(|file| line.map_or(file.clone(), |line| format!("{file}:{line}"))),
            ..Came::default()
        }),
        Decision::Faulted(fault) => Ok(Came {
            told: with(ExpectedDecision::Faulted, Some(&fault.message)),
            fault: Some(fault.to_string()),
            ..Came::default()
        }),
        Decision::Planned(plan) => planned(told, plan, envelope, rehearsal),
    }
}

fn planned(told: Expectation, plan: &Plan, envelope: &Envelope, rehearsal: &Rehearsal<'_>) -> Result<Came, String> {
    let mut actions = Vec::with_capacity(plan.actions.len());
    for planned in &plan.actions {
        let letter = Letter::of(&planned.action, envelope, rehearsal.own_addresses());
        let body = match &letter {
            Some(letter) => letter
                .body(rehearsal.rules().templates(), envelope)
                .map_err(|problem| format!("{}: `{}` cannot be written: {problem}", planned.rule, planned.action))?,
            None => None,
        };
        actions.extend(came_action(planned, letter.as_ref(), body));
    }
    let remember = plan.remember.iter().filter_map(|write| Some((write.key.clone(), show(write.value.as_ref()?)))).collect();
    let forget = plan.remember.iter().filter(|write| write.value.is_none()).map(|write| write.key.clone()).collect();
    Ok(Came { told: Expectation { remember, forget, ..told }, actions, ..Came::default() })
}

fn came_action(planned: &PlannedAction, letter: Option<&Letter>, body: Option<String>) -> Option<CameAction> {
    let (word, about, mut worth) = said(&planned.action);
    let mut facts = BTreeMap::from([("rule".to_owned(), json!(planned.rule))]);
    if let Some(reason) = &planned.withheld {
        facts.insert("withheld".to_owned(), json!(reason));
    }
    match &planned.action {
        Action::Post { record, .. } => drop(facts.insert("record".to_owned(), without_nulls(show(record)))),
        Action::PostEach { records, .. } => {
            drop(facts.insert("records".to_owned(), records.iter().map(|record| without_nulls(show(record))).collect()));
        }
        _ => {}
    }
    if let Some(letter) = letter {
        let is_forward = matches!(planned.action, Action::Forward(_));
        for (name, list) in [("to", &letter.to), ("cc", &letter.cc), ("attach", &letter.attach)] {
            if !is_forward {
                facts.insert(name.to_owned(), json!(list));
            }
        }
        let template = letter.template.as_ref();
        let single = [
            ("subject", letter.subject.clone()),
            ("note", letter.note.clone()),
            ("template", template.filter(|_| is_forward).map(|(name, _)| name.clone())),
        ];
        facts.extend(single.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text?)))));
        facts.extend(template.map(|(_, data)| ("data".to_owned(), without_nulls(data.clone()))));
    }
    worth.push("withheld");
    Some(CameAction { action: ExpectedAction { word: find_word(word)?, about, facts }, worth, body })
}

/// The word a rule writes, what it is about, and the facts worth writing down.
fn said(action: &Action) -> (&'static str, Value, Vec<&'static str>) {
    let answer = |reply: &crate::plan::Reply| {
        let worth = [
            ("subject", reply.subject.is_some()),
            ("to", reply.to_reply_to),
            ("cc", !reply.cc.is_empty()),
            ("attach", !reply.attach.is_empty()),
        ];
        (json!(reply.template), worth.into_iter().filter_map(|(name, is)| is.then_some(name)).collect())
    };
    let plain = |word, about| (word, about, Vec::new());
    match action {
        Action::Post { endpoint, .. } => ("post", json!(endpoint), vec!["record"]),
        Action::PostEach { endpoint, .. } => ("post_each", json!(endpoint), vec!["records"]),
        Action::Reply(reply) => {
            let (about, worth) = answer(reply);
            ("reply", about, worth)
        }
        Action::ReplyAll(reply) => {
            let (about, worth) = answer(reply);
            ("reply_all", about, worth)
        }
        Action::DraftReply(reply) => {
            let (about, worth) = answer(reply);
            ("draft_reply", about, worth)
        }
        Action::Forward(forward) => {
            let worth = if matches!(forward.note, Some(Note::Template { .. })) { "template" } else { "note" };
            ("forward", json!(forward.to), vec![worth])
        }
        Action::Send(mail) => {
            let worth = [("to", true), ("cc", !mail.cc.is_empty()), ("subject", true), ("attach", !mail.attach.is_empty())];
            ("send", json!(mail.template), worth.into_iter().filter_map(|(name, is)| is.then_some(name)).collect())
        }
        Action::Move { folder } => plain("move_to", json!(folder)),
        Action::Copy { folder } => plain("copy_to", json!(folder)),
        Action::Categorise { names } => plain("categorise", json!(names)),
        Action::Uncategorise { names } => plain("uncategorise", json!(names)),
        Action::MarkRead => plain("mark_read", json!(true)),
        Action::MarkUnread => plain("mark_unread", json!(true)),
        Action::Flag(flag) => plain("flag", flag.due.map_or(json!(true), |due| json!(due.to_string()))),
        Action::SetImportance { importance } => plain("set_importance", json!(importance)),
        Action::Delete => plain("delete", json!(true)),
    }
}

/// TOML has no null, so an absent field is no field.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let there = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(there.map(|(name, value)| (name, without_nulls(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        value => value,
    }
}
