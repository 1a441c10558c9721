//! Events of calendars, and address cards.

use super::told::{each, facts, one, text, texts, when};
use crate::mail::{Attendee, Contact, Event, When};

facts! { "calendar";
    event: Event, one "mail.invitation" {
        method -> text: "What is wanted: REQUEST, CANCEL, REPLY …", |it| text(it.value.method.as_ref());
        uid -> text: "The event's name in all its versions", |it| text(it.value.uid.as_ref());
        sequence -> number: "The version", |it| it.value.sequence.map_or(rhai::Dynamic::UNIT, rhai::Dynamic::from);
        summary -> text: "The subject", |it| text(it.value.summary.as_ref());
        description -> text: "The text", |it| text(it.value.description.as_ref());
        location -> text: "Where", |it| text(it.value.location.as_ref());
        status -> text: "CONFIRMED, TENTATIVE or CANCELLED", |it| text(it.value.status.as_ref());
        start -> moment: "When it begins; whole days begin at midnight", |it| when(it.value.start, &it.zone);
        end -> moment: "When it ends; of whole days, the day after the last", |it| when(it.value.end, &it.zone);
        is_all_day -> bool: "Whether it is about whole days", |it| matches!(it.value.start, Some(When::Day(_))).into();
        recurrence -> text: "How it comes again: FREQ=WEEKLY;COUNT=3", |it| text(it.value.recurrence.as_ref());
        recurrence_id -> moment: "Which of a series it is", |it| when(it.value.recurrence_id, &it.zone);
        organizer -> attendee: "Who invites", |it| it.value.organizer.clone().map_or(rhai::Dynamic::UNIT, |who| one(who, &it.zone));
        attendees -> list: "Who is invited", |it| each(&it.value.attendees, &it.zone);
    }
    attendee: Attendee, one "mail.invitation.organizer" {
        address -> text: "The mail address", |it| text(it.value.address.as_ref());
        name -> text: "The name", |it| text(it.value.name.as_ref());
        answer -> text: "NEEDS-ACTION, ACCEPTED, DECLINED, TENTATIVE", |it| text(it.value.answer.as_ref());
        role -> text: "REQ-PARTICIPANT, OPT-PARTICIPANT, CHAIR …", |it| text(it.value.role.as_ref());
    }
    contact: Contact, each "mail.attachment(\"*.vcf\").contacts" {
        name -> text: "The name", |it| text(it.value.name.as_ref());
        organization -> text: "The organisation", |it| text(it.value.organization.as_ref());
        title -> text: "The position", |it| text(it.value.title.as_ref());
        emails -> list: "Mail addresses", |it| texts(&it.value.emails);
        phones -> list: "Telephone numbers", |it| texts(&it.value.phones);
        addresses -> list: "Postal addresses", |it| texts(&it.value.addresses);
        url -> text: "The web page", |it| text(it.value.url.as_ref());
        note -> text: "Remarks", |it| text(it.value.note.as_ref());
    }
}
