//! SMTP TLS reports (RFC 8460).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::RECORDS_MAX;

/// How connections of one sender's servers to ours came about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsReport {
    /// Who reports.
    pub organization: Option<String>,
    /// Where to ask.
    pub contact: Option<String>,
    /// The report's id.
    pub id: Option<String>,
    /// From when on.
    pub begin: Option<Timestamp>,
    /// Until when.
    pub end: Option<Timestamp>,
    /// What came of it, by policy.
    pub policies: Vec<TlsPolicy>,
}

/// What came of one policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsPolicy {
    /// `sts`, `tlsa`, `no-policy-found`.
    pub kind: Option<String>,
    /// The domain it is about.
    pub domain: Option<String>,
    /// Connections that came about.
    pub successful: i64,
    /// Connections that did not.
    pub failed: i64,
    /// Why not.
    pub failures: Vec<TlsFailure>,
}

/// Connections that failed for one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsFailure {
    /// `certificate-expired`, `starttls-not-supported` …
    pub result: Option<String>,
    /// The server that sent.
    pub sending_ip: Option<String>,
    /// The server that should have received.
    pub receiving_host: Option<String>,
    /// How many.
    pub count: i64,
    /// What else is said.
    pub reason: Option<String>,
}

/// Reads a report; `None` where the JSON is something else.
pub(super) fn read(json: &Value) -> Option<TlsReport> {
    let policies = json.get("policies")?.as_array()?;
    json.get("date-range").or_else(|| json.get("report-id"))?;
    Some(TlsReport {
        organization: text(json, "/organization-name"),
        contact: text(json, "/contact-info"),
        id: text(json, "/report-id"),
        begin: moment(json, "/date-range/start-datetime"),
        end: moment(json, "/date-range/end-datetime"),
        policies: policies.iter().take(RECORDS_MAX).map(policy).collect(),
    })
}

fn policy(json: &Value) -> TlsPolicy {
    // One failure is often written without a list around it.
    let failures = match json.get("failure-details") {
        Some(Value::Array(several)) => several.as_slice(),
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => &[],
    };
    TlsPolicy {
        kind: text(json, "/policy/policy-type"),
        domain: text(json, "/policy/policy-domain"),
        successful: count(json, "/summary/total-successful-session-count"),
        failed: count(json, "/summary/total-failure-session-count"),
        failures: failures.iter().take(RECORDS_MAX).map(failure).collect(),
    }
}

fn failure(json: &Value) -> TlsFailure {
    TlsFailure {
        result: text(json, "/result-type"),
        sending_ip: text(json, "/sending-mta-ip"),
        receiving_host: text(json, "/receiving-mx-hostname"),
        count: count(json, "/failed-session-count"),
        reason: text(json, "/failure-reason-code").or_else(|| text(json, "/additional-information")),
    }
}

fn text(json: &Value, path: &str) -> Option<String> {
    let text = json.pointer(path)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn count(json: &Value, path: &str) -> i64 {
    json.pointer(path).and_then(Value::as_i64).unwrap_or(0)
}

fn moment(json: &Value, path: &str) -> Option<Timestamp> {
    json.pointer(path)?.as_str()?.trim().parse().ok()
}
