//! What we serve: the page that shows message by message what was decided and done, and health for machines.
//!
//! Looks into the journal; changes nothing. Every page works without scripts and refreshes itself.

mod page;
mod tls;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Query, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use tls::Door;

pub use page::RulesLine;
pub use tls::{Tls, TlsError};

use crate::clock::Clock;
use crate::ids::MailboxName;
use crate::intake::{Health, Heard, Hooks};
use crate::journal::{Journal, JournalError};

/// What the pages look at.
#[derive(Clone)]
pub struct Console {
    /// What happened.
    pub journal: Journal,
    /// How the folders are doing.
    pub health: Health,
    /// Which rules are live, asked at every page.
    pub rules: Arc<dyn Fn() -> Vec<RulesLine> + Send + Sync>,
    /// Mailboxes that are only looked at, each with the reason, asked at every page.
    pub leases: Arc<dyn Fn() -> Vec<(MailboxName, String)> + Send + Sync>,
    /// What else is wrong, each with what it concerns, asked at every page.
    pub troubles: Arc<dyn Fn() -> Vec<(String, String)> + Send + Sync>,
    /// What the service tells us of arrivals.
    pub hooks: Hooks,
    /// The time.
    pub clock: Clock,
}

/// Where the service tells us of arrivals, below `[web] public_url`.
pub const NOTIFICATIONS: &str = "/notifications";
/// Bytes of one notification.
const NOTIFICATION_MAX: usize = 1 << 20;

/// Nothing but our own style sheet is loaded, nothing is framed, nothing is run.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/// Serves until `stop` says so.
///
/// # Errors
/// The listener failed.
pub async fn serve(
    (listener, tls): (TcpListener, Option<Tls>),
    console: Console,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/", get(overview))
        .route("/messages/{row}", get(message))
        .route("/style.css", get(style))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route(NOTIFICATIONS, get(handshake).post(notified).layer(DefaultBodyLimit::max(NOTIFICATION_MAX)))
        .with_state(console);
    let stopped = async move {
        // A dropped sender means the same as a stop.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    axum::serve(Door::new(listener, tls), routes).with_graceful_shutdown(stopped).await
}

async fn overview(State(console): State<Console>) -> Response {
    answer(page::overview(&console).await)
}

async fn message(State(console): State<Console>, Path(row): Path<i64>) -> Response {
    answer(page::message(&console, row).await)
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Handshake {
    validation_token: Option<String>,
}

/// The service asks whether we want to be told: the token goes back as it is, as plain text.
async fn handshake(Query(Handshake { validation_token }): Query<Handshake>) -> Response {
    match validation_token {
        Some(token) => {
            ([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")], token)
                .into_response()
        }
        None => (StatusCode::BAD_REQUEST, "this is where Microsoft Graph tells of changes\n").into_response(),
    }
}

/// Something arrived, or something is to be said of a subscription. Answered before anything is looked up or written; who does not know
/// a secret gets the same answer and changes nothing.
async fn notified(State(console): State<Console>, query: Query<Handshake>, request: Request) -> Response {
    if query.validation_token.is_some() {
        return handshake(query).await;
    }
    let Some(_place) = console.hooks.place() else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let Ok(body) = Bytes::from_request(request, &()).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    match console.hooks.hear(&body) {
        Heard::Taken => StatusCode::ACCEPTED,
        Heard::Malformed => StatusCode::BAD_REQUEST,
        Heard::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
    }
    .into_response()
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("style.css")).into_response()
}

/// 200 while every folder was looked at in time, every mailbox is worked on and the journal can be read and written, else
/// 503 with what is wrong.
async fn ready(State(console): State<Console>) -> Response {
    let mut wrong: Vec<String> = Vec::new();
    if let Err(error) = console.journal.counts().await {
        wrong.push(error.to_string());
    }
    wrong.extend(console.journal.hindrance().map(|error| error.to_string()));
    let now = console.clock.now();
    for (mailbox, folder, health) in console.health.folders() {
        if !health.is_fresh(now) {
            let trouble = health.trouble.unwrap_or_else(|| "not followed yet".to_owned());
            wrong.push(format!("{mailbox}/{folder}: {trouble}"));
        }
    }
    wrong.extend((console.leases)().into_iter().map(|(mailbox, why)| format!("{mailbox}: {why}")));
    if wrong.is_empty() { "ready\n".into_response() } else { (StatusCode::SERVICE_UNAVAILABLE, wrong.join("\n")).into_response() }
}

fn answer(page: Result<String, PageError>) -> Response {
    let mut response = match page {
        Ok(html) => Html(html).into_response(),
        Err(PageError::Journal(JournalError::Missing(what))) => {
            (StatusCode::NOT_FOUND, format!("there is no {what}\n")).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"));
    response
}

/// Why a page cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The page's template failed: a defect of the program.
    #[error("the page cannot be rendered: {0}")]
    Template(#[from] minijinja::Error),
}
