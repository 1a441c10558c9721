//! Rules that must know something first: the answer is asked once, kept, and the plan follows from it.

use std::collections::BTreeMap;

use postroom::clock::Clock;
use postroom::config::{EndpointConfig, MailboxConfig};
use postroom::ids::{EndpointName, MailboxName};
use postroom::simulator::{AskReply, Receiver, ReceiverOptions};
use serde_json::json;

use crate::world::{MAILBOX, World, mail, statuses};

const RULES: [(&str, &str); 1] = [(
    "10-suppliers.rhai",
    r#"//! Known suppliers are booked, others wait.
fn then(mail) {
    let answer = ask("supplier-check", #{ from: mail.from.address });
    if !answer.known { park("nobody knows the supplier"); }
    if recall(`booked/${mail.subject}`) != () { categorise("Duplicate"); return; }
    remember(`booked/${mail.subject}`, mail.id);
    post("erp", #{ from: mail.from.address, number: answer.number });
}
"#,
)];

async fn world() -> World {
    let mut world = World::new(&RULES).await;
    let mut options = ReceiverOptions::new("ERP", Clock::system());
    let reply = |from: &str, reply| AskReply { path: "/check".into(), request: json!({ "from": from }), status: 200, reply };
    options.asks = vec![
        reply("ana1@fabrikam.com", json!({ "known": true, "number": "10017" })),
        reply("ana2@fabrikam.com", json!({ "known": false })),
        reply("ana3@fabrikam.com", json!({ "known": true, "number": "10019" })),
    ];
    world.receiver = Receiver::start(options).await.unwrap();
    let base = world.receiver.base_url();
    let check = EndpointConfig { read_only: true, ..EndpointConfig::new(format!("{base}/check")) };
    world.config.endpoints = BTreeMap::from([
        (EndpointName::new("erp"), EndpointConfig::new(format!("{base}/erp"))),
        (EndpointName::new("supplier-check"), check),
    ]);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_decides_and_a_duplicate_is_seen_in_the_memory() {
    let mut world = world().await;
    world.start().await;
    world.deliver(&mail(1, "Invoice 7", "x"));
    world.deliver(&mail(2, "Invoice 8", "x"));
    world.settled(2).await;
    world.deliver(&mail(3, "Invoice 7", "x"));
    let lines = world.settled(3).await;
    world.stop().await;
    let ends: Vec<(&str, Vec<&str>)> = lines.iter().rev().map(|line| (line.status.as_str(), statuses(line))).collect();
    assert_eq!(ends, [("planned", vec!["done"]), ("parked", vec![]), ("planned", vec!["done"])]);
    assert_eq!(lines[0].actions[0].planned.action.to_string(), "categorise Duplicate");
    assert_eq!(world.posted(), [json!({ "from": "ana1@fabrikam.com", "number": "10017" })]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_cannot_be_answered_now_is_asked_again_later() {
    let mut world = world().await;
    world.receiver.script(&json!({ "on": "ask", "fault": "503", "times": 1 })).unwrap();
    world.start().await;
    world.deliver(&mail(1, "Invoice 7", "x"));
    let lines = world.settled(1).await;
    let story = world.engine.as_ref().unwrap().journal().story("1").await.unwrap();
    world.stop().await;
    assert_eq!(statuses(&lines[0]), ["done"]);
    let events: Vec<&str> = story.lines.iter().map(|line| line.event.as_str()).collect();
    assert_eq!(events, ["seen", "put_off", "answered", "planned", "started", "done"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_mailbox_remembers_another_does_not_recall() {
    const SUPPORT: &str = "support@contoso.com";
    let rules = [(
        "10-a.rhai",
        "//! The first of a kind.\nfn then(mail) {\n    if recall(\"seen\") != () { categorise(\"Again\"); return; }\n    \
         remember(\"seen\", mail.id);\n    categorise(\"First\");\n}\n",
    )];
    let mut world = World::with_mailboxes(&rules, &[MAILBOX, SUPPORT]).await;
    let invoices = world.config.mailboxes.values().next().unwrap().clone();
    let support = MailboxConfig { address: SUPPORT.into(), ..invoices };
    world.config.mailboxes.insert(MailboxName::new("support"), support);
    world.start().await;
    for (number, address) in [MAILBOX, SUPPORT, MAILBOX, SUPPORT].into_iter().enumerate() {
        world.tenant.deliver(address, &mail(number, &format!("Mail {number}"), "x")).unwrap();
        world.settled(i64::try_from(number).unwrap() + 1).await;
    }
    world.stop().await;
    let set = |address: &str| {
        let shown = world.tenant.mailbox(address).unwrap();
        shown["folders"]["Inbox"].as_array().unwrap().iter().map(|message| message["categories"].clone()).collect::<Vec<_>>()
    };
    let expected = [json!(["First"]), json!(["Again"])];
    assert_eq!([set(MAILBOX), set(SUPPORT)], [expected.clone(), expected]);
}
