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
    let signed = header("webhook-signature");
    let told = if signed.is_empty() { told } else { format!("{told} | {} | {signed}", header("webhook-timestamp")) };
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
        .route("/gone", post(async || (StatusCode::GONE, "moved away")))
        .route("/keys/known", get(async || axum::Json(json!({ "id": 7 }))))
        .with_state(Arc::clone(&seen));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (base, seen)
}

fn settings(base: &str, path: &str) -> EndpointSettings {
    EndpointSettings {
        timeout: Duration::from_millis(500),
        lookup: Some(format!("{base}/keys/{{key}}")),
        ..EndpointSettings::new(EndpointName::new("erp"), format!("{base}{path}"))
    }
}

fn endpoints(settings: EndpointSettings) -> Result<Endpoints, String> {
    Endpoints::new(vec![settings], Clock::system()).map_err(|why| why.to_string())
}

async fn post_to(settings: EndpointSettings) -> Result<Value, EndpointError> {
    post_by(&endpoints(settings).unwrap()).await
}

async fn post_by(endpoints: &Endpoints) -> Result<Value, EndpointError> {
    let decided = "2026-03-02T09:00:00Z".parse().unwrap();
    let origin = Origin { mailbox: "invoices@contoso.com".into(), message_id: Some("<1@fabrikam.com>".into()), decided };
    endpoints.post(&EndpointName::new("erp"), &Record { key: "k1", json: b"{}", origin: &origin }).await
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

#[tokio::test]
async fn a_signed_record_can_be_verified_with_either_secret_and_its_body_is_the_same_on_each_repeat() {
    use base64::Engine as _;
    use hmac::{Hmac, KeyInit, Mac};
    let (base, seen) = receiver().await;
    let secrets = [[7_u8; 24], [9; 24]];
    let engine = base64::engine::general_purpose::STANDARD;
    let sign = secrets.map(|secret| Secret::new(format!("whsec_{}", engine.encode(secret)))).to_vec();
    let profile = Profile::CloudEvents { event_type: "com.contoso.invoice".into() };
    let clock = Clock::by_hand("2026-03-02T10:00:00Z".parse().unwrap());
    let settings = EndpointSettings { profile, sign, ..settings(&base, "/record") };
    let endpoints = Endpoints::new(vec![settings], clock.clone()).unwrap();
    post_by(&endpoints).await.unwrap();
    clock.advance(Duration::from_hours(5));
    post_by(&endpoints).await.unwrap();
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen[0].1, seen[1].1);
    for ((told, body), timestamp) in seen.iter().zip([1_772_445_600, 1_772_463_600]) {
        let expected = secrets.map(|secret| {
            let mac = Hmac::<sha2::Sha256>::new_from_slice(&secret).unwrap().chain_update(format!("k1.{timestamp}.{body}"));
            format!("v1,{}", engine.encode(mac.finalize().into_bytes()))
        });
        let expected = format!("k1 | k1 |  | application/cloudevents+json | {timestamp} | {} {}", expected[0], expected[1]);
        assert_eq!(*told, expected);
    }
}

#[tokio::test]
async fn a_record_that_does_not_fit_its_schema_is_never_sent() {
    let (base, seen) = receiver().await;
    let schema = SchemaFile { path: "invoice.json".into(), text: r#"{"required":["total"]}"#.into() };
    let error = post_to(EndpointSettings { schema: Some(schema), ..settings(&base, "/record") }).await.unwrap_err();
    let expected = "endpoint erp: the record does not fit the endpoint's `schema` and was not sent: \
                    at the whole: \"total\" is a required property";
    assert_eq!((error.to_string().as_str(), error.verdict(), error.kind), (expected, Verdict::Never, FailureKind::Misfit));
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_called_once_and_one_that_is_down_a_few_times() {
    let (base, seen) = receiver().await;
    let clock = Clock::by_hand("2026-03-02T10:00:00Z".parse().unwrap());
    let gone = Endpoints::new(vec![settings(&base, "/gone")], clock.clone()).unwrap();
    let error = post_by(&gone).await.unwrap_err();
    let advice = "it is gone for good and not called again: correct the configuration and restart";
    assert_eq!(error.to_string(), format!("endpoint erp: 410 moved away; {advice}"));
    assert!(matches!(gone.place(&EndpointName::new("erp")), Admission::Closed(_)));
    let down = Endpoints::new(vec![settings(&base, "/broken")], clock.clone()).unwrap();
    let mut calls = 0;
    while let Admission::Place(_place) = down.place(&EndpointName::new("erp")) {
        post_by(&down).await.unwrap_err();
        calls += 1;
    }
    assert_eq!(calls, 5);
    clock.advance(PAUSES[0]);
    assert_eq!(down.room(&EndpointName::new("erp")), 1);
    assert!(seen.lock().unwrap().is_empty());
}

/// Tokens given so far, and what `/api` was called with.
type Desk = Arc<Mutex<(u32, Vec<String>)>>;

async fn give_token(State(desk): State<Desk>, form: String) -> axum::response::Response {
    let mut desk = desk.lock().unwrap();
    if !form.contains("client_secret=s3cret%2Bwith+blank") {
        return (StatusCode::UNAUTHORIZED, format!("invalid_client {form}")).into_response();
    }
    assert_eq!(form, "grant_type=client_credentials&client_id=postroom&client_secret=s3cret%2Bwith+blank&scope=erp");
    desk.0 += 1;
    axum::Json(json!({ "access_token": format!("token-{}", desk.0), "token_type": "Bearer", "expires_in": 600 })).into_response()
}

async fn take_with_token(State(desk): State<Desk>, headers: HeaderMap) -> axum::response::Response {
    let mut desk = desk.lock().unwrap();
    let token = headers["authorization"].to_str().unwrap().to_owned();
    desk.1.push(token.clone());
    match token.as_str() {
        // The first token is withdrawn before its time.
        "Bearer token-1" => (StatusCode::UNAUTHORIZED, "withdrawn").into_response(),
        _ => axum::Json(json!({ "echo": token })).into_response(),
    }
}

async fn desk() -> (String, Desk) {
    let desk = Desk::default();
    let router = Router::new()
        .route("/token", post(give_token))
        .route("/token/empty", post(async || "{}"))
        .route("/api", post(take_with_token))
        .route("/refuses", post(async || StatusCode::UNAUTHORIZED))
        .with_state(Arc::clone(&desk));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (base, desk)
}

fn with_oauth2(base: &str, (token_path, secret): (&str, &str), path: &str) -> EndpointSettings {
    let auth = Auth::OAuth2(OAuth2 {
        token_url: format!("{base}{token_path}"),
        client_id: "postroom".into(),
        client_secret: Secret::new(secret),
        scope: Some("erp".into()),
    });
    EndpointSettings { auth: Some(auth), ..settings(base, path) }
}

#[tokio::test]
async fn a_token_is_fetched_once_for_all_and_once_more_when_it_is_refused_or_old() {
    let (base, desk) = desk().await;
    let clock = Clock::by_hand("2026-03-02T10:00:00Z".parse().unwrap());
    let settings = with_oauth2(&base, ("/token", "s3cret+with blank"), "/api");
    let endpoints = Endpoints::new(vec![settings], clock.clone()).unwrap();
    let (first, second) = tokio::join!(post_by(&endpoints), post_by(&endpoints));
    // The token comes back in the answer and is not kept.
    assert_eq!((first.unwrap(), second.unwrap()), (json!({ "echo": "Bearer ***" }), json!({ "echo": "Bearer ***" })));
    assert_eq!(desk.lock().unwrap().0, 2);
    clock.advance(Duration::from_secs(539));
    post_by(&endpoints).await.unwrap();
    assert_eq!(desk.lock().unwrap().0, 2);
    clock.advance(Duration::from_secs(1));
    post_by(&endpoints).await.unwrap();
    let desk = desk.lock().unwrap();
    assert_eq!((desk.0, desk.1.last().unwrap().as_str()), (3, "Bearer token-3"));
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_the_secret_is_not_told() {
    let (base, desk) = desk().await;
    let refused = post_to(with_oauth2(&base, ("/token", "wrong+secret"), "/api")).await.unwrap_err();
    let expected = format!(
        "endpoint erp: no token from {base}/token: 401 invalid_client grant_type=client_credentials&client_id=postroom&\
         client_secret=***&scope=erp; nothing was sent to the endpoint; check `auth.oauth2` if this stays"
    );
    assert_eq!((refused.to_string(), refused.verdict(), refused.is_configuration()), (expected, Verdict::Never, true));
    let empty = post_to(with_oauth2(&base, ("/token/empty", "x"), "/api")).await.unwrap_err();
    let expected = format!("endpoint erp: the token endpoint {base}/token/empty answered without a token; check `token_url`");
    assert_eq!(empty.to_string(), expected);
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_of_nobody = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let mut settings = with_oauth2(&base, ("/token", "x"), "/api");
    if let Some(Auth::OAuth2(oauth2)) = &mut settings.auth {
        oauth2.token_url = format!("{base_of_nobody}/token");
    }
    let unreachable = post_to(settings).await.unwrap_err();
    assert_eq!((unreachable.verdict(), unreachable.kind), (Verdict::Retry, FailureKind::NoConnection));
    assert!(unreachable.to_string().contains("nothing was sent to the endpoint"), "{unreachable}");
    // An endpoint that refuses a fresh token too is not asked a third time.
    let twice = post_to(with_oauth2(&base, ("/token", "s3cret+with blank"), "/refuses")).await.unwrap_err();
    assert_eq!((twice.status, desk.lock().unwrap().0), (Some(401), 2));
    assert!(desk.lock().unwrap().1.is_empty());
}
