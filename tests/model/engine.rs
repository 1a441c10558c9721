//! The engine's side of the model: the steps of the executor, over the journal's fold and the executor's judgement.

use std::time::Duration;

use postroom::executor::{Doubt, Judged, Patience, Seen, judge};
use postroom::journal::{Event, Status, next_status};
use serde_json::Value;

use super::tenant::{Answer, Call, Mix, Tenant, about, strikes};
use crate::proof::seeds::Dice;

/// Events of a run at most: beyond that it has no end.
const EVENTS_MAX: usize = 500;
/// When accepted mail is first looked for.
const FIRST_LOOK: Duration = Duration::from_mins(1);

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Sent,
    Withheld,
    Parked,
    Rejected,
}

/// The call that is or was under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Create,
    Send,
    Discard,
}

/// What [`Event::Advanced`] carries.
#[derive(Clone, Copy, Debug)]
struct Progress {
    draft: usize,
    key: u32,
    sends: u64,
}

/// A call with the drafts to clear away before it, or what is noted instead.
type Prepared = Result<(Step, Vec<usize>, Call), Event>;

/// The process ended in the middle.
struct Died;

pub struct Engine<'a> {
    mix: &'a Mix,
    patience: &'a Patience,
    pub tenant: Tenant<'a>,
    dice: Dice,
    now: Duration,
    status: Status,
    step: Option<Step>,
    progress: Option<Progress>,
    attempt: u32,
    failures: u32,
    looks: u32,
    unclear_at: Option<Duration>,
    due_at: Duration,
    was_withheld: bool,
    pub deaths: u32,
    events: usize,
    /// What happened, kept for the report of a violation.
    pub story: Vec<String>,
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn deferred(after: Duration) -> Event {
    Event::Deferred { after_ms: ms(after), reason: String::new() }
}

fn rejected() -> Event {
    Event::Rejected { reason: String::new() }
}

fn withheld() -> Event {
    Event::Withheld { reason: String::new() }
}

fn confirmed() -> Event {
    Event::Confirmed { result: Value::Null }
}

impl<'a> Engine<'a> {
    pub fn new(mix: &'a Mix, patience: &'a Patience, seed: u64) -> Self {
        let mut dice = Dice(seed);
        let tenant = Tenant::new(mix, &mut dice);
        let (now, due_at) = (Duration::from_hours(1), Duration::ZERO);
        Self {
            mix,
            patience,
            tenant,
            dice,
            now,
            status: Status::Due,
            step: None,
            progress: None,
            attempt: 0,
            failures: 0,
            looks: 0,
            unclear_at: None,
            due_at,
            was_withheld: false,
            deaths: 0,
            events: 0,
            story: Vec::new(),
        }
    }

    /// One mail, from its plan to its end.
    pub fn run(&mut self) -> Result<Ended, String> {
        while self.events < EVENTS_MAX {
            let ended = match self.status {
                Status::Done if self.was_withheld => Some(Ended::Withheld),
                Status::Done => {
                    self.confirm()?;
                    Some(if self.status == Status::Done { Ended::Sent } else { Ended::Parked })
                }
                Status::Rejected => Some(Ended::Rejected),
                Status::Parked => Some(Ended::Parked),
                Status::Running => {
                    self.apply(&Event::Interrupted)?;
                    None
                }
                Status::Unclear => {
                    self.wait();
                    let event = self.look();
                    self.apply(&event)?;
                    None
                }
                Status::Due | Status::Deferred => {
                    self.wait();
                    self.perform()?;
                    None
                }
            };
            if let Some(ended) = ended {
                self.tenant.finish(&mut self.dice);
                return Ok(ended);
            }
        }
        Err(format!("no end after {EVENTS_MAX} events\n  {}", self.story.join("\n  ")))
    }

    /// Repeats whatever fails, and begins the step again after a death.
    pub fn run_naively(&mut self) -> Ended {
        let mut draft = None;
        for _ in 0..EVENTS_MAX {
            let call = draft.map_or(Call::Create, Call::Send);
            let answer = self.tenant.call(call, &mut self.now, &mut self.dice);
            if self.dies() {
                continue;
            }
            match answer {
                Answer::Made(made) => draft = Some(made),
                Answer::Taken => break,
                Answer::Gone => draft = None,
                Answer::RefusedFor(pause) => self.now += pause,
                Answer::Unreachable | Answer::None => self.now += self.patience.retry(1),
            }
        }
        self.tenant.finish(&mut self.dice);
        Ended::Sent
    }

    fn wait(&mut self) {
        self.now = self.now.max(self.due_at);
        // A death between two steps costs time and nothing else.
        self.dies();
    }

    /// A death, and the new start some time later.
    fn dies(&mut self) -> bool {
        let dies = strikes(&mut self.dice, self.mix.crash);
        if dies {
            self.deaths += 1;
            self.now += about(&mut self.dice, Duration::from_mins(2));
        }
        dies
    }

    /// What the journal makes of an event.
    fn apply(&mut self, event: &Event) -> Result<(), String> {
        let before = self.status;
        self.status = next_status(before, event).map_err(|illegal| illegal.to_string())?;
        self.events += 1;
        match event {
            Event::Started { .. } => self.attempt += 1,
            Event::Withheld { .. } => self.was_withheld = true,
            Event::Advanced { .. } | Event::Done { .. } | Event::Confirmed { .. } => self.failures = 0,
            Event::Deferred { .. } | Event::OutcomeUnknown { .. } if before == Status::Running => self.failures += 1,
            _ => {}
        }
        self.looks = if matches!(event, Event::StillUnclear { .. }) { self.looks + 1 } else { 0 };
        self.unclear_at = (self.status == Status::Unclear).then(|| self.unclear_at.unwrap_or(self.now));
        self.due_at = self.now + event.after();
        if self.is_told() {
            self.story.push(format!("{:?} {event:?} at {:?}: {:?}", self.step, self.now, self.progress));
        }
        Ok(())
    }

    /// Telling costs more than happening: only a run that has seen trouble is told.
    fn is_told(&self) -> bool {
        self.attempt > 1 || self.status == Status::Unclear
    }

    fn perform(&mut self) -> Result<(), String> {
        if self.attempt > 0 && self.now > self.patience.lifetime {
            return self.apply(&rejected());
        }
        let prepared = match self.progress {
            None => Ok((Step::Create, Vec::new(), Call::Create)),
            Some(progress) => self.prepare_send(progress).unwrap_or_else(|()| {
                // Looking failed before anything was done.
                Err(deferred(self.patience.retry(self.failures + 1)))
            }),
        };
        match prepared {
            Err(event) => self.apply(&event),
            Ok((step, losers, call)) => match self.make(step, &losers, call)? {
                Ok(event) => self.apply(&event),
                Err(Died) => Ok(()),
            },
        }
    }

    /// The send fence: nobody answered first, and the draft is as it was made.
    fn prepare_send(&mut self, progress: Progress) -> Result<Prepared, ()> {
        let draft = progress.draft;
        let is_overtaken = self.tenant.overtaken.is_some_and(|at| Duration::from_hours(1) + at <= self.now);
        if is_overtaken && self.step != Some(Step::Send) {
            return Ok(Ok((Step::Discard, Vec::new(), Call::Delete(draft))));
        }
        let mut losers = if self.attempt > 1 { self.tenant.marked(&mut self.now, &mut self.dice)?.drafts } else { Vec::new() };
        losers.retain(|loser| *loser != draft);
        let Some(state) = self.tenant.state(draft, &mut self.now, &mut self.dice)? else { return Ok(Err(rejected())) };
        if !state.is_draft {
            return Ok(Err(withheld()));
        }
        if state.key != progress.key {
            return Ok(Err(rejected()));
        }
        Ok(Ok((Step::Send, losers, Call::Send(draft))))
    }

    /// The call between its `Started` and its outcome; the process may die on either side of it.
    fn make(&mut self, step: Step, losers: &[usize], call: Call) -> Result<Result<Event, Died>, String> {
        self.step = Some(step);
        self.apply(&Event::Started { step: String::new() })?;
        if self.dies() {
            return Ok(Err(Died));
        }
        for loser in losers {
            self.tenant.call(Call::Delete(*loser), &mut self.now, &mut self.dice);
        }
        let answer = self.tenant.call(call, &mut self.now, &mut self.dice);
        if self.dies() {
            return Ok(Err(Died));
        }
        Ok(Ok(match (answer, step) {
            (Answer::Made(draft), _) => self.advance(Progress { draft, key: 1, sends: 1 }),
            (Answer::Taken, Step::Discard) => withheld(),
            (Answer::Taken, _) => Event::Done { result: Value::Null },
            (Answer::RefusedFor(pause), _) => deferred(pause),
            // What can be done twice, like throwing a draft away, is looked at all the same.
            (Answer::Unreachable, _) => deferred(self.patience.retry(self.failures + 1)),
            (Answer::Gone, _) => Event::OutcomeUnknown { after_ms: 0, reason: String::new() },
            (Answer::None, _) => Event::OutcomeUnknown { after_ms: ms(self.patience.look(0)), reason: String::new() },
        }))
    }

    fn advance(&mut self, progress: Progress) -> Event {
        self.progress = Some(progress);
        Event::Advanced { progress: Value::Null }
    }

    fn look(&mut self) -> Event {
        let found = match (self.step, self.progress) {
            (Some(Step::Discard), _) => Ok(Event::NeverHappened { after_ms: 0, reason: String::new() }),
            (Some(Step::Send), Some(progress)) => self.look_for_sent(progress),
            _ => self.look_for_draft(),
        };
        found.unwrap_or_else(|()| self.unsolved())
    }

    fn doubt(&self) -> Doubt {
        Doubt { lasts: self.now.saturating_sub(self.unclear_at.unwrap_or(self.now)), looks: self.looks }
    }

    fn unsolved(&self) -> Event {
        match self.doubt().next_look(self.patience) {
            Some(after) => Event::StillUnclear { after_ms: ms(after), reason: String::new() },
            None => Event::Parked { reason: String::new() },
        }
    }

    fn look_for_draft(&mut self) -> Result<Event, ()> {
        let marked = self.tenant.marked(&mut self.now, &mut self.dice)?;
        if marked.is_sent {
            return Ok(confirmed());
        }
        let Some(draft) = marked.drafts.first().copied() else {
            let after = if self.failures <= 1 { Duration::ZERO } else { self.patience.retry(self.failures - 1) };
            return Ok(Event::NeverHappened { after_ms: ms(after), reason: String::new() });
        };
        // The listing tells the draft's key with its id.
        let key = self.tenant.state(draft, &mut self.now, &mut self.dice)?.map_or(1, |state| state.key);
        Ok(self.advance(Progress { draft, key, sends: 1 }))
    }

    fn look_for_sent(&mut self, progress: Progress) -> Result<Event, ()> {
        let state = self.tenant.state(progress.draft, &mut self.now, &mut self.dice)?;
        let is_sent = state.is_some_and(|state| !state.is_draft) || self.tenant.marked(&mut self.now, &mut self.dice)?.is_sent;
        let seen = match state {
            _ if is_sent => Seen::Sent,
            None => Seen::Nothing,
            Some(state) if state.key == progress.key => Seen::Untouched,
            Some(_) => Seen::Changed,
        };
        Ok(match judge(seen, self.doubt(), progress.sends, self.patience) {
            Judged::Sent => confirmed(),
            Judged::SendAgain => self.advance(Progress { sends: progress.sends + 1, ..progress }),
            Judged::LookAgain(_) | Judged::GiveUp => self.unsolved(),
        })
    }

    /// Accepted is not delivered: looked for in Sent Items for a day, then named.
    fn confirm(&mut self) -> Result<(), String> {
        let accepted = self.now;
        self.now += FIRST_LOOK;
        for looks in 0.. {
            if self.is_found(looks) {
                return Ok(());
            }
            if self.now.saturating_sub(accepted) >= self.patience.confirm {
                break;
            }
            self.now += self.patience.look(looks + 2);
        }
        self.apply(&Event::Lost { reason: String::new() })
    }

    fn is_found(&mut self, looks: u32) -> bool {
        let draft = self.progress.map(|progress| progress.draft);
        let listed = draft.is_some_and(|draft| self.tenant.is_listed(draft, &mut self.now, &mut self.dice).unwrap_or(false));
        listed || (looks > 0 && self.tenant.marked(&mut self.now, &mut self.dice).is_ok_and(|marked| marked.is_sent))
    }
}
