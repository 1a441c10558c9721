//! What the files of a mail make of it: an invitation, a report.

use rhai::{Dynamic, Engine, NativeCallContext};

use super::Word as Entry;
use super::register::{fact, needs};
use super::told;
use crate::mail::{Attachment, Event, NeedsReading, Reading, Report};
use crate::plan::Question;
use crate::rules::allocator;
use crate::rules::stop::{Word, ask};
use crate::rules::values::MailValue;

/// The family's words.
pub(super) const WORDS: &[Entry] = &[
    Entry::new([
        "invitation",
        "calendar",
        "mail.invitation -> event",
        "The event that a mail invites to, changes, cancels or answers",
        "if mail.invitation.method == \"REQUEST\" { flag(); }",
    ]),
    Entry::new([
        "dmarc_report",
        "report",
        "mail.dmarc_report -> dmarc_report",
        "Who sent mail in our name, as a DMARC report says; in an archive too",
        "if mail.dmarc_report != () { flag(); }",
    ]),
    Entry::new([
        "tls_report",
        "report",
        "mail.tls_report -> tls_report",
        "Whether mail to us came encrypted, as a TLS report says; in an archive too",
        "if mail.tls_report != () { flag(); }",
    ]),
    Entry::new([
        "complaint",
        "report",
        "mail.complaint -> complaint",
        "What somebody complains of (ARF)",
        "if mail.complaint != () { flag(); }",
    ]),
];

/// Registers the family.
pub(super) fn register(engine: &mut Engine) {
    fact::<MailValue>(engine, "invitation", |context, mail| {
        let event = first_told(context, mail, is_calendar, |reading| invitation(&reading.events).cloned())?;
        Ok(event.map_or(Dynamic::UNIT, |event| told::one(event, &mail.0.zone)))
    });
    fact::<MailValue>(engine, "dmarc_report", |context, mail| {
        report(context, mail, |report| match report {
            Report::Dmarc(report) => Some(told::one(report, &mail.0.zone)),
            _ => None,
        })
    });
    fact::<MailValue>(engine, "tls_report", |context, mail| {
        report(context, mail, |report| match report {
            Report::Tls(report) => Some(told::one(report, &mail.0.zone)),
            _ => None,
        })
    });
    fact::<MailValue>(engine, "complaint", |context, mail| {
        report(context, mail, |report| match report {
            Report::Complaint(report) => Some(told::one(report, &mail.0.zone)),
            _ => None,
        })
    });
}

/// What the first of the mail's files has that may have it, or the question for what stands in the files. A mail without such a file
/// asks nothing.
fn first_told<T>(
    context: &NativeCallContext,
    mail: &MailValue,
    may_have: fn(&Attachment) -> bool,
    part: impl Fn(&Reading) -> Option<T>,
) -> Word<Option<T>> {
    let opened = needs(context, || mail.0.message.content())?;
    for attachment in opened.attachments().iter().filter(|attachment| may_have(attachment)) {
        match allocator::uncounted(|| part_of(attachment, &part)) {
            Err(NeedsReading) => return ask(context, Question::Attachments),
            Ok(None) => {}
            found => return Ok(found.ok().flatten()),
        }
    }
    Ok(None)
}

/// What a file has, or else the first of the files in it.
fn part_of<T>(file: &Attachment, part: &impl Fn(&Reading) -> Option<T>) -> Result<Option<T>, NeedsReading> {
    if let Some(found) = part(file.reading()?) {
        return Ok(Some(found));
    }
    for inside in file.files()? {
        if let Some(found) = part(inside.reading()?) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Of the versions of an event in one calendar, the one for the whole series.
fn invitation(events: &[Event]) -> Option<&Event> {
    events.iter().find(|event| event.recurrence_id.is_none()).or_else(|| events.first())
}

fn is_calendar(file: &Attachment) -> bool {
    matches!(file.content_type(), "text/calendar" | "application/ics") || has_ending(file, &["ics"])
}

fn may_be_report(file: &Attachment) -> bool {
    file.content_type() == "message/feedback-report"
        || ["xml", "json", "zip", "gzip", "tlsrpt"].iter().any(|kind| file.content_type().contains(kind))
        || has_ending(file, &["xml", "json", "zip", "gz"])
}

fn has_ending(file: &Attachment, endings: &[&str]) -> bool {
    let ending = file.name().and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending.to_ascii_lowercase());
    ending.is_some_and(|ending| endings.contains(&ending.as_str()))
}

fn report(context: &NativeCallContext, mail: &MailValue, meant: impl Fn(Report) -> Option<Dynamic>) -> Word<Dynamic> {
    let found = first_told(context, mail, may_be_report, |reading| reading.report.clone().and_then(&meant))?;
    Ok(found.unwrap_or(Dynamic::UNIT))
}
