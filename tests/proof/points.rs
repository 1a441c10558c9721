//! Death at every point of every action: after each commit and each effect, once and again during recovery, with the answer of each call
//! heard, lost before its effect, and lost after it.

use std::fmt::Write as _;

use postroom::simulator::AskReply;
use serde_json::{Value, json};

use super::simulated::{Lab, Point, Surroundings, Worked, in_virtual_time, mail};

/// One action, the calls that can be lost, and how its effect is counted.
pub struct Scenario {
    name: &'static str,
    rule: &'static str,
    /// Operations of the tenant, or `post` and `ask` of the receiver, that are lost.
    calls: &'static [&'static str],
    effect: Effect,
}

/// Where an effect shows.
#[derive(Clone, Copy)]
enum Effect {
    /// In the tenant's ledger, by this word: so often.
    Ledger(&'static str, usize),
    /// At the receiver: so many records.
    Received(usize),
    /// On the message itself: this field of it has this value, however often it was set.
    Field(&'static str, fn() -> Value),
    /// A draft for people in Drafts.
    Draft,
}

pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "post", rule: "post(\"erp\", #{ id: 1 });", calls: &["post"], effect: Effect::Received(1) },
    Scenario { name: "post with look-up", rule: "post(\"asked\", #{ id: 1 });", calls: &["post"], effect: Effect::Received(1) },
    Scenario { name: "post without promise", rule: "post(\"once\", #{ id: 1 });", calls: &["post"], effect: Effect::Received(1) },
    Scenario {
        name: "post each",
        rule: "post_each(\"erp\", [#{ id: 1 }, #{ id: 2 }, #{ id: 3 }]);",
        calls: &["post"],
        effect: Effect::Received(3),
    },
    Scenario {
        name: "reply",
        rule: "reply(\"a.html\", #{});",
        calls: &["create_draft", "send", "get", "list"],
        effect: Effect::Ledger("sent", 1),
    },
    Scenario {
        name: "reply to all",
        rule: "reply_all(\"a.html\", #{});",
        calls: &["create_draft", "send"],
        effect: Effect::Ledger("sent", 1),
    },
    Scenario {
        name: "forward",
        rule: "forward(\"desk@fabrikam.com\", \"Look.\");",
        calls: &["create_forward", "send"],
        effect: Effect::Ledger("sent", 1),
    },
    Scenario {
        name: "new mail",
        rule: "send(#{ to: [\"desk@fabrikam.com\"], subject: \"New\", template: \"a.html\", data: #{} });",
        calls: &["create_draft", "send"],
        effect: Effect::Ledger("sent", 1),
    },
    Scenario { name: "draft reply", rule: "draft_reply(\"a.html\", #{});", calls: &["create_draft"], effect: Effect::Draft },
    Scenario { name: "move", rule: "move_to(\"Done/Deep\");", calls: &["move", "folder"], effect: Effect::Ledger("moved", 1) },
    Scenario { name: "copy", rule: "copy_to(\"Copies\");", calls: &["copy", "list"], effect: Effect::Ledger("copied", 1) },
    Scenario { name: "delete", rule: "delete();", calls: &["delete", "get"], effect: Effect::Ledger("deleted", 1) },
    Scenario {
        name: "categorise",
        rule: "categorise(\"Seen\"); flag(today());",
        calls: &["patch"],
        effect: Effect::Field("categories", || json!(["Seen"])),
    },
    Scenario {
        name: "importance",
        rule: "set_importance(\"high\");",
        calls: &["patch"],
        effect: Effect::Field("importance", || json!("high")),
    },
    Scenario {
        name: "post, answer, move",
        rule: "let r = post(\"erp\", #{ id: 1 }); reply(\"b.html\", #{ id: r.result(\"id\") }); move_to(\"Done\");",
        calls: &["post", "send", "move"],
        effect: Effect::Ledger("sent", 1),
    },
    Scenario {
        name: "ask, then post what was answered",
        rule: "let a = ask(\"check\", #{ id: 1 }); post(\"erp\", #{ id: a.number });",
        calls: &["ask", "post"],
        effect: Effect::Received(1),
    },
    Scenario {
        name: "ask, recall and remember",
        rule: "let a = ask(\"check\", #{ id: 1 }); require(recall(\"seen\") == (), \"seen before\"); remember(\"seen\", a.number); \
               post(\"erp\", #{ id: a.number });",
        calls: &["ask"],
        effect: Effect::Received(1),
    },
];

/// What becomes of an answer.
const LOSSES: [&str; 2] = ["reset_before_effect", "reset_after_effect"];

/// What came of many cases.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub cases: usize,
    pub deaths: usize,
    pub actions: usize,
    pub parked: usize,
    /// Answers that were withheld because a person had answered.
    pub overtaken: usize,
    pub violations: Vec<String>,
}

impl Tally {
    pub fn add(&mut self, other: Self) {
        self.cases += other.cases;
        self.deaths += other.deaths;
        self.actions += other.actions;
        self.parked += other.parked;
        self.overtaken += other.overtaken;
        self.violations.extend(other.violations);
    }
}

/// The cases of one scenario: death at every point; during recovery, after each of the first five where every answer is heard, and once
/// where one is lost.
pub fn run(scenario: &Scenario) -> Tally {
    let mut tally = Tally::default();
    let losses = scenario.calls.iter().flat_map(|call| LOSSES.map(|loss| Some((*call, loss))));
    for loss in std::iter::once(None).chain(losses) {
        let Some(points) = case(scenario, loss, &[], &mut tally) else { continue };
        let again: &[u64] = if loss.is_none() { &[1, 2, 3, 4, 5] } else { &[2] };
        for first in 1..=points {
            case(scenario, loss, &[first], &mut tally);
            // Death during recovery: the second and the third process die a few points after their start.
            for second in again {
                case(scenario, loss, &[first, *second, *second], &mut tally);
            }
        }
    }
    tally
}

/// One case: the process dies at each of these points after its start. Gives how many points an undisturbed run has.
fn case(scenario: &Scenario, loss: Option<(&str, &str)>, deaths: &[u64], tally: &mut Tally) -> Option<u64> {
    tally.cases += 1;
    let label = format!("{} {loss:?} deaths at {deaths:?}", scenario.name);
    let told = in_virtual_time(async || {
        let lab = lab(scenario, loss).await;
        lab.deliver(&mail(1, "Hello"));
        for death in deaths {
            lab.start().await;
            if lab.work(1, Some(Point(*death))).await == Worked::Died {
                tally.deaths += 1;
            }
            lab.die().await;
        }
        lab.start().await;
        let worked = lab.work(1, None).await;
        let violations = judge(scenario, &lab, worked, &mut tally.parked).await;
        lab.end().await;
        match (worked, violations.is_empty()) {
            (Worked::Settled(points), true) => Ok(points),
            _ => Err(violations),
        }
    });
    told.map_err(|violations| tally.violations.push(format!("{label}: {violations}"))).ok()
}

async fn lab(scenario: &Scenario, loss: Option<(&str, &str)>) -> Lab {
    let rule = format!("//! One action.\nfn then(mail) {{ {} }}\n", scenario.rule);
    let rules = [
        ("10-a.rhai", rule.as_str()),
        ("templates/a.html", "<p>Thank you.</p>\n"),
        ("templates/b.html", "<p>Thank you, {{ id }}.</p>\n"),
    ];
    let fault = loss.map(|(call, fault)| (call, json!({ "on": call, "fault": fault, "times": 1 })));
    let to = |at_receiver: bool| {
        let faults = fault.iter().filter(|(call, _)| ["post", "ask"].contains(call) == at_receiver);
        faults.map(|(_, fault)| fault.clone()).collect::<Vec<Value>>()
    };
    let answer = AskReply { path: "/check".into(), request: Value::Null, status: 200, reply: json!({ "number": 7 }) };
    let asks = if scenario.rule.contains("ask(") { vec![answer] } else { Vec::new() };
    Lab::new(&rules, &Surroundings { faults: to(false), post_faults: to(true), asks, ..Surroundings::default() }).await
}

/// What is wrong with how it ended, in words; empty when nothing is.
async fn judge(scenario: &Scenario, lab: &Lab, worked: Worked, parked: &mut usize) -> String {
    let mut wrong = String::new();
    let (lines, waiting) = lab.told().await;
    if worked == Worked::Stuck {
        let _ = write!(wrong, "still open after a day; ");
    }
    let count = count(scenario, lab);
    let wanted = match scenario.effect {
        Effect::Ledger(_, wanted) | Effect::Received(wanted) => wanted,
        Effect::Field(..) | Effect::Draft => 1,
    };
    let done = lines.iter().all(|line| line.actions.iter().all(|action| action.status == "done" && action.reason.is_none()));
    if !waiting.is_empty() {
        *parked += 1;
        if waiting.iter().any(|line| line.reason.is_empty()) {
            let _ = write!(wrong, "parked without a reason; ");
        }
    }
    if count > wanted || (done && count != wanted) || (!done && waiting.is_empty()) {
        let _ = write!(wrong, "{count} effects of {wanted}, done: {done}, waiting: {waiting:?}; ");
    }
    if !wrong.is_empty() {
        let story = lab.journal().unwrap().story("1").await.unwrap();
        let told: Vec<String> = story.lines.iter().map(|line| format!("{} {} {}", line.at, line.event, line.detail)).collect();
        let _ = write!(wrong, "\n  {}\n  {}", told.join("\n  "), lab.tenant.ledger());
    }
    wrong
}

fn count(scenario: &Scenario, lab: &Lab) -> usize {
    let folders = lab.tenant.mailbox(super::simulated::MAILBOX).unwrap()["folders"].clone();
    match scenario.effect {
        Effect::Ledger(effect, _) => {
            let ledger = lab.tenant.ledger();
            ledger.as_array().unwrap().iter().filter(|entry| entry["effect"] == effect && entry["by"] != "person").count()
        }
        Effect::Received(_) => lab.receiver.received().len(),
        Effect::Field(field, value) => {
            let messages = folders.as_object().unwrap().values().flat_map(|messages| messages.as_array().unwrap());
            messages.filter(|message| message["subject"] == "Hello" && message[field] == value()).count()
        }
        Effect::Draft => folders["Drafts"].as_array().map_or(0, Vec::len),
    }
}
