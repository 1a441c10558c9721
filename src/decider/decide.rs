//! One message: rules, questions, answers, plan.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinError;

use super::{DECISIONS_MAX, DecidedMailbox, Decider};
use crate::graph::ErrorKind;
use crate::ids::MailboxName;
use crate::journal::{Journal, JournalError, Recorded, Row, Undecided, Undone};
use crate::mail::{Attachment, Message};
use crate::panics;
use crate::parsing::Unparsed;
use crate::plan::{Answers, Question};
use crate::rules::{self, Decided, Decision, Input, Memory, RuleSet, codes};
use crate::verdict::Verdict;

/// Script time of one run.
const RUN_MAX: Duration = Duration::from_millis(250);
/// Runs of the rules over one message before it is put off: every question costs one, every memory conflict too.
const RUNS_MAX: usize = 40;
/// Pauses before a question is asked again that could not be answered; the last one repeats.
const PAUSES: [Duration; 6] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
];
/// Attempts to get an answer before the message is parked: about five days of the pauses above.
const TRIES_MAX: u32 = 60;

/// The mailbox's memory as a script sees it.
struct MailboxMemory {
    journal: Journal,
    mailbox: MailboxName,
}

impl Memory for MailboxMemory {
    fn recall(&self, key: &str) -> Result<Option<serde_json::Value>, String> {
        self.journal.recall(&self.mailbox, key).map_err(|error| error.to_string())
    }
}

/// What an attempt to answer a question came to.
pub(super) enum Answered {
    /// Run the rules again.
    Again,
    /// The message has its end, or waits in the journal.
    Written,
}

impl Decider {
    /// Decides one message, or puts it off. A panic stays with it: the message is parked, the others go on.
    pub(super) async fn decide_whole(&self, undecided: Undecided) -> (Row, Result<(), JournalError>) {
        let row = undecided.row;
        let decided = match panics::caught(self.decide(undecided)).await {
            Ok(decided) => decided,
            Err(panic) => {
                let reason = format!("the program failed while it decided: {panic}");
                tracing::error!(message = row.0, %reason, "the message is parked, the others go on");
                self.journal.record_undone(row, None, Undone::Parked(reason)).await
            }
        };
        (row, decided)
    }

    async fn decide(&self, undecided: Undecided) -> Result<(), JournalError> {
        let row = undecided.row;
        let Some(mailbox) = self.mailboxes.get(&undecided.mailbox) else {
            let reason = format!("mailbox `{}` is not in the configuration", undecided.mailbox);
            return self.journal.put_off(row, PAUSES[3], reason).await;
        };
        let mut answers = undecided.answers.clone();
        let mut message = Message::new(undecided.envelope.clone());
        if let Answered::Written = self.note_bounce(&mailbox, &undecided, &mut message).await? {
            return Ok(());
        }
        // One version from the first question to the plan, whatever goes live meanwhile.
        let set = mailbox.rules.current();
        for _ in 0..RUNS_MAX {
            let decided = self.run_rules(&set, &message, &answers, &undecided).await;
            // Before the plan is recorded, for the memory that it writes was not there when it was decided.
            let beside = self.beside(&mailbox, (&undecided, &message, &answers), (&set, &decided)).await;
            let undone = match decided.decision {
                Decision::Waiting(Question::Content) => match self.fetch(&mailbox, &undecided, &mut message).await? {
                    Answered::Again => continue,
                    Answered::Written => return Ok(()),
                },
                Decision::Waiting(Question::Attachments) => match self.read_attachments(&undecided, &message).await? {
                    Answered::Again => continue,
                    Answered::Written => return Ok(()),
                },
                Decision::Waiting(question) => match self.ask(&undecided, &question, &mut answers).await? {
                    Answered::Again => continue,
                    Answered::Written => return Ok(()),
                },
                Decision::Planned(plan) => match self.journal.record_plan(row, set.hash(), plan).await? {
                    Recorded::MemoryChanged => continue,
                    Recorded::Planned | Recorded::AlreadyDecided => return self.note_shadow(row, beside).await,
                },
                Decision::None => Undone::Nothing { rules: decided.rules },
                Decision::Parked { reason, rule, file, line } => {
                    let place = match (file, line, rule) {
                        (Some(file), Some(line), _) => format!(" ({file}:{line})"),
                        (Some(file), None, _) => format!(" ({file})"),
                        (None, _, Some(rule)) => format!(" ({rule})"),
                        (None, _, None) => String::new(),
                    };
                    Undone::Parked(format!("{reason}{place}"))
                }
                Decision::Faulted(fault) => Undone::Faulted(fault.to_string()),
            };
            self.journal.record_undone(row, Some(set.hash()), undone).await?;
            return self.note_shadow(row, beside).await;
        }
        self.journal.put_off(row, PAUSES[1], format!("{RUNS_MAX} runs of the rules came to no end")).await
    }

    /// Runs the rules on a thread that may block; once more alone when they ran out of time.
    pub(super) async fn run_rules(
        &self,
        set: &Arc<RuleSet>,
        message: &Message,
        answers: &Answers,
        undecided: &Undecided,
    ) -> Decided {
        let decided = self.run_once(set, message, answers, undecided, 1).await;
        match &decided.decision {
            Decision::Faulted(fault) if fault.code == codes::WALL_TIME => {
                self.run_once(set, message, answers, undecided, DECISIONS_MAX).await
            }
            _ => decided,
        }
    }

    async fn run_once(
        &self,
        set: &Arc<RuleSet>,
        message: &Message,
        answers: &Answers,
        undecided: &Undecided,
        permits: u32,
    ) -> Decided {
        let memory = MailboxMemory { journal: self.journal.clone(), mailbox: undecided.mailbox.clone() };
        let (message, answers) = (Arc::new(message.clone()), Arc::new(answers.clone()));
        let (set, clock) = (Arc::clone(set), self.clock.clone());
        let run = move || {
            let stopwatch = clock.stopwatch();
            let expired = Arc::new(move || stopwatch.elapsed() > RUN_MAX);
            rules::decide(&set, &Input { message, answers, memory: Arc::new(memory), now: clock.now(), expired })
        };
        self.work(undecided, permits, run).await.unwrap_or_else(|panic| Decided {
            decision: Decision::Parked {
                reason: format!("the rules could not be run: {panic}"),
                rule: None,
                file: None,
                line: None,
            },
            rules: Vec::new(),
            trace: Vec::new(),
            notes: Vec::new(),
        })
    }

    /// Work that may take long or kill the process, on a thread that may block: with its mark around it, and with no other beside it
    /// where the process has died during this message's work before.
    async fn work<T: Send + 'static>(
        &self,
        undecided: &Undecided,
        permits: u32,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let permits = if undecided.deaths > 0 { DECISIONS_MAX } else { permits };
        let permit = self.running.acquire_many(permits).await;
        let (deciding, row) = (self.deciding.clone(), undecided.row);
        let done = self.clock.work(move || {
            let _mark = deciding.mark(row);
            work()
        });
        let done = done.await;
        drop(permit);
        done
    }

    /// Answers the first of the questions.
    pub(super) async fn fetch(
        &self,
        mailbox: &DecidedMailbox,
        undecided: &Undecided,
        message: &mut Message,
    ) -> Result<Answered, JournalError> {
        let Some(id) = &undecided.envelope.id else {
            return self.end(undecided, Undone::Parked("the message has no id".to_owned())).await;
        };
        match mailbox.graph.mime(id).await {
            Ok(raw) => {
                let parser = self.parser.clone();
                match self.work(undecided, 1, move || parser.parse(raw)).await {
                    Ok(Ok(content)) => {
                        let defects: Vec<String> = content.defects().iter().map(ToString::to_string).collect();
                        if !defects.is_empty() {
                            self.journal.record_defects(undecided.row, defects).await?;
                        }
                        *message = message.clone().with_content(Arc::new(content));
                        Ok(Answered::Again)
                    }
                    Ok(Err(unparsed @ Unparsed::NoChild(_))) => {
                        self.put_off(undecided, Verdict::Retry, unparsed.to_string()).await
                    }
                    Ok(Err(unparsed)) => self.end(undecided, Undone::Parked(unparsed.to_string())).await,
                    Err(panic) => self.end(undecided, Undone::Parked(format!("the content could not be parsed: {panic}"))).await,
                }
            }
            // A lookup can fail in passing: only a message that is not found twice is gone.
            Err(error) if error.is_gone() && undecided.tries > 0 => {
                self.end(undecided, Undone::Gone("a person moved the message out of the mailbox or deleted it".to_owned())).await
            }
            Err(error) if error.kind == ErrorKind::TooLarge => self.end(undecided, Undone::Parked(error.to_string())).await,
            Err(error) => match error.verdict() {
                Verdict::Never if !error.is_configuration() && !error.is_gone() => {
                    self.end(undecided, Undone::Parked(error.to_string())).await
                }
                verdict => self.put_off(undecided, verdict, error.to_string()).await,
            },
        }
    }

    /// Answers the question for what stands in the attached files. What cannot be read of them is the rules' to ask about, and is
    /// told in the story.
    async fn read_attachments(&self, undecided: &Undecided, message: &Message) -> Result<Answered, JournalError> {
        let (parser, message) = (self.parser.clone(), message.clone());
        let read = self.work(undecided, 1, move || {
            let Ok(content) = message.content() else { return Ok(Vec::new()) };
            let unread = content.unread();
            parser.read_attachments(content)?;
            Ok(unread.into_iter().filter_map(problem_of).collect())
        });
        match read.await {
            Ok(Ok(problems)) => {
                if !problems.is_empty() {
                    self.journal.record_defects(undecided.row, problems).await?;
                }
                Ok(Answered::Again)
            }
            Ok(Err(unparsed)) => {
                let unparsed: Unparsed = unparsed;
                self.put_off(undecided, Verdict::Retry, unparsed.to_string()).await
            }
            Err(panic) => self.end(undecided, Undone::Parked(format!("the attachments could not be read: {panic}"))).await,
        }
    }

    /// Answers `ask`: the question is written down first, and the first answer holds.
    async fn ask(&self, undecided: &Undecided, question: &Question, answers: &mut Answers) -> Result<Answered, JournalError> {
        let Question::Ask { endpoint, request } = question else {
            return self.end(undecided, Undone::Parked(format!("nobody can answer: {question}"))).await;
        };
        self.journal.record_question(undecided.row, question).await?;
        let key = question.key();
        let body = request.to_string().into_bytes();
        match self.endpoints.ask(endpoint, &format!("{}-{key}", undecided.row.0), &body).await {
            Ok(answer) => {
                self.journal.record_answer(undecided.row, question, answer.clone()).await?;
                answers.insert(key, answer);
                Ok(Answered::Again)
            }
            Err(error) => match error.verdict() {
                Verdict::Never if !error.is_configuration() => self.end(undecided, Undone::Parked(error.to_string())).await,
                verdict => self.put_off(undecided, verdict, error.to_string()).await,
            },
        }
    }

    async fn end(&self, undecided: &Undecided, undone: Undone) -> Result<Answered, JournalError> {
        self.journal.record_undone(undecided.row, None, undone).await?;
        Ok(Answered::Written)
    }

    async fn put_off(&self, undecided: &Undecided, verdict: Verdict, reason: String) -> Result<Answered, JournalError> {
        if undecided.tries >= TRIES_MAX {
            return self.end(undecided, Undone::Parked(format!("{reason}; asked {TRIES_MAX} times"))).await;
        }
        let position = usize::try_from(undecided.tries).unwrap_or(usize::MAX);
        let pause = PAUSES.get(position).or(PAUSES.last()).copied().unwrap_or(RUN_MAX);
        let after = match verdict {
            Verdict::RetryAfter(after) => after,
            _ => pause,
        };
        self.journal.put_off(undecided.row, after, reason).await?;
        Ok(Answered::Written)
    }
}

/// What cannot be read of a file that people see as one, for the message's story.
fn problem_of(file: &Attachment) -> Option<String> {
    let problem = file.problem().ok().flatten().filter(|_| !file.is_inline())?;
    Some(format!("the attachment `{}`: {problem}", file.name().unwrap_or(file.content_type())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;

    use super::*;
    use crate::clock::Clock;
    use crate::endpoints::Endpoints;
    use crate::journal::InstanceKey;
    use crate::journal::{Deciding, Row};
    use crate::mail::Envelope;
    use crate::parsing::{Parser, Parsing};
    use crate::roster::Roster;

    fn undecided(row: i64, deaths: u32) -> Undecided {
        let mailbox = MailboxName::new("invoices");
        Undecided { row: Row(row), mailbox, envelope: Envelope::default(), answers: Answers::new(), tries: 0, deaths }
    }

    #[tokio::test]
    async fn a_message_during_whose_work_the_process_died_is_worked_on_with_no_other_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let journal = Journal::open(&dir.path().join("a.db"), clock.clone()).unwrap();
        let endpoints = Arc::new(Endpoints::new(Vec::new(), clock.clone()).unwrap());
        let deciding = Deciding::take_up(&journal).await.unwrap();
        let key = InstanceKey::beside(journal.path()).unwrap();
        let parser = Parser::new(Parsing::Here);
        let idle = (clock, Duration::from_secs(1));
        let decider = Decider::new(journal, Roster::default(), (endpoints, key), idle, (parser, deciding));
        let (at_work, together) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let work = |row: i64| {
            let (decider, at_work, together) = (&decider, Arc::clone(&at_work), Arc::clone(&together));
            let deaths = u32::from(row % 5 == 0);
            async move {
                let work = move || {
                    let beside = at_work.fetch_add(1, Ordering::SeqCst);
                    let mut most = beside;
                    for _ in 0..200 {
                        most = most.max(at_work.load(Ordering::SeqCst) - 1);
                        std::thread::yield_now();
                    }
                    at_work.fetch_sub(1, Ordering::SeqCst);
                    together.fetch_max(most, Ordering::SeqCst);
                    most
                };
                let beside = decider.work(&undecided(row, deaths), 1, work).await.unwrap();
                assert!(deaths == 0 || beside == 0, "{beside} were beside message {row}");
            }
        };
        join_all((1..=60).map(work)).await;
        assert!(together.load(Ordering::SeqCst) > 0, "the others run side by side");
    }
}
