//! `mailboxSettings`: the time zone, the language, what the mailbox is for, absence.

use serde_json::{Map, Value, json};

use super::query::encode;
use super::visit::Visit;
use crate::simulator::http::{Answer, GraphError};

/// What PATCH sets.
const WRITABLE: [&str; 7] = [
    "timeZone",
    "language",
    "workingHours",
    "automaticRepliesSetting",
    "dateFormat",
    "timeFormat",
    "delegateMeetingMessageDeliveryOptions",
];

/// `GET …/mailboxSettings`, `GET …/mailboxSettings/timeZone`.
pub(super) fn get(visit: &Visit<'_>, name: Option<&str>) -> Result<Answer, GraphError> {
    let mailbox = visit.store()?;
    let context = format!("{}/v1.0/$metadata#users('{}')/mailboxSettings", visit.call.base, encode(visit.address));
    let settings = &mailbox.settings.0;
    let Some(name) = name else {
        let wanted: Option<Vec<String>> =
            visit.call.option("select").map(|select| select.split(',').map(|name| name.trim().to_lowercase()).collect());
        let is_wanted = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted.contains(&name.to_lowercase()));
        let mut body: Map<String, Value> =
            settings.iter().filter(|(name, _)| is_wanted(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
        body.insert("@odata.context".to_owned(), json!(context));
        return Ok(Answer::graph(200, Value::Object(body)));
    };
    let found = settings.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
    let (own, value) = found.ok_or_else(|| GraphError::bad_request(format!("Resource not found for the segment '{name}'.")))?;
    let context = format!("{context}/{own}");
    let body = match value {
        Value::Object(members) => {
            let mut body = members.clone();
            body.insert("@odata.context".to_owned(), json!(context));
            Value::Object(body)
        }
        plain => json!({"@odata.context": context, "value": plain}),
    };
    Ok(Answer::graph(200, body))
}

/// `PATCH …/mailboxSettings`.
pub(super) fn change(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let body = visit.call.object()?;
    let changes: Map<String, Value> = body.into_iter().filter(|(name, _)| !name.starts_with('@')).collect();
    if let Some(name) = changes.keys().find(|name| !WRITABLE.contains(&name.as_str())) {
        return Err(GraphError::new(400, "ErrorInvalidRequest", format!("The property '{name}' cannot be set.")));
    }
    let settings = &mut visit.mailbox()?.settings.0;
    for (name, value) in &changes {
        let same_kind = settings.get(name).is_none_or(|own| own.is_string() == value.is_string());
        if !same_kind {
            let text = format!("The value of property '{name}' is of incompatible type.");
            return Err(GraphError::new(400, "RequestBodyRead", text));
        }
        match (settings.get_mut(name), value) {
            (Some(Value::Object(own)), Value::Object(given)) => own.extend(given.clone()),
            _ => drop(settings.insert(name.clone(), value.clone())),
        }
    }
    visit.note_facts("settings_updated", Map::from_iter([("changes".to_owned(), Value::Object(changes))]));
    get(visit, None)
}
