//! The rules of one mailbox, tried on a mail with what a case gives them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::case_file::Given;
use crate::clock::{Clock, from_ms};
use crate::mail::{Envelope, Message};
use crate::plan::{Answers, Question};
use crate::rules::limits::QUESTIONS_MAX;
use crate::rules::{self, Decided, Decision, Explained, Input, Memory, RuleSet};

/// Wall time of one run. Far more than a live run gets: operations decide, and a busy machine must not fail a case.
const RUN_MAX: Duration = Duration::from_secs(5);

/// When a mail without any date is decided: 2024-01-01T00:00:00Z, so that a case never depends on today.
const UNDATED_MS: i64 = 1_704_067_200_000;

/// What the rules are told beside the mail.
pub trait Beside {
    /// When the mail is decided; `None` is when it was received.
    fn now(&self) -> Option<Timestamp>;
    /// What is remembered.
    fn memory(&self) -> Arc<dyn Memory>;
    /// The reply to a question, where there is one.
    fn reply(&self, question: &Question) -> Option<Value>;
}

impl Beside for Given {
    fn now(&self) -> Option<Timestamp> {
        self.now
    }

    fn memory(&self) -> Arc<dyn Memory> {
        self.memory.clone()
    }

    fn reply(&self, question: &Question) -> Option<Value> {
        self.answer_to(question).cloned()
    }
}

/// The rules of one mailbox, to be tried.
pub struct Rehearsal<'s> {
    rules: &'s RuleSet,
    clock: Clock,
}

impl<'s> Rehearsal<'s> {
    /// Rules to be tried. They need a thread with a stack of [`rules::STACK_BYTES`], as [`super::in_order`] has them.
    pub fn new(rules: &'s RuleSet) -> Self {
        Self { rules, clock: Clock::system() }
    }

    /// The rules.
    pub fn rules(&self) -> &'s RuleSet {
        self.rules
    }

    /// The addresses of our own mailboxes, which no answer goes to.
    pub(super) fn own_addresses(&self) -> &'s [String] {
        &self.rules.surroundings().own_addresses
    }

    /// Decides, answering questions from what is given; `Waiting` when there is no answer.
    pub fn decide(&self, message: &Arc<Message>, given: &dyn Beside) -> Decided {
        self.answered(message, given, |input| rules::decide(self.rules, input), |decided| &decided.decision).0
    }

    /// The same with the reasons, and how long the last run took.
    pub fn explain(&self, message: &Arc<Message>, given: &dyn Beside) -> (Explained, Duration) {
        self.answered(message, given, |input| rules::explain(self.rules, input), |explained| &explained.decided.decision)
    }

    fn answered<T>(
        &self,
        message: &Arc<Message>,
        given: &dyn Beside,
        run: impl Fn(&Input) -> T,
        decision: fn(&T) -> &Decision,
    ) -> (T, Duration) {
        let mut answers = Arc::new(Answers::new());
        let mut asked = 0;
        loop {
            let stopwatch = self.clock.stopwatch();
            let took = stopwatch.clone();
            let input = Input {
                message: Arc::clone(message),
                answers: Arc::clone(&answers),
                memory: given.memory(),
                now: given.now().unwrap_or_else(|| decided_at(&message.envelope)),
                expired: Arc::new(move || stopwatch.elapsed() > RUN_MAX),
            };
            let came = run(&input);
            let took = took.elapsed();
            let Decision::Waiting(question) = decision(&came) else { return (came, took) };
            let reply = given.reply(question).filter(|_| asked <= QUESTIONS_MAX);
            let Some(reply) = reply else { return (came, took) };
            Arc::make_mut(&mut answers).insert(question.key(), reply);
            asked += 1;
        }
    }
}

/// When the mail came, so that a replay of old mail decides as it would have been decided then.
fn decided_at(envelope: &Envelope) -> Timestamp {
    envelope.received.or(envelope.sent).unwrap_or_else(|| from_ms(UNDATED_MS))
}
