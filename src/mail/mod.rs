//! A mail as rules see it: bytes become a [`Message`] that never fails to exist; what is odd about it is a list of [`Defect`]s.
//!
//! Owns MIME, bodies, quoted text, tables, attachments, and what a header says of kind, sender and bounces. Pure: no
//! clock, no input or output, no panic on any bytes, everything linear in what it reads. What costs time is worked out when
//! it is first asked for, and kept. The MIME crate's types stay inside `parse` and `envelope_of`.

mod answer;
mod archive;
mod attachment;
mod authenticity;
mod bounce;
mod bounce_text;
mod calendar;
mod code_page;
mod content;
mod crossing;
mod data;
mod decode;
mod defect;
mod envelope;
mod envelope_of;
mod hazard;
mod html;
mod invoice;
mod kind;
mod language;
mod mapi;
mod message;
mod nesting;
mod parse;
mod pdf_files;
mod plain_table;
mod report;
mod rtf;
mod skeleton;
mod source;
mod split;
mod table;
mod xml;

#[cfg(test)]
mod robustness;

pub use answer::{Audience, answer_recipients, answer_references, answer_subject, one_line};
pub use attachment::{Attachment, FileFacts, NeedsReading, Reading, Sheet, SheetRows};
pub use authenticity::{AuthVerdict, Authenticity};
pub use bounce::{Bounce, BouncedRecipient};
pub use calendar::{Attendee, Contact, Event, When};
pub use content::Content;
pub use crossing::{read_everything, read_file, received};
pub use data::Data;
pub use defect::Defect;
pub use envelope::{Address, Envelope, Header};
pub use html::Link;
pub use invoice::{Charge, Invoice, InvoiceKind, InvoiceLine, Party, Tax};
pub use mapi::outlook_message;
pub use message::{Message, NeedsContent};
pub use parse::headers as header_fields;
pub use report::{Complaint, DmarcRecord, DmarcReport, Report, TlsFailure, TlsPolicy, TlsReport};
pub use split::Portion;
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
/// Files of a file that holds others.
pub const FILES_MAX: usize = 1_000;
