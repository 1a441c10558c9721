use super::*;

const MARKER: &str = "String {A0B1C2D3-0000-4000-8000-000000000001} Name postroom.action";

#[tokio::test]
async fn a_draft_is_marked_at_birth_and_found_by_its_marker() {
    let stage = Stage::begin().await;
    let (_, outbox) = stage.post("/mailFolders", json!({"displayName": "Postroom", "isHidden": true})).await;
    let place = format!("/mailFolders/{}/messages", outbox["id"].as_str().unwrap());
    let draft = json!({
        "subject": "Received", "body": {"contentType": "HTML", "content": "<p>Thanks</p>"},
        "toRecipients": [{"emailAddress": {"address": "billing@fabrikam.com"}}],
        "singleValueExtendedProperties": [{"id": MARKER, "value": "0a1b"},
            {"id": "String 0x1042", "value": "<inv-1@fabrikam.com>"}, {"id": "String 0x1039", "value": "<inv-0@x> <inv-1@fabrikam.com>"}],
        "internetMessageHeaders": [{"name": "x-postroom-action", "value": "0a1b"}],
        "attachments": [{"@odata.type": "#microsoft.graph.fileAttachment", "name": "a.txt", "contentType": "text/plain", "contentBytes": "aGk="}],
    });
    let (status, made) = stage.post(&place, draft).await;
    assert_eq!((status, &made["isDraft"], &made["hasAttachments"]), (201, &json!(true), &json!(true)));
    assert!(made.get("singleValueExtendedProperties").is_none());
    let find = format!(
        "{place}?$filter=singleValueExtendedProperties/Any(ep: ep/id eq '{MARKER}' and ep/value eq '0a1b')&$select=subject"
    );
    let found = stage.get(&find).await;
    assert_eq!(found["value"], json!([{"@odata.etag": made["@odata.etag"], "id": made["id"], "subject": "Received"}]));
    let header = "String {00020386-0000-0000-C000-000000000046} Name x-postroom-action";
    let by_header = stage
        .get(&format!("/messages?$filter=singleValueExtendedProperties/any(p: p/id eq '{header}' and p/value eq '0a1b')"))
        .await;
    assert_eq!(subjects(&by_header), ["Received"]);
    let expand = format!(
        "/messages/{}?$select=id&$expand=singleValueExtendedProperties($filter=id eq '{MARKER}' or id eq 'Integer 0x0E07')",
        made["id"].as_str().unwrap()
    );
    let shown = stage.get(&expand).await;
    assert_eq!(
        shown["singleValueExtendedProperties"],
        json!([
            {"id": "String {a0b1c2d3-0000-4000-8000-000000000001} Name postroom.action", "value": "0a1b"},
            {"id": "Integer 0xe07", "value": "25"},
        ])
    );
    let raw = stage
        .request(Method::GET, &format!("/messages/{}/$value", made["id"].as_str().unwrap()))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    for line in [
        "In-Reply-To: <inv-1@fabrikam.com>\r\n",
        "References: <inv-0@x>\r\n <inv-1@fabrikam.com>\r\n",
        "x-postroom-action: 0a1b\r\n",
    ] {
        assert!(raw.contains(line), "{line}{raw}");
    }
    stage.end().await;
}

#[tokio::test]
async fn custom_headers_are_one_to_five_and_begin_with_x() {
    let stage = Stage::begin().await;
    let header = |name: &str| json!({"name": name, "value": "v"});
    for (headers, code) in [
        (json!([]), "InvalidInternetMessageHeaderCollection"),
        (
            json!([header("x-1"), header("x-2"), header("x-3"), header("x-4"), header("x-5"), header("x-6")]),
            "InvalidInternetMessageHeaderCollection",
        ),
        (json!([header("In-Reply-To")]), "InvalidInternetMessageHeader"),
    ] {
        let (status, refused) = stage.post("/messages", json!({"internetMessageHeaders": headers})).await;
        assert_eq!((status, refused["error"]["code"].as_str().unwrap()), (400, code));
    }
    assert_eq!(stage.effects(), Vec::<String>::new());
    stage.end().await;
}

#[tokio::test]
async fn answers_are_threaded_addressed_and_quote_the_original() {
    let stage = Stage::begin().await;
    let raw =
        mail(1).replace("To: <", "Cc: Eve <eve@fabrikam.com>\r\nReply-To: <desk@fabrikam.com>\r\nTo: <bob@fabrikam.com>, <");
    let id = stage.simulator.deliver(INVOICES, raw.as_bytes()).unwrap();
    let original = stage.get(&format!("/messages/{id}")).await;
    let people = |value: &Value| {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["emailAddress"]["address"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let arguments = json!({"Comment": "Thanks <b>", "Message": {"@odata.type": "#microsoft.graph.message", "singleValueExtendedProperties": [{"id": MARKER, "value": "77"}]}});
    let (status, reply) = stage.post(&format!("/messages/{id}/createReply"), arguments).await;
    assert_eq!(
        (status, &reply["subject"], &reply["conversationId"]),
        (201, &json!("RE: Invoice 1"), &original["conversationId"])
    );
    assert_eq!(people(&reply["toRecipients"]), ["desk@fabrikam.com"]);
    let content = reply["body"]["content"].as_str().unwrap();
    assert!(content.contains("Thanks &lt;b&gt;<hr") && content.contains("Please pay invoice 1 &amp; thanks."), "{content}");
    let (_, all) = stage
        .post(
            &format!("/messages/{id}/createReplyAll"),
            json!({"message": {"body": {"contentType": "text", "content": "only this"}}}),
        )
        .await;
    assert_eq!(
        (people(&all["toRecipients"]), people(&all["ccRecipients"])),
        (vec!["desk@fabrikam.com".to_owned(), "bob@fabrikam.com".into()], vec!["eve@fabrikam.com".to_owned()])
    );
    assert!(!all["body"]["content"].as_str().unwrap().contains("invoice"));
    let (_, forward) = stage
        .post(&format!("/messages/{id}/createForward"), json!({"toRecipients": [{"emailAddress": {"address": "x@y.example"}}]}))
        .await;
    assert_eq!(
        (&forward["subject"], people(&forward["toRecipients"])),
        (&json!("FW: Invoice 1"), vec!["x@y.example".to_owned()])
    );
    let both = json!({"comment": "a", "message": {"body": {"content": "b"}}});
    assert_eq!(stage.post(&format!("/messages/{id}/createReply"), both).await.0, 400);
    stage.end().await;
}

#[tokio::test]
async fn a_large_attachment_is_uploaded_in_parts() {
    let stage = Stage::begin().await;
    let (_, draft) = stage.post("/messages", json!({"subject": "Big"})).await;
    let path = format!("/messages/{}/attachments", draft["id"].as_str().unwrap());
    let item = |size: usize| json!({"AttachmentItem": {"attachmentType": "file", "name": "big.bin", "size": size}});
    let (status, refused) = stage.post(&format!("{path}/createUploadSession"), item(100)).await;
    assert_eq!((status, &refused["error"]["code"]), (400, &json!("ErrorAttachmentSizeShouldNotBeLessThanMinimumSize")));
    let size = 4 * 1024 * 1024;
    let (status, session) = stage.post(&format!("{path}/createUploadSession"), item(size)).await;
    assert_eq!(status, 201);
    let part = |from: usize, to: usize| {
        client()
            .put(session["uploadUrl"].as_str().unwrap())
            .header("content-range", format!("bytes {from}-{}/{size}", to - 1))
            .body(vec![7_u8; to - from])
    };
    let half = part(0, size / 2).send().await.unwrap();
    assert_eq!(half.status(), 200);
    assert_eq!(half.json::<Value>().await.unwrap()["nextExpectedRanges"], json!([(size / 2).to_string()]));
    assert_eq!(part(0, size / 2).send().await.unwrap().status(), 416);
    let end = part(size / 2, size).send().await.unwrap();
    assert_eq!(end.status(), 201);
    assert!(end.headers()["location"].to_str().unwrap().contains("/Attachments('"));
    let list = stage.get(&format!("{path}?$select=name,size")).await;
    assert_eq!((list["value"].as_array().unwrap().len(), &list["value"][0]["name"]), (1, &json!("big.bin")));
    stage.end().await;
}
