//! DMARC aggregate reports (RFC 7489, appendix C).

use jiff::Timestamp;
use roxmltree::Node;
use serde::{Deserialize, Serialize};

use super::RECORDS_MAX;
use crate::mail::xml::Below;

/// What a receiver saw of mail in a domain's name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DmarcReport {
    /// Who reports.
    pub organization: Option<String>,
    /// Where to ask.
    pub email: Option<String>,
    /// The report's id.
    pub id: Option<String>,
    /// From when on.
    pub begin: Option<Timestamp>,
    /// Until when.
    pub end: Option<Timestamp>,
    /// The domain it is about.
    pub domain: Option<String>,
    /// The domain's policy: `none`, `quarantine`, `reject`.
    pub policy: Option<String>,
    /// The policy for the domains below.
    pub subdomain_policy: Option<String>,
    /// What was seen, by address.
    pub records: Vec<DmarcRecord>,
}

/// Mail of one address that was judged the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DmarcRecord {
    /// The address that sent it.
    pub source_ip: Option<String>,
    /// How many.
    pub count: i64,
    /// What was done: `none`, `quarantine`, `reject`.
    pub disposition: Option<String>,
    /// Whether DKIM passed and fitted the From.
    pub dkim: Option<String>,
    /// Whether SPF passed and fitted the From.
    pub spf: Option<String>,
    /// The domain of the From.
    pub header_from: Option<String>,
    /// The domain of the envelope.
    pub envelope_from: Option<String>,
}

/// Reads a report; `None` where the document is something else.
pub(super) fn read(root: Node<'_, '_>) -> Option<DmarcReport> {
    // Some wrap it into a schema.
    let feedback = root.descendants().filter(Node::is_element).take(50).find(|node| {
        let has = |name: &str| node.first(name).is_some();
        node.tag_name().name() == "feedback" && (has("report_metadata") || has("policy_published") || has("record"))
    })?;
    Some(DmarcReport {
        organization: feedback.text_at("report_metadata/org_name"),
        email: feedback.text_at("report_metadata/email"),
        id: feedback.text_at("report_metadata/report_id"),
        begin: moment(feedback, "report_metadata/date_range/begin"),
        end: moment(feedback, "report_metadata/date_range/end"),
        domain: feedback.text_at("policy_published/domain"),
        policy: lower(feedback, "policy_published/p"),
        subdomain_policy: lower(feedback, "policy_published/sp"),
        records: feedback.all("record").into_iter().take(RECORDS_MAX).map(record).collect(),
    })
}

fn record(node: Node<'_, '_>) -> DmarcRecord {
    DmarcRecord {
        source_ip: node.text_at("row/source_ip"),
        count: node.text_at("row/count").and_then(|count| count.parse().ok()).unwrap_or(0),
        disposition: lower(node, "row/policy_evaluated/disposition"),
        dkim: lower(node, "row/policy_evaluated/dkim"),
        spf: lower(node, "row/policy_evaluated/spf"),
        header_from: node.text_at("identifiers|identities/header_from"),
        envelope_from: node.text_at("identifiers|identities/envelope_from"),
    }
}

fn lower(node: Node<'_, '_>, path: &str) -> Option<String> {
    node.text_at(path).map(|text| text.to_ascii_lowercase())
}

fn moment(node: Node<'_, '_>, path: &str) -> Option<Timestamp> {
    Timestamp::from_second(node.text_at(path)?.parse().ok()?).ok()
}
