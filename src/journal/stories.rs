//! Stories on a real database file.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::ids::{ActionId, MailboxName, MessageId, RuleSetHash};
use crate::mail::{Address, Envelope};
use crate::plan::{Action, MemoryRead, MemoryWrite, Plan, PlannedAction, Question};

pub(super) struct Desk {
    pub journal: Journal,
    clock: Clock,
    _dir: tempfile::TempDir,
}

pub(super) fn desk() -> Desk {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand("2026-03-02T09:00:00Z".parse().unwrap());
    let journal = Journal::open(&dir.path().join("postroom.db"), clock.clone()).unwrap();
    Desk { journal, clock, _dir: dir }
}

fn inbox() -> Arrival {
    Arrival { mailbox: MailboxName::new("invoices"), folder: "Inbox".into() }
}

pub(super) fn mail(id: &str, message_id: &str) -> Envelope {
    Envelope {
        id: Some(MessageId::new(id)),
        internet_message_id: Some(message_id.into()),
        subject: Some("Invoice".into()),
        from: Some(Address::new("billing@fabrikam.com")),
        ..Envelope::default()
    }
}

pub(super) fn plan(actions: &[Action]) -> Plan {
    let planned = |action: &Action| PlannedAction { rule: "10-a".into(), action: action.clone(), withheld: None };
    Plan { rules: vec!["10-a".into()], actions: actions.iter().map(planned).collect(), ..Plan::default() }
}

fn three_actions() -> Plan {
    let post = Action::Post { endpoint: "erp".into(), record: json!({ "number": "7" }) };
    plan(&[post, Action::MarkRead, Action::Move { folder: "Done".into() }])
}

impl Desk {
    pub async fn arrive(&self, envelopes: Vec<Envelope>) -> Sighting {
        self.journal
            .record_page(&inbox(), envelopes, Looked { next: "cursor".into(), calls: 0 }, jiff::Timestamp::MIN)
            .await
            .unwrap()
    }

    /// One message with a plan: its row and the ids of its actions.
    async fn planned(&self, plan: Plan) -> (Row, Vec<ActionId>) {
        self.arrive(vec![mail("AAk=", "<7@fabrikam.com>")]).await;
        let row = self.journal.undecided((10, 10), BTreeSet::new()).await.unwrap().now[0].row;
        let hash = RuleSetHash::new("7f3a91c");
        self.journal.keep_rule_set(&hash, &std::collections::BTreeMap::new()).await.unwrap();
        assert_eq!(self.journal.record_plan(row, &hash, plan).await.unwrap(), Recorded::Planned);
        let turn = self.journal.turn(row).await.unwrap();
        (row, turn.actions.iter().map(|action| action.id.clone()).collect())
    }

    /// The messages that are due, none left alone.
    pub async fn due(&self) -> Vec<Row> {
        let due = self.journal.due(100, LeftAlone::default()).await.unwrap().now;
        due.into_iter().map(|(row, _)| row).collect()
    }

    pub async fn record(&self, row: Row, id: &ActionId, events: &[Event]) -> Status {
        let events = events.iter().map(|event| (id.clone(), event.clone())).collect();
        *self.journal.record(row, events).await.unwrap().last().unwrap()
    }

    async fn statuses(&self) -> String {
        let line = &self.journal.newest(1).await.unwrap()[0];
        line.actions.iter().map(|action| action.status.clone()).collect::<Vec<_>>().join(" ")
    }
}

fn started() -> Event {
    Event::Started { step: "post".into() }
}

#[tokio::test]
async fn a_page_and_its_cursor_are_kept_together_and_repeats_change_nothing() {
    let desk = desk();
    let page = vec![mail("A", "<1@fabrikam.com>"), mail("B", "<2@fabrikam.com>")];
    assert_eq!(desk.arrive(page.clone()).await, Sighting { new: 2, known: 0 });
    assert_eq!(desk.arrive(page).await, Sighting { new: 0, known: 2 });
    assert_eq!(desk.journal.cursor(&inbox()).await.unwrap().as_deref(), Some("cursor"));
    desk.journal.drop_cursor(&inbox()).await.unwrap();
    assert_eq!(desk.journal.cursor(&inbox()).await.unwrap(), None);
    assert_eq!(desk.journal.undecided((10, 10), BTreeSet::new()).await.unwrap().now.len(), 2);
}

#[tokio::test]
async fn the_same_mail_under_another_id_is_linked_and_other_content_under_one_message_id_is_another_mail() {
    let desk = desk();
    desk.arrive(vec![mail("A", "<1@fabrikam.com>")]).await;
    let other = Envelope { preview: "something else".into(), ..mail("C", "<1@fabrikam.com>") };
    assert_eq!(desk.arrive(vec![mail("B", "<1@fabrikam.com>"), other]).await, Sighting { new: 1, known: 1 });
    let statuses: Vec<String> = desk.journal.newest(3).await.unwrap().into_iter().map(|line| line.status).collect();
    assert_eq!(statuses, ["seen", "linked", "seen"]);
}

#[tokio::test]
async fn actions_go_in_order_and_a_rejected_one_holds_back_those_after_it() {
    let desk = desk();
    let (row, ids) = desk.planned(three_actions()).await;
    assert_eq!(desk.due().await, [row]);
    desk.record(row, &ids[0], &[started(), Event::Rejected { reason: "no such customer".into() }]).await;
    assert_eq!((desk.due().await, desk.statuses().await), (Vec::new(), "rejected due due".into()));

    let parked = desk.journal.parked().await.unwrap();
    let expected = ParkedLine {
        message_id: "<7@fabrikam.com>".into(),
        subject: "Invoice".into(),
        mailbox: "invoices".into(),
        action: "post".into(),
        state: WaitingState::Rejected,
        reason: "no such customer".into(),
        since: "2026-03-02T09:00:00Z".into(),
        id: ids[0].to_string(),
    };
    assert_eq!(parked, [expected]);

    assert_eq!(
        desk.journal.speak(ids[0].as_str(), Word::Skip { by: "ana".into() }).await.unwrap(),
        "the post of message 1 is left out"
    );
    assert_eq!((desk.due().await, desk.statuses().await), (vec![row], "done due due".into()));
}

#[tokio::test]
async fn a_deferred_action_waits_for_its_time_and_keeps_what_it_knows() {
    let desk = desk();
    let (row, ids) = desk.planned(three_actions()).await;
    let progress = json!({ "draft": "AAk=" });
    desk.record(row, &ids[0], &[started(), Event::Advanced { progress: progress.clone() }, started()]).await;
    desk.record(row, &ids[0], &[Event::Deferred { after_ms: 5_000, reason: "429".into() }]).await;
    assert_eq!(desk.due().await, []);
    desk.clock.advance(Duration::from_secs(5));
    assert_eq!(desk.due().await, [row]);
    let action = &desk.journal.turn(row).await.unwrap().actions[0];
    assert_eq!((&action.progress, action.attempt, action.status), (&progress, 2, Status::Deferred));
}

#[tokio::test]
async fn what_was_under_way_when_the_process_ended_is_unclear() {
    let desk = desk();
    let (row, ids) = desk.planned(three_actions()).await;
    desk.record(row, &ids[0], &[started()]).await;
    assert_eq!(desk.due().await, []);
    assert_eq!(desk.journal.doubt_running().await.unwrap(), 1);
    assert_eq!((desk.due().await, desk.statuses().await), (vec![row], "unclear due due".into()));
    desk.record(row, &ids[0], &[Event::Confirmed { result: json!({ "id": "ERP-1" }) }]).await;
    assert_eq!(desk.journal.turn(row).await.unwrap().results, [(0, json!({ "id": "ERP-1" }))].into());
}

#[tokio::test]
async fn an_illegal_event_is_refused_and_nothing_of_its_step_is_written() {
    let desk = desk();
    let (row, ids) = desk.planned(three_actions()).await;
    let events = vec![(ids[0].clone(), started()), (ids[1].clone(), Event::Done { result: Value::Null })];
    let refused = desk.journal.record(row, events).await.unwrap_err();
    assert_eq!(refused.to_string(), "an action that is due cannot be done");
    assert_eq!(desk.statuses().await, "due due due");
}

#[tokio::test]
async fn a_plan_is_refused_when_what_it_recalled_has_changed() {
    let desk = desk();
    desk.arrive(vec![mail("A", "<1@fabrikam.com>"), mail("B", "<2@fabrikam.com>")]).await;
    let rows: Vec<Row> =
        desk.journal.undecided((10, 10), BTreeSet::new()).await.unwrap().now.into_iter().map(|message| message.row).collect();
    let hash = RuleSetHash::new("7f3a91c");
    desk.journal.keep_rule_set(&hash, &std::collections::BTreeMap::new()).await.unwrap();
    let recalled = vec![MemoryRead { key: "invoice/7".into(), value: None }];
    let remember = vec![MemoryWrite { key: "invoice/7".into(), value: Some(json!("x")), until: None }];
    let plan = Plan { remember, recalled, ..plan(&[Action::MarkRead]) };
    assert_eq!(desk.journal.record_plan(rows[0], &hash, plan.clone()).await.unwrap(), Recorded::Planned);
    assert_eq!(desk.journal.record_plan(rows[1], &hash, plan.clone()).await.unwrap(), Recorded::MemoryChanged);
    assert_eq!(desk.journal.record_plan(rows[0], &hash, plan).await.unwrap(), Recorded::AlreadyDecided);
    assert_eq!(desk.journal.recall(&"invoices".into(), "invoice/7").unwrap(), Some(json!("x")));
}

#[tokio::test]
async fn the_first_answer_to_a_question_holds() {
    let desk = desk();
    desk.arrive(vec![mail("A", "<1@fabrikam.com>")]).await;
    let row = desk.journal.undecided((1, 1), BTreeSet::new()).await.unwrap().now[0].row;
    let question = Question::Ask { endpoint: "supplier-check".into(), request: json!({ "vat": "DE1" }) };
    desk.journal.record_question(row, &question).await.unwrap();
    desk.journal.record_answer(row, &question, json!({ "known": true })).await.unwrap();
    desk.journal.record_answer(row, &question, json!({ "known": false })).await.unwrap();
    let answers = desk.journal.undecided((1, 1), BTreeSet::new()).await.unwrap().now.remove(0).answers;
    assert_eq!(answers, [(question.key(), json!({ "known": true }))].into());
}

#[tokio::test]
async fn budgets_withhold_and_the_pace_delays() {
    let desk = desk();
    let replies: Vec<Action> =
        (0..4).map(|_| Action::Reply(crate::plan::Reply { template: "t.html".into(), ..Default::default() })).collect();
    let (row, ids) = desk.planned(plan(&replies)).await;
    let sent = |recipient: &str, conversation: &str| Sent {
        mailbox: "invoices".into(),
        recipient: recipient.into(),
        conversation: Some(conversation.into()),
    };
    let limits = |mailbox_minute| Limits { recipient_day: Some(1), conversation: Some(2), mailbox_minute, ..Limits::default() };
    let begin = async |id: usize, sent: Sent, limits: Limits| {
        let beginning = Beginning { step: "create".into(), mail: Some((sent, limits)), brake: None };
        let turn = desk.journal.turn(row).await.unwrap();
        desk.journal.begin(&turn, vec![ids[id].clone()], beginning).await.unwrap()
    };
    assert_eq!(begin(0, sent("a@fabrikam.com", "c1"), limits(60)).await, Begun::Started);
    desk.record(row, &ids[0], &[Event::Done { result: Value::Null }]).await;
    assert_eq!(begin(1, sent("a@fabrikam.com", "c2"), limits(60)).await, Begun::RecipientHasEnough(1));
    desk.clock.advance(Duration::from_secs(10));
    assert_eq!(begin(1, sent("b@fabrikam.com", "c1"), limits(1)).await, Begun::Later(50_000, Pace::Mailbox));
    assert_eq!(begin(1, sent("b@fabrikam.com", "c1"), limits(60)).await, Begun::Started);
    desk.record(row, &ids[1], &[Event::Done { result: Value::Null }]).await;
    assert_eq!(begin(2, sent("c@fabrikam.com", "c1"), limits(60)).await, Begun::ConversationHasEnough(2));
    desk.clock.advance(Duration::from_hours(24));
    assert_eq!(begin(2, sent("a@fabrikam.com", "c3"), limits(1)).await, Begun::Started);
}

#[tokio::test]
async fn a_full_disk_refuses_the_step_whole_and_lets_it_be_repeated() {
    let desk = desk();
    desk.arrive(vec![mail("A", "<1@fabrikam.com>")]).await;
    let limit = |pages: i64| move |connection: &Connection| Ok(connection.pragma_update(None, "max_page_count", pages)?);
    desk.journal
        .look(|connection| Ok(connection.pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0))?))
        .await
        .unwrap();
    let pages =
        desk.journal.look(|connection| Ok(connection.pragma_query_value(None, "page_count", |row| row.get(0))?)).await.unwrap();
    desk.journal.write(limit(pages)).await.unwrap();
    let many: Vec<Envelope> = (0..200)
        .map(|number| Envelope { preview: "x".repeat(255), ..mail(&format!("M{number}"), &format!("<{number}@x>")) })
        .collect();
    let refused = desk
        .journal
        .record_page(&inbox(), many.clone(), Looked { next: "later".into(), calls: 0 }, jiff::Timestamp::MIN)
        .await
        .unwrap_err();
    assert!(matches!(refused, JournalError::Full { .. }) && refused.is_passing(), "{refused}");
    assert_eq!(desk.journal.counts().await.unwrap().messages, 1);
    assert_eq!(desk.journal.cursor(&inbox()).await.unwrap().as_deref(), Some("cursor"));
    desk.journal.write(limit(1_000_000)).await.unwrap();
    assert_eq!(
        desk.journal
            .record_page(&inbox(), many, Looked { next: "later".into(), calls: 0 }, jiff::Timestamp::MIN)
            .await
            .unwrap()
            .new,
        200
    );
}

#[tokio::test]
async fn a_parked_message_is_decided_again_or_closed_by_a_person() {
    let desk = desk();
    desk.arrive(vec![mail("A", "<1@fabrikam.com>")]).await;
    let row = desk.journal.undecided((1, 1), BTreeSet::new()).await.unwrap().now[0].row;
    desk.journal.record_undone(row, None, Undone::Parked("no invoice number (10-a.rhai:8)".into())).await.unwrap();
    assert_eq!(desk.journal.undecided((1, 1), BTreeSet::new()).await.unwrap().now.len(), 0);
    assert_eq!(
        desk.journal.speak("<1@fabrikam.com>", Word::Retry { by: "ana".into() }).await.unwrap(),
        "message 1 is decided again"
    );
    assert_eq!(desk.journal.undecided((1, 1), BTreeSet::new()).await.unwrap().now.len(), 1);
    let refused = desk.journal.speak("1", Word::Skip { by: "ana".into() }).await.unwrap_err().to_string();
    assert_eq!(refused, "there is no parked message 1; an action is named by the `id` that `parked list --json` shows");
    let told: Vec<String> = desk.journal.story("1").await.unwrap().lines.into_iter().map(|line| line.event).collect();
    assert_eq!(told, ["seen", "parked", "retried"]);
}

pub(super) fn reply() -> Action {
    Action::Reply(crate::plan::Reply { template: "a.html".into(), ..crate::plan::Reply::default() })
}

impl Desk {
    /// Begins the action's mail and has it accepted for delivery.
    async fn sent(&self, row: Row, id: &ActionId) {
        let sent = Sent { mailbox: "invoices".into(), recipient: "a@fabrikam.com".into(), conversation: None };
        let mail = Some((sent, Limits { mailbox_minute: 60, ..Limits::default() }));
        let beginning = Beginning { step: "create".into(), mail, brake: None };
        let turn = self.journal.turn(row).await.unwrap();
        assert_eq!(self.journal.begin(&turn, vec![id.clone()], beginning).await.unwrap(), Begun::Started);
        let result = json!({ "draft": "D", "internet_message_id": "<r1@contoso.com>" });
        self.record(row, id, &[Event::Done { result }]).await;
    }
}

#[tokio::test]
async fn accepted_mail_is_looked_for_until_it_has_left() {
    let desk = desk();
    let (row, ids) = desk.planned(plan(&[reply()])).await;
    desk.sent(row, &ids[0]).await;
    assert_eq!(desk.journal.accepted_mail(10).await.unwrap(), []);
    desk.clock.advance(Duration::from_mins(1));
    let accepted = desk.journal.accepted_mail(10).await.unwrap();
    assert_eq!((accepted.len(), accepted[0].draft.clone()), (1, Some("D".into())));
    desk.journal.look_again(&accepted[0], Duration::from_mins(5)).await.unwrap();
    assert_eq!(desk.journal.accepted_mail(10).await.unwrap(), []);
    desk.clock.advance(Duration::from_mins(5));
    let accepted = desk.journal.accepted_mail(10).await.unwrap();
    assert_eq!(accepted[0].looks, 1);
    desk.journal.record_confirmed(&accepted[0], &"S".into()).await.unwrap();
    assert_eq!(desk.journal.next_confirmation_at().await.unwrap(), None);
    let story = desk.journal.story("1").await.unwrap();
    assert_eq!(story.lines.last().map(|line| line.event.as_str()), Some("left"));
}

#[tokio::test]
async fn mail_that_comes_back_is_named_and_can_be_sent_once_more_as_another_mail() {
    let desk = desk();
    let (row, ids) = desk.planned(plan(&[reply()])).await;
    desk.sent(row, &ids[0]).await;
    desk.arrive(vec![mail("NDR", "<ndr@contoso.com>")]).await;
    let report = desk.journal.undecided((1, 1), BTreeSet::new()).await.unwrap().now[0].row;
    let mailbox = MailboxName::new("invoices");
    assert!(desk.journal.may_bounce(&mailbox).await.unwrap());
    let foreign = Returned { message_ids: vec!["<other@contoso.com>".into()], ..Returned::default() };
    assert_eq!(desk.journal.record_bounce(report, &mailbox, foreign).await.unwrap(), None);
    let ours = Returned { message_ids: vec!["<r1@contoso.com>".into()], reason: "a@fabrikam.com (5.1.1)".into(), action: None };
    assert_eq!(desk.journal.record_bounce(report, &mailbox, ours.clone()).await.unwrap(), Some(row));
    // A second report of the same mail is only a report.
    assert_eq!(desk.journal.record_bounce(report, &mailbox, ours).await.unwrap(), None);
    let parked = desk.journal.parked().await.unwrap();
    assert_eq!((parked.len(), parked[0].reason.as_str()), (1, "it came back: a@fabrikam.com (5.1.1)"));
    assert_eq!(parked[0].state, WaitingState::Rejected);

    desk.journal.speak(ids[0].as_str(), Word::Retry { by: "ana".into() }).await.unwrap();
    let turn = desk.journal.turn(row).await.unwrap();
    assert_eq!((turn.actions[0].status, turn.actions[0].progress.clone()), (Status::Due, json!({ "again": 1 })));
}

#[tokio::test]
async fn a_person_can_say_that_it_was_done_by_hand() {
    let desk = desk();
    let (row, ids) = desk.planned(three_actions()).await;
    desk.record(row, &ids[0], &[started(), Event::Rejected { reason: "no such customer".into() }]).await;
    let told = desk.journal.speak(ids[0].as_str(), Word::Done { by: "ana".into() }).await.unwrap();
    assert_eq!((told.as_str(), desk.statuses().await.as_str()), ("the post of message 1 counts as done", "done due due"));
    let story = desk.journal.story_of(ids[0].as_str()).await.unwrap();
    let last = story.lines.last().unwrap();
    assert_eq!((last.event.as_str(), &last.detail), ("done_by_hand", &json!({ "by": "ana" })));
}

/// What a process that dies now leaves behind: its marks, never removed.
async fn die_over(desk: &Desk, rows: &[Row]) {
    let deciding = Deciding::take_up(&desk.journal).await.unwrap();
    for row in rows {
        std::mem::forget(deciding.mark(*row));
    }
}

impl Desk {
    /// Each message's status and deaths, by row.
    async fn deaths(&self) -> Vec<(String, u32)> {
        let waiting = self.journal.undecided((10, 10), BTreeSet::new()).await.unwrap().now;
        let deaths = |row: i64| waiting.iter().find(|message| message.row == Row(row)).map_or(0, |message| message.deaths);
        let lines = self.journal.newest(10).await.unwrap();
        lines.iter().rev().map(|line| (line.status.clone(), deaths(line.row))).collect()
    }

    fn marks(&self) -> String {
        std::fs::read_to_string(self.journal.path().with_extension("db.deciding")).unwrap()
    }
}

fn seen(deaths: u32) -> (String, u32) {
    ("seen".to_owned(), deaths)
}

#[tokio::test]
async fn a_message_during_whose_work_the_process_died_three_times_is_parked_and_the_others_are_not() {
    let desk = desk();
    desk.arrive(vec![mail("AAk=", "<7@fabrikam.com>"), mail("AAl=", "<8@fabrikam.com>")]).await;
    let rows: Vec<Row> =
        desk.journal.undecided((10, 10), BTreeSet::new()).await.unwrap().now.iter().map(|message| message.row).collect();
    die_over(&desk, &rows).await;
    die_over(&desk, &rows[..1]).await;
    assert_eq!(desk.deaths().await, [seen(1), seen(1)]);
    die_over(&desk, &rows[..1]).await;
    assert_eq!(desk.deaths().await, [seen(2), seen(1)]);
    drop(Deciding::take_up(&desk.journal).await.unwrap());
    assert_eq!(desk.deaths().await, [("parked".to_owned(), 0), seen(1)]);
    let story = desk.journal.story("<7@fabrikam.com>").await.unwrap();
    let events: Vec<&str> = story.lines.iter().map(|line| line.event.as_str()).collect();
    assert_eq!(events, ["seen", "process_died", "process_died", "process_died", "parked"]);
    assert_eq!(story.lines[2].detail, json!({ "times": 2 }));
    assert!(story.message.reason.unwrap().starts_with("3 times the process died while it read this message or ran its rules"));

    // What has been counted is not counted again, and a person's word begins anew.
    drop(Deciding::take_up(&desk.journal).await.unwrap());
    desk.journal.speak("<7@fabrikam.com>", Word::Retry { by: "ana".into() }).await.unwrap();
    assert_eq!(desk.deaths().await, [seen(0), seen(1)]);
}

#[tokio::test]
async fn a_mark_stands_as_long_as_its_work_and_its_line_is_used_again() {
    let desk = desk();
    let deciding = Deciding::take_up(&desk.journal).await.unwrap();
    let (first, second) = (deciding.mark(Row(7)), deciding.mark(Row(8)));
    assert_eq!(desk.marks(), format!("{:020}\n{:020}\n", 7, 8));
    drop(first);
    let third = deciding.mark(Row(i64::MAX));
    assert_eq!(desk.marks(), format!("{:020}\n{:020}\n", i64::MAX, 8));
    drop((second, third));
    assert_eq!(desk.marks().trim(), "");
    // A message that was decided since, or of which the journal knows nothing, is nobody's death.
    std::mem::forget(deciding.mark(Row(99)));
    drop(Deciding::take_up(&desk.journal).await.unwrap());
    assert_eq!(desk.marks(), "");
}

#[tokio::test]
async fn mail_that_comes_back_holds_back_nothing_that_comes_after_it() {
    let desk = desk();
    let (row, ids) = desk.planned(plan(&[reply(), Action::MarkRead, Action::Move { folder: "Done".into() }])).await;
    desk.sent(row, &ids[0]).await;
    desk.record(row, &ids[0], &[Event::Bounced { reason: "nobody there".into() }]).await;
    assert_eq!((desk.due().await, desk.statuses().await.as_str()), (vec![row], "rejected due due"));
    let turn = desk.journal.turn(row).await.unwrap();
    assert_eq!(turn.actions.iter().map(|action| action.ordinal).collect::<Vec<_>>(), [1, 2]);
    desk.record(row, &ids[1], &[started(), Event::Done { result: Value::Null }]).await;
    assert_eq!(desk.due().await, [row]);
    // A person wants it sent again: now it is first again.
    desk.journal.speak(ids[0].as_str(), Word::Retry { by: "ana".into() }).await.unwrap();
    let turn = desk.journal.turn(row).await.unwrap();
    assert_eq!(turn.actions.iter().map(|action| action.ordinal).collect::<Vec<_>>(), [0, 2]);
}
