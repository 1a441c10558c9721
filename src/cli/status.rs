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

/// An audit that comes this much later than it should is an alarm.
const LATE: Duration = Duration::from_mins(10);
/// What a round itself may take, before a folder counts as looked at too late.
const ROUND: Duration = Duration::from_mins(1);

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
    let is_known = |folder: &str| standing.folders.iter().any(|(own, _)| own == folder);
    for folder in mailbox.folders.iter().filter(|folder| !folder.contains(['*', '?']) && !is_known(folder)) {
        alarms.push(format!("{name}: `{folder}` has never been looked at; is `postroom run` at work?"));
    }
    for (folder, at) in standing.folders.iter().filter(|(_, at)| age(*at, now) > mailbox.stale.max(mailbox.poll) + ROUND) {
        let ago = span(age(*at, now));
        alarms.push(format!("{name}: `{folder}` was last looked at {ago} ago; see the log of `postroom run`"));
    }
    if let Some(at) = standing.audited_at
        && age(at, now) > mailbox.audit * 2 + LATE
    {
        alarms.push(format!("{name}: the last audit was {} ago; see the log of `postroom run`", span(age(at, now))));
    }
    alarms
}

fn shown(lines: &[Line], now: Timestamp) -> String {
    let heading = [
        "Mailbox",
        "Looked at",
        "Told until",
        "Accounted for until",
        "Received (24 h)",
        "To decide",
        "Actions open",
        "Waiting for a person",
        "Calls (10 min)",
    ];
    let row = |Line { standing, .. }: &Line| {
        let oldest = standing.folders.iter().map(|(_, at)| *at).min();
        let received = match standing.missed {
            // It is the audit that counts.
            _ if standing.audited_until.is_none() => "-".to_owned(),
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
            told(standing, now),
            standing.audited_until.map_or("not audited yet".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string()),
            received,
            undecided,
            standing.open.to_string(),
            standing.waiting.to_string(),
            standing.calls.to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = std::iter::once(heading.map(str::to_owned).to_vec()).chain(lines.iter().map(row)).collect();
    table(&rows, &[24, 16, 16, 22, 32, 24, 12, 20, 14])
}

/// How long the service tells of arrivals yet, in the folder where it ends first.
fn told(standing: &Standing, now: Timestamp) -> String {
    match standing.subscriptions.iter().map(|(_, ends)| *ends).min() {
        None => "not told".to_owned(),
        Some(ends) if ends <= now => "ended".to_owned(),
        Some(ends) => format!("{} more", span(age(now, ends))),
    }
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
        assert_eq!(alarms(&name, &mailbox, &standing(16, 129), now), Vec::<String>::new());
        assert_eq!(
            alarms(&name, &mailbox, &standing(17, 131), now),
            [
                "invoices: `Inbox` was last looked at 17 min ago; see the log of `postroom run`",
                "invoices: the last audit was 2 h ago; see the log of `postroom run`"
            ]
        );
        assert_eq!(
            alarms(&name, &mailbox, &Standing::default(), now),
            ["invoices: `Inbox` has never been looked at; is `postroom run` at work?"]
        );
    }
}
