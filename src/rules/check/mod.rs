//! What can be seen without running: every name, parameter, endpoint, folder, template and pattern that is written out.
//!
//! Rhai finds an unknown function only when the line runs; a rule set is therefore walked before it goes live.

mod calls;
mod kinds;
mod literals;
mod names;
mod problems;
mod reach;

pub(super) use problems::Problems;
pub(super) use reach::reachable;

use rhai::{ASTNode, Engine, Expr, Stmt};

use super::codes;
use super::script::{Imports, Script};
use super::set::Known;
use super::syntax::Complaint;
use calls::Call;
use names::Names;

/// What one script is checked with.
pub(super) struct Checked<'c> {
    pub script: &'c Script,
    pub known: &'c Known,
    pub names: Names<'c>,
    pub kinds: kinds::Kinds,
    pub complaints: Vec<Complaint>,
}

/// Checks every script; every problem of every file.
pub(super) fn check(engine: &Engine, scripts: &[Script], imports: &Imports, known: &Known, problems: &mut Problems) {
    let words = names::all(engine);
    for script in scripts {
        let mut checked = Checked {
            script,
            known,
            names: Names::new(&words, script, scripts, imports),
            kinds: kinds::Kinds::of(script),
            complaints: Vec::new(),
        };
        script.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(node) = path.last() {
                checked.node(node);
            }
            true
        });
        let complaints = std::mem::take(&mut checked.complaints);
        problems.extend(complaints, &script.path, &script.text);
    }
}

impl Checked<'_> {
    fn node(&mut self, node: &ASTNode) {
        match node {
            ASTNode::Stmt(Stmt::FnCall(call, position)) | ASTNode::Expr(Expr::FnCall(call, position))
                if call.op_token.is_none() =>
            {
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
