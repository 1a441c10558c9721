//! From the text of a script to what runs: constants, imports, the bodies of `when` and `then`.

use std::collections::BTreeMap;
use std::sync::Mutex;

use rhai::{AST, ASTFlags, Dynamic, Engine, Expr, Module, OptimizationLevel, Position, Scope, Stmt, StmtBlock};

use super::check::Problems;
use super::codes;
use super::set::{Body, Rule};
use super::syntax::{self, Complaint};
use super::watch::Watch;
use crate::ids::RuleName;

/// A script that can be read, before its names are checked.
pub(super) struct Script {
    pub path: String,
    pub text: String,
    /// As written: not optimised, unknown variables let through.
    pub ast: AST,
    /// Its `const`s with their values.
    pub constants: Scope<'static>,
}

/// What `import` names stand for: alias to path (`money` to `lib/money`).
pub(super) type Imports = BTreeMap<String, String>;

/// Reads every script; what cannot be read is a problem of its file.
pub(super) fn read_all(engine: &mut Engine, sources: &BTreeMap<String, String>, problems: &mut Problems) -> Vec<Script> {
    engine.set_strict_variables(false);
    engine.set_optimization_level(OptimizationLevel::None);
    let mut scripts = Vec::new();
    for (path, text) in sources {
        match engine.compile(text) {
            Ok(ast) => {
                let (constants, complaints) = constants(engine, &ast);
                problems.extend(complaints, path, text);
                scripts.push(Script { path: path.clone(), text: text.clone(), ast, constants });
            }
            Err(error) => {
                let complaints = syntax::complaints(error, text, |text| engine.compile(text).err());
                problems.extend(complaints, path, text);
            }
        }
    }
    scripts
}

/// From here on unknown variables are refused and constants are put in place.
pub(super) fn strict(engine: &mut Engine) {
    engine.set_strict_variables(true);
    engine.set_optimization_level(OptimizationLevel::Simple);
}

/// The values of a file's constants; other statements at file level are complaints.
fn constants(engine: &Engine, ast: &AST) -> (Scope<'static>, Vec<Complaint>) {
    let mut scope = Scope::new();
    let mut complaints = Vec::new();
    for statement in ast.statements() {
        match statement {
            Stmt::Var(parts, flags, _) if flags.contains(ASTFlags::CONSTANT) => {
                let name = parts.0.name.clone();
                match value(engine, &mut scope, &parts.1) {
                    Ok(value) => {
                        scope.push_constant_dynamic(name, value);
                    }
                    Err(message) => complaints.push(Complaint::new(codes::TOP_LEVEL, message, parts.1.start_position())),
                }
            }
            Stmt::Import(..) | Stmt::Noop(_) => {}
            other => {
                let message = "only `const`, `import` and functions stand outside of functions";
                let hint = "move this into `then(mail) { … }`";
                complaints.push(Complaint::new(codes::TOP_LEVEL, message, other.position()).hint(hint));
            }
        }
    }
    (scope, complaints)
}

fn value(engine: &Engine, scope: &mut Scope, expression: &Expr) -> Result<Dynamic, String> {
    if let Some(value) = expression.get_literal_value(None) {
        return Ok(value);
    }
    let statement = Stmt::Expr(Box::new(expression.clone()));
    let _watch = Watch::start(std::sync::Arc::new(|| false));
    engine
        .eval_ast_with_scope(scope, &AST::new([statement], Module::new()))
        .map_err(|_| "a constant is made of texts, numbers and earlier constants".to_owned())
}

/// Makes modules of `lib/` and binds them to the names under which scripts import them.
pub(super) fn import_all(engine: &mut Engine, scripts: &[Script], problems: &mut Problems) -> Imports {
    let mut imports = Imports::new();
    for script in scripts {
        for statement in script.ast.statements() {
            let Stmt::Import(parts, position) = statement else { continue };
            let (expression, alias) = &**parts;
            let place = expression.start_position().or_else(*position);
            let complaint = match literal_text(expression) {
                _ if script.path.starts_with("lib/") => Some("a file in `lib/` cannot import another".to_owned()),
                None => Some("what is imported must be written out: `import \"lib/money\" as money;`".to_owned()),
                Some(_) if alias.name.is_empty() => Some("say under which name: `import \"lib/money\" as money;`".to_owned()),
                Some(path) => bind(&mut imports, &alias.name, &path, scripts),
            };
            if let Some(message) = complaint {
                problems.extend(vec![Complaint::new(codes::IMPORT, message, place)], &script.path, &script.text);
            }
        }
    }
    strict(engine);
    let mut modules = BTreeMap::new();
    for script in scripts.iter().filter(|script| script.path.starts_with("lib/")) {
        match library(engine, script) {
            Ok(module) => {
                modules.insert(script.path.trim_end_matches(".rhai").to_owned(), rhai::Shared::new(module));
            }
            Err(complaint) => problems.extend(vec![complaint], &script.path, &script.text),
        }
    }
    for (alias, path) in &imports {
        if let Some(module) = modules.get(path) {
            engine.register_static_module(alias, module.clone());
        }
    }
    imports
}

fn bind(imports: &mut Imports, alias: &str, path: &str, scripts: &[Script]) -> Option<String> {
    let file = format!("{path}.rhai");
    if !path.starts_with("lib/") || !scripts.iter().any(|script| script.path == file) {
        let known: Vec<&str> = scripts
            .iter()
            .filter_map(|script| script.path.strip_suffix(".rhai"))
            .filter(|path| path.starts_with("lib/"))
            .collect();
        let there = if known.is_empty() { "`lib/` is empty".to_owned() } else { format!("there are: {}", known.join(", ")) };
        return Some(format!("`{path}` cannot be imported; {there}"));
    }
    match imports.insert(alias.to_owned(), path.to_owned()) {
        Some(other) if other != path => {
            Some(format!("`{alias}` is already the name of `{other}` in another rule; take another name"))
        }
        _ => None,
    }
}

fn library(engine: &Engine, script: &Script) -> Result<Module, Complaint> {
    let mut ast =
        engine.compile_with_scope(&script.constants, &script.text).map_err(|error| syntax::complaint(&error, &script.text))?;
    ast.set_source(script.path.as_str());
    let functions = ast.clone_functions_only();
    let mut module = Module::eval_ast_as_new(Scope::new(), &functions, engine)
        .map_err(|error| Complaint::new(codes::SYNTAX, error.to_string(), error.position()))?;
    module.set_id(script.path.as_str());
    Ok(module)
}

/// Compiles one rule: the whole file for its names and functions, then each body by itself.
pub(super) fn compile_rule(engine: &Engine, script: &Script) -> Result<Rule, Vec<Complaint>> {
    let whole = engine
        .compile_with_scope(&script.constants, &script.text)
        .map_err(|error| vec![syntax::complaint(&error, &script.text)])?;
    let mut bodies = BTreeMap::new();
    for function in whole.iter_fn_def() {
        if !matches!(function.name.as_str(), "when" | "then") {
            continue;
        }
        let (start, end) = (function.body.start_position(), function.body.end_position());
        let [parameter] = function.params.as_slice() else {
            let message = format!("`{}` takes one parameter: `fn {}(mail) {{ … }}`", function.name, function.name);
            return Err(vec![Complaint::new(codes::PARAMETERS, message, start)]);
        };
        let mut scope = script.constants.clone();
        scope.push(parameter.as_str(), ());
        let ast = engine
            .compile_with_scope(&scope, alone(&script.text, start, end))
            .map_err(|error| vec![syntax::complaint(&error, &script.text)])?;
        let block = Expr::Stmt(Box::new(StmtBlock::new(ast.statements().to_vec(), start, end)));
        let body = Body {
            parameter: parameter.clone(),
            block,
            functions: ast.shared_lib().clone(),
            position: start,
            resolved: Mutex::default(),
        };
        bodies.insert(function.name.to_string(), body);
    }
    let Some(then) = bodies.remove("then") else {
        let complaint = Complaint::new(codes::NO_THEN, "the rule has no `then`", Position::NONE);
        return Err(vec![complaint.hint("write `fn then(mail) { … }`: what shall be done with the mail")]);
    };
    let title = script.text.lines().find_map(|line| line.trim_start().strip_prefix("//!"));
    Ok(Rule {
        name: RuleName::new(script.path.trim_end_matches(".rhai")),
        title: title.unwrap_or_default().trim().to_owned(),
        path: script.path.clone(),
        text: script.text.clone(),
        source: script.path.as_str().into(),
        functions: whole.shared_lib().clone(),
        when: bodies.remove("when"),
        then,
    })
}

/// The text with everything outside of a block blanked, so that the block keeps its place.
fn alone(text: &str, start: Position, end: Position) -> String {
    let (start, end) = (place(start), place(end));
    let (mut line, mut column) = (1, 0);
    text.chars()
        .map(|sign| {
            column += 1;
            let inside = (line, column) >= start && (line, column) <= end;
            if sign == '\n' {
                (line, column) = (line + 1, 0);
                return sign;
            }
            if inside { sign } else { ' ' }
        })
        .collect()
}

fn place(position: Position) -> (usize, usize) {
    (position.line().unwrap_or(0), position.position().unwrap_or(0))
}

/// A text that is written out.
pub(super) fn literal_text(expression: &Expr) -> Option<String> {
    match expression {
        Expr::StringConstant(text, _) => Some(text.to_string()),
        _ => None,
    }
}
