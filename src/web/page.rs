//! The pages: facts from the journal put into two templates.

use jiff::Timestamp;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value as Shown, context};
use serde::Serialize;
use serde_json::Value;

use super::{Console, PageError};
use crate::clock::from_ms;
use crate::ids::{MailboxName, RuleSetHash};
use crate::intake::MailboxHealth;
use crate::journal::{MessageLine, StoryLine};

/// Lines of what waits for a person on the first page; `postroom parked list` shows all.
const PARKED_MAX: usize = 5;
/// Messages on the first page.
const MESSAGES_MAX: u32 = 200;

/// Which rules a mailbox has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RulesLine {
    /// The mailbox.
    pub mailbox: String,
    /// The live version, short.
    pub version: String,
    /// Since when.
    pub since: String,
    /// Why the last edit was refused, if it was.
    pub refused: Vec<String>,
    /// What does not keep the rules from being live but should be known.
    pub remarks: Vec<String>,
    /// The rule set that decides beside them and acts on nothing.
    #[serde(skip)]
    pub shadow: Option<RuleSetHash>,
}

#[derive(Serialize)]
struct Row {
    number: i64,
    time: String,
    mailbox: String,
    sender: String,
    subject: String,
    rules: Vec<String>,
    result: &'static str,
    reason: Option<String>,
    actions: Vec<Chip>,
}

#[derive(Serialize)]
struct Chip {
    text: String,
    status: String,
    note: String,
}

pub(super) async fn overview(console: &Console) -> Result<String, PageError> {
    let rows: Vec<Row> = console.journal.newest(MESSAGES_MAX).await?.into_iter().map(row).collect();
    let counts = console.journal.counts().await?;
    let now = console.clock.now();
    let folders: Vec<_> = console
        .health
        .folders()
        .into_iter()
        .map(|(mailbox, folder, health)| {
            let late = health.last_round.is_some() && !health.is_fresh(now);
            let (told, untold) = match health.subscription {
                Some(Ok(ends)) => (Some(ends.strftime("%Y-%m-%d %H:%M").to_string()), None),
                Some(Err(why)) => (None, Some(why)),
                None => (None, None),
            };
            let last = health.last_round.map(clock_time);
            context! { mailbox => mailbox.to_string(), folder, last, late, trouble => health.trouble, told, untold }
        })
        .chain((console.leases)().into_iter().map(|(mailbox, why)| {
            context! { mailbox => mailbox.to_string(), folder => "is only looked at:", trouble => why }
        }))
        .chain((console.troubles)().into_iter().map(|(what, why)| context! { mailbox => what, folder => "", trouble => why }))
        .collect();
    let mut audits = Vec::new();
    for mailbox in console.health.mailboxes() {
        let standing = console.journal.standing(&mailbox).await?;
        let until = standing.audited_until.map(clock_time);
        let MailboxHealth { audit: trouble, folders: unlisted, spending } = console.health.mailbox(&mailbox);
        let (received, missed) = (standing.received, standing.missed);
        let calls = spending.map(|spending| format!("{} of {}", spending.calls, spending.budget));
        audits.push(context! { mailbox => mailbox.to_string(), until, received, missed, trouble, unlisted, calls });
    }
    let rules = (console.rules)();
    let mut shadows = Vec::new();
    for line in &rules {
        let Some(shadow) = &line.shadow else { continue };
        let counts = console.journal.shadow_counts(&MailboxName::new(line.mailbox.as_str()), shadow).await?;
        let counts: Vec<String> = counts.iter().map(|(change, count)| format!("{count} {change}")).collect();
        shadows.push(context! { mailbox => &line.mailbox, version => shadow.short(), counts => counts.join(", ") });
    }
    let mut parked = console.journal.parked().await?;
    let more = parked.len().saturating_sub(PARKED_MAX);
    // The newest of them: what has waited longest was there at the last look too.
    parked.drain(..more);
    parked.reverse();
    render(
        "overview.html",
        context! { rows => Serde(rows), counts => Serde(counts), folders, audits, rules => Serde(rules), shadows, parked => Serde(parked), more, now => clock_time(now) },
    )
}

pub(super) async fn message(console: &Console, row_number: i64) -> Result<String, PageError> {
    let story = console.journal.story(&row_number.to_string()).await?;
    let lines: Vec<_> = story.lines.iter().map(told).collect();
    render("message.html", context! { message => Serde(row(story.message)), lines })
}

fn told(line: &StoryLine) -> Shown {
    let event = line.event.replace('_', " ");
    context! { time => from_ms(line.at).strftime("%H:%M:%S%.3f").to_string(), action => line.action.clone(), event, detail => in_words(&line.detail) }
}

/// `{"reason":"…","after_ms":5000}` as `reason: …, after_ms: 5000`.
fn in_words(detail: &Value) -> String {
    let Value::Object(map) = detail else { return String::new() };
    let told = map.iter().filter(|(_, value)| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty())).map(
        |(key, value)| match value {
            Value::String(text) => format!("{key}: {text}"),
            other => format!("{key}: {other}"),
        },
    );
    told.collect::<Vec<_>>().join("\n")
}

fn row(line: MessageLine) -> Row {
    let result = result(&line);
    let actions = line.actions.into_iter().map(|action| Chip {
        // Done, but not as planned: it was not safe, or a person was first.
        status: if action.status == "done" && action.reason.is_some() { "withheld".to_owned() } else { action.status },
        text: action.planned.action.to_string(),
        note: action
            .reason
            .or_else(|| action.result.filter(|result| !result.is_null()).map(|result| result.to_string()))
            .unwrap_or_default(),
    });
    Row {
        number: line.row,
        time: clock_time(from_ms(line.seen_at)),
        mailbox: line.mailbox,
        sender: line.sender,
        subject: line.subject,
        rules: line.rules.iter().map(ToString::to_string).collect(),
        result,
        reason: line.reason,
        actions: actions.collect(),
    }
}

/// One word for the whole message.
fn result(line: &MessageLine) -> &'static str {
    let any = |status: &str| line.actions.iter().any(|action| action.status == status);
    match line.status.as_str() {
        "planned" if any("rejected") => "rejected",
        "planned" if any("parked") => "parked",
        "planned" if any("unclear") => "unclear",
        "planned" if line.actions.iter().all(|action| action.status == "done") => "done",
        "planned" => "working",
        "none" => "no rule",
        "seen" => "waiting",
        "linked" => "seen before",
        "parked" => "parked",
        "faulted" => "faulted",
        _ => "gone",
    }
}

fn clock_time(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

fn render(name: &str, values: Shown) -> Result<String, PageError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("frame.html", include_str!("frame.html"))?;
    environment.add_template("overview.html", include_str!("overview.html"))?;
    environment.add_template("message.html", include_str!("message.html"))?;
    Ok(environment.get_template(name)?.render(values)?)
}
