//! `$search`: words and phrases, `property:value`, AND, OR, NOT — the part of KQL that mail takes.
//!
//! Words compare whole and without case; a word that ends in `*` compares by its beginning.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::super::http::GraphError;
use super::super::mail_out::as_text;
use super::super::state::{Message, Recipient};

/// The most words of a search.
const TERMS_MAX: usize = 200;

/// The most messages that a search finds.
pub(crate) const FOUND_MAX: usize = 1_000;

/// What is looked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Search {
    All(Vec<Search>),
    Any(Vec<Search>),
    Not(Box<Search>),
    /// Words in this order in one of these places.
    Words(Place, Vec<String>),
    HasAttachments(bool),
    Importance(String),
    /// From the first moment up to, but not, the second.
    Time(When, Timestamp, Timestamp),
    /// Bytes, from and to.
    Size(usize, usize),
}

/// Where words are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// From, subject and body.
    Default,
    Subject,
    Body,
    From,
    To,
    Cc,
    Bcc,
    Recipients,
    Participants,
    Attachment,
    Kind,
}

/// Which time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Received,
    Sent,
}

const PLACES: [(&str, Place); 10] = [
    ("subject", Place::Subject),
    ("body", Place::Body),
    ("from", Place::From),
    ("to", Place::To),
    ("cc", Place::Cc),
    ("bcc", Place::Bcc),
    ("recipients", Place::Recipients),
    ("participants", Place::Participants),
    ("attachment", Place::Attachment),
    ("kind", Place::Kind),
];

fn refused(text: &str, why: &str) -> GraphError {
    GraphError::bad_request(format!("Syntax error in $search {text}: {why}."))
}

/// Reads a `$search`; the whole of it stands in double quotes.
pub(crate) fn parse_search(text: &str) -> Result<Search, GraphError> {
    let trimmed = text.trim();
    let inner = trimmed.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).filter(|inner| !inner.trim().is_empty());
    let inner = inner.ok_or_else(|| refused(text, "it must stand in double quotes and hold a word"))?;
    let terms = terms(&inner.replace("\\\"", "\""));
    if terms.len() > TERMS_MAX {
        return Err(refused(text, &format!("it holds more than {TERMS_MAX} words")));
    }
    let mut any = vec![Vec::new()];
    let mut is_negated = false;
    for term in &terms {
        match term.as_str() {
            "AND" => {}
            "OR" => any.push(Vec::new()),
            "NOT" => is_negated = true,
            word => {
                let (word, denied) = word.strip_prefix('-').map_or((word, false), |rest| (rest, true));
                let one = term_of(word).map_err(|why| refused(text, &why))?;
                let one = if is_negated || denied { Search::Not(Box::new(one)) } else { one };
                is_negated = false;
                if let Some(all) = any.last_mut() {
                    all.push(one);
                }
            }
        }
    }
    if is_negated || any.iter().any(Vec::is_empty) {
        return Err(refused(text, "AND, OR and NOT stand before a word"));
    }
    Ok(Search::Any(any.into_iter().map(Search::All).collect()))
}

/// Splits at spaces and brackets outside of quotes; quotes stay.
fn terms(text: &str) -> Vec<String> {
    let mut terms = vec![String::new()];
    let mut is_quoted = false;
    for letter in text.chars() {
        is_quoted ^= letter == '"';
        if !is_quoted && (letter.is_whitespace() || letter == '(' || letter == ')') {
            terms.push(String::new());
        } else if let Some(last) = terms.last_mut() {
            last.push(letter);
        }
    }
    terms.retain(|term| !term.is_empty());
    terms
}

fn term_of(term: &str) -> Result<Search, String> {
    let at = term.find([':', '>', '<', '=']).filter(|at| *at > 0 && term[..*at].bytes().all(|byte| byte.is_ascii_alphabetic()));
    let Some(at) = at else { return words(Place::Default, term) };
    let (name, rest) = (term[..at].to_lowercase(), &term[at..]);
    let sign: String = rest.chars().take_while(|letter| ":<>=".contains(*letter)).collect();
    let value = rest[sign.len()..].trim_matches('"');
    if value.is_empty() {
        return Err(format!("'{name}' has no value"));
    }
    match name.as_str() {
        "hasattachments" => match value.to_lowercase().as_str() {
            "true" | "1" | "yes" => Ok(Search::HasAttachments(true)),
            "false" | "0" | "no" => Ok(Search::HasAttachments(false)),
            other => Err(format!("hasAttachments is true or false, not '{other}'")),
        },
        "importance" => Ok(Search::Importance(value.to_lowercase())),
        "received" => time(When::Received, &sign, value),
        "sent" => time(When::Sent, &sign, value),
        "size" => size(&sign, value),
        _ => match PLACES.iter().find(|(own, _)| *own == name) {
            Some((_, place)) => words(*place, value),
            None => Err(format!("'{name}' is no property to search by")),
        },
    }
}

fn words(place: Place, text: &str) -> Result<Search, String> {
    let words: Vec<String> = text
        .split(|letter: char| !is_of_word(letter) && letter != '*')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    if words.is_empty() { Err(format!("'{text}' holds no word")) } else { Ok(Search::Words(place, words)) }
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric()
}

fn time(when: When, sign: &str, value: &str) -> Result<Search, String> {
    let day = |text: &str| -> Result<(Timestamp, Timestamp), String> {
        let wrong = || format!("'{text}' is no day or time such as 2026-03-02");
        if let Ok(moment) = text.parse::<Timestamp>() {
            return Ok((moment, moment));
        }
        let date: Date = text.parse().map_err(|_| wrong())?;
        let start = |date: Date| date.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()).map_err(|_| wrong());
        Ok((start(date)?, start(date.checked_add(1.day()).map_err(|_| wrong())?)?))
    };
    if let Some((from, to)) = value.split_once("..") {
        return Ok(Search::Time(when, day(from)?.0, day(to)?.1));
    }
    let (start, end) = day(value)?;
    Ok(match sign {
        ":" | "=" => Search::Time(when, start, end),
        ">" => Search::Time(when, end, Timestamp::MAX),
        ">=" => Search::Time(when, start, Timestamp::MAX),
        "<" => Search::Time(when, Timestamp::MIN, start),
        "<=" => Search::Time(when, Timestamp::MIN, end),
        other => return Err(format!("'{other}' compares nothing")),
    })
}

fn size(sign: &str, value: &str) -> Result<Search, String> {
    let number = |text: &str| text.parse::<usize>().map_err(|_| format!("'{text}' is no size in bytes"));
    if let Some((from, to)) = value.split_once("..") {
        return Ok(Search::Size(number(from)?, number(to)?));
    }
    let bytes = number(value)?;
    Ok(match sign {
        ":" | "=" => Search::Size(bytes, bytes),
        ">" => Search::Size(bytes.saturating_add(1), usize::MAX),
        ">=" => Search::Size(bytes, usize::MAX),
        "<" => Search::Size(0, bytes.saturating_sub(1)),
        "<=" => Search::Size(0, bytes),
        other => return Err(format!("'{other}' compares nothing")),
    })
}

/// Whether a message is what is looked for.
pub(crate) fn finds(search: &Search, message: &Message) -> bool {
    match search {
        Search::All(all) => all.iter().all(|one| finds(one, message)),
        Search::Any(any) => any.iter().any(|one| finds(one, message)),
        Search::Not(inner) => !finds(inner, message),
        Search::Words(place, words) => texts(message, *place).iter().any(|text| holds(text, words)),
        Search::HasAttachments(wanted) => message.has_attachments() == *wanted,
        Search::Importance(wanted) => message.importance.eq_ignore_ascii_case(wanted),
        Search::Time(when, from, to) => {
            let at = if *when == When::Received { message.received } else { message.sent };
            *from <= at && (at < *to || from == to && at == *to)
        }
        Search::Size(from, to) => (*from..=*to).contains(&size_of(message)),
    }
}

fn size_of(message: &Message) -> usize {
    let attached: usize = message.attachments.iter().map(|one| one.bytes.len()).sum();
    message.raw.as_ref().map_or(message.body.content.len() + attached, bytes::Bytes::len)
}

fn holds(text: &str, wanted: &[String]) -> bool {
    let words: Vec<String> =
        text.split(|letter| !is_of_word(letter)).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    let meets = |(word, wanted): (&String, &String)| match wanted.strip_suffix('*') {
        Some(start) => word.starts_with(start),
        None => word == wanted,
    };
    words.windows(wanted.len()).any(|window| window.iter().zip(wanted).all(meets))
}

fn texts(message: &Message, place: Place) -> Vec<String> {
    let people = |list: &[Recipient]| -> Vec<String> { list.iter().map(|one| format!("{} {}", one.name, one.address)).collect() };
    let from = || people(&message.from.iter().cloned().collect::<Vec<_>>());
    match place {
        Place::Default => [from(), vec![message.subject.clone(), as_text(&message.body)]].concat(),
        Place::Subject => vec![message.subject.clone()],
        Place::Body => vec![as_text(&message.body)],
        Place::From => from(),
        Place::To => people(&message.to),
        Place::Cc => people(&message.cc),
        Place::Bcc => people(&message.bcc),
        Place::Recipients => [people(&message.to), people(&message.cc), people(&message.bcc)].concat(),
        Place::Participants => [from(), people(&message.to), people(&message.cc), people(&message.bcc)].concat(),
        Place::Attachment => message.attachments.iter().map(|one| one.name.clone()).collect(),
        Place::Kind => vec!["email".to_owned()],
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn searches_mean_what_kql_means_by_them_and_nonsense_is_refused() {
        let mut message = Message::draft("2026-03-02T10:00:00Z".parse().unwrap());
        message.subject = "Overdue invoice 2024-118".into();
        message.body.content = "<p>Please pay Fabrikam's bill soon.</p>".into();
        message.from = Some(Recipient { name: "Billing Desk".into(), address: "billing@fabrikam.com".into() });
        message.to = vec![Recipient { name: "Invoices".into(), address: "invoices@contoso.com".into() }];
        for (search, wanted) in [
            ("invoice", true),
            ("INVOICE pay", true),
            ("invoices", false),
            ("invoice AND refund", false),
            ("refund OR bill", true),
            ("invoice NOT pay", false),
            ("invo*", true),
            ("subject:\\\"overdue invoice\\\"", true),
            ("subject:\\\"invoice overdue\\\"", false),
            ("subject:pay", false),
            ("from:billing@fabrikam.com", true),
            ("to:billing", false),
            ("participants:contoso", true),
            ("hasAttachments:false importance:normal", true),
            ("received>=2026-03-02 received<2026-03-03", true),
            ("received:2026-03-01", false),
            ("sent:2026-03-01..2026-03-02", true),
            ("size>100000", false),
        ] {
            let parsed = parse_search(&format!("\"{search}\"")).unwrap_or_else(|error| panic!("{search}: {error:?}"));
            assert_eq!(finds(&parsed, &message), wanted, "{search}");
        }
        for search in [
            "",
            "invoice",
            "\"\"",
            "\"OR\"",
            "\"a OR\"",
            "\"NOT\"",
            "\"colour:red\"",
            "\"received:soon\"",
            "\"size>big\"",
            "\"from:\"",
        ] {
            assert_eq!(parse_search(search).map_err(|error| error.status), Err(400), "{search}");
        }
    }
}
