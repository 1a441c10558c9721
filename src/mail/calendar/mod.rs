//! Calendar objects (iCalendar, RFC 5545; invitations by RFC 5546) and address cards (vCard, RFC 6350 and before).

mod contact;
mod zone;

use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarEntry, ICalendarParameterName, ICalendarParameterValue,
    ICalendarProperty, ICalendarValue,
};
use calcard::{Entry, Parser};
use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Serialize};

pub use contact::{Contact, contacts};
use zone::Zones;

/// Events of a file that are read.
const EVENTS_MAX: usize = 10_000;
/// Attendees of an event that are read.
const ATTENDEES_MAX: usize = 2_000;
/// What a file may hold beside events: lines that are no part of anything among them.
const ENTRIES_MAX: usize = 100_000;

/// An event of a calendar.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What the sender wants done with it, in capitals: `REQUEST`, `CANCEL`, `REPLY` …
    pub method: Option<String>,
    /// The event's name for all its versions.
    pub uid: Option<String>,
    /// The version.
    pub sequence: Option<i64>,
    /// The subject.
    pub summary: Option<String>,
    /// The text.
    pub description: Option<String>,
    /// Where.
    pub location: Option<String>,
    /// `CONFIRMED`, `TENTATIVE`, `CANCELLED`.
    pub status: Option<String>,
    /// When it begins.
    pub start: Option<When>,
    /// When it ends; of whole days, the day after the last.
    pub end: Option<When>,
    /// How it comes again: the RRULE.
    pub recurrence: Option<String>,
    /// Which of a series it is.
    pub recurrence_id: Option<When>,
    /// Who invites.
    pub organizer: Option<Attendee>,
    /// Who is invited.
    pub attendees: Vec<Attendee>,
}

/// A point of a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// A whole day.
    Day(Date),
    /// A moment.
    Moment(jiff::Timestamp),
    /// A time of day wherever one is.
    Local(DateTime),
}

/// Who invites or is invited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attendee {
    /// The mail address.
    pub address: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// What was answered: `NEEDS-ACTION`, `ACCEPTED`, `DECLINED`, `TENTATIVE`.
    pub answer: Option<String>,
    /// `REQ-PARTICIPANT`, `OPT-PARTICIPANT`, `CHAIR` …
    pub role: Option<String>,
}

/// The events of a calendar file, in its order.
///
/// # Errors
/// It is no calendar, in words. A calendar without events has none.
pub fn events(text: &str) -> Result<Vec<Event>, String> {
    let mut parser = Parser::new(text);
    let mut found = Vec::new();
    let mut is_calendar = false;
    for _ in 0..ENTRIES_MAX {
        match parser.entry() {
            Entry::ICalendar(calendar) => {
                is_calendar = true;
                collect(&calendar, &mut found);
            }
            Entry::Eof => break,
            Entry::TooManyComponents => return Err("its calendar has too many parts".to_owned()),
            // A part without its end is read no further by any program; what came before it counts.
            _ => {}
        }
        if found.len() >= EVENTS_MAX {
            return Err(format!("it has more than {EVENTS_MAX} events"));
        }
    }
    if is_calendar { Ok(found) } else { Err("it is no calendar".to_owned()) }
}

fn collect(calendar: &ICalendar, found: &mut Vec<Event>) {
    let zones = Zones::of(calendar);
    let of_kind =
        |kind: ICalendarComponentType| calendar.components.iter().filter(move |component| component.component_type == kind);
    let method = of_kind(ICalendarComponentType::VCalendar).find_map(|it| text(it, &ICalendarProperty::Method));
    let events = of_kind(ICalendarComponentType::VEvent).take(EVENTS_MAX);
    found.extend(
        events.map(|it| Event { method: method.as_ref().map(|method| method.to_ascii_uppercase()), ..event(it, &zones) }),
    );
}

fn event(it: &ICalendarComponent, zones: &Zones<'_>) -> Event {
    let when = |name| it.property(&name).and_then(|entry| zones.when(entry));
    let start = when(ICalendarProperty::Dtstart);
    let people = it.properties(&ICalendarProperty::Attendee).take(ATTENDEES_MAX);
    Event {
        method: None,
        uid: text(it, &ICalendarProperty::Uid),
        sequence: it.property(&ICalendarProperty::Sequence).and_then(|entry| entry.values.first()?.as_integer()),
        summary: text(it, &ICalendarProperty::Summary),
        description: text(it, &ICalendarProperty::Description),
        location: text(it, &ICalendarProperty::Location),
        status: text(it, &ICalendarProperty::Status).map(|status| status.to_ascii_uppercase()),
        start,
        end: when(ICalendarProperty::Dtend).or_else(|| start?.after(it.property(&ICalendarProperty::Duration)?)),
        recurrence: text(it, &ICalendarProperty::Rrule),
        recurrence_id: when(ICalendarProperty::RecurrenceId),
        organizer: it.property(&ICalendarProperty::Organizer).map(attendee),
        attendees: people.map(attendee).collect(),
    }
}

fn text(it: &ICalendarComponent, name: &ICalendarProperty) -> Option<String> {
    let value = it.property(name)?.values.first()?.clone().into_text()?;
    Some(value.trim().to_owned()).filter(|text| !text.is_empty())
}

fn attendee(entry: &ICalendarEntry) -> Attendee {
    let stated = |name: &ICalendarParameterName| {
        let text = entry.parameters(name).find_map(ICalendarParameterValue::as_text)?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let own = entry.values.first().and_then(ICalendarValue::as_text).map(str::trim).map(without_scheme);
    Attendee {
        address: own.filter(|text| text.contains('@')).map(str::to_owned).or_else(|| stated(&ICalendarParameterName::Email)),
        name: stated(&ICalendarParameterName::Cn),
        answer: stated(&ICalendarParameterName::Partstat).map(|answer| answer.to_ascii_uppercase()),
        role: stated(&ICalendarParameterName::Role).map(|role| role.to_ascii_uppercase()),
    }
}

/// An address without `mailto:`.
fn without_scheme(text: &str) -> &str {
    text.split_once(':').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("mailto")).map_or(text, |(_, address)| address)
}

#[cfg(test)]
mod tests;
