//! What keeps a loop from its work for a while, and how long it pauses then.

use std::time::Duration;

use crate::graph::GraphError;
use crate::journal::JournalError;

/// Pauses after failures in a row; the last one repeats.
const PAUSES: [Duration; 5] =
    [Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(15), Duration::from_mins(1), Duration::from_mins(5)];

/// Why a round, an audit or a subscription failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Graph(#[from] GraphError),
    #[error("there is no folder `{0}`; make it or correct `folders`")]
    NoFolder(String),
    #[error("`folders` means {0} folders, more than {1}; write a narrower pattern")]
    TooManyFolders(usize, usize),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Trouble {
    /// The journal's error if the process cannot go on after it.
    pub fn unless_passing(self) -> Result<Self, JournalError> {
        match self {
            Self::Journal(error) if !error.is_passing() => Err(error),
            passing => Ok(passing),
        }
    }
}

/// How long to pause after so many failures in a row.
pub(super) fn pause(failures: usize) -> Duration {
    PAUSES[failures.saturating_sub(1).min(PAUSES.len() - 1)]
}
