//! What must come of a mail, and what came of it: one form for both, in the words of an expectation file.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a fixture's `[expect]` says, or the same about what came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expectation {
    /// What was decided.
    pub decision: ExpectedDecision,
    /// Why, where the decision has a reason; `*` for any.
    pub reason: Option<String>,
    /// The rules that took part; `None` does not ask.
    pub rules: Option<Vec<String>>,
    /// The rules' notes; `None` does not ask.
    pub notes: Option<Vec<String>>,
    /// What shall be remembered, all of it; `"*"` for any value.
    pub remember: BTreeMap<String, Value>,
    /// What shall be forgotten, all of it.
    pub forget: Vec<String>,
    /// The actions, all of them, in order.
    pub actions: Vec<ExpectedAction>,
}

/// The decisions that can be expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExpectedDecision {
    /// Rules apply.
    #[default]
    Planned,
    /// No rule applies.
    None,
    /// A person must look.
    Parked,
    /// A rule is wrong.
    Faulted,
}

impl ExpectedDecision {
    pub(super) const ALL: [Self; 4] = [Self::Planned, Self::None, Self::Parked, Self::Faulted];

    /// As an expectation file writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::None => "none",
            Self::Parked => "parked",
            Self::Faulted => "faulted",
        }
    }
}

/// One `[[expect.action]]`: the word a rule writes, what it is about, and facts about it.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectedAction {
    /// The word: `post`, `reply`, `move_to` …
    pub word: &'static Word,
    /// What it is about: the endpoint, the template, the folder, the categories …
    pub about: Value,
    /// Further facts by name: `record`, `subject`, `withheld` …
    pub facts: BTreeMap<String, Value>,
}

/// A word of an action and the facts that can be expected of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Word {
    /// As rules write it.
    pub name: &'static str,
    /// The names of its facts beside `rule` and `withheld`, which every action has.
    pub facts: &'static [&'static str],
    /// The fact that is compared even when the expectation leaves it out.
    pub always: Option<&'static str>,
}

/// The facts that every action has.
pub(super) const EVERY_FACT: [&str; 2] = ["rule", "withheld"];

const ANSWER: &[&str] = &["to", "cc", "subject", "data", "attach", "body_contains"];

const fn word(name: &'static str, facts: &'static [&'static str], always: Option<&'static str>) -> Word {
    Word { name, facts, always }
}

/// All words.
pub(super) static WORDS: [Word; 16] = [
    word("post", &["record"], Some("record")),
    word("post_each", &["records"], Some("records")),
    word("reply", ANSWER, None),
    word("reply_all", ANSWER, None),
    word("draft_reply", ANSWER, None),
    word("forward", &["note", "template", "data", "body_contains"], None),
    word("send", ANSWER, None),
    word("move_to", &[], None),
    word("copy_to", &[], None),
    word("categorise", &[], None),
    word("uncategorise", &[], None),
    word("mark_read", &[], None),
    word("mark_unread", &[], None),
    word("flag", &[], None),
    word("set_importance", &[], None),
    word("delete", &[], None),
];

/// The word of that name; `categorize` is `categorise`.
pub(super) fn find_word(name: &str) -> Option<&'static Word> {
    let name = match name {
        "categorize" => "categorise",
        "uncategorize" => "uncategorise",
        name => name,
    };
    WORDS.iter().find(|word| word.name == name)
}
