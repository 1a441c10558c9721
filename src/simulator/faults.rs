//! Scripted faults: what shall go wrong, at which operation, how often or how probably.

use serde_json::{Value, json};

use super::http::GraphError;
use super::luck::{Chance, Coming, draw, print_of};
use super::permissions::{DENIED, OUT_OF_POLICY};

/// The operations of the tenant that a fault can be set on; `any` is every call of Graph: all but `token` and `notification`.
pub(crate) const GRAPH_OPERATIONS: &[&str] = &[
    "token",
    "delta",
    "list",
    "get",
    "mime",
    "patch",
    "move",
    "copy",
    "delete",
    "create_draft",
    "create_reply",
    "create_forward",
    "send",
    "attach",
    "upload",
    "folder",
    "folder_property",
    "category",
    "settings",
    "translate",
    "subscription",
    "notification",
    "any",
];

/// When a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Nothing was done.
    Before,
    /// What was asked for is done, only the answer goes wrong.
    After,
}

/// Whether a refusal says when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetryAfter {
    Named,
    Missing,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Refusal(u16, RetryAfter),
    /// 401 with what the next token must prove.
    Challenge,
    /// The connection is cut without an answer.
    Reset,
    /// No answer for `seconds` (default 600), then the connection is cut.
    Hang,
    /// The answer comes `seconds` (default 2) late.
    Slow,
    /// Half of the JSON.
    Truncated,
    /// A gateway's HTML page with status 502.
    Html,
    /// `$filter` on an extended property does not see messages younger than `seconds` (default 600).
    IndexLag,
    /// A delta query tells earlier changes once more.
    DeltaReplay,
    /// A delta query answers an empty page with a `nextLink`.
    EmptyPage,
    /// What the call makes is not found by its id for `seconds` (default 2).
    ReplicationLag,
    /// The right answer under `text/html`.
    WrongType,
    /// A notification never comes.
    Lost,
    /// It comes twice.
    Duplicate,
    /// It comes `seconds` (default 2) late, so that others overtake it.
    OutOfOrder,
    /// It comes `seconds` (default 2) before delta queries see the change.
    Early,
    /// It has another `clientState` than the subscription.
    StaleState,
}

impl Failure {
    /// Whether it happens to notifications, and to nothing else.
    fn is_of_notifications(self) -> bool {
        matches!(self, Self::Lost | Self::Duplicate | Self::OutOfOrder | Self::Early | Self::StaleState)
    }
}

/// Every fault by name.
pub(crate) const FAULTS: &[(&str, Moment, Failure)] = &[
    ("429", Moment::Before, Failure::Refusal(429, RetryAfter::Named)),
    ("429_without_retry_after", Moment::Before, Failure::Refusal(429, RetryAfter::Missing)),
    ("500", Moment::Before, Failure::Refusal(500, RetryAfter::Missing)),
    ("503", Moment::Before, Failure::Refusal(503, RetryAfter::Missing)),
    ("503_with_retry_after", Moment::Before, Failure::Refusal(503, RetryAfter::Named)),
    ("504", Moment::Before, Failure::Refusal(504, RetryAfter::Missing)),
    ("timeout_before_effect", Moment::Before, Failure::Refusal(504, RetryAfter::Missing)),
    ("timeout_after_effect", Moment::After, Failure::Refusal(504, RetryAfter::Missing)),
    ("500_after_effect", Moment::After, Failure::Refusal(500, RetryAfter::Missing)),
    ("503_after_effect", Moment::After, Failure::Refusal(503, RetryAfter::Missing)),
    ("reset_before_effect", Moment::Before, Failure::Reset),
    ("reset_after_effect", Moment::After, Failure::Reset),
    ("hang_before_effect", Moment::Before, Failure::Hang),
    ("hang_after_effect", Moment::After, Failure::Hang),
    ("slow", Moment::After, Failure::Slow),
    ("truncated_json", Moment::After, Failure::Truncated),
    ("html_502", Moment::Before, Failure::Html),
    ("401", Moment::Before, Failure::Refusal(401, RetryAfter::Missing)),
    ("400_sync_state", Moment::Before, Failure::Refusal(400, RetryAfter::Missing)),
    ("401_claims", Moment::Before, Failure::Challenge),
    ("403", Moment::Before, Failure::Refusal(403, RetryAfter::Missing)),
    ("403_raop", Moment::Before, Failure::Refusal(403, RetryAfter::Missing)),
    ("403_send_as_denied", Moment::Before, Failure::Refusal(403, RetryAfter::Missing)),
    ("404", Moment::Before, Failure::Refusal(404, RetryAfter::Missing)),
    ("409", Moment::Before, Failure::Refusal(409, RetryAfter::Missing)),
    ("410", Moment::Before, Failure::Refusal(410, RetryAfter::Missing)),
    ("412", Moment::Before, Failure::Refusal(412, RetryAfter::Missing)),
    ("index_lag", Moment::After, Failure::IndexLag),
    ("delta_replay", Moment::After, Failure::DeltaReplay),
    ("empty_page", Moment::After, Failure::EmptyPage),
    ("replication_lag", Moment::After, Failure::ReplicationLag),
    ("wrong_content_type", Moment::After, Failure::WrongType),
    ("lost", Moment::Before, Failure::Lost),
    ("duplicate", Moment::After, Failure::Duplicate),
    ("out_of_order", Moment::After, Failure::OutOfOrder),
    ("early", Moment::After, Failure::Early),
    ("stale_client_state", Moment::After, Failure::StaleState),
];

/// How often a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Striking {
    /// So many more times.
    Times(u64),
    /// By chance; only the first `times` comings of one call are in danger, all of them if `None`.
    ByChance { chance: Chance, seed: u64, times: Option<u64> },
}

/// One scripted fault.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    pub on: &'static str,
    pub name: &'static str,
    pub moment: Moment,
    pub failure: Failure,
    pub striking: Striking,
    /// Only in this mailbox (lower case).
    pub mailbox: Option<String>,
    pub retry_after_s: Option<u64>,
    pub seconds: Option<u64>,
}

/// The faults that are still to strike, in the order in which they were scripted.
#[derive(Debug)]
pub(crate) struct FaultTable {
    operations: &'static [&'static str],
    scripted: Vec<Fault>,
}

impl FaultTable {
    pub fn new(operations: &'static [&'static str]) -> Self {
        Self { operations, scripted: Vec::new() }
    }

    /// Adds `{"on", "fault", "times"?, "chance"?, "seed"?, "mailbox"?, "retry_after"?, "seconds"?}`; the error says what is known.
    pub fn script(&mut self, wanted: &Value) -> Result<Value, String> {
        let word = |name: &str| wanted[name].as_str().unwrap_or_default().to_lowercase();
        let on = self.operations.iter().find(|own| **own == word("on"));
        let on = on.ok_or_else(|| format!("\"on\" must be one of {}", self.operations.join(" ")))?;
        let found = FAULTS.iter().find(|(name, ..)| *name == word("fault"));
        let (name, moment, failure) = found.ok_or_else(|| format!("\"fault\" must be one of {}", names().join(" ")))?;
        if (*on == "notification") != failure.is_of_notifications() {
            let fitting = FAULTS.iter().filter(|(.., failure)| failure.is_of_notifications() == (*on == "notification"));
            let fitting: Vec<&str> = fitting.map(|(name, ..)| *name).collect();
            return Err(format!("\"{name}\" does not happen to \"{on}\": what does is {}", fitting.join(" ")));
        }
        let fault = Fault {
            on,
            name,
            moment: *moment,
            failure: *failure,
            striking: striking(wanted)?,
            mailbox: wanted["mailbox"].as_str().map(str::to_lowercase),
            retry_after_s: wanted["retry_after"].as_u64(),
            seconds: wanted["seconds"].as_u64(),
        };
        let shown = show(&fault);
        self.scripted.push(fault);
        Ok(shown)
    }

    /// The first fault that strikes this coming of a call, counted as struck.
    pub fn strike(&mut self, operation: &str, mailbox: Option<&str>, coming: &Coming) -> Option<Fault> {
        let place = self.scripted.iter().position(|fault| {
            let meant = fault.on == operation || (fault.on == "any" && !["token", "notification"].contains(&operation));
            let here = fault.mailbox.as_deref().is_none_or(|wanted| mailbox == Some(wanted));
            meant && here && fault.strikes(operation, mailbox, coming)
        })?;
        if let Striking::Times(times) = &mut self.scripted[place].striking {
            *times -= 1;
            if *times == 0 {
                return Some(self.scripted.remove(place));
            }
        }
        Some(self.scripted[place].clone())
    }

    pub fn clear(&mut self) {
        self.scripted.clear();
    }

    /// The names that can be scripted and what is still to strike.
    pub fn show(&self) -> Value {
        json!({
            "operations": self.operations,
            "faults": names(),
            "active": self.scripted.iter().map(show).collect::<Vec<_>>(),
        })
    }
}

fn striking(wanted: &Value) -> Result<Striking, String> {
    let number = |name: &str| match &wanted[name] {
        Value::Null => Ok(None),
        value => value.as_u64().map(Some).ok_or_else(|| format!("\"{name}\" must be a whole number from 0, not {value}")),
    };
    let (times, seed) = (number("times")?, number("seed")?);
    if wanted["chance"].is_null() {
        if seed.is_some() {
            return Err("\"seed\" goes with \"chance\": a fault without one strikes the next calls, whatever the seed".to_owned());
        }
        return Ok(Striking::Times(times.unwrap_or(1)));
    }
    let chance = wanted["chance"].as_f64().and_then(Chance::of);
    let chance = chance.ok_or_else(|| format!("\"chance\" must be a number from 0.0 to 1.0, not {}", wanted["chance"]))?;
    Ok(Striking::ByChance { chance, seed: seed.unwrap_or(1), times })
}

fn names() -> Vec<&'static str> {
    FAULTS.iter().map(|(name, ..)| *name).collect()
}

fn show(fault: &Fault) -> Value {
    let (times, chance, seed) = match fault.striking {
        Striking::Times(times) => (Some(times), None, None),
        Striking::ByChance { chance, seed, times } => (times, Some(chance.share()), Some(seed)),
    };
    json!({
        "on": fault.on,
        "fault": fault.name,
        "times": times,
        "chance": chance,
        "seed": seed,
        "mailbox": fault.mailbox,
        "retry_after": fault.retry_after_s,
        "seconds": fault.seconds,
    })
}

impl Fault {
    fn strikes(&self, operation: &str, mailbox: Option<&str>, coming: &Coming) -> bool {
        match self.striking {
            Striking::Times(times) => times > 0,
            Striking::ByChance { chance, seed, times } => {
                let what = print_of(&[self.name.as_bytes(), operation.as_bytes(), mailbox.unwrap_or_default().as_bytes()]);
                let endangered = times.is_none_or(|times| coming.before < times);
                endangered && chance.strikes(draw(seed ^ what, "fault", coming.print()))
            }
        }
    }

    /// Graph's refusal of that status.
    pub fn refusal(&self, status: u16, retry_after: RetryAfter) -> GraphError {
        let (code, message) = match status {
            403 if self.name == "403_raop" => ("ErrorAccessDenied", OUT_OF_POLICY),
            403 if self.name == "403_send_as_denied" => ("ErrorSendAsDenied", SEND_AS_DENIED),
            401 => ("InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."),
            403 => ("ErrorAccessDenied", DENIED),
            404 => ("ErrorItemNotFound", "The specified object was not found in the store."),
            400 | 410 => ("SyncStateNotFound", SYNC_STATE_NOT_FOUND),
            409 | 412 => ("ErrorIrresolvableConflict", CONFLICT),
            429 => ("ApplicationThrottled", "Application is over its MailboxConcurrency limit."),
            503 => ("serviceNotAvailable", "The service is temporarily unavailable. Please retry later."),
            504 => ("UnknownError", "The gateway did not receive a response in time."),
            _ => ("InternalServerError", "An internal server error occurred. The operation failed."),
        };
        let error = GraphError::new(status, code, message);
        match retry_after {
            RetryAfter::Named => error.with("retry-after", self.retry_after_s.unwrap_or(1).to_string()),
            RetryAfter::Missing => error,
        }
    }
}

/// What Graph says when it does not know a delta token any more.
pub(crate) const SYNC_STATE_NOT_FOUND: &str =
    "The sync state generation is not found; the changes must be synchronised from the start.";

/// What Exchange says when the sender is somebody else.
pub(crate) const SEND_AS_DENIED: &str = "The user account which was used to submit this request does not have the right to send \
                                         mail on behalf of the specified sending account., Cannot submit message.";

/// What Exchange says when a change key does not match.
pub(crate) const CONFLICT: &str = "The send or update operation could not be performed because the change key passed in the \
                                   request does not match the current change key for the item.";
