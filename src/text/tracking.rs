//! Tracking numbers of parcels: by their form where it proves itself, else behind a word that says what they are.

use std::sync::LazyLock;

use regex::Regex;

use super::found::{Grouping, is_end, once, value_of, word_starts};

/// Letters and digits of a tracking number.
const NUMBER_MAX: usize = 34;
const NUMBER_MIN: usize = 8;

/// Digits that a number behind a word must have.
const DIGITS_MIN: usize = 7;

/// Characters between the word and the number.
const WORD_WITHIN: usize = 48;

const IN_ONE_PIECE: Grouping = Grouping(&[]);
const IN_GROUPS: Grouping = Grouping(&[' ', '\u{a0}']);

/// A parcel's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracking {
    /// Without blanks.
    pub number: String,
    /// Who carries it, where form or text tell.
    pub carrier: Option<&'static str>,
}

/// The words by which carriers announce the number, in lower case.
static WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)
        track(ing)?\s*(&|and|\+|-)?\s*trac(e|ing)[\s-]*(number|no|nr|code|id)? | track(ing)?[\s-]*(number|no(?-u:\b)|nr(?-u:\b)|id(?-u:\b)|code|\#|ref\w*)?
        | (consignment|shipment|parcel|package|waybill|air\s?waybill|awb|delivery|barcode)\s*(number|no(?-u:\b)\.?|nr(?-u:\b)\.?|id(?-u:\b)|code|reference)
        | waybill | sendungs?[\s-]*(nummer|nr|id|code|verfolgung\w*) | paket[\s-]*(nummer|nr|schein\w*|code)
        | auftrags?verfolgung\w* | identcode | leitcode
        | (num[ée]ro|n[°º.]|no\.?)\s*(de\s+|du\s+|d['’])?(suivi|colis|exp[ée]dition|envoi|bordereau) | suivi\s*(n[°º])?
        | (n[úu]mero|n[°º.ú]|c[óo]digo)\s*de\s*(seguimiento|gu[íi]a|env[íi]o|localizador|expedici[óo]n|rastreo|rastreamento|encomenda|objeto)
        | localizador | (numero|n[°º.]|codice|cod\.)\s*(di\s+)?(spedizione|tracking|tracciamento|tracciatura|lettera\s+di\s+vettura|collo)
        | (track|trace|zending|pakket|colli|barcode|verzend)[\s-]*(nummer|code|nr\.?) | zendingsnummer | barcode
        | (numer\w*|nr\.?)\s*(paczki|przesy[łl]ki|listu|nadania|[śs]ledzenia) | pacz(ka|k[ęe]|ki)\s*(o\s+)?(numer\w*|nr\.?)? | przesy[łl]k\w+\s*(o\s+)?(numer\w*|nr\.?)
        | (kolli|f[öo]rs[äa]ndelse|s[äa]ndnings|paket|forsendelses?|pakke|sporings|sendings)[\s-]*(id|nummer|nr\.?) | sp[åa]rningsnummer | kollinummer
        | (l[äa]hetys|seuranta)\w*(tunnus|numero|koodi) | ([čc][íi]slo|k[óo]d)\s*(z[áa]silky|bal[íi]ku|z[áa]sielky) | (csomag|k[üu]ldem[ée]ny)\w*\s*(sz[áa]m\w*|azonos[íi]t\w*)
        | (номер|трек)[\s-]*(отправления|посылки|отслеживания|номер|код)? | takip\s*(no|numaras[ıi]|kodu) | gönderi\s*(no|numaras[ıi]) | awb
        ",
    )
    .ok()
});

/// Carriers as mails name them, and as they are called here.
const CARRIERS: [(&str, &str); 34] = [
    ("fedex", "FedEx"),
    ("ups", "UPS"),
    ("usps", "USPS"),
    ("royal mail", "Royal Mail"),
    ("royalmail", "Royal Mail"),
    ("parcelforce", "Parcelforce"),
    ("australia post", "Australia Post"),
    ("auspost", "Australia Post"),
    ("canada post", "Canada Post"),
    ("inpost", "InPost"),
    ("poczta polska", "Poczta Polska"),
    ("pocztex", "Poczta Polska"),
    ("gls", "GLS"),
    ("dpd", "DPD"),
    ("hermes", "Hermes"),
    ("myhermes", "Hermes"),
    ("evri", "Evri"),
    ("dhl", "DHL"),
    ("deutsche post", "Deutsche Post"),
    ("tnt", "TNT"),
    ("postnl", "PostNL"),
    ("bpost", "bpost"),
    ("colissimo", "Colissimo"),
    ("chronopost", "Chronopost"),
    ("mondial relay", "Mondial Relay"),
    ("la poste", "La Poste"),
    ("correos", "Correos"),
    ("seur", "SEUR"),
    ("brt", "BRT"),
    ("postnord", "PostNord"),
    ("bring", "Bring"),
    ("posti", "Posti"),
    ("zásilkovna", "Packeta"),
    ("packeta", "Packeta"),
];

/// The tracking numbers of a text, each once, in order.
///
/// Numbers whose form and check digits prove them (UPS, S10 of the postal union, DHL's and the parcel posts' serial numbers, USPS) are found
/// anywhere. Others must stand behind a word such as "tracking number" or "Sendungsnummer"; further ones of the same form and
/// beginning are taken to be their neighbours.
pub fn tracking_numbers(text: &str) -> Vec<Tracking> {
    let named = carrier_in(text);
    let announced = announced_ends(text);
    let mut after = 0;
    let mut siblings: Vec<String> = Vec::new();
    let candidates = word_starts(text).filter_map(|at| {
        if at < after {
            return None;
        }
        let (number, end, carrier) = candidate_at(text, at, &announced, &siblings)?;
        after = end;
        if carrier.is_none() && siblings.len() < 50 {
            siblings.push(number.clone());
        }
        Some(Tracking { number, carrier: carrier.or(named) })
    });
    once(candidates)
}

fn candidate_at(
    text: &str,
    at: usize,
    announced: &[usize],
    siblings: &[String],
) -> Option<(String, usize, Option<&'static str>)> {
    for grouping in [IN_ONE_PIECE, IN_GROUPS] {
        if let Some((number, end, carrier)) = proven_at(text, at, grouping) {
            return Some((number, end, Some(carrier)));
        }
    }
    let (number, end) = IN_ONE_PIECE.take(text, at, NUMBER_MAX);
    let is_form = (NUMBER_MIN..NUMBER_MAX).contains(&number.len())
        && is_end(text, end)
        && number.bytes().filter(u8::is_ascii_digit).count() >= DIGITS_MIN
        && !text.get(end..)?.starts_with(['@', '/', '.']) | text.get(end..)?.starts_with(". ");
    if !is_form || text.get(..at)?.ends_with(['/', '=', '@', '.', '-', '+']) {
        return None;
    }
    let number = number.to_ascii_uppercase();
    let is_sibling = || siblings.iter().any(|other| is_alike(other, &number));
    (is_announced(text, at, announced) || is_sibling()).then_some((number, end, None))
}

/// A number that its form proves, with its carrier.
fn proven_at(text: &str, at: usize, grouping: Grouping) -> Option<(String, usize, &'static str)> {
    let head = text.get(at..)?.as_bytes();
    let starts = |prefix: &[u8]| head.get(..prefix.len()).is_some_and(|own| own.eq_ignore_ascii_case(prefix));
    let letters = head.iter().take(2).all(u8::is_ascii_alphabetic);
    let take = |length: usize| {
        let (number, end) = grouping.take(text, at, length);
        (number.len() == length && is_end(text, end)).then(|| (number.to_ascii_uppercase(), end))
    };
    if starts(b"1Z") {
        return take(18).filter(|(number, _)| ups(number)).map(|(number, end)| (number, end, "UPS"));
    }
    if starts(b"JJD") || starts(b"JVGL") {
        let found = [20, 18, 14].into_iter().find_map(take);
        let is_digits =
            |number: &str| number.trim_start_matches(|c: char| c.is_ascii_alphabetic()).bytes().all(|sign| sign.is_ascii_digit());
        return found.filter(|(number, _)| is_digits(number)).map(|(number, end)| (number, end, "DHL"));
    }
    if letters {
        return take(13).filter(|(number, _)| s10(number)).map(|(number, end)| {
            let post = post_of(&number[11..]);
            (number, end, post)
        });
    }
    if starts(b"0034") {
        return take(20).filter(|(number, _)| is_digits(number) && sscc(number)).map(|(number, end)| (number, end, "DHL"));
    }
    if head.first() == Some(&b'9') && head.get(1).is_some_and(|second| (b'1'..=b'5').contains(second)) {
        let found = [26, 22].into_iter().find_map(take);
        return found.filter(|(number, _)| is_digits(number)).map(|(number, end)| (number, end, "USPS"));
    }
    None
}

fn is_digits(number: &str) -> bool {
    number.bytes().all(|sign| sign.is_ascii_digit())
}

/// UPS: after `1Z`, letters count as (code − 63) mod 10, places from the left weigh 1 and 2 in turn.
fn ups(number: &str) -> bool {
    let values: Vec<u32> = number
        .bytes()
        .skip(2)
        .map(|sign| if sign.is_ascii_digit() { value_of(sign) } else { (u32::from(sign) - 63) % 10 })
        .collect();
    let Some((last, first)) = values.split_last() else { return false };
    let sum: u32 = first.iter().enumerate().map(|(place, value)| value * if place % 2 == 1 { 2 } else { 1 }).sum();
    (10 - sum % 10) % 10 == *last
}

/// UPU S10: two letters, eight digits and a check digit, the country.
fn s10(number: &str) -> bool {
    let signs = number.as_bytes();
    if !signs[2..11].iter().all(u8::is_ascii_digit) || !signs[11..].iter().all(u8::is_ascii_alphabetic) {
        return false;
    }
    let sum: u32 = signs[2..10].iter().zip([8, 6, 4, 2, 3, 5, 9, 7]).map(|(sign, weight)| value_of(*sign) * weight).sum();
    let check = match 11 - sum % 11 {
        10 => 0,
        11 => 5,
        check => check,
    };
    value_of(signs[10]) == check
}

/// GS1's serial shipping container code, with the two digits `00` before it.
fn sscc(number: &str) -> bool {
    let sum: u32 =
        number.bytes().rev().enumerate().map(|(place, sign)| value_of(sign) * if place % 2 == 1 { 3 } else { 1 }).sum();
    sum.is_multiple_of(10)
}

fn post_of(country: &str) -> &'static str {
    match country {
        "AU" => "Australia Post",
        "BE" => "bpost",
        "CA" => "Canada Post",
        "CH" => "Swiss Post",
        "CN" => "China Post",
        "DE" => "Deutsche Post",
        "DK" | "SE" => "PostNord",
        "ES" => "Correos",
        "FI" => "Posti",
        "FR" => "La Poste",
        "GB" => "Royal Mail",
        "IT" => "Poste Italiane",
        "NL" => "PostNL",
        "NO" => "Posten",
        "PL" => "Poczta Polska",
        "US" => "USPS",
        _ => "post",
    }
}

/// Where the words end that announce a number, in rising order.
fn announced_ends(text: &str) -> Vec<usize> {
    WORDS.as_ref().map(|words| words.find_iter(text).map(|found| found.end()).collect()).unwrap_or_default()
}

/// Whether one of those words stands close before, with no other number and no new paragraph between.
fn is_announced(text: &str, at: usize, ends: &[usize]) -> bool {
    let Some(end) = ends.partition_point(|end| *end <= at).checked_sub(1).and_then(|last| ends.get(last)) else { return false };
    let between = text.get(*end..at).unwrap_or_default();
    between.chars().take(WORD_WITHIN + 1).count() <= WORD_WITHIN
        && between.bytes().filter(u8::is_ascii_digit).count() < DIGITS_MIN
        && between.lines().filter(|line| !line.trim().is_empty()).count() <= 3
}

/// The same length, letters in the same places, the same beginning.
fn is_alike(one: &str, other: &str) -> bool {
    one.len() == other.len()
        && one.as_bytes().get(..4) == other.as_bytes().get(..4)
        && one.bytes().zip(other.bytes()).all(|(a, b)| a.is_ascii_digit() == b.is_ascii_digit())
}

/// The carrier that the text names most often; of equals the first.
fn carrier_in(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    let mut counts: Vec<(usize, &'static str)> = Vec::new();
    for (word, name) in CARRIERS {
        let is_whole = |at: usize| {
            let (before, after) = (&lower[..at], &lower[at + word.len()..]);
            !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric)
        };
        let count = lower.match_indices(word).filter(|(at, _)| is_whole(*at)).take(100).count();
        match counts.iter_mut().find(|(_, own)| *own == name) {
            Some((own, _)) => *own += count,
            None => counts.push((count, name)),
        }
    }
    counts.into_iter().filter(|(count, _)| *count > 0).rev().max_by_key(|(count, _)| *count).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::{Tracking, tracking_numbers};

    fn found(text: &str) -> Vec<(String, Option<&'static str>)> {
        tracking_numbers(text).into_iter().map(|Tracking { number, carrier }| (number, carrier)).collect()
    }

    #[test]
    fn numbers_that_prove_themselves_are_found_anywhere() {
        for (text, number, carrier) in [
            ("see 1Z999AA10123456784.", "1Z999AA10123456784", "UPS"),
            ("1Z 999 AA1 01 2345 6784", "1Z999AA10123456784", "UPS"),
            ("RB123456785GB", "RB123456785GB", "Royal Mail"),
            ("JJD00039000781234567", "JJD00039000781234567", "DHL"),
            ("00340434161094042557", "00340434161094042557", "DHL"),
            ("9400 1000 0000 0000 0000 00", "9400100000000000000000", "USPS"),
        ] {
            assert_eq!(found(text), [(number.to_owned(), Some(carrier))], "{text}");
        }
        for text in ["1Z999AA10123456785", "RB123456786GB", "00340434161094042558", "Order 12345678"] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn other_numbers_are_found_behind_the_words_of_many_languages() {
        for (text, number) in [
            ("Tracking number: 997053641168", "997053641168"),
            ("DHL waybill number 4212345678 from", "4212345678"),
            ("Ihre Sendungsnummer lautet:\n 12345678901", "12345678901"),
            ("Paketnummer 01234567890123", "01234567890123"),
            ("Numéro de suivi : 8N00234567890", "8N00234567890"),
            ("con número de guía 4294142591 de", "4294142591"),
            ("Numero di spedizione: 123456789012", "123456789012"),
            ("paczka o numerze: 90346692444 (Nr", "90346692444"),
            ("doręczamy Twoją paczkę 1000399528451U Możesz", "1000399528451U"),
            ("Kolli-ID: 37023456789", "37023456789"),
            ("Track & Trace: 3SABCD123456789", "3SABCD123456789"),
            ("Číslo zásilky: 12345678901", "12345678901"),
        ] {
            assert_eq!(found(text).first().map(|(number, _)| number.as_str()), Some(number), "{text}");
        }
    }

    #[test]
    fn neighbours_of_the_same_form_are_numbers_too_and_others_are_not() {
        let text = "FedEx\nTRACKING ID STATUS\n286548999999 On FedEx vehicle\n286548999979 On FedEx vehicle\nOrder 113-2208711-1430629, phone 0800 1234567";
        let fedex = Some("FedEx");
        assert_eq!(found(text), [("286548999999".to_owned(), fedex), ("286548999979".to_owned(), fedex)]);
    }

    #[test]
    fn long_texts_cost_linear_time() {
        assert!(tracking_numbers(&"tracking ".repeat(100_000)).is_empty());
        assert!(tracking_numbers(&"12345678 ".repeat(100_000)).is_empty());
        assert_eq!(tracking_numbers(&format!("tracking number 12345678 {}", "12349999 ".repeat(100_000))).len(), 2);
    }
}
