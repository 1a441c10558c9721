//! Address cards: vCard 2.1, 3.0 and 4.0.

use calcard::vcard::{VCard, VCardProperty, VCardValue};
use calcard::{Entry, Parser};
use serde::{Deserialize, Serialize};

use super::ENTRIES_MAX;

/// Cards of a file that are read.
const CONTACTS_MAX: usize = 10_000;

/// Somebody's card.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The name as it is shown.
    pub name: Option<String>,
    /// The organisation, with its parts behind commas.
    pub organization: Option<String>,
    /// The position.
    pub title: Option<String>,
    /// Mail addresses.
    pub emails: Vec<String>,
    /// Telephone numbers.
    pub phones: Vec<String>,
    /// Postal addresses, the parts of each behind commas.
    pub addresses: Vec<String>,
    /// The web page.
    pub url: Option<String>,
    /// Remarks.
    pub note: Option<String>,
}

/// The cards of a file, in its order.
///
/// # Errors
/// It holds no card, in words.
pub fn contacts(text: &str) -> Result<Vec<Contact>, String> {
    let mut parser = Parser::new(text);
    let mut found = Vec::new();
    for _ in 0..ENTRIES_MAX {
        match parser.entry() {
            Entry::VCard(card) => found.push(contact(&card)),
            Entry::Eof => break,
            _ => {}
        }
        if found.len() > CONTACTS_MAX {
            return Err(format!("it has more than {CONTACTS_MAX} cards"));
        }
    }
    if found.is_empty() { Err("it holds no address card".to_owned()) } else { Ok(found) }
}

fn contact(card: &VCard) -> Contact {
    let all = |name: VCardProperty| card.properties(&name).filter_map(|entry| shown(&entry.values)).collect::<Vec<_>>();
    let first = |name: VCardProperty| card.properties(&name).find_map(|entry| shown(&entry.values));
    Contact {
        name: first(VCardProperty::Fn).or_else(|| card.property(&VCardProperty::N).and_then(|entry| by_parts(&entry.values))),
        organization: first(VCardProperty::Org),
        title: first(VCardProperty::Title),
        emails: all(VCardProperty::Email),
        phones: all(VCardProperty::Tel).into_iter().map(|phone| phone.trim_start_matches("tel:").to_owned()).collect(),
        addresses: all(VCardProperty::Adr),
        url: first(VCardProperty::Url),
        note: first(VCardProperty::Note),
    }
}

/// The texts of a value, the parts of one that has parts behind commas.
fn shown(values: &[VCardValue]) -> Option<String> {
    let texts: Vec<&str> = parts(values).into_iter().map(str::trim).filter(|text| !text.is_empty()).collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

/// `Family;Given;Additional;Prefix;Suffix` as one says it.
fn by_parts(values: &[VCardValue]) -> Option<String> {
    let parts = parts(values);
    let said =
        [3, 1, 2, 0, 4].into_iter().filter_map(|place| parts.get(place).map(|part| part.trim())).filter(|part| !part.is_empty());
    let name = said.collect::<Vec<_>>().join(" ");
    (!name.is_empty()).then_some(name)
}

fn parts(values: &[VCardValue]) -> Vec<&str> {
    let texts = values.iter().flat_map(|value| match value {
        VCardValue::Component(parts) => parts.iter().map(String::as_str).collect(),
        other => other.as_text().into_iter().collect::<Vec<_>>(),
    });
    texts.collect()
}
