//! Calls to a scripted service on this machine: what goes out, and what each kind of trouble comes to.
#![allow(clippy::unwrap_used)]

mod errors;
mod hostile;
pub(super) mod identity;
mod mutated;
mod scripted;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::clock::Clock;
use crate::ids::{ActionId, FolderId, MessageId};
use crate::mail::Address;
use crate::outgoing::Secret;
use crate::plan::Importance;
use crate::verdict::Verdict;
use scripted::{Reply, Scripted};

/// `{"access_token":{"xms_cc":{"values":["cp1"]}}}` in a form.
const CAPABILITY: &str = "%7B%22access_token%22%3A%7B%22xms_cc%22%3A%7B%22values%22%3A%5B%22cp1%22%5D%7D%7D%7D";

fn settings(base: &str) -> GraphSettings {
    GraphSettings {
        requests_max: crate::graph::REQUESTS_MAX,
        concurrent_max: None,
        base_url: format!("{base}/v1.0"),
        login_url: base.to_owned(),
        tenant: "contoso.onmicrosoft.com".into(),
        client_id: "postroom".into(),
        credential: Credential::Secret { secret: Kept::Given(Secret::new("hunter2")), ends: None },
        changes: Changes::Delta,
        timeout: Duration::from_secs(5),
    }
}

fn mailbox(service: &Scripted, clock: &Clock) -> Mailbox {
    Graph::new(&settings(&service.base), clock.clone()).unwrap().mailbox("invoices@contoso.com")
}

fn clock() -> Clock {
    Clock::by_hand(Timestamp::UNIX_EPOCH)
}

fn message(folder: &str) -> Value {
    json!({ "@odata.etag": "W/\"1\"", "id": "m1", "parentFolderId": folder, "changeKey": "1", "isDraft": false })
}

fn draft() -> Draft {
    Draft {
        action: ActionId::new("a1"),
        mark: "a1.seal".into(),
        subject: "RE: Invoice".into(),
        html: "<p>Thanks</p>".into(),
        to: vec![Address::new("ap@fabrikam.com")],
        cc: Vec::new(),
        in_reply_to: Some("<1@fabrikam.com>".into()),
        references: None,
        importance: Importance::Normal,
        attachments: vec![DraftAttachment { name: "a.txt".into(), content_type: "text/plain".into(), bytes: b"hi".to_vec() }],
    }
}

#[tokio::test]
async fn every_call_bears_token_request_id_and_immutable_ids() {
    let service = Scripted::with_token(vec![Reply::json(200, &message("f1"))]).await;
    let state = mailbox(&service, &clock()).state(&MessageId::new("AAk/=")).await.unwrap().unwrap();
    assert_eq!((state.folder, state.etag.as_deref()), (FolderId::new("f1"), Some("W/\"1\"")));
    let [token, get] = &service.requests()[..] else { panic!("two requests") };
    assert_eq!(token.line, "POST /contoso.onmicrosoft.com/oauth2/v2.0/token HTTP/1.1");
    let scope = service.base.replace(':', "%3A").replace('/', "%2F") + "%2F.default";
    assert_eq!(
        token.body,
        format!("client_id=postroom&client_secret=hunter2&grant_type=client_credentials&scope={scope}&claims={CAPABILITY}")
    );
    let select = "id,parentFolderId,categories,isRead,flag,importance,isDraft,changeKey,conversationId,internetMessageId";
    assert_eq!(get.line, format!("GET /v1.0/users/invoices@contoso.com/messages/AAk%2F=?$select={select} HTTP/1.1"));
    assert_eq!(get.header("authorization"), Some("Bearer token-1"));
    assert_eq!(get.header("prefer"), Some("IdType=\"ImmutableId\""));
    assert_eq!(get.header("client-request-id").map(str::len), Some(36));
}

#[tokio::test]
async fn one_token_serves_many_callers_and_is_renewed_before_it_ends() {
    let replies = vec![
        Reply::json(200, &message("f1")),
        Reply::json(200, &message("f1")),
        Reply::token("token-2"),
        Reply::json(200, &message("f1")),
    ];
    let service = Scripted::with_token(replies).await;
    let (time, id) = (clock(), MessageId::new("m1"));
    let mailbox = mailbox(&service, &time);
    let (first, second) = tokio::join!(mailbox.state(&id), mailbox.state(&id));
    assert!(first.is_ok() && second.is_ok());
    time.advance(Duration::from_secs(3600 - 299));
    mailbox.state(&id).await.unwrap();
    let bearers: Vec<_> =
        service.requests().iter().map(|request| request.header("authorization").unwrap_or("sign-in").to_owned()).collect();
    assert_eq!(bearers, ["sign-in", "Bearer token-1", "Bearer token-1", "sign-in", "Bearer token-2"]);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_then_it_is_an_error() {
    let expired = || Reply::error(401, "InvalidAuthenticationToken");
    let service = Scripted::with_token(vec![expired(), Reply::token("token-2"), expired()]).await;
    let error = mailbox(&service, &clock()).send(&MessageId::new("d1")).await.unwrap_err();
    assert_eq!((error.kind, error.verdict(), error.is_configuration()), (ErrorKind::SignIn, Verdict::Never, true));
    assert_eq!(service.requests().len(), 4);
}

#[tokio::test]
async fn wrong_credentials_are_told_without_the_secret() {
    let told = json!({ "error": "invalid_client", "error_description": "AADSTS7000215: `hunter2` is wrong.\r\nTrace ID: x" });
    let service = Scripted::start(vec![Reply::json(401, &told)]).await;
    let graph = Graph::new(&settings(&service.base), clock()).unwrap();
    let error = graph.sign_in().await.unwrap_err();
    let expected = "POST /{tenant}/oauth2/v2.0/token: 401 invalid_client: AADSTS7000215: `***` is wrong.; \
                    check the credential under [tenant] (has it ended, is it the application's?) and this machine's clock";
    assert_eq!(error.to_string(), expected);
    // The failure stands for a moment: a crowd of callers does not ask again.
    assert!(graph.mailbox("invoices@contoso.com").state(&MessageId::new("m1")).await.unwrap_err().is_configuration());
    assert_eq!(service.requests().len(), 1);
}

#[tokio::test]
async fn a_throttled_mailbox_waits_as_long_as_it_is_told() {
    let busy = Reply::error(429, "ApplicationThrottled").header("retry-after", "3");
    let service = Scripted::with_token(vec![busy, Reply::json(201, &message("f2"))]).await;
    let time = clock();
    let mailbox = mailbox(&service, &time);
    let (id, folder) = (MessageId::new("m1"), FolderId::new("f2"));
    let error = mailbox.move_to(&id, &folder).await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::RetryAfter(Duration::from_secs(3)));
    assert_eq!(mailbox.move_to(&id, &folder).await.unwrap().folder, folder);
    assert_eq!(time.now().as_second(), 3);
}

#[tokio::test]
async fn a_call_that_would_wait_too_long_is_not_made() {
    let service = Scripted::with_token(vec![Reply::error(503, "ErrorServerBusy").header("retry-after", "60")]).await;
    let mailbox = mailbox(&service, &clock());
    let first = mailbox.send(&MessageId::new("d1")).await.unwrap_err();
    assert_eq!(first.verdict(), Verdict::Unknown);
    let second = mailbox.mime(&MessageId::new("m1")).await.unwrap_err();
    assert_eq!(second.verdict(), Verdict::RetryAfter(Duration::from_mins(1)));
    assert_eq!(service.requests().len(), 2);
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_a_send_unknown_and_a_read_free_to_repeat() {
    let service = Scripted::with_token(vec![Reply::Cut, Reply::Cut]).await;
    let mailbox = mailbox(&service, &clock());
    let sent = mailbox.send(&MessageId::new("d1")).await.unwrap_err();
    assert_eq!((sent.kind, sent.verdict()), (ErrorKind::Interrupted, Verdict::Unknown));
    let read = mailbox.state(&MessageId::new("d1")).await.unwrap_err();
    assert_eq!(read.verdict(), Verdict::Retry);
    let requests = service.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!((requests[1].header("content-length"), requests[1].body.as_str()), (Some("0"), ""));
}

#[tokio::test]
async fn without_a_connection_nothing_has_happened() {
    let service = Scripted::with_token(vec![Reply::json(200, &message("f1"))]).await;
    let mailbox = mailbox(&service, &clock());
    mailbox.state(&MessageId::new("m1")).await.unwrap();
    service.stop().await;
    let sent = mailbox.send(&MessageId::new("d1")).await.unwrap_err();
    assert_eq!((sent.kind, sent.verdict()), (ErrorKind::NoConnection, Verdict::Retry));
}

#[tokio::test]
async fn a_delta_round_ends_with_a_cursor_and_tells_removals() {
    let service = Scripted::start(Vec::new()).await;
    let link = |rest: &str| format!("{}/v1.0/users/u/mailFolders/f1/messages/delta?{rest}", service.base);
    let new = |id: &str, subject: &str| json!({ "id": id, "subject": subject, "isDraft": false, "receivedDateTime": "2026-01-09T10:00:00Z" });
    let first =
        json!({ "value": [new("m1", "old"), new("m2", "two"), new("m1", "new")], "@odata.nextLink": link("$skiptoken=1") });
    let last =
        json!({ "value": [{ "id": "m2", "@removed": { "reason": "deleted" } }], "@odata.deltaLink": link("$deltatoken=2") });
    service.then(vec![Reply::token("token-1"), Reply::json(200, &first), Reply::json(200, &last)]);
    let (mailbox, folder) = (mailbox(&service, &clock()), FolderId::new("f1"));
    let page = mailbox.delta_page(&folder, "Inbox", None).await.unwrap();
    let seen: Vec<_> = page.envelopes.iter().map(|envelope| (envelope.subject.as_deref(), envelope.folder.as_str())).collect();
    assert_eq!(seen, [(Some("two"), "Inbox"), (Some("new"), "Inbox")]);
    let page = mailbox.delta_page(&folder, "Inbox", page.more.then_some(page.next.as_str())).await.unwrap();
    assert_eq!(page, DeltaPage { envelopes: Vec::new(), removed: vec!["m2".into()], next: link("$deltatoken=2"), more: false });
    let requests = service.requests();
    assert_eq!(requests[2].line, "GET /v1.0/users/u/mailFolders/f1/messages/delta?$skiptoken=1 HTTP/1.1");
    assert!(requests[1].headers.contains("prefer: odata.maxpagesize=100"));
}

#[tokio::test]
async fn a_link_to_another_host_is_refused_and_a_foreign_or_dead_cursor_is_lost() {
    let foreign = json!({ "value": [], "@odata.nextLink": "https://graph.example.net/v1.0/next" });
    let service = Scripted::with_token(vec![Reply::json(200, &foreign), Reply::error(410, "SyncStateNotFound")]).await;
    let (mailbox, folder) = (mailbox(&service, &clock()), FolderId::new("f1"));
    let error = mailbox.delta_page(&folder, "Inbox", None).await.unwrap_err();
    assert_eq!((error.kind, error.verdict()), (ErrorKind::ForeignLink, Verdict::Never));
    let error = mailbox.delta_page(&folder, "Inbox", Some("https://graph.example.net/v1.0/next")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::CursorLost);
    let error = mailbox.delta_page(&folder, "Inbox", None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::CursorLost);
    assert_eq!(service.requests().len(), 3);
}

#[tokio::test]
async fn a_sparse_entry_is_fetched_whole() {
    let service = Scripted::start(Vec::new()).await;
    let delta = format!("{}/v1.0/d?$deltatoken=1", service.base);
    let whole = json!({ "id": "m1", "subject": "whole", "isDraft": false, "receivedDateTime": "2026-01-09T10:00:00Z" });
    let page = json!({ "value": [{ "id": "m1", "categories": ["x"] }], "@odata.deltaLink": delta });
    service.then(vec![Reply::token("token-1"), Reply::json(200, &page), Reply::json(200, &whole)]);
    let page = mailbox(&service, &clock()).delta_page(&FolderId::new("f1"), "Inbox", None).await.unwrap();
    assert_eq!(page.envelopes.iter().map(|envelope| envelope.subject.as_deref()).collect::<Vec<_>>(), [Some("whole")]);
}

#[tokio::test]
async fn a_page_that_is_too_much_is_asked_for_smaller() {
    let service = Scripted::start(Vec::new()).await;
    let page = json!({ "value": [], "@odata.deltaLink": format!("{}/v1.0/d?$deltatoken=1", service.base) });
    service.then(vec![Reply::token("token-1"), Reply::error(504, "UnknownError"), Reply::json(200, &page)]);
    let mailbox = mailbox(&service, &clock());
    mailbox.delta_page(&FolderId::new("f1"), "Inbox", None).await.unwrap();
    // What was small and fails all the same is an error.
    service.then(vec![Reply::error(504, "UnknownError"), Reply::error(504, "UnknownError")]);
    let error = mailbox.delta_page(&FolderId::new("f1"), "Inbox", None).await.unwrap_err();
    assert_eq!((error.status, error.verdict()), (Some(504), Verdict::Retry));
    let sizes =
        service.requests()[1..].iter().map(|request| request.headers.contains("odata.maxpagesize=100")).collect::<Vec<_>>();
    assert_eq!(sizes, [true, false, true, false]);
    assert!(service.requests()[2].headers.contains("odata.maxpagesize=10\r\n"));
}

#[tokio::test]
async fn a_page_that_leads_to_itself_and_an_error_under_a_success_are_no_pages() {
    let service = Scripted::start(Vec::new()).await;
    let link = format!("{}/v1.0/d?$skiptoken=1", service.base);
    let disguised = json!({ "error": { "code": "UnknownError", "message": "No.", "innerError": { "code": "ErrorBusy" } } });
    let itself = json!({ "value": [], "@odata.nextLink": link });
    service.then(vec![Reply::token("token-1"), Reply::json(200, &itself), Reply::json(200, &disguised)]);
    let (mailbox, folder) = (mailbox(&service, &clock()), FolderId::new("f1"));
    let mut told = Vec::new();
    for _ in 0..2 {
        let error = mailbox.delta_page(&folder, "Inbox", Some(&link)).await.unwrap_err();
        assert_eq!((error.kind, error.verdict()), (ErrorKind::BadAnswer, Verdict::Retry));
        told.push(error.message.to_string());
    }
    assert_eq!(told, ["the page leads to itself", "the answer is not what Graph promises: it holds the error ErrorBusy: No."]);
}

#[tokio::test]
async fn a_missing_folder_is_created_and_one_that_somebody_else_created_is_found() {
    let folders = |names: &[(&str, &str)]| {
        let folder = |(id, name): &(&str, &str)| json!({ "id": id, "displayName": name });
        Reply::json(200, &json!({ "value": names.iter().map(folder).collect::<Vec<_>>() }))
    };
    let created = Reply::json(201, &json!({ "id": "f1", "displayName": "Processed" }));
    let exists = Reply::error(409, "ErrorFolderExists");
    let service =
        Scripted::with_token(vec![folders(&[("x", "Other")]), created, folders(&[]), exists, folders(&[("f2", "INVOICES")])])
            .await;
    let mailbox = mailbox(&service, &clock());
    let id = mailbox.create_folder("Processed/Invoices", Visibility::Visible).await.unwrap();
    assert_eq!(id, FolderId::new("f2"));
    // Known now, in any case, without a call.
    assert_eq!(mailbox.folder("processed/invoices").await.unwrap(), Some(id));
    assert_eq!(service.requests().len(), 6);
}

#[tokio::test]
async fn a_folder_that_is_gone_is_looked_up_again() {
    let inbox = |id: &str| Reply::json(200, &json!({ "id": id, "displayName": "Posteingang" }));
    let service = Scripted::with_token(vec![inbox("f1"), Reply::error(404, "ErrorItemNotFound"), inbox("f9")]).await;
    let mailbox = mailbox(&service, &clock());
    let folder = mailbox.folder("Inbox").await.unwrap().unwrap();
    assert!(mailbox.move_to(&MessageId::new("m1"), &folder).await.unwrap_err().is_gone());
    assert_eq!(mailbox.folder("Inbox").await.unwrap(), Some(FolderId::new("f9")));
}

#[tokio::test]
async fn a_draft_is_marked_at_birth_and_found_by_its_mark() {
    let made = json!({ "id": "d1", "changeKey": "1", "internetMessageId": "<d1@contoso.com>" });
    let found = json!({ "value": [{ "id": "d1", "parentFolderId": "f1", "isDraft": true, "changeKey": "1" }] });
    let service = Scripted::with_token(vec![Reply::json(201, &made), Reply::json(200, &found)]).await;
    let mailbox = mailbox(&service, &clock());
    let made = mailbox.create_draft(&FolderId::new("f1"), &draft()).await.unwrap();
    assert_eq!(
        made,
        DraftRef { id: "d1".into(), change_key: Some("1".into()), internet_message_id: Some("<d1@contoso.com>".into()) }
    );
    let marked = mailbox.find_marked(&ActionId::new("a1"), &[FolderId::new("sentitems")]).await.unwrap();
    assert_eq!(marked, [Marked { id: "d1".into(), folder: FolderId::new("f1"), is_draft: true, change_key: Some("1".into()) }]);
    let body: Value = serde_json::from_str(&service.requests()[1].body).unwrap();
    let expected = json!({
        "subject": "RE: Invoice", "body": { "contentType": "html", "content": "<p>Thanks</p>" }, "importance": "normal",
        "toRecipients": [{ "emailAddress": { "address": "ap@fabrikam.com" } }],
        "singleValueExtendedProperties": [
            { "id": "String {5b1f2f0e-6c0d-4f5a-9a43-7d6e1c80b2a7} Name postroom.action", "value": "a1" },
            { "id": "String {00020386-0000-0000-C000-000000000046} Name Auto-Submitted", "value": "auto-replied" },
            { "id": "String 0x1042", "value": "<1@fabrikam.com>" },
        ],
        "internetMessageHeaders": [
            { "name": "x-postroom-action", "value": "a1.seal" }, { "name": "x-auto-response-suppress", "value": "All" },
        ],
        "attachments": [{ "@odata.type": "#microsoft.graph.fileAttachment", "name": "a.txt", "contentType": "text/plain", "contentBytes": "aGk=" }],
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_draft_that_does_not_fit_is_not_sent() {
    let service = Scripted::with_token(Vec::new()).await;
    let big =
        DraftAttachment { name: "a.bin".into(), content_type: "application/octet-stream".into(), bytes: vec![0; 3_100_000] };
    let error = mailbox(&service, &clock())
        .create_draft(&FolderId::new("f1"), &Draft { attachments: vec![big], ..draft() })
        .await
        .unwrap_err();
    assert_eq!((error.kind, error.verdict()), (ErrorKind::TooLarge, Verdict::Never));
    assert_eq!(service.requests().len(), 0);
}
