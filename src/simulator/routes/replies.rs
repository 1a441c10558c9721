//! Answers to a message: createReply, createReplyAll, createForward, and the calls that send at once.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::drafts::{of_mime, own_address};
use super::fields::{Occasion, argument, recipients, write};
use super::messages::one;
use super::send::{Keep, submit};
use super::visit::Visit;
use crate::simulator::http::{Answer, GraphError};
use crate::simulator::mail_out::{as_html, escape};
use crate::simulator::people;
use crate::simulator::shape::View;
use crate::simulator::state::{Body, BodyKind, Key, Message, Recipient, WellKnown};

/// What kind of answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerKind {
    Reply,
    ReplyAll,
    Forward,
}

/// `createReply`, `createReplyAll`, `createForward`: 201 and the draft.
pub(super) fn create(visit: &mut Visit<'_>, id: &str, kind: AnswerKind) -> Result<Answer, GraphError> {
    let key = compose(visit, id, kind)?;
    visit.note("draft_created", key, json!({"folder": "Drafts"}))?;
    visit.made(key)?;
    people::meet(visit.tenant, visit.address, key, people::Occasion::Drafted);
    one(visit, &View::bare(visit.call), 201, key)
}

/// `reply`, `replyAll`, `forward`: 202, no id comes back.
pub(super) fn send(visit: &mut Visit<'_>, id: &str, kind: AnswerKind) -> Result<Answer, GraphError> {
    let key = compose(visit, id, kind)?;
    if let Err(refused) = submit(visit, key, Keep::InSentItems) {
        visit.mailbox()?.remove(key);
        return Err(refused);
    }
    Ok(Answer::empty(202))
}

fn compose(visit: &mut Visit<'_>, id: &str, kind: AnswerKind) -> Result<Key, GraphError> {
    let original = visit.find(id)?.clone();
    let draft = if visit.call.is_mime() {
        let mut draft = of_mime(visit)?;
        thread(&mut draft, &original);
        draft
    } else {
        of_arguments(visit, &original, kind)?
    };
    Ok(visit.mailbox()?.add(draft, WellKnown::Drafts.key()))
}

fn of_arguments(visit: &Visit<'_>, original: &Message, kind: AnswerKind) -> Result<Message, GraphError> {
    let body = visit.call.object()?;
    let empty = Map::new();
    let given = argument(&body, "message").and_then(Value::as_object).unwrap_or(&empty);
    let comment = argument(&body, "comment").and_then(Value::as_str);
    if comment.is_some() && given.contains_key("body") {
        return Err(GraphError::new(
            400,
            "ErrorInvalidRequest",
            "Specify either the comment parameter or the body property of message, not both.",
        ));
    }
    let now = visit.now();
    let mut draft = answer(original, kind, &own_address(visit)?, comment.unwrap_or_default(), now);
    write(&mut draft, given, Occasion::Create, now)?;
    if let Some(to) = argument(&body, "toRecipients") {
        if kind == AnswerKind::Forward && given.contains_key("toRecipients") {
            return Err(GraphError::new(
                400,
                "ErrorInvalidRequest",
                "Specify toRecipients either as a parameter or in message, not both.",
            ));
        }
        draft.to = recipients("toRecipients", to)?;
    }
    Ok(draft)
}

/// An answer before the client has its say.
fn answer(original: &Message, kind: AnswerKind, own: &Recipient, comment: &str, now: Timestamp) -> Message {
    let mut draft = Message::draft(now);
    draft.from = Some(own.clone());
    draft.sender = Some(own.clone());
    address(&mut draft, original, kind, own);
    draft.subject = subject(&original.subject, kind);
    thread(&mut draft, original);
    draft.conversation = original.conversation.child(now);
    draft.body = quoted(original, comment);
    draft.attachments = original.attachments.iter().filter(|one| kind == AnswerKind::Forward || one.is_inline).cloned().collect();
    draft
}

/// The answer that a person writes in Outlook.
pub(crate) fn reply_by_hand(original: &Message, own: &Recipient, text: &str, now: Timestamp) -> Message {
    answer(original, AnswerKind::Reply, own, text, now)
}

fn thread(draft: &mut Message, original: &Message) {
    draft.in_reply_to = Some(original.internet_id.clone());
    draft.references.clone_from(&original.references);
    draft.references.push(original.internet_id.clone());
}

fn address(draft: &mut Message, original: &Message, kind: AnswerKind, own: &Recipient) {
    if kind == AnswerKind::Forward {
        return;
    }
    draft.to = if original.reply_to.is_empty() { original.from.iter().cloned().collect() } else { original.reply_to.clone() };
    if kind == AnswerKind::ReplyAll {
        let is_new = |known: &[Recipient], one: &Recipient| {
            let same = |other: &Recipient| other.address.eq_ignore_ascii_case(&one.address);
            !same(own) && !known.iter().any(same)
        };
        for one in &original.to {
            if is_new(&draft.to, one) {
                draft.to.push(one.clone());
            }
        }
        draft.cc = original.cc.iter().filter(|one| is_new(&draft.to, one)).cloned().collect();
    }
}

fn subject(original: &str, kind: AnswerKind) -> String {
    let mark = if kind == AnswerKind::Forward { "FW: " } else { "RE: " };
    let bare = original.trim();
    if bare.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(mark.trim())) {
        bare.to_owned()
    } else {
        format!("{mark}{bare}")
    }
}

/// The comment above the original, with the block of From, Sent, To, Subject that Outlook writes.
fn quoted(original: &Message, comment: &str) -> Body {
    let people = |list: &[Recipient]| {
        let written: Vec<String> = list.iter().map(|one| escape(&format!("{} <{}>", one.name, one.address))).collect();
        written.join("; ")
    };
    let from: Vec<Recipient> = original.from.iter().cloned().collect();
    let mut lines = vec![
        format!("<b>From:</b> {}", people(&from)),
        format!("<b>Sent:</b> {}", original.sent.strftime("%A, %B %-d, %Y %-I:%M:%S %p")),
        format!("<b>To:</b> {}", people(&original.to)),
    ];
    if !original.cc.is_empty() {
        lines.push(format!("<b>Cc:</b> {}", people(&original.cc)));
    }
    lines.push(format!("<b>Subject:</b> {}", escape(&original.subject)));
    let content = format!(
        "<html><head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"></head><body>{}<hr \
         style=\"display:inline-block;width:98%\" tabindex=\"-1\"><div id=\"divRplyFwdMsg\" dir=\"ltr\"><font face=\"Calibri, \
         sans-serif\" color=\"#000000\" style=\"font-size:11pt\">{}</font><div>&nbsp;</div></div>{}</body></html>",
        escape(comment).replace('\n', "<br>\n"),
        lines.join("<br>\r\n"),
        inner_html(&as_html(&original.body)),
    );
    Body { kind: BodyKind::Html, content }
}

/// What stands between the body tags, or all of it.
fn inner_html(html: &str) -> &str {
    let lower = html.to_ascii_lowercase();
    let start = lower.find("<body").and_then(|at| lower[at..].find('>').map(|end| at + end + 1)).unwrap_or(0);
    let end = lower.rfind("</body>").filter(|end| *end >= start).unwrap_or(html.len());
    &html[start..end]
}
