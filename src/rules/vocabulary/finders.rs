//! Finding values of a kind in texts: addresses, numbers of accounts, taxes and parcels.

use rhai::{Array, Dynamic, Engine, Map};

use super::Word as Entry;
use super::content::texts_of;
use super::register::{Absent, of_text};
use crate::rules::values::text_or_absent;
use crate::text::{self, Tracking};

/// The family's words.
pub(super) const WORDS: &[Entry] = &[
    Entry::new([
        "emails",
        "finders",
        "text.emails -> list",
        "The mail addresses in it, in lower case",
        "for address in mail.top_text.emails { note(address); }",
    ]),
    Entry::new([
        "urls",
        "finders",
        "text.urls -> list",
        "The web addresses in it",
        "for url in mail.top_text.urls { note(url); }",
    ]),
    Entry::new([
        "phones",
        "finders",
        "text.phones -> list",
        "The phone numbers in it: +4930901820, or the digits behind a word such as Tel.",
        "for phone in mail.signature.phones ?? [] { note(phone); }",
    ]),
    Entry::new([
        "ibans",
        "finders",
        "text.ibans -> list",
        "The IBANs in it whose check digits are right, without blanks",
        "for iban in mail.text.ibans { note(iban); }",
    ]),
    Entry::new([
        "vat_ids",
        "finders",
        "text.vat_ids -> list",
        "The VAT ids in it, with their country, whose check digits are right",
        "for id in mail.text.vat_ids { note(id); }",
    ]),
    Entry::new([
        "tracking_numbers",
        "finders",
        "text.tracking_numbers -> list",
        "The parcels in it, each with `number` and `carrier`",
        "for parcel in mail.text.tracking_numbers { note(parcel.number); }",
    ]),
];

/// A fact of a text, with and without `()`.
macro_rules! finder {
    ($engine:expr, $name:literal, $find:path) => {
        for written in [$name, concat!("get$", $name)] {
            of_text($engine, written, &[], &Absent::Nothing, |_, it, _| Ok(texts_of($find(it).iter().map(String::as_str))));
        }
    };
}

/// Registers the family.
pub(super) fn register(engine: &mut Engine) {
    finder!(engine, "emails", text::emails);
    finder!(engine, "urls", text::urls);
    finder!(engine, "phones", text::phones);
    finder!(engine, "ibans", text::ibans);
    finder!(engine, "vat_ids", text::vat_ids);
    for written in ["tracking_numbers", "get$tracking_numbers"] {
        of_text(engine, written, &[], &Absent::Nothing, |_, it, _| {
            Ok(Dynamic::from(text::tracking_numbers(it).iter().map(parcel).collect::<Array>()))
        });
    }
}

fn parcel(found: &Tracking) -> Dynamic {
    let pairs = [("number", Some(found.number.as_str())), ("carrier", found.carrier)];
    Dynamic::from(pairs.into_iter().map(|(key, value)| (key.into(), text_or_absent(value))).collect::<Map>())
}
