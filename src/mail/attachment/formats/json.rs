//! JSON files.

use super::super::reading::Reading;
use super::{File, Format};

pub(super) struct Json;

impl Format for Json {
    fn endings(&self) -> &'static [&'static str] {
        &["json"]
    }

    fn types(&self) -> &'static [&'static str] {
        &["application/json", "text/json", "+json"]
    }

    fn read(&self, file: &File<'_>) -> Result<Reading, String> {
        let text = file.text()?;
        let read = serde_json::from_str(text.trim_start_matches('\u{feff}'));
        let problem = read.as_ref().err().map(|error| format!("it is no JSON: {error}"));
        Ok(Reading { json: read.ok(), text: Some(text), problem, ..Reading::default() })
    }
}
