//! What kind of value a name stands for, as far as it can be seen: `mail` and what comes from it.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{ASTNode, Expr, Position, Stmt};

use super::Checked;
use crate::rules::codes;
use crate::rules::script::Script;
use crate::rules::syntax::Complaint;
use crate::rules::vocabulary::{self, words};
use crate::text::did_you_mean;

/// Kinds whose words are all known.
const KINDS: [&str; 6] = ["mail", "address", "attachment", "sheet", "authenticity", "bounce"];

/// Variables and the kinds they stand for; a name that stands for two things stands for none.
pub(in crate::rules) struct Kinds(BTreeMap<String, Option<&'static str>>);

impl Kinds {
    /// The kinds of a script's variables.
    pub fn of(script: &Script) -> Self {
        let mut kinds = Self(BTreeMap::new());
        for function in script.ast.iter_functions() {
            for (position, parameter) in function.params.iter().enumerate() {
                let is_mail = position == 0 && matches!(function.name, "when" | "then");
                kinds.stands_for((*parameter).to_owned(), if is_mail || *parameter == "mail" { Some("mail") } else { None });
            }
        }
        script.ast.walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(ASTNode::Stmt(Stmt::Var(parts, ..))) => {
                    let kind = kinds.of_expression(&parts.1);
                    kinds.stands_for(parts.0.name.to_string(), kind);
                }
                Some(ASTNode::Stmt(Stmt::For(parts, _))) => kinds.stands_for(parts.0.name.to_string(), None),
                Some(ASTNode::Stmt(Stmt::Assignment(parts))) => {
                    if let Expr::Variable(variable, ..) = &parts.1.lhs {
                        kinds.stands_for(variable.1.to_string(), None);
                    }
                }
                _ => {}
            }
            true
        });
        kinds
    }

    fn stands_for(&mut self, name: String, kind: Option<&'static str>) {
        self.0.entry(name).and_modify(|known| *known = known.filter(|known| Some(*known) == kind)).or_insert(kind);
    }

    fn of_expression(&self, expression: &Expr) -> Option<&'static str> {
        match expression {
            Expr::Variable(variable, ..) => self.0.get(variable.1.as_str()).copied().flatten(),
            Expr::Dot(parts, ..) => Self::of_chain(self.of_expression(&parts.lhs)?, &parts.rhs),
            _ => None,
        }
    }

    fn of_chain(kind: &'static str, step: &Expr) -> Option<&'static str> {
        match step {
            Expr::Property(parts, _) => gives(kind, &parts.2),
            Expr::MethodCall(call, _) => gives(kind, &call.name),
            Expr::Dot(parts, ..) => Self::of_chain(Self::of_chain(kind, &parts.lhs)?, &parts.rhs),
            _ => None,
        }
    }
}

fn gives(kind: &str, name: &str) -> Option<&'static str> {
    words().find(|word| word.name == name && word.receiver() == Some(kind))?.gives()
}

impl Checked<'_> {
    /// `mail.from.address`: every step is a word of what stands before it.
    pub(super) fn chain(&mut self, chain: &Expr) {
        let Expr::Dot(parts, ..) = chain else { return };
        let Expr::Variable(variable, ..) = &parts.lhs else { return };
        let name = variable.1.to_string();
        if let Some(kind) = self.kinds.of_expression(&parts.lhs) {
            self.step(&name, kind, &parts.rhs);
        }
    }

    fn step(&mut self, before: &str, kind: &'static str, step: &Expr) -> Option<(String, &'static str)> {
        match step {
            Expr::Property(parts, position) => self.word(before, kind, &parts.2, *position),
            Expr::MethodCall(call, position) => self.word(before, kind, &call.name, *position),
            Expr::Dot(parts, ..) => {
                let (before, kind) = self.step(before, kind, &parts.lhs)?;
                self.step(&before, kind, &parts.rhs)
            }
            Expr::Index(parts, ..) => {
                self.step(before, kind, &parts.lhs)?;
                None
            }
            _ => None,
        }
    }

    fn word(&mut self, before: &str, kind: &'static str, name: &str, position: Position) -> Option<(String, &'static str)> {
        let written = format!("{before}.{name}");
        if !KINDS.contains(&kind) {
            return None;
        }
        let known: BTreeSet<&str> = words().filter(|word| word.receiver() == Some(kind)).map(|word| word.name).collect();
        if known.contains(name) {
            return gives(kind, name).map(|kind| (written, kind));
        }
        if kind == "mail" && vocabulary::MAIL_LATER.contains(&name) {
            self.not_yet(&written, position);
        } else if !self.names.own.contains_key(name) {
            let complaint = Complaint::new(codes::UNKNOWN_WORD, format!("`{written}` is not a word"), position);
            self.complaints.push(complaint.hint_if(did_you_mean(name, known)));
        }
        None
    }
}
