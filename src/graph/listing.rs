//! What was received lately, listed: for the cloud whose Graph has no delta queries for messages (21Vianet, "national clouds").
//!
//! Each page asks anew for what was received from the newest seen on, so that a message which is moved away meanwhile shifts no page. A
//! round begins some time before the newest that was ever seen: mail may be filed late. What a person moves into the folder later than
//! that is not seen.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderName;

use super::delta::{DeltaPage, ENTRIES_MAX, PAGE_BYTES_MAX};
use super::error::{ErrorKind, GraphError};
use super::mailbox::Mailbox;
use super::wire::{ENVELOPE_SELECT, Page, WireMessage};
use crate::ids::FolderId;
use crate::mail::Envelope;
use crate::verdict::Verdict;

const LIST: &str = "GET /mailFolders/{id}/messages";
const PAGE_SIZE: &str = "100";
/// How far before the newest message a round begins.
const OVERLAP: SignedDuration = SignedDuration::from_mins(30);
/// Pages that are followed where more mail than one page holds came in one and the same second.
const PAGES_MAX: usize = 20;

/// How far the listing has come, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// Where the next page begins.
    from: Timestamp,
    /// The newest message that was seen.
    newest: Timestamp,
}

const WORD: &str = "received";

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{WORD} {} {}", self.from, self.newest)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut words = text.split(' ');
        match [words.next(), words.next(), words.next(), words.next()] {
            [Some(WORD), Some(from), Some(newest), None] => {
                Ok(Self { from: from.parse().map_err(drop)?, newest: newest.parse().map_err(drop)? })
            }
            _ => Err(()),
        }
    }
}

impl Mailbox {
    /// What [`Mailbox::delta_page`] gives, by listing.
    pub(super) async fn listed_page(
        &self,
        folder: &FolderId,
        folder_path: &str,
        cursor: Option<&str>,
    ) -> Result<DeltaPage, GraphError> {
        let beginning = Timestamp::from_second(0).unwrap_or_default();
        let place = match cursor.map(str::parse::<Place>) {
            None => Place { from: beginning, newest: beginning },
            Some(Ok(place)) => place,
            Some(Err(())) => {
                let told = "the stored cursor is not one of a listing";
                return Err(self.error(ErrorKind::CursorLost, Verdict::Never, LIST, told));
            }
        };
        // Whole seconds, as Exchange compares them.
        let filter = format!("receivedDateTime ge {}", place.from.strftime("%Y-%m-%dT%H:%M:%SZ"));
        let options =
            [("$filter", &*filter), ("$orderby", "receivedDateTime asc"), ("$top", PAGE_SIZE), ("$select", ENVELOPE_SELECT)];
        let mut call = self.read(LIST, &["mailFolders", folder.as_str(), "messages"])?.query(&options);
        call.answer_max = PAGE_BYTES_MAX;
        let mut call = call.header(HeaderName::from_static("prefer"), "odata.maxpagesize=100");
        let (mut envelopes, mut newest): (Vec<Envelope>, _) = (Vec::new(), place.from);
        for _ in 0..PAGES_MAX {
            let page: Page<WireMessage> = self.json(&self.make(&call).await?)?;
            if page.value.len() > ENTRIES_MAX {
                return Err(self.error(ErrorKind::BadAnswer, Verdict::Never, LIST, "the page holds more than 2,000 entries"));
            }
            for entry in page.value {
                let envelope = entry.into_envelope(folder_path);
                newest = newest.max(envelope.received.unwrap_or(newest));
                envelopes.push(envelope);
            }
            let seen = place.newest.max(newest);
            let Some(next) = page.next_link else {
                let from = seen.saturating_sub(OVERLAP).unwrap_or(beginning).max(beginning);
                return Ok(DeltaPage {
                    envelopes,
                    removed: Vec::new(),
                    next: Place { from, newest: seen }.to_string(),
                    more: false,
                });
            };
            call.url = self.link(LIST, &next)?;
            if newest > place.from {
                let next = Place { from: newest, newest: seen }.to_string();
                return Ok(DeltaPage { envelopes, removed: Vec::new(), next, more: true });
            }
        }
        let told = "more messages than twenty pages hold were received in one second";
        Err(self.error(ErrorKind::BadAnswer, Verdict::Never, LIST, told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_being_stored_and_a_delta_link_is_none() {
        let place = Place { from: Timestamp::UNIX_EPOCH, newest: Timestamp::UNIX_EPOCH + OVERLAP };
        assert_eq!(place.to_string().parse(), Ok(place));
        let link = "https://graph.microsoft.com/v1.0/users/u/mailFolders/f/messages/delta?$deltatoken=1";
        assert_eq!([link, "", "received", "received x y"].map(str::parse::<Place>), [Err(()); 4]);
    }
}
