//! Folders, and the mailbox's owner.

use serde_json::{Map, Value, json};

use super::query::{context, page, page_size};
use super::visit::Visit;
use crate::simulator::http::{Answer, GraphError};
use crate::simulator::shape;
use crate::simulator::state::{FolderKey, ROOT};

/// `GET /users/{id}`.
pub(super) fn user(visit: &Visit<'_>) -> Result<Answer, GraphError> {
    let mailbox = visit.store()?;
    let body = json!({
        "@odata.context": format!("{}/v1.0/$metadata#users/$entity", visit.call.base),
        "id": mailbox.guid,
        "displayName": mailbox.name,
        "mail": mailbox.address,
        "userPrincipalName": mailbox.address,
    });
    Ok(Answer::graph(200, body))
}

/// `GET /mailFolders` and `…/{id}/childFolders`: one level, ten a page, hidden ones only when asked for.
pub(super) fn list(visit: &Visit<'_>, parent: Option<&str>) -> Result<Answer, GraphError> {
    let parent = parent.map_or(Ok(ROOT), |parent| visit.folder(parent))?;
    let mailbox = visit.store()?;
    let shows_hidden = visit.call.option("includehiddenfolders").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let by_name = visit.call.option("filter").map(display_name_filter).transpose()?;
    let children: Vec<_> = mailbox
        .children(parent)
        .filter(|folder| shows_hidden || !folder.is_hidden)
        .filter(|folder| by_name.as_ref().is_none_or(|name| folder.name.to_lowercase() == *name))
        .collect();
    let top = page_size(visit.call)?;
    let skip = visit.call.option("skip").and_then(|skip| skip.parse().ok()).unwrap_or(0);
    let rows = children.iter().skip(skip).take(top).map(|folder| select(visit, shape::folder(mailbox, folder))).collect();
    Ok(page(visit.call, (skip, top), children.len(), rows))
}

/// The one filter on folders: `displayName eq '…'`.
fn display_name_filter(text: &str) -> Result<String, GraphError> {
    use crate::simulator::filter::{Filter, Literal, Operator, parse_filter};
    match parse_filter(text)? {
        Filter::Compare { property, operator: Operator::Eq, literal: Literal::Text(name) }
            if property.eq_ignore_ascii_case("displayName") =>
        {
            Ok(name.to_lowercase())
        }
        _ => Err(GraphError::bad_request("Folders are filtered by displayName eq '…' only in this tenant.")),
    }
}

fn select(visit: &Visit<'_>, folder: Value) -> Value {
    let Some(select) = visit.call.option("select") else { return folder };
    let Value::Object(folder) = folder else { return folder };
    let wanted: Vec<String> = select.split(',').map(|name| name.trim().to_lowercase()).collect();
    Value::Object(folder.into_iter().filter(|(name, _)| name == "id" || wanted.contains(&name.to_lowercase())).collect())
}

fn answer(visit: &Visit<'_>, status: u16, key: FolderKey) -> Result<Answer, GraphError> {
    let mailbox = visit.store()?;
    let folder = mailbox.folder(key).ok_or_else(GraphError::item_not_found)?;
    let mut body = select(visit, shape::folder(mailbox, folder));
    if let Some(properties) = shape::folder_properties(visit.call.option("expand").unwrap_or_default(), folder)? {
        body["singleValueExtendedProperties"] = properties;
    }
    body["@odata.context"] = json!(format!("{}/$entity", context(visit.call)));
    Ok(Answer::graph(status, body))
}

/// `GET /mailFolders/{id}`.
pub(super) fn get(visit: &Visit<'_>, id: &str) -> Result<Answer, GraphError> {
    answer(visit, 200, visit.folder(id)?)
}

fn name_of(body: &Map<String, Value>) -> Result<String, GraphError> {
    let name = body.get("displayName").and_then(Value::as_str).unwrap_or_default().trim();
    if name.is_empty() {
        return Err(GraphError::new(
            400,
            "ErrorInvalidRequest",
            "The property 'displayName' is required when creating or renaming the entity.",
        ));
    }
    Ok(name.to_owned())
}

/// `POST /mailFolders` and `…/{id}/childFolders`; `isHidden` holds from here on.
pub(super) fn create(visit: &mut Visit<'_>, parent: Option<&str>) -> Result<Answer, GraphError> {
    let parent = parent.map_or(Ok(ROOT), |parent| visit.folder(parent))?;
    let body = visit.call.object()?;
    let name = name_of(&body)?;
    let is_hidden = body.get("isHidden").and_then(Value::as_bool).unwrap_or(false);
    let key = visit.mailbox()?.create_folder(parent, &name, is_hidden)?;
    note(visit, "folder_created", key)?;
    answer(visit, 201, key)
}

/// `PATCH /mailFolders/{id}`: the name and extended properties are all that can change. Their values are not echoed.
pub(super) fn change(visit: &mut Visit<'_>, id: &str) -> Result<Answer, GraphError> {
    let key = visit.folder(id)?;
    let body = visit.call.object()?;
    if body.contains_key("isHidden") {
        return Err(GraphError::new(400, "ErrorInvalidRequest", "isHidden can be set only when the folder is created."));
    }
    let properties = body.get("singleValueExtendedProperties").map(properties).transpose()?.unwrap_or_default();
    if properties.is_empty() || body.contains_key("displayName") {
        let name = name_of(&body)?;
        visit.mailbox()?.rename_folder(key, &name)?;
        note(visit, "folder_updated", key)?;
    }
    if !properties.is_empty() {
        for (id, value) in properties {
            visit.mailbox()?.set_folder_property(key, &id, value);
        }
        note(visit, "folder_patched", key)?;
    }
    answer(visit, 200, key)
}

/// The extended properties that a request writes: id and value, `null` to take one away.
fn properties(written: &Value) -> Result<Vec<(String, Option<String>)>, GraphError> {
    let refused = || GraphError::bad_request("singleValueExtendedProperties is a list of an id and a value each.");
    let read = |property: &Value| {
        let id = property["id"].as_str().ok_or_else(refused)?.to_owned();
        match &property["value"] {
            Value::Null => Ok((id, None)),
            Value::String(value) => Ok((id, Some(value.clone()))),
            _ => Err(refused()),
        }
    };
    written.as_array().ok_or_else(refused)?.iter().map(read).collect()
}

/// `DELETE /mailFolders/{id}`, with all that is in it.
pub(super) fn delete(visit: &mut Visit<'_>, id: &str) -> Result<Answer, GraphError> {
    let key = visit.folder(id)?;
    let path = visit.store()?.path(key);
    visit.mailbox()?.delete_folder(key)?;
    visit.note_facts("folder_deleted", Map::from_iter([("folder".to_owned(), json!(path))]));
    Ok(Answer::empty(204))
}

fn note(visit: &mut Visit<'_>, effect: &'static str, key: FolderKey) -> Result<(), GraphError> {
    let path = visit.store()?.path(key);
    visit.note_facts(effect, Map::from_iter([("folder".to_owned(), json!(path))]));
    Ok(())
}
