//! Reports that programs send about mail.

use rhai::Dynamic;

use super::told::{each, facts, moment, text, texts};
use crate::mail::{Complaint, DmarcRecord, DmarcReport, TlsFailure, TlsPolicy, TlsReport};

facts! { "report";
    dmarc_report: DmarcReport, one "mail.dmarc_report" {
        organization -> text: "Who reports", |it| text(it.value.organization.as_ref());
        email -> text: "Where to ask", |it| text(it.value.email.as_ref());
        id -> text: "The report's id", |it| text(it.value.id.as_ref());
        begin -> moment: "From when on", |it| moment(it.value.begin, &it.zone);
        end -> moment: "Until when", |it| moment(it.value.end, &it.zone);
        domain -> text: "The domain it is about", |it| text(it.value.domain.as_ref());
        policy -> text: "The domain's policy: none, quarantine, reject", |it| text(it.value.policy.as_ref());
        subdomain_policy -> text: "The policy for the domains below", |it| text(it.value.subdomain_policy.as_ref());
        records -> list: "What was seen, by address", |it| each(&it.value.records, &it.zone);
    }
    dmarc_record: DmarcRecord, each "mail.dmarc_report.records" {
        source_ip -> text: "The address that sent", |it| text(it.value.source_ip.as_ref());
        count -> number: "How many mails", |it| Dynamic::from(it.value.count);
        disposition -> text: "What was done: none, quarantine, reject", |it| text(it.value.disposition.as_ref());
        dkim -> text: "\"pass\" where DKIM passed for the From", |it| text(it.value.dkim.as_ref());
        spf -> text: "\"pass\" where SPF passed for the From", |it| text(it.value.spf.as_ref());
        header_from -> text: "The domain of the From", |it| text(it.value.header_from.as_ref());
        envelope_from -> text: "The domain of the envelope", |it| text(it.value.envelope_from.as_ref());
    }
    tls_report: TlsReport, one "mail.tls_report" {
        organization -> text: "Who reports", |it| text(it.value.organization.as_ref());
        contact -> text: "Where to ask", |it| text(it.value.contact.as_ref());
        id -> text: "The report's id", |it| text(it.value.id.as_ref());
        begin -> moment: "From when on", |it| moment(it.value.begin, &it.zone);
        end -> moment: "Until when", |it| moment(it.value.end, &it.zone);
        failures -> list: "What failed, whatever the policy", |it| {
            let failures = it.value.policies.iter().flat_map(|policy| policy.failures.iter().cloned());
            each(&failures.collect::<Vec<TlsFailure>>(), &it.zone)
        };
        policies -> list: "What came of it, by policy", |it| each(&it.value.policies, &it.zone);
    }
    tls_policy: TlsPolicy, each "mail.tls_report.policies" {
        kind -> text: "sts, tlsa, no-policy-found", |it| text(it.value.kind.as_ref());
        domain -> text: "The domain it is about", |it| text(it.value.domain.as_ref());
        successful -> number: "Connections that came about", |it| Dynamic::from(it.value.successful);
        failed -> number: "Connections that did not", |it| Dynamic::from(it.value.failed);
        failures -> list: "Why not", |it| each(&it.value.failures, &it.zone);
    }
    tls_failure: TlsFailure, each "mail.tls_report.failures" {
        result -> text: "certificate-expired, starttls-not-supported …", |it| text(it.value.result.as_ref());
        sending_ip -> text: "The server that sent", |it| text(it.value.sending_ip.as_ref());
        receiving_host -> text: "The server that should have received", |it| text(it.value.receiving_host.as_ref());
        count -> number: "How many connections", |it| Dynamic::from(it.value.count);
        reason -> text: "What else is said", |it| text(it.value.reason.as_ref());
    }
    complaint: Complaint, one "mail.complaint" {
        kind -> text: "abuse, fraud, virus, auth-failure …", |it| text(it.value.kind.as_ref());
        user_agent -> text: "The program that reports", |it| text(it.value.user_agent.as_ref());
        source_ip -> text: "The address from which the mail came", |it| text(it.value.source_ip.as_ref());
        arrived -> text: "When it came, as it was written", |it| text(it.value.arrived.as_ref());
        mail_from -> text: "The sender by the envelope", |it| text(it.value.mail_from.as_ref());
        recipients -> list: "The recipients by the envelope", |it| texts(&it.value.recipients);
        domains -> list: "The domains that are complained of", |it| texts(&it.value.domains);
        auth_failure -> text: "What failed: dkim, spf, dmarc …", |it| text(it.value.auth_failure.as_ref());
        incidents -> number: "How many such mails", |it| Dynamic::from(it.value.incidents);
    }
}
