//! `postroom parked`: what waits for a person, and a person's word on it.

use super::table::table;
use super::{Exit, say, tell};
use crate::clock::Clock;
use crate::config::Config;
use crate::journal::{Journal, JournalError, ParkedLine};

/// What to do with what waits.
#[derive(Debug, clap::Args)]
pub struct ParkedArgs {
    #[command(subcommand)]
    what: Option<What>,
    /// The list as JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show everything that waits, longest waiting first.
    List,
    /// Try again: a message is decided again, an action goes on where it stands.
    Retry {
        /// The id that the list shows, or a Message-ID.
        id: String,
    },
    /// Leave it out: a message is closed, an action is passed over and the next one goes on.
    Skip {
        /// The id that the list shows, or a Message-ID.
        id: String,
    },
}

pub(super) fn run(args: &ParkedArgs, config: &Config) -> anyhow::Result<Exit> {
    super::runtime()?.block_on(async {
        let journal = Journal::open_existing(&config.state, Clock::system())?;
        let by = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "somebody".to_owned());
        let ended = match &args.what {
            None | Some(What::List) => journal.parked().await.map(|lines| list(&lines, args.json)),
            Some(What::Retry { id }) => journal.retry(id, &by).await.map(|what| {
                tell(&format!("The {what} is tried again."));
                Exit::Done
            }),
            Some(What::Skip { id }) => journal.skip(id, &by).await.map(|what| {
                tell(&format!("The {what} is left out."));
                Exit::Done
            }),
        };
        journal.close().await;
        match ended {
            Err(JournalError::Missing(what)) => {
                tell(&format!("There is no {what}."));
                Ok(Exit::No)
            }
            Err(JournalError::Illegal(illegal)) => {
                tell(&format!("{illegal}: `postroom parked list` shows what can be."));
                Ok(Exit::No)
            }
            ended => Ok(ended?),
        }
    })
}

fn list(lines: &[ParkedLine], json: bool) -> Exit {
    if json {
        say(&serde_json::to_string_pretty(lines).unwrap_or_default());
    } else if lines.is_empty() {
        tell("Nothing waits for a person.");
    } else {
        let heading = ["Id", "Mailbox", "Subject", "Action", "State", "Since", "Why"].map(str::to_owned).to_vec();
        let row = |line: &ParkedLine| {
            let action = if line.action.is_empty() { "(message)".to_owned() } else { line.action.clone() };
            let state = format!("{:?}", line.state).to_lowercase();
            let since = line.since.get(..19).unwrap_or(&line.since).replace('T', " ");
            vec![line.id.clone(), line.mailbox.clone(), line.subject.clone(), action, state, since, line.reason.clone()]
        };
        let rows: Vec<Vec<String>> = std::iter::once(heading).chain(lines.iter().map(row)).collect();
        say(&table(&rows, &[32, 16, 36, 14, 10, 19]));
    }
    Exit::Done
}
