//! A report that mail of ours was not delivered: tied to the action that sent it, before the rules see it like any other message.

use super::decide::Answered;
use super::{DecidedMailbox, Decider};
use crate::ids::ActionId;
use crate::journal::{InstanceKey, JournalError, Returned, Undecided};
use crate::mail::{AuthVerdict, Bounce, Message};

impl Decider {
    /// Recognises a bounce of our own mail. A report can only be read whole; its content is then at hand for the rules too.
    pub(super) async fn note_bounce(
        &self,
        mailbox: &DecidedMailbox,
        undecided: &Undecided,
        message: &mut Message,
    ) -> Result<Answered, JournalError> {
        let bounce = match message.bounce() {
            Ok(bounce) => bounce,
            Err(_) if !self.journal.may_bounce(&undecided.mailbox).await? => None,
            Err(_) => match self.fetch(mailbox, undecided, message).await? {
                Answered::Again => message.bounce().ok().flatten(),
                Answered::Written => return Ok(Answered::Written),
            },
        };
        if let Some(returned) = bounce.and_then(|bounce| returned(&bounce, message, &self.key))
            && let Some(sender) = self.journal.record_bounce(undecided.row, &undecided.mailbox, returned).await?
        {
            tracing::warn!(message = sender.0, mailbox = %undecided.mailbox, "a mail that was sent for this message came back");
        }
        Ok(Answered::Again)
    }
}

/// What the report says about the mail that came back; `None` when a later attempt may still deliver it.
fn returned(bounce: &Bounce, report: &Message, key: &InstanceKey) -> Option<Returned> {
    let lost = bounce.recipients.iter().filter(|recipient| recipient.permanent);
    let reasons: Vec<String> = lost
        .map(|recipient| {
            let why =
                [recipient.code.as_deref(), recipient.reason.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
            if why.is_empty() { recipient.address.clone() } else { format!("{} ({why})", recipient.address) }
        })
        .collect();
    if reasons.is_empty() {
        return None;
    }
    let original = bounce.original.as_ref();
    let headers = original.and_then(|original| original.headers.as_deref()).unwrap_or_default();
    let mark =
        headers.iter().find(|header| header.name.eq_ignore_ascii_case("x-postroom-action")).map(|header| header.value.as_str());
    let action = mark.filter(|mark| key.is_ours(mark)).and_then(action_of);
    let mut message_ids = Vec::new();
    if action.is_none() {
        if !is_believed(bounce, report) {
            let from = report.envelope.from.as_ref().map_or("nobody", |from| from.address.as_str());
            tracing::warn!(
                from,
                "a report of non-delivery bears no mark of ours, and its sender need not know: no mail is tied to it"
            );
            return None;
        }
        let header = |name: &str| report.header(name).ok().flatten().unwrap_or_default();
        let named = [header("In-Reply-To"), header("References")].join(" ");
        message_ids.extend(named.split_whitespace().map(str::to_owned));
        message_ids.extend(original.and_then(|original| original.internet_message_id.clone()));
    }
    Some(Returned { action, message_ids, reason: reasons.join(", ") })
}

/// Whether the report is believed of a mail that it only names, for whoever saw the mail or an answer to it can name it: the tenant's own
/// mailer is, and the proven domain of somebody who did not get it.
fn is_believed(bounce: &Bounce, report: &Message) -> bool {
    if report.is_from_inside() == Ok(true) {
        return true;
    }
    let is_proven = report.authenticity().is_ok_and(|found| found.verdict == AuthVerdict::Pass);
    let domain = |address: &str| address.rsplit_once('@').map(|(_, domain)| domain.to_ascii_lowercase());
    let from = report.envelope.from.as_ref().and_then(|from| domain(&from.address));
    let lost = bounce.recipients.iter().filter(|recipient| recipient.permanent);
    is_proven && from.is_some() && lost.into_iter().any(|recipient| domain(&recipient.address) == from)
}

/// The action that a mark names; one that was sent again bears its number behind a dash.
fn action_of(mark: &str) -> Option<ActionId> {
    let id = mark.trim().split(['.', '-']).next()?;
    (!id.is_empty()).then(|| ActionId::new(id))
}
