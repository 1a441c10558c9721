//! The MIME crate's reading of a message, turned into our own parts. Nothing outside this folder sees a type of that crate.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use mail_parser::{HeaderName, HeaderValue, Message, MessageParser, MessagePart, MimeHeaders, PartType};

use serde::{Deserialize, Serialize};

use super::decode::{self, Encoding};
use super::defect::Defect;
use super::envelope_of::{self, Fields};
use super::skeleton::Skeleton;
use super::source::Source;

/// Reads the fields that the envelope and the parts need; all others are read when somebody asks for headers.
static PARSER: LazyLock<MessageParser> = LazyLock::new(|| {
    MessageParser::new()
        .with_mime_headers()
        .header_text(HeaderName::Subject)
        .header_address(HeaderName::From)
        .header_address(HeaderName::Sender)
        .header_address(HeaderName::ReplyTo)
        .header_address(HeaderName::To)
        .header_address(HeaderName::Cc)
        .header_raw(HeaderName::Date)
        .header_raw(HeaderName::MessageId)
        .header_raw(HeaderName::Received)
        .header_raw(HeaderName::Importance)
        .header_raw(HeaderName::Priority)
        .header_raw(HeaderName::Other("X-Priority".into()))
        .default_header_ignore()
});

/// Lines like a delimiter that are compared with the header to find the first real one.
const DELIMITERS_MAX: usize = 100;

/// A message's parts in document order, and which of them are what.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Parsed {
    pub(super) parts: Vec<Part>,
    /// Parts to show as text, in order; HTML ones where nothing better is there.
    pub(super) text_body: Vec<usize>,
    /// Parts to show as HTML, in order; text ones where nothing better is there.
    pub(super) html_body: Vec<usize>,
    /// Everything else that bears content.
    pub(super) attachments: Vec<usize>,
    /// What the header says of sender, recipients, subject and dates.
    pub(super) fields: Fields,
}

impl Parsed {
    /// A text without its closing boundary is still the text: the parser counts it among the attachments.
    fn keep_as_body(&mut self, part: &Part) {
        let index = self.parts.len();
        let Some(place) = self.attachments.iter().position(|&attached| attached == index) else { return };
        if part.name.is_some() || part.disposition == Disposition::Attachment {
            return;
        }
        let body = match part.content_type.as_str() {
            "" | "text/plain" => &mut self.text_body,
            "text/html" => &mut self.html_body,
            _ => return,
        };
        body.push(index);
        self.attachments.remove(place);
    }
}

/// What holds a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Parent {
    #[default]
    Other,
    Alternative,
    Related,
}

/// One leaf or branch of the MIME tree.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Part {
    /// `type/subtype` in lower case.
    pub(super) content_type: String,
    /// `report-type` of a `multipart/report`, `method` of a `text/calendar`.
    pub(super) detail: Option<String>,
    pub(super) charset: Option<String>,
    pub(super) name: Option<String>,
    pub(super) content_id: Option<String>,
    pub(super) disposition: Disposition,
    pub(super) parent: Parent,
    pub(super) encoding: Option<Encoding>,
    /// Where its encoded body stands in [`Source::bytes`].
    pub(super) range: Range<usize>,
    #[serde(serialize_with = "super::crossing::kept", deserialize_with = "super::crossing::keep")]
    text: OnceLock<String>,
}

/// Content-Disposition (RFC 2183).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Disposition {
    #[default]
    Unsaid,
    Inline,
    Attachment,
}

impl Part {
    /// The part's text, transfer encoding and charset undone.
    pub(super) fn text(&self, source: &Source) -> &str {
        self.text.get_or_init(|| {
            let encoded = source.bytes().get(self.range.clone()).unwrap_or_default();
            decode::text(&self.encoding().decode(encoded), self.charset.as_deref())
        })
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding.unwrap_or(Encoding::Identity)
    }

    /// Shown within the text rather than beside it.
    pub(super) fn is_inline(&self) -> bool {
        match self.disposition {
            Disposition::Attachment => false,
            Disposition::Inline => self.content_id.is_some() || self.name.is_none(),
            Disposition::Unsaid => {
                self.parent == Parent::Alternative || self.parent == Parent::Related && self.content_id.is_some()
            }
        }
    }
}

/// Parses what of the message may be read.
pub(super) fn parse(source: &Source, defects: &mut Vec<Defect>) -> Parsed {
    let readable = source.readable();
    // A cut that is not exactly the body of a part (base64 quoted in a text, say) makes the skeleton worthless.
    let skeleton = Skeleton::of(readable);
    let shortened = skeleton.as_ref().and_then(|skeleton| {
        let message = PARSER.parse(&skeleton.bytes)?;
        (cut_parts(&message, skeleton) == skeleton.cut_count()).then_some((message, skeleton))
    });
    let (message, skeleton) = match shortened {
        Some((message, skeleton)) => (Some(message), Some(skeleton)),
        None => (PARSER.parse(readable), None),
    };
    let Some(message) = message else {
        if !defects.contains(&Defect::Empty) {
            defects.push(Defect::NotMime);
        }
        return Parsed::default();
    };
    let fields = message.parts.first().map(|top| envelope_of::fields(readable, top, defects)).unwrap_or_default();
    let indices = |ids: &[u32]| ids.iter().map(|&id| id as usize).collect::<Vec<_>>();
    let mut parsed = Parsed {
        text_body: indices(&message.text_body),
        html_body: indices(&message.html_body),
        attachments: indices(&message.attachments),
        fields,
        parts: Vec::with_capacity(message.parts.len()),
    };
    let parents = parents(&message.parts);
    for (part, parent) in message.parts.into_iter().zip(parents) {
        let is_damaged = part.is_encoding_problem;
        let own = own_part(part, parent, skeleton, defects);
        if is_damaged {
            parsed.keep_as_body(&own);
        }
        parsed.parts.push(own);
    }
    find_missing_end(source, &parsed, defects);
    if parsed.parts.first().is_some_and(|top| top.content_type.is_empty()) && has_no_header(source) {
        defects.push(Defect::NotMime);
    }
    parsed
}

/// How many of the parts, those of attached mails among them, are the skeleton's shortened bodies.
fn cut_parts(message: &Message<'_>, skeleton: &Skeleton) -> usize {
    let cut = |part: &MessagePart<'_>| match &part.body {
        // Attached mail that was encoded itself has places of its own.
        PartType::Message(inner) if matches!(inner.raw_message, Cow::Borrowed(_)) => cut_parts(inner, skeleton),
        PartType::Message(_) | PartType::Multipart(_) => 0,
        _ => usize::from(part.encoding == mail_parser::Encoding::Base64 && skeleton.is_cut(part.offset_body as usize)),
    };
    message.parts.iter().map(cut).sum()
}

fn own_part(part: MessagePart<'_>, parent: Parent, skeleton: Option<&Skeleton>, defects: &mut Vec<Defect>) -> Part {
    let content_type = part.content_type().map(|kind| match kind.subtype() {
        Some(subtype) => format!("{}/{}", kind.ctype(), subtype).to_ascii_lowercase(),
        None => kind.ctype().to_ascii_lowercase(),
    });
    let attribute = |name: &str| part.content_type().and_then(|kind| kind.attribute(name)).map(str::to_owned);
    let charset = attribute("charset").filter(|name| !name.trim().is_empty());
    if let Some(unknown) = charset.as_deref().filter(|name| !decode::is_known_charset(name)) {
        push_once(defects, Defect::UnknownCharset(envelope_of::clean(unknown)));
    }
    let disposition = match part.content_disposition() {
        Some(kind) if kind.is_attachment() => Disposition::Attachment,
        Some(kind) if kind.ctype().eq_ignore_ascii_case("inline") => Disposition::Inline,
        _ => Disposition::Unsaid,
    };
    let encoding = Encoding::named(part.content_transfer_encoding());
    let place = |offset: u32| skeleton.map_or(offset as usize, |skeleton| skeleton.place(offset as usize));
    let is_cut = skeleton.is_some_and(|skeleton| skeleton.is_cut(part.offset_body as usize));
    let mut own = Part {
        name: part.attachment_name().map(envelope_of::clean).filter(|name| !name.is_empty()),
        content_id: part.content_id().map(str::to_owned),
        detail: attribute("report-type").or_else(|| attribute("method")),
        encoding: Some(encoding),
        range: place(part.offset_body)..place(part.offset_end.max(part.offset_body)),
        content_type: content_type.unwrap_or_default(),
        charset,
        disposition,
        parent,
        text: OnceLock::new(),
    };
    let says_parts = own.content_type.starts_with("multipart/");
    match part.body {
        PartType::Text(text) | PartType::Html(text) => {
            if says_parts {
                push_once(defects, Defect::NoBoundary);
            } else if part.is_encoding_problem && encoding != Encoding::Identity {
                push_once(defects, Defect::BadEncoding(own.name.clone().unwrap_or_else(|| own.content_type.clone())));
            } else if let Cow::Owned(text) = text
                && !is_cut
                && !text.contains(char::REPLACEMENT_CHARACTER)
            {
                // Already decoded on the way; what was only borrowed is decoded when asked for.
                own.text = OnceLock::from(text);
            }
        }
        PartType::Multipart(_) | PartType::Binary(_) | PartType::InlineBinary(_) | PartType::Message(_) => {}
    }
    own
}

/// What holds each part, by its index.
fn parents(parts: &[MessagePart<'_>]) -> Vec<Parent> {
    let mut parents = vec![Parent::Other; parts.len()];
    for part in parts {
        let PartType::Multipart(children) = &part.body else { continue };
        let kind = match part.content_type().and_then(|kind| kind.subtype()) {
            Some(subtype) if subtype.eq_ignore_ascii_case("alternative") => Parent::Alternative,
            Some(subtype) if subtype.eq_ignore_ascii_case("related") => Parent::Related,
            _ => Parent::Other,
        };
        for &child in children {
            if let Some(parent) = parents.get_mut(child as usize) {
                *parent = kind;
            }
        }
    }
    parents
}

/// A multipart message whose own closing boundary does not occur was cut on its way.
fn find_missing_end(source: &Source, parsed: &Parsed, defects: &mut Vec<Defect>) {
    let Some(top) = parsed.parts.first() else { return };
    if !top.content_type.starts_with("multipart/") || source.readable().len() < source.bytes().len() {
        return;
    }
    let body = source.bytes().get(top.range.start..).unwrap_or_default();
    let lines = body.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end);
    let delimiters = lines.filter(|line| line.starts_with(b"--") && (3..100).contains(&line.len())).take(DELIMITERS_MAX);
    let mut declared =
        delimiters.filter(|line| memchr::memmem::find(source.header(), line.get(2..).unwrap_or_default()).is_some());
    let opening = declared.next();
    let Some(opening) = opening else { return };
    if memchr::memmem::rfind(body, &[opening, b"--"].concat()).is_none() {
        defects.push(Defect::Truncated);
    }
}

fn has_no_header(source: &Source) -> bool {
    !source.header().split(|&byte| byte == b'\n').any(|line| {
        memchr::memchr(b':', line).is_some_and(|colon| {
            colon > 0 && line.iter().take(colon).all(|byte| byte.is_ascii_graphic() || *byte == b' ') && line[0] != b' '
        })
    })
}

fn push_once(defects: &mut Vec<Defect>, defect: Defect) {
    if !defects.contains(&defect) {
        defects.push(defect);
    }
}

/// Name and text of all header fields of `block`, topmost first.
pub fn headers(block: &[u8]) -> Vec<super::Header> {
    static EVERY_FIELD: LazyLock<MessageParser> =
        LazyLock::new(|| MessageParser::new().header_text(HeaderName::Subject).default_header_text());
    // The parser takes a header for whole only with the blank line behind it.
    let block = [block, b"\r\n\r\n"].concat();
    let Some(message) = EVERY_FIELD.parse_headers(&block) else { return Vec::new() };
    let Some(top) = message.parts.into_iter().next() else { return Vec::new() };
    let field = |header: mail_parser::Header<'_>| {
        let raw = block.get(header.offset_field as usize..header.offset_end as usize)?;
        let colon = memchr::memchr(b':', raw)?;
        let value = match header.value {
            HeaderValue::Text(text) => envelope_of::clean(&envelope_of::repaired(text, raw.get(colon + 1..)?)),
            _ => String::new(),
        };
        let name = String::from_utf8_lossy(raw.get(..colon)?.trim_ascii()).into_owned();
        Some(super::Header { name, value })
    };
    top.headers.into_iter().filter_map(field).collect()
}
