//! What the grammar forgives, and what it refuses: always in Graph's words.

use super::*;

/// What is wrong with an answer as Graph's error envelope; nothing if it is one.
fn no_envelope(status: StatusCode, body: &Value) -> Option<String> {
    let error = &body["error"];
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let inner = &error["innerError"];
    let is_one = status.is_client_error()
        && is_text(&error["code"])
        && is_text(&error["message"])
        && ["date", "request-id", "client-request-id"].iter().all(|name| is_text(&inner[*name]));
    (!is_one).then(|| format!("{status} {body}"))
}

#[tokio::test]
async fn one_message_is_found_under_every_spelling_of_its_path() {
    let stage = Stage::begin().await;
    let id = stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
    let escaped = id.replace('=', "%3D");
    let address = INVOICES.replace('@', "%40");
    for path in [
        format!("/v1.0/users/{INVOICES}/messages/{id}"),
        format!("/beta/users/{address}/messages/{escaped}"),
        format!("/v1.0/USERS/{}/MailFolders/INBOX/Messages/{id}/", INVOICES.to_uppercase()),
        format!("/v1.0/users('{INVOICES}')/mailfolders('inbox')/messages('{id}')"),
        format!("/v1.0/users('{address}')/mailFolders/Inbox/messages('{escaped}')?$SELECT=Subject&unknown=1"),
    ] {
        let shown = stage.get(&format!("{}{path}", stage.simulator.base_url())).await;
        assert_eq!((&shown["id"], &shown["subject"]), (&json!(id), &json!("Invoice 1")), "{path}");
    }
    for path in ["delta", "delta()", "microsoft.graph.delta()", "Microsoft.Graph.Delta"] {
        assert_eq!(subjects(&stage.get(&format!("/mailFolders('inbox')/messages/{path}?$select=subject")).await), ["Invoice 1"]);
    }
    // Names of arguments in any case, annotations and unknown members ignored, enums in any case.
    let arguments = json!({"@odata.type": "#x", "DESTINATIONID": "Archive", "colour": "red"});
    assert_eq!(stage.post(&format!("/messages/{id}/microsoft.graph.move"), arguments).await.0, 201);
    let changes =
        json!({"@odata.etag": "x", "importance": "HIGH", "flag": {"@odata.type": "#x", "flagStatus": "flagged"}, "mood": "good"});
    let (status, shown) = stage.patch(&format!("/messages/{id}"), changes).await;
    assert_eq!((status, &shown["importance"], &shown["flag"]["flagStatus"]), (200, &json!("high"), &json!("flagged")));
    stage.end().await;
}

#[tokio::test]
async fn links_stay_on_the_origin_that_was_asked() {
    let seed = MailboxSeed { address: INVOICES.into(), mail: (1..=12).map(|number| mail(number).into_bytes()).collect() };
    let stage = Stage::open(Options { mailboxes: vec![seed], ..options() }).await;
    for path in ["/messages", "/mailFolders/inbox/messages/delta"] {
        let request =
            stage.request(Method::GET, path).header("x-forwarded-proto", "https").header("x-forwarded-host", "graph.contoso.com");
        let page: Value = request.send().await.unwrap().json().await.unwrap();
        let next = page["@odata.nextLink"].as_str().unwrap();
        assert!(next.starts_with("https://graph.contoso.com/v1.0/users/"), "{next}");
    }
    stage.end().await;
}

#[tokio::test]
async fn whoever_asks_for_me_without_being_somebody_is_refused() {
    let stage = Stage::begin().await;
    for path in ["me/messages", "users/me-token-to-replace/messages"] {
        let url = format!("{}/v1.0/{path}", stage.simulator.base_url());
        let (status, body) = stage.call(Method::GET, &url, Value::Null).await;
        assert_eq!(
            (status.as_u16(), body["error"]["message"].as_str().unwrap()),
            (400, "/me request is only valid with delegated authentication flow.")
        );
    }
    stage.end().await;
}

#[tokio::test]
async fn every_malformed_request_is_answered_in_graphs_envelope_and_changes_nothing() {
    let stage = Stage::begin().await;
    let id = stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
    let (_, draft) = stage.post("/messages", json!({"subject": "draft"})).await;
    let draft = draft["id"].as_str().unwrap();
    let before = stage.effects();
    let routes = [
        (Method::POST, "/messages".to_owned()),
        (Method::PATCH, format!("/messages/{id}")),
        (Method::POST, format!("/messages/{id}/move")),
        (Method::POST, format!("/messages/{id}/copy")),
        (Method::POST, format!("/messages/{id}/createReply")),
        (Method::POST, format!("/messages/{id}/createReplyAll")),
        (Method::POST, format!("/messages/{id}/createForward")),
        (Method::POST, format!("/messages/{id}/reply")),
        (Method::POST, format!("/messages/{id}/replyAll")),
        (Method::POST, format!("/messages/{id}/forward")),
        (Method::POST, "/sendMail".to_owned()),
        (Method::POST, format!("/messages/{draft}/attachments")),
        (Method::POST, format!("/messages/{draft}/attachments/createUploadSession")),
        (Method::POST, "/mailFolders".to_owned()),
        (Method::POST, "/mailFolders/inbox/childFolders".to_owned()),
        (Method::PATCH, "/mailFolders/inbox".to_owned()),
        (Method::POST, "/outlook/masterCategories".to_owned()),
        (Method::PATCH, "/mailboxSettings".to_owned()),
        (Method::POST, "/translateExchangeIds".to_owned()),
        (Method::POST, format!("{}/v1.0/subscriptions", stage.simulator.base_url())),
        (Method::POST, format!("{}/v1.0/$batch", stage.simulator.base_url())),
    ];
    let mut wrong = Vec::new();
    for (method, path) in &routes {
        for (kind, body) in [
            ("application/json", "{"),
            ("application/json", "[]"),
            ("application/json", "7"),
            ("application/json", "\"text\""),
            ("application/json", "{\"a\":\"\u{0}\"}"),
            ("application/xml", "<a/>"),
            ("", "{}"),
        ] {
            let request = stage.request(method.clone(), path);
            let request = if kind.is_empty() { request } else { request.header("content-type", kind) };
            let reply = request.body(body.to_owned()).send().await.unwrap();
            let status = reply.status();
            let told: Value = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap_or_default();
            wrong.extend(no_envelope(status, &told).map(|why| format!("{method} {path} {kind} {body}: {why}")));
        }
    }
    for (method, path, body) in [
        (Method::GET, "/messages/short", Value::Null),
        (Method::GET, "/messages/AAMkADunknownunknownunknownunknownunknownunknownAAA=", Value::Null),
        (Method::GET, "/mailFolders/nowhere/messages", Value::Null),
        (Method::GET, "/mailFolders/inbox/letters", Value::Null),
        (Method::GET, "/calendars", Value::Null),
        (Method::PUT, "/messages", json!({})),
        (Method::DELETE, "/messages", Value::Null),
        (Method::DELETE, "/sendMail", Value::Null),
        (Method::PUT, "/mailFolders", json!({})),
        (Method::GET, "/translateExchangeIds", Value::Null),
        (Method::GET, "/messages?$top=-1", Value::Null),
        (Method::GET, "/messages?$top=0", Value::Null),
        (Method::GET, "/messages?$top=ten", Value::Null),
        (Method::GET, "/messages?$top=1&$top=2", Value::Null),
        (Method::GET, "/messages?$skip=-3", Value::Null),
        (Method::GET, "/messages?$count=perhaps", Value::Null),
        (Method::GET, "/messages?$select=nonsense", Value::Null),
        (Method::GET, "/messages?$expand=nonsense", Value::Null),
        (Method::GET, "/messages?$orderby=nonsense", Value::Null),
        (Method::GET, "/messages?$orderby=subject up", Value::Null),
        (Method::GET, "/messages?$filter=nonsense eq 1", Value::Null),
        (Method::GET, "/messages?$filter=isRead eq 'yes'", Value::Null),
        (Method::GET, "/messages?$filter=receivedDateTime ge 'today'", Value::Null),
        (Method::GET, "/messages?$filter=subject eq 'open", Value::Null),
        (Method::GET, "/messages?$filter=toRecipients/any(r:r/emailAddress/address eq 'x')", Value::Null),
        (Method::GET, "/messages?$search=bare", Value::Null),
        (Method::GET, "/mailFolders/inbox/messages/delta?changeType=moved", Value::Null),
        (Method::GET, "/mailFolders/inbox/messages/delta?$filter=isRead eq true", Value::Null),
        (Method::GET, "/mailFolders/inbox/messages/delta?$orderby=subject", Value::Null),
        (Method::GET, "/mailFolders/inbox/messages/delta?$search=\"x\"", Value::Null),
        (Method::GET, "/mailFolders/inbox/messages/delta?$skiptoken=%00", Value::Null),
        (Method::GET, "/messages/delta", Value::Null),
        (Method::GET, "/mailFolders?$filter=childFolderCount eq 1", Value::Null),
    ] {
        let (status, told) = stage.call(method.clone(), path, body).await;
        wrong.extend(no_envelope(status, &told).map(|why| format!("{method} {path}: {why}")));
    }
    for (path, body) in [
        (format!("/messages/{id}/move"), json!({"destinationId": 7})),
        (format!("/messages/{id}/move"), json!({"destinationId": "nowhere"})),
        (format!("/messages/{id}/reply"), json!({"message": {"toRecipients": "x"}})),
        (format!("/messages/{id}/forward"), json!({"toRecipients": []})),
        (format!("/messages/{draft}/send"), Value::Null),
        (format!("/messages/{draft}/attachments"), json!({"name": "x"})),
        (
            format!("/messages/{draft}/attachments"),
            json!({"@odata.type": "#microsoft.graph.fileAttachment", "name": "x", "contentBytes": "?"}),
        ),
        ("/messages".to_owned(), json!({"importance": "urgent"})),
        ("/messages".to_owned(), json!({"toRecipients": [{"address": "x"}]})),
        ("/messages".to_owned(), json!({"isRead": "yes"})),
        ("/messages".to_owned(), json!({"body": {"contentType": "rtf", "content": ""}})),
        ("/messages".to_owned(), json!({"singleValueExtendedProperties": [{"value": "x"}]})),
        ("/sendMail".to_owned(), json!({"subject": "not wrapped"})),
        ("/mailFolders".to_owned(), json!({"displayName": ""})),
    ] {
        let (status, told) = stage.call(Method::POST, &path, body.clone()).await;
        wrong.extend(no_envelope(status, &told).map(|why| format!("POST {path} {body}: {why}")));
    }
    let reply = stage
        .request(Method::POST, "/messages")
        .header("content-type", "text/plain")
        .body("no base64 at all!")
        .send()
        .await
        .unwrap();
    let status = reply.status();
    wrong.extend(no_envelope(status, &reply.json().await.unwrap()));
    for path in [
        "/",
        "/v3/users",
        "/v1.0",
        "/v1.0/",
        "/v1.0/planets",
        "/v1.0/users",
        "/v1.0/users/nobody@contoso.com/messages",
        "/v1.0/subscriptions/1/2/3",
    ] {
        let (status, told) = stage.call(Method::GET, &format!("{}{path}", stage.simulator.base_url()), Value::Null).await;
        wrong.extend(no_envelope(status, &told).map(|why| format!("{path}: {why}")));
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(stage.effects(), before);
    stage.end().await;
}

/// The status of each request of a batch, in the order of the answers.
async fn batch(stage: &Stage, requests: Value) -> (u16, Vec<(String, u64)>) {
    let url = format!("{}/v1.0/$batch", stage.simulator.base_url());
    let (status, done) = stage.post(&url, json!({"requests": requests})).await;
    let rows = done["responses"].as_array().into_iter().flatten();
    (status, rows.map(|one| (one["id"].as_str().unwrap().to_owned(), one["status"].as_u64().unwrap())).collect())
}

#[tokio::test]
async fn a_batch_runs_in_the_order_of_its_dependencies_and_a_failure_takes_its_followers_along() {
    let stage = Stage::begin().await;
    let get = |id: &str, path: &str, after: Value| json!({"id": id, "method": "GET", "url": format!("/users/{INVOICES}{path}"), "dependsOn": after});
    let own = |id: &str, status: u64| (id.to_owned(), status);
    let chained = json!([
        get("c", "/messages", json!(["B"])),
        get("b", "/messages/short", json!(["a"])),
        get("a", "/messages", json!([])),
        get("d", "/messages", json!(["c"]))
    ]);
    assert_eq!(batch(&stage, chained).await, (200, vec![own("a", 200), own("b", 400), own("c", 424), own("d", 424)]));
    // An absolute address below the tenant's own, a key that Graph does not know, header names in lower case.
    let absolute = json!([{"id": "1", "method": "post", "url": format!("{}/v1.0/users/{INVOICES}/messages", stage.simulator.base_url()),
        "depends_on": ["2"], "headers": {"content-type": "application/json"}, "body": {"subject": "x"}}]);
    assert_eq!(batch(&stage, absolute).await, (200, vec![own("1", 201)]));
    let many = |count: usize| (0..count).map(|number| get(&number.to_string(), "/messages", json!([]))).collect::<Value>();
    assert_eq!(batch(&stage, many(20)).await.1.len(), 20);
    for wrong in [
        many(21),
        json!({}),
        json!([7]),
        json!([get("a", "/messages", json!([])), get("A", "/messages", json!([]))]),
        json!([get("a", "/messages", json!(["b"])), get("b", "/messages", json!(["a"]))]),
        json!([get("a", "/messages", json!(["nobody"]))]),
        json!([{"id": "a", "method": "LOOK", "url": "/users"}]),
        json!([{"id": "a", "method": "GET"}]),
        json!([{"id": "a", "method": "POST", "url": "/users/x/messages", "body": {}}]),
    ] {
        assert_eq!(batch(&stage, wrong.clone()).await, (400, vec![]), "{wrong}");
    }
    stage.end().await;
}
