//! Numbers as they stand in text: where one begins and ends, its sign, and whether a currency stands beside it.

use super::currency;

/// A run of digits with the separator before it: `.`, `,`, `'` or a space (every kind of it given as ` `).
pub(super) type Part<'t> = (char, &'t str);

/// What stands directly after a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suffix {
    /// A percent sign, also after a blank: `19 %`.
    Percent,
    /// Letters that are no currency: `5kg`.
    Unit,
    /// Anything else.
    Other,
}

/// A number found in text, not yet read.
#[derive(Clone, Debug)]
pub(super) struct Amount<'t> {
    /// The number as written, without sign and currency.
    pub text: &'t str,
    /// The digits before the first separator; empty for `.75`.
    pub first: &'t str,
    /// Each further run of digits; the last is empty for `12,-`.
    pub parts: Vec<Part<'t>>,
    /// A minus before or after it, or the whole text is the number in parentheses.
    pub negative: bool,
    /// A currency's sign, code or name stands beside it.
    pub currency: bool,
    /// What follows directly.
    pub suffix: Suffix,
}

/// Whether blanks between groups of three digits belong to a number: they do unless the form says otherwise.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Blanks {
    Group,
    Separate,
}

/// The numbers of a text from left to right, in linear time. Digits that belong to names (`A4`, `INV-100`), times, dates with
/// slashes or hyphens and fractions are no numbers.
pub(super) fn amounts(text: &str, blanks: Blanks) -> impl Iterator<Item = Amount<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + text.as_bytes().get(at..)?.iter().position(u8::is_ascii_digit)?;
            let (amount, end) = scan(text, start, blanks);
            at = end;
            if let Some(amount) = amount {
                return Some(amount);
            }
        }
    })
}

fn scan(text: &str, start: usize, blanks: Blanks) -> (Option<Amount<'_>>, usize) {
    let mut end = start + digits(text, start);
    let (mut from, mut first) = (start, &text[start..end]);
    let mut parts = Vec::new();
    if let Some(mark) = leading_mark(text, start) {
        from = start - 1;
        parts.push((mark, first));
        first = "";
    }
    while let Some((mark, width)) = separator(text, end, first, &parts, blanks) {
        let begin = end + width;
        end = begin + digits(text, begin);
        parts.push((mark, &text[begin..end]));
    }
    let written = end;
    if let Some(width) = dash_decimals(text, end) {
        parts.push((text[end..].chars().next().unwrap_or(','), ""));
        end += width;
    }
    let amount = Amount { text: &text[from..written], first, parts, negative: false, currency: false, suffix: Suffix::Other };
    (judge(text, from, end, amount), end)
}

/// The marks around the number: sign, currency, or that it is no number at all.
fn judge<'t>(text: &'t str, from: usize, end: usize, mut amount: Amount<'t>) -> Option<Amount<'t>> {
    let (before, after) = (&text[..from], &text[end..]);
    if !may_follow(before, &amount) || !may_precede(after, &amount) {
        return None;
    }
    let (outer, minus) = strip_minus(before);
    let (outer, currency_before) = strip_currency_before(outer);
    let (outer, outer_minus) = if currency_before && !minus { strip_minus(outer) } else { (outer, false) };
    let (rest, minus_after) = match after.strip_prefix(['-', '−']) {
        Some(rest) if !rest.starts_with(|sign: char| sign.is_alphanumeric() || sign == '-') => (rest, true),
        _ => (after, false),
    };
    let (rest, currency_after) = strip_currency_after(rest);
    if after.trim_start_matches(is_blank).starts_with('%') {
        amount.suffix = Suffix::Percent;
    } else if !currency_after && after.starts_with(char::is_alphabetic) {
        amount.suffix = Suffix::Unit;
    }
    amount.currency = currency_before || currency_after;
    amount.negative = minus || outer_minus || minus_after || encloses(outer, rest);
    Some(amount)
}

/// Bytes before and after a number within which parentheses make it negative.
const SURROUNDINGS_MAX: usize = 64;

/// Whether the text around the number is nothing but parentheses, or a minus with a blank: `(5,00) EUR`, `- 5,00`.
fn encloses(before: &str, after: &str) -> bool {
    // Longer texts are more than an amount; looking at them for each number would not be linear.
    if before.len().max(after.len()) > SURROUNDINGS_MAX {
        return false;
    }
    let (before, after) = (before.trim(), after.trim());
    if after.is_empty() && matches!(before, "-" | "−" | "–") {
        return true;
    }
    let (Some(before), Some(after)) = (before.strip_suffix('('), after.strip_prefix(')')) else { return false };
    let nothing = |rest: &str| rest.is_empty() || rest.chars().all(currency::is_sign) || currency::is_word(rest);
    nothing(before.trim()) && nothing(after.trim())
}

fn may_follow(before: &str, amount: &Amount<'_>) -> bool {
    let mut signs = before.chars().rev();
    let (last, previous) = (signs.next(), signs.next());
    let after_digit = previous.is_some_and(|sign| sign.is_ascii_digit());
    match last {
        Some(':' | '/') => !after_digit,
        Some('-' | '–') if after_digit => amount.parts.iter().any(|(mark, _)| matches!(mark, '.' | ',')),
        Some('-') => !previous.is_some_and(char::is_alphabetic) || strip_currency_before(&before[..before.len() - 1]).1,
        Some('_') => false,
        Some(letter) if letter.is_alphabetic() => strip_currency_before(before).1,
        _ => true,
    }
}

fn may_precede(after: &str, amount: &Amount<'_>) -> bool {
    let mut signs = after.chars();
    let (next, following) = (signs.next(), signs.next());
    let before_digit = following.is_some_and(|sign| sign.is_ascii_digit());
    match next {
        Some(':' | '/') => !before_digit,
        Some('-' | '–') if before_digit => amount.parts.iter().any(|(mark, _)| matches!(mark, '.' | ',')),
        Some('_') => false,
        _ => true,
    }
}

fn strip_minus(before: &str) -> (&str, bool) {
    match before.strip_suffix(['-', '−', '–']) {
        Some(rest) if !rest.ends_with(|sign: char| sign.is_alphanumeric() || sign == '-') || strip_currency_before(rest).1 => {
            (rest, true)
        }
        _ => (before, false),
    }
}

fn strip_currency_before(before: &str) -> (&str, bool) {
    let near = before.trim_end_matches(is_blank);
    if near.ends_with(currency::is_sign) {
        let rest = near.trim_end_matches(currency::is_sign);
        // `US$`, `R$`
        let word = trailing_word(rest);
        return (if currency::is_word(word) { &rest[..rest.len() - word.len()] } else { rest }, true);
    }
    let near = near.strip_suffix('.').unwrap_or(near);
    let word = trailing_word(near);
    if currency::is_word(word) { (&near[..near.len() - word.len()], true) } else { (before, false) }
}

fn strip_currency_after(after: &str) -> (&str, bool) {
    let near = after.trim_start_matches(is_blank);
    if near.starts_with(currency::is_sign) {
        return (near.trim_start_matches(currency::is_sign), true);
    }
    let length: usize = near.chars().take_while(|sign| sign.is_alphabetic()).take(WORD_CHARS_MAX).map(char::len_utf8).sum();
    let (word, rest) = near.split_at(length);
    if currency::is_word(word) { (rest.strip_prefix('.').unwrap_or(rest), true) } else { (after, false) }
}

/// Letters of a currency's name that are looked at; keeps the work at each number constant.
const WORD_CHARS_MAX: usize = 12;

fn trailing_word(text: &str) -> &str {
    let length: usize = text.chars().rev().take_while(|sign| sign.is_alphabetic()).take(WORD_CHARS_MAX).map(char::len_utf8).sum();
    &text[text.len() - length..]
}

fn digits(text: &str, at: usize) -> usize {
    text.as_bytes().iter().skip(at).take_while(|byte| byte.is_ascii_digit()).count()
}

/// Blanks within a line, as they stand between a number and its currency and between its groups.
pub(super) fn is_blank(sign: char) -> bool {
    matches!(sign, ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}' | '\u{2007}')
}

/// `.75`: a mark that belongs to the number after it.
fn leading_mark(text: &str, start: usize) -> Option<char> {
    let mut before = text[..start].chars().rev();
    let mark = before.next().filter(|sign| matches!(sign, '.' | ','))?;
    before
        .next()
        .is_none_or(|sign| sign.is_whitespace() || currency::is_sign(sign) || matches!(sign, '-' | '−' | '('))
        .then_some(mark)
}

/// The separator at `end`, if what follows it still belongs to the number, and its width in bytes.
fn separator(text: &str, end: usize, first: &str, parts: &[Part<'_>], blanks: Blanks) -> Option<(char, usize)> {
    let mark = text[end..].chars().next()?;
    let following = digits_up_to_four(text, end + mark.len_utf8());
    if matches!(mark, '.' | ',') {
        return (following > 0).then_some((mark, 1));
    }
    let kind = match mark {
        '\'' | '’' => '\'',
        sign if is_blank(sign) && blanks == Blanks::Group => ' ',
        _ => return None,
    };
    let grouped = !first.is_empty() && first.len() <= 3 && parts.iter().all(|(other, _)| *other == kind);
    (grouped && following == 3).then_some((kind, mark.len_utf8()))
}

fn digits_up_to_four(text: &str, at: usize) -> usize {
    text.as_bytes().iter().skip(at).take(4).take_while(|byte| byte.is_ascii_digit()).count()
}

/// The width of `,-` or `.--` after whole units.
fn dash_decimals(text: &str, end: usize) -> Option<usize> {
    let mut signs = text[end..].chars();
    signs.next().filter(|sign| matches!(sign, '.' | ','))?;
    let dashes: usize = signs.clone().take_while(|sign| matches!(sign, '-' | '–' | '—')).take(2).map(char::len_utf8).sum();
    let follows = text[end + 1 + dashes..].chars().next();
    (dashes > 0 && !follows.is_some_and(char::is_alphanumeric)).then_some(1 + dashes)
}
