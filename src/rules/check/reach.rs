//! Rules that can never run.

use rhai::{Expr, Position, Stmt};

use super::Problems;
use crate::rules::codes;
use crate::rules::set::Rule;
use crate::rules::syntax::Complaint;

/// A rule after one that is for every mail and says `no_more_rules()` whatever happens.
pub(in crate::rules) fn reachable(rules: &[Rule], problems: &mut Problems) {
    let Some(position) = rules.iter().position(|rule| rule.when.is_none() && always_ends(&rule.then.block)) else { return };
    let last = &rules[position];
    for rule in &rules[position + 1..] {
        let message = format!("this rule never runs: {} is for every mail and says `no_more_rules()`", last.name);
        let hint = format!("give {} a `when`", last.name);
        problems.extend(vec![Complaint::new(codes::UNREACHABLE, message, Position::NONE).hint(hint)], &rule.path, &rule.text);
    }
}

fn always_ends(block: &Expr) -> bool {
    let Expr::Stmt(statements) = block else { return false };
    statements.iter().any(says_so)
}

fn says_so(statement: &Stmt) -> bool {
    match statement {
        Stmt::FnCall(call, _) => call.name == "no_more_rules",
        Stmt::Block(block) => block.iter().any(says_so),
        Stmt::Expr(expression) => matches!(&**expression, Expr::FnCall(call, _) if call.name == "no_more_rules"),
        _ => false,
    }
}
