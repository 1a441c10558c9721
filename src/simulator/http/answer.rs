//! An answer before it is HTTP, and Graph's error envelope.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};

/// How Graph labels its JSON.
const GRAPH_JSON: &str = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

/// What an answer carries.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    Empty,
    /// Labelled as Graph labels it.
    Graph(Value),
    /// Plain `application/json`.
    Json(Value),
    Bytes {
        content_type: String,
        bytes: Bytes,
    },
}

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub payload: Payload,
}

impl Answer {
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), payload: Payload::Empty }
    }

    pub fn graph(status: u16, value: Value) -> Self {
        Self { status, headers: Vec::new(), payload: Payload::Graph(value) }
    }

    pub fn json(status: u16, value: Value) -> Self {
        Self { status, headers: Vec::new(), payload: Payload::Json(value) }
    }

    pub fn bytes(status: u16, content_type: &str, bytes: impl Into<Bytes>) -> Self {
        let payload = Payload::Bytes { content_type: content_type.to_owned(), bytes: bytes.into() };
        Self { status, headers: Vec::new(), payload }
    }

    pub fn with(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((header, value.into()));
        self
    }

    /// The label and the bytes.
    pub fn content(&self) -> (Option<String>, Bytes) {
        match &self.payload {
            Payload::Empty => (None, Bytes::new()),
            Payload::Graph(value) => (Some(GRAPH_JSON.to_owned()), value.to_string().into()),
            Payload::Json(value) => (Some("application/json".to_owned()), value.to_string().into()),
            Payload::Bytes { content_type, bytes } => (Some(content_type.clone()), bytes.clone()),
        }
    }

    /// The same answer with its content cut in half, as a proxy that breaks off leaves it.
    pub fn truncated(self) -> Self {
        let (content_type, bytes) = self.content();
        let half = bytes.slice(..bytes.len() / 2);
        Self { payload: Payload::Bytes { content_type: content_type.unwrap_or_default(), bytes: half }, ..self }
    }

    /// The same answer under the label of a web page.
    pub fn mislabelled(self) -> Self {
        let (_, bytes) = self.content();
        Self { payload: Payload::Bytes { content_type: "text/html; charset=utf-8".to_owned(), bytes }, ..self }
    }

    /// As HTTP.
    pub fn into_response(self) -> Response<Body> {
        let (content_type, bytes) = self.content();
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let label = content_type.map(|label| ("content-type", label));
        for (name, value) in self.headers.into_iter().chain(label) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

/// A refusal in Graph's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GraphError {
    pub status: u16,
    pub code: &'static str,
    pub message: String,
    pub headers: Vec<(&'static str, String)>,
}

impl GraphError {
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), headers: Vec::new() }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub fn method_not_allowed() -> Self {
        Self::new(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
    }

    pub fn item_not_found() -> Self {
        Self::new(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    }

    pub fn with(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((header, value.into()));
        self
    }

    /// The envelope; `date` as Graph writes it, without zone.
    pub fn answer(self, request_id: &str, client_request_id: &str, date: &str) -> Answer {
        let inner = json!({"date": date, "request-id": request_id, "client-request-id": client_request_id});
        let body = json!({"error": {"code": self.code, "message": self.message, "innerError": inner}});
        Answer { status: self.status, headers: self.headers, payload: Payload::Json(body) }
    }
}
