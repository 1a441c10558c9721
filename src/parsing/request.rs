//! What a parent asks of its child.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::mail::FileFacts;

/// A request; the bytes come after it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// What the bytes are.
    pub(super) what: What,
    /// Computing time that the answer may take; whole seconds.
    pub(super) cpu: Duration,
}

/// What is to be parsed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum What {
    /// A message; the answer is what [`crate::mail::received`] takes.
    Message,
    /// An attached file; the answer is what [`crate::mail::Attachment::keep`] takes.
    File(FileFacts),
}

impl What {
    /// Bytes of an answer. The texts of the largest message are a third of it; files are read for rules, which hold less.
    pub(super) fn answer_max(&self) -> usize {
        match self {
            Self::Message => 256 << 20,
            Self::File(_) => 64 << 20,
        }
    }
}
