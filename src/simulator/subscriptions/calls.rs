//! `/subscriptions`: create, show, renew, reauthorize, delete. An application sees its own alone.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::collect::{expire, forget, promise_reminder};
use super::resource::{extension_error, watched};
use super::rich::Certificate;
use super::signing::SigningKey;
use super::{Subscription, Webhooks};
use crate::outgoing::service_url;
use crate::simulator::faults::{Fault, Moment, RetryAfter};
use crate::simulator::filter::matches;
use crate::simulator::flow::{Stage, finish, let_in, struck_in_batch, under_fault};
use crate::simulator::http::{Answer, Call, Connection, GraphError};
use crate::simulator::ledger::Cause;
use crate::simulator::people::later;
use crate::simulator::permissions::{self, Bearer};
use crate::simulator::server::World;
use crate::simulator::state::{NewsKind, Tenant};

/// A subscription lives at least so long; what asks for less gets this.
const LIFE_MIN: SignedDuration = SignedDuration::from_mins(45);

/// The longest life, in minutes: without and with the message in the notification.
const LIFE_MAX_MIN: [i64; 2] = [10_070, 1_440];

/// Outlook's limit for one mailbox, over all applications.
const MAILBOX_MAX: usize = 1_000;

/// The longest clientState and the longest id of a certificate, in characters.
const TEXT_MAX: usize = 128;

/// A subscription is not reauthorized so soon after it was renewed.
const RENEWED_LATELY: SignedDuration = SignedDuration::from_mins(10);

/// What a call asks for.
enum Wanted {
    List,
    Create,
    Get(String),
    Renew(String),
    Delete(String),
    Reauthorize(String),
}

/// What is ready to be done; endpoints have been asked already.
enum Ready {
    Create(Box<Subscription>),
    Other(Wanted),
}

fn wanted(call: &Call) -> Result<Wanted, GraphError> {
    let segments: Vec<&str> = call.segments.iter().skip(2).map(String::as_str).collect();
    match (call.method.as_str(), segments.as_slice()) {
        ("GET", []) => Ok(Wanted::List),
        ("POST", []) => Ok(Wanted::Create),
        ("GET", [id]) => Ok(Wanted::Get((*id).to_owned())),
        ("PATCH", [id]) => Ok(Wanted::Renew((*id).to_owned())),
        ("DELETE", [id]) => Ok(Wanted::Delete((*id).to_owned())),
        ("POST", [id, word]) if word.to_lowercase().trim_start_matches("microsoft.graph.") == "reauthorize" => {
            Ok(Wanted::Reauthorize((*id).to_owned()))
        }
        (_, [] | [_]) => Err(GraphError::method_not_allowed()),
        (_, [_, word, ..]) => Err(GraphError::bad_request(format!("Resource not found for the segment '{word}'."))),
    }
}

/// Answers a call below `/v1.0/subscriptions`.
pub(crate) async fn answer(world: &World, connection: &Connection, call: &Call) -> Answer {
    let begun = {
        let mut tenant = world.tenant();
        begin(&mut tenant, call)
    };
    let (wanted, fault) = match begun {
        Ok(begun) => begun,
        Err(refused) => return finish(&mut world.tenant(), call, Err(refused)),
    };
    let ready = match &fault {
        Some(fault) if fault.moment == Moment::Before => Ok(Ready::Other(wanted)),
        _ => prepare(world, call, wanted).await,
    };
    let refuse = |fault: &Fault, status: u16, retry_after: RetryAfter| {
        finish(&mut world.tenant(), call, Err(fault.refusal(status, retry_after)))
    };
    let stage = Stage { clock: &world.clock, stop: &world.stop, connection };
    under_fault(stage, fault, refuse, |_| {
        let mut tenant = world.tenant();
        let result = ready.and_then(|ready| perform(&mut tenant, call, ready));
        finish(&mut tenant, call, result)
    })
    .await
}

/// The same as part of a batch.
pub(crate) async fn of_batch(world: &World, call: &Call) -> Result<Answer, GraphError> {
    let (wanted, fault) = begin(&mut world.tenant(), call)?;
    let struck = struck_in_batch(fault.as_ref());
    if let Some((refused, Moment::Before)) = struck {
        return Err(refused);
    }
    let ready = prepare(world, call, wanted).await?;
    let result = perform(&mut world.tenant(), call, ready);
    match struck {
        Some((refused, _)) => Err(refused),
        None => result,
    }
}

fn begin(tenant: &mut Tenant, call: &Call) -> Result<(Wanted, Option<Fault>), GraphError> {
    let_in(tenant, call)?;
    let wanted = wanted(call)?;
    // The addresses in it differ from run to run.
    let coming = tenant.comings.count_without_body(call);
    tenant.ledger.admit();
    let fault = tenant.faults.strike("subscription", None, &coming);
    expire(tenant);
    Ok((wanted, fault))
}

fn refused(text: impl Into<String>) -> GraphError {
    GraphError::new(400, "InvalidRequest", text)
}

fn not_found() -> GraphError {
    GraphError::new(404, "ResourceNotFound", "The object was not found.")
}

/// Reads what is written and asks the endpoints.
async fn prepare(world: &World, call: &Call, wanted: Wanted) -> Result<Ready, GraphError> {
    match wanted {
        Wanted::Create => {
            let (made, ids, webhooks) = {
                let mut tenant = world.tenant();
                let made = read(&mut tenant, call)?;
                refuse_double(&tenant, &made)?;
                let ids = [tenant.names.guid(), tenant.names.guid()];
                (made, ids, tenant.subscriptions.post.webhooks)
            };
            let urls = [Some(&made.notification_url), made.lifecycle_url.as_ref()];
            for (url, request) in urls.into_iter().zip(&ids) {
                if let Some(url) = url {
                    world.post.shake_hands(url, request, webhooks.handshake).await?;
                }
            }
            if made.certificate.is_some() {
                sign_from_now_on(world).await;
            }
            Ok(Ready::Create(Box::new(made)))
        }
        Wanted::Renew(id) => {
            let url = {
                let tenant = world.tenant();
                own(&tenant, call, &id)?;
                call.object()?.get("notificationUrl").map(|url| address("notificationUrl", url)).transpose()?
            };
            if let Some(url) = url {
                let (request, webhooks): (String, Webhooks) = {
                    let mut tenant = world.tenant();
                    (tenant.names.guid(), tenant.subscriptions.post.webhooks)
                };
                world.post.shake_hands(&url, &request, webhooks.handshake).await?;
            }
            Ok(Ready::Other(Wanted::Renew(id)))
        }
        other => Ok(Ready::Other(other)),
    }
}

/// Makes the key for validation tokens, if there is none: it takes a moment, so nobody is kept waiting for the tenant meanwhile.
async fn sign_from_now_on(world: &World) {
    let (seed, is_there) = {
        let tenant = world.tenant();
        (tenant.seed, tenant.subscriptions.signing.is_some())
    };
    if !is_there {
        let made = world.clock.work(move || SigningKey::of(seed)).await;
        world.tenant().subscriptions.signing = made.ok().flatten();
    }
}

fn text(body: &Map<String, Value>, name: &str) -> Result<Option<String>, GraphError> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(refused(format!("The property '{name}' must be a string."))),
    }
}

fn need(body: &Map<String, Value>, name: &str) -> Result<String, GraphError> {
    let given = text(body, name)?.filter(|text| !text.trim().is_empty());
    given.ok_or_else(|| refused(format!("The required property '{name}' is missing or empty.")))
}

fn limited(body: &Map<String, Value>, name: &str) -> Result<Option<String>, GraphError> {
    let given = text(body, name)?;
    if given.as_ref().is_some_and(|text| text.chars().count() > TEXT_MAX) {
        return Err(refused(format!("The value of '{name}' is longer than the maximum of {TEXT_MAX} characters.")));
    }
    Ok(given)
}

fn address(name: &str, url: &Value) -> Result<String, GraphError> {
    let text = url.as_str().ok_or_else(|| refused(format!("The property '{name}' must be a string.")))?;
    service_url(text).map_err(|why| refused(format!("The {name} is not usable: {why}.")))?;
    Ok(text.to_owned())
}

fn kinds(written: &str) -> Result<Vec<NewsKind>, GraphError> {
    let words: Vec<String> = written.split(',').map(|word| word.trim().to_lowercase()).collect();
    let all = [NewsKind::Created, NewsKind::Updated, NewsKind::Deleted];
    if let Some(word) = words.iter().find(|word| !all.iter().any(|kind| kind.word() == word.as_str())) {
        return Err(refused(format!("The changeType '{word}' is not one of created, updated, deleted.")));
    }
    Ok(all.into_iter().filter(|kind| words.iter().any(|word| word == kind.word())).collect())
}

fn ends(body: &Map<String, Value>, now: Timestamp, is_rich: bool) -> Result<Timestamp, GraphError> {
    let written = need(body, "expirationDateTime")?;
    let wrong = || refused(format!("The expirationDateTime '{written}' is no time such as 2026-03-02T09:00:00Z."));
    let asked: Timestamp = written.parse().map_err(|_| wrong())?;
    let minutes = LIFE_MAX_MIN[usize::from(is_rich)];
    if asked.duration_since(now) > SignedDuration::from_mins(minutes) {
        let text = format!("Subscription expiration can only be {minutes} minutes in the future.");
        return Err(GraphError::new(400, "ExtensionError", text));
    }
    Ok(asked.max(now.checked_add(LIFE_MIN).unwrap_or(asked)))
}

fn certificate(body: &Map<String, Value>) -> Result<Option<Certificate>, GraphError> {
    let (written, id) = (text(body, "encryptionCertificate")?, limited(body, "encryptionCertificateId")?);
    match (written, id) {
        (None, None) => Ok(None),
        (Some(written), Some(id)) => Certificate::read(&written, &id).map(Some),
        _ => Err(refused("encryptionCertificate and encryptionCertificateId must be given together.")),
    }
}

/// Until when a subscription is authorized that is so now.
fn authorized_until(tenant: &Tenant) -> Timestamp {
    later(tenant.clock.now(), tenant.token_lifetime)
}

/// The subscription that a POST describes.
fn read(tenant: &mut Tenant, call: &Call) -> Result<Subscription, GraphError> {
    let body = call.object()?;
    let bearer = Bearer::of(call);
    let now = tenant.clock.now();
    let resource = need(&body, "resource")?;
    let kinds = kinds(&need(&body, "changeType")?)?;
    let notification_url = address("notificationUrl", &json!(need(&body, "notificationUrl")?))?;
    let lifecycle = body.get("lifecycleNotificationUrl").filter(|url| !url.is_null());
    let lifecycle_url = lifecycle.map(|url| address("lifecycleNotificationUrl", url)).transpose()?;
    let client_state = limited(&body, "clientState")?;
    let is_rich = body.get("includeResourceData").and_then(Value::as_bool).unwrap_or(false);
    let ends = ends(&body, now, is_rich)?;
    let tls = text(&body, "latestSupportedTlsVersion")?.unwrap_or_else(|| "v1_2".to_owned()).to_lowercase();
    if !["v1_0", "v1_1", "v1_2", "v1_3"].contains(&tls.as_str()) {
        return Err(refused(format!("The latestSupportedTlsVersion '{tls}' is not one of v1_0, v1_1, v1_2, v1_3.")));
    }
    if let Some(name) = ["vapidPublicKey", "webPushEncryptionP256dhPublicKey", "webPushEncryptionSecret"]
        .iter()
        .find(|name| body.get(**name).is_some_and(|value| !value.is_null()))
    {
        return Err(refused(format!("The property '{name}' is for web push only.")));
    }
    let certificate = certificate(&body)?.filter(|_| is_rich);
    let watched = watched(tenant, &resource)?;
    if is_rich {
        let select = watched.select.as_ref().filter(|select| !select.iter().any(|name| ["body", "uniqueBody"].contains(name)));
        if select.is_none() {
            return Err(refused("A resource with includeResourceData needs $select, without body and uniqueBody."));
        }
        if certificate.is_none() {
            return Err(refused("includeResourceData needs encryptionCertificate and encryptionCertificateId."));
        }
    }
    let needed = if is_rich { permissions::READ } else { permissions::READ_BASIC };
    permissions::check(tenant, call, needed, Some(&watched.mailbox))
        .map_err(|error| extension_error(403, "Forbidden", &error.message))?;
    if tenant.subscriptions.on(&watched.mailbox).len() >= MAILBOX_MAX {
        let text = format!("The mailbox has the maximum of {MAILBOX_MAX} subscriptions.");
        return Err(extension_error(403, "Forbidden", &text));
    }
    Ok(Subscription {
        id: tenant.names.guid(),
        app: bearer.app,
        directory: bearer.directory,
        base: call.base.clone(),
        resource,
        watched,
        kinds,
        notification_url,
        lifecycle_url,
        client_state,
        ends,
        authorized_until: authorized_until(tenant),
        renewed: now.checked_sub(RENEWED_LATELY).unwrap_or(now),
        immutable_ids: call.wants_immutable_ids(),
        tls,
        certificate,
        matching: std::collections::BTreeSet::new(),
    })
}

fn refuse_double(tenant: &Tenant, made: &Subscription) -> Result<(), GraphError> {
    let plain = |resource: &str| resource.trim_matches('/').to_lowercase();
    let same = |one: &&Subscription| {
        one.app == made.app
            && one.directory == made.directory
            && one.kinds == made.kinds
            && plain(&one.resource) == plain(&made.resource)
    };
    match tenant.subscriptions.all().find(same) {
        None => Ok(()),
        Some(known) => {
            let text = format!("Subscription Id <{}> already exists for the requested combination", known.id);
            Err(GraphError::new(409, "Conflict", text))
        }
    }
}

/// The client's own subscription of that id.
fn own<'a>(tenant: &'a Tenant, call: &Call, id: &str) -> Result<&'a Subscription, GraphError> {
    let bearer = Bearer::of(call);
    let found = tenant.subscriptions.get(&id.to_lowercase());
    found.filter(|one| one.app == bearer.app && one.directory == bearer.directory).ok_or_else(not_found)
}

fn shown(call: &Call, status: u16, one: &Subscription) -> Answer {
    let mut body = one.show();
    body["@odata.context"] = json!(format!("{}/v1.0/$metadata#subscriptions/$entity", call.base));
    Answer::graph(status, body)
}

fn perform(tenant: &mut Tenant, call: &Call, ready: Ready) -> Result<Answer, GraphError> {
    match ready {
        Ready::Create(made) => create(tenant, call, *made),
        Ready::Other(Wanted::Renew(id)) => renew(tenant, call, &id),
        Ready::Other(Wanted::Get(id)) => Ok(shown(call, 200, own(tenant, call, &id)?)),
        Ready::Other(Wanted::Delete(id)) => {
            let id = own(tenant, call, &id)?.id.clone();
            if let Some(gone) = forget(tenant, &id) {
                note(tenant, call, "subscription_deleted", &gone);
            }
            Ok(Answer::empty(204))
        }
        Ready::Other(Wanted::Reauthorize(id)) => reauthorize(tenant, call, &id),
        // A creation is read before it comes here.
        Ready::Other(Wanted::List | Wanted::Create) => {
            let bearer = Bearer::of(call);
            let mine = tenant.subscriptions.all().filter(|one| one.app == bearer.app && one.directory == bearer.directory);
            let rows: Vec<Value> = mine.map(Subscription::show).collect();
            let context = format!("{}/v1.0/$metadata#subscriptions", call.base);
            Ok(Answer::graph(200, json!({"@odata.context": context, "value": rows})))
        }
    }
}

fn create(tenant: &mut Tenant, call: &Call, mut made: Subscription) -> Result<Answer, GraphError> {
    // Another one may have come while the endpoint was asked.
    refuse_double(tenant, &made)?;
    if let Some(mailbox) = tenant.mailboxes.get_mut(&made.watched.mailbox) {
        mailbox.news.get_or_insert_default();
        if let Some(filter) = &made.watched.filter {
            let lies = mailbox.newest_first(made.watched.folder);
            made.matching = lies.into_iter().filter(|one| matches(filter, one).unwrap_or(false)).map(|one| one.key).collect();
        }
    }
    let (answer, id) = (shown(call, 201, &made), made.id.clone());
    note(tenant, call, "subscription_created", &made);
    tenant.subscriptions.insert(made);
    promise_reminder(tenant, &id);
    Ok(answer)
}

fn renew(tenant: &mut Tenant, call: &Call, id: &str) -> Result<Answer, GraphError> {
    let body = call.object()?;
    let mut written = own(tenant, call, id)?.clone();
    let fixed = ["changeType", "resource", "clientState", "lifecycleNotificationUrl", "includeResourceData"];
    if let Some(name) = fixed.iter().find(|name| body.contains_key(**name)) {
        return Err(refused(format!("The property '{name}' cannot be changed: delete the subscription and create it anew.")));
    }
    if !body.contains_key("expirationDateTime") && !body.contains_key("notificationUrl") {
        return Err(refused("A subscription is changed in expirationDateTime or notificationUrl."));
    }
    let now = tenant.clock.now();
    if body.contains_key("expirationDateTime") {
        written.ends = ends(&body, now, written.certificate.is_some())?;
    }
    if let Some(url) = body.get("notificationUrl") {
        written.notification_url = address("notificationUrl", url)?;
    }
    if let Some(certificate) = certificate(&body)?.filter(|_| written.certificate.is_some()) {
        written.certificate = Some(certificate);
    }
    written.renewed = now;
    written.authorized_until = authorized_until(tenant);
    let answer = shown(call, 200, &written);
    note(tenant, call, "subscription_updated", &written);
    let id = written.id.clone();
    tenant.subscriptions.insert(written);
    promise_reminder(tenant, &id);
    Ok(answer)
}

fn reauthorize(tenant: &mut Tenant, call: &Call, id: &str) -> Result<Answer, GraphError> {
    let one = own(tenant, call, id)?;
    let (id, renewed) = (one.id.clone(), one.renewed);
    let now = tenant.clock.now();
    if now.duration_since(renewed) < RENEWED_LATELY {
        let minutes = Duration::try_from(RENEWED_LATELY).unwrap_or_default().as_secs() / 60;
        return Err(refused(format!("The subscription was renewed less than {minutes} minutes ago, which reauthorized it.")));
    }
    let ends = authorized_until(tenant);
    if let Some(one) = tenant.subscriptions.get_mut(&id) {
        one.authorized_until = ends;
    }
    promise_reminder(tenant, &id);
    Ok(Answer::empty(204))
}

fn note(tenant: &mut Tenant, call: &Call, effect: &'static str, one: &Subscription) {
    let cause = Cause { by: "client", method: call.method.to_string(), path: call.path.clone() };
    let facts = Map::from_iter([("subscription".to_owned(), one.show())]);
    let at = tenant.clock.now();
    tenant.ledger.note(at, &cause, &one.watched.mailbox, effect, facts);
}
