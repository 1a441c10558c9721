//! The proof, as long as a commit can wait for it; `cargo bench --bench prove` goes on for as long as one likes.

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use postroom::journal::MessageLine;
use serde_json::{Value, json};

use crate::proof::checker::{Evidence, Others, judge};
use crate::proof::kills::{Ending, Round, round};
use crate::whole::RULES;
use crate::world::{MAILBOX, World, mail};

/// With the second story, what is killed on each commit.
const KILLS: usize = 230;

async fn ended(seed: u64, kills: usize, life: u64, ending: Ending) {
    let played = Round { seed, kills, life: Duration::from_millis(life), ending };
    let outcome = round(played, &AtomicUsize::new(0)).await;
    assert!(outcome.verdict.violations.is_empty(), "{played:?}:\n{}", outcome.verdict.violations.join("\n"));
    assert!(outcome.verdict.counts.effects > kills, "{played:?} did next to nothing: {outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn run_killed_at_random_moments_loses_and_doubles_nothing() {
    ended(1, KILLS, 350, Ending::Kill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_killed_at_other_random_moments_loses_and_doubles_nothing() {
    ended(2, KILLS, 350, Ending::Kill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_killed_three_times_while_it_recovers_loses_and_doubles_nothing() {
    ended(3, 40, 350, Ending::KillWhileRecovering).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_asked_to_end_amid_its_work_twenty_times_ends_in_time_and_loses_and_doubles_nothing() {
    ended(4, 20, 500, Ending::Terminate).await;
}

/// A change of the evidence, and what the checker must say to it.
type Forgery = (fn(&mut Evidence), &'static str);

/// The first action of this kind.
fn change(evidence: &mut Evidence, kind: &str, change: impl Fn(&mut MessageLine, usize)) {
    for line in &mut evidence.messages {
        if let Some(position) = line.actions.iter().position(|action| action.planned.action.kind() == kind) {
            return change(line, position);
        }
    }
}

fn entries(evidence: &mut Evidence) -> &mut Vec<Value> {
    evidence.ledger.as_array_mut().unwrap()
}

fn again(evidence: &mut Evidence, effect: &str) {
    let entry = entries(evidence).iter().find(|entry| entry["effect"] == effect).unwrap().clone();
    entries(evidence).push(entry);
}

/// Whatever could be wrong, one after the other.
const FORGERIES: [Forgery; 14] = [
    (|all| all.received.push(all.received[0].clone()), "1. post to erp (…) came about 2 times"),
    (|all| all.received.clear(), "1. post to erp (…) is done (no reason) and never came about"),
    (|all| all.received[0].key = Some("other".into()), "a record came under the key \"other\" and no action asked for it"),
    (|all| all.received[0].conflicts = 1, "came again with other bytes"),
    (|all| again(all, "sent"), "2. reply received.html (…) came about 2 times"),
    (|all| again(all, "moved"), "move to Processed/Invoices (…) came about 2 times"),
    (|all| entries(all).retain(|entry| entry["effect"] != "moved"), "(…) is done (no reason) and never came about"),
    (
        |all| {
            again(all, "sent");
            entries(all).last_mut().unwrap()["subject"] = json!("Spam");
        },
        "\"Spam\" was sent (ana1@fabrikam.com) and no action asked for it",
    ),
    (
        |all| {
            again(all, "delivered");
            entries(all).last_mut().unwrap()["internetMessageId"] = json!("<9@fabrikam.com>");
        },
        "<9@fabrikam.com> was delivered and the journal does not know it",
    ),
    (
        |all| all.mailbox["folders"]["Postroom Outbox"] = json!([{ "subject": "RE: Your invoice", "isDraft": true }]),
        "a draft is left behind: 1 × \"RE: Your invoice\" in Postroom Outbox",
    ),
    (
        |all| all.mailbox["folders"]["Processed/Invoices"][0]["categories"] = json!([]),
        "3. categorise Invoice (…) is done (no reason) and never came about",
    ),
    (|all| change(all, "move", |line, at| line.actions[at].status = "running".into()), "(…) is still running"),
    (
        |all| {
            change(all, "post", |line, at| {
                line.actions[at].status = "parked".into();
                line.actions[at].reason = Some("who knows".into());
            });
        },
        "1. post to erp (…) waits and the list of what waits does not name it",
    ),
    (|all| all.messages[0].status = "seen".into(), "is still seen"),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_checker_sees_whatever_is_wrong() {
    let mut world = World::started(&RULES).await;
    world.deliver(&mail(1, "Your invoice", "Invoice No. 4711"));
    world.settled(1).await;
    world.until_sent(1).await;
    let journal = world.engine.as_ref().unwrap().journal();
    let evidence = Evidence {
        ledger: world.tenant.ledger(),
        mailbox: world.tenant.mailbox(MAILBOX).unwrap(),
        received: world.receiver.received(),
        messages: journal.newest(10).await.unwrap(),
        waiting: journal.parked().await.unwrap(),
        others: Others::Nobody,
    };
    world.stop().await;
    let verdict = judge(&evidence);
    assert_eq!((verdict.violations, verdict.counts.actions, verdict.counts.effects), (Vec::new(), 5, 5));
    let id = regex::Regex::new("[0-9a-f]{32}").unwrap();
    for (forge, expected) in FORGERIES {
        let mut forged = evidence.clone();
        forge(&mut forged);
        let told = judge(&forged).violations.join("\n");
        assert!(id.replace_all(&told, "…").contains(expected), "expected: {expected}\ntold: {told}");
    }
}
