use super::super::{AskReply, Receiver, ReceiverOptions};
use super::*;

#[tokio::test]
async fn a_receiver_takes_each_key_once_and_answers_repeats_the_same() {
    let clock = Clock::by_hand("2026-03-02T09:00:00Z".parse().unwrap());
    let receiver = Receiver::start(ReceiverOptions::new("ERP", clock)).await.unwrap();
    let url = format!("{}/invoices", receiver.base_url());
    let http = client();
    let post =
        |key: &'static str, body: Value| http.post(&url).header("idempotency-key", key).header("webhook-id", key).json(&body);
    receiver.script(&json!({"on": "post", "fault": "reset_after_effect"})).unwrap();
    assert!(post("k1", json!({"n": 1})).send().await.is_err());
    let again = post("k1", json!({"n": 1})).send().await.unwrap();
    assert_eq!((again.status().as_u16(), again.json::<Value>().await.unwrap()), (200, json!({"id": "ERP-1"})));
    assert_eq!(post("k1", json!({"n": 2})).send().await.unwrap().status(), 422);
    assert_eq!(post("k2", json!({"n": 2})).send().await.unwrap().json::<Value>().await.unwrap(), json!({"id": "ERP-2"}));
    let mut shown: Value = http.get(format!("{}/received", receiver.base_url())).send().await.unwrap().json().await.unwrap();
    for entry in shown.as_array_mut().unwrap() {
        assert!(entry.as_object_mut().unwrap().remove("headers").unwrap().is_object());
    }
    let entry = |seq: u64, key: &str, repeats: u64, conflicts: u64| {
        json!({"seq": seq, "at": "2026-03-02T09:00:00Z", "path": "/invoices", "key": key, "webhookId": key, "id": format!("ERP-{seq}"),
            "body": {"n": seq}, "repeats": repeats, "conflicts": conflicts})
    };
    assert_eq!(shown, json!([entry(1, "k1", 1, 1), entry(2, "k2", 0, 0)]));
    receiver.stop().await;
}

#[tokio::test]
async fn a_receiver_answers_questions_from_its_table_and_keeps_no_record_of_them() {
    let ask = |request: Value, reply: Value| AskReply { path: "/suppliers".into(), request, status: 200, reply };
    let asks =
        vec![ask(json!({"vat": "DE1"}), json!({"name": "Fabrikam"})), ask(json!({"vat": "DE2"}), json!({"name": "Contoso"}))];
    let options = ReceiverOptions { asks, ..ReceiverOptions::new("R", Clock::system()) };
    let receiver = Receiver::start(options).await.unwrap();
    let url = format!("{}/suppliers", receiver.base_url());
    let reply = client().post(&url).json(&json!({"vat": "DE2", "more": 1})).send().await.unwrap();
    assert_eq!(reply.json::<Value>().await.unwrap(), json!({"name": "Contoso"}));
    assert_eq!(client().post(&url).json(&json!({"vat": "FR"})).send().await.unwrap().status(), 404);
    assert_eq!(receiver.received(), vec![]);
    receiver.stop().await;
}
