//! The mailbox's list of categories: `outlook/masterCategories`. Names stand for good, colours can change.

use serde_json::{Map, Value, json};

use super::query::{context, page};
use super::visit::Visit;
use crate::simulator::http::{Answer, GraphError};
use crate::simulator::state::Category;

/// How many colours there are beside `none`: `preset0` to `preset24`.
const COLOURS: u32 = 25;

/// The longest name, in characters.
const NAME_MAX: usize = 255;

fn shown(category: &Category) -> Value {
    json!({"id": category.id, "displayName": category.name, "color": category.colour})
}

fn answer(visit: &Visit<'_>, status: u16, category: &Category) -> Answer {
    let mut body = shown(category);
    body["@odata.context"] = json!(format!("{}/$entity", context(visit.call)));
    Answer::graph(status, body)
}

fn find(visit: &Visit<'_>, id: &str) -> Result<usize, GraphError> {
    let found = visit.store()?.categories.iter().position(|category| category.id.eq_ignore_ascii_case(id));
    found.ok_or_else(GraphError::item_not_found)
}

/// `GET …/masterCategories`: all of them, by no page.
pub(super) fn list(visit: &Visit<'_>) -> Result<Answer, GraphError> {
    let rows: Vec<Value> = visit.store()?.categories.iter().map(shown).collect();
    let total = rows.len();
    Ok(page(visit.call, (0, usize::MAX), total, rows))
}

/// `GET …/masterCategories/{id}`.
pub(super) fn get(visit: &Visit<'_>, id: &str) -> Result<Answer, GraphError> {
    let place = find(visit, id)?;
    Ok(answer(visit, 200, &visit.store()?.categories[place]))
}

fn colour(body: &Map<String, Value>) -> Result<Option<String>, GraphError> {
    let Some(given) = body.get("color").filter(|given| !given.is_null()) else { return Ok(None) };
    let word = given.as_str().unwrap_or_default().to_lowercase();
    let is_known = word == "none" || (0..COLOURS).any(|number| word == format!("preset{number}"));
    let wrong = || GraphError::bad_request(format!("Requested value '{}' was not found.", given.as_str().unwrap_or("?")));
    is_known.then_some(Some(word)).ok_or_else(wrong)
}

/// `POST …/masterCategories`.
pub(super) fn create(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let body = visit.call.object()?;
    let name = body.get("displayName").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    if name.is_empty() || name.chars().count() > NAME_MAX {
        let text = format!("The property 'displayName' is required, with at most {NAME_MAX} characters.");
        return Err(GraphError::new(400, "ErrorInvalidRequest", text));
    }
    let colour = colour(&body)?.unwrap_or_else(|| "none".to_owned());
    let mailbox = visit.mailbox()?;
    if mailbox.categories.iter().any(|own| own.name.to_lowercase() == name.to_lowercase()) {
        let text = format!("A category with the name '{name}' already exists.");
        return Err(GraphError::new(409, "CategoryAlreadyExists", text));
    }
    let category = Category { id: mailbox.names.guid(), name, colour };
    mailbox.categories.push(category.clone());
    note(visit, "category_created", &category);
    Ok(answer(visit, 201, &category))
}

/// `PATCH …/masterCategories/{id}`: the colour.
pub(super) fn change(visit: &mut Visit<'_>, id: &str) -> Result<Answer, GraphError> {
    let place = find(visit, id)?;
    let body = visit.call.object()?;
    if body.contains_key("displayName") {
        return Err(GraphError::new(400, "ErrorInvalidPropertySet", "Set action is invalid for property 'displayName'."));
    }
    let colour = colour(&body)?.ok_or_else(|| GraphError::bad_request("The property 'color' is required."))?;
    let category = &mut visit.mailbox()?.categories[place];
    category.colour = colour;
    let category = category.clone();
    note(visit, "category_updated", &category);
    Ok(answer(visit, 200, &category))
}

/// `DELETE …/masterCategories/{id}`: messages keep the name.
pub(super) fn delete(visit: &mut Visit<'_>, id: &str) -> Result<Answer, GraphError> {
    let place = find(visit, id)?;
    let gone = visit.mailbox()?.categories.remove(place);
    note(visit, "category_deleted", &gone);
    Ok(Answer::empty(204))
}

fn note(visit: &mut Visit<'_>, effect: &'static str, category: &Category) {
    visit.note_facts(effect, Map::from_iter([("category".to_owned(), shown(category))]));
}
