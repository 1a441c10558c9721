//! What can be said about templates before there is any data.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Environment, ErrorKind};

use super::scan::{Tag, Token};
use super::{Demands, TemplateProblem};

/// Unknown filters and tests, and templates that are not there. Jinja itself finds these only when the line is rendered.
pub(super) fn problems(
    environment: &Environment<'_>,
    file: &str,
    tags: &[Tag<'_>],
    exists: &dyn Fn(&str) -> bool,
) -> Vec<TemplateProblem> {
    let mut problems = Vec::new();
    for tag in tags {
        let unknown = unknown_words(environment, tag);
        let missing = others(tag)
            .filter(|(other, _)| !exists(other))
            .map(|(other, line)| (line, format!("there is no template `{other}`")));
        let optional = tag.tokens.iter().any(|(token, _)| *token == Token::Name("missing"));
        problems.extend(unknown.chain(missing.filter(|_| !optional)).map(|(line, message)| TemplateProblem {
            file: file.to_owned(),
            line: Some(line),
            message,
        }));
    }
    problems
}

fn unknown_words<'a>(environment: &'a Environment<'_>, tag: &'a Tag<'_>) -> impl Iterator<Item = (usize, String)> + 'a {
    (0..tag.tokens.len()).filter_map(move |at| {
        let (Token::Name(name), line) = tag.tokens.get(at)? else { return None };
        let before = |back: usize| at.checked_sub(back).and_then(|index| tag.tokens.get(index)).map(|(token, _)| token);
        let test = match before(1) {
            Some(Token::Sign('|')) => false,
            Some(Token::Name("is")) if *name != "not" => true,
            Some(Token::Name("not")) if before(2) == Some(&Token::Name("is")) => true,
            _ => return None,
        };
        // Called without arguments they refuse, but only one that exists can.
        let mut state = environment.empty_state();
        let (kind, word) = if test {
            (state.perform_test(name, &[]).err()?.kind(), "test")
        } else {
            (state.apply_filter(name, &[]).err()?.kind(), "filter")
        };
        matches!(kind, ErrorKind::UnknownFilter | ErrorKind::UnknownTest).then(|| (*line, format!("`{name}` is not a {word}")))
    })
}

/// The templates that a tag names by a plain text.
fn others<'a>(tag: &'a Tag<'_>) -> impl Iterator<Item = (&'a str, usize)> {
    let naming = matches!(tag.keyword(), Some("include" | "extends" | "import" | "from"));
    tag.tokens
        .get(1)
        .filter(|_| naming)
        .and_then(|(token, line)| match token {
            Token::Text(name) => Some((*name, *line)),
            _ => None,
        })
        .into_iter()
}

/// The demands of every template.
pub(super) fn demands(environment: &Environment<'_>, scanned: &BTreeMap<&str, Vec<Tag<'_>>>) -> BTreeMap<String, Demands> {
    let own: BTreeMap<&str, Own<'_>> = scanned.iter().map(|(name, tags)| (*name, Own::of(environment, name, tags))).collect();
    own.keys()
        .map(|name| {
            let mut demands = Demands::default();
            gather(name, &own, &BTreeSet::new(), &mut BTreeSet::new(), &mut demands);
            demands.required.retain(|variable| !demands.optional.contains(variable));
            ((*name).to_owned(), demands)
        })
        .collect()
}

/// What one template by itself says about names.
struct Own<'s> {
    undeclared: BTreeSet<String>,
    guarded: BTreeSet<&'s str>,
    /// Names it sets, loops over or imports: the templates it includes see them.
    given: BTreeSet<&'s str>,
    /// Templates it includes or extends; those that it imports lend it macros, whose names nobody demands until they are called.
    others: BTreeSet<&'s str>,
}

impl<'s> Own<'s> {
    fn of(environment: &Environment<'_>, name: &str, tags: &'s [Tag<'s>]) -> Self {
        let known: BTreeSet<&str> =
            environment.globals().map(|(name, _)| name).chain(["mail", "self", "super", "loop", "caller"]).collect();
        let undeclared = environment.get_template(name).map(|template| template.undeclared_variables(false)).unwrap_or_default();
        let giving = |tag: &&Tag<'_>| matches!(tag.keyword(), Some("set" | "for" | "with" | "macro" | "import" | "from"));
        let including = |tag: &&Tag<'_>| matches!(tag.keyword(), Some("include" | "extends"));
        Self {
            undeclared: undeclared.into_iter().filter(|name| !known.contains(name.as_str())).collect(),
            guarded: tags.iter().flat_map(guarded).collect(),
            given: tags.iter().filter(giving).flat_map(|tag| &tag.tokens).filter_map(|(token, _)| name_of(token)).collect(),
            others: tags.iter().filter(including).flat_map(others).map(|(name, _)| name).collect(),
        }
    }
}

fn name_of<'s>(token: &Token<'s>) -> Option<&'s str> {
    match token {
        Token::Name(name) => Some(name),
        _ => None,
    }
}

/// The plain names of a tag (no parts of others) that are followed by `is defined` or a default.
fn guarded<'a>(tag: &'a Tag<'_>) -> impl Iterator<Item = &'a str> {
    let tokens = &tag.tokens;
    (0..tokens.len()).filter_map(move |at| {
        let name = name_of(&tokens[at].0)?;
        let is_part = at > 0 && tokens[at - 1].0 == Token::Sign('.');
        let next = |step: usize| tokens.get(at + step).map(|(token, _)| token);
        let state = if next(2) == Some(&Token::Name("not")) { next(3) } else { next(2) };
        let guard = match next(1) {
            Some(Token::Sign('|')) => matches!(next(2), Some(Token::Name("default" | "d"))),
            Some(Token::Name("is")) => matches!(state, Some(Token::Name("defined" | "undefined"))),
            _ => false,
        };
        (guard && !is_part).then_some(name)
    })
}

/// Adds what a template and those it includes demand; each is visited once, so that templates naming each other end.
fn gather<'s>(
    name: &str,
    own: &BTreeMap<&str, Own<'s>>,
    given: &BTreeSet<&'s str>,
    visited: &mut BTreeSet<String>,
    demands: &mut Demands,
) {
    let Some(template) = own.get(name).filter(|_| visited.insert(name.to_owned())) else { return };
    for variable in template.undeclared.iter().filter(|variable| !given.contains(variable.as_str())) {
        let kind = if template.guarded.contains(variable.as_str()) { &mut demands.optional } else { &mut demands.required };
        kind.insert(variable.clone());
    }
    let given: BTreeSet<&str> = given.iter().chain(&template.given).copied().collect();
    for other in &template.others {
        gather(other, own, &given, visited, demands);
    }
}
