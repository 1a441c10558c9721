//! Looking for messages: search, marks, pages; and delta at its edges.

use super::super::{Chance, Moods};
use super::*;

async fn with_mail(count: u32) -> Stage {
    let seed = MailboxSeed { address: INVOICES.into(), mail: (1..=count).map(|number| mail(number).into_bytes()).collect() };
    Stage::open(Options { mailboxes: vec![seed], ..options() }).await
}

#[tokio::test]
async fn a_search_finds_words_in_the_places_it_names() {
    let stage = with_mail(12).await;
    for (search, wanted) in [
        ("\"subject:'Invoice 2'\"", vec!["Invoice 2"]),
        ("\"from:billing AND body:pay AND subject:12\"", vec!["Invoice 12"]),
        ("\"subject:11 OR subject:3\"", vec!["Invoice 11", "Invoice 3"]),
        ("\"hasAttachments:true\"", vec![]),
        ("\"sent>=2026-03-03\"", vec![]),
    ] {
        let list = stage.get(&format!("/messages?$select=subject&$search={search}")).await;
        assert_eq!(subjects(&list), wanted, "{search}");
    }
    let all = stage.get("/mailFolders/inbox/messages?$select=subject&$search=\"pay\"&$top=5").await;
    assert_eq!(all["value"].as_array().unwrap().len(), 5);
    let rest = stage.get(all["@odata.nextLink"].as_str().unwrap()).await;
    assert_eq!(rest["value"].as_array().unwrap().len(), 5);
    for (query, code) in
        [("$search=\"x\"&$filter=isRead eq true", "SearchWithFilter"), ("$search=\"x\"&$orderby=subject", "SearchWithOrderBy")]
    {
        let (status, refused) = stage.call(Method::GET, &format!("/messages?{query}"), Value::Null).await;
        assert_eq!((status.as_u16(), refused["error"]["code"].as_str().unwrap()), (400, code));
    }
    stage.end().await;
}

#[tokio::test]
async fn marks_lead_to_messages_as_they_change_move_and_go() {
    let stage = with_mail(3).await;
    let property = "String {a0b1c2d3-0000-4000-8000-000000000001} Name mark";
    let find = |folder: &str, filter: &str| format!("{folder}/messages?$select=subject&$filter={filter}");
    let by_property =
        |value: &str| format!("singleValueExtendedProperties/Any(ep: ep/id eq '{property}' and ep/value eq '{value}')");
    let by_id = "internetMessageId eq '<INV-2@fabrikam.com>'";
    let list = stage.get(&find("", by_id)).await;
    let id = list["value"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(subjects(&list), ["Invoice 2"]);
    let mark = |value: &str| json!({"singleValueExtendedProperties": [{"id": property, "value": value}]});
    stage.patch(&format!("/messages/{id}"), mark("one")).await;
    stage.patch(&format!("/messages/{id}"), mark("Two")).await;
    stage.post(&format!("/messages/{id}/move"), json!({"destinationId": "archive"})).await;
    let conversation =
        stage.get(&format!("/messages/{id}?$select=conversationId")).await["conversationId"].as_str().unwrap().to_owned();
    for (folder, filter, wanted) in [
        ("", by_property("one"), vec![]),
        ("", by_property("two"), vec!["Invoice 2"]),
        ("/mailFolders/inbox", by_property("two"), vec![]),
        ("/mailFolders/archive", format!("isRead eq false and {}", by_property("two")), vec!["Invoice 2"]),
        ("", format!("{} or internetMessageId eq '<inv-1@fabrikam.com>'", by_property("two")), vec!["Invoice 2", "Invoice 1"]),
        ("", format!("{} or subject eq 'Invoice 3'", by_property("two")), vec!["Invoice 3", "Invoice 2"]),
        ("", format!("conversationId eq '{conversation}'"), vec!["Invoice 2"]),
        ("", "conversationId eq 'none'".to_owned(), vec![]),
    ] {
        assert_eq!(subjects(&stage.get(&find(folder, &filter)).await), wanted, "{folder} {filter}");
    }
    stage.post(&format!("/messages/{id}/permanentDelete"), Value::Null).await;
    assert_eq!(subjects(&stage.get(&find("", &by_property("two"))).await), Vec::<&str>::new());
    assert_eq!(subjects(&stage.get(&find("", by_id)).await), Vec::<&str>::new());
    assert_eq!(stage.get("/messages/$count").await, 2);
    stage.end().await;
}

/// The rows of one whole round and where the next begins.
async fn round(stage: &Stage, start: &str) -> (Vec<Value>, String) {
    let mut rows = Vec::new();
    let mut page = stage.get(start).await;
    loop {
        rows.extend(page["value"].as_array().unwrap().clone());
        match page["@odata.nextLink"].as_str().map(str::to_owned) {
            Some(next) => page = stage.get(&next).await,
            None => return (rows, page["@odata.deltaLink"].as_str().unwrap().to_owned()),
        }
    }
}

#[tokio::test]
async fn who_leaves_and_comes_back_between_two_rounds_can_be_told_as_removed_alone() {
    for (hides_returned, wanted) in [(Chance::NEVER, "Invoice 1"), (Chance::ALWAYS, "removed")] {
        let moods = Moods { hides_returned, ..Moods::default() };
        let seed = MailboxSeed { address: INVOICES.into(), mail: vec![mail(1).into_bytes()] };
        let stage = Stage::open(Options { mailboxes: vec![seed], moods, ..options() }).await;
        let (rows, link) = round(&stage, "/mailFolders/inbox/messages/delta?$select=subject").await;
        let id = rows[0]["id"].as_str().unwrap();
        for folder in ["archive", "inbox"] {
            stage.post(&format!("/messages/{id}/move"), json!({"destinationId": folder})).await;
        }
        let (rows, link) = round(&stage, &link).await;
        let told: Vec<&str> = rows.iter().map(|row| row["subject"].as_str().unwrap_or("removed")).collect();
        assert_eq!((told, rows[0]["id"].as_str().unwrap()), (vec![wanted], id));
        // It is there all the while, and is told when it is touched.
        assert_eq!(subjects(&stage.get("/mailFolders/inbox/messages").await), ["Invoice 1"]);
        stage.patch(&format!("/messages/{id}"), json!({"categories": ["Red"]})).await;
        assert_eq!(round(&stage, &link).await.0[0]["subject"], "Invoice 1");
        stage.end().await;
    }
}

#[tokio::test]
async fn a_filtered_round_tells_five_thousand_messages_and_no_more() {
    let stage = with_mail(5_030).await;
    for (filter, wanted) in [("", 5_030), ("&$filter=receivedDateTime ge 2020-01-01T00:00:00Z", 5_000)] {
        let (rows, link) = round(&stage, &format!("/mailFolders/inbox/messages/delta?$select=id&$top=999{filter}")).await;
        assert_eq!(rows.len(), wanted, "{filter}");
        assert_eq!(round(&stage, &link).await.0.len(), 0);
    }
    stage.end().await;
}

#[tokio::test]
async fn an_upload_session_takes_parts_in_order_below_its_limit_until_it_ends() {
    let clock = Clock::by_hand("2026-03-02T09:00:00Z".parse().unwrap());
    let stage = Stage::open(Options { clock: clock.clone(), ..options() }).await;
    let (_, draft) = stage.post("/messages", json!({"subject": "Big"})).await;
    let size = 5 * 1024 * 1024;
    let path = format!("/messages/{}/attachments/createUploadSession", draft["id"].as_str().unwrap());
    let begin = async || {
        let (status, session) =
            stage.post(&path, json!({"AttachmentItem": {"attachmentType": "file", "name": "a", "size": size}})).await;
        assert_eq!(
            (status, &session["nextExpectedRanges"], &session["expirationDateTime"]),
            (201, &json!(["0-"]), &json!("2026-03-02T10:00:00Z"))
        );
        session["uploadUrl"].as_str().unwrap().to_owned()
    };
    let put = async |url: &str, range: &str, bytes: usize| {
        client().put(url).header("content-range", range).body(vec![7_u8; bytes]).send().await.unwrap()
    };
    let url = begin().await;
    for (range, bytes, wanted) in [
        ("", 10, 400),
        ("bytes a-b/c", 10, 416),
        ("bytes 5-14/5242880", 10, 416),
        ("bytes 0-9/999", 10, 416),
        ("bytes 0-9/5242880", 11, 416),
        ("bytes 9-0/5242880", 10, 416),
        ("bytes 0-5242879/5242880", size, 413),
    ] {
        assert_eq!(put(&url, range, bytes).await.status().as_u16(), wanted, "{range}");
    }
    let part: Value = put(&url, "bytes 0-9/5242880", 10).await.json().await.unwrap();
    let shown: Value = client().get(&url).send().await.unwrap().json().await.unwrap();
    let context = format!("{}/v1.0/$metadata#microsoft.graph.uploadSession", stage.simulator.base_url());
    let wanted = json!({"@odata.context": context, "ExpirationDateTime": "2026-03-02T10:00:00Z", "nextExpectedRanges": ["10"]});
    assert_eq!((&part, &shown), (&wanted, &wanted));
    stage.simulator.script(&json!({"on": "upload", "fault": "reset_after_effect"})).unwrap();
    let cut = client().put(&url).header("content-range", "bytes 10-19/5242880").body(vec![7_u8; 10]).send().await;
    assert!(cut.is_err());
    assert_eq!(client().get(&url).send().await.unwrap().json::<Value>().await.unwrap()["nextExpectedRanges"], json!(["20"]));
    let with_token = stage.request(Method::GET, &url).send().await.unwrap();
    assert_eq!(with_token.status(), 401);
    assert_eq!(client().delete(&url).send().await.unwrap().status(), 204);
    assert_eq!(put(&url, "bytes 20-29/5242880", 10).await.status(), 404);
    let url = begin().await;
    clock.advance(Duration::from_hours(1));
    assert_eq!(put(&url, "bytes 0-9/5242880", 10).await.status(), 404);
    stage.end().await;
}

#[tokio::test]
async fn refusals_come_in_the_words_of_their_kind_and_what_is_made_can_lag_behind() {
    let stage = Stage::begin().await;
    for (fault, status, code) in [
        ("400_sync_state", 400, "SyncStateNotFound"),
        ("401_claims", 401, "InvalidAuthenticationToken"),
        ("403_raop", 403, "ErrorAccessDenied"),
        ("403_send_as_denied", 403, "ErrorSendAsDenied"),
        ("409", 409, "ErrorIrresolvableConflict"),
    ] {
        stage.simulator.script(&json!({"on": "list", "fault": fault})).unwrap();
        let reply = stage.request(Method::GET, "/messages").send().await.unwrap();
        let challenge = reply.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        let told = (reply.status().as_u16(), reply.json::<Value>().await.unwrap()["error"]["code"].clone());
        assert_eq!(told, (status, json!(code)), "{fault}");
        let claims =
            challenge.as_ref().and_then(|text| text.split("claims=\"").nth(1)).map(|text| text.trim_end_matches('"').to_owned());
        let decoded = claims.map(|claims| base64::Engine::decode(&base64::engine::general_purpose::STANDARD, claims).unwrap());
        assert_eq!(decoded.is_some(), fault == "401_claims", "{challenge:?}");
        if let Some(claims) = decoded {
            assert_eq!(serde_json::from_slice::<Value>(&claims).unwrap()["access_token"]["nbf"]["essential"], true);
        }
    }
    stage.simulator.script(&json!({"on": "list", "fault": "wrong_content_type"})).unwrap();
    let reply = stage.request(Method::GET, "/messages").send().await.unwrap();
    assert_eq!((reply.status().as_u16(), reply.headers()["content-type"].to_str().unwrap()), (200, "text/html; charset=utf-8"));
    assert_eq!(reply.json::<Value>().await.unwrap()["value"], json!([]));
    stage.end().await;

    let clock = Clock::by_hand("2026-03-02T09:00:00Z".parse().unwrap());
    let stage = Stage::open(Options { clock: clock.clone(), ..options() }).await;
    stage.simulator.script(&json!({"on": "create_draft", "fault": "replication_lag", "seconds": 3})).unwrap();
    let (status, draft) = stage.post("/messages", json!({"subject": "new"})).await;
    let path = format!("/messages/{}", draft["id"].as_str().unwrap());
    assert_eq!((status, stage.call(Method::GET, &path, Value::Null).await.0.as_u16()), (201, 404));
    assert_eq!(subjects(&stage.get("/mailFolders/drafts/messages").await), ["new"]);
    clock.advance(Duration::from_secs(3));
    assert_eq!(stage.call(Method::GET, &path, Value::Null).await.0, 200);
    stage.end().await;
}
