//! Which format an attachment has: by its first bytes, its name, its type. A format that learns to be read gets a variant here.

/// How an attachment is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Plain text, also XML and calendars.
    Text,
    Html,
    Csv,
    Json,
    Mail,
    /// Not read; why, in words.
    Unread(String),
}

/// First bytes that give a format away, whatever name and type say.
const MAGIC: [(&[u8], &str); 12] = [
    (b"%PDF-", "PDF files"),
    (b"PK\x03\x04", "ZIP, Word and Excel files"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Word and Excel files and Outlook messages (.msg)"),
    (b"\x89PNG", "pictures"),
    (b"\xff\xd8\xff", "pictures"),
    (b"GIF8", "pictures"),
    (b"II*\0", "pictures"),
    (b"MM\0*", "pictures"),
    (b"\x78\x9f\x3e\x22", "winmail.dat files (TNEF)"),
    (b"\x1f\x8b", "gzip files"),
    (b"{\\rtf", "RTF files"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip files"),
];

impl Format {
    /// By first bytes, then name, then type: senders get the type wrong most often.
    pub(super) fn of(content_type: &str, name: Option<&str>, bytes: &[u8]) -> Self {
        if matches!(content_type, "message/rfc822" | "message/global") {
            return Self::Mail;
        }
        let ending = name.and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending.trim().to_ascii_lowercase());
        if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return Self::unread(match ending.as_deref() {
                Some("docx") => "Word files",
                Some("xlsx" | "xlsm") => "Excel files",
                Some("msg") => "Outlook messages (.msg)",
                _ => what,
            });
        }
        if let Some(format) = ending.as_deref().and_then(Self::by_ending) {
            return format;
        }
        Self::by_type(content_type, bytes)
    }

    fn by_ending(ending: &str) -> Option<Self> {
        Some(match ending {
            "csv" | "tsv" => Self::Csv,
            "json" => Self::Json,
            "txt" | "log" | "xml" | "ics" | "md" | "edi" | "vcf" => Self::Text,
            "html" | "htm" => Self::Html,
            "eml" => Self::Mail,
            "pdf" => Self::unread("PDF files"),
            "doc" | "docx" => Self::unread("Word files"),
            "xls" | "xlsx" | "xlsm" | "xlsb" | "ods" => Self::unread("Excel files"),
            "msg" => Self::unread("Outlook messages (.msg)"),
            "zip" => Self::unread("ZIP files"),
            _ => return None,
        })
    }

    fn by_type(content_type: &str, bytes: &[u8]) -> Self {
        match content_type {
            "text/html" | "application/xhtml+xml" => Self::Html,
            "text/csv" | "application/csv" | "text/tab-separated-values" | "text/comma-separated-values" => Self::Csv,
            "application/json" | "text/json" => Self::Json,
            "application/xml" | "application/ics" => Self::Text,
            _ if content_type.starts_with("text/") || content_type.ends_with("+xml") => Self::Text,
            _ if content_type.ends_with("+json") => Self::Json,
            "message/delivery-status" | "message/disposition-notification" | "message/global-delivery-status" => Self::Text,
            _ if content_type.starts_with("image/") => Self::unread("pictures"),
            "application/octet-stream" if is_text(bytes) => Self::Text,
            _ => Self::unread(&format!("files of type {content_type}")),
        }
    }

    fn unread(what: &str) -> Self {
        Self::Unread(format!("{what} are not read by this version"))
    }
}

/// UTF-8 without control characters in its first kilobyte.
fn is_text(bytes: &[u8]) -> bool {
    let head = bytes.get(..1024).unwrap_or(bytes);
    let is_utf8 = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    is_utf8 && !head.iter().any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_beat_the_name_and_the_name_beats_the_type() {
        let excel = Format::Unread("ZIP, Word and Excel files are not read by this version".to_owned());
        assert_eq!(Format::of("text/csv", Some("orders.csv"), b"PK\x03\x04..."), excel);
        assert_eq!(Format::of("application/octet-stream", Some("ORDERS.CSV"), b"a;b"), Format::Csv);
        assert_eq!(Format::of("application/vnd.ms-excel", Some("orders.csv"), b"a;b"), Format::Csv);
        assert_eq!(Format::of("text/calendar", None, b"BEGIN:VCALENDAR"), Format::Text);
        assert_eq!(
            Format::of("application/octet-stream", None, b"\0\x01"),
            Format::unread("files of type application/octet-stream")
        );
    }
}
