//! How parent and child tell where a message ends: eight bytes of length, little-endian, then so many bytes.

use std::io::{self, Read};

/// Bytes of a length.
pub(super) const LENGTH_BYTES: usize = 8;

/// The length before the bytes.
pub(super) fn length(bytes: &[u8]) -> [u8; LENGTH_BYTES] {
    (bytes.len() as u64).to_le_bytes()
}

/// The next frame; `None` at the end of the stream. What the length claims is not believed before it has come.
pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = Vec::new();
    from.take(LENGTH_BYTES as u64).read_to_end(&mut length)?;
    let Ok(length) = <[u8; LENGTH_BYTES]>::try_from(length) else { return Ok(None) };
    let length = u64::from_le_bytes(length);
    let mut bytes = Vec::new();
    from.take(length).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 == length).then_some(bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn frames_come_out_as_they_went_in_and_half_a_frame_is_none() {
        let sent = [length(b"ab").as_slice(), b"ab", &length(b""), &length(b"abc"), b"ab"].concat();
        let mut from = sent.as_slice();
        assert_eq!(read(&mut from).unwrap(), Some(b"ab".to_vec()));
        assert_eq!(read(&mut from).unwrap(), Some(Vec::new()));
        assert_eq!(read(&mut from).unwrap(), None);
    }
}
