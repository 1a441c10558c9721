//! Conversations: which messages belong together, and the index that orders them (MS-OXOMSG 2.2.1.3).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;

/// A message's place in its conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Conversation {
    guid: [u8; 16],
    /// 22 bytes for the first message, five more for every step down.
    index: Vec<u8>,
}

impl Conversation {
    pub fn new(guid: [u8; 16], now: Timestamp) -> Self {
        let mut index = vec![1];
        index.extend_from_slice(&ticks(now));
        index.extend_from_slice(&guid);
        Self { guid, index }
    }

    /// The place of an answer.
    pub fn child(&self, now: Timestamp) -> Self {
        let mut index = self.index.clone();
        index.extend_from_slice(&ticks(now));
        Self { guid: self.guid, index }
    }

    /// `conversationId`.
    pub fn id(&self) -> String {
        format!("AAQkAD{}", URL_SAFE_NO_PAD.encode(self.guid)) + "AAA="
    }

    /// `conversationIndex`, also the header Thread-Index.
    pub fn index(&self) -> String {
        STANDARD.encode(&self.index)
    }
}

fn ticks(now: Timestamp) -> [u8; 5] {
    let bytes = now.as_second().to_be_bytes();
    [bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]]
}

/// The subject without reply and forward marks, in lower case, and whether it had any.
pub(crate) fn topic(subject: &str) -> (String, bool) {
    const MARKS: [&str; 10] = ["re:", "aw:", "fw:", "fwd:", "wg:", "sv:", "tr:", "rv:", "rif:", "antw:"];
    let mut rest = subject.trim().to_lowercase();
    let mut marked = false;
    while let Some(mark) = MARKS.iter().find(|mark| rest.starts_with(**mark)) {
        rest = rest[mark.len()..].trim_start().to_owned();
        marked = true;
    }
    (rest, marked)
}
