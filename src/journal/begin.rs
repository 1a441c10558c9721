//! Beginning an effect: whether it may, and that it did, is one transaction. Budgets of mail and the brake are looked at here.

use rusqlite::{Connection, params};

use super::actions::apply;
use super::{Brake, Event, Journal, JournalError, StepError, Turn, brake};
use crate::ids::{ActionId, MailboxName};

/// What is about to begin.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// The call's name: `create`, `send`, `post`, `patch` …
    pub step: String,
    /// For outgoing mail: what counts against the budgets, and what they allow.
    pub mail: Option<(Sent, Limits)>,
    /// How far a changed rule set is trusted.
    pub brake: Option<Brake>,
}

/// An answer that is about to be sent, for the budgets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The mailbox it comes from.
    pub mailbox: MailboxName,
    /// Whom it goes to, in the form that is counted by: every spelling of one person's address comes to the same.
    pub recipient: String,
    /// The conversation it belongs to.
    pub conversation: Option<String>,
}

/// How many answers may go out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// To one recipient in 24 hours; `None` for mail that answers nobody.
    pub recipient_day: Option<u32>,
    /// In one conversation, ever; `None` for mail that answers nobody.
    pub conversation: Option<u32>,
    /// From the mailbox in a minute.
    pub mailbox_minute: u32,
    /// To one domain in an hour.
    pub domain_hour: Option<u32>,
    /// By one rule set in an hour, in one mailbox; then a person is asked.
    pub rule_set_hour: Option<u32>,
}

/// Whether an effect was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is started and counts.
    Started,
    /// The recipient has had as many as it may have in a day: so many.
    RecipientHasEnough(u32),
    /// The conversation has had as many as it may have: so many.
    ConversationHasEnough(u32),
    /// So many milliseconds later, by the mailbox's pace or the domain's.
    Later(u64, Pace),
    /// The rule set waits for a person: nothing was begun.
    Held,
}

/// Which pace an answer must keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Of the mailbox, a minute.
    Mailbox,
    /// Towards one domain, an hour.
    Domain,
}

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;

impl Journal {
    /// Begins actions of one message that one call carries, if budgets and brake allow it.
    ///
    /// # Errors
    /// An action that cannot be started from where it stands: then none of them is.
    pub async fn begin(&self, turn: &Turn, ids: Vec<ActionId>, beginning: Beginning) -> Result<Begun, JournalError> {
        let (row, now) = (turn.row, self.now_ms());
        let (mailbox, rule_set) = (turn.mailbox.clone(), turn.rule_set.clone());
        self.write(move |connection| {
            let at = brake::At { mailbox: mailbox.as_str(), rule_set: rule_set.as_str(), now };
            if let Some((sent, limits)) = &beginning.mail {
                let Some(id) = ids.first() else { return Ok(Begun::Held) };
                let refused = within_limits(connection, id, sent, limits, &at)?;
                if refused != Begun::Started {
                    return Ok(refused);
                }
            }
            if let (Some(limit), Some(id)) = (beginning.brake, ids.first())
                && !brake::lets_begin(connection, id, limit, &at)?
            {
                return Ok(Begun::Held);
            }
            for id in &ids {
                apply(connection, row, id, &Event::Started { step: beginning.step.clone() }, now)?;
            }
            if let (Some((sent, _)), Some(id)) = (beginning.mail, ids.first()) {
                count(connection, id, &sent, &at)?;
            }
            Ok(Begun::Started)
        })
        .await
    }
}

fn domain_of(recipient: &str) -> Option<&str> {
    recipient.rsplit_once('@').map(|(_, domain)| domain)
}

fn count(connection: &Connection, id: &ActionId, sent: &Sent, at: &brake::At<'_>) -> Result<(), StepError> {
    connection
        .prepare_cached(
            "INSERT INTO sent (action, mailbox, recipient, domain, conversation, rule_set, at) VALUES (?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (action) DO UPDATE SET outcome = CASE outcome WHEN 'bounced' THEN 'begun' WHEN 'lost' THEN 'begun' ELSE outcome END",
        )?
        .execute(params![
            id.as_str(),
            sent.mailbox.as_str(),
            sent.recipient,
            domain_of(&sent.recipient),
            sent.conversation,
            at.rule_set,
            at.now
        ])?;
    Ok(())
}

fn within_limits(
    connection: &Connection,
    id: &ActionId,
    sent: &Sent,
    limits: &Limits,
    at: &brake::At<'_>,
) -> Result<Begun, StepError> {
    let (mailbox, now) = (sent.mailbox.as_str(), at.now);
    // Each mail is counted, and judged, when it begins for the first time.
    let counts_already: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM sent WHERE action = ?)")?
        .query_row([id.as_str()], |row| row.get(0))?;
    if counts_already {
        return Ok(Begun::Started);
    }
    if let Some(max) = limits.recipient_day {
        let count: u32 = connection
            .prepare_cached("SELECT count(*) FROM sent WHERE mailbox = ? AND recipient = ? AND at > ?")?
            .query_row(params![mailbox, sent.recipient, now - DAY_MS], |row| row.get(0))?;
        if count >= max {
            return Ok(Begun::RecipientHasEnough(count));
        }
    }
    if let (Some(max), Some(conversation)) = (limits.conversation, &sent.conversation) {
        let count: u32 = connection
            .prepare_cached("SELECT count(*) FROM sent WHERE mailbox = ? AND conversation = ?")?
            .query_row(params![mailbox, conversation], |row| row.get(0))?;
        if count >= max {
            return Ok(Begun::ConversationHasEnough(count));
        }
    }
    if let Some(max) = limits.rule_set_hour {
        let count: u32 = connection
            .prepare_cached("SELECT count(*) FROM sent WHERE mailbox = ? AND rule_set = ? AND at > ?")?
            .query_row(params![mailbox, at.rule_set, now - HOUR_MS], |row| row.get(0))?;
        if count >= max {
            brake::hold(connection, &format!("its rules have sent {count} mails within an hour"), at)?;
            return Ok(Begun::Held);
        }
    }
    // The nth newest of a span says when there is room for one more.
    let mut nth_newest =
        connection.prepare_cached("SELECT at FROM sent WHERE mailbox = ? AND at > ? ORDER BY at DESC LIMIT 1 OFFSET ?")?;
    let full_since = super::rows::optional(
        nth_newest.query_row(params![mailbox, now - MINUTE_MS, limits.mailbox_minute.max(1) - 1], |row| row.get(0)),
    )?;
    if let Some(since) = full_since {
        return Ok(Begun::Later(left_of(since, MINUTE_MS, now), Pace::Mailbox));
    }
    let (Some(max), Some(domain)) = (limits.domain_hour, domain_of(&sent.recipient)) else { return Ok(Begun::Started) };
    let mut nth_newest = connection
        .prepare_cached("SELECT at FROM sent WHERE mailbox = ? AND domain = ? AND at > ? ORDER BY at DESC LIMIT 1 OFFSET ?")?;
    let full_since =
        super::rows::optional(nth_newest.query_row(params![mailbox, domain, now - HOUR_MS, max.max(1) - 1], |row| row.get(0)))?;
    Ok(full_since.map_or(Begun::Started, |since| Begun::Later(left_of(since, HOUR_MS, now), Pace::Domain)))
}

/// Milliseconds until `span` after `since` is over.
fn left_of(since: i64, span: i64, now: i64) -> u64 {
    u64::try_from(since + span - now).unwrap_or(0).max(1)
}
