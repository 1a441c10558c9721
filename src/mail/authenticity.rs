//! What the receiving server found out about the sender: the topmost Authentication-Results field, and no other.
//!
//! A lower field, `Authentication-Results-Original` and ARC fields may have been written by anybody (RFC 8601 §5). So may the topmost,
//! where the receiving server added none. Exchange writes no name into its field by which it could be told; but every server puts its
//! fields above what it was given. The field counts only above the Received field by which the mail came in from outside.

use super::envelope::Header;
use super::message::{Message, NeedsContent};

/// The domains of Exchange Online's servers, of all its clouds.
const EXCHANGE: [&str; 4] = [".outlook.com", ".office365.com", ".office365.us", ".outlook.cn"];
/// In the names of those of its servers that take mail from outside.
const FRONT_DOOR: &str = ".mail.protection.";

/// Whether the From domain is who it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthVerdict {
    /// DMARC passed, or the server's own composite judgement did.
    Pass,
    /// DMARC failed, or the server's own composite judgement did.
    Fail,
    /// Nothing was said that settles it.
    Unknown,
}

/// The verdict, why, and the single results as the server wrote them (`pass`, `fail`, `none` …, in lower case).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticity {
    /// What to go by.
    pub verdict: AuthVerdict,
    /// Why, in words.
    pub reason: String,
    /// SPF (RFC 7208).
    pub spf: Option<String>,
    /// DKIM (RFC 6376); `pass` where one of several signatures passed.
    pub dkim: Option<String>,
    /// DMARC (RFC 7489).
    pub dmarc: Option<String>,
    /// Exchange's `compauth`.
    pub composite: Option<String>,
}

impl Message {
    /// What the topmost Authentication-Results says, if the receiving server wrote it.
    pub fn authenticity(&self) -> Result<Authenticity, NeedsContent> {
        let headers = self.headers()?;
        if self.is_enclosed() {
            return Ok(unknown("the mail lay in another, whose sender can have written all of it"));
        }
        let Some(at) = headers.iter().position(|header| is(header, "Authentication-Results")) else {
            return Ok(unknown("the message has no Authentication-Results"));
        };
        Ok(match entry(headers) {
            Entry::Field(entry) if at < entry => headers.get(at).map_or_else(|| unknown(""), |header| judge(&header.value)),
            Entry::Field(_) => unknown(
                "its Authentication-Results stands below the Received field of the server that took the mail in, where its sender \
                 can have written it",
            ),
            Entry::Nowhere | Entry::Untold => unknown(
                "its Received fields do not say where the mail came in, so that anybody can have written its Authentication-Results",
            ),
        })
    }

    /// Whether it was made within Exchange and came through none of its doors: what comes from outside cannot hide the door.
    pub fn is_from_inside(&self) -> Result<bool, NeedsContent> {
        Ok(!self.is_enclosed() && matches!(entry(self.headers()?), Entry::Nowhere))
    }
}

fn is(header: &Header, name: &str) -> bool {
    header.name.eq_ignore_ascii_case(name)
}

fn unknown(reason: &str) -> Authenticity {
    Authenticity { verdict: AuthVerdict::Unknown, reason: reason.to_owned(), spf: None, dkim: None, dmarc: None, composite: None }
}

/// How a mail came in from outside.
enum Entry {
    /// By the hop that this field tells of.
    Field(usize),
    /// It did not: every hop is one of Exchange's own.
    Nowhere,
    /// Its hops cannot be read.
    Untold,
}

/// Behind Exchange's own hops, the mail came in by the first that a front door wrote, or that names a server of somebody else as the one
/// before it; what is below may be made up, Exchange's names too. Of other servers nothing is known: their topmost Received it is.
fn entry(headers: &[Header]) -> Entry {
    let hops = headers.iter().enumerate().filter(|(_, header)| is(header, "Received"));
    let mut is_inside = false;
    for (at, field) in hops {
        match hop(&field.value) {
            Some(hop) if !is_exchange(&hop.by) => return if is_inside { Entry::Untold } else { Entry::Field(at) },
            Some(hop) if hop.by.contains(FRONT_DOOR) || !is_exchange(&hop.from) => return Entry::Field(at),
            Some(_) => is_inside = true,
            None => return Entry::Untold,
        }
    }
    Entry::Nowhere
}

/// Who handed a mail to whom.
struct Hop {
    from: String,
    by: String,
}

/// `from HOST (…) by HOST (…) …`, or `by HOST …` (RFC 5321 §4.4).
fn hop(received: &str) -> Option<Hop> {
    let plain = without_comments(received).to_ascii_lowercase();
    let words: Vec<&str> = plain.split_ascii_whitespace().take(4).collect();
    match *words.as_slice() {
        ["from", from, "by", by] => Some(Hop { from: from.to_owned(), by: by.to_owned() }),
        ["by", by, ..] => Some(Hop { from: String::new(), by: by.to_owned() }),
        _ => None,
    }
}

fn is_exchange(host: &str) -> bool {
    EXCHANGE.iter().any(|domain| host.ends_with(domain))
}

fn judge(value: &str) -> Authenticity {
    let results = results(value);
    let all = |method: &str| {
        results.iter().filter(move |(name, _)| name == method).map(|(_, result)| result.as_str()).collect::<Vec<_>>()
    };
    // Of several contradicting results the worse one counts, but for DKIM: there one good signature is enough.
    let worst = |method: &str| {
        let found = all(method);
        found
            .iter()
            .find(|result| **result == "fail")
            .or_else(|| found.iter().find(|result| **result != "pass"))
            .or(found.first())
            .map(|&result| result.to_owned())
    };
    let dkim = all("dkim").iter().find(|result| **result == "pass").or(all("dkim").first()).map(|&result| result.to_owned());
    let (spf, dmarc, composite) = (worst("spf"), worst("dmarc"), worst("compauth"));
    let (verdict, reason) = match (dmarc.as_deref(), composite.as_deref()) {
        (Some("fail"), _) => (AuthVerdict::Fail, "DMARC failed (dmarc=fail)".to_owned()),
        (_, Some("fail")) => (AuthVerdict::Fail, "the receiving server's composite judgement failed (compauth=fail)".to_owned()),
        (Some("pass"), _) => (AuthVerdict::Pass, "DMARC passed (dmarc=pass)".to_owned()),
        (other, Some("pass")) => {
            let other = other.map_or_else(|| "says nothing of DMARC".to_owned(), |result| format!("says dmarc={result}"));
            (AuthVerdict::Pass, format!("the receiving server {other}, but its composite judgement passed (compauth=pass)"))
        }
        (Some(result), _) => (AuthVerdict::Unknown, format!("DMARC neither passed nor failed (dmarc={result})")),
        (None, _) => (AuthVerdict::Unknown, "the receiving server says nothing of DMARC".to_owned()),
    };
    Authenticity { verdict, reason, spf, dkim, dmarc, composite }
}

/// `method=result` of each statement (RFC 8601 §2.2), in lower case. Exchange writes no authserv-id before the first.
fn results(value: &str) -> Vec<(String, String)> {
    let plain = without_comments(value).to_ascii_lowercase();
    plain
        .split(';')
        .filter_map(|statement| {
            let (method, rest) = statement.split_once('=')?;
            let method = method.split('/').next().unwrap_or_default().trim();
            let result = rest.split_whitespace().next()?;
            (!method.is_empty() && !method.contains(char::is_whitespace)).then(|| (method.to_owned(), result.to_owned()))
        })
        .collect()
}

/// Comments in parentheses and quoted strings can hold anything a sender chose: they become blanks.
fn without_comments(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let (mut depth, mut is_quoted, mut is_escaped) = (0_usize, false, false);
    for c in value.chars() {
        if is_escaped {
            is_escaped = false;
            continue;
        }
        match c {
            '\\' if is_quoted || depth > 0 => is_escaped = true,
            '"' if depth == 0 => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if depth > 0 => {
                depth -= 1;
                plain.push(' ');
            }
            _ if is_quoted || depth > 0 => {}
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Fields of a mail as they are stacked when it comes from outside: Exchange's own hop, what the front door adds, the front door's
    /// hop, what the sender wrote.
    fn stacked(front_door: &str, sender: &str) -> Message {
        let raw = format!(
            "Received: from AB1PR04MB1.eurprd04.prod.outlook.com (2603:10a6::1)\r\n by AB2PR04MB2.eurprd04.prod.outlook.com with HTTPS\r\n\
             Received: from AB3EUR05FT3.eop-eur05.prod.protection.outlook.com\r\n (2603:10a6::2) by AB1PR04MB1.outlook.office365.com\r\n\
             {front_door}Received: from mail.fabrikam.com (192.0.2.7) by\r\n AB3EUR05FT3.mail.protection.outlook.com (10.0.0.1)\r\n\
             {sender}From: a@fabrikam.com\r\n\r\ntext\r\n"
        );
        Message::from_raw(raw.into_bytes(), "a.eml")
    }

    fn verdict(header: &str) -> AuthVerdict {
        stacked(&format!("{header}\r\n"), "").authenticity().unwrap().verdict
    }

    #[test]
    fn a_field_below_the_hop_by_which_the_mail_came_in_is_the_sender_s_own() {
        const PASS: &str = "Authentication-Results: spf=pass; dkim=pass; dmarc=pass; compauth=pass\r\n";
        let below = "its Authentication-Results stands below the Received field of the server that took the mail in, where its sender can \
            have written it";
        let nowhere =
            "its Received fields do not say where the mail came in, so that anybody can have written its Authentication-Results";
        let inner = "Received: from a.prod.outlook.com by b.prod.outlook.com with HTTPS\r\n";
        let told = |message: &Message| {
            let found = message.authenticity().unwrap();
            (found.verdict, found.reason)
        };
        let of = |headers: &str| told(&Message::from_raw(format!("{headers}From: a@fabrikam.com\r\n\r\n").into_bytes(), "a.eml"));
        assert_eq!(told(&stacked(PASS, "")), (AuthVerdict::Pass, "DMARC passed (dmarc=pass)".to_owned()));
        // The sender adds hops that never were, in Exchange's own names; it calls itself a server of Exchange.
        for written in [String::new(), inner.to_owned(), inner.replace("from a.prod", "from x.mail.protection")] {
            assert_eq!(told(&stacked("", &format!("{PASS}{written}"))), (AuthVerdict::Unknown, below.to_owned()), "{written}");
        }
        let door = "Received: from evil.outlook.com (192.0.2.6) by c.mail.protection.outlook.com with SMTP\r\n";
        let client = "Received: from [192.0.2.6] (192.0.2.6) by c.prod.outlook.com with SMTP\r\n";
        let other = "Received: from mail.fabrikam.com by mx.contoso.com with SMTP\r\n";
        for entry in [door, client, other] {
            assert_eq!(of(&format!("{PASS}{entry}")).0, AuthVerdict::Pass, "{entry}");
            assert_eq!(of(&format!("{entry}{PASS}{inner}")), (AuthVerdict::Unknown, below.to_owned()), "{entry}");
        }
        for untold in [String::new(), inner.to_owned(), format!("{inner}{other}"), "Received: id 7\r\n".to_owned()] {
            assert_eq!(of(&format!("{untold}{PASS}")), (AuthVerdict::Unknown, nowhere.to_owned()), "{untold}");
            assert_eq!(of(&format!("{PASS}{untold}")), (AuthVerdict::Unknown, nowhere.to_owned()), "{untold}");
        }
    }

    #[test]
    fn mail_is_from_inside_only_when_it_came_through_no_door() {
        let inner = "Received: from a.prod.outlook.com by b.prod.outlook.com with HTTPS\r\n";
        let door = "Received: from c.outlook.com by c.mail.protection.outlook.com with SMTP\r\n";
        let client = "Received: from [192.0.2.6] by c.prod.outlook.com with SMTP\r\n";
        for (hops, expected) in [
            (String::new(), true),
            (inner.to_owned(), true),
            (format!("{inner}{door}"), false),
            (format!("{inner}{door}{inner}"), false),
            (format!("{inner}{client}"), false),
            ("Received: from a.prod.outlook.com by mx.contoso.com\r\n".to_owned(), false),
            (format!("{inner}Received: id 7\r\n"), false),
        ] {
            let message = Message::from_raw(format!("{hops}From: a@contoso.com\r\n\r\n").into_bytes(), "a.eml");
            assert_eq!(message.is_from_inside(), Ok(expected), "{hops}");
        }
    }

    #[test]
    fn a_mail_within_a_mail_proves_nothing() {
        let inner = stacked("Authentication-Results: spf=pass; dmarc=pass\r\n", "");
        let bytes = String::from_utf8(inner.content().unwrap().raw().to_vec()).unwrap();
        let outer = format!("From: b@fabrikam.com\r\nContent-Type: message/rfc822\r\n\r\n{bytes}");
        let outer = Message::from_raw(outer.into_bytes(), "b.eml");
        let found = outer.content().unwrap().attachments()[0].mail().unwrap().unwrap().authenticity().unwrap();
        assert_eq!(found, unknown("the mail lay in another, whose sender can have written all of it"));
    }

    #[test]
    fn exchange_s_form_is_read_whole() {
        let found = judge(
            "spf=pass (sender IP is 203.0.113.7) smtp.mailfrom=fabrikam.com; dkim=fail (no key; dmarc=pass) header.d=x.example; \
             dkim=pass header.d=fabrikam.com;dmarc=bestguesspass action=none header.from=fabrikam.com;compauth=pass reason=109",
        );
        let expected = Authenticity {
            verdict: AuthVerdict::Pass,
            reason: "the receiving server says dmarc=bestguesspass, but its composite judgement passed (compauth=pass)"
                .to_owned(),
            spf: Some("pass".to_owned()),
            dkim: Some("pass".to_owned()),
            dmarc: Some("bestguesspass".to_owned()),
            composite: Some("pass".to_owned()),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn pass_fail_and_unknown_are_told_apart() {
        for (header, expected) in [
            ("Authentication-Results: mx.contoso.com; dmarc=pass header.from=fabrikam.com", AuthVerdict::Pass),
            ("Authentication-Results: spf=pass; dmarc=fail action=quarantine", AuthVerdict::Fail),
            ("Authentication-Results: spf=pass; dmarc=pass;compauth=fail reason=001", AuthVerdict::Fail),
            ("Authentication-Results: spf=pass; dmarc=none", AuthVerdict::Unknown),
            ("Authentication-Results: spf=pass", AuthVerdict::Unknown),
            ("Authentication-Results: dmarc=pass; dmarc=none", AuthVerdict::Unknown),
            ("Subject: none", AuthVerdict::Unknown),
        ] {
            assert_eq!(verdict(header), expected, "{header}");
        }
    }

    #[test]
    fn what_a_sender_can_write_is_not_believed() {
        for (header, expected) in [
            ("Authentication-Results: spf=none; dmarc=none\r\nAuthentication-Results: dmarc=pass", AuthVerdict::Unknown),
            ("Authentication-Results-Original: dmarc=pass", AuthVerdict::Unknown),
            ("ARC-Authentication-Results: i=1; mx.fabrikam.com; dmarc=pass", AuthVerdict::Unknown),
            ("Authentication-Results: mx; spf=pass smtp.mailfrom=\"x; dmarc=pass;\"@fabrikam.com", AuthVerdict::Unknown),
            ("Authentication-Results: mx; spf=pass (; dmarc=pass ;)", AuthVerdict::Unknown),
        ] {
            assert_eq!(verdict(header), expected, "{header}");
        }
    }
}
