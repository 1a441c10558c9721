//! Permissions, the mailboxes they reach, and how much a mailbox takes.

use super::super::{Access, Granted, Limits, Window};
use super::*;

async fn with(roles: &[&str], granted: Granted, mailboxes: Option<&[&str]>) -> Stage {
    let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
    let access = Access { roles: owned(roles), granted, mailboxes: mailboxes.map(owned) };
    Stage::open(Options { access, ..options() }).await
}

fn told((status, body): (StatusCode, Value)) -> (u16, String) {
    (status.as_u16(), body["error"]["code"].as_str().unwrap_or("-").to_owned())
}

/// The status of each call by somebody with these roles.
async fn statuses(stage: &Stage) -> Vec<u16> {
    let id = stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
    let mut statuses = Vec::new();
    let attachment = json!({"@odata.type": "#microsoft.graph.fileAttachment", "name": "a", "contentBytes": "YQ=="});
    for (method, path, body) in [
        (Method::GET, "/messages".to_owned(), Value::Null),
        (Method::GET, "/mailFolders/inbox/messages/delta".to_owned(), Value::Null),
        (Method::GET, format!("/messages/{id}/$value"), Value::Null),
        (Method::GET, format!("/messages/{id}/attachments"), Value::Null),
        (Method::PATCH, format!("/messages/{id}"), json!({"isRead": true})),
        (Method::POST, "/messages".to_owned(), json!({"subject": "x"})),
        (Method::POST, format!("/messages/{id}/attachments"), attachment),
        (Method::POST, format!("/messages/{id}/reply"), json!({"comment": "x"})),
        (Method::GET, "/outlook/masterCategories".to_owned(), Value::Null),
        (Method::POST, "/outlook/masterCategories".to_owned(), json!({"displayName": "Paid"})),
        (Method::GET, "/mailboxSettings".to_owned(), Value::Null),
        (Method::GET, String::new(), Value::Null),
    ] {
        statuses.push(stage.call(method, &path, body).await.0.as_u16());
    }
    statuses
}

#[tokio::test]
async fn each_permission_opens_its_own_doors() {
    for (roles, wanted) in [
        (&[][..], [403; 12]),
        (&["Mail.ReadBasic.All"][..], [200, 200, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403]),
        (&["mail.read"][..], [200, 200, 200, 200, 403, 403, 403, 403, 403, 403, 403, 403]),
        (&["Mail.ReadWrite"][..], [200, 200, 200, 200, 200, 201, 201, 403, 403, 403, 403, 403]),
        (
            &["Mail.Send", "MailboxSettings.Read", "User.ReadBasic.All"][..],
            [403, 403, 403, 403, 403, 403, 403, 202, 200, 403, 200, 200],
        ),
        (&["MailboxSettings.ReadWrite"][..], [403, 403, 403, 403, 403, 403, 403, 403, 200, 201, 200, 403]),
    ] {
        for granted in [Granted::InToken, Granted::InExchange] {
            let stage = with(roles, granted, None).await;
            assert_eq!(statuses(&stage).await, wanted, "{roles:?} {granted:?}");
            stage.end().await;
        }
    }
}

#[tokio::test]
async fn who_may_read_headers_alone_sees_no_content_and_may_not_look_for_it() {
    let stage = with(&["Mail.ReadBasic.All"], Granted::InToken, None).await;
    let id = stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
    let shown = stage.get(&format!("/messages/{id}?$select=subject,body,bodyPreview,uniqueBody")).await;
    let etag = shown["@odata.etag"].clone();
    let context = shown["@odata.context"].clone();
    assert_eq!(shown, json!({"@odata.context": context, "@odata.etag": etag, "id": id, "subject": "Invoice 1"}));
    for query in [
        "$expand=attachments",
        "$expand=singleValueExtendedProperties($filter=id eq 'String 0x1035')",
        "$filter=contains(body/content,'pay')",
        "$filter=singleValueExtendedProperties/Any(ep: ep/id eq 'String 0x1035' and ep/value eq 'x')",
        "$search=\"pay\"",
    ] {
        let refused = stage.call(Method::GET, &format!("/messages?{query}"), Value::Null).await;
        assert_eq!(told(refused), (403, "ErrorAccessDenied".to_owned()), "{query}");
    }
    stage.end().await;
}

#[tokio::test]
async fn mailboxes_out_of_reach_are_refused_in_the_words_of_whoever_limits_them() {
    for (granted, words) in [
        (Granted::InToken, "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings."),
        (Granted::InExchange, "Access is denied. Check credentials and try again."),
    ] {
        let stage = with(&["Mail.ReadWrite"], granted, Some(&[SUPPORT])).await;
        let (status, refused) = stage.call(Method::GET, "/messages", Value::Null).await;
        assert_eq!((status.as_u16(), &refused["error"]["message"]), (403, &json!(words)));
        let other = format!("{}/v1.0/users/{SUPPORT}/messages", stage.simulator.base_url());
        assert_eq!(stage.call(Method::GET, &other, Value::Null).await.0, 200);
        stage.end().await;
    }
}

#[tokio::test]
async fn access_changes_at_the_door_and_a_token_keeps_what_it_says() {
    let stage = with(&["Mail.ReadWrite"], Granted::InToken, None).await;
    let part = stage.token().split('.').nth(1).unwrap().to_owned();
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, part).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&claims).unwrap()["roles"], json!(["Mail.ReadWrite"]));
    let shown = json!({"roles": ["Mail.Send"], "granted": "token", "mailboxes": [INVOICES]});
    assert_eq!(stage.patch("/sim/access", json!({"roles": ["Mail.Send"], "mailboxes": [INVOICES]})).await, (200, shown.clone()));
    assert_eq!(stage.get("/sim/access").await, shown);
    assert_eq!(stage.call(Method::GET, "/messages", Value::Null).await.0, 200);
    stage.patch("/sim/access", json!({"granted": "exchange", "mailboxes": null})).await;
    assert_eq!(stage.call(Method::GET, "/messages", Value::Null).await.0, 403);
    for wrong in
        [json!({"roles": "Mail.Read"}), json!({"roles": ["everything"]}), json!({"granted": "paper"}), json!({"mailboxes": [7]})]
    {
        assert_eq!(stage.patch("/sim/access", wrong).await.0, 400);
    }
    stage.end().await;
}

#[tokio::test]
async fn a_batch_finds_no_place_while_four_other_calls_are_under_way() {
    let stage = Stage::begin().await;
    stage.simulator.script(&json!({"on": "list", "fault": "hang_before_effect", "times": 4})).unwrap();
    let hanging: Vec<_> = (0..4).map(|_| tokio::spawn(stage.request(Method::GET, "/messages").send())).collect();
    while stage.get("/sim/faults").await["active"] != json!([]) {}
    let url = format!("{}/v1.0/$batch", stage.simulator.base_url());
    let requests = json!([{"id": "1", "method": "GET", "url": format!("/users/{INVOICES}/messages")}]);
    let (status, done) = stage.post(&url, json!({"requests": requests})).await;
    let told = &done["responses"][0];
    assert_eq!((status, &told["status"], &told["headers"]["retry-after"]), (200, &json!(429), &json!("10")));
    assert_eq!(told["body"]["error"]["message"], "Application is over its MailboxConcurrency limit.");
    stage.end().await;
    for call in hanging {
        assert!(call.await.unwrap().is_err());
    }
}

#[tokio::test]
async fn bytes_sent_to_a_mailbox_are_counted_and_too_many_are_refused_in_batches_too() {
    let clock = Clock::by_hand("2026-03-02T09:00:00Z".parse().unwrap());
    let upload = Some(Window { most: 3_000, within: Duration::from_mins(5) });
    let stage = Stage::open(Options { limits: Limits { upload, ..Limits::default() }, clock: clock.clone(), ..options() }).await;
    let draft = || json!({"subject": "x".repeat(1_400)});
    assert_eq!([stage.post("/messages", draft()).await.0, stage.post("/messages", draft()).await.0], [201, 201]);
    let reply = stage.request(Method::POST, "/messages").json(&draft()).send().await.unwrap();
    assert_eq!((reply.status().as_u16(), reply.headers()["retry-after"].to_str().unwrap()), (429, "300"));
    // Reading brings nothing.
    assert_eq!(stage.call(Method::GET, "/messages", Value::Null).await.0, 200);
    let url = format!("{}/v1.0/$batch", stage.simulator.base_url());
    let item = |id: &str, method: &str, body: Value| json!({"id": id, "method": method, "url": format!("/users/{INVOICES}/messages"), "headers": {"Content-Type": "application/json"}, "body": body});
    let (status, done) = stage.post(&url, json!({"requests": [item("w", "POST", draft()), item("r", "GET", Value::Null)]})).await;
    let told: Vec<(&Value, &Value)> =
        done["responses"].as_array().unwrap().iter().map(|one| (&one["status"], &one["headers"]["retry-after"])).collect();
    assert_eq!((status, told), (200, vec![(&json!(429), &json!("300")), (&json!(200), &Value::Null)]), "{done}");
    clock.advance(Duration::from_mins(5));
    assert_eq!(stage.post("/messages", draft()).await.0, 201);
    stage.end().await;
}
