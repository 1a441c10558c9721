//! Reading messages: lists, one, MIME, counts.

use std::cmp::Ordering as Order;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::query::{Query, context, page};
use super::visit::Visit;
use crate::simulator::filter::{Filter, compare_by, matches};
use crate::simulator::http::{Answer, GraphError};
use crate::simulator::people::later;
use crate::simulator::shape::{self, View, etag};
use crate::simulator::state::{Key, Message};

/// `GET …/messages`: newest first unless ordered otherwise.
pub(super) fn list(visit: &Visit<'_>, folder: Option<&str>) -> Result<Answer, GraphError> {
    let view = View::of(visit.call)?;
    let query = Query::of(visit.call)?;
    let mailbox = visit.store()?;
    let mut found = found(visit, folder, query.filter.as_ref())?;
    sort(&mut found, &query)?;
    let rows: Vec<Value> =
        found.iter().skip(query.skip).take(query.top).map(|message| shape::message(&view, mailbox, message)).collect();
    let mut answer = page(visit.call, (query.skip, query.top), found.len(), rows);
    if view.text_bodies {
        answer = answer.with("preference-applied", "outlook.body-content-type=\"text\"");
    }
    Ok(answer)
}

fn found<'a>(visit: &'a Visit<'_>, folder: Option<&str>, filter: Option<&Filter>) -> Result<Vec<&'a Message>, GraphError> {
    let folder = folder.map(|folder| visit.folder(folder)).transpose()?;
    let all = visit.store()?.newest_first(folder);
    let Some(filter) = filter else { return Ok(all) };
    let by_marker = filter.properties().iter().any(|property| property == "singleValueExtendedProperties");
    let lag = visit.lens.index_lag_s.filter(|_| by_marker);
    let seen_until = lag.and_then(|lag| visit.now().checked_sub(SignedDuration::from_secs(i64::try_from(lag).ok()?)).ok());
    let now = visit.tenant.clock.now();
    let mut found = Vec::new();
    for message in all {
        let in_script = seen_until.is_none_or(|until| message.created < until);
        let is_indexed = in_script && (!by_marker || later(message.born, index_lag(visit, message)) <= now);
        if is_indexed && matches(filter, message)? {
            found.push(message);
        }
    }
    Ok(found)
}

/// How long after its birth this message is found by its extended properties.
fn index_lag(visit: &Visit<'_>, message: &Message) -> Duration {
    let temper = &visit.tenant.temper;
    temper.time("index_lag", temper.moods.index_lag, message.print)
}

fn sort(found: &mut [&Message], query: &Query) -> Result<(), GraphError> {
    if query.order.is_empty() {
        return Ok(());
    }
    // A property that cannot be ordered by must be refused even for one message.
    if let Some(first) = found.first() {
        compare_by(&query.order, first, first)?;
    }
    found.sort_by(|left, right| compare_by(&query.order, left, right).unwrap_or(Order::Equal));
    Ok(())
}

/// `GET …/messages/$count`.
pub(super) fn count(visit: &Visit<'_>, folder: Option<&str>) -> Result<Answer, GraphError> {
    let query = Query::of(visit.call)?;
    let count = found(visit, folder, query.filter.as_ref())?.len();
    Ok(Answer::bytes(200, "text/plain", count.to_string()))
}

/// `GET …/messages/{id}`.
pub(super) fn get(visit: &Visit<'_>, id: &str) -> Result<Answer, GraphError> {
    let view = View::of(visit.call)?;
    let message = visit.find(id)?;
    let current = etag(message.change);
    if visit.call.header("if-none-match").is_some_and(|known| known.trim() == current) {
        return Ok(Answer::empty(304).with("etag", current));
    }
    one(visit, &view, 200, message.key)
}

/// The answer that shows one message.
pub(super) fn one(visit: &Visit<'_>, view: &View, status: u16, key: Key) -> Result<Answer, GraphError> {
    let message = visit.message(key)?;
    let mut body = shape::message(view, visit.store()?, message);
    body["@odata.context"] = json!(format!("{}/$entity", context(visit.call)));
    let answer = Answer::graph(status, body).with("etag", etag(message.change));
    Ok(if view.text_bodies { answer.with("preference-applied", "outlook.body-content-type=\"text\"") } else { answer })
}

/// `GET …/messages/{id}/$value`.
pub(super) fn mime(visit: &Visit<'_>, id: &str) -> Result<Answer, GraphError> {
    let key = visit.find(id)?.key;
    let raw = visit.store()?.mime(key).ok_or_else(GraphError::item_not_found)?;
    Ok(Answer::bytes(200, "text/plain", raw))
}
