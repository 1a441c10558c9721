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
use super::luck::{Coming, print_of};
use super::routes::{self, Lens, Route, Visit};
use super::server::World;
use super::state::Tenant;
use super::{delegated, door, identity, permissions, sign_in, subscriptions};
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
    let call = match read(request, &connection).await {
        Ok(call) => call,
        Err(answer) => return answer.into_response(),
    };
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let answer = match segments.as_slice() {
        ["sim", rest @ ..] => door::answer(&mut world.tenant(), &call, rest),
        [directory, "oauth2", "v2.0", "token"] if call.method == "POST" => token(&world, &connection, &call, directory).await,
        [_, "oauth2", "v2.0", "authorize"] if call.method == "GET" => delegated::authorize(&mut world.tenant(), &call),
        [_, "oauth2", "v2.0", "devicecode"] if call.method == "POST" => delegated::device_code(&mut world.tenant(), &call),
        [_, "discovery", "instance"] => delegated::instance(&call),
        [directory, "v2.0", ".well-known", "openid-configuration"] => sign_in::discovery(&call, directory),
        ["metadata", "identity", "oauth2", "token"] if call.method == "GET" => identity::of_machine(&mut world.tenant(), &call),
        ["msi", "token"] if call.method == "GET" => identity::of_app(&mut world.tenant(), &call),
        [_, "discovery", "v2.0", "keys"] => subscriptions::key_set(&world.tenant()),
        ["api", "v2.0", ..] => upload(&world, &connection, &call).await,
        [_, batch] if batch.eq_ignore_ascii_case("$batch") => whole_batch(&world, &call).await,
        ["v1.0" | "beta", first, ..] if first.eq_ignore_ascii_case("subscriptions") => {
            subscriptions::answer(&world, &connection, &call).await
        }
        ["v1.0" | "beta", ..] => graph(&world, &connection, &call).await,
        _ => {
            let version = segments.first().copied().unwrap_or_default();
            let refused = GraphError::bad_request(format!("Invalid version: {version}"));
            finish(&mut world.tenant(), &call, Err(refused))
        }
    };
    if let Some(tape) = &world.tape {
        tape.tell(&world.clock, &call, (!connection.is_cut()).then_some(&answer));
    }
    answer.into_response()
}

/// Takes a request apart, content and all.
pub(crate) async fn read(request: Request, connection: &Connection) -> Result<Call, Answer> {
    let (parts, body) = request.into_parts();
    let body: Bytes = to_bytes(body, BODY_MAX).await.map_err(|_| Answer::empty(413))?;
    let target = parts.uri.path_and_query().map_or("/", axum::http::uri::PathAndQuery::as_str);
    let host = parts.uri.authority().map_or("localhost", axum::http::uri::Authority::as_str).to_owned();
    let origin = format!("{}://{host}", connection.scheme());
    Ok(call_of(parts.method, target, parts.headers, body, &origin))
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
        hides_created_s: (fault.failure == Failure::ReplicationLag).then_some(fault.seconds.unwrap_or(SLOW_S)),
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
        Failure::WrongType => done.mislabelled(),
        // The rest is seen in the answer itself, or is nothing that happens to a call.
        _ => done,
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

/// A call on an upload address: no token, but it counts against its mailbox.
async fn upload(world: &World, connection: &Connection, call: &Call) -> Answer {
    let fault = {
        let mut tenant = world.tenant();
        tenant.ledger.count(call.method.as_str(), "/api/v2.0/{uploadUrl}".to_owned());
        let address = call.segments.get(3).and_then(|user| tenant.mailbox_address(user));
        let (now, limits, bytes) = (tenant.clock.now(), tenant.limits, call.body.len() as u64);
        let counted = address.as_ref().and_then(|address| tenant.mailboxes.get_mut(address));
        if let Some(Err(refused)) = counted.map(|mailbox| mailbox.meter.count(&limits, bytes, now)) {
            return finish(&mut tenant, call, Err(refused));
        }
        // The address of a session differs from run to run, and a part is known by its bytes.
        let coming = tenant.comings.count_print(print_of(&[b"upload", &call.body]));
        tenant.faults.strike("upload", address.as_deref(), &coming)
    };
    let refuse = |fault: &Fault, status: u16, retry_after: RetryAfter| {
        finish(&mut world.tenant(), call, Err(fault.refusal(status, retry_after)))
    };
    let stage = Stage { clock: &world.clock, stop: &world.stop, connection };
    under_fault(stage, fault, refuse, |_| {
        let mut tenant = world.tenant();
        let result = routes::put_upload(&mut tenant, call);
        finish(&mut tenant, call, result)
    })
    .await
}

/// A request that counts against its mailbox until it is answered or given up.
struct InFlight<'a> {
    world: &'a World,
    mailbox: String,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some(mailbox) = self.world.tenant().mailboxes.get_mut(&self.mailbox) {
            mailbox.meter.leave();
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
    let (now, limits) = (tenant.clock.now(), tenant.limits);
    let Some(mailbox) = tenant.mailboxes.get_mut(&address) else { return Err(GraphError::item_not_found()) };
    let brings = ["POST", "PATCH", "PUT"].contains(&call.method.as_str());
    mailbox.meter.count(&limits, if brings { call.body.len() as u64 } else { 0 }, now)?;
    mailbox.meter.enter(&limits)?;
    let coming = tenant.comings.count(call);
    let mood = tenant.temper.time("latency", tenant.temper.moods.latency, coming.print());
    tenant.ledger.admit();
    Ok(Begun { route, address, coming, latency: latency + mood })
}

/// Counts the call and refuses what no operation takes: no token of ours, too much, no length.
pub(crate) fn let_in(tenant: &mut Tenant, call: &Call) -> Result<(), GraphError> {
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
    if let Some(name) = call.doubled_option() {
        let text = format!("Query option '${name}' was specified more than once, but it must be specified at most once.");
        return Err(GraphError::bad_request(text));
    }
    Ok(())
}

/// Understands the call, and refuses what its bearer may not do.
fn admit(tenant: &mut Tenant, call: &Call) -> Result<(Route, String), GraphError> {
    let_in(tenant, call)?;
    let is_me = |at: usize, word: &str| call.segments.get(at).is_some_and(|segment| segment.eq_ignore_ascii_case(word));
    // Generated clients leave the second form where their own rewriting is missing.
    let me = [("me", 1), ("users", 2)]
        .into_iter()
        .find(|(first, words)| is_me(1, first) && (*words == 1 || is_me(2, "me-token-to-replace")));
    let route = match me {
        None => routes::route(call)?,
        Some((_, words)) => {
            let text = "/me request is only valid with delegated authentication flow.";
            let user = permissions::Bearer::of(call).user.ok_or_else(|| GraphError::bad_request(text))?;
            routes::route(&call.of_user(&user, words))?
        }
    };
    let address = tenant.mailbox_address(&route.mailbox);
    let unknown = || GraphError::new(404, "ErrorInvalidUser", format!("The requested user '{}' is invalid.", route.mailbox));
    let address = address.ok_or_else(unknown)?;
    permissions::check(tenant, call, permissions::needed(&route.target), Some(&address))?;
    Ok((route, address))
}

/// Every answer carries its request's ids.
pub(crate) fn finish(tenant: &mut Tenant, call: &Call, result: Result<Answer, GraphError>) -> Answer {
    let request_id = tenant.names.guid();
    let client_id = call.header("client-request-id").unwrap_or(&request_id).to_owned();
    let answer = result.unwrap_or_else(|error| {
        let date = tenant.clock.now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
        error.answer(&request_id, &client_id, &date)
    });
    answer.with("request-id", request_id).with("client-request-id", client_id)
}

/// The calls of a batch one after another, each with its own place at its mailbox; scripted refusals strike them, cuts and delays
/// do not.
async fn whole_batch(world: &World, call: &Call) -> Answer {
    let items = {
        let mut tenant = world.tenant();
        let items = let_in(&mut tenant, call).and_then(|()| match call.method.as_str() {
            "POST" => routes::batch_items(call),
            _ => Err(GraphError::method_not_allowed()),
        });
        match items {
            Ok(items) => items,
            Err(refused) => return finish(&mut tenant, call, Err(refused)),
        }
    };
    let mut answers: Vec<(String, Answer)> = Vec::new();
    for item in items {
        let failed = |id: &String| answers.iter().any(|(done, answer)| done.eq_ignore_ascii_case(id) && answer.status >= 400);
        let inner = &item.call;
        let result = if item.depends_on.iter().any(failed) {
            Err(GraphError::new(424, "FailedDependency", "A request that this one depends on has failed."))
        } else if inner.segments.get(1).is_some_and(|word| word.eq_ignore_ascii_case("subscriptions")) {
            subscriptions::of_batch(world, inner).await
        } else {
            one_of_batch(&mut world.tenant(), inner)
        };
        let answer = finish(&mut world.tenant(), inner, result);
        answers.push((item.id, answer));
    }
    finish(&mut world.tenant(), call, Ok(routes::batch_answer(answers)))
}

/// The refusal that a fault brings to a call of a batch, and when.
pub(crate) fn struck_in_batch(fault: Option<&Fault>) -> Option<(GraphError, Moment)> {
    let fault = fault?;
    match fault.failure {
        Failure::Refusal(status, retry_after) => Some((fault.refusal(status, retry_after), fault.moment)),
        _ => None,
    }
}

fn one_of_batch(tenant: &mut Tenant, call: &Call) -> Result<Answer, GraphError> {
    let Begun { route, address, coming, .. } = begin(tenant, call, Duration::ZERO)?;
    // Nobody comes between: the place is taken and given back under one hand.
    if let Some(mailbox) = tenant.mailboxes.get_mut(&address) {
        mailbox.meter.leave();
    }
    let fault = tenant.faults.strike(route.operation, Some(&address), &coming);
    let struck = struck_in_batch(fault.as_ref());
    if let Some((refused, Moment::Before)) = struck {
        return Err(refused);
    }
    let mut visit = Visit { tenant, call, address: &address, lens: Lens::default() };
    let result = routes::perform(&mut visit, &route.target);
    match struck {
        Some((refused, _)) => Err(refused),
        None => result,
    }
}
