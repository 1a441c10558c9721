//! Reading messages: lists, one, MIME, counts.

use std::cmp::Ordering as Order;
use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::query::{Query, context, page};
use super::visit::Visit;
use crate::simulator::filter::{FOUND_MAX, Filter, Literal, Operator, compare_by, finds, matches};
use crate::simulator::http::{Answer, GraphError};
use crate::simulator::people::later;
use crate::simulator::shape::{self, View, etag};
use crate::simulator::state::{FolderKey, Key, Mailbox, Mark, Message, is_worked_out, normal_property_id};

/// `GET …/messages`: newest first unless ordered otherwise.
pub(super) fn list(visit: &Visit<'_>, folder: Option<&str>) -> Result<Answer, GraphError> {
    let view = visit.permit(View::of(visit.call)?)?;
    let query = Query::of(visit.call)?;
    visit.permit_query(&query)?;
    let folder = folder.map(|folder| visit.folder(folder)).transpose()?;
    let mailbox = visit.store()?;
    let (page_of, total) = if query.filter.is_none() && query.search.is_none() && query.order.is_empty() {
        (mailbox.page(folder, query.skip, query.top), mailbox.count(folder))
    } else {
        let mut found = found(visit, folder, &query)?;
        sort(&mut found, &query);
        let total = found.len();
        (found.into_iter().skip(query.skip).take(query.top).collect(), total)
    };
    let rows: Vec<Value> = page_of.iter().map(|message| shape::message(&view, mailbox, message)).collect();
    let mut answer = page(visit.call, (query.skip, query.top), total, rows);
    if view.text_bodies {
        answer = answer.with("preference-applied", "outlook.body-content-type=\"text\"");
    }
    Ok(answer)
}

/// What meets the filter, or what the search finds (latest sent first).
fn found<'a>(visit: &'a Visit<'_>, folder: Option<FolderKey>, query: &Query) -> Result<Vec<&'a Message>, GraphError> {
    let mailbox = visit.store()?;
    let (filter, search) = (query.filter.as_ref(), query.search.as_ref());
    let all = match filter.and_then(|filter| marked(mailbox, filter)) {
        Some(keys) => {
            let some = keys.into_iter().filter_map(|key| mailbox.message(key));
            let mut some: Vec<&Message> = some.filter(|one| folder.is_none_or(|folder| one.folder == folder)).collect();
            some.sort_by_key(|message| std::cmp::Reverse((message.received.as_second(), message.key)));
            some
        }
        None => mailbox.newest_first(folder),
    };
    let by_index = search.is_some()
        || filter.is_some_and(|filter| filter.properties().iter().any(|property| property == "singleValueExtendedProperties"));
    let lag = visit.lens.index_lag_s.filter(|_| by_index);
    let seen_until = lag.and_then(|lag| visit.now().checked_sub(SignedDuration::from_secs(i64::try_from(lag).ok()?)).ok());
    let now = visit.tenant.clock.now();
    let mut found = Vec::new();
    for message in all {
        let in_script = seen_until.is_none_or(|until| message.created < until);
        let is_indexed = in_script && (!by_index || later(message.born, index_lag(visit, message)) <= now);
        let meets = match (filter, search) {
            (Some(filter), _) => matches(filter, message)?,
            (None, Some(search)) => finds(search, message),
            (None, None) => true,
        };
        if is_indexed && meets {
            found.push(message);
        }
    }
    if search.is_some() {
        found.sort_by_key(|message| std::cmp::Reverse((message.sent, message.key)));
        found.truncate(FOUND_MAX);
    }
    Ok(found)
}

/// The messages among which are all that meet the filter, if its marks lead to them.
fn marked(mailbox: &Mailbox, filter: &Filter) -> Option<BTreeSet<Key>> {
    match filter {
        Filter::And(left, right) => marked(mailbox, left).or_else(|| marked(mailbox, right)),
        Filter::Or(left, right) => Some(marked(mailbox, left)?.union(&marked(mailbox, right)?).copied().collect()),
        Filter::Compare { property, operator: Operator::Eq, literal: Literal::Text(text) } => {
            match property.to_lowercase().as_str() {
                "internetmessageid" => Some(mailbox.marked(&Mark::InternetId(&text.to_lowercase()))),
                "conversationid" => Some(mailbox.marked(&Mark::Conversation(text))),
                _ => None,
            }
        }
        Filter::Extended { id, condition: Some(condition) } if !is_worked_out(id) => match condition.as_ref() {
            Filter::Compare { property, operator: Operator::Eq, literal: Literal::Text(text) } if property == "value" => {
                Some(mailbox.marked(&Mark::Property(&normal_property_id(id), &text.to_lowercase())))
            }
            _ => None,
        },
        _ => None,
    }
}

/// How long after its birth this message is found by its extended properties.
fn index_lag(visit: &Visit<'_>, message: &Message) -> Duration {
    let temper = &visit.tenant.temper;
    temper.time("index_lag", temper.moods.index_lag, message.print)
}

fn sort(found: &mut [&Message], query: &Query) {
    if query.order.is_empty() {
        return;
    }
    found.sort_by(|left, right| compare_by(&query.order, left, right).unwrap_or(Order::Equal));
}

/// `GET …/messages/$count`.
pub(super) fn count(visit: &Visit<'_>, folder: Option<&str>) -> Result<Answer, GraphError> {
    let query = Query::of(visit.call)?;
    visit.permit_query(&query)?;
    let folder = folder.map(|folder| visit.folder(folder)).transpose()?;
    let count = match (&query.filter, &query.search) {
        (None, None) => visit.store()?.count(folder),
        _ => found(visit, folder, &query)?.len(),
    };
    Ok(Answer::bytes(200, "text/plain", count.to_string()))
}

/// `GET …/messages/{id}`.
pub(super) fn get(visit: &Visit<'_>, id: &str) -> Result<Answer, GraphError> {
    let view = visit.permit(View::of(visit.call)?)?;
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
