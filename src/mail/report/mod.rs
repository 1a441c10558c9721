//! Reports that programs send about mail: DMARC aggregates (RFC 7489, appendix C), TLS (RFC 8460), complaints (ARF, RFC 5965).

mod complaint;
mod dmarc;
mod tls;

use serde::{Deserialize, Serialize};

pub use complaint::Complaint;
pub use dmarc::{DmarcRecord, DmarcReport};
pub use tls::{TlsFailure, TlsPolicy, TlsReport};

/// Records, policies or failures of a report that are read.
const RECORDS_MAX: usize = 50_000;

/// A report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// Who sent mail in our name.
    Dmarc(DmarcReport),
    /// Whether mail to us came encrypted.
    Tls(TlsReport),
    /// Somebody complains of mail of ours.
    Complaint(Complaint),
}

/// The report that an XML document's text is; `None` where it is something else.
pub(super) fn of_xml(root: roxmltree::Node<'_, '_>) -> Option<Report> {
    dmarc::read(root).map(Report::Dmarc)
}

/// The report that JSON is; `None` where it is something else.
pub(super) fn of_json(json: &serde_json::Value) -> Option<Report> {
    tls::read(json).map(Report::Tls)
}

/// The report that a part of type `message/feedback-report` is.
pub(super) fn of_feedback(bytes: &[u8]) -> Report {
    Report::Complaint(complaint::read(bytes))
}

#[cfg(test)]
mod tests;
