//! A raw message (RFC 5322) becomes a message of the store: what Exchange does when mail arrives.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use mail_parser::{Address, MessageParser, MessagePart, MimeHeaders, PartType};

use super::state::{Attachment, AttachmentKind, Body, BodyKind, Message, Origin, Recipient, domain};

/// From so many nested messages on, only the outermost headers are read.
const NESTED_MAX: usize = 1_000;
/// The server that takes mail from outside.
const FRONT_DOOR: &str = "sim.mail.protection.outlook.com";

/// What transport writes above a message when it is missing.
pub(crate) struct Trace {
    pub internet_id: String,
    pub now: Timestamp,
}

/// The message with Received, Return-Path, Authentication-Results and Message-ID added where they are missing.
pub(crate) fn stamp(raw: &[u8], trace: &Trace) -> Vec<u8> {
    let headers = split_headers(raw);
    let has = |name: &str| headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
    let newline = if raw.windows(2).take(4096).any(|pair| pair == b"\r\n") || !raw.contains(&b'\n') { "\r\n" } else { "\n" };
    let sender = sender_address(raw);
    let mut lines = Vec::new();
    // What the front door adds stands above its own Received and below that of the server which took it to the mailbox.
    let came_in = (!has("Received")).then(|| super::mail_out::date(trace.now));
    if let Some(date) = &came_in {
        lines.push(format!(
            "Received: from {FRONT_DOOR} (2603:10a6:10:1::5){newline} by outlook.office365.com with HTTPS; {date}"
        ));
    }
    if !has("Authentication-Results") {
        let from = domain(&sender);
        lines.push(format!(
            "Authentication-Results: spf=pass (sender IP is 203.0.113.10){newline} smtp.mailfrom={from}; dkim=pass (signature was \
             verified){newline} header.d={from};dmarc=pass action=none header.from={from};compauth=pass{newline} reason=100"
        ));
    }
    if let Some(date) = &came_in {
        lines.push(format!(
            "Received: from mail.{from} (203.0.113.10) by {FRONT_DOOR}{newline} with Microsoft SMTP Server; {date}",
            from = if sender.is_empty() { "unknown" } else { domain(&sender) },
        ));
    }
    if !has("Return-Path") {
        lines.push(format!("Return-Path: {}", if sender.is_empty() { "<>".to_owned() } else { sender }));
    }
    if !has("Message-ID") {
        lines.push(format!("Message-ID: {}", trace.internet_id));
    }
    let mut stamped = Vec::with_capacity(raw.len() + 512);
    for line in lines {
        stamped.extend_from_slice(line.as_bytes());
        stamped.extend_from_slice(newline.as_bytes());
    }
    // A body without any header would otherwise become part of the last header added here.
    if headers.is_empty() && !raw.starts_with(b"\r\n") && !raw.starts_with(b"\n") {
        stamped.extend_from_slice(newline.as_bytes());
    }
    stamped.extend_from_slice(raw);
    stamped
}

fn sender_address(raw: &[u8]) -> String {
    MessageParser::new()
        .with_minimal_headers()
        .parse_headers(raw)
        .and_then(|message| message.from().and_then(|from| from.first()).and_then(|from| from.address().map(str::to_owned)))
        .unwrap_or_default()
}

/// The message a mailbox keeps of these bytes. Never fails: what cannot be read is empty.
pub(crate) fn received(raw: Vec<u8>, now: Timestamp) -> Message {
    let mut message = read(&raw, now);
    message.headers = split_headers(&raw);
    message.raw = Some(Bytes::from(raw));
    message.origin = Origin::Received;
    message.is_read = false;
    message.is_draft = false;
    message
}

/// A draft made of MIME (`Content-Type: text/plain`, base64). Only `x-` headers survive, as with Exchange.
pub(crate) fn draft(raw: &[u8], now: Timestamp) -> Message {
    let mut message = read(raw, now);
    message.headers = split_headers(raw).into_iter().filter(|(name, _)| name.to_lowercase().starts_with("x-")).collect();
    message.sent = now;
    message
}

/// Base64 of a whole MIME message; line breaks are ignored.
pub(crate) fn decode_base64(body: &[u8]) -> Option<Vec<u8>> {
    let compact: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(compact).ok()
}

fn read(raw: &[u8], now: Timestamp) -> Message {
    let mut message = Message::draft(now);
    let parser = MessageParser::default();
    let parsed = if nests_too_deep(raw) { parser.parse_headers(raw) } else { parser.parse(raw) };
    let Some(parsed) = parsed else { return message };
    parsed.subject().unwrap_or_default().clone_into(&mut message.subject);
    message.from = parsed.from().and_then(|from| people(Some(from)).into_iter().next());
    message.sender = people(parsed.sender()).into_iter().next().or_else(|| message.from.clone());
    message.to = people(parsed.to());
    message.cc = people(parsed.cc());
    message.bcc = people(parsed.bcc());
    message.reply_to = people(parsed.reply_to());
    if let Some(id) = parsed.message_id() {
        message.internet_id = format!("<{id}>");
    }
    message.in_reply_to = ids(parsed.in_reply_to()).into_iter().next();
    message.references = ids(parsed.references());
    message.sent = parsed.date().and_then(|date| Timestamp::from_second(date.to_timestamp()).ok()).unwrap_or(now);
    importance(&parsed).clone_into(&mut message.importance);
    message.body = body(&parsed);
    for part in parsed.attachments() {
        message.attachments.push(attachment(part, &message.body.content, now));
    }
    message.odata_type = meeting(&parsed);
    message
}

/// Whether so many messages may lie within each other that reading them would use up the stack: the parser's values
/// nest as deep as the messages do, and are dropped level by level.
fn nests_too_deep(raw: &[u8]) -> bool {
    const WORDS: [&[u8]; 3] = [b"rfc822", b"/global", b"/digest"];
    let begins_word = |at: &usize| {
        let rest = &raw[*at..];
        WORDS.iter().any(|word| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)))
    };
    let candidates = (0..raw.len()).filter(|at| matches!(raw[*at], b'r' | b'R' | b'/'));
    candidates.filter(begins_word).take(NESTED_MAX).count() == NESTED_MAX
}

fn people(address: Option<&Address<'_>>) -> Vec<Recipient> {
    let Some(address) = address else { return Vec::new() };
    address
        .iter()
        .map(|one| {
            let address = one.address().unwrap_or_default().to_owned();
            Recipient { name: one.name().map_or_else(|| address.clone(), str::to_owned), address }
        })
        .collect()
}

fn ids(value: &mail_parser::HeaderValue<'_>) -> Vec<String> {
    match (value.as_text_list(), value.as_text()) {
        (Some(list), _) => list.iter().map(|id| format!("<{id}>")).collect(),
        (None, Some(id)) => vec![format!("<{id}>")],
        (None, None) => Vec::new(),
    }
}

fn importance(parsed: &mail_parser::Message<'_>) -> &'static str {
    let header = |name: &'static str| parsed.header_raw(name).unwrap_or_default().trim().to_lowercase();
    match (header("Importance").as_str(), header("X-Priority").chars().next()) {
        ("high", _) | ("", Some('1' | '2')) => "high",
        ("low", _) | ("", Some('4' | '5')) => "low",
        _ => "normal",
    }
}

fn body(parsed: &mail_parser::Message<'_>) -> Body {
    match parsed.html_part(0).map(|part| &part.body) {
        Some(PartType::Html(html)) => Body { kind: BodyKind::Html, content: html.to_string() },
        Some(PartType::Text(text)) => Body { kind: BodyKind::Text, content: text.to_string() },
        _ => Body { kind: BodyKind::Text, content: parsed.body_text(0).unwrap_or_default().into_owned() },
    }
}

fn attachment(part: &MessagePart<'_>, body: &str, now: Timestamp) -> Attachment {
    let content_type = part.content_type().map_or_else(
        || "application/octet-stream".to_owned(),
        |kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or("octet-stream")).to_lowercase(),
    );
    let (kind, bytes) = match &part.body {
        PartType::Message(nested) => (AttachmentKind::Item, Bytes::copy_from_slice(nested.raw_message())),
        other => (AttachmentKind::File, Bytes::copy_from_slice(contents(other))),
    };
    let nested_subject = match &part.body {
        PartType::Message(nested) => nested.subject(),
        _ => None,
    };
    let content_id = part.content_id().map(str::to_owned);
    let disposed_inline = part.content_disposition().is_some_and(mail_parser::ContentType::is_inline);
    let shown = content_id.as_ref().is_some_and(|id| body.contains(&format!("cid:{id}")));
    Attachment {
        id: String::new(),
        kind,
        name: part.attachment_name().or(nested_subject).unwrap_or("attachment").to_owned(),
        content_type,
        is_inline: shown || (disposed_inline && content_id.is_some()),
        content_id,
        bytes,
        modified: now,
    }
}

fn contents<'a>(body: &'a PartType<'_>) -> &'a [u8] {
    match body {
        PartType::Text(text) | PartType::Html(text) => text.as_bytes(),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => bytes,
        PartType::Message(nested) => nested.raw_message(),
        PartType::Multipart(_) => &[],
    }
}

fn meeting(parsed: &mail_parser::Message<'_>) -> Option<&'static str> {
    let calendar =
        parsed.parts.iter().find_map(|part| part.content_type().filter(|_| part.is_content_type("text", "calendar")))?;
    match calendar.attribute("method").unwrap_or_default().to_uppercase().as_str() {
        "REQUEST" => Some("#microsoft.graph.eventMessageRequest"),
        "REPLY" => Some("#microsoft.graph.eventMessageResponse"),
        _ => Some("#microsoft.graph.eventMessage"),
    }
}

/// The header lines, unfolded, topmost first; bytes that are not UTF-8 become replacement characters.
pub(crate) fn split_headers(raw: &[u8]) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in raw.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = String::from_utf8_lossy(line);
        if text.is_empty() {
            break;
        }
        if text.starts_with([' ', '\t']) {
            if let Some((_, value)) = headers.last_mut() {
                value.push(' ');
                value.push_str(text.trim());
            }
            continue;
        }
        match text.split_once(':') {
            Some((name, value)) if !name.is_empty() && !name.contains(' ') => {
                headers.push((name.to_owned(), value.trim().to_owned()));
            }
            _ => break,
        }
    }
    headers
}
