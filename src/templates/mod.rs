//! Outgoing mail's words: the Jinja templates of one rule set, checked when it is loaded, rendered when a mail is written.
//!
//! Owns what templates may use (their own set, the data, `mail`, the filters `money` and `date`) and the limits of one
//! rendering. Never reads a file, a clock or the network.

mod check;
mod filters;
mod render;
mod scan;

use std::collections::{BTreeMap, BTreeSet};

use minijinja::Environment;
use serde_json::Value;

/// Instructions and units of 64 bytes that one rendering may use; about 12 MB at the very most.
pub const FUEL: u64 = 200_000;
/// Bytes of one rendered text.
pub const OUTPUT_MAX: usize = 256 * 1024;

/// What is wrong with a template, or with the data it was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}  {message}", .line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct TemplateProblem {
    /// The file as it was given: `received.html`.
    pub file: String,
    /// The line, from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong and what there is instead.
    pub message: String,
}

/// The names that a template takes from its data, with those of the templates it includes and extends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demands {
    /// Names that the data must have.
    pub required: BTreeSet<String>,
    /// Names that the template asks for with `is defined` or gives a default.
    pub optional: BTreeSet<String>,
}

/// The templates of one rule set, by file name; immutable and shared between threads.
pub struct Templates {
    environment: Environment<'static>,
    sources: BTreeMap<String, String>,
    demands: BTreeMap<String, Demands>,
}

impl Templates {
    /// Checks and compiles the templates: file name to source. They may include, extend and import each other by these names.
    ///
    /// # Errors
    /// Every problem that can be seen without data: syntax, unknown filters and tests, missing templates.
    pub fn compile(files: &BTreeMap<String, String>) -> Result<Self, Vec<TemplateProblem>> {
        let mut environment = render::environment();
        let mut problems = Vec::new();
        for (name, source) in files {
            if let Err(error) = environment.add_template_owned(name.clone(), source.clone()) {
                let message = error.detail().map_or_else(|| error.kind().to_string(), ToOwned::to_owned);
                problems.push(TemplateProblem { file: name.clone(), line: error.line(), message });
            }
        }
        let scanned: BTreeMap<&str, Vec<scan::Tag<'_>>> =
            files.iter().map(|(name, source)| (name.as_str(), scan::tags(source))).collect();
        let faulty: BTreeSet<String> = problems.iter().map(|problem| problem.file.clone()).collect();
        for (name, tags) in scanned.iter().filter(|(name, _)| !faulty.contains(**name)) {
            problems.extend(check::problems(&environment, name, tags, &|other| files.contains_key(other)));
        }
        if !problems.is_empty() {
            problems.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
            return Err(problems);
        }
        let demands = check::demands(&environment, &scanned);
        Ok(Self { environment, sources: files.clone(), demands })
    }

    /// The templates' file names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().map(String::as_str)
    }

    /// Whether there is a template of this file name.
    pub fn contains(&self, name: &str) -> bool {
        self.sources.contains_key(name)
    }

    /// The names that the data must have, `mail` left out: those of [`Demands::required`]. Empty for an unknown template.
    pub fn variables(&self, name: &str) -> BTreeSet<String> {
        self.demands.get(name).map(|demands| demands.required.clone()).unwrap_or_default()
    }

    /// What the template takes from its data. A name that is used in one branch of an `if` only is required unless it is
    /// somewhere guarded by `is defined` or `default`.
    pub fn demands(&self, name: &str) -> Option<&Demands> {
        self.demands.get(name)
    }

    /// Renders a template with the keys of `data` as names and `mail` beside them (a key `mail` in the data is not seen).
    /// HTML is escaped unless the name ends in `.txt`. An absent value (`null`) counts as false in an `if` and takes
    /// defaults, but cannot be written or given to a filter.
    ///
    /// # Errors
    /// An unknown template, a required name ([`Demands`]) that is not in the data, an absent value written, a filter's refusal, a limit
    /// ([`FUEL`], [`OUTPUT_MAX`]).
    pub fn render(&self, name: &str, data: &Value, mail: &Value) -> Result<String, TemplateProblem> {
        render::render(self, name, render::Names { data, mail })
    }
}

impl std::fmt::Debug for Templates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests;
