//! Sending: of a draft, and of a message given with the call. Accepted here, transported later.

use serde_json::{Value, json};

use super::drafts::{of_json, of_mime};
use super::fields::argument;
use super::visit::Visit;
use crate::simulator::faults::SEND_AS_DENIED;
use crate::simulator::http::{Answer, GraphError};
use crate::simulator::luck::print_of;
use crate::simulator::moods::SecondSend;
use crate::simulator::state::{ChangeKind, Key, Message, Origin, WellKnown, domain};
use crate::simulator::transport::{self, Submitted};

/// What becomes of the sender's copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    InSentItems,
    Nowhere,
    /// Sent by hand: it lies where it belongs already.
    AsItLies,
}

/// `POST /messages/{id}/send`: drafts only; a sent message is no draft, so a second call finds nothing to send, or so one hopes.
pub(super) fn draft(visit: &mut Visit<'_>, id: &str) -> Result<Answer, GraphError> {
    // Looked up past the mood that hides submitted drafts: what becomes of a second call is a mood of its own.
    let key = visit.store()?.find(id)?;
    let message = visit.message(key)?;
    let is_taken = match visit.tenant.temper.moods.second_send {
        SecondSend::Refused => message.is_draft && !message.is_submitted,
        SecondSend::WhileSubmitted => message.is_draft,
        SecondSend::Always => message.origin == Origin::Own,
    };
    if !is_taken {
        return Err(GraphError::item_not_found());
    }
    submit(visit, key, Keep::InSentItems)?;
    Ok(accepted(visit, key))
}

/// 202, in a mood with a `Retry-After` that asks for nothing.
fn accepted(visit: &Visit<'_>, key: Key) -> Answer {
    let temper = &visit.tenant.temper;
    let print = visit.message(key).map_or(0, |message| message.print);
    if temper.strikes("accepts_with_retry_after", temper.moods.accepts_with_retry_after, print) {
        return Answer::empty(202).with("retry-after", "10");
    }
    Answer::empty(202)
}

/// `POST /sendMail`.
pub(super) fn mail(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let (message, keep) = if visit.call.is_mime() {
        (of_mime(visit)?, Keep::InSentItems)
    } else {
        let body = visit.call.object()?;
        let given = argument(&body, "message").and_then(Value::as_object);
        let given = given.ok_or_else(|| GraphError::bad_request("The parameter 'Message' is required."))?;
        let saves = argument(&body, "saveToSentItems").and_then(Value::as_bool).unwrap_or(true);
        (of_json(visit, given)?, if saves { Keep::InSentItems } else { Keep::Nowhere })
    };
    let key = visit.mailbox()?.add(message, WellKnown::Drafts.key());
    if let Err(refused) = submit(visit, key, keep) {
        visit.mailbox()?.remove(key);
        return Err(refused);
    }
    Ok(accepted(visit, key))
}

/// Accepts a draft for sending. It stays visible where it is until transport moves it; sending it again meanwhile
/// sends a second mail, which Microsoft has never ruled out.
pub(super) fn submit(visit: &mut Visit<'_>, key: Key, keep: Keep) -> Result<(), GraphError> {
    let message = visit.message(key)?;
    let recipients = message.recipients();
    let valid = |address: &String| address.contains('@') && !address.contains(char::is_whitespace);
    if recipients.is_empty() || !recipients.iter().all(valid) {
        let text = "At least one recipient isn't valid., A message can't be sent until it contains at least one recipient.";
        return Err(GraphError::new(400, "ErrorInvalidRecipients", text));
    }
    let is_own = |address: &str| address.eq_ignore_ascii_case(visit.address);
    if message.from.as_ref().is_some_and(|from| !is_own(&from.address)) {
        return Err(GraphError::new(403, "ErrorSendAsDenied", SEND_AS_DENIED));
    }
    let now = visit.now();
    visit.mailbox()?.change(key, ChangeKind::Updated, now, |message| {
        message.is_submitted = message.is_draft;
        message.sent = now;
    });
    visit.note("sent", key, json!({"folder": keep_name(keep)}))?;
    let submitted = Submitted::of(&as_transported(visit, key)?, visit.address, keep);
    transport::queue(visit.tenant, submitted);
    Ok(())
}

/// The message as transport takes it: in a mood under another Message-ID.
fn as_transported(visit: &Visit<'_>, key: Key) -> Result<Message, GraphError> {
    let mut message = visit.message(key)?.clone();
    let temper = &visit.tenant.temper;
    if temper.strikes("new_message_id_on_send", temper.moods.new_message_id_on_send, message.print) {
        let print = print_of(&[&message.print.to_be_bytes(), b"sent"]);
        message.internet_id = visit.store()?.names.internet_message_id_of(print, domain(visit.address));
    }
    Ok(message)
}

fn keep_name(keep: Keep) -> Option<&'static str> {
    (keep == Keep::InSentItems).then_some("Sent Items")
}
