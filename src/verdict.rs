//! What a remote error means for the one who has to go on, said once, where it is understood.
//!
//! A leaf: `graph` and `endpoints` give verdicts, the loops act on them.

use std::time::Duration;

/// What an error of a remote call means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Refused before anything happened, and told when to come back (429, 503 with `Retry-After`).
    RetryAfter(Duration),
    /// Nothing happened: the call may be made again (no connection, a read that failed, 429 without `Retry-After`).
    Retry,
    /// Nothing happened and a repeat cannot help (400, 403, 404, 413 …): a person must look.
    Never,
    /// It may have happened: look before any repeat (time-out, reset, 5xx on a call that changes something).
    Unknown,
}
