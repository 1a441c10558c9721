//! The judge that holds every story's calls and answers against Microsoft's model does find what is wrong.

use serde_json::{Value, json};

use crate::graph::{Side, problems};

fn exchange(method: &str, path: &str, request: &Value, answer: &Value) -> Value {
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    json!({ "method": method, "path": path, "segments": segments, "status": 200, "request": request, "answer": answer })
}

#[test]
fn a_field_that_is_misspelled_of_another_type_or_null_is_found_in_an_answer() {
    let list = |row: Value| {
        let page = json!({ "@odata.context": "…", "value": [row] });
        problems(&exchange("GET", "/v1.0/users/a/mailFolders/inbox/messages", &Value::Null, &page), Side::Answers)
    };
    let at = "GET /v1.0/users/a/mailFolders/inbox/messages: answer.value[0]";
    assert_eq!(list(json!({ "id": "1", "subject": null, "@odata.etag": "W/1", "toRecipients": [] })), Vec::<String>::new());
    assert_eq!(list(json!({ "id": "1", "subjet": "Hello" })), [format!("{at}.subjet is no property of message")]);
    assert_eq!(list(json!({ "id": null })), [format!("{at}.id is null, but Edm.String ! never is")]);
    assert_eq!(list(json!({ "isRead": "true" })), [format!("{at}.isRead is no Edm.Boolean: \"true\"")]);
    assert_eq!(list(json!({ "importance": "High" })), [format!("{at}.importance is no importance: \"High\"")]);
    assert_eq!(
        list(json!({ "sentDateTime": "2026-03-02" })),
        [format!("{at}.sentDateTime is no Edm.DateTimeOffset: \"2026-03-02\"")]
    );
    let sender = json!({ "from": { "emailAddress": { "adress": "ana@fabrikam.com" } } });
    assert_eq!(list(sender), [format!("{at}.from.emailAddress.adress is no property of emailAddress")]);
}

#[test]
fn a_field_that_is_misspelled_is_found_in_what_is_asked() {
    let asked = |method: &str, path: &str, body: Value| problems(&exchange(method, path, &body, &Value::Null), Side::Both);
    assert_eq!(
        asked("PATCH", "/v1.0/users/a/messages/1", json!({ "categories": ["Seen"], "isread": true })),
        ["PATCH /v1.0/users/a/messages/1: request.isread is no property of message"]
    );
    assert_eq!(
        asked("POST", "/v1.0/users/a/messages/1/move", json!({ "destinationID": "2", "destination": "2" })),
        ["POST /v1.0/users/a/messages/1/move: request.destination is no parameter"]
    );
    assert_eq!(
        asked("POST", "/v1.0/users/a/messages/1/createReplay", json!({})),
        ["POST /v1.0/users/a/messages/1/createReplay: answered 200, but message has no createReplay"]
    );
}

#[test]
fn a_refusal_without_its_envelope_and_a_call_in_a_batch_are_found_too() {
    let refused = json!({ "method": "GET", "path": "/v1.0/users/a/messages/1", "segments": ["v1.0", "users", "a", "messages", "1"],
        "status": 404, "request": null, "answer": { "error": "no" } });
    assert_eq!(problems(&refused, Side::Answers).len(), 1);
    let batch = exchange(
        "POST",
        "/v1.0/$batch",
        &json!({ "requests": [{ "id": "1", "method": "GET", "url": "/users/a/messages/1?$select=id" }] }),
        &json!({ "responses": [{ "id": "1", "status": 200, "body": { "id": "1", "isred": true } }] }),
    );
    assert_eq!(problems(&batch, Side::Both), ["GET users/a/messages/1: answer.isred is no property of message"]);
}
