//! Mail as a file, or attached as it is.

use super::super::reading::{Bytes, Reading};
use super::{File, Format};
use crate::mail::ATTACHED_MAILS_MAX;

pub(super) struct Mail;

/// Whether a file is a mail: by what the message says of it, or by its name. Their content is text like any other.
pub(in crate::mail::attachment) fn is_mail(file: &File<'_>) -> bool {
    matches!(file.content_type, "message/rfc822" | "message/global")
        || file.ending().is_some_and(|ending| ending == "eml") && file.is_text()
}

impl Format for Mail {
    fn is_content(&self, file: &File<'_>) -> bool {
        is_mail(file)
    }

    fn read(&self, file: &File<'_>) -> Result<Reading, String> {
        if file.depth >= ATTACHED_MAILS_MAX {
            return Err(format!("it lies in more than {ATTACHED_MAILS_MAX} mails attached in each other: it is not opened"));
        }
        Ok(Reading { mail: Some(Bytes(file.bytes.to_vec())), ..Reading::default() })
    }
}
