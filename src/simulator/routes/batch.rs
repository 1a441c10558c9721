//! `POST /$batch`: up to twenty calls in one; each answered on its own.
//!
//! They are done in the order of the list, but each after those that it depends on; a failed predecessor gives 424.

use std::collections::HashSet;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::simulator::http::{Answer, Call, GraphError, call_of};

/// The most calls of one batch.
const ITEMS_MAX: usize = 20;

/// One call of a batch.
#[derive(Clone, Debug)]
pub(crate) struct BatchItem {
    pub id: String,
    pub depends_on: Vec<String>,
    pub call: Call,
}

/// The calls of a batch; an envelope that is not acceptable is refused whole.
pub(crate) fn batch_items(outer: &Call) -> Result<Vec<BatchItem>, GraphError> {
    let body = outer.object()?;
    let requests = body.get("requests").and_then(Value::as_array);
    let requests = requests.ok_or_else(|| GraphError::bad_request("Invalid batch payload format."))?;
    if requests.len() > ITEMS_MAX {
        return Err(GraphError::bad_request(format!("Number of batch request steps exceeds the maximum value of {ITEMS_MAX}.")));
    }
    let mut seen = HashSet::new();
    let mut items = Vec::new();
    for request in requests {
        let id = request["id"].as_str().unwrap_or_default().to_owned();
        if id.is_empty() || !seen.insert(id.to_lowercase()) {
            return Err(GraphError::bad_request("Invalid batch: every request needs an id of its own."));
        }
        let depends_on =
            request["dependsOn"].as_array().map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        items.push(BatchItem { call: inner(outer, request, &id)?, id, depends_on: depends_on.unwrap_or_default() });
    }
    in_order(items)
}

/// Each call after those that it depends on, otherwise as they came.
fn in_order(mut waiting: Vec<BatchItem>) -> Result<Vec<BatchItem>, GraphError> {
    let mut ordered: Vec<BatchItem> = Vec::new();
    while !waiting.is_empty() {
        let is_done = |id: &String| ordered.iter().any(|done| done.id.eq_ignore_ascii_case(id));
        let Some(place) = waiting.iter().position(|item| item.depends_on.iter().all(is_done)) else {
            let stuck: Vec<&str> = waiting.iter().map(|item| item.id.as_str()).collect();
            let text =
                format!("Invalid batch: dependsOn of {} names requests that are not there or each other.", stuck.join(", "));
            return Err(GraphError::bad_request(text));
        };
        ordered.push(waiting.remove(place));
    }
    Ok(ordered)
}

fn inner(outer: &Call, request: &Value, id: &str) -> Result<Call, GraphError> {
    let method = request["method"].as_str().unwrap_or_default().to_uppercase();
    let method =
        [Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE].into_iter().find(|own| own.as_str() == method);
    let method = method.ok_or_else(|| GraphError::bad_request(format!("Invalid batch: request {id} has no HTTP method.")))?;
    let url = request["url"].as_str().unwrap_or_default();
    if url.is_empty() {
        return Err(GraphError::bad_request(format!("Invalid batch: request {id} has no url.")));
    }
    let labels = |(name, _): (&String, &Value)| name.eq_ignore_ascii_case("content-type");
    if !request["body"].is_null() && !request["headers"].as_object().is_some_and(|headers| headers.iter().any(labels)) {
        let text = format!("Write request id : {id} does not contain Content-Type header or body.");
        return Err(GraphError::bad_request(text));
    }
    let own = format!("{}/v1.0", outer.base);
    let relative = url.strip_prefix(own.as_str()).unwrap_or(url).trim_start_matches('/');
    let mut headers = HeaderMap::new();
    for name in ["host", "authorization", "x-forwarded-proto"] {
        if let Some(value) = outer.headers.get(name) {
            headers.insert(name, value.clone());
        }
    }
    for (name, value) in request["headers"].as_object().into_iter().flatten() {
        let pair = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value.as_str().unwrap_or_default()));
        if let (Ok(name), Ok(value)) = pair {
            headers.insert(name, value);
        }
    }
    let body = match &request["body"] {
        Value::Null => Bytes::new(),
        Value::String(text) => Bytes::from(text.clone()),
        other => Bytes::from(other.to_string()),
    };
    let mut call = call_of(method, &format!("/v1.0/{relative}"), headers, body, "");
    call.is_inner = true;
    Ok(call)
}

/// The batch's answer.
pub(crate) fn batch_answer(answers: Vec<(String, Answer)>) -> Answer {
    let responses: Vec<Value> = answers
        .into_iter()
        .map(|(id, answer)| {
            let (label, bytes) = answer.content();
            let mut headers: serde_json::Map<String, Value> =
                answer.headers.iter().map(|(n, v)| ((*n).to_owned(), json!(v))).collect();
            if let Some(label) = label {
                headers.insert("Content-Type".to_owned(), json!(label));
            }
            let body = serde_json::from_slice::<Value>(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)));
            let mut response = json!({"id": id, "status": answer.status, "headers": headers});
            if !bytes.is_empty() {
                response["body"] = body;
            }
            response
        })
        .collect();
    Answer::graph(200, json!({"responses": responses}))
}
