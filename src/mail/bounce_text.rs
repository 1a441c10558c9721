//! Bounces that do not follow RFC 3464: qmail, Exim, old Sendmail and Exchange, and services that only write to people. What they
//! say stands in their text: an address on a line of its own, and below it the reason.

use super::bounce::BouncedRecipient;

/// Lines of a report that are looked at.
const LINES_MAX: usize = 2_000;
/// Lines of a reason.
const REASON_LINES_MAX: usize = 8;
/// Characters of a reason.
const REASON_MAX: usize = 500;

/// Subjects of reports, in lower case, in the languages that servers speak.
const SUBJECTS: [&str; 30] = [
    "undeliver",
    "undelivered",
    "failure notice",
    "returned mail",
    "returned to sender",
    "mail delivery failed",
    "mail delivery failure",
    "mail delivery system",
    "delivery status notification",
    "delivery failure",
    "delivery failed",
    "delivery notification",
    "mail system error",
    "message could not be delivered",
    "non delivery report",
    "unzustellbar",
    "nicht zugestellt",
    "nicht zustellbar",
    "fehlgeschlagen",
    "non remis",
    "non distribu",
    "échec de la remise",
    "mancato recapito",
    "non recapitabile",
    "no se puede entregar",
    "no entregado",
    "onbestelbaar",
    "niet bezorgd",
    "não entregue",
    "kunde inte levereras",
];

/// Parts of phrases that say that it is only late.
const DELAYS: [&str; 9] = [
    "warning message only",
    "delivery is delayed",
    "has been delayed",
    "delivery temporarily suspended",
    "will be retried",
    "will keep trying",
    "will continue to try",
    "not yet been delivered",
    "noch nicht zugestellt",
];

/// What stands before the returned message, in lower case.
const COPIES: [&str; 9] = [
    "below this line is a copy of the message",
    "this is a copy of the message",
    "this is a copy of your message",
    "a copy of the original message",
    "original message follows",
    "----- original message -----",
    "--- original message",
    "unsent message below",
    "message header follows",
];

/// Whether a subject is one that reports have.
pub(super) fn is_subject(subject: &str) -> bool {
    let subject = subject.to_lowercase();
    SUBJECTS.iter().any(|known| subject.contains(known))
}

/// What a report's text says.
pub(super) struct Told<'t> {
    pub(super) recipients: Vec<BouncedRecipient>,
    /// The returned message, where it stands below.
    pub(super) original: Option<&'t str>,
}

/// Reads a report's text; nobody where it is only a delay or names no one.
pub(super) fn read(text: &str) -> Told<'_> {
    let (said, original) = parted(text);
    let head: String = said.chars().take(20_000).collect::<String>().to_lowercase();
    if DELAYS.iter().any(|delay| head.contains(delay)) {
        return Told { recipients: Vec::new(), original };
    }
    let lines: Vec<&str> = said.lines().take(LINES_MAX).map(str::trim).collect();
    let mut recipients: Vec<BouncedRecipient> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some((address, beside)) = named(line) else { continue };
        let below = lines.get(at + 1..).unwrap_or_default();
        let reason = reason(beside, below);
        let code = reason.as_deref().and_then(code);
        let known = recipients.iter_mut().find(|known| known.address.eq_ignore_ascii_case(address));
        match known {
            // A list of those who did not get it, and the reasons below it.
            Some(known) if known.reason.is_none() => {
                known.permanent = is_permanent(code.as_deref(), reason.as_deref());
                known.code = code;
                known.reason = reason;
            }
            Some(_) => {}
            None => recipients.push(BouncedRecipient {
                address: address.to_owned(),
                permanent: is_permanent(code.as_deref(), reason.as_deref()),
                code,
                reason,
            }),
        }
    }
    Told { recipients, original }
}

/// What the server says, and the message that it returns.
fn parted(text: &str) -> (&str, Option<&str>) {
    let mut at = 0;
    for line in text.split_inclusive('\n').take(LINES_MAX) {
        let end = at + line.len();
        let lower = line.to_lowercase();
        if COPIES.iter().any(|copy| lower.contains(copy)) {
            let rest = text.get(end..).unwrap_or_default();
            // Exim rules the line off.
            let returned = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '-');
            return (text.get(..at).unwrap_or_default(), Some(returned).filter(|it| !it.is_empty()));
        }
        at = end;
    }
    (text, None)
}

/// The address that a line is about, and what stands behind it: `<ann@fabrikam.com>:`, `ann@fabrikam.com`,
/// `ann@fabrikam.com... User unknown`, `ann@fabrikam.com (reason)`, `To: ann@fabrikam.com`.
fn named(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start_matches(['*', '•', '-', ' ', '\t']);
    let line = ["to:", "recipient:", "email:", "rcpt to:"].iter().find_map(|label| without(line, label)).unwrap_or(line);
    let (address, beside) = match line.strip_prefix('<') {
        Some(inside) => inside.split_once('>')?,
        None => line
            .split_at(line.find(|c: char| c.is_whitespace() || matches!(c, '(' | ':' | ',' | ';' | '<')).unwrap_or(line.len())),
    };
    // Outlook shows a link behind its text.
    let beside = beside
        .split_once("<mailto:")
        .and_then(|(before, link)| before.is_empty().then(|| link.split_once('>'))?)
        .map_or(beside, |(_, rest)| rest);
    let (address, dots) = address.split_once("...").map_or((address, ""), |(address, rest)| (address, rest));
    let address = address.trim_start_matches("mailto:").trim_end_matches('.');
    let beside = beside.trim_start_matches([':', '.', ' ', '\t', ',', ';']);
    let beside = if beside.is_empty() { dots.trim() } else { beside };
    // An address in the midst of a sentence is not what the line is about.
    let is_sentence = beside.starts_with(|c: char| c.is_lowercase()) && !beside.starts_with("does not") && !line.starts_with('<');
    (is_address(address) && !is_sentence).then_some((address, beside))
}

fn without<'l>(line: &'l str, label: &str) -> Option<&'l str> {
    let head = line.get(..label.len())?;
    head.eq_ignore_ascii_case(label).then(|| line.get(label.len()..).unwrap_or_default().trim_start())
}

fn is_address(word: &str) -> bool {
    let Some((local, domain)) = word.rsplit_once('@') else { return false };
    let is_plain = |text: &str| {
        !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '(' | ')' | ','))
    };
    is_plain(local) && is_plain(domain) && word.len() <= 254 && !word.contains("://")
}

/// What stands beside the address and below it, until a blank line that follows something, or the next address.
fn reason(beside: &str, below: &[&str]) -> Option<String> {
    let mut said: Vec<&str> = Some(beside).filter(|text| !text.is_empty()).into_iter().collect();
    for line in below.iter().take(REASON_LINES_MAX) {
        let is_end = if line.is_empty() { !said.is_empty() } else { named(line).is_some() };
        if is_end {
            break;
        }
        said.extend(Some(*line).filter(|line| !line.is_empty()));
    }
    let joined: String = said.join(" ").trim_matches(['(', ')', ' ']).chars().take(REASON_MAX).collect();
    (!joined.is_empty()).then_some(joined)
}

/// An enhanced status code, else an SMTP reply's class as one: `550` is `5.0.0`.
fn code(reason: &str) -> Option<String> {
    let words = || reason.split(|c: char| !c.is_ascii_digit() && c != '.').map(|word| word.trim_matches('.'));
    let enhanced = words().find(|word| !word.starts_with('2') && super::bounce::is_code(word)).map(str::to_owned);
    enhanced.or_else(|| {
        let reply = words().find(|word| word.len() == 3 && word.starts_with(['4', '5']) && !word.contains('.'))?;
        Some(format!("{}.0.0", reply.get(..1)?))
    })
}

/// Without a code, a full mailbox is the one thing that passes.
fn is_permanent(code: Option<&str>, reason: Option<&str>) -> bool {
    match code {
        Some(code) => code.starts_with('5'),
        None => !reason.is_some_and(|reason| reason.to_lowercase().contains("temporar")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(String, bool, Option<String>, Option<String>)> {
        read(text).recipients.into_iter().map(|it| (it.address, it.permanent, it.code, it.reason)).collect()
    }

    fn one(
        address: &str,
        permanent: bool,
        code: Option<&str>,
        reason: &str,
    ) -> Vec<(String, bool, Option<String>, Option<String>)> {
        vec![(address.to_owned(), permanent, code.map(str::to_owned), Some(reason.to_owned()))]
    }

    #[test]
    fn servers_of_every_make_are_understood() {
        let ann = "ann@fabrikam.com";
        for (text, expected) in [
            (
                "Hi. This is the qmail-send program at mx.contoso.com.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n\n\
                 <ann@fabrikam.com>:\n192.0.2.7 does not like recipient.\nRemote host said: 550 5.1.1 User unknown\n\n--- Below this line is a copy of the message.\n\nSubject: x\n",
                one(ann, true, Some("5.1.1"), "192.0.2.7 does not like recipient. Remote host said: 550 5.1.1 User unknown"),
            ),
            (
                "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\n\
                 recipients. This is a permanent error. The following address(es) failed:\n\n  ann@fabrikam.com\n    host mx.fabrikam.com [192.0.2.7]\n    \
                 SMTP error from remote mail server after RCPT TO:<ann@fabrikam.com>:\n    550 No such user\n\n------ This is a copy of the message ------\n",
                one(
                    ann,
                    true,
                    Some("5.0.0"),
                    "host mx.fabrikam.com [192.0.2.7] SMTP error from remote mail server after RCPT TO:<ann@fabrikam.com>: 550 No such user",
                ),
            ),
            (
                "   ----- The following addresses had permanent fatal errors -----\n<ann@fabrikam.com>\n    (reason: 552 5.2.2 Mailbox full)\n\n\
                 ----- Transcript of session follows -----\n",
                one(ann, true, Some("5.2.2"), "reason: 552 5.2.2 Mailbox full"),
            ),
            ("ann@fabrikam.com... User unknown\n", one(ann, true, None, "User unknown")),
            (
                "Delivery to the following recipient failed permanently:\n\n     ann@fabrikam.com\n\nTechnical details of permanent failure:\nThe error was: 450 4.2.1 busy\n",
                one(ann, false, Some("4.2.1"), "Technical details of permanent failure: The error was: 450 4.2.1 busy"),
            ),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }

    #[test]
    fn delays_and_sentences_about_somebody_name_nobody() {
        for text in [
            "THIS IS A WARNING MESSAGE ONLY\nYOU DO NOT NEED TO RESEND\n<ann@fabrikam.com>: deferred\n",
            "Write to\nann@fabrikam.com if you have questions.\n",
            "",
        ] {
            assert_eq!(told(text), Vec::new(), "{text}");
        }
    }

    #[test]
    fn long_texts_are_no_trouble() {
        assert!(told(&"<a@b.example>: x\n".repeat(100_000)).len() == 1);
        let _ = told(&"a@".repeat(1_000_000));
    }
}
