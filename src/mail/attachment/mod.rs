//! Attachments: name, type, decoded bytes, and what can be read of them. Decoded and read only when asked, and once.
//!
//! A message that was parsed here reads its attachments itself. One whose parsing crossed from another process leaves that to such
//! a process too: who asks is told [`NeedsReading`], and whoever answers hands in what was read there.

mod formats;
mod reading;

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::content::Content;
use super::decode::Encoding;
use super::message::Message;
use super::parse::Part;
use super::source::Source;
use super::{ATTACHED_MAILS_MAX, FILES_MAX, crossing};
use formats::File;
use reading::FoundFile;
pub use reading::{Reading, Sheet, SheetRows};

/// The question cannot be answered before the attachments have been read where they may be: see [`Content::unread`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeedsReading;

/// Where attachments are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    /// By who asks.
    Here,
    /// By another process.
    Elsewhere,
}

/// One attachment or inline file of a message, or a file in such a file.
pub struct Attachment {
    facts: FileFacts,
    bytes: Bytes,
    is_inline: bool,
    reads: Reads,
    read: OnceLock<Read>,
    /// Of an attached mail, which is parsed with the mail that it is attached to.
    mail: OnceLock<Option<Box<Message>>>,
}

/// What is known of a file before it is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    name: Option<String>,
    content_type: String,
    charset: Option<String>,
    depth: u8,
}

enum Bytes {
    /// A part of a message.
    Part { source: Arc<Source>, range: Range<usize>, encoding: Encoding, decoded: OnceLock<Vec<u8>> },
    /// A file in another one.
    Own(Vec<u8>),
}

/// A reading with what was opened of it.
struct Read {
    reading: Reading,
    mail: Option<Box<Message>>,
    files: Vec<Attachment>,
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl Attachment {
    pub(super) fn new(source: Arc<Source>, part: &Part, depth: u8, reads: Reads) -> Self {
        let content_type = if part.content_type.is_empty() { "application/octet-stream" } else { &part.content_type };
        let facts =
            FileFacts { name: part.name.clone(), content_type: content_type.to_owned(), charset: part.charset.clone(), depth };
        let bytes = Bytes::Part { source, range: part.range.clone(), encoding: part.encoding(), decoded: OnceLock::new() };
        Self::of(facts, bytes, part.is_inline(), reads)
    }

    fn of(facts: FileFacts, bytes: Bytes, is_inline: bool, reads: Reads) -> Self {
        Self { facts, bytes, is_inline, reads, read: OnceLock::new(), mail: OnceLock::new() }
    }

    /// The file name, decoded (RFC 2231 and 2047); an attached mail often has none.
    pub fn name(&self) -> Option<&str> {
        self.facts.name.as_deref()
    }

    /// `type/subtype` in lower case; `application/octet-stream` when the message does not say.
    pub fn content_type(&self) -> &str {
        &self.facts.content_type
    }

    /// Shown within the text (pictures of a signature, the calendar object of an invitation) rather than beside it.
    pub fn is_inline(&self) -> bool {
        self.is_inline
    }

    /// The bytes, transfer encoding undone.
    pub fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Part { encoding: Encoding::Identity, .. } => self.encoded(),
            Bytes::Part { encoding, decoded, .. } => decoded.get_or_init(|| encoding.decode(self.encoded()).into_owned()),
            Bytes::Own(bytes) => bytes,
        }
    }

    fn encoded(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Part { source, range, .. } => source.bytes().get(range.clone()).unwrap_or_default(),
            Bytes::Own(bytes) => bytes,
        }
    }

    /// Bytes, transfer encoding undone.
    pub fn size(&self) -> usize {
        self.bytes().len()
    }

    /// SHA-256 of the bytes, in hexadecimal.
    pub fn sha256(&self) -> String {
        use std::fmt::Write;
        Sha256::digest(self.bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// What is known of it before it is read.
    pub fn facts(&self) -> &FileFacts {
        &self.facts
    }

    /// Why its content cannot be read, or what of it could not, in plain words; `None` when all could.
    pub fn problem(&self) -> Result<Option<String>, NeedsReading> {
        if self.bytes().is_empty() && self.read.get().is_none() {
            return Ok(Some("it is empty".to_owned()));
        }
        if self.is_cut_off() {
            return Ok(Some("it is cut off or damaged: its base64 does not end where it should".to_owned()));
        }
        Ok(self.reading()?.problem.clone())
    }

    fn is_cut_off(&self) -> bool {
        matches!(self.bytes, Bytes::Part { encoding: Encoding::Base64, .. }) && !is_whole_base64(self.encoded())
    }

    /// Its text: of a text file (CSV, JSON, XML and calendars among them), of an HTML file as a reader sees it, of a mail; `None`
    /// for formats without.
    pub fn text(&self) -> Result<Option<&str>, NeedsReading> {
        match self.mail()? {
            Some(mail) => Ok(mail.content().ok().map(Content::text)),
            None => Ok(self.reading()?.text.as_deref()),
        }
    }

    /// The mail that it is, at most [`ATTACHED_MAILS_MAX`] in each other; `None` for other formats.
    pub fn mail(&self) -> Result<Option<&Message>, NeedsReading> {
        match self.enclosed() {
            Some(mail) => Ok(Some(mail)),
            None => Ok(self.read()?.mail.as_deref()),
        }
    }

    /// The files in it; none for other formats than containers.
    pub fn files(&self) -> Result<&[Attachment], NeedsReading> {
        match self.enclosed() {
            Some(_) => Ok(&[]),
            None => Ok(&self.read()?.files),
        }
    }

    /// Everything else that its format gives.
    pub fn reading(&self) -> Result<&Reading, NeedsReading> {
        static NOTHING: Reading = Reading::NOTHING;
        match self.enclosed() {
            Some(_) => Ok(&NOTHING),
            None => Ok(&self.read()?.reading),
        }
    }

    fn read(&self) -> Result<&Read, NeedsReading> {
        if let Some(read) = self.read.get() {
            return Ok(read);
        }
        if self.reads == Reads::Elsewhere {
            return Err(NeedsReading);
        }
        Ok(self.read.get_or_init(|| {
            let mut reading = self.facts.read(self.bytes());
            let mail = reading.mail.take().map(|raw| Content::parse_within(raw.0, self.facts.depth + 1, Reads::Here));
            self.opened(reading, mail)
        }))
    }

    /// The reading with the mail and the files in it told apart.
    fn opened(&self, mut reading: Reading, mail: Option<Content>) -> Read {
        let mail = mail.map(|content| Box::new(Message::of_attachment(content, self)));
        let found = std::mem::take(&mut reading.files).into_iter().take(FILES_MAX);
        let file = |found: FoundFile| {
            let facts =
                FileFacts { name: found.name, content_type: found.content_type, charset: None, depth: self.facts.depth + 1 };
            let file = Self::of(facts, Bytes::Own(found.bytes.0), false, self.reads);
            if let Some(reason) = found.closed {
                file.keep_problem(reason);
            }
            file
        };
        Read { reading, mail, files: found.map(file).collect() }
    }

    /// The mail that it is if it is a part of another one: it is parsed with that.
    pub(super) fn enclosed(&self) -> Option<&Message> {
        let mail = self.mail.get_or_init(|| {
            let is_part = matches!(self.bytes, Bytes::Part { .. }) && self.facts.depth < ATTACHED_MAILS_MAX;
            if !is_part || !formats::is_mail(&self.facts.with(self.bytes())) {
                return None;
            }
            let content = Content::parse_within(self.bytes().to_vec(), self.facts.depth + 1, self.reads);
            Some(Box::new(Message::of_attachment(content, self)))
        });
        mail.as_deref()
    }

    /// The attached mail alone.
    pub(super) fn into_enclosed(self) -> Option<Message> {
        // Opened if nobody has opened it yet.
        self.enclosed()?;
        self.mail.into_inner().flatten().map(|mail| *mail)
    }

    /// The mail that this is, parsed elsewhere; `None` keeps it from being parsed here.
    pub(super) fn keep_enclosed(&self, mail: Option<Message>) {
        // A mail that is there already is the same one.
        let _ = self.mail.set(mail.map(Box::new));
    }

    /// Whether somebody has to hand in what it holds before it can be asked for.
    pub(super) fn is_unread(&self) -> bool {
        self.enclosed().is_none() && self.read().is_err()
    }

    /// What was read of it elsewhere: what [`super::read_file`] gave for its facts and bytes.
    ///
    /// # Errors
    /// It is something else, in words.
    pub fn keep(&self, crossed: &[u8]) -> Result<(), String> {
        let (reading, mail) = crossing::received_file(crossed, self.facts.depth + 1)?;
        // What is there already was read of the same bytes.
        let _ = self.read.set(self.opened(reading, mail));
        Ok(())
    }

    /// Why it could not be read elsewhere.
    pub fn keep_problem(&self, problem: String) {
        let _ = self.read.set(Read { reading: Reading::problem(problem), mail: None, files: Vec::new() });
    }
}

impl FileFacts {
    fn with<'f>(&'f self, bytes: &'f [u8]) -> File<'f> {
        File {
            bytes,
            name: self.name.as_deref(),
            content_type: &self.content_type,
            charset: self.charset.as_deref(),
            depth: self.depth,
        }
    }

    /// How many mails and files a file lies in.
    pub(super) fn depth(&self) -> u8 {
        self.depth
    }

    /// Reads a file of these facts.
    pub(super) fn read(&self, bytes: &[u8]) -> Reading {
        formats::read(&self.with(bytes))
    }
}

/// Whether base64 ends on a whole group, padding and blanks apart.
fn is_whole_base64(encoded: &[u8]) -> bool {
    let digits = encoded.iter().filter(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')).count();
    let is_padded = encoded.trim_ascii_end().ends_with(b"=");
    digits % 4 == 0 || is_padded && digits % 4 != 1
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::mail::Data;

    fn attached(part: &str) -> Content {
        let raw = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nText\r\n--b\r\n{part}\r\n--b--\r\n");
        Content::parse(raw.into_bytes())
    }

    #[test]
    fn a_csv_file_has_rows_whatever_its_type_says() {
        let content = attached(
            "Content-Type: application/octet-stream; name=\"orders.csv\"\r\nContent-Disposition: attachment\r\n\
             Content-Transfer-Encoding: base64\r\n\r\nQXJ0aWtlbDtNZW5nZQ0KU2NobGF1Y2gsIGdyb987Mg0K",
        );
        let file = &content.attachments()[0];
        assert_eq!((file.name(), file.content_type(), file.is_inline()), (Some("orders.csv"), "application/octet-stream", false));
        let rows = file.reading().unwrap().rows().unwrap();
        assert_eq!(rows.headers, ["Artikel", "Menge"]);
        assert_eq!(rows.rows, [[Data::text("Schlauch, groß"), Data::text("2")]]);
        assert_eq!(file.problem(), Ok(None));
        assert_eq!(file.text(), Ok(Some("Artikel;Menge\r\nSchlauch, groß;2\r\n")));
    }

    #[test]
    fn json_is_a_value_or_a_problem() {
        let good = attached("Content-Type: application/json; name=a.json\r\nContent-Disposition: attachment\r\n\r\n{\"a\": [1]}");
        assert_eq!(good.attachments()[0].reading().unwrap().json, Some(json!({"a": [1]})));
        let bad = attached("Content-Type: application/json; name=a.json\r\nContent-Disposition: attachment\r\n\r\n{\"a\"");
        assert_eq!(bad.attachments()[0].reading().unwrap().json, None);
        assert_eq!(
            bad.attachments()[0].problem().unwrap().unwrap(),
            "it is no JSON: EOF while parsing an object at line 1 column 4"
        );
    }

    #[test]
    fn an_attached_mail_is_a_message() {
        let content =
            attached("Content-Type: message/rfc822\r\n\r\nSubject: Inner\r\nFrom: a@fabrikam.com\r\n\r\nInner text\r\n");
        let mail = content.attachments()[0].mail().unwrap().unwrap();
        assert_eq!(mail.envelope.subject.as_deref(), Some("Inner"));
        assert_eq!(mail.content().unwrap().text().trim(), "Inner text");
    }

    #[test]
    fn formats_that_are_not_read_and_damage_are_said_in_words() {
        let pdf = attached("Content-Type: application/pdf; name=a.pdf\r\n\r\n%PDF-1.4 x");
        assert_eq!(pdf.attachments()[0].problem().unwrap().as_deref(), Some("it is a damaged PDF: couldn't parse input"));
        assert_eq!(pdf.attachments()[0].text(), Ok(None));
        let cut = attached(
            "Content-Type: text/csv; name=a.csv\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\nQTtCCjE7M",
        );
        assert_eq!(
            cut.attachments()[0].problem().unwrap().as_deref(),
            Some("it is cut off or damaged: its base64 does not end where it should")
        );
        assert_eq!(pdf.attachments()[0].sha256().len(), 64);
    }
}
