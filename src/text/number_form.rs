//! How a number is written: its group and decimal separators, told by an example.

use rust_decimal::{Decimal, RoundingStrategy};

use super::amount::{Amount, Blanks, Part, amounts};

/// Why a number cannot be taken from a text, in plain words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// `1.234`: a thousand and some, or one and some.
    #[error("`{text}` reads as {whole} or as {decimal}; write the form: {word}(\"1.234,56\") or {word}(\"1,234.56\")")]
    TwoReadings {
        /// As it stands in the text.
        text: String,
        /// Its separator read as a group's.
        whole: String,
        /// Its separator read as the decimal one.
        decimal: String,
        /// The word of the rule: `to_money` or `to_number`.
        word: &'static str,
    },
    /// Two different numbers in one text.
    #[error(
        "two different numbers, `{first}` and `{second}`; take the part that holds one, for example with `value_after` or `find`"
    )]
    Several {
        /// The first.
        first: String,
        /// The next that differs.
        second: String,
    },
    /// Separators in an order that no form has.
    #[error("`{text}` is not a number in any form")]
    Malformed {
        /// As it stands in the text.
        text: String,
    },
    /// A number written in another form than the one asked for.
    #[error("`{text}` is not written in the form `{form}`")]
    OtherForm {
        /// As it stands in the text.
        text: String,
        /// The form asked for.
        form: String,
    },
    /// A form that is no example of a number, or reads two ways itself.
    #[error("`{form}` does not show how numbers are written; write an example such as \"1.234,56\", \"1,234.56\" or \"1234.56\"")]
    BadForm {
        /// The form.
        form: String,
    },
}

/// How numbers are written: `1.234,56` has the group separator `.`, the decimal separator `,` and two decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberForm {
    group: Option<char>,
    decimal: Option<char>,
    decimals: u32,
}

/// What a number's digits and separators say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// One reading.
    Value(Decimal),
    /// A group separator, or a decimal one.
    Two(String, String),
    /// Not a number: a date, an address, a version, or more than 28 digits.
    Other,
    /// Separators mixed in an order that no form has.
    Malformed,
}

impl NumberForm {
    /// The form of an example such as `1.234,56`, `1 234,56`, `1'234.50`, `1234.56` or `1234`.
    ///
    /// # Errors
    /// No number, more than one, or one that reads two ways (`1.234`).
    pub fn parse(example: &str) -> Result<Self, NumberError> {
        let bad = || NumberError::BadForm { form: example.to_owned() };
        let mut found = amounts(example, Blanks::Group);
        let (Some(amount), None) = (found.next(), found.next()) else { return Err(bad()) };
        if !matches!(read(&amount), Reading::Value(_)) {
            return Err(bad());
        }
        let (groups, decimals) = split(&amount);
        Ok(Self {
            group: groups.first().map(|(mark, _)| *mark),
            decimal: decimals.map(|(mark, _)| mark),
            decimals: decimals.and_then(|(_, digits)| u32::try_from(digits.len()).ok()).unwrap_or_default(),
        })
    }

    pub(super) fn blanks(self) -> Blanks {
        if self.group == Some(' ') { Blanks::Group } else { Blanks::Separate }
    }

    /// The value, if the number is written in this form; groups may be left out, and so may the decimals.
    pub(super) fn read(self, amount: &Amount<'_>) -> Option<Decimal> {
        let (groups, decimals) = match amount.parts.split_last() {
            Some((last, groups)) if Some(last.0) == self.decimal => (groups, last.1),
            _ => (amount.parts.as_slice(), ""),
        };
        let fits =
            groups.is_empty() || (grouped(amount.first, groups) && groups.iter().all(|(mark, _)| Some(*mark) == self.group));
        if fits { decimal(amount, groups, decimals) } else { None }
    }
}

/// The number in the form of an example (`1.234,56`), rounded half away from zero to its decimals.
///
/// # Errors
/// A form that is no example of a number.
pub fn format_number(value: Decimal, form: &str) -> Result<String, NumberError> {
    let form = NumberForm::parse(form)?;
    let mut rounded = value.round_dp_with_strategy(form.decimals, RoundingStrategy::MidpointAwayFromZero);
    rounded.rescale(form.decimals);
    let plain = rounded.abs().to_string();
    let (whole, decimals) = plain.split_once('.').unwrap_or((&plain, ""));
    let mut written = String::from(if rounded.is_sign_negative() && !rounded.is_zero() { "-" } else { "" });
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position).is_multiple_of(3) {
            written.extend(form.group);
        }
        written.push(digit);
    }
    if let Some(mark) = form.decimal.filter(|_| !decimals.is_empty()) {
        written.push(mark);
        written.push_str(decimals);
    }
    Ok(written)
}

/// What the number says when no form is known.
pub(super) fn read(amount: &Amount<'_>) -> Reading {
    let value = |groups: &[Part<'_>], decimals: &str| decimal(amount, groups, decimals).map_or(Reading::Other, Reading::Value);
    let marks: Vec<char> = amount.parts.iter().map(|(mark, _)| *mark).filter(|mark| matches!(mark, '.' | ',')).collect();
    let spaced = marks.len() < amount.parts.len();
    let Some(((_, last), before)) = amount.parts.split_last() else { return value(&[], "") };
    match marks.as_slice() {
        [] => value(&amount.parts, ""),
        [_] if !spaced && may_be_group(amount.first, last) => match (value(&amount.parts, ""), value(&[], last)) {
            (Reading::Value(whole), Reading::Value(decimal)) => Reading::Two(whole.to_string(), decimal.to_string()),
            _ => Reading::Other,
        },
        [_] => value(before, last),
        [kind, others @ ..] if others.iter().all(|mark| mark == kind) => {
            if !spaced && grouped(amount.first, &amount.parts) {
                value(&amount.parts, "")
            } else {
                Reading::Other
            }
        }
        [kind, middle @ .., _] if !spaced && middle.iter().all(|mark| mark == kind) && grouped(amount.first, before) => {
            value(before, last)
        }
        _ => Reading::Malformed,
    }
}

fn may_be_group(first: &str, last: &str) -> bool {
    last.len() == 3 && (1..=3).contains(&first.len()) && !first.starts_with('0')
}

/// Groups of three (`1.234.567`), or of two and a last of three as in India (`12,34,567`).
fn grouped(first: &str, groups: &[Part<'_>]) -> bool {
    let Some((last, middle)) = groups.split_last() else { return true };
    let threes = (1..=3).contains(&first.len()) && middle.iter().all(|(_, digits)| digits.len() == 3);
    let lakhs = last.0 == ',' && (1..=2).contains(&first.len()) && middle.iter().all(|(_, digits)| digits.len() == 2);
    last.1.len() == 3 && (threes || lakhs)
}

/// Group parts and the decimal part of a number that has one reading.
fn split<'a, 't>(amount: &'a Amount<'t>) -> (&'a [Part<'t>], Option<Part<'t>>) {
    match amount.parts.split_last() {
        Some((last, groups)) if matches!(last.0, '.' | ',') && groups.iter().all(|(mark, _)| *mark != last.0) => {
            (groups, Some(*last))
        }
        _ => (&amount.parts, None),
    }
}

/// The decimal number; `None` for more digits than it can hold (28).
fn decimal(amount: &Amount<'_>, groups: &[Part<'_>], decimals: &str) -> Option<Decimal> {
    let mut written = String::from(if amount.negative { "-0" } else { "0" });
    written.push_str(amount.first);
    written.extend(groups.iter().map(|(_, digits)| *digits));
    if !decimals.is_empty() {
        written.push('.');
        written.push_str(decimals);
    }
    Decimal::from_str_exact(&written).ok()
}
