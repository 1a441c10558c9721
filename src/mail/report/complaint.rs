//! Complaints: the Abuse Reporting Format (RFC 5965), with what RFC 6591 adds.

use serde::{Deserialize, Serialize};

use crate::mail::parse;

/// Lines of one field that are kept.
const REPEATED_MAX: usize = 1_000;

/// What a receiver's people, or its filters, say of a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// `abuse`, `fraud`, `virus`, `auth-failure`, `not-spam` …
    pub kind: Option<String>,
    /// The program that reports.
    pub user_agent: Option<String>,
    /// The address from which the mail came.
    pub source_ip: Option<String>,
    /// When it came, as it was written.
    pub arrived: Option<String>,
    /// The sender by the envelope.
    pub mail_from: Option<String>,
    /// The recipients by the envelope.
    pub recipients: Vec<String>,
    /// The domains that are complained of.
    pub domains: Vec<String>,
    /// What authentication failed: `dkim`, `spf`, `dmarc` …
    pub auth_failure: Option<String>,
    /// How many such mails.
    pub incidents: i64,
}

/// Reads the fields of a `message/feedback-report`.
pub(super) fn read(bytes: &[u8]) -> Complaint {
    let fields = parse::headers(bytes.trim_ascii());
    let all = |name: &str| {
        let named = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| bare(&field.value)).filter(|value| !value.is_empty()).take(REPEATED_MAX).collect::<Vec<_>>()
    };
    let first = |name: &str| all(name).into_iter().next();
    Complaint {
        kind: first("Feedback-Type").map(|kind| kind.to_ascii_lowercase()),
        user_agent: first("User-Agent"),
        source_ip: first("Source-IP"),
        arrived: first("Arrival-Date").or_else(|| first("Received-Date")),
        mail_from: first("Original-Mail-From"),
        recipients: all("Original-Rcpt-To"),
        domains: all("Reported-Domain"),
        auth_failure: first("Auth-Failure").map(|failure| failure.to_ascii_lowercase()),
        incidents: first("Incidents").and_then(|count| count.parse().ok()).unwrap_or(1),
    }
}

/// An address without its brackets.
fn bare(value: &str) -> String {
    let value = value.trim();
    value.strip_prefix('<').and_then(|value| value.strip_suffix('>')).unwrap_or(value).trim().to_owned()
}
