//! From a mail that arrives to the effects of its plan.

use serde_json::json;

use crate::world::{World, mail, statuses};

/// Everything at once: a post whose answer goes into a reply, categories, read state and a move.
pub const RULES: [(&str, &str); 2] = [
    (
        "10-invoices.rhai",
        r##"//! Invoices go to the ERP.
fn when(mail) { mail.subject.like("*invoice*") }
fn then(mail) {
    let number = require(mail.text.find(#"No\.\s*(\d+)"#), "no invoice number");
    let record = post("erp", #{ number: number, from: mail.from.address });
    reply("received.html", #{ number: number, reference: record.result("id") });
    categorise("Invoice");
    mark_read();
    move_to("Processed/Invoices");
}
"##,
    ),
    ("templates/received.html", "<p>Invoice {{ number }} is {{ reference }} with us.</p>\n"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_posted_answered_categorised_and_moved_exactly_once() {
    let mut world = World::started(&RULES).await;
    world.deliver(&mail(1, "Your invoice", "Invoice No. 4711"));
    world.deliver(&mail(2, "Lunch", "Shall we?"));
    let lines = world.settled(2).await;
    let filed = json!({ "Inbox": ["Lunch"], "Processed/Invoices": ["Your invoice"], "Sent Items": ["RE: Your invoice"] });
    world.until_filed(&filed).await;
    world.stop().await;

    assert_eq!(statuses(&lines[1]), ["done"; 5], "{lines:#?}");
    assert_eq!((lines[0].status.as_str(), lines[0].actions.len()), ("none", 0));
    assert_eq!(world.posted(), [json!({ "number": "4711", "from": "ana1@fabrikam.com" })]);
    let expected = ["draft_created", "sent", "patched", "folder_created", "folder_created", "moved"];
    let mut effects = world.effects();
    effects.sort_unstable();
    let mut sorted = expected.to_vec();
    sorted.sort_unstable();
    assert_eq!(effects, sorted);
    let ledger = world.tenant.ledger();
    let sent = ledger.as_array().unwrap().iter().find(|entry| entry["effect"] == "sent").unwrap();
    assert_eq!((&sent["subject"], &sent["to"]), (&json!("RE: Your invoice"), &json!(["ana1@fabrikam.com"])));
    assert!(sent["body"].as_str().unwrap().contains("Invoice 4711 is ERP-1 with us."), "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_rule_parks_is_left_untouched_and_listed_with_its_place() {
    let mut world = World::started(&RULES).await;
    world.deliver(&mail(1, "Your invoice", "without a number"));
    world.settled(1).await;
    let parked = world.engine.as_ref().unwrap().journal().parked().await.unwrap();
    world.stop().await;
    assert_eq!(parked.len(), 1);
    assert!(parked[0].reason.starts_with("no invoice number ("), "{}", parked[0].reason);
    assert!(parked[0].reason.ends_with("10-invoices.rhai:4)"), "{}", parked[0].reason);
    assert_eq!((world.effects(), world.posted()), (Vec::<String>::new(), Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_rule_is_live_for_the_next_message_and_a_broken_edit_is_refused_with_its_place() {
    let mut world = World::started(&[("10-a.rhai", "//! A.\nfn then(mail) { categorise(\"A\"); }\n")]).await;
    world.deliver(&mail(1, "One", "x"));
    world.settled(1).await;
    crate::world::write(&world.rules_dir().join("10-a.rhai"), "//! A.\nfn then(mail) { categoris(\"B\"); }\n");
    world.until_page("did you mean `categorise`?").await;
    world.deliver(&mail(2, "Two", "x"));
    world.settled(2).await;
    crate::world::write(&world.rules_dir().join("10-a.rhai"), "//! A.\nfn then(mail) { categorise(\"B\"); }\n");
    world.until_page_lacks("were refused").await;
    world.deliver(&mail(3, "Three", "x"));
    let lines = world.settled(3).await;
    world.stop().await;
    let actions: Vec<String> = lines.iter().rev().map(|line| line.actions[0].planned.action.to_string()).collect();
    assert_eq!(actions, ["categorise A", "categorise A", "categorise B"]);
}
