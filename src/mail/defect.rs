//! What is odd about a mail, in plain words. A defect never keeps a message from existing.

use std::fmt;

/// One oddity of a message, found while it was parsed. `Display` says it in a sentence a person understands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Defect {
    /// There is nothing in it, or only white space.
    Empty,
    /// More than [`super::RAW_MAX`] bytes: only the header was read.
    TooLarge(usize),
    /// More than [`super::HEADER_BYTES_MAX`] bytes or [`super::HEADER_LINES_MAX`] lines of header: the rest was left out.
    HeaderTooLarge,
    /// More than [`super::PARTS_MAX`] parts or [`super::NESTING_MAX`] levels: only the header was read.
    TooManyParts,
    /// The closing boundary is missing: the end of the message is.
    Truncated,
    /// No header field at all: this is no mail.
    NotMime,
    /// NUL bytes where text should be.
    Binary,
    /// No Message-ID.
    NoMessageId,
    /// No From, or none with an address.
    NoFrom,
    /// A Date that says no time; carries what it says.
    BadDate(String),
    /// A charset nobody knows; read as UTF-8, or as windows-1252 where that does not fit. Carries its name.
    UnknownCharset(String),
    /// `multipart/…` without a boundary that occurs: read as one text.
    NoBoundary,
    /// Blank lines before the header, which were skipped.
    BlankLinesBeforeHeader,
    /// Lines end in CR alone; they were read as lines all the same.
    CarriageReturnsOnly,
    /// No blank line between the header and the first boundary; one was put there.
    NoBlankLineAfterHeader,
    /// Base64 or quoted-printable that is neither; carries the part's name or type.
    BadEncoding(String),
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the message is empty"),
            Self::TooLarge(size) => {
                write!(f, "the message has {size} bytes, more than {}: only its header was read", super::RAW_MAX)
            }
            Self::HeaderTooLarge => write!(
                f,
                "the header has more than {} lines or {} bytes: the rest of it was left out",
                super::HEADER_LINES_MAX,
                super::HEADER_BYTES_MAX
            ),
            Self::TooManyParts => write!(
                f,
                "the message has more than {} parts or {} levels of parts: only its header was read",
                super::PARTS_MAX,
                super::NESTING_MAX
            ),
            Self::Truncated => f.write_str("the end of the message is missing (no closing boundary)"),
            Self::NotMime => f.write_str("this is no mail: it has no header field"),
            Self::Binary => f.write_str("the message contains binary data where text should be"),
            Self::NoMessageId => f.write_str("the message has no Message-ID"),
            Self::NoFrom => f.write_str("the message has no From address"),
            Self::BadDate(date) => write!(f, "the Date `{date}` is no time"),
            Self::UnknownCharset(name) => {
                write!(f, "the charset `{name}` is not known; the text was read as UTF-8 or windows-1252")
            }
            Self::NoBoundary => {
                f.write_str("the message says it has parts, but their boundary does not occur: it was read as one text")
            }
            Self::BlankLinesBeforeHeader => f.write_str("there are blank lines before the header"),
            Self::CarriageReturnsOnly => f.write_str("its lines end in CR alone"),
            Self::NoBlankLineAfterHeader => f.write_str("there is no blank line between the header and the first part"),
            Self::BadEncoding(part) => write!(f, "the encoding of `{part}` is damaged"),
        }
    }
}
