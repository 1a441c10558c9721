//! Long numbers: replaced digit by digit, so that they keep their form, and the same by the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;
use sha2::{Digest, Sha256};

/// Long numbers, telephone numbers and IBANs.
static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b|(?:\+|\(0|\b00?)[0-9](?:[ ()/-]{0,2}[0-9]){6,}|[0-9]{5,}").ok()
});
/// Days, alone or with others.
static DAY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])$|^[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}").ok()
});

pub(super) struct Numbers {
    secret: u64,
    /// What was replaced, as it stood.
    seen: BTreeMap<String, String>,
}

impl Numbers {
    pub(super) fn new(secret: u64) -> Self {
        Self { secret, seen: BTreeMap::new() }
    }

    /// A text with its long numbers replaced. Days and amounts stay: rules reckon with them.
    pub(super) fn replaced(&mut self, text: &str, kept: &BTreeSet<String>) -> String {
        let Some(pattern) = &*NUMBER else { return text.to_owned() };
        let mut replaced = String::with_capacity(text.len());
        let mut done = 0;
        for found in pattern.find_iter(text) {
            replaced.push_str(text.get(done..found.start()).unwrap_or_default());
            done = found.end();
            let after = text.get(found.end()..).unwrap_or_default();
            if stays(found.as_str(), after, kept) {
                replaced.push_str(found.as_str());
            } else {
                replaced.push_str(&self.number(found.as_str()));
            }
        }
        replaced.push_str(text.get(done..).unwrap_or_default());
        replaced
    }

    fn number(&mut self, number: &str) -> String {
        // Every run of digits by itself, so that a number is the same with and without its blanks only where people write it so.
        let mut hasher = Sha256::new();
        hasher.update(self.secret.to_be_bytes());
        hasher.update(number.as_bytes());
        let digest = hasher.finalize();
        let mut at = 0;
        let new: String = number
            .chars()
            .map(|sign| {
                let Some(old) = sign.to_digit(10) else { return sign };
                at += 1;
                // The first digit stays what it is where it is 0: a leading zero is a form.
                if at == 1 && old == 0 {
                    return sign;
                }
                let shift = u32::from(digest.get(at % digest.len()).copied().unwrap_or(1)) % 8 + 1;
                let digit = (old + shift) % 10;
                let digit = if at == 1 && digit == 0 { 1 + u32::from(old == 1) } else { digit };
                char::from_digit(digit, 10).unwrap_or(sign)
            })
            .collect();
        self.seen.insert(number.to_owned(), new.clone());
        new
    }

    /// A name for an id, the same for the same.
    pub(super) fn id(&self, id: &str) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.secret.to_be_bytes());
        hasher.update(id.as_bytes());
        crate::plan::hex(hasher.finalize().get(..6).unwrap_or_default())
    }

    /// The originals that are still in a text, by themselves.
    pub(super) fn leftovers(&self, text: &str, kept: &BTreeSet<String>) -> Vec<String> {
        let Some(pattern) = &*NUMBER else { return Vec::new() };
        let news: BTreeSet<&String> = self.seen.values().collect();
        let upper = text.to_uppercase();
        let found = pattern.find_iter(&upper).filter(|found| {
            let after = upper.get(found.end()..).unwrap_or_default();
            let number = found.as_str().to_owned();
            self.seen.contains_key(&number) && !news.contains(&number) && !stays(&number, after, kept)
        });
        found.map(|found| found.as_str().to_owned()).collect()
    }
}

/// Whether a number is a day, an amount, or one that somebody wants to keep.
fn stays(number: &str, after: &str, kept: &BTreeSet<String>) -> bool {
    let mut following = after.chars();
    let is_amount = matches!(following.next(), Some('.' | ','))
        && following.next().is_some_and(|sign| sign.is_ascii_digit())
        && following.nth(1).is_none_or(|sign| !sign.is_ascii_digit());
    let is_plain = number.chars().all(|sign| sign.is_ascii_digit());
    is_plain && is_amount || DAY.as_ref().is_some_and(|day| day.is_match(number)) || kept.contains(&number.to_lowercase())
}
