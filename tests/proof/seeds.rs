//! Seeded runs: everything the tenant can do to the engine by chance, people who interfere, and deaths, over virtual days. The same seed
//! gives the same run.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use postroom::journal::{MessageLine, ParkedLine};
use postroom::simulator::{Chance, Deed, Habit, Moods, SecondSend, Span};
use serde_json::{Value, json};

use super::points::Tally;
use super::simulated::{Lab, MAILBOX, Point, Surroundings, Worked, in_virtual_time, mail};

/// Mails of a run.
const MAILS: usize = 5;

/// What each mail brings about: everything once, in the order that people would write it.
const RULES: [(&str, &str); 3] = [
    (
        "10-all.rhai",
        r##"//! Everything, by the subject.
fn when(mail) { mail.subject.like("Mail ?") }
fn then(mail) {
    let number = mail.subject.find(#"(\d+)"#);
    let record = post("erp", #{ id: mail.message_id });
    post_each("asked", [#{ id: mail.message_id, line: 1 }, #{ id: mail.message_id, line: 2 }]);
    if mail.subject.like("*0") || mail.subject.like("*3") { post("once", #{ id: mail.message_id }); }
    reply("a.html", #{ id: record.result("id") });
    if mail.subject.like("*1") { forward(`desk-${number}@fabrikam.com`, "Look."); }
    if mail.subject.like("*2") { copy_to("Copies"); draft_reply("b.html", #{}); }
    if mail.subject.like("*4") { send(#{ to: [`boss-${number}@fabrikam.com`], subject: `About ${mail.subject}`, template: "b.html", data: #{} }); }
    categorise("Seen");
    move_to("Processed/Deep");
}
"##,
    ),
    ("templates/a.html", "<p>Thank you, {{ id }}.</p>\n"),
    ("templates/b.html", "<p>Thank you.</p>\n"),
];

/// Numbers that follow from a seed (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides.max(1)
    }

    fn percent(&mut self, most: u64) -> Chance {
        Chance::percent(u8::try_from(self.roll(most + 1)).unwrap_or(0))
    }

    fn seconds(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.roll(most * 1_000))
    }
}

/// How a seed's world behaves: each knob anywhere between kind and as bad as the catalogue has seen.
fn around(seed: u64, dice: &mut Dice) -> Surroundings {
    let moods = Moods {
        latency: Span::Between(Duration::ZERO, dice.seconds(3)),
        sent_delay: Span::About(dice.seconds(600)),
        hides_submitted: dice.percent(50),
        new_id_on_send: dice.percent(50),
        new_message_id_on_send: dice.percent(50),
        second_send: if dice.roll(2) == 0 { SecondSend::Always } else { SecondSend::WhileSubmitted },
        index_lag: Span::Between(Duration::ZERO, dice.seconds(600)),
        copies_after_person: dice.percent(100),
        accepts_with_retry_after: dice.percent(30),
        bounces: dice.percent(5),
        bounce_delay: Span::Between(Duration::ZERO, dice.seconds(3_600)),
        hides_returned: Chance::NEVER,
        loses_entries: Chance::NEVER,
    };
    let fault = |on: &str, fault: &str, chance: f64| json!({ "on": on, "fault": fault, "chance": chance, "seed": seed, "retry_after": 7 });
    let share = |dice: &mut Dice, most: u64| f64::from(u32::try_from(dice.roll(most)).unwrap_or(0)) / 1_000.0;
    let kinds = [
        "reset_before_effect",
        "reset_after_effect",
        "timeout_after_effect",
        "503",
        "503_after_effect",
        "429",
        "500",
        "truncated_json",
    ];
    let faults = kinds.iter().map(|kind| fault("any", kind, share(dice, 50))).collect();
    let post_faults = kinds.iter().take(7).map(|kind| fault("post", kind, share(dice, 50))).collect();
    let habit = |deed, chance, after| Habit { deed, chance, after: Span::Between(Duration::ZERO, after) };
    let people = vec![
        habit(Deed::Read, dice.percent(30), dice.seconds(600)),
        habit(Deed::Categorise("Mine".into()), dice.percent(30), dice.seconds(60)),
        habit(Deed::Move("Archive".into()), dice.percent(10), dice.seconds(600)),
        habit(Deed::Delete, dice.percent(10), dice.seconds(600)),
        habit(Deed::Reply("I have it.".into()), dice.percent(10), dice.seconds(600)),
        habit(Deed::EditDraft("Better.".into()), dice.percent(3), dice.seconds(60)),
        habit(Deed::DeleteDraft, dice.percent(3), dice.seconds(60)),
        habit(Deed::PurgeSent, dice.percent(5), dice.seconds(600)),
    ];
    Surroundings { seed, moods, people, faults, post_faults, asks: Vec::new(), told: false, others: Vec::new() }
}

/// One seed, from its first mail to the last end.
pub fn run(seed: u64) -> Tally {
    told(seed).0
}

/// What a seed brings about: every effect with its time, every action with its end.
pub fn trace(seed: u64) -> Vec<String> {
    told(seed).1
}

fn told(seed: u64) -> (Tally, Vec<String>) {
    let mut dice = Dice(seed);
    let around = around(seed, &mut dice);
    let mut tally = Tally { cases: 1, ..Tally::default() };
    let (violations, trace) = in_virtual_time(async || {
        let lab = Lab::new(&RULES, &around).await;
        for number in 0..MAILS {
            lab.deliver(&mail(number, &format!("Mail {number}")));
        }
        let messages = i64::try_from(MAILS).unwrap();
        for _ in 0..dice.roll(4) {
            lab.start().await;
            let point = Point(1 + dice.roll(60));
            if lab.work(messages, Some(point)).await == Worked::Died {
                tally.deaths += 1;
            }
            lab.die().await;
        }
        lab.start().await;
        let worked = lab.work(messages, None).await;
        let (lines, waiting) = lab.told().await;
        let mut wrong = violations(&lab, &lines, &waiting);
        tally.overtaken += overtaken(&lines);
        if worked == Worked::Stuck {
            wrong.push("something is still open after a virtual day".into());
        }
        tally.actions += lines.iter().map(|line| line.actions.len()).sum::<usize>();
        tally.parked += waiting.len();
        if !wrong.is_empty() {
            for line in &lines {
                let story = lab.journal().unwrap().story(&line.row.to_string()).await.unwrap();
                let told = story.lines.iter().map(|line| format!("{} {:?} {} {}", line.at, line.action, line.event, line.detail));
                wrong.push(format!("\n  {}", told.collect::<Vec<_>>().join("\n  ")));
            }
            wrong.push(format!("{:#}", lab.tenant.ledger()));
        }
        let mut trace: Vec<String> = lab.tenant.ledger().as_array().unwrap().iter().map(Value::to_string).collect();
        trace.extend(lab.receiver.received().into_iter().map(|received| format!("{} {}", received.path, received.body)));
        trace.extend(lines.iter().flat_map(|line| &line.actions).map(|action| format!("{} {}", action.id, action.status)));
        lab.end().await;
        (wrong, trace)
    });
    if !violations.is_empty() {
        tally.violations.push(format!("seed {seed}: {}", violations.join("; ")));
    }
    (tally, trace)
}

/// What an action's effect is known by, so that it can be counted outside.
fn effects(lab: &Lab) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let mut count = |name: String| *counts.entry(name).or_insert(0) += 1;
    for entry in lab.tenant.ledger().as_array().unwrap() {
        if entry["by"] == "person" || entry["by"] == "transport" {
            continue;
        }
        let effect = entry["effect"].as_str().unwrap_or_default();
        if ["sent", "moved", "copied"].contains(&effect) {
            let to = entry["to"]
                .as_array()
                .map_or(String::new(), |to| to.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","));
            count(match effect {
                "sent" => format!("sent to {to}"),
                // When a person moves a message in the moment of our own move, the service makes a second one.
                "copied" if entry["path"].as_str().is_some_and(|path| path.ends_with("/move")) => {
                    format!("made a second {}", entry["subject"].as_str().unwrap_or_default())
                }
                _ => format!("{effect} {}", entry["subject"].as_str().unwrap_or_default()),
            });
        }
    }
    for received in lab.receiver.received() {
        count(format!("posted {} {}", received.path, received.body));
    }
    counts
}

/// The effect of an action of this message, as [`effects`] names it; several for `post_each`.
fn expected(line: &MessageLine, action: &Value) -> Vec<String> {
    let subject = &line.subject;
    let number = subject.trim_start_matches("Mail ");
    match action["kind"].as_str().unwrap_or_default() {
        "post" => vec![format!("posted /{} {}", action["endpoint"].as_str().unwrap_or_default(), action["record"])],
        "post_each" => {
            action["records"].as_array().into_iter().flatten().map(|record| format!("posted /asked {record}")).collect()
        }
        "reply" => vec![format!("sent to ana{number}@fabrikam.com")],
        "forward" | "send" => vec![format!("sent to {}", action["to"][0].as_str().unwrap_or_default())],
        "copy" => vec![format!("copied {subject}")],
        "move" => vec![format!("moved {subject}")],
        _ => Vec::new(),
    }
}

/// Messages that lost a category which a person had set.
fn lost_categories(lab: &Lab) -> Vec<String> {
    let ledger = lab.tenant.ledger();
    let set_by_people = ledger.as_array().unwrap().iter().filter(|entry| {
        entry["by"] == "person" && entry["changes"]["categories"].as_array().is_some_and(|names| names.contains(&json!("Mine")))
    });
    let shown = lab.tenant.mailbox(MAILBOX).unwrap();
    let messages = || shown["folders"].as_object().unwrap().values().filter_map(Value::as_array).flatten();
    let lacks = |entry: &&Value| {
        let mut same = messages().filter(|message| message["id"] == entry["id"]);
        same.any(|message| message["categories"].as_array().is_none_or(|names| !names.contains(&json!("Mine"))))
    };
    set_by_people.filter(lacks).map(|entry| format!("the category that a person set on {} is gone", entry["subject"])).collect()
}

/// The time between the last look at Sent Items and the send that follows it: a few calls of up to three seconds each.
const LOOK_TO_SEND: Duration = Duration::from_secs(30);

/// Answers of the rules that went out although a person had answered by then.
fn answers_after_a_person(lab: &Lab) -> Vec<String> {
    let ledger = lab.tenant.ledger();
    let sent = |by: &str| {
        let entries = ledger.as_array().unwrap().iter().filter(move |entry| entry["effect"] == "sent" && entry["by"] == by);
        entries.filter(|entry| entry["subject"].as_str().is_some_and(|subject| subject.starts_with("RE: "))).collect::<Vec<_>>()
    };
    let at = |entry: &Value| entry["at"].as_str().unwrap().parse::<Timestamp>().unwrap();
    let (people, ours) = (sent("person"), sent("client"));
    let late = |our: &&Value| {
        let before = |theirs: &&Value| theirs["subject"] == our["subject"] && at(theirs) + LOOK_TO_SEND < at(our);
        people.iter().copied().find(before).map(|theirs| (our["subject"].clone(), at(theirs), at(our)))
    };
    let late = ours.iter().filter_map(late);
    late.map(|(subject, theirs, ours)| format!("{subject} went out at {ours}, a person had answered at {theirs}")).collect()
}

/// Answers that a person made superfluous.
fn overtaken(lines: &[MessageLine]) -> usize {
    let reasons = lines.iter().flat_map(|line| &line.actions).filter_map(|action| action.reason.as_deref());
    reasons.filter(|reason| *reason == "a person has answered this conversation already").count()
}

/// Everything that the promise does not allow, in words.
fn violations(lab: &Lab, lines: &[MessageLine], waiting: &[ParkedLine]) -> Vec<String> {
    let mut wrong = [lost_categories(lab), answers_after_a_person(lab)].concat();
    let counts = effects(lab);
    // A second copy of a message that a person had moved is the tenant's own doing only if a move was made all the same.
    for (name, count) in &counts {
        if *count > 1 {
            wrong.push(format!("{count} times: {name}"));
        }
    }
    for line in lines {
        if !["planned", "none", "gone", "linked", "parked"].contains(&line.status.as_str()) {
            wrong.push(format!("message {} is {}", line.row, line.status));
        }
        for action in &line.actions {
            let body = serde_json::to_value(&action.planned.action).unwrap();
            let named = waiting.iter().any(|one| one.id == action.id.as_str() && !one.reason.is_empty());
            let done = action.status == "done" && action.reason.is_none();
            for effect in expected(line, &body) {
                let count = counts.get(&effect).copied().unwrap_or(0);
                if done && count != 1 {
                    wrong.push(format!("done, but {count} times: {effect}"));
                }
                if ["rejected", "parked", "unclear"].contains(&action.status.as_str()) && !named {
                    wrong.push(format!("{} without a name in the list of what waits: {effect}", action.status));
                }
            }
        }
    }
    let own = lines.iter().filter(|line| line.message_id.as_deref().is_some_and(|id| id.ends_with("@fabrikam.com>"))).count();
    if own < MAILS {
        // A person may have moved or deleted it before it was seen: then it is nobody's.
        let folders = lab.tenant.mailbox(MAILBOX).unwrap()["folders"].clone();
        let inbox = folders["Inbox"].as_array().map_or(0, Vec::len);
        let unseen = MAILS - own;
        let left: usize = ["Archive", "Deleted Items"].iter().map(|folder| folders[*folder].as_array().map_or(0, Vec::len)).sum();
        if left < unseen {
            wrong.push(format!("{unseen} mails were never seen, {left} were taken away by people, {inbox} lie in Inbox"));
        }
    }
    wrong
}
