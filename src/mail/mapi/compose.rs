//! An item written as a message of RFC 5322.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::item::{Attached, AttachedContent, Correspondent, Item};
use super::property::id;

/// Characters of base64 in a line.
const LINE: usize = 76;

impl Item {
    /// The message that this item was, or would be: header, plain text, HTML, attachments. Fields of the header with which it came go
    /// before what Outlook made of them.
    pub(in crate::mail) fn to_message(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out, 0);
        out
    }

    fn write(&self, out: &mut Vec<u8>, depth: usize) {
        out.extend_from_slice(self.header().as_bytes());
        let mixed = format!("=_item_{depth}");
        let alternative = format!("=_body_{depth}");
        line(out, "MIME-Version: 1.0");
        line(out, &format!("Content-Type: multipart/mixed; boundary=\"{mixed}\""));
        let bodies = [("text/plain", self.text()), ("text/html", self.html())];
        if bodies.iter().any(|(_, body)| body.is_some()) {
            line(out, &format!("\r\n--{mixed}\r\nContent-Type: multipart/alternative; boundary=\"{alternative}\""));
            for (content_type, body) in bodies {
                let Some(body) = body else { continue };
                line(out, &format!("\r\n--{alternative}\r\nContent-Type: {content_type}; charset=utf-8"));
                write_base64(out, body.as_bytes());
            }
            line(out, &format!("\r\n--{alternative}--"));
        }
        for attached in &self.attached {
            line(out, &format!("\r\n--{mixed}"));
            attached.write(out, depth);
        }
        line(out, &format!("\r\n--{mixed}--"));
    }

    fn header(&self) -> String {
        let mut header = Header(self.transport_headers().map(|text| kept_fields(&text)).unwrap_or_default());
        let from = self.from();
        if let Some(sender) = self.sender().filter(|sender| sender.address.is_some() && Some(sender) != from.as_ref()) {
            header.add("Sender", Some(written(&sender)));
        }
        header.add("From", from.as_ref().map(written));
        let list = |kind, shown| Some(self.recipients(kind, shown).iter().map(written).collect::<Vec<_>>().join(", "));
        header.add("To", list(1, id::DISPLAY_TO));
        header.add("Cc", list(2, id::DISPLAY_CC));
        let text = |id| self.properties.text(id);
        header.add("Subject", text(id::SUBJECT));
        let sent = self.properties.time(id::SUBMIT_TIME).or_else(|| self.properties.time(id::DELIVERY_TIME));
        header.add("Date", sent.map(|time| time.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()));
        header.add("Message-ID", text(id::MESSAGE_ID));
        header.add("In-Reply-To", text(id::IN_REPLY_TO));
        header.add("References", text(id::REFERENCES));
        let importance = match self.properties.number(id::IMPORTANCE) {
            Some(0) => Some("low"),
            Some(2) => Some("high"),
            _ => None,
        };
        header.add("Importance", importance.map(str::to_owned));
        let is_meeting =
            text(id::MESSAGE_CLASS).is_some_and(|class| class.to_ascii_lowercase().starts_with("ipm.schedule.meeting"));
        header.add("Content-Class", is_meeting.then(|| "urn:content-classes:calendarmessage".to_owned()));
        header.0
    }
}

/// Fields, each ended by CRLF.
struct Header(String);

impl Header {
    /// Adds a field that is not there yet and says something.
    fn add(&mut self, name: &str, value: Option<String>) {
        let value = value.map(|value| one_line(&value)).unwrap_or_default();
        let has_name = |line: &str| {
            line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
                && line.as_bytes().get(name.len()) == Some(&b':')
        };
        if value.is_empty() || self.0.split("\r\n").any(has_name) {
            return;
        }
        self.0.push_str(name);
        self.0.push_str(": ");
        self.0.push_str(&value);
        self.0.push_str("\r\n");
    }
}

/// The fields that say nothing of how the content was written, each line ended by CRLF.
fn kept_fields(header: &str) -> String {
    let mut kept = String::with_capacity(header.len());
    let mut is_kept = false;
    for line in header.lines().map(|line| line.trim_end_matches('\r')) {
        if line.trim().is_empty() {
            // Exchange puts the headers of several hops one below the other; the first block is the message's.
            if kept.is_empty() {
                continue;
            }
            break;
        }
        if !line.starts_with([' ', '\t']) {
            let name = line.split_once(':').map(|(name, _)| name.trim_end());
            is_kept = name.is_some_and(|name| {
                let name = name.to_ascii_lowercase();
                let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
                is_name
                    && !(name.starts_with("content-") && name != "content-class")
                    && !matches!(name.as_str(), "mime-version" | "x-ms-tnef-correlator")
            });
        }
        if is_kept {
            kept.push_str(line);
            kept.push_str("\r\n");
        }
    }
    kept
}

/// `"Name" <address>`.
fn written(correspondent: &Correspondent) -> String {
    let address = correspondent.address.as_deref().unwrap_or_default();
    match correspondent.name.as_deref().filter(|name| *name != address) {
        Some(name) => format!("\"{}\" <{address}>", name.replace(['"', '\\'], "'")),
        None => format!("<{address}>"),
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

impl Attached {
    fn write(&self, out: &mut Vec<u8>, depth: usize) {
        let name = self.name();
        let named = name.as_deref().map(|name| format!("; filename*=UTF-8''{}", percent_encoded(name))).unwrap_or_default();
        match &self.content {
            AttachedContent::Item(item) => {
                line(out, "Content-Type: message/rfc822");
                line(out, &format!("Content-Disposition: attachment{named}\r\n"));
                item.write(out, depth + 1);
            }
            AttachedContent::File(content) => {
                let content_type = self.content_type().filter(|kind| is_token(kind));
                line(out, &format!("Content-Type: {}", content_type.as_deref().unwrap_or("application/octet-stream")));
                let content_id = self.properties.text(id::CONTENT_ID).map(|id| one_line(&id)).filter(|id| !id.is_empty());
                // Rendered within the body (MS-OXCMSG §2.2.2.21).
                let is_inline =
                    content_id.is_some() && self.properties.number(id::ATTACHED_FLAGS).is_some_and(|flags| flags & 4 != 0);
                line(out, &format!("Content-Disposition: {}{named}", if is_inline { "inline" } else { "attachment" }));
                if let Some(id) = content_id {
                    line(out, &format!("Content-ID: <{}>", id.trim_matches(['<', '>'])));
                }
                write_base64(out, content);
            }
        }
    }
}

/// A MIME type that can stand in a header.
fn is_token(kind: &str) -> bool {
    kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/.+-_".contains(&byte))
}

/// RFC 5987: everything but letters and digits of ASCII as its bytes.
fn percent_encoded(name: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    name.bytes().map(encoded).collect()
}

/// The rest of a part: its encoding, and the encoded bytes.
fn write_base64(out: &mut Vec<u8>, content: &[u8]) {
    line(out, "Content-Transfer-Encoding: base64\r\n");
    for piece in content.chunks(LINE / 4 * 3) {
        line(out, &STANDARD.encode(piece));
    }
}

fn line(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}
