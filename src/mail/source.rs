//! The bytes of a message, made fit for the parser: what it stumbles over is repaired, what is over a limit is cut.

use super::defect::Defect;
use super::nesting;
use super::{HEADER_BYTES_MAX, HEADER_LINES_MAX, RAW_MAX};

/// A message's bytes as they came and, where they had to be repaired, as the parser sees them.
pub(super) struct Source {
    raw: Vec<u8>,
    /// Blank bytes before the header.
    skipped: usize,
    repaired: Option<Vec<u8>>,
    /// Length of the header, without the blank line after it; an offset into [`Source::bytes`].
    header_end: usize,
    scope: Scope,
}

/// How much of a message may be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Whole,
    Header,
}

impl Source {
    /// The bytes as they came.
    pub(super) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The bytes that parts' ranges refer to.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.repaired {
            Some(repaired) => repaired,
            None => self.raw.get(self.skipped..).unwrap_or_default(),
        }
    }

    /// The header's lines, each with its end.
    pub(super) fn header(&self) -> &[u8] {
        self.bytes().get(..self.header_end).unwrap_or_default()
    }

    /// What the parser may read: everything, or the header alone.
    pub(super) fn readable(&self) -> &[u8] {
        match self.scope {
            Scope::Whole => self.bytes(),
            Scope::Header => self.header(),
        }
    }

    /// Looks at the bytes, repairs them and says what was odd.
    pub(super) fn new(raw: Vec<u8>, defects: &mut Vec<Defect>) -> Self {
        let skipped = raw.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(raw.len());
        // A mail may begin with a continuation of nothing; only whole blank lines and what stands before them go.
        let mut source = Self { raw, skipped, repaired: None, header_end: 0, scope: Scope::Whole };
        if source.bytes().is_empty() {
            defects.push(Defect::Empty);
            return source;
        }
        if skipped > 0 {
            defects.push(Defect::BlankLinesBeforeHeader);
        }
        if source.raw.len() > RAW_MAX {
            defects.push(Defect::TooLarge(source.raw.len()));
            source.scope = Scope::Header;
        } else if memchr::memchr(b'\n', source.bytes()).is_none() && memchr::memchr(b'\r', source.bytes()).is_some() {
            defects.push(Defect::CarriageReturnsOnly);
            source.repaired = Some(source.bytes().iter().map(|&byte| if byte == b'\r' { b'\n' } else { byte }).collect());
        }
        source.find_header(defects);
        if source.scope == Scope::Whole && !nesting::is_within_limits(source.bytes()) {
            defects.push(Defect::TooManyParts);
            source.scope = Scope::Header;
        }
        if memchr::memchr(0, source.header()).is_some() {
            defects.push(Defect::Binary);
        }
        source
    }

    fn find_header(&mut self, defects: &mut Vec<Defect>) {
        let found = Header::of(self.bytes());
        self.header_end = found.end;
        if found.runs_into_boundary {
            defects.push(Defect::NoBlankLineAfterHeader);
            let bytes = self.bytes();
            let (header, body) = bytes.split_at(found.end.min(bytes.len()));
            self.repaired = Some([header, b"\r\n", body].concat());
        } else if found.is_too_large {
            defects.push(Defect::HeaderTooLarge);
            let bytes = self.bytes();
            let header = bytes.get(..found.end).unwrap_or_default();
            let body = bytes.get(found.body..).unwrap_or_default();
            self.repaired = match self.scope {
                Scope::Whole => Some([header, b"\r\n", body].concat()),
                Scope::Header => Some([header, b"\r\n"].concat()),
            };
        }
    }
}

/// Where the header ends.
struct Header {
    /// End of its last line that is kept.
    end: usize,
    /// Where the lines after the blank line begin.
    body: usize,
    is_too_large: bool,
    runs_into_boundary: bool,
}

impl Header {
    fn of(bytes: &[u8]) -> Self {
        let mut header = Self { end: bytes.len(), body: bytes.len(), is_too_large: false, runs_into_boundary: false };
        let (mut start, mut lines, mut kept) = (0, 0, None);
        while start < bytes.len() {
            let rest = bytes.get(start..).unwrap_or_default();
            let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            let line = rest.get(..length).unwrap_or_default().trim_ascii();
            if line.is_empty() {
                header.end = kept.unwrap_or(start);
                header.body = start + length;
                return header;
            }
            lines += 1;
            if kept.is_none() && (lines > HEADER_LINES_MAX || start + length > HEADER_BYTES_MAX) {
                header.is_too_large = true;
                kept = Some(start);
            }
            if kept.is_none() && is_boundary(line, bytes.get(..start).unwrap_or_default()) {
                header.end = start;
                header.runs_into_boundary = true;
                return header;
            }
            start += length;
        }
        header.end = kept.unwrap_or(bytes.len());
        header
    }
}

/// Whether a line of the header is a delimiter of a boundary that the header before it declares.
fn is_boundary(line: &[u8], header: &[u8]) -> bool {
    line.strip_prefix(b"--").is_some_and(|name| name.len() > 3 && memchr::memmem::find(header, name).is_some())
}
