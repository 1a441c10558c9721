//! `postroom status`: how the mailboxes stand, and whether one of them needs somebody.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::table::table;
use super::{Exit, say, tell};
use crate::clock::Clock;
use crate::config::{Config, MailboxConfig};
use crate::ids::MailboxName;
use crate::journal::{Journal, Standing};

/// A folder whose rounds come this much later than they should, or an audit, is an alarm.
const LATE: Duration = Duration::from_mins(10);

/// How to show it.
#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    standing: Standing,
    /// What needs somebody, in words.
    alarms: Vec<String>,
}

pub(super) fn run(args: &StatusArgs, config: &Config) -> anyhow::Result<Exit> {
    super::runtime()?.block_on(async {
        let clock = Clock::system();
        let journal = Journal::open_existing(&config.state, clock.clone())?;
        let mut lines = Vec::new();
        for (name, mailbox) in &config.mailboxes {
            let standing = journal.standing(name).await?;
            let alarms = alarms(name, mailbox, &standing, clock.now());
            lines.push(Line { standing, alarms });
        }
        journal.close().await;
        if args.json {
            say(&serde_json::to_string_pretty(&lines)?);
        } else {
            say(&shown(&lines, clock.now()));
        }
        let alarms: Vec<&String> = lines.iter().flat_map(|line| &line.alarms).collect();
        for alarm in &alarms {
            tell(alarm);
        }
        Ok(if alarms.is_empty() { Exit::Done } else { Exit::No })
    })
}

/// Silence is an alarm: a folder or an audit that is overdue, whatever the reason.
fn alarms(name: &MailboxName, mailbox: &MailboxConfig, standing: &Standing, now: Timestamp) -> Vec<String> {
    let mut alarms = Vec::new();
    for folder in &mailbox.folders {
        let last = standing.folders.iter().find(|(own, _)| own == folder).map(|(_, at)| *at);
        match last {
            None => alarms.push(format!("{name}: `{folder}` has never been looked at; is `postroom run` at work?")),
            Some(at) if age(at, now) > mailbox.poll + LATE => {
                alarms.push(format!(
                    "{name}: `{folder}` was last looked at {} ago; see the log of `postroom run`",
                    span(age(at, now))
                ));
            }
            Some(_) => {}
        }
    }
    if let Some(at) = standing.audited_at
        && age(at, now) > mailbox.audit * 2 + LATE
    {
        alarms.push(format!("{name}: the last audit was {} ago; see the log of `postroom run`", span(age(at, now))));
    }
    alarms
}

fn shown(lines: &[Line], now: Timestamp) -> String {
    let heading =
        ["Mailbox", "Looked at", "Accounted for until", "Received (24 h)", "To decide", "Actions open", "Waiting for a person"];
    let row = |Line { standing, .. }: &Line| {
        let oldest = standing.folders.iter().map(|(_, at)| *at).min();
        let received = match standing.missed {
            0 => standing.received.to_string(),
            missed => format!("{} ({missed} found by the audit)", standing.received),
        };
        let undecided = match standing.undecided_since {
            None => standing.undecided.to_string(),
            Some(since) => format!("{} (since {})", standing.undecided, span(age(since, now))),
        };
        vec![
            standing.mailbox.clone(),
            oldest.map_or("never".to_owned(), |at| format!("{} ago", span(age(at, now)))),
            standing.audited_until.map_or("not audited yet".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string()),
            received,
            undecided,
            standing.open.to_string(),
            standing.waiting.to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = std::iter::once(heading.map(str::to_owned).to_vec()).chain(lines.iter().map(row)).collect();
    table(&rows, &[24, 16, 22, 32, 24, 12, 20])
}

fn age(at: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(at).try_into().unwrap_or_default()
}

/// `42 s`, `7 min`, `3 h`, `2 d`.
fn span(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_an_alarm() {
        let mailbox = MailboxConfig::new("invoices@contoso.com", "rules".into());
        let (name, now) = (MailboxName::new("invoices"), Timestamp::from_second(1_772_442_000).unwrap_or_default());
        let ago = |minutes: i64| now - jiff::SignedDuration::from_mins(minutes);
        let standing = |folder: i64, audit: i64| Standing {
            folders: vec![("Inbox".to_owned(), ago(folder))],
            audited_at: Some(ago(audit)),
            ..Standing::default()
        };
        assert_eq!(alarms(&name, &mailbox, &standing(10, 129), now), Vec::<String>::new());
        assert_eq!(
            alarms(&name, &mailbox, &standing(12, 131), now),
            [
                "invoices: `Inbox` was last looked at 12 min ago; see the log of `postroom run`",
                "invoices: the last audit was 2 h ago; see the log of `postroom run`"
            ]
        );
        assert_eq!(
            alarms(&name, &mailbox, &Standing::default(), now),
            ["invoices: `Inbox` has never been looked at; is `postroom run` at work?"]
        );
    }
}
