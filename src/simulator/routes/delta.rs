//! `messages/delta`: what changed in one folder since a token.
//!
//! A token carries everything (folder, place in the folder's change log, options), so that nothing is kept for a client
//! that never comes back; it is sealed with the process's nonce, so that tokens of another run are unknown.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::query::{context, encode, page_size};
use super::visit::Visit;
use crate::simulator::faults::SYNC_STATE_NOT_FOUND;
use crate::simulator::filter::{Filter, Literal, Operator, matches, parse_filter};
use crate::simulator::http::{Answer, GraphError};
use crate::simulator::shape::{self, View, canonical};
use crate::simulator::state::{FolderKey, Found, ReadFlips, Round};

/// The most messages that are told under a filter, all rounds together.
const FILTERED_MAX: usize = 5_000;

/// What `changeType` asks for.
const KINDS: [&str; 3] = ["created", "updated", "deleted"];

/// How many changes a scripted replay tells again.
const REPLAYED: usize = 50;

/// What a token says. Short names: tokens travel in URLs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Token {
    /// Folder.
    f: FolderKey,
    /// The round: from, at, until. In a delta link all three are the place where the next round begins.
    r: [usize; 3],
    /// `$select`.
    s: Option<String>,
    /// `$expand`.
    e: Option<String>,
    /// `$filter`.
    w: Option<String>,
    /// `changeType`.
    c: Option<String>,
    /// `$top` of the first call.
    n: Option<usize>,
    /// How many messages were told under a filter.
    t: usize,
}

/// `GET …/mailFolders/{id}/messages/delta`.
pub(super) fn delta(visit: &Visit<'_>, folder: Option<&str>) -> Result<Answer, GraphError> {
    let Some(folder) = folder else {
        return Err(GraphError::bad_request("Change tracking is not supported against 'microsoft.graph.message'."));
    };
    let folder = visit.folder(folder)?;
    let end = visit.store()?.folder(folder).ok_or_else(GraphError::item_not_found)?.seen_until(visit.tenant.clock.now());
    let skip = visit.call.option("skiptoken");
    let mut token = match skip.or(visit.call.option("deltatoken")) {
        None => first(visit, folder, end)?,
        Some(text) => {
            let mut token = open::<Token>(visit, text).filter(|token| token.f == folder).ok_or_else(|| unknown(visit, text))?;
            if skip.is_none() {
                token.r[2] = end.max(token.r[0]);
            }
            token
        }
    };
    let view = view(visit, &token)?;
    let mut round = Round { from: token.r[0], at: token.r[1], until: token.r[2] };
    if visit.lens.replays_delta {
        round.at = round.at.saturating_sub(REPLAYED);
        round.from = round.from.min(round.at);
    }
    let rows = if visit.lens.empties_page { Vec::new() } else { rows(visit, &token, &view, &mut round)? };
    if token.w.is_some() {
        token.t += rows.len();
        if token.t >= FILTERED_MAX {
            round.at = round.until;
        }
    }
    Ok(answer(visit, &token, round, rows))
}

fn first(visit: &Visit<'_>, folder: FolderKey, end: usize) -> Result<Token, GraphError> {
    let call = visit.call;
    if call.option("search").is_some() {
        return Err(GraphError::bad_request("The query parameter '$search' is not supported with change tracking."));
    }
    let order = call.option("orderby").unwrap_or("receivedDateTime desc");
    if !order.split_whitespace().collect::<Vec<_>>().join(" ").eq_ignore_ascii_case("receivedDateTime desc") {
        return Err(GraphError::bad_request("Change tracking supports $orderby=receivedDateTime desc only."));
    }
    let owned = |name: &str| call.option(name).map(str::to_owned);
    if let Some(filter) = call.option("filter") {
        check_filter(&parse_filter(filter)?)?;
    }
    if let Some(kind) = call.option("changetype").filter(|kind| !KINDS.iter().any(|own| own.eq_ignore_ascii_case(kind))) {
        return Err(GraphError::bad_request(format!(
            "Invalid value '{kind}' for changeType: one of {} is needed.",
            KINDS.join(", ")
        )));
    }
    if let Some(select) = call.option("select") {
        canonical(select)?;
    }
    let n = call.option("top").map(|_| page_size(call)).transpose()?;
    Ok(Token {
        f: folder,
        r: [0, 0, end],
        s: owned("select"),
        e: owned("expand"),
        w: owned("filter"),
        c: owned("changetype"),
        n,
        t: 0,
    })
}

fn check_filter(filter: &Filter) -> Result<(), GraphError> {
    match filter {
        Filter::Compare { property, operator: Operator::Ge | Operator::Gt, literal: Literal::Time(_) }
            if property.eq_ignore_ascii_case("receivedDateTime") =>
        {
            Ok(())
        }
        _ => Err(GraphError::bad_request("Change tracking supports $filter on receivedDateTime with ge or gt only.")),
    }
}

fn view(visit: &Visit<'_>, token: &Token) -> Result<View, GraphError> {
    let mut view = View::bare(visit.call);
    view.select = token.s.as_deref().map(canonical).transpose()?;
    view.expand(token.e.as_deref().unwrap_or_default())?;
    visit.permit(view)
}

fn rows(visit: &Visit<'_>, token: &Token, view: &View, round: &mut Round) -> Result<Vec<Value>, GraphError> {
    let mailbox = visit.store()?;
    let folder = mailbox.folder(token.f).ok_or_else(GraphError::item_not_found)?;
    let mut size = token.n.map_or_else(|| page_size(visit.call), Ok)?.max(1);
    if token.w.is_some() {
        size = size.min(FILTERED_MAX.saturating_sub(token.t));
    }
    let flips = if view.sees_read() { ReadFlips::Told } else { ReadFlips::Ignored };
    let filter = token.w.as_deref().map(parse_filter).transpose()?;
    let kind = token.c.as_deref().map(str::to_lowercase);
    let wanted = |name: &str| kind.as_deref().is_none_or(|kind| kind == name);
    let temper = &visit.tenant.temper;
    let forgets = |key| {
        let print = mailbox.message(key).map_or(0, |message| message.print);
        view.immutable_ids && temper.strikes("hides_returned", temper.moods.hides_returned, print)
    };
    let loses = |print| temper.strikes("loses_entries", temper.moods.loses_entries, print);
    let mut rows = Vec::new();
    for found in folder.log.page(round, size, flips, forgets) {
        let (key, sparse, kind) = match found {
            Found::Removed { id, immutable_id } => {
                let id = if view.immutable_ids { immutable_id } else { id };
                if wanted("deleted") {
                    rows.push(json!({"id": id, "@removed": {"reason": "deleted"}}));
                }
                continue;
            }
            Found::Created(key) => (key, false, "created"),
            Found::Updated(key) => (key, false, "updated"),
            Found::ReadState(key) => (key, true, "updated"),
        };
        // It may have left after this round's end: the next round tells that.
        let Some(message) = mailbox.message(key).filter(|message| message.folder == token.f) else { continue };
        if loses(message.print) {
            continue;
        }
        let passes = filter.as_ref().map_or(Ok(true), |filter| matches(filter, message))?;
        if !passes || !wanted(kind) {
            continue;
        }
        let mut row = shape::message(view, mailbox, message);
        if sparse {
            row = json!({
                "@odata.type": "#microsoft.graph.message",
                "@odata.etag": row["@odata.etag"],
                "id": row["id"],
                "isRead": message.is_read,
                "parentFolderId": folder.id,
            });
        } else if row.get("@odata.type").is_none() {
            row["@odata.type"] = json!("#microsoft.graph.message");
        }
        rows.push(row);
    }
    Ok(rows)
}

fn answer(visit: &Visit<'_>, token: &Token, round: Round, rows: Vec<Value>) -> Answer {
    let mut next = token.clone();
    let is_last = round.at >= round.until && !visit.lens.empties_page;
    next.r = if is_last { [round.until; 3] } else { [round.from, round.at, round.until] };
    let (name, option) = if is_last { ("@odata.deltaLink", "deltatoken") } else { ("@odata.nextLink", "skiptoken") };
    let folder = visit.store().ok().and_then(|mailbox| mailbox.folder(token.f)).map_or("", |folder| folder.id.as_str());
    let link = format!(
        "{}/v1.0/users/{}/mailFolders('{folder}')/messages/delta?${option}={}",
        visit.call.base,
        encode(visit.call.segments.get(2).map_or("", String::as_str)),
        seal(visit, &next)
    );
    let mut body = Map::new();
    body.insert("@odata.context".to_owned(), json!(context(visit.call).trim_end_matches("/delta")));
    body.insert(name.to_owned(), json!(link));
    body.insert("value".to_owned(), Value::Array(rows));
    Answer::graph(200, Value::Object(body))
}

fn digest(visit: &Visit<'_>, text: &str) -> String {
    let nonce = &visit.tenant.nonce;
    URL_SAFE_NO_PAD.encode(&Sha256::digest(format!("{nonce}|{}|{text}", visit.address))[..9])
}

/// A token as it travels: its text and our seal on it.
pub(super) fn seal<T: Serialize>(visit: &Visit<'_>, token: &T) -> String {
    let text = URL_SAFE_NO_PAD.encode(serde_json::to_vec(token).unwrap_or_default());
    format!("{text}.{}", digest(visit, &text))
}

/// A token of ours; nothing if it is not, or of another run.
pub(super) fn open<T: DeserializeOwned>(visit: &Visit<'_>, sealed: &str) -> Option<T> {
    let (text, seal) = sealed.split_once('.')?;
    if digest(visit, text) != seal {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// What is said of a token that is not known: one that never was is no token, any other means to start anew.
pub(super) fn unknown(visit: &Visit<'_>, sealed: &str) -> GraphError {
    let is_one = sealed.split_once('.').is_some_and(|(text, seal)| !seal.is_empty() && URL_SAFE_NO_PAD.decode(text).is_ok());
    if !is_one {
        return GraphError::bad_request("Badly formed token.");
    }
    let start = format!("{}{}", visit.call.base, visit.call.path);
    GraphError::new(410, "SyncStateNotFound", SYNC_STATE_NOT_FOUND).with("location", start)
}
