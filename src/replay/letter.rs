//! Mail that a plan sends, as its readers would see it.

use serde_json::Value;

use crate::mail::{Address, Audience, Content, Envelope, answer_recipients, answer_subject};
use crate::plan::{Action, Note, Reply, show};
use crate::templates::Templates;

/// Recipients, subject and what the text is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Letter {
    pub(super) to: Vec<String>,
    pub(super) cc: Vec<String>,
    /// `None` for a forward, whose subject the service makes.
    pub(super) subject: Option<String>,
    /// The template and what it sees, receipts shown as `‹id from erp›`.
    pub(super) template: Option<(String, Value)>,
    /// A forward's note that is no template.
    pub(super) note: Option<String>,
    pub(super) attach: Vec<String>,
}

impl Letter {
    /// The mail that an action sends or drafts; `None` for all others.
    pub(super) fn of(action: &Action, envelope: &Envelope, own: &[String]) -> Option<Self> {
        let audience = |reply: &Reply| if reply.to_reply_to { Audience::ReplyTo } else { Audience::From };
        match action {
            Action::Reply(reply) | Action::DraftReply(reply) => Some(Self::answer(reply, envelope, (audience(reply), own))),
            Action::ReplyAll(reply) => Some(Self::answer(reply, envelope, (Audience::Everyone, own))),
            Action::Forward(forward) => {
                let letter = Self { to: forward.to.clone(), ..Self::default() };
                Some(match &forward.note {
                    None => letter,
                    Some(Note::Text(text)) => Self { note: Some(text.clone()), ..letter },
                    Some(Note::Template { template, data }) => Self { template: Some((template.clone(), show(data))), ..letter },
                })
            }
            Action::Send(mail) => Some(Self {
                to: mail.to.clone(),
                cc: mail.cc.clone(),
                subject: Some(mail.subject.clone()),
                template: Some((mail.template.clone(), show(&mail.data))),
                note: None,
                attach: mail.attach.clone(),
            }),
            _ => None,
        }
    }

    fn answer(reply: &Reply, envelope: &Envelope, (audience, own): (Audience, &[String])) -> Self {
        let addresses = |list: Vec<Address>| list.into_iter().map(|one| one.address);
        let (to, cc) = answer_recipients(envelope, audience, own);
        Self {
            to: addresses(to).collect(),
            cc: addresses(cc).chain(reply.cc.iter().cloned()).collect(),
            subject: Some(reply.subject.clone().unwrap_or_else(|| answer_subject(envelope))),
            template: Some((reply.template.clone(), show(&reply.data))),
            note: None,
            attach: reply.attach.clone(),
        }
    }

    /// The text as it would be sent; an error is the template's, in words.
    pub(super) fn body(&self, templates: &Templates, envelope: &Envelope) -> Result<Option<String>, String> {
        match &self.template {
            None => Ok(self.note.clone()),
            Some((name, data)) => {
                templates.render(name, data, &envelope.facts()).map(Some).map_err(|problem| problem.to_string())
            }
        }
    }
}

/// What a reader of an HTML text sees.
pub fn readable(html: &str) -> String {
    let raw = format!("Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{html}");
    Content::parse(raw.into_bytes()).text().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::Receipt;

    #[test]
    fn an_answer_is_seen_as_it_would_be_sent() {
        let envelope = Envelope {
            subject: Some("Invoice 7".to_owned()),
            from: Some(Address::new("billing@fabrikam.com")),
            to: vec![Address::new("invoices@contoso.com")],
            ..Envelope::default()
        };
        let receipt = Receipt { action: 0, endpoint: "erp".into(), path: "id".to_owned() };
        let reply = Reply { template: "a.html".into(), data: json!({ "id": receipt.to_value() }), ..Reply::default() };
        let letter = Letter::of(&Action::ReplyAll(reply), &envelope, &["invoices@contoso.com".to_owned()]);
        let expected = Letter {
            to: vec!["billing@fabrikam.com".to_owned()],
            subject: Some("RE: Invoice 7".to_owned()),
            template: Some(("a.html".to_owned(), json!({ "id": "‹id from erp›" }))),
            ..Letter::default()
        };
        assert_eq!(letter, Some(expected));
        assert_eq!(Letter::of(&Action::Delete, &envelope, &[]), None);
        assert_eq!(readable("<p>Gr&uuml;&szlig;e &amp; <b>Dank</b></p>"), "Grüße & Dank");
    }
}
