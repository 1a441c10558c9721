//! `postroom parse-child`: parses messages for the process that started it. Not for people.

use std::time::Duration;

use super::Exit;

/// What the child may use; its parent says so.
#[derive(Debug, clap::Args)]
pub struct ParseChildArgs {
    /// Bytes of address space.
    #[arg(long, value_name = "BYTES")]
    memory: u64,
    /// Seconds of computing time for one message.
    #[arg(long, value_name = "SECONDS")]
    cpu: u64,
}

pub(super) fn run(args: &ParseChildArgs) -> anyhow::Result<Exit> {
    // A parent that is gone wants no answer.
    crate::parsing::serve(args.memory, Duration::from_secs(args.cpu), std::io::stdin().lock(), std::io::stdout().lock())?;
    Ok(Exit::Done)
}
