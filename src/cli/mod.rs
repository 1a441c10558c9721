//! The commands, one file each. Data goes to standard output, everything else to standard error.

mod ask;
mod backfill;
mod check;
mod colours;
mod demo;
mod docs;
mod drop;
mod explain;
mod impact;
mod new;
mod parked;
mod parse_child;
mod plan;
mod problems;
mod progress;
mod record;
mod replay;
mod rules;
mod run;
mod sim;
mod status;
mod table;
mod terminal;
mod test;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Config;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: the answer is "no": cases failed, problems were found.
    No,
    /// 2: wrong usage or configuration.
    Usage,
    /// 3: the outside world failed.
    Outside,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::No => 1,
            Exit::Usage => 2,
            Exit::Outside => 3,
        })
    }
}

/// Works shared Microsoft 365 mailboxes by rules.
///
/// Exit codes: 0 done; 1 the answer is "no" (cases failed or problems found); 2 wrong usage or configuration; 3 the outside
/// world failed.
#[derive(Debug, Parser)]
#[command(name = "postroom", version, about, long_about)]
pub struct Arguments {
    /// The configuration; paths in it are relative to it.
    #[arg(long, global = true, default_value = "postroom.toml", value_name = "FILE")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole product with nothing to set up: simulated tenant, sample mail, rules, receiver, page.
    Demo(demo::DemoArgs),
    /// Work the mailboxes of the configuration.
    Run(run::RunArgs),
    /// Work a folder of .eml files by a mailbox's rules, without Microsoft 365.
    Drop(drop::DropArgs),
    /// Check configuration, rules and templates; name every problem found.
    Check(check::CheckArgs),
    /// Replay the fixtures against their expectations.
    Test(test::TestArgs),
    /// Show what would be done with one mail, and why.
    Plan(plan::PlanArgs),
    /// Show what would be done with a folder of mail; nothing is executed.
    Replay(replay::ReplayArgs),
    /// Show what would be done with old mail, or have it worked after all.
    Backfill(backfill::BackfillArgs),
    /// Tell the recorded story of one message, or what a code such as R112 means.
    /// Show what changed rules would do differently, message by message; nothing is executed.
    Impact(impact::ImpactArgs),
    /// Turn messages of a mailbox into fixtures, with people, addresses, numbers and attachments replaced.
    Record(record::RecordArgs),
    Explain(explain::ExplainArgs),
    /// List the versions of a mailbox's rules, compare them, go back to one; see what rules in the shadow would do.
    Rules(rules::RulesArgs),
    /// List, retry or skip what waits for a person.
    Parked(parked::ParkedArgs),
    /// Show how the mailboxes stand, and whether one of them needs somebody.
    Status(status::StatusArgs),
    /// Begin a project, a rule or a fixture.
    New(new::NewArgs),
    /// Print the reference of the rules' words and codes.
    Docs(docs::DocsArgs),
    /// Run the simulated tenant alone.
    Sim(sim::SimArgs),
    /// Parse messages for the process that started it.
    #[command(hide = true)]
    ParseChild(parse_child::ParseChildArgs),
}

/// Runs the command and gives its exit code.
pub fn main(arguments: &Arguments) -> ExitCode {
    let config = arguments.config.as_path();
    let ended = match &arguments.command {
        Command::Demo(args) => demo::run(args, config),
        Command::Run(args) => run::run(args, config),
        Command::Drop(args) => configured(config, |config| drop::run(args, config)),
        Command::Backfill(args) => configured(config, |config| backfill::run(args, config)),
        Command::Check(args) => Ok(check::run(args, config)),
        Command::Test(args) => configured(config, |config| test::run(args, config)),
        Command::Plan(args) => configured(config, |config| plan::run(args, config)),
        Command::Replay(args) => configured(config, |config| replay::run(args, config)),
        Command::Explain(args) => explain::run(args, config),
        Command::Impact(args) => configured(config, |config| impact::run(args, config)),
        Command::Record(args) => configured(config, |config| record::run(args, config)),
        Command::Rules(args) => configured(config, |config| rules::run(args, config)),
        Command::Parked(args) => configured(config, |config| parked::run(args, config)),
        Command::Status(args) => configured(config, |config| status::run(args, config)),
        Command::New(args) => new::run(args, config),
        Command::Docs(args) => docs::run(args),
        Command::Sim(args) => sim::run(args),
        Command::ParseChild(args) => parse_child::run(args),
    };
    ended
        .unwrap_or_else(|error| {
            tell(&format!("postroom: {error:#}"));
            exit_of(&error)
        })
        .into()
}

/// A failure of the world outside: exit code 3.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct OutsideError(String);

fn exit_of(error: &anyhow::Error) -> Exit {
    use crate::journal::JournalError;
    let outside = error.downcast_ref::<OutsideError>().is_some()
        || error.downcast_ref::<JournalError>().is_some_and(|error| !matches!(error, JournalError::Missing(_)))
        || error.downcast_ref::<crate::simulator::SimulatorError>().is_some();
    if outside { Exit::Outside } else { Exit::Usage }
}

/// Reads the configuration; names every error in it.
fn read_config(path: &Path) -> anyhow::Result<Config> {
    if !path.exists() {
        anyhow::bail!(
            "there is no {}; name the configuration with --config, or begin one: `postroom new project --address invoices@contoso.com`",
            path.display()
        );
    }
    Config::read(path, &|name| std::env::var(name).ok()).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the configuration cannot be used\n{}", lines.join("\n"))
    })
}

fn configured(path: &Path, command: impl FnOnce(&Config) -> anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    command(&read_config(path)?)
}

/// The program's tokio runtime. Rules run on its blocking threads and need their stack.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(crate::rules::STACK_BYTES).build()?)
}

/// Where a log goes and how it looks.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("POSTROOM_LOG").unwrap_or_else(|_| "warn,postroom=info".into());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    // A second subscriber is refused: the first one stays.
    let _ = log.with_ansi(colours).with_target(false).try_init();
}

/// Prints a line of data.
#[allow(clippy::print_stdout, reason = "standard output is what a command gives")]
fn say(text: &str) {
    use std::io::Write;
    // A reader that has gone (`| head`) wants no more.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints a line for people, beside the data.
fn tell(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}
