//! Whom an answer goes to and how it is headed (RFC 5322 §3.6.3 to §3.6.5).

use super::{Address, Envelope};

/// Message ids in an answer's References at most: the first, which names the thread, and the newest.
const REFERENCES_MAX: usize = 20;

/// Characters of a subject that goes out (Exchange's limit).
const SUBJECT_CHARS_MAX: usize = 255;

/// Marks of an answer that a subject may begin with, in the languages of our senders.
const ANSWER_MARKS: [&str; 9] = ["re:", "aw:", "sv:", "vs:", "antw:", "rif:", "ref:", "odp:", "ынт:"];

/// `RE: ` and the subject, unless it is headed like an answer already.
pub fn answer_subject(envelope: &Envelope) -> String {
    let subject = one_line(envelope.subject.as_deref().unwrap_or_default());
    let lower = subject.to_lowercase();
    if ANSWER_MARKS.iter().any(|mark| lower.starts_with(mark)) { subject } else { format!("RE: {subject}") }
}

/// A subject as it may go out: one line of at most 255 characters, without what moves a cursor or turns the reading direction.
pub fn one_line(text: &str) -> String {
    let turns = |letter: char| matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let plain = text.chars().filter(|letter| !turns(*letter)).map(|letter| if letter.is_control() { ' ' } else { letter });
    let plain: String = plain.take(SUBJECT_CHARS_MAX).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whom an answer goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The From address.
    From,
    /// The Reply-To addresses where there are any.
    ReplyTo,
    /// From, To and Cc.
    Everyone,
}

/// To and Cc of an answer. Addresses of ours are left out, each other address stands once.
pub fn answer_recipients(envelope: &Envelope, audience: Audience, own: &[String]) -> (Vec<Address>, Vec<Address>) {
    let mut taken: Vec<String> = own.iter().map(|address| address.to_lowercase()).collect();
    let mut once = |addresses: &[Address]| {
        let mut kept = Vec::new();
        for address in addresses {
            let key = address.address.to_lowercase();
            if !key.is_empty() && !taken.contains(&key) {
                taken.push(key);
                kept.push(address.clone());
            }
        }
        kept
    };
    let from: Vec<Address> = envelope.from.iter().cloned().collect();
    match audience {
        Audience::ReplyTo if !envelope.reply_to.is_empty() => (once(&envelope.reply_to), Vec::new()),
        Audience::From | Audience::ReplyTo => (once(&from), Vec::new()),
        Audience::Everyone => {
            let to = once(&from);
            let others: Vec<Address> = envelope.to.iter().chain(&envelope.cc).cloned().collect();
            (to, once(&others))
        }
    }
}

/// The References of an answer: those of the message and its own Message-ID.
pub fn answer_references(envelope: &Envelope) -> Option<String> {
    let own = envelope.internet_message_id.as_deref()?;
    let headers = envelope.headers.as_deref().unwrap_or_default();
    let named = |name: &str| headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    let before = named("References").or_else(|| named("In-Reply-To")).map(|header| header.value.as_str()).unwrap_or_default();
    let mut ids: Vec<&str> = before.split_whitespace().filter(|id| id.starts_with('<') && *id != own).collect();
    ids.push(own);
    if ids.len() > REFERENCES_MAX {
        ids.drain(1..=ids.len() - REFERENCES_MAX);
    }
    Some(ids.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Header;

    fn envelope() -> Envelope {
        Envelope {
            subject: Some("Order 7".into()),
            from: Some(Address::new("Ana@Fabrikam.com")),
            reply_to: vec![Address::new("desk@fabrikam.com")],
            to: vec![Address::new("orders@contoso.com"), Address::new("ana@fabrikam.com")],
            cc: vec![Address::new("boss@fabrikam.com")],
            internet_message_id: Some("<3@fabrikam.com>".into()),
            headers: Some(vec![Header { name: "references".into(), value: "<1@a> <2@a>".into() }]),
            ..Envelope::default()
        }
    }

    #[test]
    fn an_answer_goes_to_from_unless_the_rule_says_otherwise() {
        let own = ["orders@contoso.com".to_owned()];
        let to = |audience| {
            let (to, cc) = answer_recipients(&envelope(), audience, &own);
            let addresses = |list: Vec<Address>| list.into_iter().map(|one| one.address).collect::<Vec<_>>().join(" ");
            (addresses(to), addresses(cc))
        };
        assert_eq!(to(Audience::From), ("Ana@Fabrikam.com".into(), String::new()));
        assert_eq!(to(Audience::ReplyTo), ("desk@fabrikam.com".into(), String::new()));
        assert_eq!(to(Audience::Everyone), ("Ana@Fabrikam.com".into(), "boss@fabrikam.com".into()));
    }

    #[test]
    fn an_answer_is_headed_once_and_joins_its_thread() {
        assert_eq!(answer_subject(&envelope()), "RE: Order 7");
        assert_eq!(answer_subject(&Envelope { subject: Some("AW: Order 7".into()), ..envelope() }), "AW: Order 7");
        let forged = Envelope { subject: Some("Hi\r\nBcc: a@b.example\r\n\r\n\u{202e}body".into()), ..envelope() };
        assert_eq!(answer_subject(&forged), "RE: Hi Bcc: a@b.example body");
        assert_eq!(answer_references(&envelope()).as_deref(), Some("<1@a> <2@a> <3@fabrikam.com>"));
    }
}
