//! What must hold at the end of a run, whatever happened in it, judged by the tenant's and the receiver's own books.
//!
//! A pure function over values. Mails of a run must differ in subject and Message-ID: by these their effects are told apart.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use postroom::journal::{MessageLine, ParkedLine, StoryAction, WaitingState};
use postroom::plan::{Action, Importance, Reply};
use postroom::simulator::Received;
use serde_json::Value;

/// Who else was at work in the mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// Nobody: what is withheld when it is performed must have come about before.
    Nobody,
    /// People, who may have decided otherwise.
    People,
}

/// What there is to judge by.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The tenant's ledger, as `GET /sim/ledger` shows it.
    pub ledger: Value,
    /// The mailbox at the end, as `GET /sim/mailboxes/{address}` shows it.
    pub mailbox: Value,
    /// What the receiver took.
    pub received: Vec<Received>,
    /// All messages of the journal.
    pub messages: Vec<MessageLine>,
    /// What `parked list` shows.
    pub waiting: Vec<ParkedLine>,
    /// Who else was at work.
    pub others: Others,
}

/// Counts of one run or many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages in the journal.
    pub messages: usize,
    /// Their actions.
    pub actions: usize,
    /// Effects that came about: mails, records, moves, copies, drafts, changes.
    pub effects: usize,
    /// Effects that are missing: of an action that says it is done, or of a mail that nobody saw.
    pub lost: usize,
    /// Effects that came about once more than they should.
    pub duplicated: usize,
    /// Messages and actions that wait for a person.
    pub parked: usize,
    /// Actions of which it is not known whether they happened, and that are still looked at.
    pub unclear: usize,
    /// Actions that wait for another attempt, or behind one of the others.
    pub waiting: usize,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.actions += other.actions;
        self.effects += other.effects;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.parked += other.parked;
        self.unclear += other.unclear;
        self.waiting += other.waiting;
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What does not hold, in words; empty when all is well.
    pub violations: Vec<String>,
    /// What there was.
    pub counts: Counts,
}

/// Judges a run that has ended: everything has been given the time to be worked off.
pub fn judge(evidence: &Evidence) -> Verdict {
    let mut judge = Judge { evidence, books: Books::of(evidence), verdict: Verdict::default(), explained: BTreeSet::new() };
    judge.every_mail_is_known();
    for line in &evidence.messages {
        judge.message(line);
    }
    judge.nothing_came_of_nothing();
    judge.no_draft_is_left_behind();
    judge.verdict
}

/// What came about, counted by what tells it apart.
type Effect = (&'static str, String, String);

/// The books of tenant and receiver, for looking things up.
struct Books {
    /// How often the client brought about an effect: on which message, with which folder or recipients.
    client: BTreeMap<Effect, usize>,
    /// How often a record was taken: by key and path.
    records: BTreeMap<(String, String), usize>,
    /// Messages by Message-ID, wherever they lie.
    shown: BTreeMap<String, Vec<Value>>,
    /// Drafts by folder and subject.
    drafts: BTreeMap<(String, String), usize>,
    /// Message-IDs that were delivered.
    delivered: BTreeSet<String>,
}

impl Books {
    fn of(evidence: &Evidence) -> Self {
        let mut books = Self {
            client: BTreeMap::new(),
            records: BTreeMap::new(),
            shown: BTreeMap::new(),
            drafts: BTreeMap::new(),
            delivered: BTreeSet::new(),
        };
        for entry in evidence.ledger.as_array().into_iter().flatten() {
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            let kind = match entry["effect"].as_str().unwrap_or_default() {
                "delivered" => {
                    books.delivered.insert(text("internetMessageId"));
                    continue;
                }
                _ if entry["by"] != "client" => continue,
                "sent" => "sent",
                "moved" => "moved",
                "copied" => "copied",
                "deleted" => "deleted",
                _ => continue,
            };
            let effect = match kind {
                "sent" => (kind, text("subject"), recipients(&entry["to"])),
                "deleted" => (kind, text("internetMessageId"), String::new()),
                _ => (kind, text("internetMessageId"), text("folder")),
            };
            *books.client.entry(effect).or_default() += 1;
        }
        for one in &evidence.received {
            *books.records.entry((one.key.clone().unwrap_or_default(), one.path.clone())).or_default() += 1;
        }
        for (folder, messages) in evidence.mailbox["folders"].as_object().into_iter().flatten() {
            for message in messages.as_array().into_iter().flatten() {
                // What lies there was thrown away.
                if message["isDraft"] == true && folder != "Deleted Items" {
                    let subject = message["subject"].as_str().unwrap_or_default().to_owned();
                    *books.drafts.entry((folder.clone(), subject)).or_default() += 1;
                }
                let id = message["internetMessageId"].as_str().unwrap_or_default();
                books.shown.entry(id.to_owned()).or_default().push(message.clone());
            }
        }
        books
    }
}

fn recipients(list: &Value) -> String {
    let mut all: Vec<String> =
        list.as_array().into_iter().flatten().filter_map(|one| Some(one.as_str()?.to_lowercase())).collect();
    all.sort();
    all.join(" ")
}

/// How often an action came about, by the books.
enum Came {
    /// So often, each time with an effect of its own.
    Times(usize),
    /// A state of the message that shows; setting it twice is setting it once.
    Shows(bool),
    /// So many records, each so often.
    Each(Vec<usize>),
}

struct Judge<'a> {
    evidence: &'a Evidence,
    books: Books,
    verdict: Verdict,
    /// Effects that an action asked for.
    explained: BTreeSet<Effect>,
}

impl Judge<'_> {
    fn violation(&mut self, what: String) {
        self.verdict.violations.push(what);
    }

    /// The cursor never goes past a mail that was not stored: a mail it passed would never be seen.
    fn every_mail_is_known(&mut self) {
        let known: BTreeSet<&str> = self.evidence.messages.iter().filter_map(|line| line.message_id.as_deref()).collect();
        let missing: Vec<String> = self.books.delivered.iter().filter(|id| !known.contains(id.as_str())).cloned().collect();
        self.verdict.counts.lost += missing.len();
        for id in missing {
            self.violation(format!("{id} was delivered and the journal does not know it"));
        }
        self.verdict.counts.messages = self.evidence.messages.len();
        let mut seen = BTreeSet::new();
        for id in self.evidence.messages.iter().filter_map(|line| line.message_id.clone()) {
            if !seen.insert(id.clone()) {
                self.violation(format!("{id} is in the journal twice"));
            }
        }
    }

    fn message(&mut self, line: &MessageLine) {
        let name = format!("\"{}\"", line.subject);
        match line.status.as_str() {
            "planned" | "none" | "linked" | "gone" => {}
            "parked" | "faulted" => {
                self.verdict.counts.parked += 1;
                if line.reason.as_deref().unwrap_or_default().is_empty() {
                    self.violation(format!("{name} is {} and nobody knows why", line.status));
                }
                self.must_be_named(&line.row.to_string(), &name);
            }
            other => self.violation(format!("{name} is still {other}")),
        }
        let mut is_held_back = false;
        for (position, action) in line.actions.iter().enumerate() {
            self.verdict.counts.actions += 1;
            let name = format!("{name}: {}. {} ({})", position + 1, action.planned.action, action.id);
            self.status(&name, action, is_held_back);
            self.effects(&name, line, action);
            is_held_back |= action.status != "done";
        }
    }

    fn status(&mut self, name: &str, action: &StoryAction, is_held_back: bool) {
        let counts = &mut self.verdict.counts;
        match action.status.as_str() {
            "done" => return,
            "deferred" => counts.waiting += 1,
            "due" if is_held_back => {
                counts.waiting += 1;
                return;
            }
            "unclear" => {
                counts.unclear += 1;
                self.must_be_named(action.id.as_str(), name);
            }
            "parked" | "rejected" => {
                counts.parked += 1;
                self.must_be_named(action.id.as_str(), name);
            }
            other => return self.violation(format!("{name} is still {other}")),
        }
        if action.reason.as_deref().unwrap_or_default().is_empty() {
            self.violation(format!("{name} is {} and nobody knows why", action.status));
        }
    }

    fn must_be_named(&mut self, id: &str, name: &str) {
        if !self.evidence.waiting.iter().any(|line| line.id == id && !line.reason.is_empty()) {
            self.violation(format!("{name} waits and the list of what waits does not name it"));
        }
    }

    fn effects(&mut self, name: &str, line: &MessageLine, action: &StoryAction) {
        let came = self.came(line, action);
        let is_done = action.status == "done" && action.planned.withheld.is_none();
        let is_owed = is_done && (action.reason.is_none() || self.evidence.others == Others::Nobody);
        let each: Vec<usize> = match came {
            Came::Times(times) => vec![times],
            Came::Shows(shows) => vec![usize::from(shows)],
            Came::Each(each) => each,
        };
        for (record, times) in each.iter().enumerate() {
            let which = if each.len() > 1 { format!(", record {}", record + 1) } else { String::new() };
            let counts = &mut self.verdict.counts;
            counts.effects += times;
            counts.duplicated += times.saturating_sub(1);
            if *times > 1 {
                self.violation(format!("{name}{which} came about {times} times"));
            } else if *times == 0 && is_owed {
                counts.lost += 1;
                let why = action.reason.as_deref().unwrap_or("no reason");
                self.violation(format!("{name}{which} is done ({why}) and never came about"));
            } else if *times == 1 && action.planned.withheld.is_some() && !matches!(self.came(line, action), Came::Shows(_)) {
                self.violation(format!("{name}{which} was withheld by its plan and came about"));
            }
        }
    }

    fn came(&mut self, line: &MessageLine, action: &StoryAction) -> Came {
        let id = line.message_id.clone().unwrap_or_default();
        let subject_of = |reply: &Reply| reply.subject.clone().unwrap_or_else(|| format!("RE: {}", line.subject));
        match &action.planned.action {
            Action::Post { endpoint, .. } => Came::Times(self.record(action.id.as_str(), endpoint.as_str())),
            Action::PostEach { endpoint, records } => Came::Each(
                (0..records.len()).map(|record| self.record(&format!("{}-{record}", action.id), endpoint.as_str())).collect(),
            ),
            Action::Reply(reply) | Action::ReplyAll(reply) => {
                let subject = subject_of(reply);
                Came::Times(self.sent(&subject, None))
            }
            Action::Forward(forward) => {
                let to = recipients(&Value::from(forward.to.clone()));
                Came::Times(self.sent(&format!("FW: {}", line.subject), Some(&to)))
            }
            Action::Send(mail) => {
                let to = recipients(&Value::from([mail.to.clone(), mail.cc.clone()].concat()));
                Came::Times(self.sent(&mail.subject, Some(&to)))
            }
            Action::DraftReply(reply) => {
                let place = ("Drafts".to_owned(), subject_of(reply));
                Came::Times(self.books.drafts.get(&place).copied().unwrap_or(0))
            }
            Action::Move { folder } => Came::Times(self.client(("moved", id, folder.clone()))),
            Action::Copy { folder } => Came::Times(self.client(("copied", id, folder.clone()))),
            Action::Delete => Came::Times(self.client(("deleted", id, String::new()))),
            state => Came::Shows(self.books.shown.get(&id).is_some_and(|all| all.iter().any(|message| shows(message, state)))),
        }
    }

    fn record(&self, key: &str, endpoint: &str) -> usize {
        let times = |path: String| self.books.records.get(&(key.to_owned(), path)).copied().unwrap_or(0);
        times(format!("/{endpoint}"))
    }

    fn client(&mut self, effect: Effect) -> usize {
        let times = self.books.client.get(&effect).copied().unwrap_or(0);
        self.explained.insert(effect);
        times
    }

    /// How often a mail with this subject went out: to these, or to anybody.
    fn sent(&mut self, subject: &str, to: Option<&str>) -> usize {
        let is_it = |effect: &&Effect| effect.0 == "sent" && effect.1 == subject && to.is_none_or(|to| effect.2 == to);
        let found: Vec<Effect> = self.books.client.keys().filter(is_it).cloned().collect();
        found.into_iter().map(|effect| self.client(effect)).sum()
    }

    /// Every mail, record, move and copy is one that an action asked for.
    fn nothing_came_of_nothing(&mut self) {
        let unasked: Vec<Effect> = self.books.client.keys().filter(|effect| !self.explained.contains(effect)).cloned().collect();
        for (kind, what, more) in unasked {
            self.violation(format!("\"{what}\" was {kind} ({more}) and no action asked for it"));
        }
        let ids: BTreeSet<&str> =
            self.evidence.messages.iter().flat_map(|line| &line.actions).map(|one| one.id.as_str()).collect();
        let unasked = |key: &str| !ids.contains(key) && !key.rsplit_once('-').is_some_and(|(id, _)| ids.contains(id));
        let found: Vec<String> = self.books.records.keys().filter(|(key, _)| unasked(key)).map(|(key, _)| key.clone()).collect();
        for key in found {
            self.violation(format!("a record came under the key \"{key}\" and no action asked for it"));
        }
        for one in self.evidence.received.iter().filter(|one| one.conflicts > 0) {
            let key = one.key.clone().unwrap_or_default();
            self.verdict.violations.push(format!("the record with key {key} came again with other bytes"));
        }
    }

    /// Drafts that people are to finish stay; of our own only those whose action waits with its reason.
    fn no_draft_is_left_behind(&mut self) {
        let mut allowed = BTreeSet::new();
        for line in &self.evidence.messages {
            for action in &line.actions {
                let subject = match &action.planned.action {
                    Action::Reply(reply) | Action::ReplyAll(reply) | Action::DraftReply(reply) => {
                        reply.subject.clone().unwrap_or_else(|| format!("RE: {}", line.subject))
                    }
                    Action::Forward(_) => format!("FW: {}", line.subject),
                    Action::Send(mail) => mail.subject.clone(),
                    _ => continue,
                };
                if action.status != "done" || matches!(action.planned.action, Action::DraftReply(_)) {
                    allowed.insert(subject);
                }
            }
        }
        let left: Vec<_> = self.books.drafts.iter().filter(|((_, subject), _)| !allowed.contains(subject)).collect();
        let left: Vec<String> =
            left.into_iter().map(|((folder, subject), count)| format!("{count} × \"{subject}\" in {folder}")).collect();
        for draft in left {
            self.violation(format!("a draft is left behind: {draft}"));
        }
    }
}

/// Whether the message shows what a change asks for.
fn shows(message: &Value, change: &Action) -> bool {
    let has = |name: &String| {
        let all = message["categories"].as_array().into_iter().flatten();
        all.filter_map(Value::as_str).any(|known| known.eq_ignore_ascii_case(name))
    };
    match change {
        Action::Categorise { names } => names.iter().all(has),
        Action::Uncategorise { names } => !names.iter().any(has),
        Action::MarkRead => message["isRead"] == true,
        Action::MarkUnread => message["isRead"] == false,
        Action::Flag(_) => message["flag"] == "flagged",
        Action::SetImportance { importance } => {
            let word = match importance {
                Importance::Low => "low",
                Importance::Normal => "normal",
                Importance::High => "high",
            };
            message["importance"].as_str().is_some_and(|shown| shown.eq_ignore_ascii_case(word))
        }
        _ => false,
    }
}

/// Whether what waits is a mail whose draft was seen to lie unsent: by design that is looked at for an hour.
pub fn waits_an_hour(line: &ParkedLine) -> bool {
    line.state == WaitingState::Unclear && line.reason.contains("lies unsent")
}
