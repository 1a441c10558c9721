//! Where identifiers come from: a seed, a scope and a counter, so that a run can be repeated id for id.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::simulator::luck::print_of;

/// A source of identifiers; the same seed and scope give the same ones: for messages and folders by what they are, whatever the
/// order in which they come, for everything else in the same order.
#[derive(Debug)]
pub(crate) struct Names {
    seed: u64,
    scope: String,
    given: u64,
    seen: HashMap<u64, u64>,
}

impl Names {
    pub fn new(seed: u64, scope: &str) -> Self {
        Self { seed, scope: scope.to_lowercase(), given: 0, seen: HashMap::new() }
    }

    /// The next number, from 1.
    pub fn number(&mut self) -> u64 {
        self.given += 1;
        self.given
    }

    /// A print of its own for each thing that looks like this.
    pub fn print(&mut self, looks: u64) -> u64 {
        let before = self.seen.entry(looks).or_default();
        *before += 1;
        print_of(&[&looks.to_be_bytes(), &before.to_be_bytes()])
    }

    fn digest_of(&self, kind: &str, print: u64) -> [u8; 32] {
        Sha256::digest(format!("{}|{}|{kind}|of {print}", self.seed, self.scope)).into()
    }

    fn digest(&mut self, kind: &str) -> [u8; 32] {
        let number = self.number();
        Sha256::digest(format!("{}|{}|{kind}|{number}", self.seed, self.scope)).into()
    }

    /// A default message id: changes when the message moves.
    pub fn rest_id(&mut self) -> String {
        format!("AAMkAD{}AAA=", URL_SAFE_NO_PAD.encode(self.digest("rest")))
    }

    /// The immutable id of a message of this print.
    pub fn immutable_id(&self, print: u64) -> String {
        format!("AAkALg{}AAA=", URL_SAFE_NO_PAD.encode(self.digest_of("immutable", print)))
    }

    /// The id of a folder of this print.
    pub fn folder_id(&self, print: u64) -> String {
        format!("AQMkAD{}AAA=", URL_SAFE_NO_PAD.encode(self.digest_of("folder", print)))
    }

    /// An attachment's id.
    pub fn attachment_id(&mut self) -> String {
        format!("AAMkAT{}AAA=", URL_SAFE_NO_PAD.encode(self.digest("attachment")))
    }

    /// A GUID in lower case.
    pub fn guid(&mut self) -> String {
        guid(&self.digest("guid"))
    }

    /// What the id of a category that every mailbox has is made of.
    pub fn category_digest(&self, name: &str) -> [u8; 32] {
        self.digest_of("category", print_of(&[name.as_bytes()]))
    }

    /// Sixteen bytes for the conversation that a message of this print begins.
    pub fn conversation(&self, print: u64) -> [u8; 16] {
        let digest = self.digest_of("conversation", print);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes
    }

    /// The internet message id of a message of this print, in angle brackets, as Exchange writes them.
    pub fn internet_message_id_of(&self, print: u64, domain: &str) -> String {
        message_id(self.digest_of("message-id", print), domain)
    }
}

fn message_id(digest: [u8; 32], domain: &str) -> String {
    let local = hex(&digest[..16]).to_uppercase();
    format!("<{local}@{domain}>")
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
