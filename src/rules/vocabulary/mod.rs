//! The words of the language, one file a family, each word with its line for the reference.
//!
//! Owns what scripts can say. Never performs anything: actions append to the plan, questions end the run.

mod actions;
mod answers;
mod attachment;
mod authenticity;
mod calendar;
mod content;
mod dates;
mod enclosed;
mod envelope;
mod finders;
mod flow;
mod invoice;
mod kind;
mod mailings;
mod questions;
mod register;
mod report;
mod text;
mod text_basics;
mod told;

use rhai::Engine;

pub(super) use content::LATER as MAIL_LATER;
pub(super) use mailings::{FORWARD_OPTIONS, REPLY_OPTIONS, SEND_OPTIONS};

/// One word of the language, as the reference shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// The word.
    pub name: &'static str,
    /// Its family.
    pub family: &'static str,
    /// How it is written and what it gives: `mail.attachment(glob) -> attachment`.
    pub signature: &'static str,
    /// What it is for, in a line.
    pub summary: &'static str,
    /// A line or two of a rule's `then`; a test runs it.
    pub example: &'static str,
}

/// How a signature says that a word may give `()`.
const OR_ABSENT: &str = " or ()";

impl Word {
    const fn new(parts: [&'static str; 5]) -> Self {
        let [name, family, signature, summary, example] = parts;
        Self { name, family, signature, summary, example }
    }

    /// What it is said of: `mail`, `text`, `attachment` …; nothing for words that stand alone.
    pub fn receiver(&self) -> Option<&'static str> {
        let head = self.signature.split(['(', ' ']).next()?;
        head.rsplit_once('.').map(|(receiver, _)| receiver)
    }

    /// How it is written, without what it gives: `mail.attachment(glob)`.
    pub fn written(&self) -> &'static str {
        self.signature.split(" -> ").next().unwrap_or(self.signature)
    }

    /// The kind of what it gives, if it gives something.
    pub fn gives(&self) -> Option<&'static str> {
        self.signature.rsplit_once("-> ").map(|(_, kind)| kind.trim_end_matches(OR_ABSENT))
    }

    /// Whether it gives `()` when there is nothing.
    pub fn may_be_absent(&self) -> bool {
        self.signature.ends_with(OR_ABSENT)
    }
}

/// All words, family by family.
pub fn words() -> impl Iterator<Item = &'static Word> {
    [
        envelope::WORDS,
        kind::WORDS,
        authenticity::WORDS,
        content::WORDS,
        attachment::WORDS,
        enclosed::WORDS,
        invoice::WORDS,
        calendar::WORDS,
        report::WORDS,
        text::WORDS,
        finders::WORDS,
        text_basics::WORDS,
        dates::WORDS,
        actions::WORDS,
        answers::WORDS,
        mailings::WORDS,
        questions::WORDS,
        flow::WORDS,
    ]
    .into_iter()
    .flatten()
}

/// Words of the language that stand alone and that this version does not have.
pub(super) const LATER: [&str; 16] = [
    "save_file",
    "create_event",
    "update_event",
    "cancel_event",
    "create_contact",
    "update_contact",
    "person",
    "manager",
    "reports",
    "is_member",
    "free_busy",
    "free_times",
    "events",
    "contact",
    "find_mail",
    "file",
];

/// Registers every word.
pub(super) fn register(engine: &mut Engine) {
    envelope::register(engine);
    kind::register(engine);
    authenticity::register(engine);
    content::register(engine);
    attachment::register(engine);
    enclosed::register(engine);
    invoice::register(engine);
    calendar::register(engine);
    report::register(engine);
    text::register(engine);
    finders::register(engine);
    text_basics::register(engine);
    dates::register(engine);
    actions::register(engine);
    answers::register(engine);
    mailings::register(engine);
    questions::register(engine);
    flow::register(engine);
}
