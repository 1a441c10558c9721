//! Mail that goes out: answers, forwards, new mail.

use std::any::TypeId;

use rhai::{Dynamic, Engine, ImmutableString, Map, NativeCallContext};
use serde_json::Value;

use super::Word as Entry;
use super::register::{Given, alone, any, needs, text, texts};
use crate::plan::{Action, Forward, NewMail, Note, Reply};
use crate::rules::codes;
use crate::rules::json::{Answers, to_json};
use crate::rules::limits::RECIPIENTS_MAX;
use crate::rules::run::{Run, current};
use crate::rules::stop::{Word, fault};
use crate::rules::values::{AddressValue, AttachmentValue, kind_of, text_or_absent};
use crate::text::did_you_mean;

/// The family's words.
pub(super) const WORDS: &[Entry] = &[
    Entry::new([
        "reply",
        "actions",
        "reply(template, data, options)",
        "Answers the From address; options: subject, cc, to_reply_to, attach, per_sender_per_day",
        "reply(\"received.html\", #{ number: 7 }, #{ subject: \"Thank you\" });",
    ]),
    Entry::new([
        "reply_all",
        "actions",
        "reply_all(template, data, options)",
        "Answers From, To and Cc",
        "reply_all(\"received.html\", #{ number: 7 });",
    ]),
    Entry::new([
        "draft_reply",
        "actions",
        "draft_reply(template, data, options)",
        "Writes the answer as a draft for a person",
        "draft_reply(\"received.html\", #{ number: 7 });",
    ]),
    Entry::new([
        "forward",
        "actions",
        "forward(to, note)",
        "Sends the message on with its attachments; the note is a text, a template or absent",
        "forward(\"team@contoso.com\", \"Please have a look.\");",
    ]),
    Entry::new([
        "send",
        "actions",
        "send(mail)",
        "Sends a new mail: to, cc, subject, template, data, attach",
        "send(#{ to: \"team@contoso.com\", subject: \"New\", template: \"received.html\", data: #{ number: 7 } });",
    ]),
];

/// What `reply` and its like take.
pub(in crate::rules) const REPLY_OPTIONS: [&str; 5] = ["subject", "cc", "to_reply_to", "attach", "per_sender_per_day"];
/// What `send` takes.
pub(in crate::rules) const SEND_OPTIONS: [&str; 6] = ["to", "cc", "subject", "template", "data", "attach"];
/// What a forward's note may be made of.
pub(in crate::rules) const FORWARD_OPTIONS: [&str; 2] = ["template", "data"];

/// Registers the family.
pub(super) fn register(engine: &mut Engine) {
    let map = TypeId::of::<Map>();
    for parameters in [vec![text()], vec![text(), map], vec![text(), map, map]] {
        alone(engine, "reply", &parameters, |context, given| {
            let reply = reply(context, given)?;
            let withheld = hazard(context)?;
            plan(context, Action::Reply(reply), withheld)
        });
        alone(engine, "reply_all", &parameters, |context, given| {
            let reply = reply(context, given)?;
            let withheld = hazard(context)?;
            plan(context, Action::ReplyAll(reply), withheld)
        });
        alone(engine, "draft_reply", &parameters, |context, given| {
            let reply = reply(context, given)?;
            plan(context, Action::DraftReply(reply), None)
        });
    }
    alone(engine, "forward", &[any()], forward);
    alone(engine, "forward", &[any(), any()], forward);
    alone(engine, "send", &[map], send);
}

fn plan(context: &NativeCallContext, action: Action, withheld: Option<String>) -> Word<Dynamic> {
    current(context)?.plan(action, withheld);
    Ok(Dynamic::UNIT)
}

/// Why an answer to this mail is not safe.
fn hazard(context: &NativeCallContext) -> Word<Option<String>> {
    let run = current(context)?;
    needs(context, || run.input.message.reply_hazard(&run.known.surroundings.own_addresses))
}

fn reply(context: &NativeCallContext, given: &Given) -> Word<Reply> {
    let run = current(context)?;
    let template = template(context, &run, &given.text(0))?;
    let data = given.value(1);
    let data = if data.is_unit() { Value::Object(serde_json::Map::new()) } else { json(context, &data, "the template's data")? };
    let mut reply = Reply { template, data, ..Reply::default() };
    let options = given.value(2);
    let Ok(options) = options.as_map_ref() else { return Ok(reply) };
    known_options(context, &options, &REPLY_OPTIONS)?;
    for (key, value) in options.iter() {
        match key.as_str() {
            "subject" => reply.subject = Some(text_option(context, key, value)?),
            "cc" => reply.cc = addresses(context, value)?,
            "attach" => reply.attach = attachments(context, value)?,
            "to_reply_to" => match value.as_bool() {
                Ok(flag) => reply.to_reply_to = flag,
                Err(_) => return wrong_option(context, key, "true or false", value),
            },
            "per_sender_per_day" => match value.as_int().ok().and_then(|number| u32::try_from(number).ok()) {
                Some(number) => reply.per_sender_per_day = Some(number),
                None => return wrong_option(context, key, "a number from 0", value),
            },
            _ => {}
        }
    }
    Ok(reply)
}

fn forward(context: &NativeCallContext, given: &Given) -> Word<Dynamic> {
    let run = current(context)?;
    let to = addresses(context, &given.value(0))?;
    let note = note(context, &run, &given.value(1))?;
    let envelope = &run.input.message.envelope;
    let own = &run.known.surroundings.own_addresses;
    let withheld = to.iter().find_map(|address| {
        if own.iter().any(|ours| ours.eq_ignore_ascii_case(address)) {
            return Some(format!("{address} is a mailbox that we work on"));
        }
        let sender = envelope.from.iter().chain(&envelope.sender).chain(&envelope.reply_to).any(|from| from.is(address));
        sender.then(|| format!("{address} is the sender"))
    });
    let withheld = withheld.map_or_else(|| circular(context, &run, &to), |reason| Ok(Some(reason)))?;
    plan(context, Action::Forward(Forward { to, note }), withheld)
}

fn note(context: &NativeCallContext, run: &Run, value: &Dynamic) -> Word<Option<Note>> {
    if value.is_unit() {
        return Ok(None);
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(Some(Note::Text(text.to_string())));
    }
    let Ok(map) = value.as_map_ref() else {
        let message = format!("a note is a text or `#{{ template, data }}`, not {}", kind_of(value));
        return fault(context, codes::OPTION, message, "");
    };
    known_options(context, &map, &FORWARD_OPTIONS)?;
    let name = map.get("template").map_or(Ok(String::new()), |value| text_option(context, "template", value))?;
    let template = template(context, run, &name)?;
    let data =
        map.get("data").map_or(Ok(Value::Object(serde_json::Map::new())), |data| json(context, data, "the template's data"))?;
    Ok(Some(Note::Template { template, data }))
}

fn send(context: &NativeCallContext, given: &Given) -> Word<Dynamic> {
    let run = current(context)?;
    let value = given.value(0);
    let Ok(map) = value.as_map_ref() else { return Ok(Dynamic::UNIT) };
    known_options(context, &map, &SEND_OPTIONS)?;
    let needed = |key: &str| match map.get(key) {
        Some(value) => Ok(value),
        None => fault(context, codes::OPTION, format!("`send` needs `{key}`"), "write #{ to, subject, template, data }"),
    };
    let mail = NewMail {
        to: addresses(context, needed("to")?)?,
        cc: map.get("cc").map_or(Ok(Vec::new()), |value| addresses(context, value))?,
        subject: text_option(context, "subject", needed("subject")?)?,
        template: template(context, &run, &text_option(context, "template", needed("template")?)?)?,
        data: map
            .get("data")
            .map_or(Ok(Value::Object(serde_json::Map::new())), |data| json(context, data, "the template's data"))?,
        attach: map.get("attach").map_or(Ok(Vec::new()), |value| attachments(context, value))?,
    };
    let withheld = circular(context, &run, &mail.to)?;
    plan(context, Action::Send(mail), withheld)
}

/// Why mail about this message could go round for ever: it comes from ourselves or from another engine like us, or it is the
/// bounce of mail to the same address.
fn circular(context: &NativeCallContext, run: &Run, to: &[String]) -> Word<Option<String>> {
    let message = &run.input.message;
    let own = &run.known.surroundings.own_addresses;
    let senders = message.envelope.from.iter().chain(&message.envelope.sender);
    if let Some(ours) = senders.into_iter().find(|sender| own.iter().any(|own| sender.is(own))) {
        return Ok(Some(format!("the message comes from {}, a mailbox that we work on", ours.address)));
    }
    if needs(context, || message.header("x-postroom-action").map(|mark| mark.is_some()))? {
        return Ok(Some("the message was sent by a program like this one".to_owned()));
    }
    let bounce = if needs(context, || message.is_bounce())? { needs(context, || message.bounce())? } else { None };
    let failed = bounce.map(|bounce| bounce.recipients).unwrap_or_default();
    let back = to.iter().find(|address| failed.iter().any(|recipient| recipient.address.eq_ignore_ascii_case(address)));
    Ok(back.map(|address| format!("mail to {address} has just come back")))
}

fn template(context: &NativeCallContext, run: &Run, name: &str) -> Word<String> {
    if run.known.templates.contains(name) {
        return Ok(name.to_owned());
    }
    let hint = did_you_mean(name, run.known.templates.names()).unwrap_or_default();
    fault(context, codes::TEMPLATE, format!("there is no template `{name}`"), &hint)
}

fn json(context: &NativeCallContext, value: &Dynamic, name: &str) -> Word<Value> {
    match to_json(value, name, Answers::MayCome) {
        Ok(value) => Ok(value),
        Err(unfit) => fault(context, unfit.code, unfit.message, unfit.hint),
    }
}

fn known_options(context: &NativeCallContext, options: &Map, known: &[&'static str]) -> Word<()> {
    let Some(unknown) = options.keys().find(|key| !known.contains(&key.as_str())) else { return Ok(()) };
    let hint = did_you_mean(unknown, known.iter().copied()).unwrap_or_default();
    fault(context, codes::OPTION, format!("`{unknown}` is not an option; there are: {}", known.join(", ")), &hint)
}

fn text_option(context: &NativeCallContext, key: &str, value: &Dynamic) -> Word<String> {
    match value.as_immutable_string_ref() {
        Ok(text) if !text.chars().any(|sign| matches!(sign, '\r' | '\n')) => Ok(text.to_string()),
        Ok(_) => fault(context, codes::OPTION, format!("`{key}` must stand on one line"), ""),
        Err(_) => wrong_option(context, key, "a text", value),
    }
}

fn wrong_option<T>(context: &NativeCallContext, key: &str, wanted: &str, value: &Dynamic) -> Word<T> {
    fault(context, codes::OPTION, format!("`{key}` takes {wanted}, not {}", kind_of(value)), "")
}

/// Recipients: a text, an address, or a list of them.
fn addresses(context: &NativeCallContext, value: &Dynamic) -> Word<Vec<String>> {
    let one = |value: &Dynamic| match value.read_lock::<AddressValue>() {
        Some(address) => Dynamic::from(ImmutableString::from(address.0.address.as_str())),
        None => value.clone(),
    };
    let plain =
        value.as_array_ref().map_or_else(|_| one(value), |list| Dynamic::from(list.iter().map(one).collect::<rhai::Array>()));
    let addresses: Vec<String> = texts(context, &plain)?.iter().map(|address| address.trim().to_owned()).collect();
    if addresses.is_empty() || addresses.len() > RECIPIENTS_MAX {
        let message = format!("{} recipients; one mail goes to 1 to {RECIPIENTS_MAX}", addresses.len());
        return fault(context, codes::VALUE, message, "");
    }
    let wrong = addresses.iter().find(|address| {
        let parts: Vec<&str> = address.split('@').collect();
        parts.len() != 2
            || parts.iter().any(|part| part.is_empty())
            || address.chars().any(|sign| sign.is_whitespace() || sign.is_control() || matches!(sign, ',' | ';' | '<' | '>'))
    });
    match wrong {
        Some(wrong) => fault(context, codes::VALUE, format!("`{wrong}` is not an address"), "write it like `name@contoso.com`"),
        None => Ok(addresses),
    }
}

/// Names of attachments: a text, an attachment, or a list of them.
fn attachments(context: &NativeCallContext, value: &Dynamic) -> Word<Vec<String>> {
    let one = |value: &Dynamic| match value.read_lock::<AttachmentValue>() {
        Some(it) => text_or_absent(it.file().and_then(crate::mail::Attachment::name)),
        None => value.clone(),
    };
    let is_inside = |value: &Dynamic| value.read_lock::<AttachmentValue>().is_some_and(|it| it.path.len() > 1);
    if is_inside(value) || value.as_array_ref().is_ok_and(|list| list.iter().any(is_inside)) {
        let hint = "attach the file that it lies in";
        return fault(context, codes::VALUE, "a file that lies in another file cannot be attached", hint);
    }
    let plain =
        value.as_array_ref().map_or_else(|_| one(value), |list| Dynamic::from(list.iter().map(one).collect::<rhai::Array>()));
    Ok(texts(context, &plain)?.iter().map(ToString::to_string).collect())
}
