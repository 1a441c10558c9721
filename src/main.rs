//! The program: parse the command line, run one command, turn its end into an exit code.

use clap::Parser;

fn main() -> std::process::ExitCode {
    postroom::cli::main(&postroom::cli::Arguments::parse())
}
