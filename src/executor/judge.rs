//! What a look at a send in doubt means. Pure: the executor asks it, and so does the model that checks the send protocol.

use std::time::Duration;

use super::Patience;

/// Sends of one action at most: the first, and one more when a settled draft proves that it was not sent.
const SENDS_MAX: u64 = 2;

/// What a look found of a mail whose send has an unknown outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A mail that is no draft any more.
    Sent,
    /// The recorded draft as it was made.
    Untouched,
    /// The recorded draft, changed by somebody.
    Changed,
    /// Neither the draft nor a sent mail.
    Nothing,
}

/// How long it has been in doubt, and what was done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Since the call whose outcome is unknown.
    pub lasts: Duration,
    /// Looks before this one.
    pub looks: u32,
}

impl Doubt {
    /// The pause before the next look when one could not tell: ever longer. `None` when it has lasted too long to go on looking.
    pub fn next_look(self, patience: &Patience) -> Option<Duration> {
        let left = patience.give_up.checked_sub(self.lasts).filter(|left| !left.is_zero())?;
        Some(patience.look(self.looks).min(left))
    }
}

/// What follows from a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It was sent.
    Sent,
    /// It was not, and may be sent once more.
    SendAgain,
    /// Nothing yet: another look after this pause.
    LookAgain(Duration),
    /// Nothing more can be found out: a person decides.
    GiveUp,
}

/// Judges a look at a send that was made `sends` times. "Not found" never means "send again".
pub fn judge(seen: Seen, doubt: Doubt, sends: u64, patience: &Patience) -> Judged {
    match seen {
        Seen::Sent => Judged::Sent,
        Seen::Untouched if doubt.lasts >= patience.settle && sends < SENDS_MAX => Judged::SendAgain,
        Seen::Untouched | Seen::Changed | Seen::Nothing => doubt.next_look(patience).map_or(Judged::GiveUp, Judged::LookAgain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(minutes: u64, looks: u32) -> Doubt {
        Doubt { lasts: Duration::from_mins(minutes), looks }
    }

    #[test]
    fn only_an_untouched_draft_that_has_settled_is_sent_again_and_only_once() {
        let patience = Patience::default();
        let judged = |seen, minutes, sends| judge(seen, after(minutes, 9), sends, &patience);
        assert_eq!(judged(Seen::Untouched, 59, 1), Judged::LookAgain(Duration::from_mins(1)));
        assert_eq!(judged(Seen::Untouched, 60, 1), Judged::SendAgain);
        assert_eq!(judged(Seen::Untouched, 60, 2), Judged::GiveUp);
        assert_eq!([Seen::Changed, Seen::Nothing].map(|seen| judged(seen, 600, 1)), [Judged::GiveUp; 2]);
        assert_eq!([0, 60].map(|minutes| judged(Seen::Sent, minutes, 2)), [Judged::Sent; 2]);
    }

    #[test]
    fn the_looks_grow_rarer_and_the_last_one_comes_when_the_hour_is_over() {
        let patience = Patience::default();
        let pauses =
            [(0, 0), (1, 2), (30, 9), (50, 9), (60, 9)].map(|(minutes, looks)| after(minutes, looks).next_look(&patience));
        let again = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(pauses, [again(5), again(60), again(900), again(600), None]);
    }
}
