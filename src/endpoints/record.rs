//! A record and how it is laid out in a body: the same bytes each time it is posted.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::json;

use super::settings::Profile;

/// A record to be posted.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Names the record for good: the same on each repeat.
    pub key: &'a str,
    /// The record's JSON.
    pub json: &'a [u8],
    /// The message it is about.
    pub origin: &'a Origin,
}

/// The message that a record is about. None of it changes between repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The mailbox's address.
    pub mailbox: String,
    /// The message's `Message-ID`, if it has one.
    pub message_id: Option<String>,
    /// When it was decided that the record is to be posted.
    pub decided: Timestamp,
}

/// The media type and the bytes of a record's body. The record's own bytes are taken over as they are.
pub(super) fn body(profile: &Profile, record: &Record<'_>) -> (&'static str, Vec<u8>) {
    let Profile::CloudEvents { event_type } = profile else { return ("application/json", record.json.to_vec()) };
    let origin = record.origin;
    let mut event = json!({
        "specversion": "1.0",
        "id": record.key,
        "source": format!("/mailboxes/{}", encoded(&origin.mailbox)),
        "type": event_type,
        "time": origin.decided.to_string(),
        "datacontenttype": "application/json",
    });
    if let Some(message_id) = origin.message_id.as_deref().filter(|id| !id.is_empty()) {
        event["subject"] = json!(message_id);
    }
    let mut bytes = event.to_string().into_bytes();
    bytes.pop();
    bytes.extend_from_slice(b",\"data\":");
    bytes.extend_from_slice(record.json);
    bytes.push(b'}');
    ("application/cloudevents+json", bytes)
}

/// A mailbox's address as a segment of a path (RFC 3986 §3.3).
fn encoded(address: &str) -> String {
    address.bytes().fold(String::with_capacity(address.len()), |mut text, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'@' | b'+' => text.push(char::from(byte)),
            _ => drop(write!(text, "%{byte:02X}")),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::Value;

    use super::*;

    fn origin() -> Origin {
        Origin {
            mailbox: "invoices@contoso.com".into(),
            message_id: Some("<1@fabrikam.com>".into()),
            decided: "2026-03-02T09:00:00.25Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_cloud_event_holds_the_record_as_it_is() {
        let profile = Profile::CloudEvents { event_type: "com.contoso.invoice".into() };
        let record = Record { key: "k1", json: br#"{"total":1.50}"#, origin: &origin() };
        let (media_type, bytes) = body(&profile, &record);
        assert_eq!(media_type, "application/cloudevents+json");
        assert!(String::from_utf8_lossy(&bytes).ends_with(r#","data":{"total":1.50}}"#));
        let expected = json!({
            "specversion": "1.0", "id": "k1", "source": "/mailboxes/invoices@contoso.com", "type": "com.contoso.invoice",
            "subject": "<1@fabrikam.com>", "time": "2026-03-02T09:00:00.25Z", "datacontenttype": "application/json",
            "data": { "total": 1.5 },
        });
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), expected);
        assert_eq!(body(&profile, &record).1, bytes);
    }

    #[test]
    fn a_message_without_an_id_gives_an_event_without_a_subject() {
        let origin = Origin { message_id: None, mailbox: "a b/c@contoso.com".into(), ..origin() };
        let record = Record { key: "k1", json: b"null", origin: &origin };
        let (_, bytes) = body(&Profile::CloudEvents { event_type: "t".into() }, &record);
        let event: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((event.get("subject"), &event["source"]), (None, &json!("/mailboxes/a%20b%2Fc@contoso.com")));
        assert_eq!(body(&Profile::Standard, &record), ("application/json", b"null".to_vec()));
    }
}
