//! Where content from outside is parsed: in this process, or in children of the same program that no message can take it down with.
//!
//! Owns the children and their limits. A child has little memory, little stack and little computing time for a message; one that
//! dies takes nothing with it but that message's decision. Everything here blocks, on pipes of the operating system: callers are on
//! threads that may block, and no clock but the machine's can end the wait.

mod child;
mod frame;
mod pool;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use child::serve;

use crate::mail::Content;
use pool::Pool;

/// Where content is to be parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsing {
    /// In this process: mail that its user brings along himself (`replay`, `test`, `plan`).
    Here,
    /// In children: mail that anybody may have sent (`run`, `demo`).
    Children {
        /// The program to start: this one.
        program: PathBuf,
        /// What a child may use.
        limits: Limits,
    },
}

impl Parsing {
    /// In children of the program that runs.
    ///
    /// # Errors
    /// The system does not say where it is.
    pub fn in_children() -> std::io::Result<Self> {
        // The file may be exchanged for a newer version while we run; this name stays with the one that we are.
        let own = PathBuf::from("/proc/self/exe");
        let program = if own.exists() { own } else { std::env::current_exe()? };
        Ok(Self::Children { program, limits: Limits::default() })
    }
}

/// What a child may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of address space, the program itself among them.
    pub memory: u64,
    /// Computing time for one message; whole seconds.
    pub cpu: Duration,
    /// How long a child may give no sign, by the machine's clock: longer than any computing, for one that hangs or is stopped.
    pub silence: Duration,
    /// Messages that a child parses before another one takes its place: what it leaks or breaks does not grow old.
    pub messages: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // 35 MB of text with lines as people write them fit in, see `benches/parsing.rs`; 35 MB of blank lines do not.
            memory: 512 << 20,
            cpu: Duration::from_secs(10),
            silence: Duration::from_mins(1),
            messages: 1_000,
        }
    }
}

/// Why content could not be parsed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unparsed {
    /// The message takes more than a child may use, or a child died of it: it would do so again.
    #[error("the content could not be parsed: {0}; the message was left untouched")]
    Message(String),
    /// No child can be had at present, whatever the message.
    #[error("the content cannot be parsed now: {0}")]
    NoChild(String),
}

/// Parses content. Clones share the children; the last one ends them.
#[derive(Clone)]
pub struct Parser(Where);

#[derive(Clone)]
enum Where {
    Here,
    Children(Arc<Pool>),
}

impl Parser {
    /// A parser; children are started when there is something to parse.
    pub fn new(parsing: Parsing) -> Self {
        Self(match parsing {
            Parsing::Here => Where::Here,
            Parsing::Children { program, limits } => Where::Children(Arc::new(Pool::new(program, limits))),
        })
    }

    /// Parses a raw message. Blocks while it is parsed, and until a child is free.
    ///
    /// # Errors
    /// No child can be had, or the message was too much for it.
    pub fn parse(&self, raw: Vec<u8>) -> Result<Content, Unparsed> {
        match &self.0 {
            Where::Here => Ok(Content::parse(raw)),
            Where::Children(pool) => pool.parse(raw),
        }
    }
}
