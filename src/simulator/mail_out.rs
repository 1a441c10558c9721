//! A message of the store becomes MIME: `$value` of own mail, and what transport hands to a recipient.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use mail_parser::decoders::html::html_to_text;
use sha2::{Digest, Sha256};

use super::state::{Attachment, AttachmentKind, Body, BodyKind, Message, Recipient, hex, topic};

/// Who the rendering is for: the sender's own copy names the hidden recipients.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    Sender,
    Recipients,
}

/// The whole message, lines ended by CRLF, ASCII only.
pub(crate) fn render(message: &Message, audience: Audience) -> Vec<u8> {
    let mut out = headers(message, audience).into_bytes();
    let boundary = format!("_{:03}_{}_", message.attachments.len(), hex(&Sha256::digest(&message.internet_id)[..12]));
    let mixed = format!("_mixed{boundary}");
    let attachments = !message.attachments.is_empty();
    if attachments {
        let open = format!("Content-Type: multipart/mixed;\r\n\tboundary=\"{mixed}\"\r\n\r\n--{mixed}\r\n");
        out.extend_from_slice(open.as_bytes());
    }
    out.extend_from_slice(alternative(&message.body, &boundary).as_bytes());
    for attachment in &message.attachments {
        out.extend_from_slice(format!("--{mixed}\r\n").as_bytes());
        attached(&mut out, attachment);
    }
    if attachments {
        out.extend_from_slice(format!("--{mixed}--\r\n").as_bytes());
    }
    out
}

fn headers(message: &Message, audience: Audience) -> String {
    let mut out = String::new();
    let mut people = |name: &str, list: &[Recipient]| {
        if !list.is_empty() {
            let written: Vec<String> = list.iter().map(person).collect();
            let _ = write!(out, "{name}: {}\r\n", written.join(",\r\n\t"));
        }
    };
    let one = |person: &Option<Recipient>| person.clone().into_iter().collect::<Vec<_>>();
    people("From", &one(&message.from));
    if message.sender != message.from {
        people("Sender", &one(&message.sender));
    }
    people("Reply-To", &message.reply_to);
    people("To", &message.to);
    people("CC", &message.cc);
    if audience == Audience::Sender {
        people("BCC", &message.bcc);
    }
    let _ = write!(out, "Subject: {}\r\n", encoded(&message.subject));
    let _ = write!(out, "Thread-Topic: {}\r\n", encoded(&topic(&message.subject).0));
    let _ = write!(out, "Thread-Index: {}\r\n", message.conversation.index());
    let _ = write!(out, "Date: {}\r\n", date(message.sent));
    let _ = write!(out, "Message-ID: {}\r\n", one_line(&message.internet_id));
    if !message.references.is_empty() {
        let references: Vec<String> = message.references.iter().map(|id| one_line(id)).collect();
        let _ = write!(out, "References: {}\r\n", references.join("\r\n "));
    }
    if let Some(id) = &message.in_reply_to {
        let _ = write!(out, "In-Reply-To: {}\r\n", one_line(id));
    }
    if message.importance != "normal" {
        let _ = write!(out, "Importance: {}\r\n", message.importance);
    }
    for (name, value) in &message.headers {
        let _ = write!(out, "{}: {}\r\n", one_line(name), encoded(value));
    }
    out.push_str("MIME-Version: 1.0\r\n");
    out
}

/// Values of clients never break out of their line.
fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

fn person(recipient: &Recipient) -> String {
    let address = one_line(&recipient.address);
    if recipient.name.is_empty() || recipient.name == recipient.address {
        return format!("<{address}>");
    }
    if recipient.name.is_ascii() {
        let quoted = one_line(&recipient.name).replace('\\', "\\\\").replace('"', "\\\"");
        return format!("\"{quoted}\" <{address}>");
    }
    format!("{} <{address}>", encoded(&recipient.name))
}

/// ASCII as it is, anything else as encoded words (RFC 2047) of at most 75 characters.
fn encoded(text: &str) -> String {
    let text = one_line(text);
    if text.is_ascii() {
        return text;
    }
    let mut words = Vec::new();
    let mut chunk = String::new();
    for letter in text.chars() {
        if chunk.len() + letter.len_utf8() > 42 {
            words.push(std::mem::take(&mut chunk));
        }
        chunk.push(letter);
    }
    words.push(chunk);
    let words: Vec<String> = words.iter().map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word))).collect();
    words.join("\r\n ")
}

fn alternative(body: &Body, boundary: &str) -> String {
    let part = |kind: &str, content: &str| {
        let content = quoted_printable(content);
        format!("Content-Type: {kind}; charset=\"utf-8\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{content}\r\n")
    };
    if body.kind == BodyKind::Text {
        return part("text/plain", &body.content);
    }
    format!(
        "Content-Type: multipart/alternative;\r\n\tboundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n{}--{boundary}\r\n{}--{boundary}--\r\n",
        part("text/plain", &html_to_text(&body.content)),
        part("text/html", &body.content),
    )
}

fn attached(out: &mut Vec<u8>, attachment: &Attachment) {
    let disposition = if attachment.is_inline { "inline" } else { "attachment" };
    let name = encoded(&attachment.name).replace('"', "'");
    if attachment.kind == AttachmentKind::Item {
        // An embedded message must not be encoded (RFC 2046, 5.2.1).
        out.extend_from_slice(b"Content-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n");
        out.extend_from_slice(&attachment.bytes);
        out.extend_from_slice(b"\r\n");
        return;
    }
    let mut head = format!("Content-Type: {}; name=\"{name}\"\r\n", one_line(&attachment.content_type));
    let _ = write!(head, "Content-Disposition: {disposition}; filename=\"{name}\"; size={}\r\n", attachment.bytes.len());
    if let Some(id) = &attachment.content_id {
        let _ = write!(head, "Content-ID: <{}>\r\n", one_line(id));
    }
    head.push_str("Content-Transfer-Encoding: base64\r\n\r\n");
    out.extend_from_slice(head.as_bytes());
    for line in STANDARD.encode(&attachment.bytes).as_bytes().chunks(76) {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
}

/// RFC 2045, 6.7.
fn quoted_printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            out.push_str("\r\n");
        }
        let line = line.strip_suffix('\r').unwrap_or(line).as_bytes();
        let mut column = 0;
        for (at, byte) in line.iter().enumerate() {
            let last = at + 1 == line.len();
            let plain = matches!(byte, b'!'..=b'<' | b'>'..=b'~') || (matches!(byte, b' ' | b'\t') && !last);
            let width = if plain { 1 } else { 3 };
            if column + width > 75 {
                out.push_str("=\r\n");
                column = 0;
            }
            if plain {
                out.push(char::from(*byte));
            } else {
                let _ = write!(out, "={byte:02X}");
            }
            column += width;
        }
    }
    out
}

/// A time as RFC 5322 writes it, in UTC.
pub(crate) fn date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// The body as HTML, whatever it is kept as.
pub(crate) fn as_html(body: &Body) -> String {
    match body.kind {
        BodyKind::Html => body.content.clone(),
        BodyKind::Text => {
            let escaped = escape(&body.content).replace('\n', "<br>\n");
            format!("<html><head></head><body><div class=\"PlainText\">{escaped}</div></body></html>")
        }
    }
}

/// The body as text, whatever it is kept as.
pub(crate) fn as_text(body: &Body) -> String {
    match body.kind {
        BodyKind::Html => html_to_text(&body.content),
        BodyKind::Text => body.content.clone(),
    }
}

/// Text made safe between tags.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
