//! The ways to an endpoint: the handshake before a subscription, and the POSTs of notifications.
//!
//! Endpoints are real, so the time that they may take is real time, whatever the tenant's clock says.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::office::{Parcel, Tempo};
use super::signing;
use super::{Lifecycle, tell_lifecycle};
use crate::outgoing;
use crate::simulator::http::{GraphError, stopped};
use crate::simulator::server::World;
use crate::simulator::state::Tenant;

/// The longest answer to a handshake that is read: the token and not much more.
const ANSWER_MAX: usize = 64 * 1024;

/// The HTTP client that posts, made when something is first posted.
#[derive(Debug, Default)]
pub(crate) struct Post(OnceLock<Option<reqwest::Client>>);

impl Post {
    fn client(&self) -> Option<reqwest::Client> {
        self.0.get_or_init(|| outgoing::client().build().ok()).clone()
    }

    /// Asks an endpoint to show that it is there: the token in the query, form-encoded, comes back as the whole body.
    pub(super) async fn shake_hands(&self, url: &str, request_id: &str, limit: Duration) -> Result<(), GraphError> {
        let failed = |reason: &str| {
            let text = format!(
                "Subscription validation request failed. Notification endpoint must respond with 200 OK to validation request. {reason}"
            );
            GraphError::new(400, "InvalidRequest", text.trim_end())
        };
        let token = format!("Validation: Testing client application reachability for subscription Request-Id: {request_id}");
        let joint = if url.contains('?') { '&' } else { '?' };
        let client = self.client().ok_or_else(|| failed("No connection could be made."))?;
        let request = client
            .post(format!("{url}{joint}validationToken={}", form_encoded(&token)))
            .header("content-type", "text/plain; charset=utf-8")
            .header("content-length", "0");
        let asked = async {
            let mut reply = request.send().await.map_err(|_| failed("The endpoint could not be reached."))?;
            let label = reply.headers().get("content-type").and_then(|label| label.to_str().ok()).unwrap_or_default();
            let is_plain = label.to_lowercase().starts_with("text/plain");
            if reply.status() != 200 || !is_plain {
                return Err(failed(&format!("It responded with {} and Content-Type '{label}'.", reply.status().as_u16())));
            }
            let mut body = Vec::new();
            while let Some(chunk) = reply.chunk().await.map_err(|_| failed("The response broke off."))? {
                body.extend_from_slice(&chunk);
                if body.len() > ANSWER_MAX {
                    break;
                }
            }
            if body == token.as_bytes() { Ok(()) } else { Err(failed("The response is not the validation token.")) }
        };
        let late = format!("It did not respond within {} milliseconds.", limit.as_millis());
        tokio::time::timeout(limit, asked).await.unwrap_or_else(|_| Err(failed(&late)))
    }
}

/// As .NET encodes forms: `+` for a space, lower-case hexadecimal digits.
fn form_encoded(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b' ' => out.push('+'),
            byte if byte.is_ascii_alphanumeric() || b"-_.!*()".contains(&byte) => out.push(char::from(byte)),
            byte => {
                let _ = write!(out, "%{byte:02x}");
            }
        }
        out
    })
}

/// Posts what is due until stopping is asked for; what waits then is never posted.
pub(crate) async fn work(world: Arc<World>, stopping: watch::Receiver<bool>) {
    let rung = world.tenant().subscriptions.post.rung.clone();
    let mut under_way = JoinSet::new();
    while !*stopping.borrow() {
        let (due, next) = {
            let mut tenant = world.tenant();
            let due = due(&mut tenant);
            (due, tenant.subscriptions.post.next())
        };
        for (parcel, body, limits) in due {
            let Some(client) = world.post.client() else { continue };
            under_way.spawn(deliver(client, parcel, body, limits));
        }
        let wait = next.map(|due| due.duration_since(world.clock.now()).unsigned_abs().max(Duration::from_millis(1)));
        tokio::select! {
            () = stopped(stopping.clone()) => {}
            () = rung.notified() => {}
            Some(done) = under_way.join_next(), if !under_way.is_empty() => {
                if let Ok((parcel, tempo, taken)) = done {
                    settle(&mut world.tenant(), parcel, tempo, taken);
                }
            }
            () = world.clock.sleep(wait.unwrap_or_default()), if wait.is_some() => {}
        }
    }
    under_way.shutdown().await;
}

/// How long the endpoint may take, and from when on its answer is slow.
#[derive(Clone, Copy)]
struct Limits {
    last: Duration,
    slow: Duration,
}

/// Takes out what is due now, with the body of each POST. What belongs to a subscription whose token has lapsed waits on.
fn due(tenant: &mut Tenant) -> Vec<(Parcel, Value, Limits)> {
    let now = tenant.clock.now();
    let mut out = Vec::new();
    while let Some(mut parcel) = tenant.subscriptions.post.take_due(now) {
        let lapsed = |id: &str| {
            let subscription = tenant.subscriptions.get(id);
            subscription.is_some_and(|one| one.lifecycle_url.is_some() && one.authorized_until <= now)
        };
        let (held, free): (Vec<_>, Vec<_>) = std::mem::take(&mut parcel.items)
            .into_iter()
            .partition(|item| item.value.get("lifecycleEvent").is_none() && lapsed(&item.subscription));
        if !held.is_empty() {
            let held = Parcel { items: held, ..parcel.clone() };
            again(tenant, held);
        }
        if free.is_empty() {
            continue;
        }
        parcel.items = free;
        let webhooks = tenant.subscriptions.post.webhooks;
        let last = if parcel.tries == 0 { webhooks.first } else { webhooks.again };
        let body = body(tenant, &parcel);
        out.push((parcel, body, Limits { last, slow: webhooks.first }));
    }
    out
}

fn body(tenant: &Tenant, parcel: &Parcel) -> Value {
    let mut body = json!({"value": parcel.items.iter().map(|item| &item.value).collect::<Vec<_>>()});
    let tokens = signing::validation_tokens(tenant, parcel);
    if !tokens.is_empty() {
        body["validationTokens"] = json!(tokens);
    }
    body
}

async fn deliver(client: reqwest::Client, parcel: Parcel, body: Value, limits: Limits) -> (Parcel, Tempo, bool) {
    let mut sent = Box::pin(client.post(&parcel.url).json(&body).send());
    let is_taken = |reply: reqwest::Result<reqwest::Response>| reply.is_ok_and(|reply| reply.status().is_success());
    if let Ok(reply) = tokio::time::timeout(limits.slow, &mut sent).await {
        return (parcel, Tempo::Prompt, is_taken(reply));
    }
    let Some(rest) = limits.last.checked_sub(limits.slow).filter(|rest| !rest.is_zero()) else {
        return (parcel, Tempo::Slow, false);
    };
    match tokio::time::timeout(rest, &mut sent).await {
        Ok(reply) => (parcel, Tempo::Slow, is_taken(reply)),
        Err(_) => (parcel, Tempo::Never, false),
    }
}

fn settle(tenant: &mut Tenant, parcel: Parcel, tempo: Tempo, taken: bool) {
    let now = tenant.clock.now();
    tenant.subscriptions.post.answered(&parcel.url, now, tempo);
    if taken {
        tenant.subscriptions.post.delivered(&parcel);
    } else {
        again(tenant, parcel);
    }
}

fn again(tenant: &mut Tenant, parcel: Parcel) {
    let now = tenant.clock.now();
    for id in tenant.subscriptions.post.try_again(parcel, now) {
        // One that is gone meanwhile misses nothing.
        let _ = tell_lifecycle(tenant, &id, Lifecycle::Missed);
    }
}
