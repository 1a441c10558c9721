//! The properties of an item, by their ids; texts in whatever code page they were written.

use std::collections::BTreeMap;

use encoding_rs::{Encoding, WINDOWS_1252};

use crate::mail::code_page;

/// Ids of properties (MS-OXPROPS).
pub(super) mod id {
    pub const IMPORTANCE: u16 = 0x0017;
    pub const MESSAGE_CLASS: u16 = 0x001a;
    pub const SUBJECT: u16 = 0x0037;
    pub const SUBMIT_TIME: u16 = 0x0039;
    pub const FROM_NAME: u16 = 0x0042;
    pub const FROM_ADDRESS: u16 = 0x0065;
    pub const TRANSPORT_HEADERS: u16 = 0x007d;
    pub const RECIPIENT_TYPE: u16 = 0x0c15;
    pub const SENDER_NAME: u16 = 0x0c1a;
    pub const SENDER_ADDRESS: u16 = 0x0c1f;
    pub const DISPLAY_CC: u16 = 0x0e03;
    pub const DISPLAY_TO: u16 = 0x0e04;
    pub const DELIVERY_TIME: u16 = 0x0e06;
    pub const BODY: u16 = 0x1000;
    pub const RTF: u16 = 0x1009;
    pub const HTML: u16 = 0x1013;
    pub const MESSAGE_ID: u16 = 0x1035;
    pub const REFERENCES: u16 = 0x1039;
    pub const IN_REPLY_TO: u16 = 0x1042;
    pub const DISPLAY_NAME: u16 = 0x3001;
    pub const ADDRESS: u16 = 0x3003;
    pub const ATTACHED_DATA: u16 = 0x3701;
    pub const ATTACHED_SHORT_NAME: u16 = 0x3704;
    pub const ATTACHED_NAME: u16 = 0x3707;
    pub const ATTACHED_TYPE: u16 = 0x370e;
    pub const CONTENT_ID: u16 = 0x3712;
    pub const ATTACHED_FLAGS: u16 = 0x3714;
    pub const SMTP_ADDRESS: u16 = 0x39fe;
    pub const HTML_CODE_PAGE: u16 = 0x3fde;
    pub const LOCALE: u16 = 0x3ff1;
    pub const CODE_PAGE: u16 = 0x3ffd;
    pub const SENDER_SMTP_ADDRESS: u16 = 0x5d01;
    pub const FROM_SMTP_ADDRESS: u16 = 0x5d02;
}

/// Types of properties (MS-OXCDATA §2.11.1).
pub(super) mod kind {
    pub const OBJECT: u16 = 0x000d;
    pub const TEXT_8: u16 = 0x001e;
    pub const TEXT: u16 = 0x001f;
    pub const BINARY: u16 = 0x0102;
}

/// A property's value, as its type has it.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// UTF-16.
    Text(String),
    /// In a code page.
    Text8(Vec<u8>),
    /// Bytes.
    Binary(Vec<u8>),
    /// Whole numbers, truth, times: the eight bytes that hold them.
    Fixed(u64),
}

/// What an item, a recipient or an attachment is.
#[derive(Clone, Debug, Default)]
pub(super) struct Properties {
    values: BTreeMap<u16, Value>,
    /// Code page of texts of one byte a character, where something outside of the properties says it.
    code_page: Option<u32>,
}

impl Properties {
    /// Properties whose texts are in that code page.
    pub fn in_code_page(code_page: Option<u32>) -> Self {
        Self { values: BTreeMap::new(), code_page }
    }

    /// Takes a property by its type; types that nobody asks for are left out. The first of its kind stays.
    pub fn insert(&mut self, id: u16, kind: u16, bytes: &[u8]) {
        let value = match kind {
            kind::TEXT => Value::Text(utf_16(bytes)),
            kind::TEXT_8 => Value::Text8(bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()),
            kind::BINARY | kind::OBJECT => Value::Binary(bytes.to_vec()),
            0x0002 | 0x0003 | 0x000b | 0x0014 | 0x0040 => {
                let mut fixed = [0; 8];
                fixed.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
                Value::Fixed(u64::from_le_bytes(fixed))
            }
            _ => return,
        };
        self.values.entry(id).or_insert(value);
    }

    /// Takes what is not there yet from others.
    pub fn fill_from(&mut self, others: Self) {
        for (id, value) in others.values {
            self.values.entry(id).or_insert(value);
        }
    }

    /// A text, trimmed of what ends it; `None` when it is empty.
    pub fn text(&self, id: u16) -> Option<String> {
        self.text_in(id, self.code_page())
    }

    /// A text whose bytes, if it comes as such, are in that code page.
    pub fn text_in(&self, id: u16, code_page: u32) -> Option<String> {
        let text = match self.values.get(&id)? {
            Value::Text(text) => text.clone(),
            Value::Text8(bytes) | Value::Binary(bytes) => decoded(bytes, code_page),
            Value::Fixed(_) => return None,
        };
        let text = text.trim_end_matches('\0');
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Bytes.
    pub fn bytes(&self, id: u16) -> Option<&[u8]> {
        match self.values.get(&id)? {
            Value::Binary(bytes) | Value::Text8(bytes) => Some(bytes),
            Value::Text(_) | Value::Fixed(_) => None,
        }
    }

    /// Takes bytes out.
    pub fn take_bytes(&mut self, id: u16) -> Option<Vec<u8>> {
        match self.values.remove(&id)? {
            Value::Binary(bytes) | Value::Text8(bytes) => Some(bytes),
            Value::Text(_) | Value::Fixed(_) => None,
        }
    }

    /// A whole number of 32 bits.
    pub fn number(&self, id: u16) -> Option<u32> {
        match self.values.get(&id)? {
            Value::Fixed(value) => u32::try_from(value & u64::from(u32::MAX)).ok(),
            _ => None,
        }
    }

    /// A moment: 100 ns since 1601 (FILETIME).
    pub fn time(&self, id: u16) -> Option<jiff::Timestamp> {
        let Value::Fixed(ticks) = self.values.get(&id)? else { return None };
        let seconds = i64::try_from(ticks / 10_000_000).ok()?.checked_sub(11_644_473_600)?;
        jiff::Timestamp::from_second(seconds).ok()
    }

    /// The code page of texts of one byte a character: as stated, else of the language, else as the HTML has it.
    pub fn code_page(&self) -> u32 {
        let stated = self.number(id::CODE_PAGE).filter(|page| *page != 0).or(self.code_page);
        let of_language = || self.number(id::LOCALE).filter(|locale| *locale != 0).map(code_page::of_locale);
        stated.or_else(of_language).or_else(|| self.number(id::HTML_CODE_PAGE)).unwrap_or(1252)
    }
}

fn utf_16(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    char::decode_utf16(units.take_while(|unit| *unit != 0)).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Text in a code page; one that is UTF-8 and says otherwise is UTF-8.
pub(super) fn decoded(bytes: &[u8], code_page: u32) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    code_page::encoding(code_page).map_or(WINDOWS_1252 as &'static Encoding, |encoding| encoding).decode(bytes).0.into_owned()
}
