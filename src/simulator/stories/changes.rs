use super::*;

async fn round(stage: &Stage, start: &str) -> (Vec<Value>, String) {
    let mut rows = Vec::new();
    let mut page = stage.get(start).await;
    for _ in 0..50 {
        rows.extend(page["value"].as_array().unwrap().clone());
        match page["@odata.nextLink"].as_str() {
            Some(next) => page = stage.get(next).await,
            None => break,
        }
    }
    (rows, page["@odata.deltaLink"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn delta_tells_what_came_changed_and_left_in_pages_of_ten() {
    let seed = MailboxSeed { address: INVOICES.into(), mail: (1..=25).map(|number| mail(number).into_bytes()).collect() };
    let stage = Stage::open(Options { mailboxes: vec![seed], ..options() }).await;
    let start = "/mailFolders/inbox/messages/delta?$select=subject,categories,isRead";
    let first = stage.get(start).await;
    assert_eq!(first["value"].as_array().unwrap().len(), 10);
    let (rows, link) = round(&stage, start).await;
    assert_eq!(rows.len(), 25);
    let ids: Vec<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
    let nothing = stage.get(&link).await;
    assert_eq!((&nothing["value"], nothing["@odata.nextLink"].is_null()), (&json!([]), true));

    assert_eq!(stage.patch(&format!("/messages/{}", ids[0]), json!({"categories": ["Paid"]})).await.0, 200);
    assert_eq!(stage.patch(&format!("/messages/{}", ids[1]), json!({"isRead": true})).await.0, 200);
    assert_eq!(stage.post(&format!("/messages/{}/move", ids[2]), json!({"destinationId": "archive"})).await.0, 201);
    let (changed, link) = round(&stage, &link).await;
    let inbox = stage.get("/mailFolders/inbox?$select=id").await["id"].clone();
    let kind = "#microsoft.graph.message";
    assert_eq!(
        changed,
        vec![
            json!({"@odata.type": kind, "@odata.etag": changed[0]["@odata.etag"], "id": ids[0], "subject": "Invoice 1", "categories": ["Paid"], "isRead": false}),
            json!({"@odata.type": kind, "@odata.etag": changed[1]["@odata.etag"], "id": ids[1], "isRead": true, "parentFolderId": inbox}),
            json!({"id": ids[2], "@removed": {"reason": "deleted"}}),
        ]
    );

    // Back again: the immutable id is the same, and it counts as new in the folder.
    assert_eq!(stage.post(&format!("/messages/{}/move", ids[2]), json!({"DestinationId": "Inbox"})).await.0, 201);
    let (back, _) = round(&stage, &link).await;
    assert_eq!((back.len(), &back[0]["id"]), (1, &json!(ids[2])));
    stage.end().await;
}

#[tokio::test]
async fn delta_without_is_read_is_silent_about_read_flips_and_unknown_tokens_are_gone() {
    let stage = Stage::begin().await;
    let id = stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
    let (_, link) = round(&stage, "/mailFolders/inbox/messages/delta()?$select=subject").await;
    stage.patch(&format!("/messages/{id}"), json!({"isRead": true})).await;
    assert_eq!(round(&stage, &link).await.0, Vec::<Value>::new());
    let (status, none) = stage.call(Method::GET, "/mailFolders/inbox/messages/delta?$deltatoken=old", Value::Null).await;
    assert_eq!((status.as_u16(), &none["error"]["message"]), (400, &json!("Badly formed token.")));
    let (status, _) = stage.call(Method::GET, "/messages/delta", Value::Null).await;
    assert_eq!(status, 400);
    let other = Stage::begin().await;
    let foreign = link.replace(&stage.simulator.base_url(), &other.simulator.base_url());
    let gone = other.request(Method::GET, &foreign).send().await.unwrap();
    let start = foreign.split('?').next().unwrap();
    assert_eq!((gone.status().as_u16(), gone.headers()["location"].to_str().unwrap()), (410, start));
    other.end().await;
    stage.end().await;
}

#[tokio::test]
async fn patch_keeps_to_what_delivered_mail_lets_change() {
    let clock = Clock::by_hand("2026-12-30T23:00:00Z".parse().unwrap());
    let stage = Stage::open(Options { clock, ..options() }).await;
    let id = stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
    let path = format!("/messages/{id}");
    let before = stage.get(&path).await;
    let body = json!({"categories": ["A", "B"], "importance": "High", "flag": {"flagStatus": "Flagged"}, "unknown": 1});
    let (status, after) = stage.patch(&path, body).await;
    assert_eq!(
        (status, &after["categories"], &after["importance"], &after["flag"]),
        (200, &json!(["A", "B"]), &json!("high"), &json!({"flagStatus": "flagged"}))
    );
    assert_ne!(before["@odata.etag"], after["@odata.etag"]);
    for (body, code) in [
        (json!({"subject": "x"}), "ErrorInvalidPropertySet"),
        (json!({"receivedDateTime": "2026-01-01T00:00:00Z"}), "ErrorInvalidPropertySet"),
        (json!({"importance": "urgent"}), "BadRequest"),
        (json!({"categories": "A"}), "RequestBodyRead"),
    ] {
        let (status, refused) = stage.patch(&path, body.clone()).await;
        assert_eq!((status, refused["error"]["code"].as_str().unwrap()), (400, code), "{body}");
    }
    let outdated = stage.request(Method::PATCH, &path).header("if-match", before["@odata.etag"].as_str().unwrap());
    let reply = outdated.json(&json!({"categories": []})).send().await.unwrap();
    assert_eq!(reply.status(), 412);
    let fresh = stage.request(Method::PATCH, &path).header("if-match", after["@odata.etag"].as_str().unwrap());
    assert_eq!(fresh.json(&json!({"categories": ["C"]})).send().await.unwrap().status(), 200);
    assert_eq!(stage.effects(), ["delivered", "patched", "patched"]);
    stage.end().await;
}

#[tokio::test]
async fn delivered_mail_is_changed_from_a_day_on_by_whoever_has_the_permission_for_it() {
    let advanced = ["Mail.ReadWrite", "Mail-Advanced.ReadWrite.All"];
    for (now, roles, wanted) in [
        ("2026-12-30T23:59:59Z", &advanced[..], (400, json!("ErrorInvalidPropertySet"), "Invoice 1")),
        ("2026-12-31T00:00:00Z", &advanced[..1], (403, json!("ErrorAccessDenied"), "Invoice 1")),
        ("2026-12-31T00:00:00Z", &advanced[..], (200, Value::Null, "Other")),
    ] {
        let clock = Clock::by_hand(now.parse().unwrap());
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        let access = super::super::Access { roles, ..super::super::Access::default() };
        let stage = Stage::open(Options { access, clock, ..options() }).await;
        let id = stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
        let path = format!("/messages/{id}");
        let (status, told) = stage.patch(&path, json!({"subject": "Other"})).await;
        let subject = stage.get(&path).await["subject"].clone();
        assert_eq!((status, told["error"]["code"].clone(), subject.as_str().unwrap()), wanted, "{now}");
        stage.end().await;
    }
}

#[tokio::test]
async fn a_read_flip_changes_the_etag_and_not_the_time_of_modification() {
    let clock = Clock::by_hand("2026-03-02T09:00:00Z".parse().unwrap());
    let stage = Stage::open(Options { clock: clock.clone(), ..options() }).await;
    let id = stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
    let path = format!("/messages/{id}?$select=lastModifiedDateTime");
    let shown = stage.get(&path).await;
    clock.advance(Duration::from_mins(1));
    stage.patch(&format!("/messages/{id}"), json!({"isRead": true})).await;
    let flipped = stage.get(&path).await;
    assert_eq!(flipped["lastModifiedDateTime"], shown["lastModifiedDateTime"]);
    assert_ne!(flipped["@odata.etag"], shown["@odata.etag"]);
    stage.patch(&format!("/messages/{id}"), json!({"isRead": false, "categories": ["Red"]})).await;
    assert_eq!(stage.get(&path).await["lastModifiedDateTime"], "2026-03-02T09:01:00Z");
    stage.end().await;
}

#[tokio::test]
async fn default_ids_change_on_a_move_and_immutable_ones_stay() {
    let stage = Stage::begin().await;
    let immutable = stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
    let old = stage.request(Method::GET, &format!("/messages/{immutable}")).header("prefer", "x").send().await.unwrap();
    assert_eq!(old.status(), 200);
    let url = format!("{}/v1.0/users/{INVOICES}/messages", stage.simulator.base_url());
    let list: Value = client().get(&url).bearer_auth(&stage.token).send().await.unwrap().json().await.unwrap();
    let rest = list["value"][0]["id"].as_str().unwrap().to_owned();
    assert_ne!(rest, immutable);
    let (status, moved) = stage.post(&format!("/messages/{rest}/move"), json!({"destinationId": "archive"})).await;
    assert_eq!((status, &moved["id"]), (201, &json!(immutable)));
    let (status, gone) = stage.call(Method::GET, &format!("/messages/{rest}"), Value::Null).await;
    assert_eq!((status.as_u16(), &gone["error"]["code"]), (404, &json!("ErrorItemNotFound")));
    // A repeat by immutable id changes nothing.
    assert_eq!(stage.post(&format!("/messages/{immutable}/move"), json!({"destinationId": "archive"})).await.0, 201);
    let (_, copy) = stage.post(&format!("/messages/{immutable}/copy"), json!({"destinationId": "inbox"})).await;
    assert_ne!(copy["id"], json!(immutable));
    assert_eq!(stage.delete(&format!("/messages/{immutable}")).await, 204);
    assert_eq!(stage.delete(&format!("/messages/{immutable}")).await, 204);
    assert_eq!(stage.delete(&format!("/messages/{immutable}")).await, 404);
    assert_eq!(stage.effects(), ["delivered", "moved", "copied", "deleted", "deleted"]);
    stage.end().await;
}

#[tokio::test]
async fn a_person_moves_and_deletes_through_the_own_door() {
    let stage = Stage::begin().await;
    stage.post("/mailFolders", json!({"displayName": "Later"})).await;
    let id = stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
    let door = format!("/sim/mailboxes/{INVOICES}");
    assert_eq!(stage.post(&format!("{door}/messages/{id}/move"), json!({"folder": "Later"})).await.0, 204);
    let shown = stage.get(&door).await;
    assert_eq!((&shown["folders"]["Inbox"], &shown["folders"]["Later"][0]["id"]), (&json!([]), &json!(id)));
    assert_eq!(stage.delete(&format!("{door}/folders/Later")).await, 204);
    assert_eq!(stage.delete(&format!("{door}/messages/{id}")).await, 404);
    let ledger = stage.simulator.ledger();
    let told: Vec<(&str, &str)> =
        ledger.as_array().unwrap().iter().map(|e| (e["effect"].as_str().unwrap(), e["by"].as_str().unwrap())).collect();
    assert_eq!(told, [("folder_created", "client"), ("delivered", "person"), ("moved", "person"), ("folder_deleted", "person")]);
    stage.end().await;
}

#[tokio::test]
async fn ten_thousand_messages_are_moved_and_told_quickly() {
    let seed = MailboxSeed { address: INVOICES.into(), mail: (1..=10_000).map(|number| mail(number).into_bytes()).collect() };
    let stage = Stage::open(Options { mailboxes: vec![seed], ..options() }).await;
    let page = stage
        .request(Method::GET, "/mailFolders/inbox/messages/delta?$select=subject")
        .header("prefer", "odata.maxpagesize=1000");
    let page: Value = page.send().await.unwrap().json().await.unwrap();
    let rows = page["value"].as_array().unwrap();
    assert_eq!(rows.len(), 1000);
    let began = std::time::Instant::now();
    for row in rows.iter().take(200) {
        let path = format!("/messages/{}/move", row["id"].as_str().unwrap());
        assert_eq!(stage.post(&path, json!({"destinationId": "archive"})).await.0, 201);
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    stage.end().await;
}
