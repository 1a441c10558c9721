#![allow(clippy::unwrap_used, clippy::unnecessary_wraps)]

use jiff::civil::{date, datetime};

use super::*;

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

const REQUEST: &str = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nVERSION:2.0\r\nBEGIN:VTIMEZONE\r\nTZID:Our own time\r\n\
BEGIN:STANDARD\r\nDTSTART:16010101T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\nEND:STANDARD\r\n\
BEGIN:DAYLIGHT\r\nDTSTART:16010101T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\r\nEND:DAYLIGHT\r\n\
END:VTIMEZONE\r\nBEGIN:VEVENT\r\nUID:7@contoso.com\r\nSEQUENCE:2\r\nSUMMARY;LANGUAGE=en-US:Delivery\\, plan\r\n\
LOCATION:Dock 4\r\nSTATUS:CONFIRMED\r\nDTSTART;TZID=\"Our own time\":20260702T100000\r\nDTEND;TZID=Our own time:20261102T100000\r\n\
RRULE:FREQ=WEEKLY;COUNT=3;BYDAY=TH\r\nORGANIZER;CN=Ann:mailto:ann@fabrikam.com\r\n\
ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE;CN=Orders:MAILTO:orders@cont\r\n oso.com\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

#[test]
fn an_invitation_is_read_with_a_zone_that_is_told_by_its_rules() {
    let expected = Event {
        method: some("REQUEST"),
        uid: some("7@contoso.com"),
        sequence: Some(2),
        summary: some("Delivery, plan"),
        location: some("Dock 4"),
        status: some("CONFIRMED"),
        start: Some(When::Moment("2026-07-02T08:00:00Z".parse().unwrap())),
        end: Some(When::Moment("2026-11-02T09:00:00Z".parse().unwrap())),
        recurrence: some("FREQ=WEEKLY;COUNT=3;BYDAY=TH"),
        organizer: Some(Attendee { address: some("ann@fabrikam.com"), name: some("Ann"), ..Attendee::default() }),
        attendees: vec![Attendee {
            address: some("orders@contoso.com"),
            name: some("Orders"),
            answer: some("NEEDS-ACTION"),
            role: some("REQ-PARTICIPANT"),
        }],
        ..Event::default()
    };
    assert_eq!(events(REQUEST), Ok(vec![expected]));
}

fn start_and_end(lines: &str) -> (Option<When>, Option<When>) {
    let text = format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\n{lines}\nEND:VEVENT\nEND:VCALENDAR\n");
    let event = events(&text).unwrap().remove(0);
    (event.start, event.end)
}

#[test]
fn whole_days_named_zones_utc_and_times_without_a_zone() {
    let moment = |text: &str| Some(When::Moment(text.parse().unwrap()));
    for (lines, expected) in [
        ("DTSTART;VALUE=DATE:20261224\nDURATION:P2D", (Some(When::Day(date(2026, 12, 24))), Some(When::Day(date(2026, 12, 26))))),
        ("DTSTART:20261224T100000Z\nDURATION:PT90M", (moment("2026-12-24T10:00:00Z"), moment("2026-12-24T11:30:00Z"))),
        ("DTSTART;TZID=Europe/Berlin:20260702T100000", (moment("2026-07-02T08:00:00Z"), None)),
        ("DTSTART;TZID=W. Europe Standard Time:20260702T100000", (moment("2026-07-02T08:00:00Z"), None)),
        ("DTSTART:20261224T100000", (Some(When::Local(datetime(2026, 12, 24, 10, 0, 0, 0))), None)),
        ("DTSTART;TZID=Nowhere:20261224T100000", (Some(When::Local(datetime(2026, 12, 24, 10, 0, 0, 0))), None)),
        ("DTSTART:20261399", (None, None)),
    ] {
        assert_eq!(start_and_end(lines), expected, "{lines}");
    }
}

#[test]
fn cards_of_every_version_give_their_contact() {
    let text = "BEGIN:VCARD\nVERSION:2.1\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;Ann\nORG:Fabrikam;Sales\nTEL;WORK;VOICE:+49 431 1\n\
        EMAIL;INTERNET:ann@fabrikam.com\nADR;WORK:;;Hafenstr. 1;Kiel;;24103;Germany\nEND:VCARD\nBEGIN:VCARD\nVERSION:4.0\nFN:Bob\nTEL;VALUE=uri:tel:+1-555\nEND:VCARD\n";
    let ann = Contact {
        name: some("Ann Müller"),
        organization: some("Fabrikam, Sales"),
        emails: vec!["ann@fabrikam.com".to_owned()],
        phones: vec!["+49 431 1".to_owned()],
        addresses: vec!["Hafenstr. 1, Kiel, 24103, Germany".to_owned()],
        ..Contact::default()
    };
    let bob = Contact { name: some("Bob"), phones: vec!["+1-555".to_owned()], ..Contact::default() };
    assert_eq!(contacts(text), Ok(vec![ann, bob]));
    assert_eq!(contacts("hello"), Err("it holds no address card".to_owned()));
}

#[test]
fn what_is_no_calendar_or_only_the_beginning_of_one_does_no_harm() {
    assert_eq!(events("hello"), Err("it is no calendar".to_owned()));
    for end in 0..REQUEST.len() {
        let _ = events(&REQUEST[..end]);
    }
    let deep = format!("BEGIN:VCALENDAR\n{}", "BEGIN:VEVENT\n".repeat(50_000));
    let _ = events(&deep);
}
