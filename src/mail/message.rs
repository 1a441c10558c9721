//! A message: its envelope, and its content once somebody fetched it.

use std::sync::Arc;

use super::attachment::Attachment;
use super::content::Content;
use super::envelope::{Envelope, Header};
use super::split::Forwarded;
use crate::ids::MessageId;

/// A message as rules see it: envelope, and the content once somebody fetched it. Cheap to clone but for the envelope.
#[derive(Clone, Debug)]
pub struct Message {
    /// What a listing says about it.
    pub envelope: Envelope,
    content: Option<Arc<Content>>,
    is_enclosed: bool,
}

/// The question cannot be answered from the envelope: fetch the content and ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeedsContent;

impl Message {
    /// A message whose content is not at hand.
    pub fn new(envelope: Envelope) -> Self {
        Self { envelope, content: None, is_enclosed: false }
    }

    /// The same message with its content.
    #[must_use]
    pub fn with_content(mut self, content: Arc<Content>) -> Self {
        self.content = Some(content);
        self
    }

    /// A message from its bytes alone, as replay and fixtures have it: the id is `file:NAME`, the folder `Inbox`.
    pub fn from_raw(raw: Vec<u8>, name: &str) -> Self {
        Self::from_content(Content::parse(raw), name)
    }

    pub(super) fn of_attachment(content: Content, attachment: &Attachment) -> Self {
        Self::from_content(content, attachment.name().unwrap_or("attached mail")).enclosed()
    }

    pub(super) fn of_forwarded(content: Content, found: Forwarded) -> Self {
        let message = Self::from_content(content, "forwarded message").enclosed();
        let sent = message.envelope.sent.filter(|_| found.has_zone());
        // Names without an address are no addresses to a MIME parser.
        let envelope = Envelope { from: found.from, to: found.to, cc: found.cc, sent, received: None, ..message.envelope };
        Self { envelope, ..message }
    }

    /// The same message as one that did not come by itself: another brought it along, and no server has looked at it.
    #[must_use]
    pub fn enclosed(mut self) -> Self {
        self.is_enclosed = true;
        self
    }

    pub(super) fn is_enclosed(&self) -> bool {
        self.is_enclosed
    }

    pub(super) fn from_content(content: Content, name: &str) -> Self {
        let envelope =
            Envelope { id: Some(MessageId::new(format!("file:{name}"))), folder: "Inbox".to_owned(), ..content.envelope() };
        Self { envelope, content: Some(Arc::new(content)), is_enclosed: false }
    }

    /// The content alone; `None` while somebody else holds it too.
    pub(super) fn into_content(self) -> Option<Content> {
        self.content.and_then(Arc::into_inner)
    }

    /// The content.
    pub fn content(&self) -> Result<&Content, NeedsContent> {
        self.content.as_deref().ok_or(NeedsContent)
    }

    /// All header fields, topmost first: those of the listing, else the content's.
    pub fn headers(&self) -> Result<&[Header], NeedsContent> {
        match &self.envelope.headers {
            Some(headers) => Ok(headers),
            None => Ok(self.content()?.headers()),
        }
    }

    /// The topmost header field of that name, in any case.
    pub fn header(&self, name: &str) -> Result<Option<&str>, NeedsContent> {
        let found = self.headers()?.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        Ok(found.map(|header| header.value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_alone_says_that_it_needs_the_content() {
        let message = Message::new(Envelope::default());
        assert_eq!(message.header("Subject"), Err(NeedsContent));
        assert_eq!(message.content().err(), Some(NeedsContent));
    }

    #[test]
    fn a_raw_message_has_its_envelope_from_its_header() {
        let raw = b"From: Accounts <billing@fabrikam.com>\r\nTo: invoices@contoso.com\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
            Message-ID: <1@fabrikam.com>\r\nDate: Mon, 2 Dec 2024 10:00:00 +0100\r\nImportance: high\r\nX-Ticket: 7\r\n\r\nText\r\n";
        let message = Message::from_raw(raw.to_vec(), "a.eml");
        let expected = Envelope {
            id: Some("file:a.eml".into()),
            internet_message_id: Some("<1@fabrikam.com>".to_owned()),
            subject: Some("Grüße".to_owned()),
            from: Some(super::super::Address { name: Some("Accounts".to_owned()), address: "billing@fabrikam.com".to_owned() }),
            to: vec![super::super::Address::new("invoices@contoso.com")],
            sent: "2024-12-02T09:00:00Z".parse().ok(),
            received: "2024-12-02T09:00:00Z".parse().ok(),
            importance: crate::plan::Importance::High,
            folder: "Inbox".to_owned(),
            ..Envelope::default()
        };
        assert_eq!(message.envelope, expected);
        assert_eq!(message.header("x-ticket"), Ok(Some("7")));
        assert_eq!(message.content().map(Content::text), Ok("Text\n"));
    }
}
