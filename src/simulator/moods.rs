//! How a tenant behaves where Microsoft promises nothing: each mood is a chance or a time, drawn for every message or call.

use std::time::Duration;

use super::luck::{Chance, Draw, Span, draw};

/// What becomes of a second `send` of one draft.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecondSend {
    /// 404, be the draft still on its way or in Sent Items.
    Refused,
    /// It sends a second mail as long as the draft is on its way; 404 afterwards.
    #[default]
    WhileSubmitted,
    /// It sends a second mail whenever it comes.
    Always,
}

/// How a tenant behaves where Microsoft promises nothing. As it stands by default, it is as kind as Microsoft's pages tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moods {
    /// How long a call takes, on top of [`super::Options::latency`].
    pub latency: Span,
    /// How long a sent draft stays a draft, on top of [`super::Options::sent_delay`].
    pub sent_delay: Span,
    /// A submitted draft is not found by its id until it lies in Sent Items; lists show it.
    pub hides_submitted: Chance,
    /// The copy in Sent Items has another immutable id than the draft.
    pub new_id_on_send: Chance,
    /// The mail goes out, and is kept, under another Message-ID than the draft's.
    pub new_message_id_on_send: Chance,
    /// What becomes of a second `send`.
    pub second_send: SecondSend,
    /// How long after its birth a message is found by `$filter` on extended properties.
    pub index_lag: Span,
    /// A `move` of what a person had moved before makes a copy and leaves the message where it is.
    pub copies_after_person: Chance,
    /// A `send` that is accepted (202) names `Retry-After`.
    pub accepts_with_retry_after: Chance,
    /// A recipient outside of our own domains cannot be reached: a report comes back.
    pub bounces: Chance,
    /// How long after the mail was transported such a report arrives.
    pub bounce_delay: Span,
    /// A message that left a folder and came back to it between two delta rounds is told as removed and nothing else, to those who
    /// ask for immutable ids, until it is touched again.
    pub hides_returned: Chance,
    /// A message that arrived is told by no delta round, be it of its folder from the beginning.
    pub loses_entries: Chance,
}

/// Moods under a seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Temper {
    pub seed: u64,
    pub moods: Moods,
}

impl Temper {
    /// The draw for a question about a message or call of this print.
    pub fn draw(&self, question: &str, print: u64) -> Draw {
        draw(self.seed, question, print)
    }

    /// Whether what `question` names happens to this print.
    pub fn strikes(&self, question: &str, chance: Chance, print: u64) -> bool {
        chance.strikes(self.draw(question, print))
    }

    /// The time that `question` names for this print.
    pub fn time(&self, question: &str, span: Span, print: u64) -> Duration {
        span.of(self.draw(question, print))
    }
}
