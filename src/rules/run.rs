//! One run: the rules of a set, in order, over one message; nothing is executed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rhai::{Dynamic, EvalAltResult, EvalContext, Expr, Expression, GlobalRuntimeState, NativeCallContext, Scope};
use serde::Serialize;
use serde_json::Value;

use super::codes;
use super::coverage::Coverage;
use super::explain::Noted;
use super::fault::Fault;
use super::raised;
use super::set::{Body, Known, Rule, RuleSet};
use super::stop::{Stop, Stopped, Word, fault};
use super::values::{Facts, MailValue, kind_of};
use super::watch::{self, Expired, Watch};
use crate::ids::RuleName;
use crate::mail::Message;
use crate::plan::{self, Action, Answers, MemoryRead, MemoryWrite, Plan, PlannedAction, Question};

/// What the mailbox remembers.
pub trait Memory: Send + Sync {
    /// The value remembered under a key. An error in words ends the run with a fault.
    fn recall(&self, key: &str) -> Result<Option<Value>, String>;
}

/// What a run works on. Everything is shared, since Rhai's state cannot borrow.
#[derive(Clone)]
pub struct Input {
    /// The message.
    pub message: Arc<Message>,
    /// Replies to questions asked so far.
    pub answers: Arc<Answers>,
    /// What the mailbox remembers.
    pub memory: Arc<dyn Memory>,
    /// When the message is decided.
    pub now: Timestamp,
    /// Whether the run's time is over (`codes::WALL_TIME`); asked every few hundred operations.
    pub expired: Expired,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// What shall be done.
    pub decision: Decision,
    /// Rules whose `when` was true so far.
    pub rules: Vec<RuleName>,
    /// What became of each rule, in order.
    pub trace: Vec<RuleTrace>,
    /// Notes so far; a plan has them too.
    pub notes: Vec<String>,
}

/// What shall be done with a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// This, in order.
    Planned(Plan),
    /// No rule is for it.
    None,
    /// Something must be looked up first; then run again from the top.
    Waiting(Question),
    /// A person must look: a rule said so, or rules contradict each other.
    Parked {
        /// Why.
        reason: String,
        /// The rule that parks it.
        rule: Option<RuleName>,
        /// The file that says so.
        file: Option<String>,
        /// The line that says so.
        line: Option<usize>,
    },
    /// A rule is wrong.
    Faulted(Fault),
}

/// What became of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleTrace {
    /// The rule.
    pub rule: RuleName,
    /// What became of it.
    pub outcome: RuleOutcome,
}

/// Whether a rule took part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleOutcome {
    /// Its `when` was true.
    Applied,
    /// Its `when` was false.
    DidNotApply,
    /// An earlier rule ended the run or said `no_more_rules()`, or its own `when` did not come to an end.
    NotReached,
}

/// The state of one run, shared with the words a script calls.
pub(super) struct Run {
    pub known: Arc<Known>,
    pub input: Input,
    /// What was read out of texts, where the run is to be explained.
    pub noted: Noted,
    state: Mutex<State>,
}

/// What a run gathers.
#[derive(Default)]
pub(super) struct State {
    pub rule: Option<RuleName>,
    pub plan: Plan,
    pub questions: usize,
    pub no_more_rules: bool,
}

impl Run {
    pub fn new(set: &RuleSet, input: &Input) -> Self {
        Self { known: set.known().clone(), input: input.clone(), noted: None, state: Mutex::default() }
    }

    /// The same, noting what is read.
    pub fn noting(self) -> Self {
        Self { noted: Some(Mutex::default()), ..self }
    }

    /// What the run gathered so far.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends an action and gives its position in the plan.
    pub fn plan(&self, action: Action, withheld: Option<String>) -> usize {
        let mut state = self.state();
        let rule = state.rule.clone().unwrap_or_else(|| RuleName::new(""));
        state.plan.actions.push(PlannedAction { rule, action, withheld });
        state.plan.actions.len() - 1
    }
}

/// The run as Rhai's call tag carries it.
#[derive(Clone)]
pub(super) struct RunTag(Arc<Run>);

/// The run whose script calls a word.
pub(super) fn current(context: &NativeCallContext) -> Word<Arc<Run>> {
    match context.tag().and_then(|tag| tag.read_lock::<RunTag>().map(|tag| tag.0.clone())) {
        Some(run) => Ok(run),
        None => fault(context, codes::TOP_LEVEL, "actions and questions belong into `when` and `then`", ""),
    }
}

/// Runs the rules of a set over one message. Pure: equal inputs give equal plans, to the byte.
///
/// Needs a thread with a stack of [`super::STACK_BYTES`] for the deepest scripts that a set may hold.
pub fn decide(set: &RuleSet, input: &Input) -> Decided {
    decide_in(set, &Arc::new(Run::new(set, input)))
}

/// The mail and the run as scripts see them.
fn values(set: &RuleSet, run: &Arc<Run>) -> (Dynamic, Dynamic) {
    let facts = Facts::new(run.input.message.clone(), set.known().surroundings.time_zone.clone());
    (Dynamic::from(MailValue(Arc::new(facts))), Dynamic::from(RunTag(run.clone())))
}

/// Runs the rules in a run of its own.
pub(super) fn decide_in(set: &RuleSet, run: &Arc<Run>) -> Decided {
    set.coverage().into_iter().for_each(Coverage::begin);
    let watch = Watch::start(run.input.expired.clone());
    let (mail, tag) = values(set, run);
    let mut trace = Vec::with_capacity(set.all_rules().len());
    let mut ended = None;
    for rule in set.all_rules() {
        let outcome = if ended.is_some() || run.state().no_more_rules {
            RuleOutcome::NotReached
        } else {
            run.state().rule = Some(rule.name.clone());
            match run_rule(set, rule, run, &(&mail, &tag)) {
                Ok(outcome) => outcome,
                Err(end) => {
                    ended = Some(*end);
                    let began = run.state().plan.rules.last() == Some(&rule.name);
                    if began { RuleOutcome::Applied } else { RuleOutcome::NotReached }
                }
            }
        };
        trace.push(RuleTrace { rule: rule.name.clone(), outcome });
    }
    drop(watch);
    let plan = std::mem::take(&mut run.state().plan);
    let (rules, notes) = (plan.rules.clone(), plan.notes.clone());
    let decision = ended.unwrap_or_else(|| conclude(plan));
    if !matches!(decision, Decision::Waiting(_)) {
        set.coverage().into_iter().for_each(Coverage::end);
    }
    Decided { decision, rules, trace, notes }
}

fn conclude(plan: Plan) -> Decision {
    if plan.rules.is_empty() {
        return Decision::None;
    }
    match plan::check(&plan) {
        Ok(()) => Decision::Planned(plan),
        Err(contradiction) => Decision::Parked { reason: contradiction.to_string(), rule: None, file: None, line: None },
    }
}

fn run_rule(set: &RuleSet, rule: &Rule, run: &Run, values: &(&Dynamic, &Dynamic)) -> Result<RuleOutcome, Box<Decision>> {
    // Asking again for what is at hand would never end: the mail a bounce tells of has no content of its own.
    let has_content = run.input.message.content().is_ok();
    let end = |stop: Box<EvalAltResult>| Box::new(decision(set, rule, has_content, *stop));
    if let Some(when) = &rule.when {
        let applies = call(set, rule, when, values).map_err(end)?;
        match applies.as_bool() {
            Ok(true) => {}
            Ok(false) => return Ok(RuleOutcome::DidNotApply),
            Err(_) => return Err(Box::new(Decision::Faulted(not_a_condition(set, rule, when, &applies)))),
        }
    }
    run.state().plan.rules.push(rule.name.clone());
    call(set, rule, &rule.then, values).map_err(end).map(|_| RuleOutcome::Applied)
}

/// Runs one body. The body is evaluated as a block of its own and not through `Engine::call_fn`, which takes the place
/// away from errors that end a run.
fn call(set: &RuleSet, rule: &Rule, body: &Body, values: &(&Dynamic, &Dynamic)) -> Word<Dynamic> {
    watch::next_call();
    let engine = set.engine();
    let (mut global, mut scope) = ready(set, rule, body, values);
    let mut caches = body.resolved.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
    let result = evaluate(&mut EvalContext::new(engine, &mut global, &mut caches, &mut scope, None), &body.block);
    *body.resolved.lock().unwrap_or_else(PoisonError::into_inner) = Some(caches);
    match (watch::take_pending(), result) {
        (Some(stopped), _) => Err(stopped.into()),
        (None, Ok(value)) => Ok(value),
        (None, Err(error)) => match *error {
            EvalAltResult::Return(value, _) => Ok(value),
            _ => Err(error),
        },
    }
}

/// What a body runs in.
fn ready(set: &RuleSet, rule: &Rule, body: &Body, values: &(&Dynamic, &Dynamic)) -> (GlobalRuntimeState, Scope<'static>) {
    let mut global = set.engine().new_global_runtime_state();
    global.tag = values.1.clone();
    global.source = Some(rule.source.clone());
    global.lib.push(rule.functions.clone());
    global.lib.push(body.functions.clone());
    let mut scope = Scope::new();
    scope.push_dynamic(body.parameter.clone(), values.0.clone());
    (global, scope)
}

/// What a body of a rule runs in, for who evaluates it piece by piece.
pub(super) fn begin(set: &RuleSet, rule: &Rule, body: &Body, run: &Arc<Run>) -> (GlobalRuntimeState, Scope<'static>) {
    run.state().rule = Some(rule.name.clone());
    let (mail, tag) = values(set, run);
    ready(set, rule, body, &(&mail, &tag))
}

pub(super) fn evaluate(context: &mut EvalContext, block: &Expr) -> Word<Dynamic> {
    context.eval_expression_tree(&Expression::from(block))
}

fn not_a_condition(set: &RuleSet, rule: &Rule, when: &Body, value: &Dynamic) -> Fault {
    let message = format!("`when` must say true or false; it gave {}", kind_of(value));
    let hint = "write `x != ()` to ask whether there is an x";
    Fault::new(codes::KINDS, set.shown(&rule.path), message).hint(Some(hint)).at(when.position, &rule.text)
}

/// What an error of a run means for the message.
fn decision(set: &RuleSet, rule: &Rule, has_content: bool, error: EvalAltResult) -> Decision {
    let stopped = match error {
        EvalAltResult::ErrorTerminated(value, position) => match value.try_cast::<Stopped>() {
            Some(stopped) if stopped.position.is_none() => Stopped { position, ..stopped },
            Some(stopped) => stopped,
            None => raised::stopped(EvalAltResult::ErrorRuntime("stopped".into(), position)),
        },
        error => raised::stopped(error),
    };
    let path = stopped.file.as_deref().filter(|file| !file.is_empty()).unwrap_or(&rule.path);
    match stopped.stop {
        Stop::Ask(Question::Content) if has_content => {
            let message = "only the envelope of this mail is known, not its content";
            let fault = Fault::new(codes::VALUE, set.shown(path), message);
            Decision::Faulted(fault.at(stopped.position, set.source(path)))
        }
        Stop::Ask(question) => Decision::Waiting(question),
        Stop::Park(reason) => {
            Decision::Parked { reason, rule: Some(rule.name.clone()), file: Some(set.shown(path)), line: stopped.position.line() }
        }
        Stop::Fault { code, message, hint } => {
            let fault = Fault::new(code, set.shown(path), message).hint(hint);
            Decision::Faulted(fault.at(stopped.position, set.source(path)))
        }
    }
}

/// What `recall` reads: what this run remembered, else what the mailbox does; the latter is noted in the plan.
pub(super) fn recall(run: &Run, key: &str) -> Result<Option<Value>, String> {
    let mut state = run.state();
    if let Some(write) = state.plan.remember.iter().rev().find(|write| write.key == key) {
        return Ok(write.value.clone());
    }
    if let Some(read) = state.plan.recalled.iter().find(|read| read.key == key) {
        return Ok(read.value.clone());
    }
    let value = run.input.memory.recall(key)?;
    state.plan.recalled.push(MemoryRead { key: key.to_owned(), value: value.clone() });
    Ok(value)
}

/// What `remember` and `forget` write: the last write of a key holds.
pub(super) fn remember(run: &Run, write: MemoryWrite) -> usize {
    let mut state = run.state();
    state.plan.remember.retain(|earlier| earlier.key != write.key);
    state.plan.remember.push(write);
    state.plan.remember.len()
}
