use super::*;

async fn script(stage: &Stage, on: &str, fault: &str) {
    let (status, body) = stage.post("/sim/faults", json!({"on": on, "fault": fault, "times": 1})).await;
    assert_eq!(status, 201, "{body}");
}

#[tokio::test]
async fn refusals_before_the_effect_leave_nothing_and_those_after_it_leave_everything() {
    let stage = Stage::begin().await;
    for (fault, status, retry_after, effects) in [
        ("429", 429, Some("1"), 0),
        ("429_without_retry_after", 429, None, 0),
        ("500", 500, None, 0),
        ("503", 503, None, 0),
        ("503_with_retry_after", 503, Some("1"), 0),
        ("504", 504, None, 0),
        ("timeout_before_effect", 504, None, 0),
        ("timeout_after_effect", 504, None, 1),
        ("500_after_effect", 500, None, 1),
        ("503_after_effect", 503, None, 1),
        ("html_502", 502, None, 0),
        ("401", 401, None, 0),
        ("403", 403, None, 0),
        ("404", 404, None, 0),
        ("412", 412, None, 0),
    ] {
        let before = stage.effects().len();
        script(&stage, "create_draft", fault).await;
        let reply = stage.request(Method::POST, "/messages").json(&json!({"subject": fault})).send().await.unwrap();
        let named = reply.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(
            (reply.status().as_u16(), named.as_deref(), stage.effects().len() - before),
            (status, retry_after, effects),
            "{fault}"
        );
    }
    assert_eq!(stage.post("/messages", json!({"subject": "free again"})).await.0, 201);
    stage.end().await;
}

#[tokio::test]
async fn a_cut_connection_is_seen_as_cut_and_the_effect_is_there_or_not() {
    let stage = Stage::begin().await;
    for (fault, effects) in [("reset_before_effect", 0), ("reset_after_effect", 1)] {
        let before = stage.effects().len();
        script(&stage, "any", fault).await;
        let sent = stage.request(Method::POST, "/messages").json(&json!({"subject": fault})).send().await;
        assert!(sent.is_err_and(|error| error.is_request()), "{fault}");
        assert_eq!(stage.effects().len() - before, effects, "{fault}");
    }
    stage.simulator.script(&json!({"on": "list", "fault": "hang_before_effect", "seconds": 0})).unwrap();
    assert!(stage.request(Method::GET, "/messages").send().await.is_err());
    script(&stage, "list", "truncated_json").await;
    assert!(stage.request(Method::GET, "/messages").send().await.unwrap().json::<Value>().await.is_err());
    stage.end().await;
}

#[tokio::test]
async fn a_hanging_request_does_not_keep_the_tenant_from_stopping() {
    let stage = Stage::begin().await;
    script(&stage, "list", "hang_before_effect").await;
    let waiting = tokio::spawn(stage.request(Method::GET, "/messages").send());
    while stage.get("/sim/faults").await["active"] != json!([]) {}
    stage.end().await;
    assert!(waiting.await.unwrap().is_err());
}

#[tokio::test]
async fn the_token_endpoint_fails_in_its_own_shape() {
    let stage = Stage::begin().await;
    script(&stage, "token", "503_with_retry_after").await;
    let url = format!("{}/contoso/oauth2/v2.0/token", stage.simulator.base_url());
    let reply = client().post(&url).body("x=1").send().await.unwrap();
    assert_eq!((reply.status().as_u16(), reply.headers()["retry-after"].to_str().unwrap()), (503, "1"));
    assert_eq!(reply.json::<Value>().await.unwrap()["error"], "temporarily_unavailable");
    stage.end().await;
}

#[tokio::test]
async fn a_fifth_request_at_once_is_one_too_many() {
    let stage = Stage::open(Options { latency: Duration::from_millis(300), ..options() }).await;
    let one = || async { stage.request(Method::GET, "/messages").send().await.unwrap().status().as_u16() };
    let mut statuses = <[u16; 5]>::from(tokio::join!(one(), one(), one(), one(), one()));
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 429]);
    assert_eq!(one().await, 200);
    stage.end().await;
}

#[tokio::test]
async fn a_marker_younger_than_the_index_is_not_found() {
    let stage = Stage::begin().await;
    let id = "String {a0b1c2d3-0000-4000-8000-000000000001} Name postroom.action";
    stage.post("/messages", json!({"subject": "m", "singleValueExtendedProperties": [{"id": id, "value": "1"}]})).await;
    let find = format!("/messages?$filter=singleValueExtendedProperties/Any(ep: ep/id eq '{id}' and ep/value eq '1')");
    script(&stage, "list", "index_lag").await;
    assert_eq!(subjects(&stage.get(&find).await), Vec::<&str>::new());
    assert_eq!(subjects(&stage.get(&find).await), ["m"]);
    stage.end().await;
}

#[tokio::test]
async fn delta_can_replay_come_empty_or_be_gone() {
    let stage = Stage::begin().await;
    stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
    let start = "/mailFolders/inbox/messages/delta?$select=subject";
    script(&stage, "delta", "empty_page").await;
    let empty = stage.get(start).await;
    assert_eq!(empty["value"], json!([]));
    let last = stage.get(empty["@odata.nextLink"].as_str().unwrap()).await;
    assert_eq!(subjects(&last), ["Invoice 1"]);
    let link = last["@odata.deltaLink"].as_str().unwrap();
    script(&stage, "delta", "delta_replay").await;
    assert_eq!(subjects(&stage.get(link).await), ["Invoice 1"]);
    assert_eq!(subjects(&stage.get(link).await), Vec::<&str>::new());
    script(&stage, "delta", "410").await;
    assert_eq!(stage.call(Method::GET, link, Value::Null).await.0, 410);
    stage.end().await;
}

#[tokio::test]
async fn faults_keep_to_their_mailbox_and_unknown_ones_are_refused_with_the_names() {
    let stage = Stage::begin().await;
    let (status, refused) = stage.post("/sim/faults", json!({"on": "list", "fault": "fire"})).await;
    assert_eq!(status, 400);
    assert!(refused["error"].as_str().unwrap().contains("timeout_after_effect"));
    stage.post("/sim/faults", json!({"on": "any", "fault": "500", "times": 9, "mailbox": SUPPORT})).await;
    assert_eq!(stage.call(Method::GET, "/messages", Value::Null).await.0, 200);
    let other = format!("{}/v1.0/users/{SUPPORT}/messages", stage.simulator.base_url());
    assert_eq!(stage.call(Method::GET, &other, Value::Null).await.0, 500);
    assert_eq!(stage.delete("/sim/faults").await, 204);
    assert_eq!(stage.call(Method::GET, &other, Value::Null).await.0, 200);
    let asked = stage.get("/sim/requests").await;
    assert_eq!(
        asked,
        json!([
            {"method": "GET", "path": "/v1.0/users/{id}/messages", "count": 3},
            {"method": "POST", "path": "/{tenant}/oauth2/v2.0/token", "count": 1},
        ])
    );
    stage.end().await;
}
