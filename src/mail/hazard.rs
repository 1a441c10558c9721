//! Why an automatic answer to a message would not be safe (RFC 3834 §2, RFC 5230 §4, MS-OXCMAIL), told by the message alone.
//!
//! Budgets, and whether a person has answered already, are not known here.

use super::kind::first_word;
use super::message::{Message, NeedsContent};

/// Local parts that no person reads.
const NOBODY: [&str; 18] = [
    "mailer-daemon",
    "postmaster",
    "noreply",
    "no-reply",
    "no_reply",
    "do-not-reply",
    "donotreply",
    "do_not_reply",
    "nobody",
    "listserv",
    "majordomo",
    "nicht-antworten",
    "ne-pas-repondre",
    "nepasrepondre",
    "root",
    "daemon",
    "www-data",
    "abuse-report",
];

impl Message {
    /// Why an automatic answer would not be safe; `None` when it would be. `own` are the addresses of our mailboxes.
    /// The text completes "no reply was sent, because …".
    pub fn reply_hazard(&self, own: &[String]) -> Result<Option<String>, NeedsContent> {
        // Most telling first: a bounce also comes from mailer-daemon and is also Auto-Submitted.
        if let Some(hazard) = self.hazard_of_sender(own) {
            return Ok(Some(hazard));
        }
        if let Some(hazard) = self.hazard_of_automation()? {
            return Ok(Some(hazard));
        }
        if let Some(hazard) = self.hazard_of_kind()? {
            return Ok(Some(hazard));
        }
        let is_ours = |address: &str| own.iter().any(|ours| ours.eq_ignore_ascii_case(address));
        let recipients = self.envelope.to.iter().chain(&self.envelope.cc);
        if !own.is_empty()
            && !recipients
                .clone()
                .any(|recipient| is_ours(without_tag(&recipient.address).as_str()) || is_ours(&recipient.address))
        {
            return Ok(Some("our address is neither in To nor in Cc".to_owned()));
        }
        Ok(None)
    }

    fn hazard_of_sender(&self, own: &[String]) -> Option<String> {
        let Some(from) = self.envelope.from.as_ref().filter(|from| from.address.contains('@')) else {
            return Some("the message has no From address".to_owned());
        };
        let senders = [Some(from), self.envelope.sender.as_ref(), self.envelope.reply_to.first()];
        for sender in senders.into_iter().flatten() {
            let address = sender.address.to_ascii_lowercase();
            let local = address.rsplit_once('@').map_or(address.as_str(), |(local, _)| local);
            if own.iter().any(|ours| ours.eq_ignore_ascii_case(&address) || ours.eq_ignore_ascii_case(&without_tag(&address))) {
                return Some(format!("the sender {address} is one of our own mailboxes"));
            }
            if is_nobody(local) {
                return Some(format!("nobody reads {address}"));
            }
        }
        None
    }

    fn hazard_of_automation(&self) -> Result<Option<String>, NeedsContent> {
        if let Some(path) = self.header("Return-Path")?
            && path.trim().trim_matches(['<', '>', '"']).trim().is_empty()
        {
            return Ok(Some("its Return-Path is empty".to_owned()));
        }
        if self.has("x-postroom-action")? {
            return Ok(Some("it was sent by Postroom (x-postroom-action)".to_owned()));
        }
        if let Some(value) = self.header("Auto-Submitted")?
            && !first_word(value).eq_ignore_ascii_case("no")
        {
            return Ok(Some(format!("it was sent automatically (Auto-Submitted: {})", shown(value))));
        }
        if let Some(value) = self.header("X-Auto-Response-Suppress")?
            && value
                .split([',', ' ', ';'])
                .any(|token| token.eq_ignore_ascii_case("all") || token.eq_ignore_ascii_case("autoreply"))
        {
            return Ok(Some(format!("the sender asks for no automatic answer (X-Auto-Response-Suppress: {})", shown(value))));
        }
        if self.is_auto_reply()? {
            return Ok(Some("it is an automatic reply".to_owned()));
        }
        if let Some(list) = self.list_header()? {
            return Ok(Some(format!("the sender is a mailing list ({list})")));
        }
        if let Some(value) = self.header("Precedence")?
            && matches!(first_word(value).to_ascii_lowercase().as_str(), "bulk" | "list" | "junk" | "auto_reply")
        {
            return Ok(Some(format!("it was sent in bulk (Precedence: {})", shown(value))));
        }
        if self.header("X-Spam-Flag")?.is_some_and(|value| first_word(value).eq_ignore_ascii_case("yes")) {
            return Ok(Some("it is marked as spam (X-Spam-Flag)".to_owned()));
        }
        Ok(None)
    }

    /// Reports, receipts and calendar mail, as far as header and parts at hand tell.
    fn hazard_of_kind(&self) -> Result<Option<String>, NeedsContent> {
        let kind = self.header("Content-Type")?.unwrap_or_default().to_ascii_lowercase();
        if kind.starts_with("multipart/report") || kind.starts_with("message/delivery-status") {
            let what = if kind.contains("disposition-notification") { "a read receipt" } else { "a delivery report" };
            return Ok(Some(format!("it is {what}")));
        }
        if self.header("X-Failed-Recipients")?.is_some() {
            return Ok(Some("it is a delivery report (X-Failed-Recipients)".to_owned()));
        }
        let class = self.header("Content-Class")?.unwrap_or_default().to_ascii_lowercase();
        if class.contains("dsn") || class.contains("mdn") || class.starts_with("report.") {
            return Ok(Some("it is a delivery or read receipt (Content-Class)".to_owned()));
        }
        if class.contains("calendarmessage") || kind.starts_with("text/calendar") {
            return Ok(Some("it is a calendar mail".to_owned()));
        }
        if let Ok(content) = self.content() {
            for (kind, detail) in content.part_types() {
                match kind {
                    "text/calendar" if detail.is_some() => return Ok(Some("it is a calendar mail".to_owned())),
                    "message/delivery-status" | "message/global-delivery-status" => {
                        return Ok(Some("it is a delivery report".to_owned()));
                    }
                    "message/disposition-notification" => return Ok(Some("it is a read receipt".to_owned())),
                    _ => {}
                }
            }
        }
        Ok(None)
    }
}

fn is_nobody(local: &str) -> bool {
    let plain = local.split('+').next().unwrap_or(local);
    NOBODY.contains(&plain)
        || plain.starts_with("bounce")
        || plain.starts_with("owner-")
        || ["-request", "-bounces", "-bounce", "-owner", "-noreply", "-no-reply", ".noreply"]
            .iter()
            .any(|end| plain.ends_with(end))
        || plain.starts_with("noreply-")
        || plain.starts_with("no-reply-")
        || plain.starts_with("noreply.")
}

/// `name+tag@domain` without its tag, in lower case.
fn without_tag(address: &str) -> String {
    let address = address.to_ascii_lowercase();
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{}@{domain}", local.split('+').next().unwrap_or(local)),
        None => address,
    }
}

fn shown(value: &str) -> String {
    value.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hazard(header: &str) -> Option<String> {
        let raw = format!("From: Ann <ann@fabrikam.com>\r\nTo: orders@contoso.com\r\n{header}\r\n\r\ntext\r\n");
        Message::from_raw(raw.into_bytes(), "a.eml").reply_hazard(&["orders@contoso.com".to_owned()]).unwrap_or_default()
    }

    #[test]
    fn people_get_answers() {
        for header in [
            "Subject: hello",
            "X-Auto-Response-Suppress: None",
            "X-Auto-Response-Suppress: DR, OOF",
            "Auto-Submitted: no",
            "Return-Path: <ann@fabrikam.com>",
            "Precedence: first-class",
        ] {
            assert_eq!(hazard(header), None, "{header}");
        }
    }

    #[test]
    fn programs_lists_and_reports_get_none() {
        for (header, reason) in [
            ("Return-Path: <>", "its Return-Path is empty"),
            ("Auto-Submitted: auto-generated", "it was sent automatically (Auto-Submitted: auto-generated)"),
            ("Precedence: bulk", "it was sent in bulk (Precedence: bulk)"),
            ("List-Id: <news.fabrikam.com>", "the sender is a mailing list (List-Id)"),
            (
                "X-Auto-Response-Suppress: RN, AutoReply",
                "the sender asks for no automatic answer (X-Auto-Response-Suppress: RN, AutoReply)",
            ),
            ("X-Auto-Response-Suppress: All", "the sender asks for no automatic answer (X-Auto-Response-Suppress: All)"),
            ("x-postroom-action: 0f", "it was sent by Postroom (x-postroom-action)"),
            ("Reply-To: news-bounces@fabrikam.com", "nobody reads news-bounces@fabrikam.com"),
            ("Sender: owner-news@fabrikam.com", "nobody reads owner-news@fabrikam.com"),
            ("Sender: Orders@contoso.com", "the sender orders@contoso.com is one of our own mailboxes"),
            ("Content-Type: text/calendar; method=REQUEST", "it is a calendar mail"),
            ("Content-Type: multipart/report; report-type=disposition-notification; boundary=b", "it is a read receipt"),
            ("Content-Type: multipart/report; report-type=delivery-status; boundary=b", "it is a delivery report"),
        ] {
            assert_eq!(hazard(header).as_deref(), Some(reason), "{header}");
        }
    }

    #[test]
    fn mail_that_was_not_addressed_to_us_gets_none() {
        let raw = b"From: ann@fabrikam.com\r\nTo: someone@fabrikam.com\r\n\r\ntext\r\n".to_vec();
        let hazard = Message::from_raw(raw, "a.eml").reply_hazard(&["orders@contoso.com".to_owned()]);
        assert_eq!(hazard, Ok(Some("our address is neither in To nor in Cc".to_owned())));
    }
}
