//! Rules in the shadow: they decide beside the live ones, act on nothing, ask nobody, and their differences are written down.

use std::sync::Arc;

use super::{DecidedMailbox, Decider, LiveRules};
use crate::journal::{JournalError, Row, Shadowed, Undecided};
use crate::mail::{Envelope, Message};
use crate::plan::{Answers, Question};
use crate::rules::{Decided, Decision, RuleSet};

/// Sets the decision of the live rules and that of the rules in the shadow against each other, by whoever can tell them to people.
pub type Compare = Arc<dyn Fn(&Envelope, (&RuleSet, Decided), (&RuleSet, Decided)) -> Difference + Send + Sync>;

/// Rules in the shadow.
#[derive(Clone)]
pub struct Shadow {
    /// The rules.
    pub rules: LiveRules,
    /// How they are set against the live ones.
    pub compare: Compare,
}

/// What two decisions differ in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// In a word; `same` where they do not.
    pub change: String,
    /// Both sides in lines, as JSON.
    pub lines: String,
}

impl Decider {
    /// Lets the rules in the shadow decide what the live ones have just decided. The content is read for them; no endpoint is asked for
    /// their sake, and whatever keeps them from deciding keeps nothing else.
    pub(super) async fn beside(
        &self,
        mailbox: &DecidedMailbox,
        (undecided, message, answers): (&Undecided, &Message, &Answers),
        (live, decided): (&Arc<RuleSet>, &Decided),
    ) -> Option<Shadowed> {
        let shadow = mailbox.shadow.as_ref()?;
        if matches!(decided.decision, Decision::Waiting(_)) {
            return None;
        }
        let set = shadow.rules.current();
        let mut message = message.clone();
        let mut other = self.run_rules(&set, &message, answers, undecided).await;
        if other.decision == Decision::Waiting(Question::Content)
            && let Some(content) = self.content_for_shadow(mailbox, undecided).await
        {
            message = message.with_content(content);
            other = self.run_rules(&set, &message, answers, undecided).await;
        }
        let (hash, compare) = (set.hash().clone(), Arc::clone(&shadow.compare));
        let (live, decided, envelope) = (Arc::clone(live), decided.clone(), message.envelope);
        let live_hash = live.hash().clone();
        let compared = self.clock.work(move || compare(&envelope, (&live, decided), (&set, other))).await;
        match compared {
            Ok(Difference { change, lines }) => Some(Shadowed { rule_set: hash, live: live_hash, change, lines }),
            Err(panic) => {
                tracing::error!(message = undecided.row.0, %panic, "the rules in the shadow could not be compared");
                None
            }
        }
    }

    async fn content_for_shadow(&self, mailbox: &DecidedMailbox, undecided: &Undecided) -> Option<Arc<crate::mail::Content>> {
        let raw = mailbox.graph.mime(undecided.envelope.id.as_ref()?).await.ok()?;
        let parser = self.parser.clone();
        self.clock.work(move || parser.parse(raw)).await.ok()?.ok().map(Arc::new)
    }

    /// Writes down what the rules in the shadow would have done.
    pub(super) async fn note_shadow(&self, row: Row, shadowed: Option<Shadowed>) -> Result<(), JournalError> {
        match shadowed {
            Some(shadowed) => self.journal.record_shadow(row, shadowed).await,
            None => Ok(()),
        }
    }
}
