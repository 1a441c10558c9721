//! Where identifiers come from: a seed, a scope and a counter, so that a run can be repeated id for id.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// A source of identifiers; the same seed, scope and order give the same ones.
#[derive(Debug)]
pub(crate) struct Names {
    seed: u64,
    scope: String,
    given: u64,
}

impl Names {
    pub fn new(seed: u64, scope: &str) -> Self {
        Self { seed, scope: scope.to_lowercase(), given: 0 }
    }

    /// The next number, from 1.
    pub fn number(&mut self) -> u64 {
        self.given += 1;
        self.given
    }

    fn digest(&mut self, kind: &str) -> [u8; 32] {
        let number = self.number();
        Sha256::digest(format!("{}|{}|{kind}|{number}", self.seed, self.scope)).into()
    }

    /// A default message id: changes when the message moves.
    pub fn rest_id(&mut self) -> String {
        format!("AAMkAD{}AAA=", URL_SAFE_NO_PAD.encode(self.digest("rest")))
    }

    /// An immutable message id.
    pub fn immutable_id(&mut self) -> String {
        format!("AAkALg{}AAA=", URL_SAFE_NO_PAD.encode(self.digest("immutable")))
    }

    /// A folder's id.
    pub fn folder_id(&mut self) -> String {
        format!("AQMkAD{}AAA=", URL_SAFE_NO_PAD.encode(self.digest("folder")))
    }

    /// An attachment's id.
    pub fn attachment_id(&mut self) -> String {
        format!("AAMkAT{}AAA=", URL_SAFE_NO_PAD.encode(self.digest("attachment")))
    }

    /// A GUID in lower case.
    pub fn guid(&mut self) -> String {
        guid(&self.digest("guid"))
    }

    /// Sixteen bytes for a conversation.
    pub fn conversation(&mut self) -> [u8; 16] {
        let digest = self.digest("conversation");
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes
    }

    /// An internet message id in angle brackets, as Exchange writes them.
    pub fn internet_message_id(&mut self, domain: &str) -> String {
        let digest = self.digest("message-id");
        let local = hex(&digest[..16]).to_uppercase();
        format!("<{local}@{domain}>")
    }
}

/// The first sixteen bytes of a digest as a GUID.
pub(crate) fn guid(bytes: &[u8; 32]) -> String {
    let hex = hex(&bytes[..16]);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
