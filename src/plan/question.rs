//! What a rule has to know before it can go on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::ids::{EndpointName, QuestionKey};

/// A look-up that a run stopped for. It changes nothing outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "question", rename_all = "snake_case")]
pub enum Question {
    /// The message's MIME content: the first of the questions, answered by reading the message, not kept as an answer.
    Content,
    /// What stands in the attached files; answered by reading them, not kept as an answer.
    Attachments,
    /// `ask(endpoint, request)`.
    Ask {
        /// A `read_only` endpoint of the configuration.
        endpoint: EndpointName,
        /// The request's JSON body.
        request: Value,
    },
}

impl Question {
    /// The question's identity: equal questions have equal keys, wherever in a script they stand.
    pub fn key(&self) -> QuestionKey {
        let canonical = serde_json::to_vec(self).unwrap_or_default();
        QuestionKey::new(hex(&Sha256::digest(&canonical)))
    }
}

impl std::fmt::Display for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Content => f.write_str("the message's content"),
            Self::Attachments => f.write_str("what stands in the attachments"),
            Self::Ask { endpoint, request } => write!(f, "ask {endpoint} {request}"),
        }
    }
}

/// The replies to questions asked so far. They are frozen: the first reply holds.
pub type Answers = BTreeMap<QuestionKey, Value>;

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
