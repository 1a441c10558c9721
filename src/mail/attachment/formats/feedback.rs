//! The part of a complaint (ARF, RFC 5965) that programs read.

use super::super::reading::Reading;
use super::{File, Format};
use crate::mail::report;

pub(super) struct Feedback;

impl Format for Feedback {
    fn types(&self) -> &'static [&'static str] {
        &["message/feedback-report"]
    }

    fn read(&self, file: &File<'_>) -> Result<Reading, String> {
        let text = file.text()?;
        Ok(Reading { report: Some(report::of_feedback(file.bytes)), text: Some(text), ..Reading::default() })
    }
}
