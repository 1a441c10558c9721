//! Small steps that several transactions share: a line of a story, JSON in and out of columns.

use rusqlite::{Connection, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Row, StepError};
use crate::ids::ActionId;

/// Appends one line to a message's story.
pub(super) fn tell(
    connection: &Connection,
    row: Row,
    action: Option<&ActionId>,
    at: i64,
    line: (&str, &serde_json::Value),
) -> Result<(), StepError> {
    connection
        .prepare_cached("INSERT INTO event (message, action, at, kind, detail) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![row.0, action.map(ActionId::as_str), at, line.0, line.1.to_string()])?;
    Ok(())
}

pub(super) fn to_json(value: &impl Serialize) -> Result<String, StepError> {
    Ok(serde_json::to_string(value)?)
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StepError> {
    Ok(serde_json::from_str(text)?)
}

/// Not found is an answer, every other error stays one.
pub(super) fn optional<T>(result: rusqlite::Result<T>) -> Result<Option<T>, StepError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
