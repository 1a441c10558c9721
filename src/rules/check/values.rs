//! Whether values fit together: conditions are true or false, like is compared with like, and what may be absent is looked at.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};

use super::Checked;
use super::kinds::{Kind, said, types_of};
use crate::rules::codes;
use crate::rules::syntax::Complaint;
use crate::rules::vocabulary::words;

const COMPARISONS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];
const ARITHMETIC: [&str; 5] = ["+", "-", "*", "/", "%"];

impl Checked<'_> {
    /// What must be true or false where it stands.
    pub(super) fn condition(&mut self, expression: &Expr) {
        let kind = match expression {
            Expr::Unit(_) => Some("nothing"),
            Expr::DynamicConstant(value, _) if value.is_bool() => None,
            other => self.kinds.of_expression(other),
        };
        let Some(kind) = kind.filter(|kind| *kind != "bool") else { return };
        let message = match kind {
            "nothing" => "true or false is needed here, not nothing".to_owned(),
            kind => format!("true or false is needed here, not {}", said(kind)),
        };
        let hint = match kind {
            "result to come" => "it is not known while rules run",
            _ => "write `x != ()` to ask whether there is an x",
        };
        self.complaints.push(Complaint::new(codes::KINDS, message, super::start(expression)).hint(hint));
    }

    /// Operators between values of which both kinds are known.
    pub(super) fn operator(&mut self, call: &FnCallExpr, position: Position) {
        let [left, right] = call.args.as_slice() else { return };
        let (Some(one), Some(other)) = (self.kinds.of_expression(left), self.kinds.of_expression(right)) else { return };
        if COMPARISONS.contains(&call.name.as_str()) {
            if let Some(hint) = incomparable(one, other) {
                let message = format!("{} is compared with {}", said(one), said(other));
                self.complaints.push(Complaint::new(codes::KINDS, message, position).hint_if(hint));
            }
        } else if ARITHMETIC.contains(&call.name.as_str()) {
            let (one_types, other_types) = (types_of(Some(one)), types_of(Some(other)));
            if one != other && !self.names.words.takes(&call.name, &[&one_types, &other_types]) {
                let message = format!("`{}` does not work with {} and {}", call.name, said(one), said(other));
                self.complaints.push(Complaint::new(codes::KINDS, message, position));
            }
        }
    }

    /// What `when` gives, and that it only looks.
    pub(super) fn when(&mut self, body: &[Stmt]) {
        if let Some(Stmt::Expr(last)) = body.last() {
            self.condition(last);
            if matches!(&**last, Expr::BoolConstant(false, _)) {
                let complaint =
                    Complaint::new(codes::SWITCHED_OFF, "this rule never runs: its `when` is always false", last.position());
                self.complaints.push(complaint.hint("a rule that is out of use is better taken out of the folder"));
            }
        }
        let actions: BTreeSet<&str> = words()
            .filter(|word| matches!(word.family, "actions" | "answers" | "mailings") && word.receiver().is_none())
            .map(|word| word.name)
            .collect();
        let mut found = Vec::new();
        each_node(body, &mut |node| {
            let call = match node {
                ASTNode::Stmt(Stmt::FnCall(call, position)) | ASTNode::Expr(Expr::FnCall(call, position)) => {
                    Some((call, position))
                }
                _ => None,
            };
            if let Some((call, position)) = call
                && call.namespace.is_empty()
                && actions.contains(call.name.as_str())
            {
                found.push((call.name.to_string(), *position));
            }
        });
        for (name, position) in found.into_iter().filter(|(name, _)| !self.names.own.contains_key(name)) {
            let complaint =
                Complaint::new(codes::ACTION_IN_WHEN, format!("`{name}` is an action: it does not belong into `when`"), position);
            self.complaints.push(complaint.hint("`when` only says true or false; write it in `then`"));
        }
    }

    /// Statements of a block that come after its end, and values that are thrown away.
    pub(super) fn block(&mut self, block: &[Stmt]) {
        for statement in block.iter().take(block.len().saturating_sub(1)) {
            if let Stmt::Expr(expression) = statement
                && self.only_gives(expression)
            {
                let complaint = Complaint::new(codes::UNUSED, "this gives a value that nobody uses", super::start(expression));
                self.complaints.push(complaint.hint("keep it: `let x = …;`"));
            }
        }
        let ends = |statement: &Stmt| matches!(statement, Stmt::Return(..) | Stmt::BreakLoop(..));
        if let Some(at) = block.iter().position(ends)
            && let Some(next) = block.get(at + 1)
        {
            let complaint = Complaint::new(codes::AFTER_THE_END, "this never runs: the block ends before it", next.position());
            self.complaints.push(complaint);
        }
    }

    /// Whether an expression changes nothing: a word said of a value, a comparison.
    fn only_gives(&self, expression: &Expr) -> bool {
        match expression {
            Expr::Dot(parts, ..) => {
                self.kinds.of_expression(&parts.lhs).is_some() && self.kinds.of_expression(expression).is_some()
            }
            Expr::FnCall(call, _) => call.op_token.is_some() && COMPARISONS.contains(&call.name.as_str()),
            _ => false,
        }
    }

    /// What may be absent and is used without a look; variables that nobody uses.
    pub(super) fn absences(&mut self, body: &[Stmt]) {
        let mut uses = Uses::default();
        each_node(body, &mut |node| uses.see(node, self));
        for (name, position) in &uses.made {
            let is_used = uses.read.contains(name) || name.starts_with('_');
            if !is_used {
                self.complaints.push(Complaint::new(codes::UNUSED, format!("nobody uses `{name}`"), *position));
            }
        }
        for risk in std::mem::take(&mut uses.risky) {
            let is_looked_at = risk.path.as_deref().is_some_and(|path| uses.is_looked_at(path));
            let is_absent = match &risk.path {
                Some(name) if !name.contains('.') => uses.maybe.get(name) == Some(&1) && !uses.sure.contains(name),
                _ => true,
            };
            if is_absent && !is_looked_at {
                let what = risk.path.map_or("this".to_owned(), |path| format!("`{path}`"));
                let complaint = Complaint::new(codes::MAYBE_ABSENT, format!("{what} may be absent{}", risk.use_), risk.position);
                self.complaints.push(complaint.hint("take it with `require(…, \"reason\")`, or give another value with `??`"));
            }
        }
    }
}

/// How a function uses its variables.
#[derive(Default)]
struct Uses {
    made: Vec<(String, Position)>,
    read: BTreeSet<String>,
    /// Variables that were given what may be absent, and how often.
    maybe: BTreeMap<String, usize>,
    /// Variables that were given something that is there.
    sure: BTreeSet<String>,
    /// What is compared with `()`, or taken with `require` or `??`: `number`, `file.problem`.
    looked_at: BTreeSet<String>,
    risky: Vec<Risk>,
}

/// A use that needs a value.
struct Risk {
    /// What is used, where it has a name: `number`, `file.problem`.
    path: Option<String>,
    position: Position,
    use_: &'static str,
}

impl Uses {
    fn see(&mut self, node: &ASTNode, checked: &Checked) {
        match node {
            ASTNode::Stmt(Stmt::Var(parts, ..)) => {
                let name = parts.0.name.to_string();
                self.made.push((name.clone(), parts.0.pos));
                if checked.kinds.may_be_absent(&parts.1) {
                    *self.maybe.entry(name).or_default() += 1;
                } else {
                    self.sure.insert(name);
                }
            }
            ASTNode::Stmt(Stmt::Assignment(parts)) => {
                self.look(&parts.1.lhs);
            }
            ASTNode::Expr(Expr::Variable(variable, ..)) => {
                self.read.insert(variable.1.to_string());
            }
            ASTNode::Expr(Expr::Coalesce(parts, _)) => parts.iter().for_each(|part| self.look(part)),
            ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)) => self.call(call, checked),
            ASTNode::Expr(Expr::InterpolatedString(parts, _)) => {
                parts.iter().for_each(|part| self.risk(part, " and is part of a text", checked));
            }
            ASTNode::Stmt(Stmt::Switch(parts, _)) => self.look(&parts.0),
            _ => {}
        }
    }

    fn call(&mut self, call: &FnCallExpr, checked: &Checked) {
        match call.name.as_str() {
            "==" | "!=" | "type_of" | "require" | "optional" => call.args.iter().for_each(|part| self.look(part)),
            "<" | "<=" | ">" | ">=" if call.op_token.is_some() => {
                call.args.iter().for_each(|part| self.risk(part, " and is compared", checked));
            }
            "+" | "-" | "*" | "/" | "%" if call.op_token.is_some() => {
                call.args.iter().for_each(|part| self.risk(part, " and is reckoned with", checked));
            }
            // What a function of the file does with it is not looked at.
            name if checked.names.own.contains_key(name) || !call.namespace.is_empty() => {
                call.args.iter().for_each(|part| self.look(part));
            }
            _ => {}
        }
    }

    fn look(&mut self, expression: &Expr) {
        self.looked_at.extend(path_of(expression));
    }

    /// Whether something or what it is taken from is looked at: `mail.sender` for `mail.sender.address`.
    fn is_looked_at(&self, path: &str) -> bool {
        let ends = path.match_indices('.').map(|(at, _)| at).chain([path.len()]);
        ends.into_iter().any(|end| self.looked_at.contains(&path[..end]))
    }

    fn risk(&mut self, expression: &Expr, use_: &'static str, checked: &Checked) {
        let expression = match expression {
            // `${…}` is a block of one expression.
            Expr::Stmt(block) => match block.iter().next() {
                Some(Stmt::Expr(inner)) if block.iter().count() == 1 => inner,
                _ => return,
            },
            other => other,
        };
        match expression {
            Expr::Variable(..) => self.risky.push(Risk { path: path_of(expression), position: super::start(expression), use_ }),
            other if checked.kinds.may_be_absent(other) => {
                self.risky.push(Risk { path: path_of(other), position: super::start(other), use_ });
            }
            _ => {}
        }
    }
}

/// What an expression is called, if it is a variable or facts of one: `file.problem`.
fn path_of(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Variable(variable, ..) => Some(variable.1.to_string()),
        Expr::Property(parts, _) => Some(parts.2.to_string()),
        Expr::MethodCall(call, _) if call.args.is_empty() => Some(call.name.to_string()),
        Expr::Dot(parts, ..) => Some(format!("{}.{}", path_of(&parts.lhs)?, path_of(&parts.rhs)?)),
        _ => None,
    }
}

/// Why two kinds cannot be compared, as a hint; `None` when they can.
#[allow(clippy::option_option, reason = "whether they can, and whether there is something to say about it")]
fn incomparable(one: Kind, other: Kind) -> Option<Option<&'static str>> {
    const CLEAR: [&str; 7] = ["text", "number", "bool", "list", "day", "moment", "address"];
    if one == other || !CLEAR.contains(&one) || !CLEAR.contains(&other) {
        return None;
    }
    let mut pair = [one, other];
    pair.sort_unstable();
    Some(match pair {
        ["number", "text"] => Some("turn the text into a number with `.to_number()` or `.to_money()`"),
        ["address", "text"] => Some("take the address's `.address`, `.name` or `.domain`"),
        ["day", "moment"] => Some("take the moment's `.date`"),
        ["day", "text"] => Some("turn the text into a day with `.to_date(\"dd.MM.yyyy\")`"),
        ["list", "text"] => Some("ask `\"text\" in list`"),
        _ => None,
    })
}

/// Every statement and expression of a block.
fn each_node(block: &[Stmt], see: &mut impl FnMut(&ASTNode)) {
    let mut path = Vec::new();
    for statement in block {
        statement.walk(&mut path, &mut |path: &[ASTNode]| {
            if let Some(node) = path.last() {
                see(node);
            }
            true
        });
    }
}
