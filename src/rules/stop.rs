//! Why a run ends before its end: a question, a person, a fault.
//!
//! It travels as the value of an `ErrorTerminated`, which no `try` of a script can catch.

use rhai::{Dynamic, EvalAltResult, NativeCallContext, Position};

use crate::plan::Question;

/// What a word gives: its value, or why the run ends.
pub(super) type Word<T> = Result<T, Box<EvalAltResult>>;

/// Why a run ends.
#[derive(Clone, Debug)]
pub(super) enum Stop {
    /// A person must look.
    Park(String),
    /// Something must be looked up first.
    Ask(Question),
    /// The rule is wrong.
    Fault {
        /// See [`super::codes`].
        code: &'static str,
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
}

/// Why a run ends, and where.
#[derive(Clone, Debug)]
pub(super) struct Stopped {
    /// Why.
    pub stop: Stop,
    /// The file as Rhai knows it (the source's name), when it is known.
    pub file: Option<String>,
    /// The place in it.
    pub position: Position,
}

impl Stopped {
    /// At the place of a word's call.
    pub(super) fn here(context: &NativeCallContext, stop: Stop) -> Self {
        Self { stop, file: context.call_source().map(str::to_owned), position: context.call_position() }
    }

    /// Where the script happens to be.
    pub(super) fn nowhere(stop: Stop) -> Self {
        Self { stop, file: None, position: Position::NONE }
    }
}

impl From<Stopped> for Box<EvalAltResult> {
    fn from(stopped: Stopped) -> Self {
        let position = stopped.position;
        EvalAltResult::ErrorTerminated(Dynamic::from(stopped), position).into()
    }
}

/// Ends the run with a fault at the word that is being called.
pub(super) fn fault<T>(context: &NativeCallContext, code: &'static str, message: impl Into<String>, hint: &str) -> Word<T> {
    let hint = (!hint.is_empty()).then(|| hint.to_owned());
    Err(Stopped::here(context, Stop::Fault { code, message: message.into(), hint }).into())
}

/// Ends the run for a person.
pub(super) fn park<T>(context: &NativeCallContext, reason: impl Into<String>) -> Word<T> {
    Err(Stopped::here(context, Stop::Park(reason.into())).into())
}

/// Ends the run with a question.
pub(super) fn ask<T>(context: &NativeCallContext, question: Question) -> Word<T> {
    Err(Stopped::here(context, Stop::Ask(question)).into())
}
