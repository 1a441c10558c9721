//! What can go wrong with a call to Graph, and what it means for the caller.
//!
//! The table of codes is that of Graph's page "error responses" and Exchange's own codes. The meaning is decided here,
//! once; nobody else looks at a status.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::advice::advice;
use super::redact::redact;
use super::request::Effect;
use crate::verdict::Verdict;

/// Wait after `ErrorExceededMessageLimit`, whose window is a day and whose answer names no time.
const SEND_QUOTA_WAIT: Duration = Duration::from_hours(1);

/// Longest message, in characters: it may quote what the answer held, and ends in logs and on the page.
const MESSAGE_MAX: usize = 500;

/// Codes that say a delta cursor is dead.
const CURSOR_LOST: [&str; 4] =
    ["SyncStateNotFound", "resyncRequired", "resyncChangesApplyDifferences", "resyncChangesUploadDifferences"];

/// Codes that say the address is no mailbox we can use.
const NO_MAILBOX: [&str; 4] = ["MailboxNotEnabledForRESTAPI", "ErrorInvalidUser", "ResourceNotFound", "Request_ResourceNotFound"];

/// The kind of a [`GraphError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The settings cannot work; no call was made.
    Settings,
    /// Signing in failed, or Graph does not take our token (401).
    SignIn,
    /// We may not do this (403), or the address is no mailbox we can use.
    Forbidden,
    /// The message or folder is not there (404).
    Gone,
    /// Somebody else changed it meanwhile, or it exists already (409, 412).
    Conflict,
    /// The delta cursor is dead (410, `SyncStateNotFound`): start without one.
    CursorLost,
    /// More bytes than may be read or sent (413).
    TooLarge,
    /// Told to wait (429, 503 with `Retry-After`), or the mailbox is still closed by an earlier such answer.
    Throttled,
    /// Refused for another reason (4xx, 3xx).
    Refused,
    /// No connection: nothing was sent.
    NoConnection,
    /// No answer in time.
    TimedOut,
    /// The connection broke.
    Interrupted,
    /// The service failed (5xx).
    Unavailable,
    /// An answer that cannot be understood.
    BadAnswer,
    /// A link in an answer leads to another host; it was not followed.
    ForeignLink,
}

/// Why a call to Graph failed.
#[derive(Clone, Debug, thiserror::Error)]
pub struct GraphError {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// What it means for whoever has to go on.
    pub verdict: Verdict,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The service's own code, innermost where nested: `ErrorItemNotFound`.
    pub code: Option<Box<str>>,
    /// What happened, in words; free of tokens.
    pub message: Box<str>,
    /// Graph's `request-id`, which Microsoft's support asks for.
    pub request_id: Option<Box<str>>,
    /// The call: method and path pattern.
    pub call: &'static str,
    /// The mailbox's address, where the call was for one.
    pub mailbox: Option<Arc<str>>,
}

/// What a failing answer said.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    pub status: u16,
    pub code: Option<String>,
    pub message: String,
    pub retry_after: Option<Duration>,
    pub request_id: Option<String>,
    /// What Graph wants the next token to prove.
    pub claims: Option<Value>,
    /// The status of a service behind Graph, where only the message tells it.
    pub inner_status: Option<u16>,
}

impl GraphError {
    /// What the error means for whoever has to go on.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Nobody but an administrator can mend it: the whole mailbox should wait (401, 403, no such mailbox).
    pub fn is_configuration(&self) -> bool {
        matches!(self.kind, ErrorKind::Settings | ErrorKind::Forbidden)
            || (self.kind == ErrorKind::SignIn && self.verdict == Verdict::Never)
    }

    /// The message or folder is not there.
    pub fn is_gone(&self) -> bool {
        self.kind == ErrorKind::Gone
    }

    pub(super) fn new(kind: ErrorKind, verdict: Verdict, call: &'static str, message: &str) -> Self {
        let cut = message.char_indices().nth(MESSAGE_MAX).map_or(message.len(), |(at, _)| at);
        let message = redact(&message[..cut]).into_boxed_str();
        Self { kind, verdict, status: None, code: None, message, request_id: None, call, mailbox: None }
    }

    pub(super) fn settings(message: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::Settings, Verdict::Never, "", message.as_ref())
    }

    /// What was asked for makes no sense; no call was made.
    pub(super) fn senseless(call: &'static str, message: &str) -> Self {
        Self::new(ErrorKind::Refused, Verdict::Never, call, message)
    }

    pub(super) fn of(self, mailbox: Option<&Arc<str>>) -> Self {
        Self { mailbox: mailbox.cloned().or(self.mailbox), ..self }
    }

    /// An answer whose body is not what the call promises. Whatever the call changed has happened.
    pub(super) fn bad_answer(call: &'static str, effect: Effect, message: &str) -> Self {
        let verdict = if effect == Effect::Read { Verdict::Retry } else { Verdict::Unknown };
        Self::new(ErrorKind::BadAnswer, verdict, call, message)
    }

    /// The request did not come to an answer.
    pub(super) fn transport(call: &'static str, effect: Effect, error: reqwest::Error) -> Self {
        let kind = match () {
            () if error.is_connect() => ErrorKind::NoConnection,
            () if error.is_timeout() => ErrorKind::TimedOut,
            () if error.is_builder() => ErrorKind::Settings,
            () => ErrorKind::Interrupted,
        };
        let verdict = match kind {
            ErrorKind::Settings => Verdict::Never,
            // The connector fails before a byte of the request is written.
            ErrorKind::NoConnection => Verdict::Retry,
            _ if effect == Effect::Read => Verdict::Retry,
            _ => Verdict::Unknown,
        };
        Self::new(kind, verdict, call, &chain(&error.without_url()))
    }

    /// Graph answered, and not with success.
    pub(super) fn refused(call: &'static str, effect: Effect, refusal: &Refusal) -> Self {
        let (kind, verdict) = meaning(effect, refusal);
        let error = Self::new(kind, verdict, call, &refusal.message);
        Self {
            status: Some(refusal.status),
            code: refusal.code.as_deref().map(word),
            request_id: refusal.request_id.as_deref().map(word),
            ..error
        }
    }
}

/// A code or id, which are short.
fn word(text: &str) -> Box<str> {
    text.chars().take(100).collect()
}

/// The error and its causes, joined by `: `.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source()).take(8);
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn meaning(effect: Effect, refusal: &Refusal) -> (ErrorKind, Verdict) {
    let code = refusal.code.as_deref().unwrap_or_default();
    let is = |others: &[&str]| others.iter().any(|other| code.eq_ignore_ascii_case(other));
    let wait = refusal.retry_after.map(Verdict::RetryAfter);
    // The read failed or the effect is in doubt.
    let unclear = if effect == Effect::Read { Verdict::Retry } else { Verdict::Unknown };
    // A send that conflicts may conflict with its own earlier effect.
    let conflict = (ErrorKind::Conflict, if effect == Effect::Sends { Verdict::Unknown } else { Verdict::Retry });
    let throttled = (ErrorKind::Throttled, wait.unwrap_or(Verdict::Retry));
    if is(&["ErrorExceededMessageLimit"]) {
        return (ErrorKind::Throttled, wait.unwrap_or(Verdict::RetryAfter(SEND_QUOTA_WAIT)));
    }
    if (400..=410).contains(&refusal.status) && effect == Effect::Read && is(&CURSOR_LOST) {
        return (ErrorKind::CursorLost, Verdict::Never);
    }
    match refusal.inner_status.unwrap_or(refusal.status) {
        400 if is(&["ErrorDuplicateTransactionId"]) => conflict,
        400 if is(&["temporarily_unavailable"]) => (ErrorKind::Unavailable, unclear),
        401 => (ErrorKind::SignIn, Verdict::Never),
        403 => (ErrorKind::Forbidden, Verdict::Never),
        404 if is(&NO_MAILBOX) => (ErrorKind::Forbidden, Verdict::Never),
        404 | 410 => (ErrorKind::Gone, Verdict::Never),
        408 => (ErrorKind::TimedOut, unclear),
        409 | 412 | 423 => conflict,
        413 => (ErrorKind::TooLarge, Verdict::Never),
        // Of a batch: the call it waited for failed, and it was not begun.
        424 => (ErrorKind::Unavailable, Verdict::Retry),
        429 | 509 => throttled,
        503 | 504 if matches!(effect, Effect::Read | Effect::Repeatable) && wait.is_some() => throttled,
        507 => (ErrorKind::Refused, Verdict::Never),
        500 | 502.. => (ErrorKind::Unavailable, unclear),
        _ if effect == Effect::Sends && refusal.status < 400 => (ErrorKind::BadAnswer, Verdict::Unknown),
        _ => (ErrorKind::Refused, Verdict::Never),
    }
}

impl fmt::Display for GraphError {
    /// What, where, and what to do, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(mailbox) = &self.mailbox {
            write!(f, "{mailbox}: ")?;
        }
        if !self.call.is_empty() {
            write!(f, "{}: ", self.call)?;
        }
        if let Some(status) = self.status {
            write!(f, "{status} ")?;
        }
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(&self.message)?;
        // What makes no sense was not sent, and its message says what would.
        if self.kind != ErrorKind::Refused || self.status.is_some() {
            write!(f, "; {}", advice(self.kind, self.verdict, self.code.as_deref()))?;
        }
        if let Some(request_id) = &self.request_id {
            write!(f, " (request-id {request_id})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_secs(7);

    fn verdicts(status: u16, retry_after: Option<Duration>) -> [Verdict; 4] {
        [Effect::Read, Effect::Repeatable, Effect::Once, Effect::Sends]
            .map(|effect| meaning(effect, &Refusal { status, retry_after, ..Refusal::default() }).1)
    }

    #[test]
    fn a_status_means_what_the_kind_of_call_lets_it_mean() {
        use Verdict::{Never, Retry, RetryAfter, Unknown};
        assert_eq!(verdicts(400, None), [Never; 4]);
        assert_eq!(verdicts(403, None), [Never; 4]);
        assert_eq!(verdicts(404, None), [Never; 4]);
        assert_eq!(verdicts(413, None), [Never; 4]);
        assert_eq!(verdicts(412, None), [Retry, Retry, Retry, Unknown]);
        assert_eq!(verdicts(429, None), [Retry; 4]);
        assert_eq!(verdicts(429, Some(WAIT)), [RetryAfter(WAIT); 4]);
        assert_eq!(verdicts(500, Some(WAIT)), [Retry, Unknown, Unknown, Unknown]);
        assert_eq!(verdicts(503, None), [Retry, Unknown, Unknown, Unknown]);
        assert_eq!(verdicts(503, Some(WAIT)), [RetryAfter(WAIT), RetryAfter(WAIT), Unknown, Unknown]);
        assert_eq!(verdicts(302, None), [Never, Never, Never, Unknown]);
    }

    #[test]
    fn a_missing_mailbox_is_not_a_missing_message() {
        let refusal =
            |code: &str| Refusal { status: 404, code: Some(code.to_owned()), message: "No.".to_owned(), ..Refusal::default() };
        let item = GraphError::refused("GET /messages/{id}", Effect::Read, &refusal("ErrorItemNotFound"));
        let mailbox = GraphError::refused("GET /messages/{id}", Effect::Read, &refusal("MailboxNotEnabledForRESTAPI"));
        assert_eq!((item.is_gone(), item.is_configuration()), (true, false));
        assert_eq!((mailbox.is_gone(), mailbox.is_configuration()), (false, true));
        assert_eq!(item.to_string(), "GET /messages/{id}: 404 ErrorItemNotFound: No.; it was moved or deleted meanwhile");
    }

    #[test]
    fn a_dead_cursor_is_told_apart() {
        let refusal = Refusal { status: 410, code: Some("syncStateNotFound".to_owned()), ..Refusal::default() };
        assert_eq!(meaning(Effect::Read, &refusal), (ErrorKind::CursorLost, Verdict::Never));
    }
}
