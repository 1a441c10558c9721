#![allow(clippy::unwrap_used, clippy::unnecessary_wraps)]

use serde_json::json;

use super::*;
use crate::mail::xml;

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn a_dmarc_report_tells_who_sent_in_our_name() {
    let text = "<feedback><report_metadata><org_name>Fabrikam</org_name><email>dmarc@fabrikam.com</email><report_id>r-1</report_id>\
        <date_range><begin>1793923200</begin><end>1794009599</end></date_range></report_metadata>\
        <policy_published><domain>contoso.com</domain><p>Reject</p><sp>none</sp></policy_published>\
        <record><row><source_ip>192.0.2.7</source_ip><count>12</count><policy_evaluated><disposition>reject</disposition>\
        <dkim>fail</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>contoso.com</header_from></identifiers></record></feedback>";
    let expected = DmarcReport {
        organization: some("Fabrikam"),
        email: some("dmarc@fabrikam.com"),
        id: some("r-1"),
        begin: "2026-11-06T00:00:00Z".parse().ok(),
        end: "2026-11-06T23:59:59Z".parse().ok(),
        domain: some("contoso.com"),
        policy: some("reject"),
        subdomain_policy: some("none"),
        records: vec![DmarcRecord {
            source_ip: some("192.0.2.7"),
            count: 12,
            disposition: some("reject"),
            dkim: some("fail"),
            spf: some("fail"),
            header_from: some("contoso.com"),
            envelope_from: None,
        }],
    };
    let wrapped = format!("<schema>{text}</schema>");
    for text in [text, &wrapped] {
        assert_eq!(of_xml(xml::parse(text).unwrap().root_element()), Some(Report::Dmarc(expected.clone())));
    }
    assert_eq!(of_xml(xml::parse("<feedback><stars>5</stars></feedback>").unwrap().root_element()), None);
}

#[test]
fn a_tls_report_tells_what_failed() {
    let report = json!({
        "organization-name": "Fabrikam", "contact-info": "tls@fabrikam.com", "report-id": "t-1",
        "date-range": { "start-datetime": "2026-11-06T00:00:00Z", "end-datetime": "2026-11-06T23:59:59Z" },
        "policies": [{
            "policy": { "policy-type": "sts", "policy-domain": "contoso.com" },
            "summary": { "total-successful-session-count": 5326, "total-failure-session-count": 3 },
            "failure-details": { "result-type": "certificate-expired", "sending-mta-ip": "192.0.2.7", "receiving-mx-hostname": "mx.contoso.com", "failed-session-count": 3 }
        }]
    });
    let failure = TlsFailure {
        result: some("certificate-expired"),
        sending_ip: some("192.0.2.7"),
        receiving_host: some("mx.contoso.com"),
        count: 3,
        reason: None,
    };
    let policy =
        TlsPolicy { kind: some("sts"), domain: some("contoso.com"), successful: 5326, failed: 3, failures: vec![failure] };
    let expected = TlsReport {
        organization: some("Fabrikam"),
        contact: some("tls@fabrikam.com"),
        id: some("t-1"),
        begin: "2026-11-06T00:00:00Z".parse().ok(),
        end: "2026-11-06T23:59:59Z".parse().ok(),
        policies: vec![policy],
    };
    assert_eq!(of_json(&report), Some(Report::Tls(expected)));
    assert_eq!(of_json(&json!({ "policies": [] })), None);
}

#[test]
fn a_complaint_names_the_mail_that_it_is_about() {
    let text = b"Feedback-Type: Abuse\r\nUser-Agent: Fabrikam/1.0\r\nVersion: 1\r\nOriginal-Mail-From: <news@contoso.com>\r\n\
        Original-Rcpt-To: <ann@fabrikam.com>\r\nOriginal-Rcpt-To: <bob@fabrikam.com>\r\nSource-IP: 192.0.2.7\r\nReported-Domain: contoso.com\r\nIncidents: 4\r\n";
    let expected = Complaint {
        kind: some("abuse"),
        user_agent: some("Fabrikam/1.0"),
        source_ip: some("192.0.2.7"),
        mail_from: some("news@contoso.com"),
        recipients: vec!["ann@fabrikam.com".to_owned(), "bob@fabrikam.com".to_owned()],
        domains: vec!["contoso.com".to_owned()],
        incidents: 4,
        ..Complaint::default()
    };
    assert_eq!(of_feedback(text), Report::Complaint(expected));
}
