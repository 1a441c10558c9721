//! One call to Graph as a value, and its answer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::Value;

use super::error::{GraphError, Refusal};
use crate::outgoing::retry_after;

/// Largest JSON answer that is read: 10 MB.
pub(super) const JSON_MAX: usize = 10_000_000;

/// What a call changes; it decides what an unclear end means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    Read,
    /// Something that comes to the same when it is done twice: a patch, a move, a deletion, a folder.
    Repeatable,
    /// Something that exists twice when it is done twice: a draft, a copy.
    Once,
    /// Mail leaves the mailbox.
    Sends,
}

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Method and path pattern, for errors and spans: it names no id.
    pub name: &'static str,
    pub method: Method,
    pub url: Url,
    pub effect: Effect,
    pub body: Option<Value>,
    pub headers: Vec<(HeaderName, String)>,
    pub answer_max: usize,
    pub timeout: Duration,
}

/// One call to an address that Graph gave out with its permission in it. What it changes comes to the same when it is done twice.
pub(super) struct OpenCall {
    pub name: &'static str,
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub timeout: Duration,
}

/// A successful answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub call: &'static str,
    pub effect: Effect,
    pub body: Bytes,
}

impl Answer {
    pub fn json<T: for<'de> Deserialize<'de>>(&self) -> Result<T, GraphError> {
        serde_json::from_slice(&self.body).map_err(|why| {
            let told = format!("the answer is not what Graph promises: {}", self.disguised().unwrap_or_else(|| why.to_string()));
            GraphError::bad_answer(self.call, self.effect, &told)
        })
    }

    /// The error that an answer holds although its status says success.
    fn disguised(&self) -> Option<String> {
        let envelope: Value = serde_json::from_slice(&self.body).ok()?;
        let error = envelope.get("error")?;
        let message = error.get("message").and_then(Value::as_str).map(first_line).unwrap_or_default();
        Some(format!("it holds the error {}: {message}", innermost_code(error)?))
    }
}

/// What a failing answer says, from its headers and its error envelope.
pub(super) fn refusal(status: u16, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Refusal {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let envelope: Value = serde_json::from_slice(body).unwrap_or_default();
    let (code, message) = match envelope.get("error") {
        // The token endpoint's form: `error` is a word, the text stands beside it.
        Some(Value::String(word)) => {
            (Some(word.clone()), envelope.get("error_description").and_then(Value::as_str).map(first_line))
        }
        Some(error) => (innermost_code(error), error.get("message").and_then(Value::as_str).map(first_line)),
        None => (None, None),
    };
    let claims = headers.get_all(WWW_AUTHENTICATE).iter().find_map(challenge);
    let inner_status = message.as_deref().filter(|_| code.as_deref() == Some("ExtensionError")).and_then(inner_status);
    Refusal {
        status,
        code: if claims.is_some() { Some("insufficient_claims".to_owned()) } else { code },
        message: message.filter(|text| !text.is_empty()).unwrap_or_else(|| "the answer has no explanation".to_owned()),
        retry_after: retry_after(headers, now),
        request_id: header("request-id").or_else(|| header("x-ms-request-id")),
        claims,
        inner_status,
    }
}

/// `Operation: Create; Exception: [Status Code: Forbidden; Reason: …]`: the status of the service that Graph asked.
fn inner_status(message: &str) -> Option<u16> {
    const NAMES: [(&str, u16); 9] = [
        ("BadRequest", 400),
        ("Unauthorized", 401),
        ("Forbidden", 403),
        ("NotFound", 404),
        ("Conflict", 409),
        ("TooManyRequests", 429),
        ("InternalServerError", 500),
        ("ServiceUnavailable", 503),
        ("GatewayTimeout", 504),
    ];
    let name = message.split_once("[Status Code: ")?.1.split([';', ']']).next()?;
    NAMES.iter().find(|(own, _)| *own == name).map(|(_, status)| *status)
}

/// What a 401 wants the next token to prove: `Bearer …, error="insufficient_claims", claims="<base64 of JSON>"`.
fn challenge(header: &HeaderValue) -> Option<Value> {
    let text = header.to_str().ok()?;
    let claims = text.split_once("claims=\"")?.1.split('"').next()?;
    let json = STANDARD.decode(claims).or_else(|_| URL_SAFE_NO_PAD.decode(claims.trim_end_matches('='))).ok()?;
    serde_json::from_slice(&json).ok().filter(Value::is_object)
}

/// The outermost code, unless it only says that an inner one knows better.
fn innermost_code(error: &Value) -> Option<String> {
    const VAGUE: [&str; 5] = ["UnknownError", "BadRequest", "generalException", "invalidRequest", "ExtensionError"];
    let outer = error.get("code").and_then(Value::as_str)?;
    if !VAGUE.iter().any(|vague| vague.eq_ignore_ascii_case(outer)) {
        return Some(outer.to_owned());
    }
    let deeper = |error: &Value| error.get("innerError").or_else(|| error.get("innererror")).cloned();
    let nested = std::iter::successors(deeper(error), deeper).take(8);
    nested.filter_map(|inner| Some(inner.get("code")?.as_str()?.to_owned())).last().or_else(|| Some(outer.to_owned()))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(500).collect()
}

/// A `client-request-id`: a GUID by its form, unique by a random start and a counter.
pub(super) struct RequestIds {
    seed: u64,
    count: AtomicU64,
}

impl RequestIds {
    pub fn new() -> Self {
        use std::hash::{BuildHasher, Hasher};
        // The standard library seeds its hash maps from the operating system's randomness.
        let seed = std::collections::hash_map::RandomState::new().build_hasher().finish();
        Self { seed, count: AtomicU64::new(0) }
    }

    pub fn next(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let (high, low) = (self.seed >> 32, self.seed & 0xffff_ffff);
        format!("{high:08x}-{:04x}-4{:03x}-8{:03x}-{count:012x}", low >> 16, low & 0xfff, (low >> 12) & 0xf)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn both_error_envelopes_are_read() {
        let now = Timestamp::UNIX_EPOCH;
        let graph = br#"{"error":{"code":"UnknownError","message":"A.\nB.","innerError":{"code":"ErrorBusy"}}}"#;
        let read = refusal(503, &HeaderMap::new(), graph, now);
        assert_eq!((read.code.as_deref(), read.message.as_str()), (Some("ErrorBusy"), "A."));
        let login = br#"{"error":"invalid_client","error_description":"AADSTS7000215: Wrong.\r\nTrace ID: x"}"#;
        let read = refusal(401, &HeaderMap::new(), login, now);
        assert_eq!((read.code.as_deref(), read.message.as_str()), (Some("invalid_client"), "AADSTS7000215: Wrong."));
        let read = refusal(502, &HeaderMap::new(), b"<html>", now);
        assert_eq!((read.code, read.message.as_str()), (None, "the answer has no explanation"));
    }

    #[test]
    fn request_ids_have_the_form_of_a_guid_and_differ() {
        let ids = RequestIds::new();
        let (first, second) = (ids.next(), ids.next());
        assert_eq!(first.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_ne!(first, second);
    }
}
