//! A message without its large base64 bodies, for the parser: it would decode them all, and most are never asked for.

use memchr::memmem;

/// A shorter body is not worth leaving out; bytes.
const BODY_MIN: usize = 2 * 1024;

/// Characters of a body that stay, so that the parser still sees base64.
const KEPT: usize = 76;

/// Lines between Content-Transfer-Encoding and the body.
const HEADER_LINES_MAX: usize = 50;

/// The shortened bytes, and how to find places of them in the whole.
pub(super) struct Skeleton {
    pub(super) bytes: Vec<u8>,
    cuts: Vec<Cut>,
}

/// One body that was shortened.
struct Cut {
    /// Where the body begins in the shortened bytes.
    body: usize,
    /// Where its rest was cut out of the shortened bytes.
    at: usize,
    removed: usize,
}

impl Skeleton {
    /// `None` where there is nothing to leave out.
    pub(super) fn of(source: &[u8]) -> Option<Self> {
        let mut skeleton = Self { bytes: Vec::new(), cuts: Vec::new() };
        let mut copied = 0;
        for found in memmem::find_iter(source, b"base64") {
            let Some((start, end)) = (found >= copied).then(|| body_after(source, found)).flatten() else { continue };
            let body = skeleton.bytes.len() + start - copied;
            let kept_end = start + kept(source.get(start..end)?);
            skeleton.bytes.extend_from_slice(source.get(copied..kept_end)?);
            skeleton.cuts.push(Cut { body, at: skeleton.bytes.len(), removed: end - kept_end });
            copied = end;
        }
        if skeleton.cuts.is_empty() {
            return None;
        }
        skeleton.bytes.extend_from_slice(source.get(copied..)?);
        Some(skeleton)
    }

    /// The same place in the whole message.
    pub(super) fn place(&self, offset: usize) -> usize {
        offset + self.cuts.iter().take_while(|cut| cut.at <= offset).map(|cut| cut.removed).sum::<usize>()
    }

    /// Whether the body that begins there was shortened.
    pub(super) fn is_cut(&self, body: usize) -> bool {
        self.cuts.binary_search_by_key(&body, |cut| cut.body).is_ok()
    }

    pub(super) fn cut_count(&self) -> usize {
        self.cuts.len()
    }
}

/// Start and end of the large base64 body whose header says `base64` at `found`.
fn body_after(source: &[u8], found: usize) -> Option<(usize, usize)> {
    const FIELD: &[u8] = b"content-transfer-encoding:";
    // Nothing here looks further than to the next field of the same name, so that all calls together stay linear.
    let before = found.saturating_sub(40);
    let line_start = match memchr::memrchr(b'\n', source.get(before..found)?) {
        Some(end) => before + end + 1,
        None if before == 0 => 0,
        None => return None,
    };
    if !source.get(line_start..line_start + FIELD.len())?.eq_ignore_ascii_case(FIELD) {
        return None;
    }
    let mut start = found;
    let mut is_blank_found = false;
    for _ in 0..HEADER_LINES_MAX {
        let line = source.get(start..)?;
        let length = memchr::memchr(b'\n', line)? + 1;
        start += length;
        if line.get(..length)?.trim_ascii().is_empty() {
            is_blank_found = true;
            break;
        }
    }
    let rest = source.get(start..).filter(|_| is_blank_found)?;
    let end = match memchr::memchr(b'-', rest) {
        Some(dash) if dash > 0 && rest.get(dash - 1) == Some(&b'\n') && rest.get(dash + 1) == Some(&b'-') => dash,
        Some(_) => return None,
        None => rest.len(),
    };
    let body = rest.get(..end)?.trim_ascii_end();
    (body.len() >= BODY_MIN && is_base64(body.get(..KEPT)?) && is_base64(body.get(body.len() - KEPT..)?))
        .then_some((start, start + body.len()))
}

fn is_base64(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\r' | b'\n'))
}

/// The first line, in whole groups of four; at most [`KEPT`].
fn kept(body: &[u8]) -> usize {
    let line = memchr::memchr2(b'\r', b'\n', body).unwrap_or(body.len()).min(KEPT);
    line - line % 4
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn places_after_a_cut_are_found_again() {
        let body = format!("{}\r\n", "QUFB".repeat(19)).repeat(100);
        let part = format!("--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n{body}");
        let source = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{part}{part}--b--\r\n");
        let skeleton = Skeleton::of(source.as_bytes()).unwrap();
        assert_eq!((skeleton.cut_count(), skeleton.bytes.len()), (2, source.len() - 2 * (body.len() - 78)));
        let end = memmem::find(&skeleton.bytes, b"--b--").unwrap();
        assert_eq!(skeleton.place(end), source.find("--b--").unwrap());
        assert_eq!(skeleton.place(10), 10);
        assert!(Skeleton::of(b"Content-Transfer-Encoding: base64\r\n\r\nQUFB").is_none());
    }
}
