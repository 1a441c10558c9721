//! Accepting what came, case by case.

use super::super::ask::{EACH, Said, ask};
use super::super::say;
use super::TestArgs;

/// What becomes of the next case that is not as expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Review {
    /// Nothing is accepted.
    None,
    /// A person is asked.
    Ask,
    /// Everything is.
    All,
    /// A person wants no more of it.
    Ended,
}

/// What was said to a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Nobody wants to accept anything.
    NotAsked,
    Accepted,
    /// A person has seen it and does not.
    Refused,
    /// A person wanted no more before it came up.
    Unseen,
}

impl Review {
    pub(super) fn of(args: &TestArgs) -> Self {
        match (args.accept, args.yes) {
            (false, _) => Self::None,
            (true, false) => Self::Ask,
            (true, true) => Self::All,
        }
    }

    /// Whether a case is accepted, after showing it to the person who is asked.
    pub(super) fn say(&mut self, name: &str, shown: &str) -> Word {
        match self {
            Self::None => Word::NotAsked,
            Self::All => Word::Accepted,
            Self::Ended => Word::Unseen,
            Self::Ask => {
                say(shown);
                // A terminal that cannot be read from is one that says no.
                let said = ask(&format!("Accept this for {name}?"), &EACH).unwrap_or(Said::Quit);
                match said {
                    Said::All => *self = Self::All,
                    Said::Quit => *self = Self::Ended,
                    Said::Yes | Said::No => {}
                }
                if matches!(said, Said::Yes | Said::All) { Word::Accepted } else { Word::Refused }
            }
        }
    }
}
