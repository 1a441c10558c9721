//! People who work in the mailbox beside the client.

use super::super::{Chance, Deed, Habit, Span};
use super::*;

fn habit(deed: Deed) -> Habit {
    Habit { deed, chance: Chance::ALWAYS, after: Span::Exactly(Duration::from_millis(5)) }
}

async fn with_people(people: Vec<Habit>) -> Stage {
    Stage::open(Options { people, ..options() }).await
}

/// Waits for so many entries in the ledger and gives who did what, after the first ones.
async fn told(stage: &Stage, entries: usize) -> Vec<(String, String)> {
    let mut bell = stage.simulator.effects();
    let rung = bell.wait_for(|count| *count >= entries as u64);
    tokio::time::timeout(Duration::from_secs(10), rung).await.expect("it never came").unwrap();
    let ledger = stage.simulator.ledger();
    let word = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    ledger.as_array().unwrap().iter().map(|entry| (word(entry, "by"), word(entry, "effect"))).collect()
}

fn pairs(told: &[(String, String)]) -> Vec<(&str, &str)> {
    told.iter().map(|(by, effect)| (by.as_str(), effect.as_str())).collect()
}

#[tokio::test]
async fn people_do_to_arrived_mail_what_people_do() {
    for (deed, effect, folder, shown) in [
        (Deed::Read, "patched", "Inbox", json!([true, []])),
        (Deed::Categorise("Red".into()), "patched", "Inbox", json!([false, ["Red"]])),
        (Deed::Move("Archive".into()), "moved", "Archive", json!([false, []])),
        (Deed::Delete, "deleted", "Deleted Items", json!([false, []])),
    ] {
        let stage = with_people(vec![habit(deed.clone())]).await;
        stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
        assert_eq!(pairs(&told(&stage, 2).await), [("person", "delivered"), ("person", effect)], "{deed:?}");
        let message = stage.get(&format!("/sim/mailboxes/{INVOICES}")).await["folders"][folder][0].clone();
        assert_eq!(json!([message["isRead"], message["categories"]]), shown, "{deed:?}");
        stage.end().await;
    }
}

#[tokio::test]
async fn a_persons_answer_lies_in_sent_items_in_the_same_conversation_and_arrives() {
    let stage = with_people(vec![habit(Deed::Reply("Done by hand.".into()))]).await;
    let id = stage.simulator.deliver(SUPPORT, mail(1).replace("billing@fabrikam.com", INVOICES).as_bytes()).unwrap();
    // The mailbox it goes to has the same habit and answers in turn, so only the beginning is looked at.
    let told = told(&stage, 3).await;
    assert_eq!(pairs(&told[..3]), [("person", "delivered"), ("person", "sent"), ("transport", "delivered")]);
    let support = format!("{}/v1.0/users/{SUPPORT}", stage.simulator.base_url());
    let original = stage.get(&format!("{support}/messages/{id}")).await;
    let sent = stage.get(&format!("{support}/mailFolders/sentitems/messages")).await["value"].clone();
    let answer = sent.as_array().unwrap().last().unwrap();
    assert_eq!((&answer["conversationId"], &answer["subject"]), (&original["conversationId"], &json!("RE: Invoice 1")));
    assert!(answer["body"]["content"].as_str().unwrap().contains("Done by hand."));
    stage.end().await;
}

#[tokio::test]
async fn people_edit_and_delete_drafts_and_purge_what_was_sent() {
    let to = json!([{"emailAddress": {"address": "out@fabrikam.com"}}]);
    let stage = with_people(vec![habit(Deed::EditDraft("Mine now.".into()))]).await;
    let (_, draft) = stage.post("/messages", json!({"subject": "d"})).await;
    assert_eq!(pairs(&told(&stage, 2).await), [("client", "draft_created"), ("person", "patched")]);
    let edited = stage.get(&format!("/messages/{}", draft["id"].as_str().unwrap())).await;
    assert!(edited["body"]["content"].as_str().unwrap().contains("Mine now.") && edited["changeKey"] != draft["changeKey"]);
    stage.end().await;

    let stage = with_people(vec![habit(Deed::DeleteDraft)]).await;
    stage.post("/messages", json!({"subject": "d"})).await;
    assert_eq!(pairs(&told(&stage, 2).await), [("client", "draft_created"), ("person", "draft_deleted")]);
    stage.end().await;

    let stage = with_people(vec![habit(Deed::PurgeSent)]).await;
    stage.post("/sendMail", json!({"message": {"subject": "s", "toRecipients": to}})).await;
    assert_eq!(pairs(&told(&stage, 2).await), [("client", "sent"), ("person", "deleted")]);
    let shown = stage.get(&format!("/sim/mailboxes/{INVOICES}")).await;
    assert_eq!((&shown["folders"]["Sent Items"], &shown["folders"]["Deleted Items"]), (&json!([]), &json!([])));
    stage.end().await;
}

#[tokio::test]
async fn a_sent_draft_is_beyond_the_hands_of_who_would_edit_it() {
    let after = |ms| Span::Exactly(Duration::from_millis(ms));
    let people =
        [Deed::DeleteDraft, Deed::EditDraft("Too late.".into())].map(|deed| Habit { after: after(1_000), ..habit(deed) });
    let sent_delay = Duration::from_millis(1_300);
    let stage = Stage::open(Options { people: people.into(), sent_delay, ..options() }).await;
    let to = json!([{"emailAddress": {"address": SUPPORT}}]);
    let (_, draft) = stage.post("/messages", json!({"subject": "s", "toRecipients": to})).await;
    assert_eq!(stage.post(&format!("/messages/{}/send", draft["id"].as_str().unwrap()), Value::Null).await.0, 202);
    let wanted = [("client", "draft_created"), ("client", "sent"), ("transport", "delivered")];
    assert_eq!(pairs(&told(&stage, 3).await), wanted);
    stage.end().await;
}

#[tokio::test]
async fn a_person_reads_categorises_answers_and_purges_at_the_door() {
    let stage = Stage::begin().await;
    let id = stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
    let door = format!("/sim/mailboxes/{INVOICES}/messages/{id}");
    assert_eq!(stage.patch(&door, json!({"isRead": true, "categories": ["Red"]})).await.0, 204);
    let (status, refused) = stage.patch(&door, json!({"subject": "x"})).await;
    assert_eq!((status, refused["error"].as_str().unwrap().contains("not draft")), (400, true), "{refused}");
    assert_eq!(stage.patch(&door, json!(1)).await.0, 400);
    let (status, answer) = stage.post(&format!("{door}/reply"), json!({"body": "By hand."})).await;
    assert_eq!(status, 201);
    let answer = stage.get(&format!("/messages/{}", answer["id"].as_str().unwrap())).await;
    let message = stage.get(&format!("/messages/{id}")).await;
    assert_eq!(answer["conversationId"], message["conversationId"]);
    assert_eq!((&message["isRead"], &message["categories"]), (&json!(true), &json!(["Red"])));
    assert_eq!(stage.post(&format!("{door}/purge"), Value::Null).await.0, 204);
    assert_eq!(stage.post(&format!("{door}/purge"), Value::Null).await.0, 404);
    assert_eq!(stage.effects(), ["delivered", "patched", "sent", "deleted"]);
    stage.end().await;
}

#[tokio::test]
async fn which_mails_people_touch_follows_from_the_seed_and_not_from_the_order_of_arrival() {
    let moved = async |seed: u64, order: Vec<u32>| {
        // The second habit comes after the first one has done what it does.
        let last = Habit { after: Span::Exactly(Duration::from_millis(50)), ..habit(Deed::Categorise("Red".into())) };
        let people = vec![Habit { chance: Chance::percent(40), ..habit(Deed::Move("Archive".into())) }, last];
        let stage = Stage::open(Options { seed, people, ..options() }).await;
        for number in &order {
            stage.simulator.deliver(INVOICES, mail(*number).as_bytes()).unwrap();
        }
        let mut bell = stage.simulator.effects();
        while stage.effects().iter().filter(|effect| *effect == "patched").count() < order.len() {
            bell.changed().await.unwrap();
        }
        let shown = stage.get(&format!("/sim/mailboxes/{INVOICES}")).await;
        let mut subjects: Vec<String> = shown["folders"]["Archive"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| message["subject"].as_str().unwrap().to_owned())
            .collect();
        subjects.sort();
        stage.end().await;
        subjects
    };
    let one = moved(1, (1..=40).collect()).await;
    assert_eq!(one, moved(1, (1..=40).rev().collect()).await);
    assert_ne!(one, moved(2, (1..=40).collect()).await);
}
