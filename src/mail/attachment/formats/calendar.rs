//! Calendars and address cards.

use super::super::reading::Reading;
use super::{File, Format};
use crate::mail::calendar;

pub(super) struct Calendar;

pub(super) struct Cards;

impl Format for Calendar {
    fn is_content(&self, file: &File<'_>) -> bool {
        file.beginning().starts_with("begin:vcalendar")
    }

    fn endings(&self) -> &'static [&'static str] {
        &["ics", "ical", "vcs"]
    }

    fn types(&self) -> &'static [&'static str] {
        &["text/calendar", "application/ics"]
    }

    fn read(&self, file: &File<'_>) -> Result<Reading, String> {
        let text = file.text()?;
        let read = calendar::events(&text);
        let problem = read.as_ref().err().cloned();
        Ok(Reading { events: read.unwrap_or_default(), text: Some(text), problem, ..Reading::default() })
    }
}

impl Format for Cards {
    fn is_content(&self, file: &File<'_>) -> bool {
        file.beginning().starts_with("begin:vcard")
    }

    fn endings(&self) -> &'static [&'static str] {
        &["vcf", "vcard"]
    }

    fn types(&self) -> &'static [&'static str] {
        &["text/vcard", "text/x-vcard", "text/directory"]
    }

    fn read(&self, file: &File<'_>) -> Result<Reading, String> {
        let text = file.text()?;
        let read = calendar::contacts(&text);
        let problem = read.as_ref().err().cloned();
        Ok(Reading { contacts: read.unwrap_or_default(), text: Some(text), problem, ..Reading::default() })
    }
}
