//! Reports that something was not delivered: delivery status notifications (RFC 3464), as Exchange sends them too; of programs that
//! do not follow it, what they write.

use super::bounce_text;
use super::content::Content;
use super::envelope::Envelope;
use super::message::{Message, NeedsContent};
use super::parse;

/// Recipients read of one report.
const RECIPIENTS_MAX: usize = 1_000;

/// A report of mail that was not delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounce {
    /// Who did not get it; delayed, relayed and delivered ones are left out.
    pub recipients: Vec<BouncedRecipient>,
    /// The envelope of the message that was not delivered, where the report has it.
    pub original: Option<Envelope>,
}

/// One recipient who did not get the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BouncedRecipient {
    /// The address.
    pub address: String,
    /// Trying again will not help (status 5.x.x, RFC 3463 §3.1).
    pub permanent: bool,
    /// The status code, `5.1.1`.
    pub code: Option<String>,
    /// What the server said.
    pub reason: Option<String>,
}

impl Message {
    /// The report this message is; `None` for other mail, and for a notice that delivery is only delayed.
    pub fn bounce(&self) -> Result<Option<Bounce>, NeedsContent> {
        if !self.may_be_report()? {
            return Ok(None);
        }
        let content = self.content()?;
        let statuses = content
            .attachments()
            .iter()
            .filter(|part| matches!(part.content_type(), "message/delivery-status" | "message/global-delivery-status"));
        let mut recipients = Vec::new();
        let mut has_status = false;
        for status in statuses {
            has_status = true;
            recipients.extend(failed_recipients(status.bytes()));
        }
        let mut returned = original(content);
        if !has_status {
            let told = bounce_text::read(content.text());
            recipients = self.recipients_in_header(&told.recipients)?;
            if recipients.is_empty() {
                recipients = told.recipients;
            }
            returned = returned.or_else(|| told.original.and_then(quoted_envelope));
        }
        recipients.truncate(RECIPIENTS_MAX);
        if recipients.is_empty() {
            return Ok(None);
        }
        Ok(Some(Bounce { recipients, original: returned }))
    }

    /// Whether the header allows for a report at all; most mail is told apart without looking inside.
    pub(super) fn may_be_report(&self) -> Result<bool, NeedsContent> {
        if self.has("X-Failed-Recipients")? {
            return Ok(true);
        }
        let kind = self.header("Content-Type")?.unwrap_or_default().trim_start().to_ascii_lowercase();
        if kind.starts_with("multipart/report") {
            return Ok(["disposition-notification", "feedback-report", "tlsrpt"].iter().all(|other| !kind.contains(other)));
        }
        Ok(self.is_of_server() && self.envelope.subject.as_deref().is_some_and(bounce_text::is_subject))
    }

    /// Whether it comes from where servers write reports.
    fn is_of_server(&self) -> bool {
        let sender = self.envelope.from.as_ref().map(|from| from.address.to_ascii_lowercase()).unwrap_or_default();
        let local = sender.split('@').next().unwrap_or_default();
        matches!(local, "mailer-daemon" | "postmaster" | "mailerdaemon" | "mail-daemon") || local.starts_with("microsoftexchange")
    }

    /// Exim and others name the recipients in a field; the reasons stand in the text.
    fn recipients_in_header(&self, told: &[BouncedRecipient]) -> Result<Vec<BouncedRecipient>, NeedsContent> {
        let Some(named) = self.header("X-Failed-Recipients")? else { return Ok(Vec::new()) };
        let code = self.content()?.text().split(|c: char| !c.is_ascii_digit() && c != '.').find(|word| is_code(word));
        let recipients = named.split(',').map(str::trim).filter(|address| address.contains('@'));
        let recipient = |address: &str| {
            let address = address.trim_matches(['<', '>']);
            told.iter().find(|told| told.address.eq_ignore_ascii_case(address)).cloned().unwrap_or_else(|| BouncedRecipient {
                address: address.to_owned(),
                permanent: code.is_none_or(|code| code.starts_with('5')),
                code: code.map(str::to_owned),
                reason: None,
            })
        };
        Ok(recipients.map(recipient).collect())
    }
}

/// The per-recipient blocks with `Action: failed` (RFC 3464 §2.3).
fn failed_recipients(report: &[u8]) -> Vec<BouncedRecipient> {
    blocks(report).into_iter().take(RECIPIENTS_MAX * 2).filter_map(failed_recipient).collect()
}

fn failed_recipient(block: &[u8]) -> Option<BouncedRecipient> {
    let fields = parse::headers(block);
    let field = |name: &str| fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value.as_str());
    let recipient = field("Original-Recipient").filter(|value| value.contains('@')).or_else(|| field("Final-Recipient"))?;
    let code =
        field("Status").and_then(|status| status.split_whitespace().next()).filter(|code| is_code(code)).map(str::to_owned);
    let action = field("Action").map(|action| super::kind::first_word(action).to_ascii_lowercase());
    let is_failed = match action.as_deref() {
        Some(action) => action == "failed",
        None => code.as_deref().is_some_and(|code| code.starts_with('5')),
    };
    if !is_failed {
        return None;
    }
    Some(BouncedRecipient {
        address: typed_value(recipient).trim_matches(['<', '>', ' ']).to_owned(),
        permanent: code.as_deref().is_none_or(|code| code.starts_with('5')),
        reason: field("Diagnostic-Code").map(|value| typed_value(value).to_owned()).filter(|reason| !reason.is_empty()),
        code,
    })
}

/// What stands behind `rfc822;` or `smtp;`.
fn typed_value(value: &str) -> &str {
    value.split_once(';').map_or(value, |(_, value)| value).trim()
}

pub(super) fn is_code(word: &str) -> bool {
    let mut digits = word.split('.');
    let is_class = digits.next().is_some_and(|class| matches!(class, "2" | "4" | "5"));
    let rest: Vec<&str> = digits.collect();
    is_class
        && rest.len() == 2
        && rest.iter().all(|part| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The groups of lines that blank lines part.
fn blocks(report: &[u8]) -> Vec<&[u8]> {
    let mut blocks = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in report.split_inclusive(|&byte| byte == b'\n') {
        if line.trim_ascii().is_empty() {
            blocks.push(report.get(start..at).unwrap_or_default());
            start = at + line.len();
        }
        at += line.len();
    }
    blocks.push(report.get(start..).unwrap_or_default());
    blocks.retain(|block| !block.is_empty());
    blocks
}

fn original(content: &Content) -> Option<Envelope> {
    let returned = content.attachments().iter().find(|part| {
        matches!(
            part.content_type(),
            "message/rfc822" | "message/global" | "text/rfc822-headers" | "message/rfc822-headers" | "message/global-headers"
        )
    })?;
    if let Some(mail) = returned.enclosed() {
        return Some(Envelope { id: None, folder: String::new(), ..mail.envelope.clone() });
    }
    Some(Content::parse(returned.bytes().to_vec()).envelope())
}

/// The envelope of a message that a report's text returns.
fn quoted_envelope(text: &str) -> Option<Envelope> {
    let envelope = Content::parse(text.as_bytes().to_vec()).envelope();
    (envelope.internet_message_id.is_some() || envelope.subject.is_some()).then_some(envelope)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn report(status: &str, returned: &str) -> Message {
        let raw = format!(
            "From: postmaster@contoso.com\r\nTo: orders@contoso.com\r\nSubject: Undeliverable\r\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n\
             --b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n\
             --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns;mx.contoso.com\r\n\r\n{status}\r\n\
             --b\r\nContent-Type: {returned}\r\n\r\nFrom: orders@contoso.com\r\nSubject: Your order\r\nMessage-ID: <7@contoso.com>\r\n\r\n--b--\r\n"
        );
        Message::from_raw(raw.into_bytes(), "b.eml")
    }

    #[test]
    fn a_report_names_recipients_and_the_original() {
        let status = "Final-Recipient: rfc822;ann@fabrikam.com\r\nAction: failed\r\nStatus: 5.1.10\r\n\
            Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound;\r\n Recipient not found\r\n\r\n\
            Final-Recipient: rfc822;bob@fabrikam.com\r\nAction: delivered\r\nStatus: 2.0.0\r\n";
        for returned in ["message/rfc822", "text/rfc822-headers"] {
            let message = report(status, returned);
            let bounce = message.bounce().unwrap().unwrap();
            assert_eq!(
                bounce.recipients,
                [BouncedRecipient {
                    address: "ann@fabrikam.com".to_owned(),
                    permanent: true,
                    code: Some("5.1.10".to_owned()),
                    reason: Some("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found".to_owned()),
                }]
            );
            let original = bounce.original.unwrap();
            assert_eq!(original.subject.as_deref(), Some("Your order"));
            assert_eq!(original.internet_message_id.as_deref(), Some("<7@contoso.com>"));
            assert_eq!(message.is_bounce(), Ok(true));
        }
    }

    #[test]
    fn a_delay_is_no_bounce() {
        let message =
            report("Final-Recipient: rfc822;ann@fabrikam.com\r\nAction: delayed\r\nStatus: 4.4.1\r\n", "message/rfc822");
        assert_eq!(message.bounce(), Ok(None));
        assert_eq!(message.is_bounce(), Ok(false));
    }

    #[test]
    fn a_report_of_qmail_is_one_although_nothing_but_its_text_says_so() {
        let raw = "From: MAILER-DAEMON@mx.contoso.com\r\nTo: orders@contoso.com\r\nSubject: failure notice\r\n\r\n\
            Hi. This is the qmail-send program.\r\n\r\n<ann@fabrikam.com>:\r\n550 5.1.1 unknown\r\n\r\n\
            --- Below this line is a copy of the message.\r\n\r\nSubject: Your order\r\nMessage-ID: <7@contoso.com>\r\n\r\nHello\r\n";
        let message = Message::from_raw(raw.as_bytes().to_vec(), "b.eml");
        let bounce = message.bounce().unwrap().unwrap();
        let expected = BouncedRecipient {
            address: "ann@fabrikam.com".to_owned(),
            permanent: true,
            code: Some("5.1.1".to_owned()),
            reason: Some("550 5.1.1 unknown".to_owned()),
        };
        assert_eq!(bounce.recipients, [expected]);
        assert_eq!(bounce.original.unwrap().internet_message_id.as_deref(), Some("<7@contoso.com>"));
        let person = raw.replace("MAILER-DAEMON@mx", "ann@");
        assert_eq!(Message::from_raw(person.into_bytes(), "b.eml").bounce(), Ok(None));
    }

    #[test]
    fn recipients_named_in_the_header_are_read_where_there_is_no_report() {
        let raw = "From: Mail Delivery System <Mailer-Daemon@fabrikam.com>\r\nX-Failed-Recipients: ann@fabrikam.com\r\n\r\n550 5.1.1 unknown user\r\n";
        let bounce = Message::from_raw(raw.as_bytes().to_vec(), "b.eml").bounce().unwrap().unwrap();
        let expected = BouncedRecipient {
            address: "ann@fabrikam.com".to_owned(),
            permanent: true,
            code: Some("5.1.1".to_owned()),
            reason: None,
        };
        assert_eq!(bounce.recipients, [expected]);
    }
}
