use super::*;

fn to(address: &str) -> Value {
    json!([{"emailAddress": {"address": address}}])
}

#[tokio::test]
async fn a_sent_draft_moves_to_sent_items_and_arrives_next_door_once() {
    let stage = Stage::begin().await;
    let draft = json!({"subject": "Grüße", "body": {"contentType": "html", "content": "<p>Hällo</p>"}, "toRecipients": to(SUPPORT),
        "internetMessageHeaders": [{"name": "x-postroom-action", "value": "1"}],
        "attachments": [{"@odata.type": "#microsoft.graph.fileAttachment", "name": "ä.txt", "contentType": "text/plain", "contentBytes": "aGk="}]});
    let (_, draft) = stage.post("/messages", draft).await;
    let id = draft["id"].as_str().unwrap();
    let (status, body) = stage.post(&format!("/messages/{id}/send"), Value::Null).await;
    assert_eq!((status, body), (202, json!("")));
    stage.delivered(1).await;
    let sent = stage.get(&format!("/messages/{id}")).await;
    let sent_items = stage.get("/mailFolders/sentitems?$select=id").await["id"].clone();
    assert_eq!(
        (&sent["isDraft"], &sent["parentFolderId"], &sent["internetMessageId"]),
        (&json!(false), &sent_items, &draft["internetMessageId"])
    );
    assert!(stage.get(&format!("/messages/{id}?$select=internetMessageHeaders")).await.get("internetMessageHeaders").is_none());
    let (status, again) = stage.post(&format!("/messages/{id}/send"), Value::Null).await;
    assert_eq!((status, &again["error"]["code"]), (404, &json!("ErrorItemNotFound")));

    let arrived = stage.get(&format!("{}/v1.0/users/{SUPPORT}/messages?$expand=attachments&$select=subject,body,internetMessageHeaders,from,internetMessageId", stage.simulator.base_url())).await;
    let arrived = &arrived["value"][0];
    assert_eq!((&arrived["subject"], &arrived["internetMessageId"]), (&json!("Grüße"), &draft["internetMessageId"]));
    assert_eq!(
        (&arrived["body"]["content"], &arrived["attachments"][0]["name"], &arrived["attachments"][0]["contentBytes"]),
        (&json!("<p>Hällo</p>"), &json!("ä.txt"), &json!("aGk="))
    );
    let names: Vec<&str> =
        arrived["internetMessageHeaders"].as_array().unwrap().iter().map(|header| header["name"].as_str().unwrap()).collect();
    assert!(
        names.starts_with(&["Received", "Authentication-Results", "Received", "Return-Path", "From", "To"])
            && names.contains(&"x-postroom-action"),
        "{names:?}"
    );
    assert_eq!(stage.effects(), ["draft_created", "sent", "delivered"]);
    stage.end().await;
}

#[tokio::test]
async fn an_answer_next_door_joins_the_conversation() {
    let stage = Stage::begin().await;
    let id = stage.simulator.deliver(INVOICES, mail(1).replace("billing@fabrikam.com", SUPPORT).as_bytes()).unwrap();
    assert_eq!(stage.post(&format!("/messages/{id}/reply"), json!({"comment": "ok"})).await.0, 202);
    stage.delivered(2).await;
    let support = format!("{}/v1.0/users/{SUPPORT}/messages", stage.simulator.base_url());
    let arrived = stage.get(&support).await["value"][0].clone();
    let (_, back) = stage.post(&format!("{support}/{}/createReply", arrived["id"].as_str().unwrap()), Value::Null).await;
    assert_eq!((&back["subject"], &back["conversationId"]), (&json!("RE: Invoice 1"), &arrived["conversationId"]));
    stage.post(&format!("{support}/{}/send", back["id"].as_str().unwrap()), Value::Null).await;
    stage.delivered(3).await;
    let mine = stage.get("/mailFolders/inbox/messages?$select=subject,conversationId").await;
    assert_eq!(subjects(&mine), ["RE: Invoice 1", "Invoice 1"]);
    assert_eq!(mine["value"][0]["conversationId"], mine["value"][1]["conversationId"]);
    stage.end().await;
}

#[tokio::test]
async fn an_unknown_address_of_an_own_domain_comes_back() {
    let stage = Stage::begin().await;
    let message = json!({"subject": "Hello", "toRecipients": to("nobody@contoso.com"), "bccRecipients": to("out@fabrikam.com")});
    assert_eq!(stage.post("/sendMail", json!({"Message": message, "SaveToSentItems": false})).await.0, 202);
    stage.delivered(1).await;
    let inbox = stage.get("/mailFolders/inbox/messages?$select=subject,internetMessageHeaders").await;
    assert_eq!(subjects(&inbox), ["Undeliverable: Hello"]);
    let shown = stage.get(&format!("/sim/mailboxes/{INVOICES}")).await;
    assert_eq!((&shown["folders"]["Sent Items"], &shown["folders"]["Drafts"]), (&json!([]), &json!([])));
    stage.end().await;
}

#[tokio::test]
async fn mail_without_recipients_or_from_a_stranger_is_refused_and_leaves_nothing() {
    let stage = Stage::begin().await;
    for (message, wanted) in [
        (json!({"subject": "x"}), (400, "ErrorInvalidRecipients")),
        (json!({"toRecipients": to("not an address")}), (400, "ErrorInvalidRecipients")),
        (json!({"toRecipients": to("a@b.example"), "from": {"emailAddress": {"address": SUPPORT}}}), (403, "ErrorSendAsDenied")),
    ] {
        let (status, refused) = stage.post("/sendMail", json!({"message": message})).await;
        assert_eq!((status, refused["error"]["code"].as_str().unwrap()), wanted);
    }
    assert_eq!(stage.effects(), Vec::<String>::new());
    assert_eq!(stage.get("/messages").await["value"], json!([]));
    stage.end().await;
}

#[tokio::test]
async fn mime_drafts_lose_auto_submitted_and_keep_their_thread() {
    use base64::Engine as _;
    let stage = Stage::begin().await;
    let raw = "To: a@b.example\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nIn-Reply-To: <1@x>\r\nReferences: <0@x> <1@x>\r\nAuto-Submitted: auto-replied\r\nx-own: 1\r\n\r\nHi\r\n";
    let encoded = base64::engine::general_purpose::STANDARD.encode(raw);
    let reply = stage.request(Method::POST, "/messages").header("content-type", "text/plain").body(encoded).send().await.unwrap();
    assert_eq!(reply.status(), 201);
    let draft: Value = reply.json().await.unwrap();
    assert_eq!((&draft["subject"], &draft["from"]["emailAddress"]["address"]), (&json!("Grüße"), &json!(INVOICES)));
    let mime = stage
        .request(Method::GET, &format!("/messages/{}/$value", draft["id"].as_str().unwrap()))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        mime.contains("In-Reply-To: <1@x>\r\n") && mime.contains("x-own: 1\r\n") && !mime.contains("Auto-Submitted"),
        "{mime}"
    );
    let broken = stage.request(Method::POST, "/messages").header("content-type", "text/plain").body("§§").send().await.unwrap();
    assert_eq!(broken.json::<Value>().await.unwrap()["error"]["code"], "ErrorMimeContentInvalidBase64String");
    stage.end().await;
}

#[tokio::test]
async fn a_batch_answers_each_call_on_its_own() {
    let stage = Stage::begin().await;
    let id = stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
    let url = format!("/users/{INVOICES}/messages/{id}");
    let requests = json!({"requests": [
        {"id": "1", "method": "PATCH", "url": url, "body": {"isRead": true}, "headers": {"Content-Type": "application/json"}},
        {"id": "2", "method": "GET", "url": format!("{}/v1.0{url}x", stage.simulator.base_url())},
        {"id": "3", "method": "GET", "url": url, "dependsOn": ["2"]},
    ]});
    let (status, body) = stage.post(&format!("{}/v1.0/$batch", stage.simulator.base_url()), requests).await;
    let statuses: Vec<u64> = body["responses"].as_array().unwrap().iter().map(|one| one["status"].as_u64().unwrap()).collect();
    assert_eq!((status, statuses), (200, vec![200, 404, 424]));
    stage.end().await;
}
