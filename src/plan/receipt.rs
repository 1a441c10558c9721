//! What an earlier post will answer, as a value that stands in records and templates until it has.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::EndpointName;

/// The reserved key under which a receipt stands in a record's JSON. Rules cannot write keys that begin with `$`.
const KEY: &str = "$result";

/// `record.result("id")`: the field `path` of what action number `action` of the same plan gets as its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The post's position in the plan, from 0.
    pub action: usize,
    /// The endpoint it goes to, for people.
    pub endpoint: EndpointName,
    /// The field of the answer; parts separated by `.`.
    pub path: String,
}

impl Receipt {
    /// The form in which it stands in a record.
    pub fn to_value(&self) -> Value {
        serde_json::json!({ KEY: self })
    }

    fn of(value: &Value) -> Option<Self> {
        serde_json::from_value(value.as_object().filter(|map| map.len() == 1)?.get(KEY)?.clone()).ok()
    }
}

impl std::fmt::Display for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "‹{} from {}›", self.path, self.endpoint)
    }
}

/// The record with every receipt shown to people as `‹id from erp›`.
pub fn show(value: &Value) -> Value {
    replace(value, &|receipt| Ok::<_, std::convert::Infallible>(Value::String(receipt.to_string()))).unwrap_or_default()
}

/// The record with every receipt filled in from the answers of the plan's earlier actions.
///
/// # Errors
/// The first receipt whose action has no answer, or whose answer has no such field.
pub fn fill(value: &Value, answers: &dyn Fn(usize) -> Option<Value>) -> Result<Value, Receipt> {
    replace(value, &|receipt| {
        let answer = answers(receipt.action);
        receipt
            .path
            .split('.')
            .try_fold(answer.as_ref(), |at, part| Some(at?.get(part)))
            .flatten()
            .cloned()
            .ok_or_else(|| receipt.clone())
    })
}

fn replace<E>(value: &Value, with: &dyn Fn(&Receipt) -> Result<Value, E>) -> Result<Value, E> {
    if let Some(receipt) = Receipt::of(value) {
        return with(&receipt);
    }
    Ok(match value {
        Value::Array(items) => Value::Array(items.iter().map(|item| replace(item, with)).collect::<Result<_, _>>()?),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, item)| Ok((key.clone(), replace(item, with)?))).collect::<Result<_, _>>()?)
        }
        other => other.clone(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record() -> Value {
        let id = Receipt { action: 0, endpoint: "erp".into(), path: "invoice.id".into() };
        json!({ "number": "7", "refs": [id.to_value()] })
    }

    #[test]
    fn a_receipt_is_shown_until_it_is_filled() {
        assert_eq!(show(&record()), json!({ "number": "7", "refs": ["‹invoice.id from erp›"] }));
        let answered = fill(&record(), &|action| (action == 0).then(|| json!({ "invoice": { "id": 42 } })));
        assert_eq!(answered, Ok(json!({ "number": "7", "refs": [42] })));
    }

    #[test]
    fn a_receipt_that_cannot_be_filled_is_named() {
        let unanswered = fill(&record(), &|_| Some(json!({ "id": 42 })));
        assert_eq!(unanswered.map_err(|receipt| receipt.path), Err("invoice.id".to_owned()));
    }
}
