//! A rule set: the files of one mailbox's rules, compiled and checked, as one immutable value.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use jiff::tz::TimeZone;
use rhai::{Caches, Engine, Expr, ImmutableString, Module, Position};

use super::check::{self, Problems};
use super::codes;
use super::coverage::{Coverage, ScriptCoverage};
use super::engine::engine;
use super::fault::Fault;
use super::files::{RuleFiles, check_size};
use super::script::{self, Script};
use super::table::Table;
use crate::ids::{EndpointName, RuleName, RuleSetHash};
use crate::templates::Templates;

/// What a rule set is checked against and runs in.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// How faults name the folder: `rules/invoices`.
    pub dir: String,
    /// The endpoints that rules may name.
    pub endpoints: BTreeMap<EndpointName, EndpointFacts>,
    /// Addresses of our own mailboxes: no automatic answer goes there.
    pub own_addresses: Vec<String>,
    /// Globs of the folders rules may move and copy to; empty means all.
    pub allowed_folders: Vec<String>,
    /// The mailbox's time zone, for days and times.
    pub time_zone: TimeZone,
}

/// What rules must know of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointFacts {
    /// It may be asked: asking changes nothing.
    pub read_only: bool,
}

/// One mailbox's rules at one hash. `Send + Sync`; runs share it.
pub struct RuleSet {
    engine: Engine,
    rules: Vec<Rule>,
    known: Arc<Known>,
    sources: BTreeMap<String, String>,
    files: RuleFiles,
    hash: RuleSetHash,
    warnings: Vec<Fault>,
    coverage: Option<Arc<Coverage>>,
}

/// What words look at beside the run.
pub(super) struct Known {
    pub surroundings: Surroundings,
    pub tables: BTreeMap<String, Table>,
    pub templates: Templates,
    /// Their names, those with problems too.
    pub template_names: BTreeSet<String>,
}

/// One rule file.
pub(super) struct Rule {
    pub name: RuleName,
    pub title: String,
    pub path: String,
    pub text: String,
    pub source: ImmutableString,
    pub functions: rhai::Shared<Module>,
    pub when: Option<Body>,
    pub then: Body,
}

/// The body of `when` or `then`, as a block that runs by itself.
pub(super) struct Body {
    pub parameter: ImmutableString,
    pub block: Expr,
    pub functions: rhai::Shared<Module>,
    pub position: Position,
    /// Which registered functions its calls mean, from the last run; whoever comes meanwhile begins without.
    pub resolved: Mutex<Option<Caches>>,
}

/// What a look at the files of a rule set came to.
pub struct Examined {
    /// The set, if nothing keeps it from being used.
    pub set: Option<RuleSet>,
    /// What does.
    pub faults: Vec<Fault>,
    /// What does not, but is odd.
    pub warnings: Vec<Fault>,
}

impl Examined {
    fn failed(problems: Problems<'_>) -> Self {
        let (faults, warnings) = problems.finish();
        Self { set: None, faults, warnings }
    }
}

impl RuleSet {
    /// Compiles and checks a rule set.
    ///
    /// # Errors
    /// Every problem of every file.
    pub fn load(files: RuleFiles, surroundings: Surroundings) -> Result<Self, Vec<Fault>> {
        let Examined { set, faults, warnings } = Self::examine(files, surroundings);
        set.map(|set| Self { warnings, ..set }).ok_or(faults)
    }

    /// Compiles and checks a rule set, and tells all that is wrong or odd with it.
    pub fn examine(files: RuleFiles, surroundings: Surroundings) -> Examined {
        let dir = surroundings.dir.clone();
        let mut problems = Problems::new(&files, &dir);
        let sources = sources(&files, &mut problems);
        let tables = tables(&files, &mut problems);
        let Some(templates) = templates(&files, &mut problems) else { return Examined::failed(problems) };
        let template_names = files.files.keys().filter_map(|path| path.strip_prefix("templates/")).map(str::to_owned).collect();
        let known = Known { surroundings, tables, templates, template_names };
        let mut engine = engine();
        let scripts = script::read_all(&mut engine, &sources, &mut problems);
        let imports = script::import_all(&mut engine, &scripts, &mut problems);
        check::check(&scripts, &imports, &known, &mut problems);
        let rules = compile_rules(&mut engine, &scripts, &mut problems);
        check::reachable(&rules, &mut problems);
        if !problems.is_empty() {
            return Examined::failed(problems);
        }
        let (faults, warnings) = problems.finish();
        let hash = files.hash();
        let set = Self { engine, rules, known: Arc::new(known), sources, files, hash, warnings: Vec::new(), coverage: None };
        Examined { set: Some(set), faults, warnings }
    }

    /// The same set, whose runs count what they reach. They take longer.
    #[must_use]
    pub fn counting(mut self) -> Self {
        let mut problems = Problems::new(&self.files, &self.known.surroundings.dir);
        let scripts = script::read_all(&mut self.engine, &self.sources, &mut problems);
        script::strict(&mut self.engine);
        self.coverage = Some(Coverage::of(&mut self.engine, &scripts));
        self
    }

    /// What the runs of a [`RuleSet::counting`] set have reached so far, script by script; empty for any other.
    pub fn reached(&self) -> Vec<ScriptCoverage> {
        self.coverage.as_ref().map(|coverage| coverage.told(|path| self.shown(path))).unwrap_or_default()
    }

    pub(super) fn coverage(&self) -> Option<&Coverage> {
        self.coverage.as_deref()
    }

    /// The hash of all files.
    pub fn hash(&self) -> &RuleSetHash {
        &self.hash
    }

    /// Problems that do not keep the set from being used.
    pub fn warnings(&self) -> &[Fault] {
        &self.warnings
    }

    /// The set's templates.
    pub fn templates(&self) -> &Templates {
        &self.known.templates
    }

    /// What it was checked against and runs in.
    pub fn surroundings(&self) -> &Surroundings {
        &self.known.surroundings
    }

    /// The files it was made of.
    pub fn files(&self) -> &RuleFiles {
        &self.files
    }

    /// The rules with their titles (the first `//!` line), in the order in which they run.
    pub fn rules(&self) -> Vec<(RuleName, String)> {
        self.rules.iter().map(|rule| (rule.name.clone(), rule.title.clone())).collect()
    }

    pub(super) fn all_rules(&self) -> &[Rule] {
        &self.rules
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn known(&self) -> &Arc<Known> {
        &self.known
    }

    /// A file's name as people know it.
    pub(super) fn shown(&self, path: &str) -> String {
        self.files.shown(&self.known.surroundings.dir, path)
    }

    /// A script's text.
    pub(super) fn source(&self, path: &str) -> &str {
        self.sources.get(path).map_or("", String::as_str)
    }
}

fn sources(files: &RuleFiles, problems: &mut Problems) -> BTreeMap<String, String> {
    let mut sources = BTreeMap::new();
    for (path, bytes) in files.files.iter().filter(|(path, _)| has_extension(path, "rhai")) {
        if let Err(fault) = check_size(&problems.shown(path), "rhai", bytes.len() as u64) {
            problems.push(*fault);
            continue;
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                sources.insert(path.clone(), text.to_owned());
            }
            Err(_) => problems.file(codes::UNREADABLE, path, "the script is not UTF-8 text"),
        }
    }
    if !sources.keys().any(|path| !path.contains('/')) && problems.is_empty() {
        problems.file(codes::UNREADABLE, "", "there is no rule here; a rule is a file like `10-name.rhai`");
    }
    sources
}

fn has_extension(path: &str, extension: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, found)| found == extension)
}

fn tables(files: &RuleFiles, problems: &mut Problems) -> BTreeMap<String, Table> {
    let mut tables = BTreeMap::new();
    for (path, bytes) in files.files.iter().filter(|(path, _)| has_extension(path, "csv")) {
        match Table::parse(bytes) {
            Ok(table) => {
                tables.insert(path.clone(), table);
            }
            Err(message) => problems.file(codes::BAD_TABLE, path, message),
        }
    }
    tables
}

fn templates(files: &RuleFiles, problems: &mut Problems) -> Option<Templates> {
    let mut texts = BTreeMap::new();
    for (path, bytes) in &files.files {
        let Some(name) = path.strip_prefix("templates/") else { continue };
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                texts.insert(name.to_owned(), text.to_owned());
            }
            Err(_) => problems.file(codes::TEMPLATE_PROBLEM, path, "the template is not UTF-8 text"),
        }
    }
    match Templates::compile(&texts) {
        Ok(templates) => Some(templates),
        Err(found) => {
            for problem in found {
                problems.template(&problem);
            }
            // The rules are checked all the same, without the templates.
            Templates::compile(&BTreeMap::new()).ok()
        }
    }
}

fn compile_rules(engine: &mut Engine, scripts: &[Script], problems: &mut Problems) -> Vec<Rule> {
    script::strict(engine);
    let mut rules = Vec::new();
    for script in scripts.iter().filter(|script| !script.path.contains('/')) {
        match script::compile_rule(engine, script) {
            Ok(rule) => rules.push(rule),
            Err(found) => problems.extend(found, &script.path, &script.text),
        }
    }
    rules
}
