//! The way of a request: understood, let in, counted, perhaps struck by a fault, performed, answered.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::Response;
use bytes::Bytes;
use tokio::sync::watch;

use super::faults::{Failure, Fault, Moment, RetryAfter};
use super::http::{Answer, Call, Connection, GraphError, call_of, stopped};
use super::luck::Coming;
use super::routes::{self, Lens, Route, Visit};
use super::server::World;
use super::state::Tenant;
use super::{door, identity, sign_in};
use crate::clock::Clock;

/// The most bytes of any request: a whole mail through the door.
const BODY_MAX: usize = 160 * 1024 * 1024;

/// The most bytes of one Graph call.
const GRAPH_BODY_MAX: usize = 4 * 1024 * 1024;

/// How long a hanging request waits, in seconds, unless its script says otherwise.
const HANG_S: u64 = 600;

/// How late a slow answer comes, in seconds, unless its script says otherwise.
const SLOW_S: u64 = 2;

/// Answers any request.
pub(crate) async fn answer(
    State(world): State<Arc<World>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response<Body> {
    let call = match read(request).await {
        Ok(call) => call,
        Err(answer) => return answer.into_response(),
    };
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let answer = match segments.as_slice() {
        ["sim", rest @ ..] => door::answer(&mut world.tenant(), &call, rest),
        [directory, "oauth2", "v2.0", "token"] if call.method == "POST" => token(&world, &connection, &call, directory).await,
        [directory, "v2.0", ".well-known", "openid-configuration"] => sign_in::discovery(&call, directory),
        ["metadata", "identity", "oauth2", "token"] if call.method == "GET" => identity::of_machine(&mut world.tenant(), &call),
        ["msi", "token"] if call.method == "GET" => identity::of_app(&mut world.tenant(), &call),
        ["api", "v2.0", ..] => {
            let mut tenant = world.tenant();
            let result = routes::put_upload(&mut tenant, &call);
            finish(&mut tenant, &call, result)
        }
        [_, batch] if batch.eq_ignore_ascii_case("$batch") && call.method == "POST" => whole_batch(&world, &call),
        ["v1.0" | "beta", ..] => graph(&world, &connection, &call).await,
        _ => Answer::empty(404),
    };
    answer.into_response()
}

/// Takes a request apart, content and all.
pub(crate) async fn read(request: Request) -> Result<Call, Answer> {
    let (parts, body) = request.into_parts();
    let body: Bytes = to_bytes(body, BODY_MAX).await.map_err(|_| Answer::empty(413))?;
    let target = parts.uri.path_and_query().map_or("/", axum::http::uri::PathAndQuery::as_str);
    let host = parts.uri.authority().map_or("localhost", axum::http::uri::Authority::as_str).to_owned();
    Ok(call_of(parts.method, target, parts.headers, body, &host))
}

/// Where a fault plays: time, the end of the server, the client's connection.
pub(crate) struct Stage<'a> {
    pub clock: &'a Clock,
    pub stop: &'a watch::Receiver<bool>,
    pub connection: &'a Connection,
}

/// Performs under a fault, if there is one.
pub(crate) async fn under_fault(
    stage: Stage<'_>,
    fault: Option<Fault>,
    refuse: impl FnOnce(&Fault, u16, RetryAfter) -> Answer + Send,
    perform: impl FnOnce(Lens) -> Answer + Send,
) -> Answer {
    let Some(fault) = fault else { return perform(Lens::default()) };
    let lens = Lens {
        index_lag_s: (fault.failure == Failure::IndexLag).then_some(fault.seconds.unwrap_or(HANG_S)),
        replays_delta: fault.failure == Failure::DeltaReplay,
        empties_page: fault.failure == Failure::EmptyPage,
    };
    let done = if fault.moment == Moment::After { perform(lens) } else { Answer::empty(500) };
    match fault.failure {
        Failure::Refusal(status, retry_after) => refuse(&fault, status, retry_after),
        Failure::Challenge => refuse(&fault, 401, RetryAfter::Missing).with("www-authenticate", sign_in::challenge()),
        Failure::Reset => {
            stage.connection.cut();
            done
        }
        Failure::Hang => {
            let span = Duration::from_secs(fault.seconds.unwrap_or(HANG_S));
            tokio::select! {
                biased;
                () = stage.clock.sleep(span) => {}
                () = stopped(stage.stop.clone()) => {}
            }
            stage.connection.cut();
            done
        }
        Failure::Slow => {
            let span = Duration::from_secs(fault.seconds.unwrap_or(SLOW_S));
            tokio::select! {
                biased;
                () = stage.clock.sleep(span) => {}
                () = stopped(stage.stop.clone()) => {}
            }
            done
        }
        Failure::Truncated => done.truncated(),
        Failure::Html => Answer::bytes(502, "text/html", "<html><head><title>502 Bad Gateway</title></head><body></body></html>"),
        Failure::IndexLag | Failure::DeltaReplay | Failure::EmptyPage => done,
    }
}

async fn token(world: &World, connection: &Connection, call: &Call, directory: &str) -> Answer {
    let fault = {
        let mut tenant = world.tenant();
        tenant.ledger.count(call.method.as_str(), "/{tenant}/oauth2/v2.0/token".to_owned());
        // The form names the tenant's own address, which is another one each time it starts.
        let coming = tenant.comings.count_without_body(call);
        tenant.faults.strike("token", None, &coming)
    };
    let refuse = |fault: &Fault, status: u16, retry_after: RetryAfter| {
        let answer = sign_in::scripted_refusal(&mut world.tenant(), status);
        match retry_after {
            RetryAfter::Named => answer.with("retry-after", fault.retry_after_s.unwrap_or(1).to_string()),
            RetryAfter::Missing => answer,
        }
    };
    let stage = Stage { clock: &world.clock, stop: &world.stop, connection };
    under_fault(stage, fault, refuse, |_| sign_in::token(&mut world.tenant(), call, directory)).await
}

/// A request that counts against its mailbox until it is answered or given up.
struct InFlight<'a> {
    world: &'a World,
    mailbox: String,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some(mailbox) = self.world.tenant().mailboxes.get_mut(&self.mailbox) {
            mailbox.in_flight = mailbox.in_flight.saturating_sub(1);
        }
    }
}

async fn graph(world: &World, connection: &Connection, call: &Call) -> Answer {
    let begun = {
        let mut tenant = world.tenant();
        match begin(&mut tenant, call, world.latency) {
            Ok(begun) => begun,
            Err(refused) => return finish(&mut tenant, call, Err(refused)),
        }
    };
    let Begun { route, address, coming, latency } = begun;
    let _in_flight = InFlight { world, mailbox: address.clone() };
    if !latency.is_zero() {
        world.clock.sleep(latency).await;
    }
    let fault = world.tenant().faults.strike(route.operation, Some(&address), &coming);
    let refuse = |fault: &Fault, status: u16, retry_after: RetryAfter| {
        finish(&mut world.tenant(), call, Err(fault.refusal(status, retry_after)))
    };
    let perform = |lens: Lens| {
        let mut tenant = world.tenant();
        let mut visit = Visit { tenant: &mut tenant, call, address: &address, lens };
        let result = routes::perform(&mut visit, &route.target);
        finish(&mut tenant, call, result)
    };
    under_fault(Stage { clock: &world.clock, stop: &world.stop, connection }, fault, refuse, perform).await
}

/// A call that was let in.
struct Begun {
    route: Route,
    address: String,
    coming: Coming,
    latency: Duration,
}

/// Counts the call, checks its token, understands it, and takes one of the mailbox's places.
fn begin(tenant: &mut Tenant, call: &Call, latency: Duration) -> Result<Begun, GraphError> {
    let (route, address) = admit(tenant, call)?;
    throttle(tenant, &address)?;
    let limit = tenant.concurrent_max;
    let Some(mailbox) = tenant.mailboxes.get_mut(&address) else { return Err(GraphError::item_not_found()) };
    if limit.is_some_and(|limit| mailbox.in_flight >= limit) {
        let text = "Application is over its MailboxConcurrency limit.";
        return Err(GraphError::new(429, "ApplicationThrottled", text).with("retry-after", "10"));
    }
    mailbox.in_flight += 1;
    let coming = tenant.comings.count(call);
    let mood = tenant.temper.time("latency", tenant.temper.moods.latency, coming.print());
    tenant.ledger.admit();
    Ok(Begun { route, address, coming, latency: latency + mood })
}

/// Refuses what is more than the mailbox takes; a refused call counts like any other.
fn throttle(tenant: &mut Tenant, address: &str) -> Result<(), GraphError> {
    let Some(limit) = tenant.temper.moods.throttle else { return Ok(()) };
    let now = tenant.clock.now();
    let Some(mailbox) = tenant.mailboxes.get_mut(address) else { return Ok(()) };
    mailbox.calls.push_back(now);
    while mailbox.calls.front().is_some_and(|call| now.duration_since(*call).unsigned_abs() >= limit.within) {
        mailbox.calls.pop_front();
    }
    if mailbox.calls.len() <= limit.calls {
        return Ok(());
    }
    let wait = limit.retry_after.as_millis().div_ceil(1_000).to_string();
    let text = "Application is over its MailboxRequests limit.";
    Err(GraphError::new(429, "ApplicationThrottled", text).with("retry-after", wait))
}

fn admit(tenant: &mut Tenant, call: &Call) -> Result<(Route, String), GraphError> {
    tenant.ledger.count(call.method.as_str(), routes::pattern(&call.segments));
    sign_in::check_bearer(tenant, call)?;
    if call.body.len() > GRAPH_BODY_MAX {
        return Err(GraphError::new(413, "RequestEntityTooLarge", "The maximum request length supported is 4MB."));
    }
    if call.method == "POST"
        && call.header("content-length").is_none()
        && call.header("transfer-encoding").is_none()
        && !call.is_inner
    {
        return Err(GraphError::new(411, "LengthRequired", "A POST needs Content-Length, be it 0."));
    }
    if call.segments.get(1).is_some_and(|segment| segment.eq_ignore_ascii_case("me")) {
        let text = "/me request is only valid with delegated authentication flow.";
        return Err(GraphError::bad_request(text));
    }
    let route = routes::route(call)?;
    let address = tenant.mailbox_address(&route.mailbox);
    let unknown = || GraphError::new(404, "ErrorInvalidUser", format!("The requested user '{}' is invalid.", route.mailbox));
    let address = address.ok_or_else(unknown)?;
    Ok((route, address))
}

/// Every answer carries its request's ids.
fn finish(tenant: &mut Tenant, call: &Call, result: Result<Answer, GraphError>) -> Answer {
    let request_id = tenant.names.guid();
    let client_id = call.header("client-request-id").unwrap_or(&request_id).to_owned();
    let answer = result.unwrap_or_else(|error| {
        let date = tenant.clock.now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
        error.answer(&request_id, &client_id, &date)
    });
    answer.with("request-id", request_id).with("client-request-id", client_id)
}

/// A batch holds one place for all its calls; scripted refusals strike its calls, cuts and delays do not.
fn whole_batch(world: &World, call: &Call) -> Answer {
    let mut tenant = world.tenant();
    tenant.ledger.count("POST", "/v1.0/$batch".to_owned());
    let items = sign_in::check_bearer(&tenant, call).and_then(|()| routes::batch_items(call));
    let items = match items {
        Ok(items) => items,
        Err(refused) => return finish(&mut tenant, call, Err(refused)),
    };
    let mut answers: Vec<(String, Answer)> = Vec::new();
    for item in items {
        let failed = |id: &String| answers.iter().any(|(done, answer)| done == id && answer.status >= 400);
        let result = if item.depends_on.iter().any(failed) {
            Err(GraphError::new(424, "FailedDependency", "A request that this one depends on has failed."))
        } else {
            one_of_batch(&mut tenant, &item.call)
        };
        answers.push((item.id, finish(&mut tenant, &item.call, result)));
    }
    finish(&mut tenant, call, Ok(routes::batch_answer(answers)))
}

fn one_of_batch(tenant: &mut Tenant, call: &Call) -> Result<Answer, GraphError> {
    let (route, address) = admit(tenant, call)?;
    let coming = tenant.comings.count(call);
    tenant.ledger.admit();
    let fault = tenant.faults.strike(route.operation, Some(&address), &coming);
    let refusal = fault.as_ref().and_then(|fault| match fault.failure {
        Failure::Refusal(status, retry_after) => Some((fault.refusal(status, retry_after), fault.moment)),
        _ => None,
    });
    if let Some((refused, Moment::Before)) = refusal {
        return Err(refused);
    }
    let mut visit = Visit { tenant, call, address: &address, lens: Lens::default() };
    let result = routes::perform(&mut visit, &route.target);
    match refusal {
        Some((refused, _)) => Err(refused),
        None => result,
    }
}
