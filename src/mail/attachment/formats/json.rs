//! JSON files.

use super::super::reading::Reading;
use super::{File, Format};
use crate::mail::report;

pub(super) struct Json;

impl Format for Json {
    fn endings(&self) -> &'static [&'static str] {
        &["json"]
    }

    fn types(&self) -> &'static [&'static str] {
        &["application/json", "text/json", "application/tlsrpt", "+json"]
    }

    fn read(&self, file: &File<'_>) -> Result<Reading, String> {
        let text = file.text()?;
        let read: Result<serde_json::Value, _> = serde_json::from_str(text.trim_start_matches('\u{feff}'));
        let problem = read.as_ref().err().map(|error| format!("it is no JSON: {error}"));
        let json = read.ok();
        let report = json.as_ref().and_then(report::of_json);
        Ok(Reading { json, report, text: Some(text), problem, ..Reading::default() })
    }
}
