//! The envelope of a raw message: what its header says of sender, recipients, subject and dates.

use std::borrow::Cow;

use jiff::Timestamp;
use mail_parser::{Addr, DateTime, HeaderName, HeaderValue, MessagePart};

use super::defect::Defect;
use super::envelope::{Address, Envelope};
use crate::plan::Importance;

/// A subject or name is cut here, in characters: longer ones are attacks.
const TEXT_MAX: usize = 10_000;

/// Addresses read from one field.
const ADDRESSES_MAX: usize = 5_000;

/// The fields of the header that make up an envelope.
#[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Fields {
    pub(super) message_id: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) from: Vec<Address>,
    pub(super) sender: Vec<Address>,
    pub(super) reply_to: Vec<Address>,
    pub(super) to: Vec<Address>,
    pub(super) cc: Vec<Address>,
    pub(super) sent: Option<Timestamp>,
    pub(super) received: Option<Timestamp>,
    pub(super) importance: Importance,
}

impl Fields {
    /// The envelope, without what only a mailbox knows (id, folder, categories, conversation) and without the header
    /// fields, which the content keeps.
    pub(super) fn envelope(&self) -> Envelope {
        let from = self.from.first().cloned();
        Envelope {
            internet_message_id: self.message_id.clone(),
            subject: self.subject.clone(),
            sender: self.sender.first().filter(|sender| Some(*sender) != from.as_ref()).cloned(),
            from,
            reply_to: self.reply_to.clone(),
            to: self.to.clone(),
            cc: self.cc.clone(),
            sent: self.sent,
            received: self.received.or(self.sent),
            importance: self.importance,
            ..Envelope::default()
        }
    }
}

/// Reads the fields of a message's top part; of a field that stands there twice, the topmost.
pub(super) fn fields(source: &[u8], top: &MessagePart<'_>, defects: &mut Vec<Defect>) -> Fields {
    let mut fields = Fields::default();
    let mut date = None;
    let mut received = None;
    let mut priority = None;
    for header in &top.headers {
        match &header.name {
            HeaderName::Subject if fields.subject.is_none() => {
                let raw = source.get(header.offset_start as usize..header.offset_end as usize).unwrap_or_default();
                fields.subject = text(&header.value).map(|subject| clean(&repaired(Cow::Borrowed(subject), raw)));
            }
            HeaderName::From if fields.from.is_empty() => fields.from = addresses(&header.value),
            HeaderName::Sender if fields.sender.is_empty() => fields.sender = addresses(&header.value),
            HeaderName::ReplyTo if fields.reply_to.is_empty() => fields.reply_to = addresses(&header.value),
            HeaderName::To => fields.to.extend(addresses(&header.value)),
            HeaderName::Cc => fields.cc.extend(addresses(&header.value)),
            HeaderName::Date if date.is_none() => date = text(&header.value),
            HeaderName::MessageId if fields.message_id.is_none() => fields.message_id = text(&header.value).and_then(message_id),
            HeaderName::Received if received.is_none() => received = text(&header.value),
            HeaderName::Importance => priority = text(&header.value),
            HeaderName::Other(_) | HeaderName::Priority if priority.is_none() => priority = text(&header.value),
            _ => {}
        }
    }
    fields.sent = date.and_then(timestamp);
    fields.received = received.and_then(|trace| trace.rsplit_once(';')).and_then(|(_, date)| timestamp(date));
    fields.importance = priority.map(importance).unwrap_or_default();
    fields.to.truncate(ADDRESSES_MAX);
    fields.cc.truncate(ADDRESSES_MAX);
    if fields.from.is_empty() {
        defects.push(Defect::NoFrom);
    }
    if fields.message_id.is_none() {
        defects.push(Defect::NoMessageId);
    }
    if let (Some(date), None) = (date, fields.sent) {
        defects.push(Defect::BadDate(clean(date).chars().take(100).collect()));
    }
    fields
}

fn text<'a>(value: &'a HeaderValue<'_>) -> Option<&'a str> {
    value.as_text().map(str::trim).filter(|text| !text.is_empty())
}

/// With its angle brackets; as it stands where it has none.
fn message_id(value: &str) -> Option<String> {
    let bracketed = value.find('<').and_then(|start| {
        let end = value.get(start..)?.find('>')?;
        value.get(start..=start + end)
    });
    let id = clean(bracketed.unwrap_or(value));
    (!id.is_empty() && id != "<>").then_some(id)
}

fn importance(value: &str) -> Importance {
    let word = value.trim().to_ascii_lowercase();
    match word.as_bytes().first() {
        Some(b'1' | b'2' | b'h' | b'u') => Importance::High,
        Some(b'4' | b'5' | b'l') => Importance::Low,
        Some(b'n') if word.starts_with("non") => Importance::Low,
        _ => Importance::Normal,
    }
}

/// Groups are opened: their members are addresses like others.
fn addresses(value: &HeaderValue<'_>) -> Vec<Address> {
    let Some(found) = value.as_address() else { return Vec::new() };
    found.iter().take(ADDRESSES_MAX).filter_map(address).collect()
}

fn address(found: &Addr<'_>) -> Option<Address> {
    let written = clean(found.address.as_deref().unwrap_or_default());
    let name = found.name.as_deref().map(clean).filter(|name| !name.is_empty());
    if written.is_empty() || !written.contains('@') && name.is_none() && written.contains(' ') {
        return None;
    }
    Some(Address { name, address: written })
}

/// A moment as RFC 5322 §3.3 writes it, with its obsolete zones; `None` where day, time or zone is none.
fn timestamp(date: &str) -> Option<Timestamp> {
    let mut found = DateTime::parse_rfc822(date.trim())?;
    found.second = found.second.min(59);
    if !found.is_valid() || !(1970..=2200).contains(&found.year) || found.tz_hour > 15 {
        return None;
    }
    jiff::civil::Date::new(i16::try_from(found.year).ok()?, i8::try_from(found.month).ok()?, i8::try_from(found.day).ok()?)
        .ok()?;
    Timestamp::from_second(found.to_timestamp()).ok()
}

/// Text on one line: control characters (an encoded CR LF among them) become blanks, too long a text is cut.
pub(super) fn clean(text: &str) -> String {
    let text: String = text.trim().chars().take(TEXT_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.ends_with(' ') || text.starts_with(' ') { text.trim().to_owned() } else { text }
}

/// A field with raw 8-bit characters that are not UTF-8 is read as windows-1252, as mail programs do.
pub(super) fn repaired<'a>(text: Cow<'a, str>, raw: &[u8]) -> Cow<'a, str> {
    if !text.contains(char::REPLACEMENT_CHARACTER) || std::str::from_utf8(raw).is_ok() {
        return text;
    }
    let read = encoding_rs::WINDOWS_1252.decode(raw).0;
    Cow::Owned(read.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_moments_or_none() {
        let seconds = |date: &str| timestamp(date).map(|moment| moment.to_string());
        assert_eq!(seconds("Fri, 21 Nov 1997 09:55:06 -0600").as_deref(), Some("1997-11-21T15:55:06Z"));
        assert_eq!(seconds("1 Dec 2024 10:00:00 +0100 (CET)").as_deref(), Some("2024-12-01T09:00:00Z"));
        assert_eq!(seconds("Fri, 31 Feb 2024 09:55:06 +0000"), None);
        assert_eq!(seconds("yesterday"), None);
        assert_eq!(seconds(""), None);
    }

    #[test]
    fn an_encoded_line_end_cannot_make_a_second_field() {
        assert_eq!(clean("Hello\r\nBcc: victim@fabrikam.com"), "Hello  Bcc: victim@fabrikam.com");
    }
}
