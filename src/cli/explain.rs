//! `postroom explain`: the recorded story of one message, or the page of a code.

use std::path::Path;

use super::{Exit, read_config, say, tell};
use crate::clock::{Clock, from_ms};
use crate::config::Config;
use crate::journal::{Journal, Story};
use crate::rules::codes;

/// Which message or code.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// Message-ID, Graph id, or the number that the page shows; or a code such as R112.
    message: String,
    /// The story as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ExplainArgs, config: &Path) -> anyhow::Result<Exit> {
    if is_code(&args.message) { Ok(page(&args.message)) } else { story(args, &read_config(config)?) }
}

/// A letter and three digits; no Message-ID, Graph id or number on the page has that form.
fn is_code(asked: &str) -> bool {
    let digits = asked.strip_prefix(['R', 'r']).unwrap_or_default();
    digits.len() == 3 && digits.bytes().all(|digit| digit.is_ascii_digit())
}

fn page(code: &str) -> Exit {
    let Some(page) = codes::page(code) else {
        tell(&format!("There is no {}. `postroom docs` lists the codes that there are.", code.to_uppercase()));
        return Exit::No;
    };
    let (heading, text) = page.split_once('\n').unwrap_or((page, ""));
    let mut is_example = false;
    let mut lines = vec![heading.replacen(' ', "  ", 1), String::new()];
    for line in text.lines() {
        if line.starts_with("```") {
            is_example = !is_example;
        } else {
            lines.push(if is_example { format!("    {line}").trim_end().to_owned() } else { line.to_owned() });
        }
    }
    say(&lines.join("\n"));
    Exit::Done
}

fn story(args: &ExplainArgs, config: &Config) -> anyhow::Result<Exit> {
    let story = super::runtime()?.block_on(async {
        let journal = Journal::open_existing(&config.state, Clock::system())?;
        let story = journal.story(&args.message).await;
        journal.close().await;
        story
    });
    match story {
        Ok(story) if args.json => say(&serde_json::to_string_pretty(&story)?),
        Ok(story) => say(&told(&story)),
        Err(crate::journal::JournalError::Missing(what)) => {
            tell(&format!("The journal knows no {what}. Give its Message-ID, its Graph id or its number on the page."));
            return Ok(Exit::No);
        }
        Err(error) => return Err(error.into()),
    }
    Ok(Exit::Done)
}

/// The story in lines for people.
pub(super) fn told(story: &Story) -> String {
    let message = &story.message;
    let subject = crate::mail::one_line(&message.subject);
    let mut lines = vec![
        format!(
            "{}  (message {} in {})",
            if subject.is_empty() { "(no subject)" } else { &subject },
            message.row,
            message.mailbox
        ),
        format!(
            "from {}  {}",
            crate::mail::one_line(&message.sender),
            message.message_id.as_deref().unwrap_or("(no Message-ID)")
        ),
        String::new(),
    ];
    for line in &story.lines {
        let time = from_ms(line.at).strftime("%Y-%m-%d %H:%M:%S%.3f");
        let action = line.action.as_ref().map(|action| format!("{action}: ")).unwrap_or_default();
        let detail = in_words(&line.detail);
        lines.push(format!("{time}  {action}{}{detail}", line.event.replace('_', " ")));
    }
    lines.push(String::new());
    let open = message.actions.iter().filter(|action| action.status != "done").count();
    lines.push(match (message.status.as_str(), open) {
        ("planned", 0) => format!("All {} actions are done.", message.actions.len()),
        ("planned", open) => format!("{open} of {} actions are not done.", message.actions.len()),
        ("none", _) if message.reason.is_some() => {
            format!("No rule saw it: {}.", message.reason.as_deref().unwrap_or_default())
        }
        ("none", _) => "No rule applied; the message stays as it is.".to_owned(),
        ("seen", _) => "It waits for a decision.".to_owned(),
        ("linked", _) => "It is a second sighting of a message that was worked on; nothing is run twice.".to_owned(),
        (status, _) => format!("It is {status}: {}", message.reason.as_deref().unwrap_or_default()),
    });
    lines.join("\n")
}

/// `{"step":"patch"}` as ` (step patch)`; longer details on lines of their own.
fn in_words(detail: &serde_json::Value) -> String {
    let Some(map) = detail.as_object() else { return String::new() };
    let told: Vec<String> = map
        .iter()
        .filter(|(_, value)| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()))
        .map(|(key, value)| match value.as_str() {
            Some(text) => format!("{} {text}", key.replace('_', " ")),
            None => format!("{} {value}", key.replace('_', " ")),
        })
        .collect();
    // A line break of a detail is indented below; nothing else that moves a cursor gets out.
    match told.join(", ").replace(|letter: char| letter != '\n' && letter.is_control(), " ") {
        told if told.is_empty() => String::new(),
        told if told.contains('\n') => format!("\n    {}", told.replace('\n', "\n    ")),
        told => format!("  ({told})"),
    }
}
