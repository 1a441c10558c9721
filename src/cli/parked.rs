//! `postroom parked`: what waits for a person, and a person's word on it.

use super::table::table;
use super::{Exit, say, tell};
use crate::clock::Clock;
use crate::config::Config;
use crate::journal::{Journal, JournalError, ParkedLine, Word};

/// What to do with what waits.
#[derive(Debug, clap::Args)]
pub struct ParkedArgs {
    #[command(subcommand)]
    what: Option<What>,
    /// The list as JSON.
    #[arg(long, global = true)]
    json: bool,
    /// Whose word it is, for the story; the user of this session unless it is said.
    #[arg(long = "as", global = true, value_name = "NAME")]
    by: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show everything that waits, longest waiting first.
    List,
    /// Show one of them with its evidence: why it waits, and the whole story of its message.
    Show {
        /// The id that the list shows, or a Message-ID.
        id: String,
    },
    /// Try again: a message is decided again, an action goes on where it stands, held rules go on.
    Retry {
        /// The id that the list shows, or a Message-ID.
        id: String,
    },
    /// Leave it out: a message is closed, an action is passed over and the next one goes on.
    Skip {
        /// The id that the list shows, or a Message-ID.
        id: String,
    },
    /// Say that it has happened or was done by hand: the next action goes on.
    Done {
        /// The id that the list shows, or a Message-ID.
        id: String,
    },
}

pub(super) fn run(args: &ParkedArgs, config: &Config) -> anyhow::Result<Exit> {
    super::runtime()?.block_on(async {
        let journal = Journal::open_existing(&config.state, Clock::system())?;
        let ended = obey(&journal, args).await;
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

async fn obey(journal: &Journal, args: &ParkedArgs) -> Result<Exit, JournalError> {
    let by = args.by.clone().unwrap_or_else(user);
    let (id, word) = match &args.what {
        None | Some(What::List) => return Ok(list(&journal.parked().await?, args.json)),
        Some(What::Show { id }) => return show(journal, id, args.json).await,
        Some(What::Retry { id }) => (id, Word::Retry { by }),
        Some(What::Skip { id }) => (id, Word::Skip { by }),
        Some(What::Done { id }) => (id, Word::Done { by }),
    };
    let told = journal.speak(id, word).await?;
    let mut letters = told.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    tell(&format!("{first}{}.", letters.as_str()));
    Ok(Exit::Done)
}

fn user() -> String {
    std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "somebody".to_owned())
}

/// What waits, why, and the story that led there.
async fn show(journal: &Journal, id: &str, json: bool) -> Result<Exit, JournalError> {
    let lines = journal.parked().await?;
    let bracketed = format!("<{}>", id.trim_matches(['<', '>']));
    let found = lines.iter().find(|line| line.id == id).or_else(|| lines.iter().find(|line| line.message_id == bracketed));
    let Some(line) = found else { return Err(JournalError::Missing(format!("waiting message or action {id}"))) };
    if line.action == "rules" {
        say(&if json { pretty(line) } else { format!("{}\n{}", line.subject, line.reason) });
        return Ok(Exit::Done);
    }
    let story = journal.story_of(&line.id).await?;
    if json {
        say(&pretty(&serde_json::json!({ "waiting": line, "story": story })));
        return Ok(Exit::Done);
    }
    let what = if line.action.is_empty() { "The message".to_owned() } else { format!("Its {}", line.action) };
    let state = format!("{:?}", line.state).to_lowercase();
    let words = ["retry", "skip", "done"].map(|word| format!("postroom parked {word} {}", line.id)).join("\n  ");
    say(&format!("{}\n\n{what} is {state}: {}\n\nYour word:\n  {words}", super::explain::told(&story), line.reason));
    Ok(Exit::Done)
}

fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn list(lines: &[ParkedLine], json: bool) -> Exit {
    if json {
        say(&pretty(&lines));
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
