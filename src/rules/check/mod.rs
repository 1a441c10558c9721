//! What can be seen without running: every name, parameter, endpoint, folder, template and pattern that is written out.
//!
//! Rhai finds an unknown function only when the line runs; a rule set is therefore walked before it goes live.

mod calls;
mod kinds;
mod literals;
mod names;
mod problems;
mod reach;
mod values;
mod words;

pub(super) use problems::Problems;
pub(super) use reach::reachable;

use rhai::{ASTFlags, ASTNode, Expr, Position, Stmt};

use super::codes;
use super::script::{Imports, Script};
use super::set::Known;
use super::syntax::Complaint;
use calls::Call;
use names::{Names, Registered};

/// What one script is checked with.
pub(super) struct Checked<'c> {
    pub script: &'c Script,
    pub known: &'c Known,
    pub names: Names<'c>,
    pub kinds: kinds::Kinds,
    pub complaints: Vec<Complaint>,
}

/// Checks every script; every problem of every file.
pub(super) fn check(scripts: &[Script], imports: &Imports, known: &Known, problems: &mut Problems) {
    let words = Registered::everywhere();
    for script in scripts {
        let mut checked = Checked {
            script,
            known,
            names: Names::new(words, script, scripts, imports),
            kinds: kinds::Kinds::of(script),
            complaints: Vec::new(),
        };
        script.ast.walk(&mut |path: &[ASTNode]| {
            match path {
                // In `list[0].name` Rhai hangs `0.name` under the list.
                [.., ASTNode::Expr(Expr::Index(parts, flags, _)), ASTNode::Expr(chain @ Expr::Dot(..))]
                    if std::ptr::eq(&raw const parts.rhs, *chain) && !flags.contains(ASTFlags::BREAK) => {}
                [.., node] => checked.node(node),
                [] => {}
            }
            true
        });
        for (name, body) in functions(script) {
            if name == "when" && !script.path.contains('/') {
                checked.when(&body);
            }
            checked.block(&body);
            checked.absences(&body);
        }
        let complaints = std::mem::take(&mut checked.complaints);
        problems.extend(complaints, &script.path, &script.text);
    }
}

impl Checked<'_> {
    fn node(&mut self, node: &ASTNode) {
        match node {
            ASTNode::Stmt(Stmt::FnCall(call, position)) | ASTNode::Expr(Expr::FnCall(call, position)) => {
                if call.op_token.is_some() {
                    return self.operator(call, *position);
                }
                let call =
                    Call { name: &call.name, namespace: &call.namespace.to_string(), arguments: &call.args, position: *position };
                self.function(&call);
                self.literals(&call);
            }
            ASTNode::Expr(Expr::MethodCall(call, position)) => {
                let call = Call { name: &call.name, namespace: "", arguments: &call.args, position: *position };
                self.method(&call);
                self.pattern(&call);
            }
            ASTNode::Expr(chain @ Expr::Dot(..)) => self.chain(chain),
            ASTNode::Expr(variable @ Expr::Variable(..)) => self.name(variable),
            ASTNode::Expr(Expr::And(parts, _) | Expr::Or(parts, _)) => parts.iter().for_each(|part| self.condition(part)),
            ASTNode::Stmt(Stmt::If(flow, _)) => {
                self.condition(&flow.expr);
                self.block(flow.body.statements());
                self.block(flow.branch.statements());
            }
            ASTNode::Stmt(Stmt::While(flow, _)) => self.block(flow.body.statements()),
            ASTNode::Stmt(Stmt::For(parts, _)) => self.block(parts.2.body.statements()),
            ASTNode::Stmt(import @ Stmt::Import(..)) => {
                let place = import.position();
                if !self.script.ast.statements().iter().any(|statement| statement.position() == place) {
                    let message = "an import stands at the beginning of the file, outside of functions";
                    self.complaints.push(Complaint::new(codes::IMPORT, message, place));
                }
            }
            _ => {}
        }
    }
}

/// The functions of a script with their statements. (Rhai gives a function's statements only while a tree is walked.)
fn functions(script: &Script) -> Vec<(String, Vec<Stmt>)> {
    let order = |position: Position| (position.line().unwrap_or(0), position.position().unwrap_or(0));
    let mut found: Vec<_> = script
        .ast
        .iter_fn_def()
        .map(|function| {
            let (start, end) = (order(function.body.start_position()), order(function.body.end_position()));
            (function.name.to_string(), start..=end, Vec::new())
        })
        .collect();
    script.ast.walk(&mut |path: &[ASTNode]| {
        if let [ASTNode::Stmt(statement)] = path {
            let place = order(statement.position());
            if let Some((_, _, body)) = found.iter_mut().find(|(_, range, _)| range.contains(&place)) {
                body.push((*statement).clone());
            }
        }
        true
    });
    found.into_iter().map(|(name, _, body)| (name, body)).collect()
}

/// Where an expression begins. (Rhai places an operator's expression at the operator, a chain's at its first step.)
pub(super) fn start(expression: &Expr) -> Position {
    match expression {
        Expr::FnCall(call, position) if call.op_token.is_some() => match call.args.as_slice() {
            [one, _] => start(one),
            _ => *position,
        },
        Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => parts.first().map_or(expression.position(), start),
        Expr::Dot(parts, ..) | Expr::Index(parts, ..) => start(&parts.lhs),
        other => other.start_position(),
    }
}
