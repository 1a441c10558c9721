//! A request taken apart with Graph's tolerance: percent-encoding, `users('id')`, `delta()`, any case, a trailing slash.

use axum::http::{HeaderMap, Method, header};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::answer::GraphError;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub method: Method,
    /// As it was sent, without the query.
    pub path: String,
    /// Decoded; `name('key')` is two segments.
    pub segments: Vec<String>,
    /// Decoded; names in lower case, without `$`.
    query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// `http://HOST:PORT` as the client called it; links in answers stay on it.
    pub base: String,
    /// Part of a batch: it has no framing of its own.
    pub is_inner: bool,
}

/// The call that these pieces make. `origin` is where it arrived, which counts where the client names no host and no proxy its scheme.
pub(crate) fn call_of(method: Method, target: &str, headers: HeaderMap, body: Bytes, origin: &str) -> Call {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (scheme, host) = origin.split_once("://").unwrap_or(("http", origin));
    let scheme = if text("x-forwarded-proto") == Some("https") { "https" } else { scheme };
    let host = text("x-forwarded-host").or(text("host")).unwrap_or(host);
    Call {
        method,
        path: path.to_owned(),
        segments: segments(path),
        query: query.split('&').filter(|pair| !pair.is_empty()).map(option).collect(),
        base: format!("{scheme}://{host}"),
        headers,
        body,
        is_inner: false,
    }
}

fn segments(path: &str) -> Vec<String> {
    let mut segments = Vec::new();
    for raw in path.split('/').filter(|segment| !segment.is_empty()) {
        let segment = percent_decode(raw, Plus::Literal);
        match segment.strip_suffix("')").and_then(|start| start.split_once("('")) {
            Some((name, key)) => segments.extend([name.to_owned(), key.replace("''", "'")]),
            None => segments.push(segment.strip_suffix("()").unwrap_or(&segment).to_owned()),
        }
    }
    segments
}

fn option(pair: &str) -> (String, String) {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    let name = percent_decode(name, Plus::Space).to_lowercase();
    (name.trim_start_matches('$').to_owned(), percent_decode(value, Plus::Space))
}

/// What `+` means: a space in queries and forms, itself in paths.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plus {
    Space,
    Literal,
}

/// Percent-decoding; what is no valid escape stays as it is.
pub(crate) fn percent_decode(text: &str, plus: Plus) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match (escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()), bytes[at]) {
            (Some(byte), _) => {
                out.push(byte);
                at += 2;
            }
            (None, b'+') if plus == Plus::Space => out.push(b' '),
            (None, byte) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

impl Call {
    /// The same call with the first `words` of its path, `me`, spelled out.
    pub fn of_user(&self, user: &str, words: usize) -> Self {
        let head = ["users".to_owned(), user.to_owned()];
        let segments = self.segments.iter().take(1).chain(&head).chain(self.segments.iter().skip(1 + words));
        Self { segments: segments.cloned().collect(), ..self.clone() }
    }

    /// A query option, named without `$`.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// A query option of OData that stands there twice.
    pub fn doubled_option(&self) -> Option<&str> {
        let system = ["select", "filter", "orderby", "top", "skip", "count", "expand", "search", "skiptoken", "deltatoken"];
        let twice = |name: &&&str| self.query.iter().filter(|(own, _)| own == **name).count() > 1;
        system.iter().find(twice).copied()
    }

    /// All query options, names without `$`.
    pub fn options(&self) -> &[(String, String)] {
        &self.query
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A preference of the `Prefer` headers, without quotes; several may stand in one header.
    pub fn prefer(&self, name: &str) -> Option<&str> {
        let values = self.headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split([',', ';'])).find_map(|preference| {
            let (own, value) = preference.split_once('=')?;
            own.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
        })
    }

    /// Whether ids are asked for in their immutable form; the value compares with case.
    pub fn wants_immutable_ids(&self) -> bool {
        self.prefer("IdType") == Some("ImmutableId")
    }

    pub fn content_type(&self) -> &str {
        self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Whether the body is base64 MIME.
    pub fn is_mime(&self) -> bool {
        self.content_type().to_lowercase().starts_with("text/plain")
    }

    /// The body as a JSON object; an empty body is an empty object.
    pub fn object(&self) -> Result<Map<String, Value>, GraphError> {
        if self.body.is_empty() {
            return Ok(Map::new());
        }
        if !self.content_type().to_lowercase().contains("json") {
            return Err(GraphError::new(415, "UnsupportedMediaType", "A Content-Type of application/json is required."));
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(object)) => Ok(object),
            _ => Err(GraphError::bad_request(
                "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(target: &str) -> Call {
        call_of(Method::GET, target, HeaderMap::new(), Bytes::new(), "http://h:1")
    }

    #[test]
    fn key_syntax_function_brackets_and_escapes_are_one_grammar() {
        let wanted = ["v1.0", "users", "a@contoso.com", "mailFolders", "inbox", "messages", "delta"];
        for path in [
            "/v1.0/users/a%40contoso.com/mailFolders/inbox/messages/delta",
            "/v1.0/users('a@contoso.com')/mailFolders('inbox')/messages/delta()/",
        ] {
            assert_eq!(call(path).segments, wanted, "{path}");
        }
    }

    #[test]
    fn options_lose_their_dollar_case_and_encoding() {
        let call = call("/x?$FILTER=internetMessageId%20eq+'%3Ca%2Bb%3E'&top=5");
        assert_eq!(call.option("filter"), Some("internetMessageId eq '<a+b>'"));
        assert_eq!(call.option("top"), Some("5"));
    }
}
