//! `postroom run`: the engine against Microsoft Graph, or whatever `[graph]` names.

use std::path::Path;

use super::{Exit, OutsideError, tell};
use crate::clock::Clock;
use crate::daemon::{Configuration, Daemon, Given, Reload};
use crate::executor::{Machine, Patience};
use crate::parsing::Parsing;

/// How long calls under way may take to end once the process is asked to stop.
const STOP_MAX: std::time::Duration = std::time::Duration::from_secs(18);

/// How to run.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Let an edited rule set go live as soon as it compiles, whatever the fixtures' cases say.
    #[arg(long)]
    skip_cases: bool,
}

pub(super) fn run(args: &RunArgs, path: &Path) -> anyhow::Result<Exit> {
    super::start_log();
    let config = super::read_config(path)?;
    config.require_secrets().map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the configuration cannot be used\n{}", lines.join("\n"))
    })?;
    let reload = if args.skip_cases { Reload::Compiles } else { Reload::Cases };
    let parsing = Parsing::in_children().map_err(|error| OutsideError(format!("this program cannot be found: {error}")))?;
    let given = Given {
        clock: Clock::system(),
        patience: Patience::default(),
        reload,
        parsing,
        machine: Machine::this(),
        configuration: Configuration::Followed,
    };
    let runtime = super::runtime()?;
    let ended = runtime.block_on(async {
        let mut engine = Daemon::start(&config, given).await.map_err(start_error)?;
        for (name, mailbox) in &config.mailboxes {
            tell(&format!("{name}: {} follows {}", mailbox.address, mailbox.folders.join(", ")));
        }
        if let Some(address) = engine.address() {
            tell(&format!("the page is on http://{address}"));
        }
        tokio::select! {
            reason = engine.failed() => Err(OutsideError(reason).into()),
            () = asked_to_stop() => {
                tell("stopping: calls that are under way are finished");
                if tokio::time::timeout(STOP_MAX, engine.stop()).await.is_err() {
                    tell("a call did not end in time; the next start looks what became of it");
                }
                Ok(Exit::Done)
            }
        }
    });
    // A parser that does not end must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    ended
}

/// A journal that cannot be used is a failure of the world outside; everything else is configuration.
pub(super) fn start_error(error: crate::daemon::StartError) -> anyhow::Error {
    match error {
        crate::daemon::StartError::Journal(error) => error.into(),
        other => other.into(),
    }
}

/// Completes on Ctrl-C and SIGTERM.
pub(super) async fn asked_to_stop() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminated) = signal(SignalKind::terminate()) else {
            let _ = interrupted.await;
            return;
        };
        tokio::select! {
            _ = interrupted => {}
            _ = terminated.recv() => {}
        }
    }
    #[cfg(not(unix))]
    let _ = interrupted.await;
}
