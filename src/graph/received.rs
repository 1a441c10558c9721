//! What a mailbox received, whatever folder it lies in by now.

use jiff::Timestamp;

use super::error::GraphError;
use super::mailbox::Mailbox;
use super::wire::{ENVELOPE_SELECT, WireMessage};
use crate::ids::FolderId;
use crate::mail::Envelope;

const LIST: &str = "GET /messages";
const PAGE: &str = "500";
/// Pages of one listing: 20,000 messages are more than a mailbox takes in an hour.
const PAGES_MAX: usize = 40;
/// Exchange takes headers of up to 256 KB a message.
const PAGE_BYTES_MAX: usize = 256_000_000;

impl Mailbox {
    /// The messages that came from `since` on and before `until`, oldest first, each with the folder that it lies in. `folder_path` is
    /// what the envelopes name as their folder.
    pub async fn received(
        &self,
        since: Timestamp,
        until: Timestamp,
        folder_path: &str,
    ) -> Result<Vec<(Envelope, Option<FolderId>)>, GraphError> {
        let filter = format!("receivedDateTime ge {since} and receivedDateTime lt {until}");
        let mut call = self.read(LIST, &["messages"])?.query(&[
            ("$filter", &filter),
            ("$orderby", "receivedDateTime"),
            ("$select", ENVELOPE_SELECT),
            ("$top", PAGE),
        ]);
        call.answer_max = PAGE_BYTES_MAX;
        let found: Vec<WireMessage> = self.list(call, PAGES_MAX).await?;
        let shown = found.into_iter().filter(|message| !message.id.is_empty()).map(|message| {
            let folder = message.parent_folder_id.clone().map(FolderId::new);
            (message.into_envelope(folder_path), folder)
        });
        Ok(shown.collect())
    }
}
