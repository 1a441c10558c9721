//! The functions a script can call.

use std::collections::{BTreeMap, BTreeSet};

use rhai::Engine;

use crate::rules::script::{Imports, Script};

/// Numbers of parameters by name.
pub(in crate::rules) type Functions = BTreeMap<String, BTreeSet<usize>>;

/// The names one script knows.
pub(in crate::rules) struct Names<'n> {
    /// What the engine has; a word said of something counts that too.
    pub words: &'n Functions,
    /// What the file itself defines.
    pub own: Functions,
    /// What it imports, by alias.
    pub imported: BTreeMap<String, Functions>,
}

/// Everything that is registered.
pub(super) fn all(engine: &Engine) -> Functions {
    let mut functions = Functions::new();
    let registered = engine.collect_fn_metadata(
        None,
        |function| Some((function.metadata.name.to_string(), function.metadata.num_params)),
        true,
    );
    for (name, parameters) in registered {
        functions.entry(name).or_default().insert(parameters);
    }
    functions
}

impl<'n> Names<'n> {
    pub fn new(words: &'n Functions, script: &Script, scripts: &[Script], imports: &Imports) -> Self {
        let imported = imports
            .iter()
            .filter_map(|(alias, path)| {
                let file = format!("{path}.rhai");
                let library = scripts.iter().find(|script| script.path == file)?;
                Some((alias.clone(), defined(library)))
            })
            .collect();
        Self { words, own: defined(script), imported }
    }

    /// Names that may be called, for a near miss.
    pub fn callable(&self) -> impl Iterator<Item = &str> {
        let words =
            self.words.keys().map(String::as_str).filter(|name| name.chars().all(|sign| sign.is_alphanumeric() || sign == '_'));
        self.own.keys().map(String::as_str).chain(words)
    }
}

fn defined(script: &Script) -> Functions {
    let mut functions = Functions::new();
    for function in script.ast.iter_functions() {
        functions.entry(function.name.to_owned()).or_default().insert(function.params.len());
    }
    functions
}
