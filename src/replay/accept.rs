//! Writing down what came as what is expected from now on.

use std::io::Write;
use std::path::Path;

use super::came::Came;
use super::case_file::CaseFile;
use super::difference::seen;
use super::expectation::Expectation;
use super::layout;

/// What accepting came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// The file was written.
    Written,
    /// It says so already.
    Same,
    /// It cannot be accepted; why, in words.
    Refused(String),
}

/// The file as it would be accepted: answers, memory and time stay, and so do the facts and wildcards that still hold.
pub(super) fn text(file: &CaseFile, came: &Came) -> String {
    let asked = Expectation { rules: Some(Vec::new()), ..Expectation::default() };
    let mut expected = seen(file.expect.as_ref().unwrap_or(&asked), came);
    expected.rules.clone_from(&came.told.rules);
    expected.reason = expected.reason.or_else(|| came.told.reason.clone());
    for action in &mut expected.actions {
        // Phrases that no longer occur are gone, and a list of none asks for nothing.
        if action.facts.get("body_contains").and_then(serde_json::Value::as_array).is_some_and(Vec::is_empty) {
            action.facts.remove("body_contains");
        }
    }
    layout::file(&file.given, &expected)
}

/// Writes the file whole or not at all.
pub(super) fn write(path: &Path, text: &str) -> Accepted {
    let written = || -> std::io::Result<()> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let mut file = std::fs::File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        std::fs::rename(&beside, path)
    };
    match written() {
        Ok(()) => Accepted::Written,
        Err(error) => Accepted::Refused(format!("{} cannot be written: {error}", path.display())),
    }
}
