//! Where somebody can be reached: mail addresses, phone numbers, web addresses.

use std::sync::LazyLock;

use regex::Regex;

use super::found::once;

/// Digits of a phone number, country and all (ITU-T E.164), and of a national one.
const DIGITS_MAX: usize = 15;
const DIGITS_MIN: usize = 7;

/// Bytes before a national number in which a word such as `Tel.` is looked for.
const LABEL_WITHIN: usize = 40;

/// Bytes of an address before and after its `@` (RFC 5321 §4.5.3.1).
const LOCAL_MAX: usize = 64;
const DOMAIN_MAX: usize = 255;

/// The mail addresses of a text in lower case, each once, in order.
pub fn emails(text: &str) -> Vec<String> {
    once(text.match_indices('@').filter_map(|(at, _)| email_at(text, at)))
}

fn email_at(text: &str, at: usize) -> Option<String> {
    let is_domain = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '.');
    let is_local = |c: &char| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~-.".contains(*c);
    let length = |signs: &mut dyn Iterator<Item = char>, max: usize| signs.take(max).map(char::len_utf8).sum::<usize>();
    let before = length(&mut text.get(..at)?.chars().rev().take_while(is_local), LOCAL_MAX + 1);
    let after = length(&mut text.get(at + 1..)?.chars().take_while(is_domain), DOMAIN_MAX + 1);
    let local = text.get(at - before..at)?.trim_start_matches(['.', '\'', '*', '`', '=', '/', '|', '{', '-', '_', '?', '!']);
    let domain = text.get(at + 1..at + 1 + after)?.trim_end_matches(['.', '-']);
    let labels = domain.split('.');
    let top = labels.clone().next_back()?;
    let is_whole = !local.is_empty()
        && !local.ends_with('.')
        && local.len() <= LOCAL_MAX
        && domain.contains('.')
        && labels.clone().all(|label| !label.is_empty() && !label.starts_with('-'))
        && top.chars().count() >= 2
        && !top.starts_with(|c: char| c.is_ascii_digit());
    is_whole.then(|| format!("{local}@{domain}").to_lowercase())
}

/// The web addresses of a text (`https://…`, `www.…`), each once, in order, without the punctuation behind them.
pub fn urls(text: &str) -> Vec<String> {
    static LINK: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"(?i)(?-u:\b)(?:https?://|www\.)[^\s<>"\x00-\x1f\\^`{}|]+"#).ok());
    let Some(link) = LINK.as_ref() else { return Vec::new() };
    once(link.find_iter(text).map(|found| without_punctuation(found.as_str()).to_owned()).filter(|found| found.len() > 8))
}

/// A closing bracket belongs to an address only if it opens there as well.
fn without_punctuation(link: &str) -> &str {
    let mut link = link;
    loop {
        let shorter = link.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_', '’', '”', '»']);
        let is_odd =
            |open: char, close: char| shorter.ends_with(close) && shorter.matches(close).count() > shorter.matches(open).count();
        let cut = if is_odd('(', ')') || is_odd('[', ']') { &shorter[..shorter.len() - 1] } else { shorter };
        if cut.len() == link.len() {
            return link;
        }
        link = cut;
    }
}

/// The phone numbers of a text, each once, in order: international ones (`+49 30 901820`, `0049 …`) as `+4930901820`, and
/// national ones behind a word such as `Tel.`, `Phone`, `Mobil`, `Fax` as their digits.
pub fn phones(text: &str) -> Vec<String> {
    static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?:\+|(?-u:\b)00|\(\+|(?-u:\b)0|(?-u:\b)[1-9]|\()[0-9(](?:[ \u{a0}\u{202f}().\-/–]{0,3}[0-9]){5,17}").ok()
    });
    let Some(number) = NUMBER.as_ref() else { return Vec::new() };
    once(number.find_iter(text).filter_map(|found| phone(text, found)))
}

fn phone(text: &str, found: regex::Match<'_>) -> Option<String> {
    let (before, after) = (text.get(..found.start())?, text.get(found.end()..)?);
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '@' | '=' | '#' | '%');
    if before.ends_with(is_part)
        || before.ends_with(['+', '/', '-'])
        || after.starts_with(is_part)
        || after.starts_with(['-', '/'])
    {
        return None;
    }
    let written = found.as_str();
    let plain = written.trim_start_matches('(');
    let digits = |of: &str| of.chars().filter(char::is_ascii_digit).collect::<String>();
    let international =
        plain.strip_prefix('+').or_else(|| plain.strip_prefix("00").filter(|rest| rest.starts_with(|c: char| c != '0')));
    if let Some(rest) = international {
        // The zero in `+49 (0)30` is for callers within the country.
        let number = digits(&rest.replace("(0)", ""));
        let is_whole = (DIGITS_MIN + 1..=DIGITS_MAX).contains(&number.len()) && !number.starts_with('0');
        let is_sure = plain.starts_with('+') || is_labelled(before);
        return (is_whole && is_sure).then(|| format!("+{number}"));
    }
    let number = digits(written);
    ((DIGITS_MIN - 1..=DIGITS_MAX).contains(&number.len()) && is_labelled(before)).then_some(number)
}

/// Whether a word for telephones stands right before.
fn is_labelled(before: &str) -> bool {
    static LABEL: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"(?ix)(?:(?-u:\b)(?:tel|telefon|telefono|teléfono|telefone|téléphone|telephone|tél|tlf|tfn|phone|ph|call|mobile|mobil|mob|movil|móvil|móviles
            |cell|cellulare|cellular|handy|fax|telefax|telefoon|puhelin|puh|gsm|komórka|kom|portable|hotline|infolinia|direct|office|durchwahl
            |celular|whatsapp|теле?фон|тел|моб|факс|τηλ|tlfnr|τηλέφωνο)(?:\s?(?:no|nr|number|nummer))?|☎|📞|电话|手机|電話)[\s.:)\]-]*(?:\(?[a-z]{0,8}\)?)[\s.:-]*$",
        )
        .ok()
    });
    let near = before.get(before.floor_char_boundary(before.len().saturating_sub(LABEL_WITHIN))..).unwrap_or_default();
    let line = near.rsplit('\n').next().unwrap_or(near);
    LABEL.as_ref().is_some_and(|label| label.is_match(line))
}

#[cfg(test)]
mod tests {
    use super::{emails, phones, urls};

    #[test]
    fn mail_addresses_are_found_with_what_stands_around_them() {
        let text = "Write to Ann.Example@Fabrikam.com, <bob+x@contoso.com>; (mailto:c@sub.contoso.com). No: a@b, @fabrikam.com, 5@7.30 bob+x@contoso.com";
        assert_eq!(emails(text), ["ann.example@fabrikam.com", "bob+x@contoso.com", "c@sub.contoso.com"]);
    }

    #[test]
    fn web_addresses_end_before_the_sentence_does() {
        let text = "See https://contoso.com/a?b=1&c=2, (http://fabrikam.com/x_(y)) and www.contoso.com. Not ftp: or http://";
        assert_eq!(urls(text), ["https://contoso.com/a?b=1&c=2", "http://fabrikam.com/x_(y)", "www.contoso.com"]);
    }

    #[test]
    fn phone_numbers_are_international_or_behind_a_word() {
        let text = "+49 (0)30 90 18-20, Tel.: 030/901820, Mobile (0170) 123 4567, Fax 0044 20 7946 0018, +1 (555) 010-0199, Phone: 555-010-0123\n\
            Order 030 901820, 0049 20 7946 0018, 2024-12-02 10:00, 1.234.567,00, DE89 3704 0044 0532 0130 00, tél. 01 23 45 67 89";
        assert_eq!(
            phones(text),
            ["+4930901820", "030901820", "01701234567", "+442079460018", "+15550100199", "5550100123", "0123456789"]
        );
    }

    #[test]
    fn long_texts_cost_linear_time() {
        for unit in ["a@", "a@b.", "+1 2", "www.", "((((", "http://x)", "Tel. 0"] {
            let text = unit.repeat(500_000 / unit.len());
            let _ = (emails(&text), urls(&text), phones(&text));
        }
    }
}
