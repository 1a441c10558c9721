//! Looking for mail as a person does: in all folders, by words, by its names.

use super::error::GraphError;
use super::mailbox::{Mailbox, literal};
use super::wire::{ENVELOPE_SELECT, Page, WireMessage};
use crate::ids::MessageId;
use crate::mail::Envelope;

const SEARCH: &str = "GET /messages?$search";
const FIND: &str = "GET /messages";
const PAGE: &str = "50";
/// Pages of one search: Exchange gives its first 1,000 findings.
const PAGES_MAX: usize = 20;
/// Exchange takes headers of up to 256 KB a message.
const PAGE_BYTES_MAX: usize = 32_000_000;

impl Mailbox {
    /// The mail that a search finds, sent last first, at most so many; drafts and what the mailbox sent itself are left out. The search is
    /// KQL as Outlook takes it: words, `from:`, `subject:`, `received:`. Its index is seconds to minutes late.
    pub async fn search(&self, words: &str, last: usize) -> Result<Vec<Envelope>, GraphError> {
        let quoted = format!("\"{}\"", words.replace('\\', "\\\\").replace('"', "\\\""));
        let query = [("$search", quoted.as_str()), ("$select", ENVELOPE_SELECT), ("$top", PAGE)];
        let mut call = self.read(SEARCH, &["messages"])?.query(&query);
        call.answer_max = PAGE_BYTES_MAX;
        let mut found: Vec<Envelope> = Vec::new();
        for _ in 0..PAGES_MAX {
            let page: Page<WireMessage> = self.json(&self.make(&call).await?)?;
            let envelopes = page.value.into_iter().map(|message| message.into_envelope(""));
            found.extend(envelopes.filter(|envelope| !envelope.is_draft && !self.is_from_itself(envelope)));
            match page.next_link {
                Some(next) if found.len() < last => call.url = self.link(call.name, &next)?,
                _ => break,
            }
        }
        found.truncate(last);
        Ok(found)
    }

    /// The message with this Message-ID or Graph id, in whatever folder it lies.
    pub async fn message_named(&self, name: &str) -> Result<Option<Envelope>, GraphError> {
        if !name.contains('@') {
            return self.envelope(&MessageId::new(name), "").await;
        }
        let filter = format!("internetMessageId eq {}", literal(&format!("<{}>", name.trim_matches(['<', '>']))));
        let query = [("$filter", filter.as_str()), ("$select", ENVELOPE_SELECT), ("$top", "10")];
        let found: Page<WireMessage> = self.json(&self.make(&self.read(FIND, &["messages"])?.query(&query)).await?)?;
        Ok(found.value.into_iter().map(|message| message.into_envelope("")).find(|envelope| !envelope.is_draft))
    }

    fn is_from_itself(&self, envelope: &Envelope) -> bool {
        envelope.from.as_ref().is_some_and(|from| from.address.eq_ignore_ascii_case(self.address()))
    }
}
