//! One mail under two rule sets: what would be different.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::case_file::{CaseFile, Given};
use super::outcome::{Detail, Outcome};
use super::past::{Past, Recorded};
use super::rehearsal::{Beside, Rehearsal};
use super::source::Found;
use crate::mail::{Content, Envelope, Message};
use crate::plan::{Action, Note, PlannedAction, Question};
use crate::rules::{Decided, Decision, RuleSet};

/// What a changed rule set does differently with one mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A changed rule is wrong.
    Fault,
    /// Nobody would do anything with it any more.
    NoLongerHandled,
    /// A person would have to look now.
    NowParked,
    /// Nothing was done with it, or a person had to look; now rules handle it.
    NewlyHandled,
    /// Something else would be done.
    Changed,
    /// A question would be asked that was never asked before: nobody knows.
    Unknown,
    /// There is no mail to decide.
    Unreadable,
    /// The same would be done.
    Same,
}

impl Change {
    /// All of them, what a person should see first first.
    pub const ALL: [Self; 8] = [
        Self::Fault,
        Self::NoLongerHandled,
        Self::NowParked,
        Self::NewlyHandled,
        Self::Changed,
        Self::Unknown,
        Self::Unreadable,
        Self::Same,
    ];

    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fault => "rule fails",
            Self::NoLongerHandled => "no longer handled",
            Self::NowParked => "now parked",
            Self::NewlyHandled => "newly handled",
            Self::Changed => "changed",
            Self::Unknown => "unknown",
            Self::Unreadable => "unreadable",
            Self::Same => "same",
        }
    }

    /// Of two decisions that are not the same.
    fn between(before: &str, after: &str) -> Self {
        match (before, after) {
            ("unreadable", _) | (_, "unreadable") => Self::Unreadable,
            ("waiting", _) | (_, "waiting") => Self::Unknown,
            (_, "faulted") => Self::Fault,
            ("parked", "parked") | ("planned", "planned") => Self::Changed,
            (_, "parked") => Self::NowParked,
            (_, "none") => Self::NoLongerHandled,
            _ => Self::NewlyHandled,
        }
    }
}

/// One mail under both rule sets.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// What the difference comes to.
    pub change: Change,
    /// Under the rules that are live; little is worked out where nothing differs.
    pub before: Outcome,
    /// Under the changed rules.
    pub after: Outcome,
    /// From, for people.
    #[serde(skip)]
    pub from: String,
}

/// Fetches the content of a mail that is not at hand.
pub type Fetch<'a> = Box<dyn FnOnce() -> Result<Content, String> + Send + 'a>;

/// A mail to be tried, with what the rules are told beside it.
pub struct Sample<'a> {
    /// How it is named to people.
    pub file: String,
    /// The mail.
    pub message: Arc<Message>,
    /// What the rules are told.
    pub beside: Box<dyn Beside + Send + 'a>,
    /// Where its content comes from, if that is not there already.
    pub fetch: Option<Fetch<'a>>,
}

impl Sample<'_> {
    /// A mail of a folder, with what stands in an expectation beside it, and else what was given and recorded.
    ///
    /// # Errors
    /// In words: it cannot be read.
    pub fn of_found(found: Found, given: &Given, recorded: Option<&Recorded>) -> Result<Self, String> {
        let file = found.file.clone();
        let own = match found.expectation.as_deref().map(CaseFile::read) {
            Some(Ok(case)) => case.given.or(given),
            Some(Err(problems)) => return Err(problems.join("; ")),
            None => given.clone(),
        };
        let message = Arc::new(Message::from_raw(found.read()?, &file));
        Ok(Self { file, message, beside: Box::new(Past::of_file(own, recorded)), fetch: None })
    }
}

/// Two rule sets that are set against each other.
pub struct Rivals<'s> {
    /// The rules that are live.
    before: Rehearsal<'s>,
    /// The changed rules.
    after: Rehearsal<'s>,
    same_templates: bool,
}

impl<'s> Rivals<'s> {
    /// The live rules and the changed ones.
    pub fn new(before: &'s RuleSet, after: &'s RuleSet) -> Self {
        let templates = |set: &'s RuleSet| set.files().files.iter().filter(|(path, _)| path.starts_with("templates/"));
        let same_templates = templates(before).eq(templates(after));
        Self { before: Rehearsal::new(before), after: Rehearsal::new(after), same_templates }
    }

    /// Decides a mail under both.
    pub fn compare(&self, sample: Sample<'_>) -> Compared {
        let Sample { file, mut message, beside, mut fetch } = sample;
        let from = message.envelope.from.as_ref().map(|from| from.address.clone()).unwrap_or_default();
        let mut decided = Vec::with_capacity(2);
        for rehearsal in [&self.before, &self.after] {
            let mut one = rehearsal.decide(&message, &*beside);
            if one.decision == Decision::Waiting(Question::Content)
                && let Some(fetch) = fetch.take()
            {
                match fetch() {
                    Ok(content) => message = Arc::new(message.as_ref().clone().with_content(Arc::new(content))),
                    Err(reason) => return Compared { from, ..unreadable(file, &message.envelope, &reason) },
                }
                one = rehearsal.decide(&message, &*beside);
            }
            decided.push(one);
        }
        let (Some(after), Some(before)) = (decided.pop(), decided.pop()) else {
            return Compared { from, ..unreadable(file, &message.envelope, "it was not decided") };
        };
        Compared { from, ..self.told(file, &message.envelope, before, after) }
    }

    /// Sets two decisions against each other.
    pub fn told(&self, file: String, envelope: &Envelope, before: Decided, after: Decided) -> Compared {
        let detail = if self.is_plainly_same(&before, &after) { Detail::Brief } else { Detail::Full };
        let before = Outcome::told(file.clone(), envelope, before, (&self.before, detail));
        let after = Outcome::told(file, envelope, after, (&self.after, detail));
        let is_same = before.decision != "waiting" && (detail == Detail::Brief || effects(&before) == effects(&after));
        let change = if is_same { Change::Same } else { Change::between(before.decision, after.decision) };
        Compared { change, before, after, from: String::new() }
    }

    /// Whether both want the same, seen without rendering a text.
    fn is_plainly_same(&self, before: &Decided, after: &Decided) -> bool {
        match (&before.decision, &after.decision) {
            (Decision::Planned(before), Decision::Planned(after)) => {
                let same = |(a, b): (&PlannedAction, &PlannedAction)| a.action == b.action && a.withheld == b.withheld;
                before.remember == after.remember
                    && before.actions.len() == after.actions.len()
                    && before.actions.iter().zip(&after.actions).all(same)
                    && (self.same_templates || !before.actions.iter().any(|planned| is_rendered(&planned.action)))
            }
            (Decision::None, Decision::None) => true,
            _ => false,
        }
    }
}

impl Compared {
    /// A mail that cannot be read, or that the program stumbled over.
    pub fn unreadable(file: String, reason: String) -> Self {
        let outcome = Outcome::unreadable(file, reason);
        Self { change: Change::Unreadable, before: outcome.clone(), after: outcome, from: String::new() }
    }
}

fn unreadable(file: String, envelope: &Envelope, reason: &str) -> Compared {
    let outcome = Outcome {
        subject: envelope.subject.clone(),
        message_id: envelope.internet_message_id.clone(),
        ..Outcome::unreadable(file, reason.to_owned())
    };
    Compared { change: Change::Unreadable, before: outcome.clone(), after: outcome, from: String::new() }
}

/// Whether its text comes from a template.
fn is_rendered(action: &Action) -> bool {
    match action {
        Action::Reply(_) | Action::ReplyAll(_) | Action::DraftReply(_) | Action::Send(_) => true,
        Action::Forward(forward) => matches!(forward.note, Some(Note::Template { .. })),
        _ => false,
    }
}

/// What an outcome comes to outside: not which rule wanted it, nor in which line.
fn effects(outcome: &Outcome) -> impl PartialEq + use<> {
    let actions = outcome.actions.iter().map(|action| {
        let mut action = action.clone();
        if let Some(fields) = action.as_object_mut() {
            fields.remove("rule");
            fields.remove("data");
        }
        action
    });
    (outcome.decision, actions.collect::<Vec<Value>>(), outcome.reason.clone(), outcome.remember.clone())
}

#[cfg(test)]
mod tests {
    use super::Change::{Changed, Fault, NewlyHandled, NoLongerHandled, NowParked};
    use super::*;

    #[test]
    fn a_change_is_named_by_what_a_person_fears() {
        let decisions = ["planned", "none", "parked", "faulted"];
        let between = |before: &str| decisions.map(|after| Change::between(before, after));
        assert_eq!(between("planned"), [Changed, NoLongerHandled, NowParked, Fault]);
        assert_eq!(between("none"), [NewlyHandled, NoLongerHandled, NowParked, Fault]);
        assert_eq!(between("parked"), [NewlyHandled, NoLongerHandled, Changed, Fault]);
        assert_eq!(between("faulted"), [NewlyHandled, NoLongerHandled, NowParked, Fault]);
        assert_eq!(Change::between("waiting", "planned"), Change::Unknown);
    }
}
