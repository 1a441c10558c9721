//! Tries rules on mail: fixtures against their expectations, and any mail for what would be done with it.
//!
//! Owns where raw messages come from, cases and their expectation files, differences, and the worker threads, which it
//! joins. Changes nothing in the world: no mailbox, no endpoint, no journal; the one thing it writes is an accepted expectation.

mod accept;
mod came;
mod case;
mod case_file;
mod compare;
mod difference;
mod disguise;
mod expectation;
mod impact;
mod junit;
mod keys;
mod layout;
mod letter;
mod mbox;
mod outcome;
mod past;
mod rehearsal;
mod side_by_side;
mod source;
mod toml_text;
mod workers;

#[cfg(test)]
mod stories;

pub use accept::Accepted;
pub use case::{Case, Standing, Tried, answers_of, cases_hold, cases_in, recorded, try_cases, unreached};
pub use case_file::{CaseFile, Given, GivenAnswer};
pub use disguise::Disguise;
pub use expectation::{Expectation, ExpectedAction, ExpectedDecision};
pub use impact::{Change, Compared, Fetch, Rivals, Sample};
pub use junit::junit;
pub use letter::readable;
pub use outcome::{Detail, Outcome, Place, Why};
pub use past::{Past, Recorded};
pub use rehearsal::{Beside, Rehearsal};
pub use side_by_side::{Line, side_by_side};
pub use source::{Found, Mails};
pub use workers::{Jobs, in_order};

/// Bytes of one message that are read at most: Exchange takes none over 150 MB.
pub const MESSAGE_BYTES_MAX: usize = 150 * 1024 * 1024;
/// Bytes of one expectation or answers file.
pub const CASE_FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Folders within folders that are searched for mail.
pub const FOLDERS_DEEP_MAX: usize = 32;
/// What comes after the mail's own name: `acme.eml` has `acme.expect.toml` beside it.
pub const EXPECTATION_SUFFIX: &str = ".expect.toml";
