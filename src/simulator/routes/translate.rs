//! `translateExchangeIds`: one item's id in another format.
//!
//! Default and immutable REST ids are looked up; the binary formats of Exchange are writings of those two, as this tenant makes them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::{Value, json};

use super::fields::argument;
use super::visit::Visit;
use crate::simulator::http::{Answer, GraphError};

/// The most ids of one call.
const IDS_MAX: usize = 1_000;

/// A format of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Entry,
    Ews,
    ImmutableEntry,
    Rest,
    RestImmutable,
}

const FORMATS: [(&str, Format); 5] = [
    ("entryId", Format::Entry),
    ("ewsId", Format::Ews),
    ("immutableEntryId", Format::ImmutableEntry),
    ("restId", Format::Rest),
    ("restImmutableEntryId", Format::RestImmutable),
];

impl Format {
    /// The REST id that is written so.
    fn read(self, id: &str) -> Option<String> {
        match self {
            Self::Rest | Self::RestImmutable => Some(id.to_owned()),
            Self::Ews => Some(id.replace('/', "-").replace('+', "_")),
            Self::Entry | Self::ImmutableEntry => String::from_utf8(URL_SAFE.decode(id).ok()?).ok(),
        }
    }

    fn write(self, default: &str, immutable: &str) -> String {
        match self {
            Self::Rest => default.to_owned(),
            Self::RestImmutable => immutable.to_owned(),
            Self::Ews => default.replace('-', "/").replace('_', "+"),
            Self::Entry => URL_SAFE.encode(default),
            Self::ImmutableEntry => URL_SAFE.encode(immutable),
        }
    }
}

/// `POST /users/{id}/translateExchangeIds`.
pub(super) fn translate(visit: &Visit<'_>) -> Result<Answer, GraphError> {
    let body = visit.call.object()?;
    let required = |name: &str| GraphError::bad_request(format!("The parameter '{name}' is required."));
    let format = |name: &str| {
        let word = argument(&body, name).and_then(Value::as_str).ok_or_else(|| required(name))?;
        let known = FORMATS.iter().find(|(own, _)| own.eq_ignore_ascii_case(word)).map(|(_, format)| *format);
        known.ok_or_else(|| GraphError::bad_request(format!("Requested value '{word}' was not found.")))
    };
    let (source, target) = (format("sourceIdType")?, format("targetIdType")?);
    let ids = argument(&body, "inputIds").and_then(Value::as_array).ok_or_else(|| required("inputIds"))?;
    if ids.len() > IDS_MAX {
        return Err(GraphError::bad_request(format!("The number of inputIds exceeds the maximum of {IDS_MAX}.")));
    }
    let mailbox = visit.store()?;
    let rows = ids.iter().map(|id| {
        let written = id.as_str().unwrap_or_default();
        let key = source.read(written).and_then(|id| mailbox.find(&id).ok());
        match key.and_then(|key| mailbox.message(key)) {
            Some(message) => json!({"sourceId": written, "targetId": target.write(&message.id, &message.immutable_id)}),
            None => json!({
                "sourceId": written,
                "targetId": null,
                "errorDetails": {"code": "ErrorInvalidIdMalformed", "message": "Id is malformed."},
            }),
        }
    });
    let context = format!("{}/v1.0/$metadata#Collection(microsoft.graph.convertIdResult)", visit.call.base);
    Ok(Answer::graph(200, json!({"@odata.context": context, "value": rows.collect::<Vec<_>>()})))
}
