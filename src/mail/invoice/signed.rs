//! What is signed in a CMS `SignedData` (RFC 5652 §5): the Italian `.xml.p7m`. The signature itself is not judged.

use crate::mail::decode::Encoding;

/// Levels of constructed octet strings.
const LEVELS_MAX: u8 = 4;

/// The content of a signed file in DER or BER, also in base64; `None` where the bytes are something else.
pub(super) fn content(bytes: &[u8]) -> Option<Vec<u8>> {
    match bytes.trim_ascii_start() {
        written @ [b'M', b'I', ..] => signed_content(&Encoding::Base64.decode(written)),
        _ => signed_content(bytes),
    }
}

fn signed_content(bytes: &[u8]) -> Option<Vec<u8>> {
    const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
    let (kind, rest) = Element::split(Element::first(bytes)?.expect(0x30)?)?;
    if kind.expect(0x06)? != SIGNED_DATA {
        return None;
    }
    // ContentInfo → [0] → SignedData { version, digestAlgorithms, encapContentInfo { type, [0] { OCTET STRING } } }
    let signed = Element::first(Element::first(rest)?.expect(0xa0)?)?.expect(0x30)?;
    let (_, rest) = Element::split(signed)?;
    let (_, rest) = Element::split(rest)?;
    let (_, rest) = Element::split(Element::first(rest)?.expect(0x30)?)?;
    let mut joined = Vec::new();
    collect(Element::first(Element::first(rest)?.expect(0xa0)?)?, LEVELS_MAX, &mut joined)?;
    Some(joined)
}

/// An octet string may be cut into pieces.
fn collect(element: Element<'_>, levels: u8, joined: &mut Vec<u8>) -> Option<()> {
    match element.tag {
        0x04 => joined.extend_from_slice(element.content),
        0x24 if levels > 0 => {
            let mut rest = element.content;
            while !rest.is_empty() {
                let (piece, after) = Element::split(rest)?;
                collect(piece, levels - 1, joined)?;
                rest = after;
            }
        }
        _ => return None,
    }
    Some(())
}

/// One element of BER (X.690 §8.1).
#[derive(Clone, Copy)]
struct Element<'b> {
    tag: u8,
    content: &'b [u8],
}

impl<'b> Element<'b> {
    fn first(bytes: &'b [u8]) -> Option<Self> {
        Self::split(bytes).map(|(element, _)| element)
    }

    fn expect(self, tag: u8) -> Option<&'b [u8]> {
        (self.tag == tag).then_some(self.content)
    }

    /// The element at the beginning, and what follows it.
    fn split(bytes: &'b [u8]) -> Option<(Self, &'b [u8])> {
        let (&tag, rest) = bytes.split_first()?;
        let (&length, rest) = rest.split_first()?;
        if length == 0x80 {
            return Self::of_unstated_length(tag, rest);
        }
        let (length, rest) = match length {
            short @ 0..0x80 => (usize::from(short), rest),
            long => {
                let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
                let length =
                    digits.iter().try_fold(0_usize, |sum, digit| sum.checked_mul(256)?.checked_add(usize::from(*digit)))?;
                (length, rest)
            }
        };
        let (content, rest) = rest.split_at_checked(length)?;
        Some((Self { tag, content }, rest))
    }

    /// Its end is marked by two zero bytes behind its last child.
    fn of_unstated_length(tag: u8, bytes: &'b [u8]) -> Option<(Self, &'b [u8])> {
        let mut open = 1_usize;
        let mut at = 0;
        loop {
            match bytes.get(at..)? {
                [0, 0, ..] => {
                    open -= 1;
                    if open == 0 {
                        return Some((Self { tag, content: bytes.get(..at)? }, bytes.get(at + 2..)?));
                    }
                    at += 2;
                }
                // A child whose end is marked too: its own mark is counted.
                [_, 0x80, ..] => {
                    open += 1;
                    at += 2;
                }
                child => {
                    let (_, rest) = Self::split(child)?;
                    at = bytes.len() - rest.len();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82, length[0], length[1]], content].concat()
    }

    fn unstated(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, 0x80], content, &[0, 0]].concat()
    }

    fn signed(wrap: fn(u8, &[u8]) -> Vec<u8>, octets: &[u8]) -> Vec<u8> {
        let data = tagged(0x06, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01]);
        let inner = wrap(0x30, &[data, wrap(0xa0, octets)].concat());
        let signed = wrap(0x30, &[tagged(0x02, &[1]), tagged(0x31, &[]), inner, tagged(0x31, &[])].concat());
        let kind = tagged(0x06, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02]);
        wrap(0x30, &[kind, wrap(0xa0, &signed)].concat())
    }

    #[test]
    fn what_is_signed_is_found_in_every_way_of_writing_it() {
        use base64::Engine;
        let whole = signed(tagged, &tagged(0x04, b"<a/>"));
        let pieces = signed(unstated, &unstated(0x24, &[tagged(0x04, b"<a"), tagged(0x04, b"/>")].concat()));
        let written = base64::engine::general_purpose::STANDARD.encode(&whole);
        for bytes in [&whole, &pieces, written.as_bytes()] {
            assert_eq!(content(bytes).as_deref(), Some(b"<a/>".as_slice()));
        }
        for end in 0..whole.len() {
            let _ = (content(&whole[..end]), content(&pieces[..end.min(pieces.len())]));
        }
        assert_eq!(content(b"<a/>"), None);
        assert_eq!(content(&[0x30, 0x80].repeat(100_000)), None);
    }
}
