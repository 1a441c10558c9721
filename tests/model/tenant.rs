//! The tenant's side of the model: drafts, submissions, transport, a late index, and people.

use std::time::Duration;

use crate::proof::seeds::Dice;

/// Chances are in 100,000.
const WHOLE: u64 = 100_000;

/// How often what goes wrong.
#[derive(Clone, Debug)]
pub struct Mix {
    pub name: &'static str,
    /// A call is lost on its way: nothing happens, nobody says so.
    pub lost_before: u64,
    /// The answer is lost: it happened.
    pub lost_after: u64,
    /// The answer does not come, and it happens later.
    pub late: u64,
    /// 429 with a time.
    pub refused: u64,
    /// No connection.
    pub unreachable: u64,
    /// The process ends, at each step.
    pub crash: u64,
    /// A lookup fails.
    pub blind: u64,
    /// The longest lateness of the index.
    pub index_lag: Duration,
    /// The mean of the time from submission to Sent Items.
    pub transport: Duration,
    /// The sent copy has another id, and again another Message-ID.
    pub new_id: u64,
    /// Accepted, and neither delivered nor ever seen as sent. What is seen as sent and fails afterwards comes back: not in this model.
    pub vanishes: u64,
    /// A person deletes, changes or sends the hidden draft, purges the sent copy, or answers first.
    pub deletes: u64,
    pub edits: u64,
    pub sends: u64,
    pub purges: u64,
    pub overtakes: u64,
}

pub const HEAVY: Mix = Mix {
    name: "heavy",
    lost_before: 5_000,
    lost_after: 5_000,
    late: 1_000,
    refused: 3_000,
    unreachable: 2_000,
    crash: 5_000,
    blind: 3_000,
    index_lag: Duration::from_mins(1),
    transport: Duration::from_mins(1),
    new_id: 50_000,
    vanishes: 20,
    deletes: 5_000,
    edits: 1_000,
    sends: 200,
    purges: 10_000,
    overtakes: 1_000,
};

pub const LIGHT: Mix = Mix {
    name: "light",
    lost_before: 50,
    lost_after: 50,
    late: 10,
    refused: 500,
    unreachable: 50,
    crash: 10,
    blind: 50,
    index_lag: Duration::from_mins(1),
    transport: Duration::from_secs(10),
    new_id: 50_000,
    vanishes: 0,
    deletes: 10,
    edits: 10,
    sends: 10,
    purges: 100,
    overtakes: 100,
};

/// Whether something with this chance happens.
pub fn strikes(dice: &mut Dice, chance: u64) -> bool {
    dice.roll(WHOLE) < chance
}

/// A time of this mean, with the tail that such times have.
pub fn about(dice: &mut Dice, mean: Duration) -> Duration {
    let share = f64::from(u32::try_from(dice.roll(1 << 32)).unwrap_or(0)) / f64::from(u32::MAX);
    mean.mul_f64(-share.max(1e-10).ln())
}

/// Any time up to this one.
pub fn up_to(dice: &mut Dice, most: Duration) -> Duration {
    Duration::from_millis(dice.roll(u64::try_from(most.as_millis()).unwrap_or(0) + 1))
}

/// How a submitted draft looks while it is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    Draft,
    Nowhere,
    Sent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    Engine,
    Person,
}

#[derive(Debug)]
struct Submission {
    at: Duration,
    by: Sender,
    shows: Shows,
    arrives: Duration,
    vanishes: bool,
    has_new_id: bool,
    has_new_message_id: bool,
    purged: Option<Duration>,
}

#[derive(Debug)]
struct Draft {
    made: Duration,
    key: u32,
    deleted: Option<Duration>,
    submissions: Vec<Submission>,
}

/// What the tenant does with a second send of the same draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SecondSend {
    Refused,
    WhileSubmitted,
    Always,
}

/// What happens at some time without being asked then.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Create,
    Send(usize, Sender),
    Edit(usize),
    Delete(usize),
}

/// What an id shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    pub is_draft: bool,
    pub key: u32,
}

/// What the index shows under the mail's mark.
#[derive(Debug, Default)]
pub struct Marked {
    pub drafts: Vec<usize>,
    pub is_sent: bool,
}

/// A call that changes something.
#[derive(Clone, Copy, Debug)]
pub enum Call {
    Create,
    Send(usize),
    Delete(usize),
}

/// What the caller learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Made(usize),
    Taken,
    Gone,
    RefusedFor(Duration),
    Unreachable,
    /// Time-out, reset or 5xx.
    None,
}

pub struct Tenant<'a> {
    mix: &'a Mix,
    drafts: Vec<Draft>,
    second_send: SecondSend,
    happenings: Vec<(Duration, Happening)>,
    /// When a person answers the conversation.
    pub overtaken: Option<Duration>,
}

impl<'a> Tenant<'a> {
    pub fn new(mix: &'a Mix, dice: &mut Dice) -> Self {
        let second_send =
            [SecondSend::Refused, SecondSend::WhileSubmitted, SecondSend::Always][usize::try_from(dice.roll(3)).unwrap()];
        let overtaken = strikes(dice, mix.overtakes).then(|| up_to(dice, Duration::from_mins(10)));
        Self { mix, drafts: Vec::new(), second_send, happenings: Vec::new(), overtaken }
    }

    /// Lets everything happen that is due by `now`, in its order.
    fn advance(&mut self, now: Duration, dice: &mut Dice) {
        while let Some((position, _)) =
            self.happenings.iter().enumerate().filter(|(_, (at, _))| *at <= now).min_by_key(|(_, (at, _))| *at)
        {
            let (at, happening) = self.happenings.swap_remove(position);
            match happening {
                Happening::Create => drop(self.create(at, dice)),
                Happening::Send(draft, by) => drop(self.submit(draft, by, at, dice)),
                Happening::Edit(draft) => self.drafts[draft].key += 1,
                Happening::Delete(draft) => self.delete(draft, at),
            }
        }
    }

    fn create(&mut self, at: Duration, dice: &mut Dice) -> Answer {
        let draft = self.drafts.len();
        self.drafts.push(Draft { made: at, key: 1, deleted: None, submissions: Vec::new() });
        let deeds = [
            (self.mix.deletes, Happening::Delete(draft)),
            (self.mix.edits, Happening::Edit(draft)),
            (self.mix.sends, Happening::Send(draft, Sender::Person)),
        ];
        for (chance, deed) in deeds {
            if strikes(dice, chance) {
                // Half of them within seconds: races.
                let most = if dice.roll(2) == 0 { Duration::from_secs(10) } else { Duration::from_hours(2) };
                self.happenings.push((at + up_to(dice, most), deed));
            }
        }
        Answer::Made(draft)
    }

    fn delete(&mut self, draft: usize, at: Duration) {
        let draft = &mut self.drafts[draft];
        if draft.submissions.is_empty() {
            draft.deleted.get_or_insert(at);
        }
    }

    fn submit(&mut self, draft: usize, by: Sender, at: Duration, dice: &mut Dice) -> Answer {
        let one = &self.drafts[draft];
        let is_taken = match one.submissions.first() {
            None => one.deleted.is_none(),
            Some(first) if at < first.arrives => match by {
                Sender::Engine => self.second_send != SecondSend::Refused,
                Sender::Person => first.shows == Shows::Draft && self.second_send != SecondSend::Refused,
            },
            Some(first) => {
                by == Sender::Engine
                    && self.second_send == SecondSend::Always
                    && !(first.has_new_id || first.vanishes || first.purged.is_some_and(|purged| purged <= at))
            }
        };
        if !is_taken {
            return Answer::Gone;
        }
        let arrives = at + about(dice, self.mix.transport);
        let purged = strikes(dice, self.mix.purges).then(|| arrives + up_to(dice, Duration::from_mins(10)));
        let has_new_id = strikes(dice, self.mix.new_id);
        let vanishes = strikes(dice, self.mix.vanishes);
        let shows = match dice.roll(if vanishes { 2 } else { 3 }) {
            0 => Shows::Draft,
            1 => Shows::Nowhere,
            _ => Shows::Sent,
        };
        self.drafts[draft].submissions.push(Submission {
            at,
            by,
            shows,
            arrives,
            vanishes,
            has_new_id,
            has_new_message_id: has_new_id && strikes(dice, self.mix.new_id),
            purged,
        });
        Answer::Taken
    }

    fn take(&mut self, call: Call, at: Duration, dice: &mut Dice) -> Answer {
        match call {
            Call::Create => self.create(at, dice),
            Call::Send(draft) => self.submit(draft, Sender::Engine, at, dice),
            Call::Delete(draft) => {
                self.delete(draft, at);
                Answer::Taken
            }
        }
    }

    /// A call, with whatever befalls it; moves the time on.
    pub fn call(&mut self, call: Call, now: &mut Duration, dice: &mut Dice) -> Answer {
        *now += up_to(dice, Duration::from_secs(2));
        self.advance(*now, dice);
        let mix = self.mix;
        let chances = [mix.lost_before, mix.lost_after, mix.late, mix.refused, mix.unreachable];
        let mut roll = dice.roll(WHOLE);
        let fate = chances.iter().position(|chance| {
            let strikes = roll < *chance;
            roll = roll.saturating_sub(*chance);
            strikes
        });
        let answer = match fate {
            None => self.take(call, *now, dice),
            Some(3) => Answer::RefusedFor(up_to(dice, Duration::from_mins(2))),
            Some(4) => Answer::Unreachable,
            Some(fate) => {
                if fate == 1 {
                    self.take(call, *now, dice);
                } else if fate == 2 {
                    let at = *now + about(dice, Duration::from_mins(1));
                    self.happenings.push((
                        at,
                        match call {
                            Call::Create => Happening::Create,
                            Call::Send(draft) => Happening::Send(draft, Sender::Engine),
                            Call::Delete(draft) => Happening::Delete(draft),
                        },
                    ));
                }
                *now += up_to(dice, Duration::from_secs(30));
                Answer::None
            }
        };
        *now += up_to(dice, Duration::from_secs(1));
        answer
    }

    /// A GET by id, which may fail.
    pub fn state(&mut self, draft: usize, now: &mut Duration, dice: &mut Dice) -> Result<Option<State>, ()> {
        self.look(now, dice)?;
        let one = &self.drafts[draft];
        if one.deleted.is_some() {
            return Ok(None);
        }
        let as_draft = State { is_draft: true, key: one.key };
        let as_sent = State { is_draft: false, key: one.key };
        Ok(match one.submissions.first() {
            None => Some(as_draft),
            Some(first) if *now < first.arrives => match first.shows {
                Shows::Draft => Some(as_draft),
                Shows::Nowhere => None,
                Shows::Sent => Some(as_sent),
            },
            Some(first) => is_there(first, *now).then_some(as_sent).filter(|_| !first.has_new_id),
        })
    }

    /// What bears the mark, as the index knew it a while ago.
    pub fn marked(&mut self, now: &mut Duration, dice: &mut Dice) -> Result<Marked, ()> {
        self.look(now, dice)?;
        let mut marked = Marked::default();
        let Some(then) = now.checked_sub(up_to(dice, self.mix.index_lag)) else { return Ok(marked) };
        for (position, draft) in self.drafts.iter().enumerate() {
            let is_unknown = draft.made > then || draft.deleted.is_some_and(|deleted| deleted <= then);
            let is_submitted = draft.submissions.first().filter(|first| first.at <= then);
            match is_submitted {
                _ if is_unknown => {}
                None => marked.drafts.push(position),
                Some(first) if then < first.arrives => match first.shows {
                    Shows::Draft => marked.drafts.push(position),
                    Shows::Nowhere => {}
                    Shows::Sent => marked.is_sent = true,
                },
                Some(_) => {}
            }
            marked.is_sent |= draft.submissions.iter().any(|one| one.arrives <= then && is_there(one, *now));
        }
        Ok(marked)
    }

    /// Whether the listing of Sent Items shows the copy of this draft.
    pub fn is_listed(&mut self, draft: usize, now: &mut Duration, dice: &mut Dice) -> Result<bool, ()> {
        self.look(now, dice)?;
        let listed = |one: &Submission| is_there(one, *now) && !one.has_new_message_id;
        Ok(self.drafts[draft].submissions.iter().any(listed))
    }

    fn look(&mut self, now: &mut Duration, dice: &mut Dice) -> Result<(), ()> {
        *now += up_to(dice, Duration::from_secs(1));
        self.advance(*now, dice);
        if strikes(dice, self.mix.blind) { Err(()) } else { Ok(()) }
    }

    /// Lets what is still on its way happen, after the run's end.
    pub fn finish(&mut self, dice: &mut Dice) {
        self.advance(Duration::MAX, dice);
    }

    fn submissions(&self) -> impl Iterator<Item = &Submission> {
        self.drafts.iter().flat_map(|draft| &draft.submissions)
    }

    /// How often the mail reached its recipients.
    pub fn deliveries(&self) -> usize {
        self.submissions().filter(|one| !one.vanishes).count()
    }

    pub fn has_been_sent_by_a_person(&self) -> bool {
        self.submissions().any(|one| one.by == Sender::Person)
    }
}

/// Whether the copy lies in Sent Items.
fn is_there(one: &Submission, now: Duration) -> bool {
    one.arrives <= now && !one.vanishes && one.purged.is_none_or(|purged| purged > now)
}
