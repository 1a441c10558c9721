//! A secret: where it comes from, and its value once it was found there.

use std::fmt;
use std::path::PathBuf;

use super::problem::{Problem, Severity};

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A file, whose trailing line break does not count.
    File(PathBuf),
    /// Given by the program itself.
    Given,
}

/// A secret of the configuration. Its value is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretSetting {
    /// Where it comes from.
    pub source: SecretSource,
    value: Result<String, Problem>,
}

impl SecretSetting {
    /// A secret that the program itself gives.
    pub fn given(value: impl Into<String>) -> Self {
        Self { source: SecretSource::Given, value: Ok(value.into()) }
    }

    /// The value, if there is one.
    pub fn reveal(&self) -> Option<&str> {
        self.value.as_deref().ok()
    }

    /// The problem that it has no value.
    pub(super) fn missing(&self) -> Option<Problem> {
        self.value.as_ref().err().cloned()
    }

    /// Looks where the secret comes from; `place` is a problem that only lacks its words.
    pub(super) fn look(source: SecretSource, environment: &dyn Fn(&str) -> Option<String>, place: Problem) -> Self {
        let found = match &source {
            SecretSource::Env(name) => environment(name).ok_or_else(|| format!("the environment variable {name} is not set")),
            SecretSource::File(path) => std::fs::read_to_string(path)
                .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
                .map_err(|why| format!("the secret's file {} cannot be read: {why}", path.display())),
            SecretSource::Given => Ok(String::new()),
        };
        let found = found.and_then(|value| if value.is_empty() { Err("the secret is empty".to_owned()) } else { Ok(value) });
        let value = found.map_err(|message| Problem { severity: Severity::Warning, message, ..place });
        Self { source, value }
    }
}

impl fmt::Debug for SecretSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = if self.value.is_ok() { "***" } else { "not set" };
        write!(f, "{:?} ({value})", self.source)
    }
}
