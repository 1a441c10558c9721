//! A mail as rules see it: bytes become a [`Message`] that never fails to exist; what is odd about it is a list of [`Defect`]s.
//!
//! Owns MIME, bodies, quoted text, tables, attachments, and what a header says of kind, sender and bounces. Pure: no
//! clock, no input or output, no panic on any bytes, everything linear in what it reads. What costs time is worked out when
//! it is first asked for, and kept. The MIME crate's types stay inside `parse` and `envelope_of`.

mod answer;
mod attachment;
mod authenticity;
mod bounce;
mod content;
mod crossing;
mod decode;
mod defect;
mod envelope;
mod envelope_of;
mod hazard;
mod html;
mod kind;
mod language;
mod message;
mod nesting;
mod parse;
mod plain_table;
mod quoted;
mod quoted_phrases;
mod skeleton;
mod source;
mod table;

#[cfg(test)]
mod robustness;

pub use answer::{Audience, answer_recipients, answer_references, answer_subject, one_line};
pub use attachment::Attachment;
pub use authenticity::{AuthVerdict, Authenticity};
pub use bounce::{Bounce, BouncedRecipient};
pub use content::Content;
pub use crossing::{read_everything, received};
pub use defect::Defect;
pub use envelope::{Address, Envelope, Header};
pub use html::Link;
pub use message::{Message, NeedsContent};
pub use parse::headers as header_fields;
pub use table::{Table, TableSearch};

/// Bytes of a raw message; of a larger one only the header is read.
pub const RAW_MAX: usize = 35 * 1024 * 1024;
/// Bytes of a message's header.
pub const HEADER_BYTES_MAX: usize = 256 * 1024;
/// Lines of a message's header.
pub const HEADER_LINES_MAX: usize = 1_000;
/// Parts of a message.
pub const PARTS_MAX: usize = 10_000;
/// Levels of parts in parts.
pub const NESTING_MAX: usize = 100;
/// Levels of attached mails in attached mails that are opened.
pub const ATTACHED_MAILS_MAX: u8 = 10;
