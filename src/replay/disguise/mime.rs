//! A mail part by part: its structure stays, its texts are disguised, what is no text is replaced by a word that says so.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::Disguise;

/// Parts within parts.
const DEPTH_MAX: usize = 16;

/// Header fields that rules can see or that show how a mail came; all others are left out.
const KEPT: [&str; 29] = [
    "authentication-results",
    "auto-submitted",
    "bcc",
    "cc",
    "content-class",
    "content-description",
    "content-disposition",
    "content-id",
    "content-language",
    "content-transfer-encoding",
    "content-type",
    "date",
    "from",
    "importance",
    "in-reply-to",
    "list-id",
    "list-unsubscribe",
    "message-id",
    "mime-version",
    "precedence",
    "priority",
    "received",
    "references",
    "reply-to",
    "return-path",
    "sender",
    "subject",
    "to",
    "x-auto-response-suppress",
];

pub(super) fn is_kept(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    KEPT.contains(&name.as_str()) || name.starts_with("x-ms-exchange-organization-auth")
}

/// A header field as it stands, folded lines with it, and its decoded value.
struct Field {
    name: String,
    value: String,
}

pub(super) fn disguised(raw: &[u8], disguise: &mut Disguise) -> Vec<u8> {
    let mut written = Vec::with_capacity(raw.len());
    entity(raw, disguise, 0, &mut written);
    written
}

/// Header, body, and what is in it.
fn entity(raw: &[u8], disguise: &mut Disguise, depth: usize, out: &mut Vec<u8>) {
    let (head, body) = split(raw);
    let fields = fields(head);
    let content_type = value(&fields, "content-type").unwrap_or("text/plain").to_owned();
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let boundary = parameter(&content_type, "boundary");
    let encoding = value(&fields, "content-transfer-encoding").unwrap_or_default().trim().to_ascii_lowercase();
    let is_whole = kind.starts_with("multipart/") && boundary.is_some() || kind == "message/rfc822" && encoding != "base64";
    let is_text = kind.starts_with("text/") || kind.starts_with("message/") || is_data(&kind, &content_type);
    header(&fields, (is_whole, is_text), disguise, out);
    if depth >= DEPTH_MAX {
        return;
    }
    match boundary {
        Some(boundary) if kind.starts_with("multipart/") => {
            for part in parts(body, &boundary) {
                out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
                entity(part, disguise, depth + 1, out);
                // The line break before a boundary belongs to it (RFC 2046 §5.1.1).
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        }
        _ if kind == "message/rfc822" && encoding != "base64" => entity(body, disguise, depth + 1, out),
        _ if is_text => {
            let charset = parameter(&content_type, "charset").unwrap_or_default();
            let text = disguise.text(&read(&decoded(body, &encoding), &charset));
            lines(&text, out);
        }
        _ => {
            let replaced = "This attachment was replaced when the mail was recorded.";
            out.extend_from_slice(BASE64.encode(replaced).as_bytes());
        }
    }
}

/// Files that are text whatever their type says: what rules read of them is compared.
fn is_data(kind: &str, content_type: &str) -> bool {
    let name = parameter(content_type, "name").unwrap_or_default().to_ascii_lowercase();
    matches!(kind, "application/json" | "application/xml" | "application/csv")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || [".csv", ".json", ".xml", ".txt"].iter().any(|extension| name.ends_with(extension))
}

fn header(fields: &[Field], (is_whole, is_text): (bool, bool), disguise: &mut Disguise, out: &mut Vec<u8>) {
    for field in fields.iter().filter(|field| is_kept(&field.name)) {
        let name = field.name.to_ascii_lowercase();
        let value = match name.as_str() {
            "content-transfer-encoding" if is_whole => field.value.clone(),
            "content-transfer-encoding" => continue,
            "date" | "mime-version" => field.value.clone(),
            "message-id" | "in-reply-to" | "references" => disguise.ids(&field.value),
            "content-type" if is_text && !is_whole => disguise.content_type(&field.value),
            "received" | "authentication-results" => disguise.with_words(&field.value),
            _ => disguise.text(&field.value),
        };
        out.extend_from_slice(format!("{}: {}\r\n", field.name, encoded(&name, &value)).as_bytes());
    }
    if !is_whole {
        let how = if is_text { "8bit" } else { "base64" };
        out.extend_from_slice(format!("Content-Transfer-Encoding: {how}\r\n").as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

impl Disguise {
    /// Message-IDs: the same by the same, under the domain that stands for theirs.
    fn ids(&mut self, value: &str) -> String {
        let ids = value.split_whitespace().map(|id| {
            let inner = id.trim_matches(['<', '>']);
            let (local, domain) = inner.rsplit_once('@').unwrap_or((inner, "example"));
            let domain = self.with_words(domain);
            let number = self.numbers.id(local);
            format!("<recorded.{number}@{domain}>")
        });
        ids.collect::<Vec<_>>().join(" ")
    }

    /// A text's type with what we write: UTF-8.
    fn content_type(&mut self, value: &str) -> String {
        let mut kept: Vec<String> = value
            .split(';')
            .map(str::trim)
            .filter(|part| !part.is_empty() && !part.to_ascii_lowercase().starts_with("charset"))
            .map(|part| self.text(part))
            .collect();
        kept.insert(1.min(kept.len()), "charset=utf-8".to_owned());
        kept.join("; ")
    }
}

/// The header and the body behind the first empty line.
fn split(raw: &[u8]) -> (&[u8], &[u8]) {
    if let Some(rest) = raw.strip_prefix(b"\r\n").or_else(|| raw.strip_prefix(b"\n")) {
        return (&[], rest);
    }
    let crlf = memchr::memmem::find(raw, b"\r\n\r\n").map(|at| (at, at + 4));
    let lf = memchr::memmem::find(raw, b"\n\n").map(|at| (at, at + 2));
    let (head, body) = match (crlf, lf) {
        (Some(crlf), Some(lf)) => {
            if crlf.0 < lf.0 {
                crlf
            } else {
                lf
            }
        }
        (Some(end), None) | (None, Some(end)) => end,
        (None, None) => (raw.len(), raw.len()),
    };
    (raw.get(..head).unwrap_or_default(), raw.get(body..).unwrap_or_default())
}

fn fields(head: &[u8]) -> Vec<Field> {
    let decoded = crate::mail::header_fields(head);
    decoded.into_iter().map(|header| Field { name: header.name, value: header.value }).collect()
}

fn value<'f>(fields: &'f [Field], name: &str) -> Option<&'f str> {
    fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value.as_str())
}

/// A parameter of a Content-Type (RFC 2045 §5.1), quotes taken off.
fn parameter(value: &str, name: &str) -> Option<String> {
    value.split(';').skip(1).find_map(|part| {
        let (key, found) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| found.trim().trim_matches('"').to_owned())
    })
}

/// The parts between the lines of a boundary (RFC 2046 §5.1.1).
fn parts<'b>(body: &'b [u8], boundary: &str) -> Vec<&'b [u8]> {
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let (mut begun, mut at) = (None, 0);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let end = at + line.len();
        let text = line.trim_ascii_end();
        if text.starts_with(delimiter.as_bytes()) {
            let rest = text.get(delimiter.len()..).unwrap_or_default();
            if rest.is_empty() || rest == b"--" {
                parts.extend(begun.take().and_then(|from: usize| body.get(from..at)).map(without_last_break));
                if rest == b"--" {
                    return parts;
                }
                begun = Some(end);
            }
        }
        at = end;
    }
    parts.extend(begun.and_then(|from| body.get(from..)));
    parts
}

fn without_last_break(part: &[u8]) -> &[u8] {
    part.strip_suffix(b"\r\n").or_else(|| part.strip_suffix(b"\n")).unwrap_or(part)
}

fn decoded(body: &[u8], encoding: &str) -> Vec<u8> {
    match encoding {
        "base64" => {
            let plain: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            BASE64.decode(plain).unwrap_or_default()
        }
        "quoted-printable" => quoted_printable(body),
        _ => body.to_vec(),
    }
}

/// RFC 2045 §6.7; what is no valid escape stays as it is.
fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'=' {
            bytes.push(*first);
            continue;
        }
        if let Some(next) = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")) {
            rest = next;
            continue;
        }
        let digit = |at: usize| rest.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (digit(0), digit(1)) {
            (Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = rest.get(2..).unwrap_or_default();
            }
            _ => bytes.push(b'='),
        }
    }
    bytes
}

fn read(bytes: &[u8], charset: &str) -> String {
    let encoding = encoding_rs::Encoding::for_label(charset.as_bytes()).unwrap_or(encoding_rs::UTF_8);
    encoding.decode(bytes).0.into_owned()
}

/// A text with line breaks as mail has them.
fn lines(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.replace("\r\n", "\n").replace('\n', "\r\n").as_bytes());
}

/// A header's value: words beyond ASCII as RFC 2047 has them, long values folded at blanks.
fn encoded(name: &str, value: &str) -> String {
    let plain: Vec<&str> = value.split_whitespace().collect();
    let words = plain.iter().enumerate().map(|(at, word)| {
        if word.is_ascii() {
            return (*word).to_owned();
        }
        // Quotes and brackets around a name are no part of the word; the blank between two encoded words is dropped by who reads them.
        let inner = word.trim_matches(['"', '<', '>', ',', ';']);
        let blank = if plain.get(at + 1).is_some_and(|next| !next.is_ascii()) { " " } else { "" };
        let encoded = format!("=?utf-8?B?{}?=", BASE64.encode(format!("{inner}{blank}")));
        word.replace(inner, &encoded).replace('"', "")
    });
    let mut line = String::new();
    let mut length = name.len() + 2;
    for word in words {
        if !line.is_empty() {
            let fold = length + word.len() + 1 > 78;
            line.push_str(if fold { "\r\n " } else { " " });
            length = if fold { 1 } else { length + 1 };
        }
        length += word.len();
        line.push_str(&word);
    }
    line
}
