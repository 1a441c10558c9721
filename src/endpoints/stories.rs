//! Calls to a receiver on this machine.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::clock::Clock;
use crate::ids::EndpointName;
use crate::outgoing::Secret;
use crate::verdict::Verdict;

type Seen = Arc<Mutex<Vec<(String, String)>>>;

async fn record(State(seen): State<Seen>, headers: HeaderMap, body: String) -> impl IntoResponse {
    let header = |name: &str| headers.get(name).map_or_else(String::new, |value| value.to_str().unwrap().to_owned());
    let told = ["idempotency-key", "webhook-id", "authorization", "content-type"].map(header).join(" | ");
    seen.lock().unwrap().push((told, body));
    axum::Json(json!({ "id": 42 }))
}

/// A receiver that behaves as the path says; what arrived at `/record`.
async fn receiver() -> (String, Seen) {
    let seen = Seen::default();
    let router = Router::new()
        .route("/record", post(record))
        .route("/text", post(async || "thanks"))
        .route("/redirect", post(async || Redirect::temporary("/record")))
        .route("/busy", post(async || (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")], "slow down")))
        .route("/broken", post(async || (StatusCode::BAD_GATEWAY, "no backend")))
        .route("/refuses", post(async || (StatusCode::UNPROCESSABLE_ENTITY, "total\n is missing")))
        .route("/long", post(async || "x".repeat(2 * 1024 * 1024)))
        .route("/slow", post(async || std::future::pending::<()>().await))
        .route("/keys/known", get(async || axum::Json(json!({ "id": 7 }))))
        .with_state(Arc::clone(&seen));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (base, seen)
}

fn settings(base: &str, path: &str) -> EndpointSettings {
    EndpointSettings {
        name: EndpointName::new("erp"),
        url: format!("{base}{path}"),
        auth: None,
        timeout: Duration::from_millis(500),
        read_only: false,
        idempotent: None,
        lookup: Some(format!("{base}/keys/{{key}}")),
        allow: Vec::new(),
    }
}

fn endpoints(settings: EndpointSettings) -> Result<Endpoints, String> {
    Endpoints::new(vec![settings], Clock::system()).map_err(|why| why.to_string())
}

async fn post_to(settings: EndpointSettings) -> Result<Value, EndpointError> {
    endpoints(settings).unwrap().post(&EndpointName::new("erp"), "k1", b"{}").await
}

async fn verdicts(base: &str, path: &str) -> [Verdict; 2] {
    let safe = EndpointSettings { idempotent: Some(Duration::from_mins(1)), ..settings(base, path) };
    [post_to(safe).await.unwrap_err().verdict(), post_to(settings(base, path)).await.unwrap_err().verdict()]
}

#[tokio::test]
async fn a_record_arrives_with_its_key_and_our_credentials() {
    let (base, seen) = receiver().await;
    let auth = Some(Auth::Basic { user: "postroom".into(), password: Secret::new("secret") });
    let answer = post_to(EndpointSettings { auth, ..settings(&base, "/record") }).await.unwrap();
    assert_eq!(answer, json!({ "id": 42 }));
    let headers = "k1 | k1 | Basic cG9zdHJvb206c2VjcmV0 | application/json".to_owned();
    assert_eq!(*seen.lock().unwrap(), [(headers, "{}".to_owned())]);
}

#[tokio::test]
async fn an_answer_that_is_not_json_is_no_failure_of_a_post_but_one_of_a_question() {
    let (base, _) = receiver().await;
    assert_eq!(post_to(settings(&base, "/text")).await.unwrap(), Value::Null);
    assert_eq!(post_to(settings(&base, "/long")).await.unwrap(), Value::Null);
    let read_only = endpoints(EndpointSettings { read_only: true, ..settings(&base, "/text") }).unwrap();
    let failure = read_only.ask(&EndpointName::new("erp"), "q", b"{}").await.unwrap_err();
    assert_eq!(failure.to_string(), "endpoint erp: the answer is not JSON of at most 1 MiB");
    let writing = endpoints(settings(&base, "/record")).unwrap();
    let failure = writing.ask(&EndpointName::new("erp"), "q", b"{}").await.unwrap_err();
    assert_eq!(failure.to_string(), "endpoint erp: only an endpoint with `read_only = true` can be asked");
}

#[tokio::test]
async fn an_unclear_end_may_be_repeated_only_where_the_key_is_honoured() {
    use Verdict::{Retry, RetryAfter, Unknown};
    let (base, _) = receiver().await;
    assert_eq!(verdicts(&base, "/broken").await, [Retry, Unknown]);
    assert_eq!(verdicts(&base, "/slow").await, [Retry, Unknown]);
    assert_eq!(verdicts(&base, "/busy").await, [RetryAfter(Duration::from_secs(7)); 2]);
}

#[tokio::test]
async fn a_connection_that_breaks_is_unclear_and_one_that_never_was_is_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let cut = tokio::spawn(async move {
        for _ in 0..2 {
            drop(listener.accept().await);
        }
    });
    assert_eq!(verdicts(&base, "/").await, [Verdict::Retry, Verdict::Unknown]);
    cut.await.unwrap();
    let refused = post_to(settings(&base, "/")).await.unwrap_err();
    assert_eq!((refused.kind, refused.verdict()), (FailureKind::NoConnection, Verdict::Retry));
}

#[tokio::test]
async fn refusals_say_what_the_receiver_said() {
    let (base, seen) = receiver().await;
    let refused = post_to(settings(&base, "/refuses")).await.unwrap_err();
    assert_eq!((refused.to_string().as_str(), refused.verdict()), ("endpoint erp: 422 total is missing", Verdict::Never));
    let redirected = post_to(settings(&base, "/redirect")).await.unwrap_err();
    let expected =
        "endpoint erp: 307 the answer has no explanation; redirects are not followed: put the final address into `url`";
    assert_eq!((redirected.to_string().as_str(), redirected.verdict()), (expected, Verdict::Never));
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_key_can_be_looked_up() {
    let (base, _) = receiver().await;
    let endpoints = endpoints(settings(&base, "/record")).unwrap();
    let name = EndpointName::new("erp");
    assert_eq!(endpoints.look_up(&name, "known").await.unwrap(), Some(json!({ "id": 7 })));
    assert_eq!(endpoints.look_up(&name, "unknown/../known").await.unwrap(), None);
    assert_eq!(endpoints.contract(&name), Some(&Contract { read_only: false, idempotent: None, has_lookup: true }));
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_not_called_unless_it_says_so() {
    let (base, seen) = receiver().await;
    let port = base.rsplit_once(':').unwrap().1;
    let named = settings(&format!("http://localhost:{port}"), "/record");
    assert_eq!(post_to(named).await.unwrap(), json!({ "id": 42 }));
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[test]
fn addresses_that_cannot_be_right_are_refused_at_the_start() {
    let complaint = |change: fn(&mut EndpointSettings)| {
        let mut wrong = settings("https://erp.contoso.com", "/api");
        change(&mut wrong);
        endpoints(wrong).err().unwrap_or_default()
    };
    assert_eq!(complaint(|_| ()), "");
    let plain = complaint(|settings| settings.url = "http://erp.contoso.com/api".into());
    assert_eq!(plain, "endpoint erp: `http://erp.contoso.com/api` must be https; plain http is for loopback addresses only");
    let credentials = complaint(|settings| settings.url = "https://me:secret@erp.contoso.com/api".into());
    assert_eq!(credentials, "endpoint erp: the address holds a user name or password; secrets are never written there");
    let network = complaint(|settings| settings.allow = vec!["10.1/16".into()]);
    assert_eq!(network, "endpoint erp: `allow` names `10.1/16`, which is no network like 10.1.0.0/16");
    let elsewhere = complaint(|settings| settings.lookup = Some("https://fabrikam.com/{key}".into()));
    assert_eq!(elsewhere, "endpoint erp: `lookup` must hold {key} and lead to the same host as `url`");
}
