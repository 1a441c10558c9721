//! `postroom parse-child`: parses messages for the process that started it. Not for people.

use super::Exit;

/// What the child may use; its parent says so.
#[derive(Debug, clap::Args)]
pub struct ParseChildArgs {
    /// Bytes of address space.
    #[arg(long, value_name = "BYTES")]
    memory: u64,
}

pub(super) fn run(args: &ParseChildArgs) -> anyhow::Result<Exit> {
    // A parent that is gone wants no answer.
    crate::parsing::serve(args.memory, std::io::stdin().lock(), std::io::stdout().lock())?;
    Ok(Exit::Done)
}
