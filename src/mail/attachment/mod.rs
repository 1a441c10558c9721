//! Attachments: name, type, decoded bytes, and what can be read of them. Decoded and read only when asked.

mod csv;
mod formats;

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::content::Content;
use super::decode::{self, Encoding};
use super::message::Message;
use super::parse::Part;
use super::source::Source;
use super::table::Table;
use super::{ATTACHED_MAILS_MAX, html};
use formats::Format;

/// Bytes of an attachment that is read as text, table or JSON.
const READABLE_MAX: usize = 20 * 1024 * 1024;

/// One attachment or inline file of a message.
pub struct Attachment {
    source: Arc<Source>,
    range: Range<usize>,
    encoding: Encoding,
    name: Option<String>,
    content_type: String,
    charset: Option<String>,
    is_inline: bool,
    depth: u8,
    bytes: OnceLock<Vec<u8>>,
    format: OnceLock<Format>,
    text: OnceLock<Option<String>>,
    rows: OnceLock<Result<Table, String>>,
    json: OnceLock<Result<Value, String>>,
    mail: OnceLock<Option<Box<Message>>>,
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment").field("name", &self.name).field("type", &self.content_type).finish_non_exhaustive()
    }
}

impl Attachment {
    pub(super) fn new(source: Arc<Source>, part: &Part, depth: u8) -> Self {
        let content_type = if part.content_type.is_empty() { "application/octet-stream" } else { &part.content_type };
        Self {
            source,
            range: part.range.clone(),
            encoding: part.encoding(),
            name: part.name.clone(),
            content_type: content_type.to_owned(),
            charset: part.charset.clone(),
            is_inline: part.is_inline(),
            depth,
            bytes: OnceLock::new(),
            format: OnceLock::new(),
            text: OnceLock::new(),
            rows: OnceLock::new(),
            json: OnceLock::new(),
            mail: OnceLock::new(),
        }
    }

    /// The file name, decoded (RFC 2231 and 2047); an attached mail often has none.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// `type/subtype` in lower case; `application/octet-stream` when the message does not say.
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// Shown within the text (pictures of a signature, the calendar object of an invitation) rather than beside it.
    pub fn is_inline(&self) -> bool {
        self.is_inline
    }

    /// The bytes, transfer encoding undone.
    pub fn bytes(&self) -> &[u8] {
        match self.encoding {
            Encoding::Identity => self.encoded(),
            encoding => self.bytes.get_or_init(|| encoding.decode(self.encoded()).into_owned()),
        }
    }

    fn encoded(&self) -> &[u8] {
        self.source.bytes().get(self.range.clone()).unwrap_or_default()
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

    /// Why its content cannot be read, in plain words; `None` when it can.
    pub fn problem(&self) -> Option<String> {
        let bytes = self.bytes();
        if bytes.is_empty() {
            return Some("it is empty".to_owned());
        }
        if self.encoding == Encoding::Base64 && !is_whole_base64(self.encoded()) {
            return Some("it is cut off or damaged: its base64 does not end where it should".to_owned());
        }
        match self.format() {
            Format::Unread(what) => Some(what.clone()),
            Format::Csv => self.read_rows().err().cloned(),
            Format::Json => self.read_json().err().cloned(),
            Format::Mail if self.mail().is_none() => {
                Some(format!("it lies in more than {ATTACHED_MAILS_MAX} mails attached in each other: it is not opened"))
            }
            _ if bytes.len() > READABLE_MAX => Some(too_large(bytes.len())),
            Format::Text | Format::Html | Format::Mail => None,
        }
    }

    /// The text of a text file (CSV, JSON, XML and calendars among them), of an HTML file as a reader sees it, of an attached
    /// mail; `None` for other formats.
    pub fn text(&self) -> Option<&str> {
        self.text
            .get_or_init(|| match self.format() {
                Format::Unread(_) => None,
                _ if self.size() > READABLE_MAX => None,
                Format::Text | Format::Csv | Format::Json => Some(decode::text(self.bytes(), self.charset.as_deref())),
                Format::Html => Some(html::text(&decode::text(self.bytes(), self.charset.as_deref())).0),
                Format::Mail => self.mail().and_then(|mail| mail.content().ok()).map(|content| content.text().to_owned()),
            })
            .as_deref()
    }

    /// The rows of a CSV file below its header row; `None` for other formats and what is no table.
    pub fn rows(&self) -> Option<&Table> {
        self.read_rows().ok()
    }

    fn read_rows(&self) -> Result<&Table, &String> {
        self.rows
            .get_or_init(|| match self.format() {
                Format::Csv | Format::Text if self.size() > READABLE_MAX => Err(too_large(self.size())),
                Format::Csv => csv::table(self.text().unwrap_or_default()),
                // A text file is a table only where it says so itself: no guess is made for a letter with commas.
                _ => Err("it is no CSV file".to_owned()),
            })
            .as_ref()
    }

    /// The value of a JSON file; `None` for other formats and what is no JSON.
    pub fn json(&self) -> Option<&Value> {
        self.read_json().ok()
    }

    fn read_json(&self) -> Result<&Value, &String> {
        self.json
            .get_or_init(|| match self.format() {
                Format::Json if self.size() > READABLE_MAX => Err(too_large(self.size())),
                Format::Json => {
                    let text = self.text().unwrap_or_default().trim_start_matches('\u{feff}');
                    serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))
                }
                _ => Err("it is no JSON file".to_owned()),
            })
            .as_ref()
    }

    /// An attached mail, at most [`ATTACHED_MAILS_MAX`] in each other; `None` for other formats.
    pub fn mail(&self) -> Option<&Message> {
        let mail = self.mail.get_or_init(|| {
            if *self.format() != Format::Mail || self.depth >= ATTACHED_MAILS_MAX {
                return None;
            }
            let content = Content::parse_within(self.bytes().to_vec(), self.depth + 1);
            Some(Box::new(Message::of_attachment(content, self)))
        });
        mail.as_deref()
    }

    /// The attached mail alone.
    pub(super) fn into_mail(self) -> Option<Message> {
        // Opened if nobody has opened it yet.
        self.mail()?;
        self.mail.into_inner().flatten().map(|mail| *mail)
    }

    /// The mail that this is, parsed elsewhere; `None` keeps it from being parsed here.
    pub(super) fn keep_mail(&self, mail: Option<Message>) {
        // A mail that is there already is the same one.
        let _ = self.mail.set(mail.map(Box::new));
    }

    fn format(&self) -> &Format {
        self.format.get_or_init(|| Format::of(&self.content_type, self.name(), self.bytes()))
    }
}

fn too_large(size: usize) -> String {
    format!("it has {size} bytes, more than {READABLE_MAX}: it is not read")
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
        let expected = Table {
            headers: vec!["Artikel".to_owned(), "Menge".to_owned()],
            rows: vec![vec!["Schlauch, groß".to_owned(), "2".to_owned()]],
        };
        assert_eq!(file.rows(), Some(&expected));
        assert_eq!(file.problem(), None);
        assert_eq!(file.text(), Some("Artikel;Menge\r\nSchlauch, groß;2\r\n"));
    }

    #[test]
    fn json_is_a_value_or_a_problem() {
        let good = attached("Content-Type: application/json; name=a.json\r\nContent-Disposition: attachment\r\n\r\n{\"a\": [1]}");
        assert_eq!(good.attachments()[0].json(), Some(&json!({"a": [1]})));
        let bad = attached("Content-Type: application/json; name=a.json\r\nContent-Disposition: attachment\r\n\r\n{\"a\"");
        assert_eq!(bad.attachments()[0].json(), None);
        assert_eq!(bad.attachments()[0].problem().unwrap(), "it is no JSON: EOF while parsing an object at line 1 column 4");
    }

    #[test]
    fn an_attached_mail_is_a_message() {
        let content =
            attached("Content-Type: message/rfc822\r\n\r\nSubject: Inner\r\nFrom: a@fabrikam.com\r\n\r\nInner text\r\n");
        let mail = content.attachments()[0].mail().unwrap();
        assert_eq!(mail.envelope.subject.as_deref(), Some("Inner"));
        assert_eq!(mail.content().unwrap().text().trim(), "Inner text");
    }

    #[test]
    fn formats_that_are_not_read_and_damage_are_said_in_words() {
        let pdf = attached("Content-Type: application/pdf; name=a.pdf\r\n\r\n%PDF-1.4 x");
        assert_eq!(pdf.attachments()[0].problem().as_deref(), Some("PDF files are not read by this version"));
        assert_eq!(pdf.attachments()[0].text(), None);
        let cut = attached(
            "Content-Type: text/csv; name=a.csv\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\nQTtCCjE7M",
        );
        assert_eq!(
            cut.attachments()[0].problem().as_deref(),
            Some("it is cut off or damaged: its base64 does not end where it should")
        );
        assert_eq!(pdf.attachments()[0].sha256().len(), 64);
    }
}
