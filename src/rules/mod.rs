//! Rules: the files an analyst writes, checked and compiled into a rule set, and one run of it over one message.
//!
//! Owns Rhai, the words of the language, the limits of a run and the words of its errors. Pure: a run is a function of the
//! message, the answers, the memory and the time it is given, and performs nothing. No clock, no network, no journal.

mod allocator;
mod check;
pub mod codes;
mod compare;
mod coverage;
mod dates;
mod engine;
mod explain;
mod fault;
mod files;
mod folder;
mod json;
pub mod limits;
mod raised;
mod readings;
mod row;
mod run;
mod script;
mod set;
mod source_text;
mod stop;
mod syntax;
mod table;
mod values;
mod vocabulary;
mod watch;

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod bombs;
#[cfg(test)]
mod stories;

pub use coverage::{BranchCoverage, ScriptCoverage};
pub use explain::{Condition, Explained, Looked, RuleStory, explain};
pub use fault::{Fault, excerpt};
pub use files::RuleFiles;
pub use limits::STACK_BYTES;
pub use readings::{Reading, TextPlace};
pub use run::{Decided, Decision, Input, Memory, RuleOutcome, RuleTrace, decide};
pub use set::{EndpointFacts, Examined, RuleSet, Surroundings};
pub use vocabulary::{Word, words};
pub use watch::Expired;
