//! The functions a script can call.

use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use rhai::{Dynamic, Engine};

use crate::rules::engine::engine;
use crate::rules::script::{Imports, Script};

/// Numbers of parameters by name.
pub(in crate::rules) type Functions = BTreeMap<String, BTreeSet<usize>>;

/// Everything that is registered.
#[derive(Default)]
pub(in crate::rules) struct Registered {
    /// Numbers of parameters by name; a word said of something counts that too.
    pub numbers: Functions,
    /// The kinds of parameters by name, one list a function.
    overloads: BTreeMap<String, Vec<Vec<TypeId>>>,
}

/// The names one script knows.
pub(in crate::rules) struct Names<'n> {
    /// What the engine has.
    pub words: &'n Registered,
    /// What the file itself defines.
    pub own: Functions,
    /// What it imports, by alias.
    pub imported: BTreeMap<String, Functions>,
}

impl Registered {
    /// Everything that every engine of ours has; found out once for the process.
    pub fn everywhere() -> &'static Self {
        static ALL: OnceLock<Registered> = OnceLock::new();
        ALL.get_or_init(|| Self::of(&engine()))
    }

    fn of(engine: &Engine) -> Self {
        let mut all = Self::default();
        let registered = engine.collect_fn_metadata(
            None,
            |function| Some((function.metadata.name.to_string(), function.metadata.param_types.to_vec())),
            true,
        );
        for (name, parameters) in registered {
            all.numbers.entry(name.clone()).or_default().insert(parameters.len());
            all.overloads.entry(name).or_default().push(parameters);
        }
        all
    }

    /// Whether a function of that name takes such values; an empty list of types stands for any value.
    pub fn takes(&self, name: &str, values: &[&[TypeId]]) -> bool {
        let fits = |parameter: &TypeId, types: &[TypeId]| {
            types.is_empty() || *parameter == TypeId::of::<Dynamic>() || types.contains(parameter)
        };
        self.overloads.get(name).is_some_and(|overloads| {
            overloads.iter().any(|parameters| {
                parameters.len() == values.len() && parameters.iter().zip(values).all(|(parameter, types)| fits(parameter, types))
            })
        })
    }

    /// Whether something of these types has a word of that name, with whatever parameters.
    pub fn is_said_of(&self, types: &[TypeId], name: &str) -> bool {
        self.overloads.get(name).is_some_and(|overloads| {
            overloads.iter().any(|parameters| parameters.first().is_some_and(|first| types.contains(first)))
        })
    }
}

impl<'n> Names<'n> {
    pub fn new(words: &'n Registered, script: &Script, scripts: &[Script], imports: &Imports) -> Self {
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
        let is_name = |name: &&str| name.chars().all(|sign| sign.is_alphanumeric() || sign == '_');
        let words = self.words.numbers.keys().map(String::as_str).filter(is_name);
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
