//! The packed RTF body of an item (MS-OXRTFCP).

/// Bytes that a body may have once it is unpacked.
const RTF_MAX: usize = 32 * 1024 * 1024;
/// What the dictionary of the packing begins with.
const DICTIONARY: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \
    \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \
    \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

/// The RTF of a packed body; `None` where it is not packed as it should be. One that is cut off is unpacked as far as it goes.
pub(super) fn decompressed(bytes: &[u8]) -> Option<Vec<u8>> {
    let (header, packed) = bytes.split_at_checked(16)?;
    let stated = usize::try_from(u32::from_le_bytes(header.get(4..8)?.try_into().ok()?)).ok()?.min(RTF_MAX);
    match header.get(8..12)? {
        b"MELA" => return Some(packed.get(..stated).unwrap_or(packed).to_vec()),
        b"LZFu" => {}
        _ => return None,
    }
    let mut window = [0_u8; 4096];
    window[..DICTIONARY.len()].copy_from_slice(DICTIONARY);
    let mut unpacked = Vec::with_capacity(stated.min(packed.len().saturating_mul(8)));
    let mut write = DICTIONARY.len();
    let mut packed = packed.iter().copied();
    'runs: while let Some(control) = packed.next() {
        for bit in 0..8 {
            let Some(first) = packed.next() else { break 'runs };
            if control >> bit & 1 == 0 {
                window[write] = first;
                write = (write + 1) % window.len();
                unpacked.push(first);
                continue;
            }
            let Some(second) = packed.next() else { break 'runs };
            let reference = usize::from(u16::from_be_bytes([first, second]));
            let (offset, length) = (reference >> 4, (reference & 0xf) + 2);
            if offset == write {
                break 'runs;
            }
            for step in 0..length {
                let byte = window[(offset + step) % window.len()];
                window[write] = byte;
                write = (write + 1) % window.len();
                unpacked.push(byte);
            }
        }
        if unpacked.len() >= RTF_MAX {
            break;
        }
    }
    unpacked.truncate(stated);
    Some(unpacked)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn packed_rtf_is_unpacked() {
        // The examples of MS-OXRTFCP §4.
        let packed =
            b"\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0rcpg125B2\x0a\xf3 hel\x09\0 bw\x05\xb0ld}\x0a\x80\x0f\xa0";
        assert_eq!(decompressed(packed).unwrap(), b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
        let plain = b"\x0f\0\0\0\x03\0\0\0MELA\0\0\0\0abcdef";
        assert_eq!(decompressed(plain).unwrap(), b"abc");
        assert_eq!(decompressed(b"short"), None);
    }
}
