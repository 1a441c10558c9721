//! The letters of a date's form, as Excel and Power Automate have them.

use super::date::DateError;

/// One part of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// `d`, `dd`.
    Day(usize),
    /// `ddd`, `dddd`.
    Weekday(usize),
    /// `M` to `MMMM`.
    Month(usize),
    /// `yy`, `yyyy`.
    Year(usize),
    /// `H`, `HH`.
    Hour24(usize),
    /// `h`, `hh`.
    Hour12(usize),
    /// `m`, `mm`.
    Minute(usize),
    /// `s`, `ss`.
    Second(usize),
    /// `tt`, `AM/PM`.
    HalfDay,
    /// Everything else, and what stands in quotes or after a backslash.
    Literal(String),
}

/// Characters of a form.
const FORM_CHARS_MAX: usize = 100;

/// The items of a form. `D` and `Y` count as `d` and `y`. `m` is the month in a form without `M` unless it stands after an
/// hour or before a second.
///
/// # Errors
/// A letter that stands for nothing, a run too long, an open quote, more than 100 characters.
pub(super) fn items(form: &str) -> Result<Vec<Item>, DateError> {
    let bad = |reason: String| DateError::BadForm { form: form.chars().take(FORM_CHARS_MAX).collect(), reason };
    let signs: Vec<char> = form.chars().collect();
    if signs.len() > FORM_CHARS_MAX {
        return Err(bad(format!("it is longer than {FORM_CHARS_MAX} characters")));
    }
    let mut items = Vec::new();
    let mut at = 0;
    while let Some(&sign) = signs.get(at) {
        let rest = &signs[at..];
        let (item, width) = match sign {
            quote @ ('\'' | '"') => {
                let inner: String = rest.iter().skip(1).take_while(|sign| **sign != quote).collect();
                let width = inner.chars().count() + 2;
                if width > rest.len() {
                    return Err(bad(format!("the quote {quote} is not closed")));
                }
                (Item::Literal(inner), width)
            }
            '\\' => (Item::Literal(rest.get(1).map(ToString::to_string).unwrap_or_default()), 2),
            _ if rest.starts_with(&['A', 'M', '/', 'P', 'M']) => (Item::HalfDay, 5),
            letter if letter.is_alphabetic() => {
                let run = rest.iter().take_while(|sign| **sign == letter).count();
                (letters(letter, run).map_err(bad)?, run)
            }
            other => (Item::Literal(other.to_string()), 1),
        };
        push(&mut items, item);
        at += width;
    }
    settle_minutes(&mut items);
    Ok(items)
}

fn letters(letter: char, run: usize) -> Result<Item, String> {
    match (letter, run) {
        ('d' | 'D', 1 | 2) => Ok(Item::Day(run)),
        ('d' | 'D', 3 | 4) => Ok(Item::Weekday(run)),
        ('M', 1..=4) => Ok(Item::Month(run)),
        ('y' | 'Y', 2 | 4) => Ok(Item::Year(run)),
        ('H', 1 | 2) => Ok(Item::Hour24(run)),
        ('h', 1 | 2) => Ok(Item::Hour12(run)),
        // Three and more are months in Excel; settled below.
        ('m', 1..=4) => Ok(Item::Minute(run)),
        ('s', 1 | 2) => Ok(Item::Second(run)),
        ('t', 2) => Ok(Item::HalfDay),
        ('T' | 'Z', 1) => Ok(Item::Literal(letter.to_string())),
        ('d' | 'D' | 'M' | 'y' | 'Y' | 'H' | 'h' | 'm' | 's', _) => {
            Err(format!("`{}` is no part of a date; write for example dd, MM or yyyy", String::from(letter).repeat(run)))
        }
        _ => Err(format!("the letter `{letter}` stands for nothing; words are put in single quotes: 'de'")),
    }
}

fn push(items: &mut Vec<Item>, item: Item) {
    match (items.last_mut(), item) {
        (Some(Item::Literal(before)), Item::Literal(more)) => before.push_str(&more),
        (_, item) => items.push(item),
    }
}

fn settle_minutes(items: &mut [Item]) {
    if items.iter().any(|item| matches!(item, Item::Month(_))) {
        return;
    }
    let parts: Vec<usize> = (0..items.len()).filter(|at| !matches!(items[*at], Item::Literal(_))).collect();
    for (position, at) in parts.iter().enumerate() {
        let Item::Minute(width) = items[*at] else { continue };
        let after_hour = position > 0 && matches!(items[parts[position - 1]], Item::Hour24(_) | Item::Hour12(_));
        let before_second = parts.get(position + 1).is_some_and(|next| matches!(items[*next], Item::Second(_)));
        if width > 2 || !(after_hour || before_second) {
            items[*at] = Item::Month(width);
        }
    }
}

/// An expression, with the letters of Latin script only (`\p{L}` grows large), that matches the form, with one group for each item that is no literal. Numbers of one or two digits both
/// fit `d` and `dd`, unless digits follow digits (`yyyyMMdd`).
pub(super) fn expression(items: &[Item]) -> String {
    let digits = |at: Option<usize>| {
        at.and_then(|at| items.get(at)).is_some_and(|item| match item {
            Item::Literal(_) | Item::Weekday(_) | Item::HalfDay => false,
            Item::Month(width) => *width <= 2,
            _ => true,
        })
    };
    let mut expression = String::from("(?i)");
    for (at, item) in items.iter().enumerate() {
        let fixed = digits(at.checked_sub(1)) || digits(Some(at + 1));
        match item {
            Item::Literal(text) => literal(&mut expression, text),
            Item::Weekday(_) | Item::Month(3..) => expression.push_str(r"([a-z\x{C0}-\x{24F}]{2,14})\.?"),
            Item::HalfDay => expression.push_str(r"([ap]\.?m\.?)"),
            Item::Year(4) => expression.push_str(r"([0-9]{4})"),
            Item::Year(_) => expression.push_str(r"([0-9]{2})"),
            _ if fixed => expression.push_str(r"([0-9]{2})"),
            _ => expression.push_str(r"([0-9]{1,2})"),
        }
    }
    expression
}

/// Any run of white space (up to 20) fits a blank.
fn literal(expression: &mut String, text: &str) {
    let mut blank = false;
    for sign in text.chars() {
        if !sign.is_whitespace() {
            expression.push_str(&regex::escape(&sign.to_string()));
        } else if !blank {
            expression.push_str(r"\s{1,20}");
        }
        blank = sign.is_whitespace();
    }
}
