//! A font of a PDF: what its codes mean and how wide they are (ISO 32000-1, 9.5 to 9.10).

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use lopdf::{Dictionary, Document, Encoding, Object};

use super::metrics;

/// Bytes that a font's map may unfold to.
const MAP_BYTES_MAX: usize = 4 << 20;
/// Codes whose widths are taken from a font.
const CODES_MAX: usize = 70_000;

/// What a code shows: its characters, and how far it moves on, in parts of the font's height.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) signs: Rc<[char]>,
    pub(super) width: f32,
}

/// From a code and its bytes to UTF-16.
type ToUnicode = Box<dyn Fn(u32, u8) -> Option<Vec<u16>>>;

/// A font.
pub(super) struct Font<'d> {
    name: String,
    bytes_a_code: usize,
    to_unicode: Option<ToUnicode>,
    encoding: Option<Encoding<'d>>,
    widths: HashMap<u32, f32>,
    /// Of codes without a width of their own; none where the file gives no widths at all.
    missing: Option<f32>,
    /// What a unit of width is.
    unit: f32,
    known: RefCell<HashMap<u32, Shown>>,
}

impl<'d> Font<'d> {
    pub(super) fn new(document: &'d Document, font: &'d Dictionary) -> Self {
        let named = |key: &[u8]| font.get_deref(key, document).ok().and_then(|value| value.as_name().ok());
        let kind = named(b"Subtype").unwrap_or_default();
        let is_composite = kind == b"Type0";
        let mut own = Self {
            name: String::from_utf8_lossy(named(b"BaseFont").unwrap_or_default()).into_owned(),
            bytes_a_code: if is_composite { 2 } else { 1 },
            to_unicode: to_unicode(document, font),
            encoding: font.get_font_encoding_with_limit(document, MAP_BYTES_MAX).ok(),
            widths: HashMap::new(),
            missing: None,
            unit: 0.001,
            known: RefCell::default(),
        };
        if is_composite {
            own.read_composite_widths(document, font);
        } else {
            own.read_simple_widths(document, font);
        }
        if kind == b"Type3"
            && let Ok(Object::Array(matrix)) = font.get_deref(b"FontMatrix", document)
        {
            own.unit = matrix.first().and_then(|scale| scale.as_float().ok()).unwrap_or(own.unit).abs();
        }
        own
    }

    fn read_simple_widths(&mut self, document: &Document, font: &Dictionary) {
        let first = font.get_deref(b"FirstChar", document).and_then(Object::as_i64).unwrap_or(0);
        let Ok(Object::Array(widths)) = font.get_deref(b"Widths", document) else { return };
        let descriptor = font.get_deref(b"FontDescriptor", document).and_then(Object::as_dict);
        let missing =
            descriptor.and_then(|descriptor| descriptor.get_deref(b"MissingWidth", document)).and_then(Object::as_float);
        self.missing = Some(missing.unwrap_or(0.0));
        for (place, width) in (0_i64..).zip(widths.iter().take(CODES_MAX)) {
            if let (Ok(code), Some(width)) = (u32::try_from(first.saturating_add(place)), number(document, width)) {
                self.widths.insert(code, width);
            }
        }
    }

    /// `W`: `first [width …]`, or `first last width` (9.7.4.3).
    fn read_composite_widths(&mut self, document: &Document, font: &Dictionary) {
        let descendant = font.get_deref(b"DescendantFonts", document).and_then(Object::as_array);
        let descendant = descendant.ok().and_then(|fonts| document.dereference(fonts.first()?).ok()?.1.as_dict().ok());
        let Some(descendant) = descendant else { return };
        let default = descendant.get_deref(b"DW", document).and_then(Object::as_float);
        self.missing = Some(default.unwrap_or(1000.0));
        let Ok(Object::Array(entries)) = descendant.get_deref(b"W", document) else { return };
        let mut entries = entries.iter();
        while let Some(first) = entries.next() {
            let first = number(document, first).map_or(0, whole);
            let Some(second) = entries.next() else { return };
            if let Ok((_, Object::Array(widths))) = document.dereference(second) {
                let widths = widths.iter().filter_map(|width| number(document, width));
                self.widths.extend((first..).zip(widths).take(CODES_MAX));
                continue;
            }
            let last = number(document, second).map_or(0, whole);
            let Some(width) = entries.next().and_then(|width| number(document, width)) else { return };
            self.widths.extend((first..=last).take(CODES_MAX).map(|code| (code, width)));
            if self.widths.len() > CODES_MAX {
                return;
            }
        }
    }

    /// What each code of a text shows; and whether it is the blank that word spacing is for.
    pub(super) fn show<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = (Shown, bool)> + 't {
        text.chunks(self.bytes_a_code).map(|code| {
            let is_blank = code == b" ";
            let number = code.iter().fold(0_u32, |number, &byte| number << 8 | u32::from(byte));
            let known = self.known.borrow().get(&number).cloned();
            let shown = known.unwrap_or_else(|| {
                let shown = self.look_up(number, code);
                self.known.borrow_mut().insert(number, shown.clone());
                shown
            });
            (shown, is_blank)
        })
    }

    fn look_up(&self, number: u32, code: &[u8]) -> Shown {
        let length = u8::try_from(code.len()).unwrap_or(1);
        let mapped = self.to_unicode.as_ref().and_then(|map| map(number, length)).map(|units| String::from_utf16_lossy(&units));
        let encoded = || self.encoding.as_ref().and_then(|encoding| encoding.bytes_to_string(code).ok());
        let text = mapped.filter(|text| !text.trim_matches(['\0', '\u{fffd}']).is_empty()).or_else(encoded).unwrap_or_default();
        let signs: Rc<[char]> = text.chars().filter_map(meant).collect();
        let own = self.widths.get(&number).copied().or(self.missing);
        let standard = || signs.first().map_or(556.0, |&sign| metrics::width(&self.name, sign));
        Shown { width: own.unwrap_or_else(standard) * self.unit, signs }
    }
}

/// The map that says what codes mean, where the font has one. The library gives it for fonts that have nothing else.
fn to_unicode(document: &Document, font: &Dictionary) -> Option<ToUnicode> {
    let map = font.get_deref(b"ToUnicode", document).ok()?.as_stream().ok()?;
    let mut alone = Dictionary::new();
    alone.set("Type", Object::Name(b"Font".to_vec()));
    alone.set("ToUnicode", Object::Stream(map.clone()));
    match alone.get_font_encoding_with_limit(document, MAP_BYTES_MAX) {
        Ok(Encoding::UnicodeMapEncoding(map)) => Some(Box::new(move |code, length| map.get(code, length))),
        _ => None,
    }
}

/// A character as it is meant. Symbol fonts keep theirs in a private area, the ASCII ones at its beginning; others of that area mean
/// nothing outside of their font.
fn meant(sign: char) -> Option<char> {
    match u32::from(sign) {
        0xF0B7 => Some('•'),
        symbol @ 0xF020..=0xF07E => char::from_u32(symbol - 0xF000),
        0xE000..=0xF8FF | 0xFFFD => Some(char::REPLACEMENT_CHARACTER),
        0xAD => Some('-'),
        0..0x20 if !sign.is_whitespace() => None,
        _ => Some(sign),
    }
}

fn number(document: &Document, object: &Object) -> Option<f32> {
    document.dereference(object).ok()?.1.as_float().ok()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "codes of a font")]
fn whole(number: f32) -> u32 {
    number.clamp(0.0, 65_535.0) as u32
}
