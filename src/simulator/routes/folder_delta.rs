//! `mailFolders/delta`: which folders came, changed or went since a token; all folders of the mailbox, hidden ones left out.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::delta::{open, seal, unknown};
use super::query::{context, encode, page_size};
use super::visit::Visit;
use crate::simulator::http::{Answer, GraphError};
use crate::simulator::shape;

/// What a token says: the round goes from one count of changes to another. Short names: tokens travel in URLs.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Token {
    /// Tells it from tokens of messages.
    folders: bool,
    /// From, at, until; in a delta link all three are where the next round begins.
    r: [u64; 3],
    /// `$select`.
    s: Option<String>,
}

/// One row and the count of changes at which it stands.
type Row = (u64, Value);

/// `GET /mailFolders/delta`.
pub(super) fn delta(visit: &Visit<'_>) -> Result<Answer, GraphError> {
    let mailbox = visit.store()?;
    let end = mailbox.folder_changes();
    let skip = visit.call.option("skiptoken");
    let mut token = match skip.or(visit.call.option("deltatoken")) {
        None => Token { folders: true, r: [0, 0, end], s: visit.call.option("select").map(str::to_owned) },
        Some(text) => {
            let mut token: Token = open(visit, text).ok_or_else(|| unknown(visit, text))?;
            if skip.is_none() {
                token.r[2] = end;
            }
            token
        }
    };
    let [from, at, until] = token.r;
    let mut rows = rows(visit, from)?;
    rows.retain(|(change, _)| *change > at && *change <= until);
    rows.sort_by_key(|(change, _)| *change);
    let size = page_size(visit.call)?.max(1);
    let is_last = rows.len() <= size;
    rows.truncate(size);
    token.r = match rows.last() {
        Some((last, _)) if !is_last => [from, *last, until],
        _ => [until; 3],
    };
    let (name, option) = if is_last { ("@odata.deltaLink", "deltatoken") } else { ("@odata.nextLink", "skiptoken") };
    let user = encode(visit.call.segments.get(2).map_or("", String::as_str));
    let link = format!("{}/v1.0/users/{user}/mailFolders/delta?${option}={}", visit.call.base, seal(visit, &token));
    let wanted: Option<Vec<String>> =
        token.s.as_ref().map(|select| select.split(',').map(|name| name.trim().to_lowercase()).collect());
    let narrow = |row: Value| match (&wanted, row) {
        (Some(wanted), Value::Object(members)) => Value::Object(
            members
                .into_iter()
                .filter(|(name, _)| name == "id" || name.starts_with('@') || wanted.contains(&name.to_lowercase()))
                .collect(),
        ),
        (_, row) => row,
    };
    let mut body = Map::new();
    body.insert("@odata.context".to_owned(), json!(context(visit.call).trim_end_matches("/delta")));
    body.insert(name.to_owned(), json!(link));
    body.insert("value".to_owned(), rows.into_iter().map(|(_, row)| narrow(row)).collect());
    Ok(Answer::graph(200, Value::Object(body)))
}

/// Every folder and, in later rounds, every grave.
fn rows(visit: &Visit<'_>, from: u64) -> Result<Vec<Row>, GraphError> {
    let mailbox = visit.store()?;
    let visible = mailbox.folders().filter(|folder| folder.parent.is_some() && !folder.is_hidden);
    let mut rows: Vec<Row> = visible.map(|folder| (folder.changed, shape::folder(mailbox, folder))).collect();
    if from > 0 {
        let graves = mailbox.buried_folders().iter();
        rows.extend(graves.map(|(change, id)| (*change, json!({"id": id, "@removed": {"reason": "deleted"}}))));
    }
    Ok(rows)
}
