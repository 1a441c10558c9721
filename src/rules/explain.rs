//! Why a rule did or did not apply: its `when` taken apart, each condition with the values it looked at.
//!
//! The conditions are evaluated once more, one by one, in a run of their own whose actions and questions count for nothing.

use std::sync::{Arc, Mutex};

use rhai::{ASTFlags, BinaryExpr, Caches, Dynamic, EvalContext, Expr, GlobalRuntimeState, Position, Scope, Stmt};
use serde::Serialize;

use super::readings::Reading;
use super::run::{Decided, Input, RuleOutcome, Run, begin, decide_in, evaluate};
use super::set::{Body, Rule, RuleSet};
use super::values::{AddressValue, AttachmentValue, Day, Moment, VerdictValue, kind_of};
use super::watch::{self, Watch};
use super::{row, source_text};
use crate::ids::RuleName;

/// Conditions of one rule that are told at most.
const CONDITIONS_MAX: usize = 40;
/// Characters of a value that are shown.
const VALUE_CHARS_MAX: usize = 120;
/// Blocks within blocks that are looked into.
const BLOCKS_DEEP_MAX: usize = 16;

/// What a run came to, and why.
#[derive(Clone, Debug)]
pub struct Explained {
    /// What it came to.
    pub decided: Decided,
    /// Each rule that was looked at, with its conditions.
    pub rules: Vec<RuleStory>,
    /// What was read out of texts, in order.
    pub readings: Vec<Reading>,
    /// Steps of script code, over all rules.
    pub operations: u64,
}

/// What became of a rule, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleStory {
    /// The rule.
    pub rule: RuleName,
    /// What became of it.
    pub outcome: RuleOutcome,
    /// The conditions of its `when`, up to the one that decided.
    pub conditions: Vec<Condition>,
}

/// One condition of a `when`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Condition {
    /// As it is written.
    pub text: String,
    /// Its line, from 1.
    pub line: usize,
    /// Its column in characters, from 1.
    pub column: usize,
    /// Whether it was true; none when it failed or was something else.
    pub holds: Option<bool>,
    /// What it looked at.
    pub values: Vec<Looked>,
}

/// An expression and the value it had.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Looked {
    /// As it is written.
    pub text: String,
    /// Its value, for people.
    pub value: String,
}

/// Decides as [`super::decide`] does, and says why.
pub fn explain(set: &RuleSet, input: &Input) -> Explained {
    let run = Arc::new(Run::new(set, input).noting());
    let decided = decide_in(set, &run);
    let operations = watch::operations();
    let readings = run.readings(set);
    let rules = decided
        .trace
        .iter()
        .zip(set.all_rules())
        .map(|(traced, rule)| {
            let conditions = match (&rule.when, traced.outcome) {
                (Some(when), RuleOutcome::Applied | RuleOutcome::DidNotApply) => conditions(set, rule, when, input),
                _ => Vec::new(),
            };
            RuleStory { rule: traced.rule.clone(), outcome: traced.outcome, conditions }
        })
        .collect();
    Explained { decided, rules, readings, operations }
}

fn conditions(set: &RuleSet, rule: &Rule, when: &Body, input: &Input) -> Vec<Condition> {
    let run = Arc::new(Run::new(set, input));
    let _watch = Watch::start(input.expired.clone());
    let (global, scope) = begin(set, rule, when, &run);
    let mut apart = Apart { set, rule, when, global, scope, caches: Caches::new(), found: Vec::new() };
    if let Expr::Stmt(block) = &when.block {
        apart.statements(block.statements(), 0);
    }
    apart.found
}

/// A `when` that is taken apart.
struct Apart<'w> {
    set: &'w RuleSet,
    rule: &'w Rule,
    when: &'w Body,
    global: GlobalRuntimeState,
    scope: Scope<'static>,
    caches: Caches,
    found: Vec<Condition>,
}

/// Whether the statements after this one still run.
#[derive(PartialEq, Eq)]
enum Goes {
    On,
    NoFurther,
}

impl Apart<'_> {
    fn statements(&mut self, block: &[Stmt], deep: usize) -> Goes {
        let variables = self.scope.len();
        let mut goes = Goes::On;
        for (at, statement) in block.iter().enumerate() {
            goes = self.statement(statement, at + 1 == block.len(), deep);
            if goes == Goes::NoFurther {
                break;
            }
        }
        self.scope.rewind(variables);
        goes
    }

    fn statement(&mut self, statement: &Stmt, is_last: bool, deep: usize) -> Goes {
        match statement {
            Stmt::Var(parts, ..) => match self.value(&parts.1) {
                Some(value) => {
                    self.scope.push_dynamic(parts.0.name.clone(), value);
                    Goes::On
                }
                None => Goes::NoFurther,
            },
            Stmt::If(flow, _) if deep < BLOCKS_DEEP_MAX => match self.apart(&flow.expr) {
                Some(true) => self.statements(flow.body.statements(), deep + 1),
                Some(false) => self.statements(flow.branch.statements(), deep + 1),
                None => Goes::NoFurther,
            },
            Stmt::Block(block) if deep < BLOCKS_DEEP_MAX => self.statements(block.statements(), deep + 1),
            Stmt::Return(Some(value), ..) => {
                self.apart(value);
                Goes::NoFurther
            }
            Stmt::Expr(value) if is_last => {
                self.apart(value);
                Goes::NoFurther
            }
            // A call as the only statement of `when` is its value.
            Stmt::FnCall(call, position) if is_last => {
                self.apart(&Expr::FnCall(call.clone(), *position));
                Goes::NoFurther
            }
            Stmt::Expr(_) | Stmt::FnCall(..) | Stmt::Noop(_) => Goes::On,
            // Loops and the like are not taken apart.
            _ => Goes::NoFurther,
        }
    }

    /// Whether an expression is true, and each condition that it is made of as far as it was looked at.
    fn apart(&mut self, expression: &Expr) -> Option<bool> {
        match expression {
            Expr::And(parts, _) => {
                for part in parts.iter() {
                    if self.apart(part)? {
                        continue;
                    }
                    return Some(false);
                }
                Some(true)
            }
            Expr::Or(parts, _) => {
                for part in parts.iter() {
                    if self.apart(part)? {
                        return Some(true);
                    }
                }
                Some(false)
            }
            Expr::BoolConstant(value, _) => Some(*value),
            Expr::Stmt(block) if block.statements().len() == 1 => match block.statements() {
                [Stmt::Expr(inner)] => self.apart(inner),
                _ => self.condition(expression),
            },
            other => self.condition(other),
        }
    }

    fn condition(&mut self, expression: &Expr) -> Option<bool> {
        let holds = self.value(expression).and_then(|value| value.as_bool().ok());
        if self.found.len() < CONDITIONS_MAX {
            let place = super::check::start(expression);
            let mut values = Vec::new();
            self.looked_at(expression, &mut values);
            self.found.push(Condition {
                text: source_text::of_expression(&self.rule.text, place),
                line: place.line().unwrap_or(0),
                column: place.position().unwrap_or(0),
                holds,
                values,
            });
        }
        holds
    }

    /// The values that decide a condition: what a word is said of, what is compared.
    fn looked_at(&mut self, expression: &Expr, values: &mut Vec<Looked>) {
        match expression {
            Expr::FnCall(call, _) if call.op_token.is_some() => {
                for argument in &call.args {
                    match argument {
                        Expr::FnCall(inner, _) if inner.op_token.is_some() => self.looked_at(argument, values),
                        Expr::Dot(..) if call.args.len() == 1 => self.looked_at(argument, values),
                        argument => self.look(argument, values),
                    }
                }
            }
            Expr::FnCall(call, _) => call.args.iter().for_each(|argument| self.look(argument, values)),
            Expr::Dot(parts, flags, position) => {
                let before = without_last(parts, *flags, *position);
                let (last, arguments) = last(&parts.rhs);
                match (&before, last) {
                    (Expr::Variable(variable, ..), Some((name, _))) if variable.1 == self.when.parameter => {
                        self.beside(name, values);
                    }
                    (before, Some((_, end))) => self.look_at(before, Some(end), values),
                    _ => {}
                }
                for argument in arguments {
                    self.look(argument, values);
                }
            }
            Expr::Coalesce(parts, _) => parts.iter().for_each(|part| self.look(part, values)),
            _ => {}
        }
    }

    /// What a question about the mail itself is about.
    fn beside(&mut self, word: &str, values: &mut Vec<Looked>) {
        let fact = match word {
            "is_from" => "from",
            "is_to" => "to",
            "is_cc" => "cc",
            "has_attachment" => "attachments",
            "is_authentic" => "authenticity.reason",
            _ => return,
        };
        let text = format!("{}.{fact}", self.when.parameter);
        let Ok(ast) = self.set.engine().compile_expression_with_scope(&self.scope, &text) else { return };
        if let [Stmt::Expr(expression)] = ast.statements()
            && let Some(value) = self.value(expression)
        {
            values.push(Looked { text, value: shown(&value) });
        }
    }

    fn look(&mut self, expression: &Expr, values: &mut Vec<Looked>) {
        self.look_at(expression, None, values);
    }

    /// The value of an expression that is not written out; `end` is where the text of it ends at the latest.
    fn look_at(&mut self, expression: &Expr, end: Option<Position>, values: &mut Vec<Looked>) {
        let is_plain = match expression {
            Expr::Variable(variable, ..) => variable.1 == self.when.parameter,
            other => other.is_constant(),
        };
        if is_plain {
            return;
        }
        let place = super::check::start(expression);
        let text = match end {
            Some(end) => source_text::between(&self.rule.text, place, end).trim_end_matches(['.', '?']).trim_end().to_owned(),
            None => source_text::of_operand(&self.rule.text, place),
        };
        if values.iter().any(|known| known.text == text) {
            return;
        }
        if let Some(value) = self.value(expression) {
            values.push(Looked { text, value: shown(&value) });
        }
    }

    fn value(&mut self, expression: &Expr) -> Option<Dynamic> {
        watch::next_call();
        let engine = self.set.engine();
        let value =
            evaluate(&mut EvalContext::new(engine, &mut self.global, &mut self.caches, &mut self.scope, None), expression);
        if watch::take_pending().is_some() {
            return None;
        }
        value.ok()
    }
}

/// A chain without its last step.
fn without_last(parts: &BinaryExpr, flags: ASTFlags, position: Position) -> Expr {
    match &parts.rhs {
        Expr::Dot(rest, rest_flags, rest_position) => {
            let rhs = without_last(rest, *rest_flags, *rest_position);
            Expr::Dot(Box::new(BinaryExpr { lhs: parts.lhs.clone(), rhs }), flags, position)
        }
        _ => parts.lhs.clone(),
    }
}

/// The name and place of a chain's last step, and its parameters.
fn last(step: &Expr) -> (Option<(&str, Position)>, &[Expr]) {
    match step {
        Expr::Dot(rest, ..) => last(&rest.rhs),
        Expr::Property(parts, position) => (Some((parts.2.as_str(), *position)), &[]),
        Expr::MethodCall(call, position) => (Some((call.name.as_str(), *position)), &call.args),
        _ => (None, &[]),
    }
}

/// A value for people, on one line.
fn shown(value: &Dynamic) -> String {
    let text = if let Ok(text) = value.as_immutable_string_ref() {
        format!("\"{}\"", text.as_str())
    } else if let Some(address) = value.read_lock::<AddressValue>() {
        address.0.address.clone()
    } else if let Some(file) = value.read_lock::<AttachmentValue>() {
        file.file().and_then(|file| file.name()).unwrap_or("a file").to_owned()
    } else if let Some(verdict) = value.read_lock::<VerdictValue>() {
        verdict.0.to_owned()
    } else if let Some(day) = value.read_lock::<Day>() {
        day.0.to_string()
    } else if let Some(moment) = value.read_lock::<Moment>() {
        moment.0.strftime("%Y-%m-%d %H:%M").to_string()
    } else if let Some(row) = value.read_lock::<row::Row>() {
        let pairs: Vec<String> = row.pairs().map(|(column, cell)| format!("{column}: {cell}")).collect();
        pairs.join(", ")
    } else if let Ok(list) = value.as_array_ref() {
        let entries: Vec<String> = list.iter().take(10).map(shown).collect();
        let more = if list.len() > 10 { ", …" } else { "" };
        if entries.is_empty() { "none".to_owned() } else { format!("{}{more}", entries.join(", ")) }
    } else if value.is_unit() {
        "not there".to_owned()
    } else if value.is_bool() || value.is_int() || value.is_decimal() {
        value.to_string()
    } else {
        kind_of(value).to_owned()
    };
    one_line(&text)
}

/// A text without line breaks, cut.
pub(super) fn one_line(text: &str) -> String {
    let clean: String = text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).take(VALUE_CHARS_MAX).collect();
    if text.chars().nth(VALUE_CHARS_MAX).is_some() { clean + "…" } else { clean }
}

/// What a run notes while it is explained.
pub(super) type Noted = Option<Mutex<Vec<super::readings::Noted>>>;
