//! Transfer encodings and charsets, read the forgiving way: what cannot be decoded is skipped or replaced, never refused.

use std::borrow::Cow;

use mail_parser::decoders::charsets::map::charset_decoder;

/// A part's transfer encoding (RFC 2045 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Encoding {
    Identity,
    Base64,
    QuotedPrintable,
}

impl Encoding {
    /// By the value of Content-Transfer-Encoding.
    pub(super) fn named(name: Option<&str>) -> Self {
        match name.map(str::trim) {
            Some(name) if name.eq_ignore_ascii_case("base64") => Self::Base64,
            Some(name) if name.eq_ignore_ascii_case("quoted-printable") => Self::QuotedPrintable,
            _ => Self::Identity,
        }
    }

    /// The bytes that were encoded.
    pub(super) fn decode(self, encoded: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Identity => Cow::Borrowed(encoded),
            Self::Base64 => Cow::Owned(base64(encoded)),
            Self::QuotedPrintable => Cow::Owned(quoted_printable(encoded)),
        }
    }
}

const SKIP: u8 = 0xff;
const PAD: u8 = 0xfe;

/// Value of each byte in base64 (RFC 4648 §4), with the URL alphabet's two beside.
const SEXTETS: [u8; 256] = {
    let mut table = [SKIP; 256];
    let mut value = 0_u8;
    while value < 64 {
        let byte = match value {
            0..26 => b'A' + value,
            26..52 => b'a' + value - 26,
            52..62 => b'0' + value - 52,
            62 => b'+',
            _ => b'/',
        };
        table[byte as usize] = value;
        value += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table[b'=' as usize] = PAD;
    table
};

/// Base64, everything outside of its alphabet skipped; padding ends a block and the next may begin.
fn base64(encoded: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(encoded.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0_u32, 0_u8);
    for &byte in encoded {
        match SEXTETS[usize::from(byte)] {
            SKIP => {}
            PAD => {
                flush_sextets(&mut bytes, bits, count);
                (bits, count) = (0, 0);
            }
            value => {
                bits = bits << 6 | u32::from(value);
                count += 1;
                if count == 4 {
                    let [_, a, b, c] = bits.to_be_bytes();
                    bytes.extend_from_slice(&[a, b, c]);
                    (bits, count) = (0, 0);
                }
            }
        }
    }
    flush_sextets(&mut bytes, bits, count);
    bytes
}

fn flush_sextets(bytes: &mut Vec<u8>, bits: u32, count: u8) {
    let [_, a, b, _] = (bits << (6 * u32::from(4 - count.min(4)))).to_be_bytes();
    match count {
        2 => bytes.push(a),
        3 => bytes.extend_from_slice(&[a, b]),
        _ => {}
    }
}

/// Quoted-printable (RFC 2045 §6.7); an `=` that encodes nothing stays.
fn quoted_printable(encoded: &[u8]) -> Vec<u8> {
    let hex = |byte: Option<&u8>| byte.and_then(|&byte| char::from(byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some(equals) = memchr::memchr(b'=', rest) {
        let (plain, after) = rest.split_at(equals);
        bytes.extend_from_slice(plain);
        let after = after.get(1..).unwrap_or_default();
        if let (Some(high), Some(low)) = (hex(after.first()), hex(after.get(1))) {
            bytes.push(high << 4 | low);
            rest = after.get(2..).unwrap_or_default();
            continue;
        }
        // A soft line break may have blanks before it; look no further than a line can be long.
        let blanks = after.iter().take(76).take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
        if after.get(blanks) == Some(&b'\n') {
            rest = after.get(blanks + 1..).unwrap_or_default();
        } else {
            bytes.push(b'=');
            rest = after;
        }
    }
    bytes.extend_from_slice(rest);
    bytes
}

/// Whether text in this charset can be read as what it says.
pub(super) fn is_known_charset(name: &str) -> bool {
    // The parser's table leaves out what needs no decoding.
    let plain = ["utf-8", "utf8", "us-ascii", "ascii"].iter().any(|plain| name.trim().eq_ignore_ascii_case(plain));
    plain || (name.len() <= 45 && charset_decoder(name.as_bytes()).is_some())
}

/// Text in a charset. Without one, or with one that is not known: by its byte order mark, else UTF-8, else windows-1252.
pub(super) fn text(bytes: &[u8], charset: Option<&str>) -> String {
    if let Some((encoding, _)) = encoding_rs::Encoding::for_bom(bytes) {
        return encoding.decode(bytes).0.into_owned();
    }
    let declared = charset.filter(|name| name.len() <= 45).and_then(|name| charset_decoder(name.as_bytes()));
    match declared {
        Some(decode) => decode(bytes),
        None => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => encoding_rs::WINDOWS_1252.decode(bytes).0.into_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn base64_is_read_through_line_ends_garbage_and_missing_padding() {
        assert_eq!(base64(b"SGVs\r\nbG8="), b"Hello");
        assert_eq!(base64(b"SGVsbG8"), b"Hello");
        assert_eq!(base64(b"SG!!Vs bG8=\nSGk="), b"HelloHi");
        assert_eq!(base64(b""), b"");
        assert_eq!(base64(b"S"), b"");
    }

    #[test]
    fn quoted_printable_keeps_what_encodes_nothing() {
        assert_eq!(quoted_printable(b"a=3Db=\r\nc = d=ZZ=e4"), b"a=bc = d=ZZ\xe4");
        assert_eq!(quoted_printable(b"end="), b"end=");
        assert_eq!(quoted_printable(b"soft=  \nbreak"), b"softbreak");
    }

    #[test]
    fn text_without_a_known_charset_is_utf_8_or_windows_1252() {
        assert_eq!(text("Größe".as_bytes(), None), "Größe");
        assert_eq!(text(b"Gr\xf6\xdfe", Some("x-nobody-knows")), "Größe");
        assert_eq!(text(b"Gr\xf6\xdfe", Some("iso-8859-1")), "Größe");
        assert_eq!(text(b"\xff\xfeh\0i\0", None), "hi");
    }
}
