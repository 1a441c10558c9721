//! Outlook's own files: `.msg` and `winmail.dat`.

use super::super::reading::{Bytes, FoundFile, Reading};
use super::{File, Format};
use crate::mail::ATTACHED_MAILS_MAX;
use crate::mail::mapi;

pub(super) struct Msg;

pub(super) struct Tnef;

impl Format for Msg {
    fn is_content(&self, file: &File<'_>) -> bool {
        mapi::may_be_msg(file.bytes)
    }

    fn endings(&self) -> &'static [&'static str] {
        &["msg"]
    }

    fn types(&self) -> &'static [&'static str] {
        &["application/vnd.ms-outlook"]
    }

    fn read(&self, file: &File<'_>) -> Result<Reading, String> {
        if file.depth >= ATTACHED_MAILS_MAX {
            return Err(format!("it lies in more than {ATTACHED_MAILS_MAX} mails attached in each other: it is not opened"));
        }
        let message = mapi::outlook_message(file.bytes).ok_or("it is no Outlook message")??;
        Ok(Reading { mail: Some(Bytes(message)), ..Reading::default() })
    }
}

impl Format for Tnef {
    fn is_content(&self, file: &File<'_>) -> bool {
        file.bytes.starts_with(mapi::TNEF)
    }

    fn endings(&self) -> &'static [&'static str] {
        &["tnef"]
    }

    fn types(&self) -> &'static [&'static str] {
        &["application/ms-tnef", "application/vnd.ms-tnef"]
    }

    fn read(&self, file: &File<'_>) -> Result<Reading, String> {
        if file.depth >= ATTACHED_MAILS_MAX {
            return Err(format!("it lies in more than {ATTACHED_MAILS_MAX} mails attached in each other: it is not opened"));
        }
        let item = mapi::tnef(file.bytes).ok_or("it is no winmail.dat (TNEF)")??;
        let message = item.to_message();
        let found = |file: mapi::AttachedFile| FoundFile {
            name: file.name,
            content_type: file.content_type.unwrap_or_else(|| "application/octet-stream".to_owned()).to_ascii_lowercase(),
            bytes: Bytes(file.content),
            closed: None,
        };
        let files = item.into_files().into_iter().map(found).collect();
        Ok(Reading { mail: Some(Bytes(message)), files, ..Reading::default() })
    }
}
