//! What belongs to a mailbox beside its mail: categories, settings, folders as they change, ids in other formats.

use super::*;

#[tokio::test]
async fn categories_are_made_once_change_their_colour_and_go() {
    let stage = Stage::begin().await;
    let names = |list: &Value| -> Vec<String> {
        list["value"].as_array().unwrap().iter().map(|row| row["displayName"].as_str().unwrap().to_owned()).collect()
    };
    let presets = ["Red", "Orange", "Yellow", "Green", "Blue", "Purple"].map(|colour| format!("{colour} category"));
    assert_eq!(names(&stage.get("/outlook/masterCategories").await), presets);
    let (status, made) = stage.post("/outlook/masterCategories", json!({"displayName": "Paid", "color": "Preset9"})).await;
    assert_eq!((status, &made["displayName"], &made["color"]), (201, &json!("Paid"), &json!("preset9")));
    let path = format!("/outlook/masterCategories/{}", made["id"].as_str().unwrap());
    let (status, changed) = stage.patch(&path, json!({"color": "none"})).await;
    assert_eq!((status, &changed["color"]), (200, &json!("none")));
    assert_eq!(stage.get(&path).await["color"], "none");
    for (method, path, body, wanted) in [
        (Method::POST, "/outlook/masterCategories", json!({"displayName": "PAID"}), (409, "CategoryAlreadyExists")),
        (Method::POST, "/outlook/masterCategories", json!({"displayName": " "}), (400, "ErrorInvalidRequest")),
        (Method::POST, "/outlook/masterCategories", json!({"displayName": "New", "color": "pink"}), (400, "BadRequest")),
        (Method::PATCH, path.as_str(), json!({"displayName": "Other"}), (400, "ErrorInvalidPropertySet")),
        (Method::PATCH, path.as_str(), json!({}), (400, "BadRequest")),
        (Method::DELETE, "/outlook/masterCategories/none", Value::Null, (404, "ErrorItemNotFound")),
    ] {
        let (status, body) = stage.call(method, path, body).await;
        assert_eq!((status.as_u16(), body["error"]["code"].as_str().unwrap()), wanted, "{body}");
    }
    assert_eq!(stage.delete(&path).await, 204);
    assert_eq!(names(&stage.get("/outlook/masterCategories").await), presets);
    assert_eq!(stage.effects(), ["category_created", "category_updated", "category_deleted"]);
    stage.end().await;
}

#[tokio::test]
async fn settings_are_read_whole_in_part_and_changed() {
    let stage = Stage::begin().await;
    let shown = stage.get("/mailboxSettings").await;
    assert_eq!((&shown["userPurpose"], &shown["timeZone"]), (&json!("shared"), &json!("UTC")));
    let (status, changed) = stage
        .patch(
            "/mailboxSettings",
            json!({"timeZone": "W. Europe Standard Time", "automaticRepliesSetting": {"status": "alwaysEnabled"}}),
        )
        .await;
    assert_eq!(
        (status, &changed["automaticRepliesSetting"]["status"], &changed["automaticRepliesSetting"]["externalAudience"]),
        (200, &json!("alwaysEnabled"), &json!("all"))
    );
    assert_eq!(stage.get("/mailboxSettings/TimeZone").await["value"], "W. Europe Standard Time");
    assert_eq!(stage.get("/mailboxSettings/language").await["locale"], "en-US");
    let part = stage.get("/mailboxSettings?$select=userPurpose").await;
    assert_eq!(part.as_object().unwrap().len(), 2);
    for (path, body, wanted) in
        [("/mailboxSettings", json!({"userPurpose": "room"}), 400), ("/mailboxSettings", json!({"timeZone": {}}), 400)]
    {
        assert_eq!(stage.patch(path, body).await.0, wanted);
    }
    assert_eq!(stage.call(Method::GET, "/mailboxSettings/mood", Value::Null).await.0, 400);
    stage.end().await;
}

/// A whole round of folder changes: names, or ids of what is gone, and the next link.
async fn round(stage: &Stage, start: &str) -> (Vec<String>, String) {
    let mut told = Vec::new();
    let mut page = stage.get(start).await;
    loop {
        for row in page["value"].as_array().unwrap() {
            let name = if row.get("@removed").is_some() { "gone" } else { row["displayName"].as_str().unwrap() };
            told.push(name.to_owned());
        }
        match page["@odata.nextLink"].as_str().map(str::to_owned) {
            Some(next) => page = stage.get(&next).await,
            None => return (told, page["@odata.deltaLink"].as_str().unwrap().to_owned()),
        }
    }
}

#[tokio::test]
async fn folders_that_come_change_and_go_are_told_by_delta() {
    let stage = Stage::begin().await;
    let (all, link) = round(&stage, "/mailFolders/delta?$top=3&$select=displayName,totalItemCount").await;
    assert_eq!(all.len(), 8, "{all:?}");
    assert_eq!(round(&stage, &link).await.0, Vec::<String>::new());
    let (_, made) = stage.post("/mailFolders/inbox/childFolders", json!({"displayName": "Paid"})).await;
    stage.post("/mailFolders", json!({"displayName": "Outgoing", "isHidden": true})).await;
    let path = format!("/mailFolders/{}", made["id"].as_str().unwrap());
    let (told, after) = round(&stage, &link).await;
    assert_eq!(told, ["Paid", "Inbox"]);
    stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
    stage.patch(&path, json!({"displayName": "Settled"})).await;
    let page = stage.get(&after).await;
    let rows: Vec<(&Value, &Value)> =
        page["value"].as_array().unwrap().iter().map(|row| (&row["displayName"], &row["totalItemCount"])).collect();
    assert_eq!(rows, [(&json!("Inbox"), &json!(1)), (&json!("Settled"), &json!(0))]);
    let after = page["@odata.deltaLink"].as_str().unwrap();
    assert_eq!(stage.delete(&path).await, 204);
    assert_eq!(round(&stage, after).await.0, ["Inbox", "gone"]);
    // A token of messages is none of folders.
    let messages = stage.get("/mailFolders/inbox/messages/delta").await["@odata.deltaLink"].as_str().unwrap().to_owned();
    let token = messages.split("deltatoken=").nth(1).unwrap();
    assert_eq!(stage.call(Method::GET, &format!("/mailFolders/delta?$deltatoken={token}"), Value::Null).await.0, 410);
    stage.end().await;
}

#[tokio::test]
async fn ids_are_translated_from_each_format_into_each_other() {
    let stage = Stage::begin().await;
    let immutable = stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
    let translate = async |from: &str, to: &str, id: &str| {
        let body = json!({"InputIds": [id], "SourceIdType": from, "TargetIdType": to});
        let (status, done) = stage.post("/translateExchangeIds", body).await;
        assert_eq!(status, 200, "{done}");
        done["value"][0].clone()
    };
    let target = |row: Value| row["targetId"].as_str().unwrap().to_owned();
    let formats = ["restId", "restImmutableEntryId", "ewsId", "entryId", "immutableEntryId"];
    for format in formats {
        let id = target(translate("restImmutableEntryId", format, &immutable).await);
        assert_eq!(id == immutable, format == "restImmutableEntryId");
        for back in formats {
            let there = target(translate(format, back, &id).await);
            assert_eq!(target(translate(back, "RESTImmutableEntryId", &there).await), immutable, "{format} {back}");
        }
    }
    // The default id changes when the message moves, and is gone then.
    let before = target(translate("restImmutableEntryId", "restId", &immutable).await);
    stage.post(&format!("/messages/{immutable}/move"), json!({"destinationId": "archive"})).await;
    assert_eq!(translate("restId", "restImmutableEntryId", &before).await["errorDetails"]["code"], "ErrorInvalidIdMalformed");
    assert_ne!(target(translate("restImmutableEntryId", "restId", &immutable).await), before);
    for body in [
        json!({}),
        json!({"inputIds": [], "sourceIdType": "x", "targetIdType": "restId"}),
        json!({"inputIds": vec!["a"; 1_001], "sourceIdType": "restId", "targetIdType": "restId"}),
    ] {
        assert_eq!(stage.post("/translateExchangeIds", body).await.0, 400);
    }
    stage.end().await;
}
