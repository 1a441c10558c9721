//! Stories of the brake on changed rules, on a real database file.
#![allow(clippy::unwrap_used)]

use serde_json::Value;

use std::collections::BTreeSet;

use super::stories::{Desk, desk, mail, plan, reply};
use super::*;
use crate::ids::RuleSetHash;
use crate::plan::Action;

/// Messages decided by a rule set, none of them begun.
async fn decided_by(desk: &Desk, hash: &str, ids: std::ops::Range<usize>) -> Vec<Row> {
    let mails = ids.clone().map(|id| mail(&format!("M{id}"), &format!("<{id}@fabrikam.com>"))).collect();
    desk.arrive(mails).await;
    let hash = RuleSetHash::new(hash);
    desk.journal.keep_rule_set(&hash, &std::collections::BTreeMap::new()).await.unwrap();
    let mut rows = Vec::new();
    for undecided in desk.journal.undecided((1_000, 1_000), BTreeSet::new()).await.unwrap().now {
        desk.journal.record_plan(undecided.row, &hash, plan(&[Action::MarkRead, reply()])).await.unwrap();
        rows.push(undecided.row);
    }
    rows
}

async fn begin_first(desk: &Desk, row: Row) -> Begun {
    let turn = desk.journal.turn(row).await.unwrap();
    let brake = Some(Brake { effects: 3, waiting: 4 });
    let beginning = Beginning { step: "patch".into(), mail: None, brake };
    let begun = desk.journal.begin(&turn, vec![turn.actions[0].id.clone()], beginning).await.unwrap();
    if begun == Begun::Started {
        desk.record(row, &turn.actions[0].id, &[Event::Done { result: Value::Null }]).await;
    }
    begun
}

#[tokio::test]
async fn changed_rules_that_run_away_stop_after_their_first_effects_until_a_person_has_looked() {
    let desk = desk();
    for row in decided_by(&desk, "first", 0..8).await {
        assert_eq!(begin_first(&desk, row).await, Begun::Started, "the first rule set is the one the mailbox was set up with");
    }
    let rows = decided_by(&desk, "second-rule-set", 8..18).await;
    let mut begun = Vec::new();
    for row in &rows {
        begun.push(begin_first(&desk, *row).await);
    }
    assert_eq!(begun, [[Begun::Started; 3].as_slice(), &[Begun::Held; 7]].concat());
    let held = desk.journal.parked().await.unwrap();
    assert_eq!((held.len(), held[0].id.as_str(), held[0].action.as_str()), (1, "rules:invoices:second-r", "rules"));
    assert_eq!(held[0].subject, "10 messages wait for these rules");
    // Nothing more of the changed rules is due, not even what comes second; the first rule set's messages go on.
    assert_eq!(desk.due().await.len(), 8);
    // A message decided meanwhile waits too.
    decided_by(&desk, "second-rule-set", 18..19).await;
    assert_eq!(desk.journal.held_rules().await.unwrap()[0].messages, 11);

    let told = desk.journal.speak("rules:invoices:second-r", Word::Retry { by: "ana".into() }).await.unwrap();
    assert_eq!(told, "rule set second-r of invoices goes on: 11 messages are worked off");
    assert_eq!((desk.due().await.len(), begin_first(&desk, rows[9]).await), (19, Begun::Started));
}

#[tokio::test]
async fn what_waits_for_held_rules_can_be_left_out() {
    let desk = desk();
    decided_by(&desk, "first", 0..1).await;
    let rows = decided_by(&desk, "second", 1..11).await;
    for row in &rows[..4] {
        begin_first(&desk, *row).await;
    }
    let told = desk.journal.speak("rules:invoices:second", Word::Skip { by: "ana".into() }).await.unwrap();
    assert_eq!(told, "rule set second of invoices goes on with what comes: 10 messages are left out");
    let lines = desk.journal.newest(10).await.unwrap();
    let all_done = |line: &MessageLine| line.actions.iter().all(|action| action.status == "done");
    assert!(lines.iter().all(all_done), "{lines:#?}");
}

#[tokio::test]
async fn changed_rules_that_touch_few_messages_are_trusted_after_their_first_effects() {
    let desk = desk();
    decided_by(&desk, "first", 0..1).await;
    for id in 1..6 {
        let rows = decided_by(&desk, "second", id..id + 1).await;
        assert_eq!(begin_first(&desk, rows[0]).await, Begun::Started);
    }
    let rows = decided_by(&desk, "second", 6..30).await;
    for row in rows {
        assert_eq!(begin_first(&desk, row).await, Begun::Started);
    }
}

/// Begins the answer of a message under these limits.
async fn answer(desk: &Desk, row: Row, recipient: &str, limits: Limits) -> Begun {
    let turn = desk.journal.turn(row).await.unwrap();
    let sent = Sent { mailbox: "invoices".into(), recipient: recipient.into(), conversation: None };
    let id = turn.actions.last().unwrap().id.clone();
    let beginning = Beginning { step: "create".into(), mail: Some((sent, limits)), brake: None };
    desk.journal.begin(&turn, vec![id], beginning).await.unwrap()
}

#[tokio::test]
async fn rules_that_send_too_much_within_an_hour_ask_a_person_and_what_was_begun_goes_on() {
    let desk = desk();
    let rows = decided_by(&desk, "first", 0..4).await;
    let limits = Limits { mailbox_minute: 60, rule_set_hour: Some(2), ..Limits::default() };
    let mut begun = Vec::new();
    for row in &rows {
        begun.push(answer(&desk, *row, "a@fabrikam.com", limits).await);
    }
    assert_eq!(begun, [Begun::Started, Begun::Started, Begun::Held, Begun::Held]);
    let held = desk.journal.held_rules().await.unwrap();
    assert_eq!((held.len(), held[0].reason.as_str()), (1, "its rules have sent 2 mails within an hour"));
    // The draft of one that was begun was refused: it counts already, and may be made again.
    let turn = desk.journal.turn(rows[0]).await.unwrap();
    let refused = Event::Deferred { after_ms: 0, reason: "429".into() };
    desk.record(rows[0], &turn.actions[1].id, &[refused]).await;
    assert_eq!(answer(&desk, rows[0], "a@fabrikam.com", limits).await, Begun::Started);
}

#[tokio::test]
async fn a_domain_that_has_had_its_share_waits_for_the_hour_and_another_does_not() {
    let desk = desk();
    let rows = decided_by(&desk, "first", 0..3).await;
    let limits = Limits { mailbox_minute: 60, domain_hour: Some(1), ..Limits::default() };
    assert_eq!(answer(&desk, rows[0], "a@fabrikam.com", limits).await, Begun::Started);
    assert_eq!(answer(&desk, rows[1], "b@fabrikam.com", limits).await, Begun::Later(3_600_000, Pace::Domain));
    assert_eq!(answer(&desk, rows[2], "b@contoso.com", limits).await, Begun::Started);
}
