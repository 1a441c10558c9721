//! Which lines and branches of a rule set's scripts were reached: Rhai's debugger tells of every step, and what it steps on is counted.
//!
//! A run counts by itself and is added to the others when it has come to an end: one that stopped for an answer runs again from the top.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rhai::debugger::DebuggerCommand;
use rhai::{AST, ASTNode, Engine, Expr, Position, Stmt};

use super::script::Script;

thread_local! {
    /// Steps on each place in the run of this thread.
    static RUN: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
    /// The script of the last step: where the text of its name lies, and its number. Names live as long as their rule set, and most
    /// steps stay in one script.
    static SCRIPT: Cell<(*const u8, usize)> = const { Cell::new((std::ptr::null(), 0)) };
    /// The place of the last step on any.
    static PLACE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// What is counted in the scripts of one rule set, and how often it was reached.
pub(super) struct Coverage {
    scripts: Vec<Places>,
    counts: Vec<AtomicU64>,
}

/// What can be reached in one script.
struct Places {
    path: String,
    text: String,
    /// Line and place of each statement.
    statements: Vec<(usize, usize)>,
    branches: Vec<Fork>,
}

struct Fork {
    line: usize,
    name: &'static str,
    taken: Taken,
}

impl Fork {
    /// The place whose count tells of this branch.
    fn looked_at(&self) -> Option<usize> {
        match self.taken {
            Taken::At(_) => None,
            Taken::Rest { of, .. } => Some(of),
        }
    }
}

/// How it is known that a branch was taken.
enum Taken {
    /// Its first statement was reached.
    At(usize),
    /// There is nothing in it: the condition was looked at more often than the other branch was reached.
    Rest { of: usize, other: usize },
}

/// What a step stands on: line and column. Whether a call is a statement or the block's value is the optimizer's to say.
type Spot = (usize, usize);

/// The places of a script, by line; few enough on each to be looked through, for this is asked on every step.
#[derive(Default)]
struct Spots(Vec<Vec<(usize, usize)>>);

/// The call in whose arguments a place stands, by place; only those that stand in one.
type Within = BTreeMap<usize, usize>;

impl Spots {
    fn at(&self, (line, column): Spot) -> Option<usize> {
        self.0.get(line)?.iter().find(|(there, _)| *there == column).map(|(_, place)| *place)
    }

    /// The place at a spot; a new one where there is none.
    fn place(&mut self, spot: Spot, count: &mut usize) -> usize {
        if let Some(place) = self.at(spot) {
            return place;
        }
        let (line, column) = spot;
        if self.0.len() <= line {
            self.0.resize_with(line + 1, Vec::new);
        }
        *count += 1;
        if let Some(line) = self.0.get_mut(line) {
            line.push((column, *count - 1));
        }
        *count - 1
    }
}

/// How far the cases reached into one script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptCoverage {
    /// The file as people know it.
    pub file: String,
    /// Its text.
    pub text: String,
    /// How often each line was reached on which a statement begins.
    pub lines: BTreeMap<usize, u64>,
    /// Its branches, in the order of their lines.
    pub branches: Vec<BranchCoverage>,
}

/// A branch, and how often it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchCoverage {
    /// The line of the `if` or `switch`.
    pub line: usize,
    /// `then`, `else` or `case`.
    pub name: &'static str,
    /// How often.
    pub taken: u64,
}

impl Coverage {
    /// Lets an engine count what it steps on in these scripts.
    #[allow(deprecated, reason = "marked so because it may change, not because it will go; Cargo.lock pins it")]
    pub(super) fn of(engine: &mut Engine, scripts: &[Script]) -> Arc<Self> {
        let mut spots: Vec<(String, Spots)> = Vec::new();
        let (mut count, mut within) = (0, Within::new());
        let scripts: Vec<Places> = scripts
            .iter()
            .map(|script| {
                let (places, found) = places(&script.path, &script.text, &script.ast, (&mut count, &mut within));
                spots.push((script.path.clone(), found));
                places
            })
            .collect();
        let forks: Vec<usize> = scripts.iter().flat_map(|script| &script.branches).filter_map(Fork::looked_at).collect();
        engine.register_debugger(
            |_, debugger| debugger,
            move |_, _, _, source, position| {
                let place = source.and_then(|source| {
                    let (last, number) = SCRIPT.get();
                    let number = if last == source.as_ptr() {
                        number
                    } else {
                        let number = spots.iter().position(|(path, _)| path == source)?;
                        SCRIPT.set((source.as_ptr(), number));
                        number
                    };
                    spots.get(number)?.1.at(spot(position)?)
                });
                // A call is stepped on before and after its arguments: that is once. A condition that is looked at again is not.
                let is_new = |place: usize| {
                    let last = PLACE.replace(Some(place));
                    let is_open = std::iter::successors(last, |inner| within.get(inner).copied()).any(|open| open == place);
                    !is_open || forks.contains(&place)
                };
                if let Some(place) = place.filter(|place| is_new(*place)) {
                    RUN.with_borrow_mut(|run| {
                        if let Some(steps) = run.get_mut(place) {
                            *steps = steps.saturating_add(1);
                        }
                    });
                }
                Ok(DebuggerCommand::StepInto)
            },
        );
        Arc::new(Self { scripts, counts: (0..count).map(|_| AtomicU64::new(0)).collect() })
    }

    /// A run begins on this thread.
    pub(super) fn begin(&self) {
        RUN.with_borrow_mut(|run| {
            run.clear();
            run.resize(self.counts.len(), 0);
        });
        SCRIPT.set((std::ptr::null(), 0));
        PLACE.set(None);
    }

    /// The run has come to its end, and counts.
    pub(super) fn end(&self) {
        RUN.with_borrow(|run| {
            for (count, steps) in self.counts.iter().zip(run).filter(|(_, steps)| **steps > 0) {
                count.fetch_add(u64::from(*steps), Ordering::Relaxed);
            }
        });
    }

    /// How far the runs reached.
    pub(super) fn told(&self, shown: impl Fn(&str) -> String) -> Vec<ScriptCoverage> {
        let at = |place: usize| self.counts.get(place).map_or(0, |count| count.load(Ordering::Relaxed));
        let script = |places: &Places| {
            let mut lines = BTreeMap::new();
            for (line, place) in &places.statements {
                let reached: &mut u64 = lines.entry(*line).or_default();
                *reached = (*reached).max(at(*place));
            }
            let branch = |fork: &Fork| {
                let taken = match fork.taken {
                    Taken::At(place) => at(place),
                    Taken::Rest { of, other } => at(of).saturating_sub(at(other)),
                };
                BranchCoverage { line: fork.line, name: fork.name, taken }
            };
            let branches = places.branches.iter().map(branch).collect();
            ScriptCoverage { file: shown(&places.path), text: places.text.clone(), lines, branches }
        };
        self.scripts.iter().map(script).collect()
    }
}

fn spot(position: Position) -> Option<Spot> {
    Some((position.line()?, position.position()?))
}

/// What the debugger will say when a statement is reached; `None` for what it never stops at.
fn spot_of(statement: &Stmt) -> Option<Spot> {
    match statement {
        Stmt::Noop(_) | Stmt::Block(_) | Stmt::Import(..) => None,
        Stmt::Expr(expression) => spot_of_expression(expression),
        other => spot(other.position()),
    }
}

fn spot_of_expression(expression: &Expr) -> Option<Spot> {
    match expression {
        Expr::Stmt(block) => block.statements().first().and_then(first_spot),
        other => spot(other.position()),
    }
}

/// The first spot inside a statement.
fn first_spot(statement: &Stmt) -> Option<Spot> {
    match statement {
        Stmt::Block(block) => block.statements().first().and_then(first_spot),
        other => spot_of(other),
    }
}

fn places(path: &str, text: &str, ast: &AST, (count, within): (&mut usize, &mut Within)) -> (Places, Spots) {
    let mut spots = Spots::default();
    let mut place = |spot: Spot| spots.place(spot, count);
    let outside: Vec<Position> = ast.statements().iter().map(Stmt::position).collect();
    let (mut statements, mut branches) = (Vec::new(), Vec::new());
    ast.walk(&mut |nodes: &[ASTNode]| {
        let Some(ASTNode::Stmt(statement)) = nodes.last() else { return true };
        if nodes.len() == 1 && outside.contains(&statement.position()) {
            return true;
        }
        let is_transparent = matches!(statement, Stmt::Expr(expression) if matches!(**expression, Expr::Stmt(_)));
        if let Some(spot) = spot_of(statement).filter(|_| !is_transparent) {
            let line = start_line(statement).unwrap_or(spot.0);
            let own = place(spot);
            statements.push((line, own));
            let around = nodes.iter().rev().skip(1).find_map(call).map(&mut place).filter(|around| *around != own);
            within.extend(around.map(|around| (own, around)));
        }
        forks(statement, &mut place, &mut branches);
        true
    });
    statements.sort_unstable();
    branches.sort_by_key(|fork| fork.line);
    (Places { path: path.to_owned(), text: text.to_owned(), statements, branches }, spots)
}

/// The spot of a node that is a call standing as a statement.
fn call(node: &ASTNode) -> Option<Spot> {
    let ASTNode::Stmt(statement) = node else { return None };
    match statement {
        Stmt::FnCall(..) => spot_of(statement),
        Stmt::Expr(expression) if matches!(**expression, Expr::FnCall(..) | Expr::MethodCall(..) | Expr::Dot(..)) => {
            spot_of(statement)
        }
        _ => None,
    }
}

/// Where a statement begins; what stands in its middle is where the debugger stops.
fn start_line(statement: &Stmt) -> Option<usize> {
    match statement {
        Stmt::Expr(expression) => expression.start_position().line(),
        other => other.position().line(),
    }
}

fn forks(statement: &Stmt, place: &mut impl FnMut(Spot) -> usize, branches: &mut Vec<Fork>) {
    let Some(line) = statement.position().line() else { return };
    match statement {
        Stmt::If(control, _) => {
            let Some(of) = spot_of(statement).map(&mut *place) else { return };
            let then = control.body.statements().first().and_then(first_spot).map(&mut *place);
            let otherwise = control.branch.statements().first().and_then(first_spot).map(&mut *place);
            let fork = |name, taken| Fork { line, name, taken };
            let pair = match (then, otherwise) {
                (Some(then), Some(otherwise)) => [Taken::At(then), Taken::At(otherwise)],
                (Some(then), None) => [Taken::At(then), Taken::Rest { of, other: then }],
                (None, Some(otherwise)) => [Taken::Rest { of, other: otherwise }, Taken::At(otherwise)],
                (None, None) => return,
            };
            branches.extend(["then", "else"].into_iter().zip(pair).map(|(name, taken)| fork(name, taken)));
        }
        Stmt::Switch(parts, _) => {
            let cases = parts.1.expressions.iter().filter_map(|case| spot_of_expression(&case.rhs));
            branches.extend(cases.map(|spot| Fork { line: spot.0, name: "case", taken: Taken::At(place(spot)) }));
        }
        _ => {}
    }
}
