//! What Microsoft leaves open, at its worst.

use super::super::{Chance, Limits, Moods, SecondSend, Span, Window};
use super::*;

const MARKER: &str = "String {a0b1c2d3-0000-4000-8000-000000000001} Name postroom.action";

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn hand_clock() -> Clock {
    Clock::by_hand("2026-03-02T09:00:00Z".parse().unwrap())
}

/// A tenant in these moods whose sent drafts stay drafts until the clock is moved.
async fn in_moods(moods: Moods) -> Stage {
    Stage::open(Options { moods, ..options() }).await
}

async fn draft(stage: &Stage, to: &str) -> (String, Value) {
    let body = json!({"subject": "Answer", "toRecipients": [{"emailAddress": {"address": to}}],
        "singleValueExtendedProperties": [{"id": MARKER, "value": "1"}]});
    let (status, draft) = stage.post("/messages", body).await;
    assert_eq!(status, 201, "{draft}");
    (draft["id"].as_str().unwrap().to_owned(), draft)
}

async fn send(stage: &Stage, id: &str) -> u16 {
    stage.post(&format!("/messages/{id}/send"), Value::Null).await.0
}

async fn status(stage: &Stage, id: &str) -> u16 {
    stage.call(Method::GET, &format!("/messages/{id}"), Value::Null).await.0.as_u16()
}

fn by_marker() -> String {
    format!(
        "/messages?$select=subject,internetMessageId&$filter=singleValueExtendedProperties/Any(ep: ep/id eq '{MARKER}' and ep/value eq '1')"
    )
}

/// Waits until Sent Items hold something and shows it.
async fn sent_copy(stage: &Stage) -> Value {
    loop {
        let list = stage.get("/mailFolders/sentitems/messages").await;
        if let Some(copy) = list["value"].get(0) {
            return copy.clone();
        }
    }
}

#[tokio::test]
async fn a_sent_copy_can_have_another_id_and_another_message_id_and_is_found_by_its_marker() {
    let moods = Moods { new_id_on_send: Chance::ALWAYS, new_message_id_on_send: Chance::ALWAYS, ..Moods::default() };
    let stage = in_moods(moods).await;
    let (id, drafted) = draft(&stage, SUPPORT).await;
    assert_eq!(send(&stage, &id).await, 202);
    stage.delivered(1).await;
    assert_eq!(status(&stage, &id).await, 404);
    let found = stage.get(&by_marker()).await["value"].clone();
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_ne!((&found[0]["id"], &found[0]["internetMessageId"]), (&drafted["id"], &drafted["internetMessageId"]));
    assert_ne!(found[0]["internetMessageId"], drafted["internetMessageId"]);
    let support = format!("{}/v1.0/users/{SUPPORT}/messages", stage.simulator.base_url());
    assert_eq!(stage.get(&support).await["value"][0]["internetMessageId"], found[0]["internetMessageId"]);
    stage.end().await;
}

#[tokio::test]
async fn a_submitted_draft_can_hide_from_its_id_and_still_stand_in_the_list() {
    let moods = Moods { hides_submitted: Chance::ALWAYS, sent_delay: Span::Exactly(Duration::from_hours(1)), ..Moods::default() };
    let stage = in_moods(moods).await;
    let (id, _) = draft(&stage, SUPPORT).await;
    assert_eq!(status(&stage, &id).await, 200);
    assert_eq!(send(&stage, &id).await, 202);
    assert_eq!(status(&stage, &id).await, 404);
    assert_eq!(subjects(&stage.get("/mailFolders/drafts/messages").await), ["Answer"]);
    stage.end().await;
}

#[tokio::test]
async fn a_second_send_is_refused_or_sends_a_second_mail() {
    let hour = Span::Exactly(Duration::from_hours(1));
    for (second_send, sent_delay, wanted) in [
        (SecondSend::Refused, hour, (404, 1)),
        (SecondSend::WhileSubmitted, hour, (202, 2)),
        (SecondSend::WhileSubmitted, Span::NONE, (404, 1)),
        (SecondSend::Always, Span::NONE, (202, 2)),
    ] {
        let stage = in_moods(Moods { sent_delay, second_send, ..Moods::default() }).await;
        let (id, _) = draft(&stage, SUPPORT).await;
        assert_eq!(send(&stage, &id).await, 202);
        if sent_delay == Span::NONE {
            stage.delivered(1).await;
        }
        let second = send(&stage, &id).await;
        let sent = stage.effects().iter().filter(|effect| *effect == "sent").count();
        assert_eq!((second, sent), wanted, "{second_send:?}");
        if (second_send, second) == (SecondSend::Always, 202) {
            stage.delivered(2).await;
        }
        stage.end().await;
    }
}

#[tokio::test]
async fn a_marker_is_found_only_after_the_messages_own_lag() {
    let clock = hand_clock();
    let minutes = Duration::from_mins;
    let moods = Moods { index_lag: Span::Between(minutes(1), minutes(10)), ..Moods::default() };
    let stage = Stage::open(Options { moods, clock: clock.clone(), ..options() }).await;
    for number in 0..20 {
        let body = json!({"subject": number.to_string(), "singleValueExtendedProperties": [{"id": MARKER, "value": "1"}]});
        stage.post("/messages", body).await;
    }
    let mut found = Vec::new();
    for _ in 0..=10 {
        found.push(stage.get(&format!("{}&$top=50", by_marker())).await["value"].as_array().unwrap().len());
        clock.advance(minutes(1));
    }
    assert!(found[0] == 0 && found[1] == 0 && (1..20).contains(&found[5]) && found[10] == 20, "{found:?}");
    assert!(found.is_sorted(), "{found:?}");
    assert_eq!(stage.get("/messages?$top=50").await["value"].as_array().unwrap().len(), 20);
    stage.end().await;
}

#[tokio::test]
async fn a_move_after_a_persons_move_can_make_a_second_copy() {
    for (chance, folders) in [(Chance::NEVER, [0, 1]), (Chance::ALWAYS, [1, 1])] {
        let stage = in_moods(Moods { copies_after_person: chance, ..Moods::default() }).await;
        let id = stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
        let door = format!("/sim/mailboxes/{INVOICES}");
        stage.post(&format!("{door}/messages/{id}/move"), json!({"folder": "Junk Email"})).await;
        assert_eq!(stage.post(&format!("/messages/{id}/move"), json!({"destinationId": "archive"})).await.0, 201);
        let shown = stage.get(&door).await;
        let count = |name: &str| shown["folders"][name].as_array().unwrap().len();
        assert_eq!([count("Junk Email"), count("Archive")], folders);
        stage.end().await;
    }
}

#[tokio::test]
async fn an_accepted_send_can_name_retry_after_and_the_mail_can_come_back() {
    let moods = Moods { accepts_with_retry_after: Chance::ALWAYS, bounces: Chance::ALWAYS, ..Moods::default() };
    let stage = in_moods(moods).await;
    let (id, drafted) = draft(&stage, "out@fabrikam.com").await;
    let reply = stage.request(Method::POST, &format!("/messages/{id}/send")).header("content-length", "0").send().await.unwrap();
    assert_eq!((reply.status().as_u16(), reply.headers()["retry-after"].to_str().unwrap()), (202, "10"));
    stage.delivered(1).await;
    let inbox = stage.get("/mailFolders/inbox/messages?$select=subject,internetMessageHeaders").await;
    assert_eq!(subjects(&inbox), ["Undeliverable: Answer"]);
    let headers = inbox["value"][0]["internetMessageHeaders"].as_array().unwrap();
    assert!(headers.contains(&json!({"name": "In-Reply-To", "value": drafted["internetMessageId"]})), "{headers:?}");
    assert_eq!(sent_copy(&stage).await["id"], drafted["id"]);
    stage.end().await;
}

#[tokio::test]
async fn more_calls_than_a_mailbox_takes_are_refused_until_the_time_is_over() {
    let clock = hand_clock();
    let minute = Duration::from_mins(1);
    let limits = Limits { requests: Some(Window { most: 3, within: minute }), ..Limits::default() };
    let stage = Stage::open(Options { limits, clock: clock.clone(), ..options() }).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(stage.request(Method::GET, "/messages").send().await.unwrap());
    }
    let last = statuses.pop().unwrap();
    assert!(statuses.iter().all(|reply| reply.status() == 200));
    assert_eq!((last.status().as_u16(), last.headers()["retry-after"].to_str().unwrap()), (429, "60"));
    clock.advance(minute);
    assert_eq!(stage.request(Method::GET, "/messages").send().await.unwrap().status(), 200);
    stage.end().await;
}

#[tokio::test]
async fn each_call_takes_its_own_time_of_the_tenants_clock() {
    let clock = hand_clock();
    let moods = Moods { latency: Span::Between(ms(100), ms(900)), ..Moods::default() };
    let stage = Stage::open(Options { moods, clock: clock.clone(), ..options() }).await;
    let mut taken = std::collections::BTreeSet::new();
    for _ in 0..8 {
        let before = clock.now();
        stage.get("/messages").await;
        taken.insert(clock.now().as_millisecond() - before.as_millisecond());
    }
    assert!(taken.len() >= 7 && taken.iter().all(|took| (100..900).contains(took)), "{taken:?}");
    stage.end().await;
}

#[tokio::test]
async fn sent_mail_takes_its_own_time_and_may_overtake_what_was_sent_before() {
    let clock = hand_clock();
    let moods = Moods { sent_delay: Span::About(Duration::from_mins(5)), ..Moods::default() };
    let stage = Stage::open(Options { moods, clock, sent_delay: Duration::ZERO, ..options() }).await;
    let subjects_sent: Vec<String> = (0..12).map(|number| format!("Answer {number}")).collect();
    for subject in &subjects_sent {
        let message = json!({"subject": subject, "toRecipients": [{"emailAddress": {"address": SUPPORT}}]});
        assert_eq!(stage.post("/sendMail", json!({"message": message})).await.0, 202);
    }
    stage.delivered(12).await;
    let ledger = stage.simulator.ledger();
    let at = |effect: &str| -> Vec<jiff::Timestamp> {
        let mut entries: Vec<&Value> = ledger.as_array().unwrap().iter().filter(|entry| entry["effect"] == effect).collect();
        entries.sort_by_key(|entry| subjects_sent.iter().position(|subject| entry["subject"] == **subject));
        entries.iter().map(|entry| entry["at"].as_str().unwrap().parse().unwrap()).collect()
    };
    let (sent, delivered) = (at("sent"), at("delivered"));
    let delays: std::collections::BTreeSet<i64> =
        sent.iter().zip(&delivered).map(|(sent, delivered)| delivered.as_second() - sent.as_second()).collect();
    assert!(delays.len() >= 10 && delays.last().unwrap() - delays.first().unwrap() > 60, "{delays:?}");
    stage.end().await;
}
