//! Where content from outside is parsed: in this process, or in children of the same program that no message can take it down with.
//!
//! Owns the children and their limits. A child has little memory, little stack and little computing time for a message; one that
//! dies takes nothing with it but that message's decision. Everything here blocks, on pipes of the operating system: callers are on
//! threads that may block, and no clock but the machine's can end the wait.

mod child;
mod frame;
mod pool;
mod request;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use child::serve;

use crate::mail::{self, Attachment, Content};
use pool::{Cost, Pool};
use request::{Request, What};

/// Computing time for all the attachments of a message, those in others among them.
const READING_MAX: Duration = Duration::from_secs(30);
/// Bytes that all the attachments of a message may give.
const GIVEN_MAX: usize = 128 << 20;

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
    /// Computing time for one message, or one file that is attached to it; whole seconds.
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
            Where::Children(pool) => {
                let request = Request { what: What::Message, cpu: pool.limits().cpu };
                pool.ask(&request, raw, mail::received).map(|(content, _)| content)
            }
        }
    }

    /// Reads the attached files of content that [`Parser::parse`] gave. One that is too much gets that for its problem, and so do
    /// those that nothing is left for. Blocks as `parse` does.
    ///
    /// # Errors
    /// No child can be had.
    pub fn read_attachments(&self, content: &Content) -> Result<(), Unparsed> {
        let Where::Children(pool) = &self.0 else { return Ok(()) };
        let mut spent = Cost::default();
        for file in content.unread() {
            if spent.computing >= READING_MAX || spent.bytes >= GIVEN_MAX {
                file.keep_problem("it was not read: the other attachments of the message took too much".to_owned());
                continue;
            }
            let cost = read_attachment(pool, file)?;
            spent = Cost { computing: spent.computing + cost.computing, bytes: spent.bytes + cost.bytes };
        }
        Ok(())
    }
}

fn read_attachment(pool: &Pool, file: &Attachment) -> Result<Cost, Unparsed> {
    let request = Request { what: What::File(file.facts().clone()), cpu: pool.limits().cpu };
    match pool.ask(&request, file.bytes(), |_, answer| file.keep(answer)) {
        Ok(((), cost)) => Ok(cost),
        Err(Unparsed::Message(reason)) => {
            file.keep_problem(format!("it could not be read: {reason}"));
            Ok(Cost { computing: request.cpu, bytes: 0 })
        }
        Err(unparsed) => Err(unparsed),
    }
}
