//! Composing outgoing mail: whom it goes to, what it says, and what it carries. Recipients are computed here, never by the service.

use serde_json::Value;

use super::Executor;
use super::call::{Call, ms};
use super::lane::{Prepared, Work};
use crate::graph::{Draft, DraftAttachment};
use crate::journal::{ActionRow, Event, JournalError, Limits, Sent};
use crate::mail::{Address, Audience, answer_recipients, answer_references, answer_subject, one_line};
use crate::parsing::Unparsed;
use crate::plan::{Action, Forward, NewMail, Note, Reply, fill};

/// Bytes of attachments in one mail: they travel in the request that makes the draft, which Graph limits to 4 MB.
const ATTACHMENTS_MAX: usize = 2_900_000;

/// Why a mail cannot be composed.
enum Obstacle {
    /// Nothing about it will change by waiting.
    Never(String),
    /// Put off or refused by the mailbox.
    Event(Event),
    /// The journal failed.
    Journal(JournalError),
}

/// Prepares the draft of an answer, a forward or a new mail.
pub(super) async fn prepare(executor: &Executor, work: &mut Work<'_>, action: &ActionRow) -> Result<Prepared, JournalError> {
    match compose(executor, work, action).await {
        Ok(prepared) => Ok(prepared),
        Err(Obstacle::Never(reason)) => Ok(Prepared::Tell(Event::Rejected { reason })),
        Err(Obstacle::Event(event)) => Ok(Prepared::Tell(event)),
        Err(Obstacle::Journal(error)) => Err(error),
    }
}

async fn compose(executor: &Executor, work: &mut Work<'_>, action: &ActionRow) -> Result<Prepared, Obstacle> {
    let mark = executor.key.mark(&action.id);
    let draft = match &action.planned.action {
        Action::Reply(reply) => reply_draft(executor, work, (action, mark), reply, audience(reply)).await?,
        Action::ReplyAll(reply) => reply_draft(executor, work, (action, mark), reply, Audience::Everyone).await?,
        Action::DraftReply(reply) => {
            let draft = reply_draft(executor, work, (action, mark), reply, audience(reply)).await?;
            return Ok(Prepared::make("create", Call::DraftForPeople { draft: Box::new(draft) }));
        }
        Action::Forward(forward) => {
            let draft = forward_draft(executor, work, (action, mark), forward).await?;
            return Ok(counted(work, Call::Forward { draft: Box::new(draft) }, None));
        }
        Action::Send(mail) => {
            let draft = new_draft(executor, work, (action, mark), mail).await?;
            return Ok(counted(work, Call::Draft { draft: Box::new(draft) }, None));
        }
        _ => return Err(Obstacle::Never("it is no mail".to_owned())),
    };
    let (Action::Reply(reply) | Action::ReplyAll(reply)) = &action.planned.action else {
        return Err(Obstacle::Never("it is no answer".to_owned()));
    };
    let recipient = draft.to.first().map(|to| to.address.to_lowercase());
    let answer = recipient.map(|recipient| (recipient, reply.per_sender_per_day));
    Ok(counted(work, Call::Draft { draft: Box::new(draft) }, answer))
}

/// The call with what counts against the budgets. Mail that answers nobody only has to keep the mailbox's pace.
fn counted(work: &Work<'_>, call: Call, answer: Option<(String, Option<u32>)>) -> Prepared {
    let budget = work.mailbox.budget;
    let limits = |recipient_day, conversation| Limits { recipient_day, conversation, mailbox_minute: budget.per_minute };
    let mailbox = work.turn.mailbox.clone();
    let mail = match answer {
        Some((recipient, own_budget)) => {
            let conversation = work.turn.envelope.conversation.clone();
            let limits = limits(Some(own_budget.unwrap_or(budget.per_sender_per_day)), Some(budget.per_conversation));
            (Sent { mailbox, recipient, conversation }, limits)
        }
        None => (Sent { mailbox, recipient: String::new(), conversation: None }, limits(None, None)),
    };
    Prepared::Make { step: "create".to_owned(), call, mail: Some(mail) }
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
) -> Result<Draft, Obstacle> {
    let envelope = &work.turn.envelope;
    let own: Vec<String> = executor.mailboxes.values().map(|mailbox| mailbox.address.clone()).collect();
    let (to, mut cc) = answer_recipients(envelope, audience, &own);
    if to.is_empty() {
        return Err(Obstacle::Never("the message names nobody to answer".to_owned()));
    }
    cc.extend(reply.cc.iter().map(Address::new));
    let draft = Draft {
        action: action.id.clone(),
        mark,
        subject: reply.subject.as_deref().map_or_else(|| answer_subject(envelope), one_line),
        html: render(executor, work, &reply.template, &reply.data).await?,
        to,
        cc,
        in_reply_to: envelope.internet_message_id.clone(),
        references: answer_references(envelope),
        importance: crate::plan::Importance::Normal,
        attachments: attachments(executor, work, action, &reply.attach).await?,
    };
    Ok(draft)
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
        action: action.id.clone(),
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
) -> Result<Draft, Obstacle> {
    Ok(Draft {
        action: action.id.clone(),
        mark,
        subject: one_line(&mail.subject),
        html: render(executor, work, &mail.template, &mail.data).await?,
        to: mail.to.iter().map(Address::new).collect(),
        cc: mail.cc.iter().map(Address::new).collect(),
        in_reply_to: None,
        references: None,
        importance: crate::plan::Importance::Normal,
        attachments: attachments(executor, work, action, &mail.attach).await?,
    })
}

/// Renders with the templates of the rule set that decided, once everything the data stands for is known.
async fn render(executor: &Executor, work: &Work<'_>, template: &str, data: &Value) -> Result<String, Obstacle> {
    let data = fill(data, &|position| work.turn.results.get(&position).cloned())
        .map_err(|receipt| Obstacle::Never(format!("{receipt} is not in the answer of `{}`", receipt.endpoint)))?;
    let templates = executor.templates(&work.turn.rule_set).await.map_err(Obstacle::Journal)?.map_err(Obstacle::Never)?;
    templates.render(template, &data, &work.turn.envelope.facts()).map_err(|problem| Obstacle::Never(problem.to_string()))
}

/// The named attachments of the message itself.
async fn attachments(
    executor: &Executor,
    work: &mut Work<'_>,
    action: &ActionRow,
    names: &[String],
) -> Result<Vec<DraftAttachment>, Obstacle> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let Some(id) = work.turn.envelope.id.clone() else { return Err(Obstacle::Never("the message has no id".to_owned())) };
    let raw = work.mailbox.graph.mime(&id).await.map_err(|error| match executor.later(action, &error) {
        Prepared::Tell(event) => Obstacle::Event(event),
        Prepared::Make { .. } => {
            Obstacle::Event(Event::Deferred { after_ms: ms(executor.patience.retry(1)), reason: error.to_string() })
        }
    })?;
    let content = executor.parse(raw).await.map_err(|unparsed| match unparsed {
        Unparsed::Message(_) => Obstacle::Never(unparsed.to_string()),
        Unparsed::NoChild(_) => Obstacle::Event(Event::Deferred {
            after_ms: ms(executor.patience.retry(action.failures + 1)),
            reason: unparsed.to_string(),
        }),
    })?;
    let mut found = Vec::new();
    for name in names {
        let matching = content.attachments().iter().find(|attachment| attachment.name() == Some(name));
        let attachment = matching.ok_or_else(|| Obstacle::Never(format!("the message has no attachment `{name}`")))?;
        found.push(DraftAttachment {
            name: name.clone(),
            content_type: attachment.content_type().to_owned(),
            bytes: attachment.bytes().to_vec(),
        });
    }
    let size: usize = found.iter().map(|attachment| attachment.bytes.len()).sum();
    if size > ATTACHMENTS_MAX {
        return Err(Obstacle::Never(format!("the attachments have {size} bytes; an answer carries at most {ATTACHMENTS_MAX}")));
    }
    Ok(found)
}
