//! Composing outgoing mail: whom it goes to, what it says, and what it carries. Recipients are computed here, never by the service.

use serde_json::Value;

use super::Executor;
use super::call::{Call, ms};
use super::lane::{Prepared, Work};
use crate::graph::{Draft, DraftAttachment};
use crate::ids::ActionId;
use crate::journal::{ActionRow, Event, JournalError, Limits, Sent};
use crate::mail::{Address, Audience, Content, answer_recipients, answer_references, answer_subject, one_line};
use crate::parsing::Unparsed;
use crate::plan::{Action, Forward, NewMail, Note, Reply, fill};

/// Bytes of attachments that travel in the request that makes the draft, which Graph limits to 4 MB.
const INLINE_MAX: usize = 2_900_000;
/// Bytes of attachments in one mail: Exchange's 35 MB, less what encoding adds.
const ATTACHMENTS_MAX: usize = 25_000_000;

/// People that one answer may reach: whoever writes to a mailbox must not reach hundreds through it.
const RECIPIENTS_MAX: usize = 50;

/// Why a mail cannot be composed.
pub(super) enum Obstacle {
    /// Nothing about it will change by waiting.
    Never(String),
    /// Put off or refused by the mailbox.
    Event(Event),
    /// The journal failed.
    Journal(JournalError),
}

impl Obstacle {
    /// What is noted instead of a call.
    pub(super) fn told(self) -> Result<Prepared, JournalError> {
        match self {
            Self::Never(reason) => Ok(Prepared::Tell(Event::Rejected { reason })),
            Self::Event(event) => Ok(Prepared::Tell(event)),
            Self::Journal(error) => Err(error),
        }
    }
}

/// Prepares the draft of an answer, a forward or a new mail.
pub(super) async fn prepare(executor: &Executor, work: &mut Work<'_>, action: &ActionRow) -> Result<Prepared, JournalError> {
    match compose(executor, work, action).await {
        Ok(prepared) => Ok(prepared),
        Err(obstacle) => obstacle.told(),
    }
}

/// The id that marks the mail of an action. One that is sent once more after it came back is another mail.
pub(super) fn mark_id(action: &ActionRow) -> ActionId {
    match action.progress.get("again").and_then(Value::as_u64) {
        Some(again) => ActionId::new(format!("{}-{again}", action.id)),
        None => action.id.clone(),
    }
}

/// A draft, and the attachments that do not fit into it.
struct Composed {
    draft: Draft,
    left: Vec<String>,
}

async fn compose(executor: &Executor, work: &mut Work<'_>, action: &ActionRow) -> Result<Prepared, Obstacle> {
    let mark = executor.key.mark(&mark_id(action));
    let Composed { draft, left } = match &action.planned.action {
        Action::Reply(reply) => reply_draft(executor, work, (action, mark), reply, audience(reply)).await?,
        Action::ReplyAll(reply) => reply_draft(executor, work, (action, mark), reply, Audience::Everyone).await?,
        Action::DraftReply(reply) => {
            let made = reply_draft(executor, work, (action, mark), reply, audience(reply)).await?;
            if let Some(name) = made.left.first() {
                let told = format!("`{name}` is too large for a draft that a person finishes; at most {INLINE_MAX} bytes in all");
                return Err(Obstacle::Never(told));
            }
            return Ok(Prepared::make("create", Call::DraftForPeople { draft: Box::new(made.draft) }));
        }
        Action::Forward(forward) => {
            let draft = forward_draft(executor, work, (action, mark), forward).await?;
            return Ok(counted(work, Call::Forward { draft: Box::new(draft) }, None));
        }
        Action::Send(mail) => {
            let Composed { draft, left } = new_draft(executor, work, (action, mark), mail).await?;
            return Ok(counted(work, Call::Draft { draft: Box::new(draft), left }, None));
        }
        _ => return Err(Obstacle::Never("it is no mail".to_owned())),
    };
    let (Action::Reply(reply) | Action::ReplyAll(reply)) = &action.planned.action else {
        return Err(Obstacle::Never("it is no answer".to_owned()));
    };
    let recipient = draft.to.first().map(|to| to.address.clone());
    let answer = recipient.map(|recipient| (recipient, reply.per_sender_per_day));
    Ok(counted(work, Call::Draft { draft: Box::new(draft), left }, answer))
}

/// The call with what counts against the budgets. Mail that answers nobody only has to keep the paces.
fn counted(work: &Work<'_>, call: Call, answer: Option<(String, Option<u32>)>) -> Prepared {
    let budget = work.mailbox.budget;
    let mailbox = work.turn.mailbox.clone();
    let paces = Limits { mailbox_minute: budget.per_minute, rule_set_hour: budget.per_rule_set_per_hour, ..Limits::default() };
    let mail = match answer {
        Some((recipient, own_budget)) => {
            let conversation = work.turn.envelope.conversation.clone();
            let limits = Limits {
                recipient_day: Some(own_budget.unwrap_or(budget.per_sender_per_day)),
                conversation: Some(budget.per_conversation),
                domain_hour: budget.per_domain_per_hour,
                ..paces
            };
            (Sent { mailbox, recipient: counted_address(&recipient), conversation }, limits)
        }
        None => (Sent { mailbox, recipient: String::new(), conversation: None }, paces),
    };
    Prepared::Make { step: "create".to_owned(), call, mail: Some(mail) }
}

/// One person's address in the form that is counted by: spellings that reach the same mailbox (case, `+tag`, dots in the local part)
/// come to the same, so that nobody gets more by varying it.
fn counted_address(address: &str) -> String {
    let address = address.to_lowercase();
    let Some((local, domain)) = address.rsplit_once('@') else { return address };
    let plain: String = local.split('+').next().unwrap_or(local).chars().filter(|letter| *letter != '.').collect();
    if plain.is_empty() { address } else { format!("{plain}@{domain}") }
}

fn audience(reply: &Reply) -> Audience {
    if reply.to_reply_to { Audience::ReplyTo } else { Audience::From }
}

async fn reply_draft(
    executor: &Executor,
    work: &mut Work<'_>,
    (action, mark): (&ActionRow, String),
    reply: &Reply,
    audience: Audience,
) -> Result<Composed, Obstacle> {
    let envelope = &work.turn.envelope;
    let own: Vec<String> = executor.mailboxes.all().into_iter().map(|(_, mailbox)| mailbox.address.clone()).collect();
    let (to, mut cc) = answer_recipients(envelope, audience, &own);
    if to.is_empty() {
        return Err(Obstacle::Never("the message names nobody to answer".to_owned()));
    }
    cc.extend(reply.cc.iter().map(Address::new));
    if to.len() + cc.len() > RECIPIENTS_MAX {
        let told =
            format!("the answer would go to {} people; at most {RECIPIENTS_MAX} are answered at once", to.len() + cc.len());
        return Err(Obstacle::Never(told));
    }
    let (attachments, left) = attachments(executor, work, action, &reply.attach).await?;
    let draft = Draft {
        action: mark_id(action),
        mark,
        subject: reply.subject.as_deref().map_or_else(|| answer_subject(envelope), one_line),
        html: render(executor, work, &reply.template, &reply.data).await?,
        to,
        cc,
        in_reply_to: envelope.internet_message_id.clone(),
        references: answer_references(envelope),
        importance: crate::plan::Importance::Normal,
        attachments,
    };
    Ok(Composed { draft, left })
}

async fn forward_draft(
    executor: &Executor,
    work: &Work<'_>,
    (action, mark): (&ActionRow, String),
    forward: &Forward,
) -> Result<Draft, Obstacle> {
    let html = match &forward.note {
        None => String::new(),
        Some(Note::Text(text)) => text.clone(),
        Some(Note::Template { template, data }) => render(executor, work, template, data).await?,
    };
    Ok(Draft {
        action: mark_id(action),
        mark,
        subject: String::new(),
        html,
        to: forward.to.iter().map(Address::new).collect(),
        cc: Vec::new(),
        in_reply_to: None,
        references: None,
        importance: crate::plan::Importance::Normal,
        attachments: Vec::new(),
    })
}

async fn new_draft(
    executor: &Executor,
    work: &mut Work<'_>,
    (action, mark): (&ActionRow, String),
    mail: &NewMail,
) -> Result<Composed, Obstacle> {
    let (attachments, left) = attachments(executor, work, action, &mail.attach).await?;
    let draft = Draft {
        action: mark_id(action),
        mark,
        subject: one_line(&mail.subject),
        html: render(executor, work, &mail.template, &mail.data).await?,
        to: mail.to.iter().map(Address::new).collect(),
        cc: mail.cc.iter().map(Address::new).collect(),
        in_reply_to: None,
        references: None,
        importance: crate::plan::Importance::Normal,
        attachments,
    };
    Ok(Composed { draft, left })
}

/// Renders with the templates of the rule set that decided, once everything the data stands for is known.
async fn render(executor: &Executor, work: &Work<'_>, template: &str, data: &Value) -> Result<String, Obstacle> {
    let data = fill(data, &|position| work.turn.results.get(&position).cloned())
        .map_err(|receipt| Obstacle::Never(format!("{receipt} is not in the answer of `{}`", receipt.endpoint)))?;
    let templates = executor.templates(&work.turn.rule_set).await.map_err(Obstacle::Journal)?.map_err(Obstacle::Never)?;
    templates.render(template, &data, &work.turn.envelope.facts()).map_err(|problem| Obstacle::Never(problem.to_string()))
}

/// The named attachments of the message itself: those that travel with the draft, and the names of those that come after it.
async fn attachments(
    executor: &Executor,
    work: &Work<'_>,
    action: &ActionRow,
    names: &[String],
) -> Result<(Vec<DraftAttachment>, Vec<String>), Obstacle> {
    if names.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let content = content(executor, work, action).await?;
    let (mut inline, mut left, mut inline_size, mut size) = (Vec::new(), Vec::new(), 0, 0);
    for name in names {
        let attachment = named(&content, name)?;
        size += attachment.bytes.len();
        if inline_size + attachment.bytes.len() <= INLINE_MAX {
            inline_size += attachment.bytes.len();
            inline.push(attachment);
        } else {
            left.push(name.clone());
        }
    }
    if size > ATTACHMENTS_MAX {
        return Err(Obstacle::Never(format!("the attachments have {size} bytes; a mail carries at most {ATTACHMENTS_MAX}")));
    }
    Ok((inline, left))
}

/// One attachment of the message by its name.
pub(super) async fn attachment(
    executor: &Executor,
    work: &Work<'_>,
    action: &ActionRow,
    name: &str,
) -> Result<DraftAttachment, Obstacle> {
    named(&content(executor, work, action).await?, name)
}

async fn content(executor: &Executor, work: &Work<'_>, action: &ActionRow) -> Result<Content, Obstacle> {
    let Some(id) = work.turn.envelope.id.clone() else { return Err(Obstacle::Never("the message has no id".to_owned())) };
    let raw = work.mailbox.graph.mime(&id).await.map_err(|error| match executor.later(action, &error) {
        Prepared::Tell(event) => Obstacle::Event(event),
        Prepared::Make { .. } => {
            Obstacle::Event(Event::Deferred { after_ms: ms(executor.patience.retry(1)), reason: error.to_string() })
        }
    })?;
    executor.parse(raw).await.map_err(|unparsed| match unparsed {
        Unparsed::Message(_) => Obstacle::Never(unparsed.to_string()),
        Unparsed::NoChild(_) => Obstacle::Event(Event::Deferred {
            after_ms: ms(executor.patience.retry(action.failures + 1)),
            reason: unparsed.to_string(),
        }),
    })
}

fn named(content: &Content, name: &str) -> Result<DraftAttachment, Obstacle> {
    let matching = content.attachments().iter().find(|attachment| attachment.name() == Some(name));
    let attachment = matching.ok_or_else(|| Obstacle::Never(format!("the message has no attachment `{name}`")))?;
    Ok(DraftAttachment {
        name: name.to_owned(),
        content_type: attachment.content_type().to_owned(),
        bytes: attachment.bytes().to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_are_counted_as_one() {
        let spellings = ["Ana.Lopez@Fabrikam.com", "analopez+a@fabrikam.com", "a.n.a.lopez+b+c@FABRIKAM.COM"];
        assert_eq!(spellings.map(counted_address), ["analopez@fabrikam.com"; 3]);
        assert_eq!(["+x@fabrikam.com", "nobody"].map(counted_address), ["+x@fabrikam.com", "nobody"]);
    }
}
