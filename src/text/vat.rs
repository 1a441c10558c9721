//! VAT identification numbers of the European Union, Great Britain, Norway and Switzerland, by their forms and check digits.

use super::found::{Grouping, is_end, once, remainder_97, value_of, word_starts};

/// Signs after the country.
const BODY_MAX: usize = 15;

const GROUPING: Grouping = Grouping(&[' ', '\u{a0}', '\u{202f}', '.', '-']);

/// The VAT ids of a text with their country, without blanks and dots, each once, in order. Only those whose form and, where the
/// country has them, check digits are right.
pub fn vat_ids(text: &str) -> Vec<String> {
    let mut after = 0;
    once(word_starts(text).filter_map(move |at| {
        let (id, end) = vat_id_at(text, at).filter(|_| at >= after)?;
        after = end;
        Some(id)
    }))
}

fn vat_id_at(text: &str, at: usize) -> Option<(String, usize)> {
    let country = text.get(at..at + 2).filter(|country| country.bytes().all(|sign| sign.is_ascii_uppercase()))?;
    let country = if text.get(at..at + 3) == Some("CHE") { "CHE" } else { country };
    let from = at + country.len();
    let separators: usize = text.get(from..)?.chars().take(2).take_while(|c| GROUPING.0.contains(c)).map(char::len_utf8).sum();
    // The longest form first: a Dutch number goes on where a shorter one might end.
    lengths(country).iter().rev().find_map(|&length| {
        let (body, end) = GROUPING.take(text, from + separators, length);
        (body.len() == length && (is_end(text, end) || is_named(text, end)) && is_right(country, &body))
            .then(|| (format!("{country}{body}"), end))
    })
}

/// Norway and Switzerland write the tax's name behind the number.
fn is_named(text: &str, end: usize) -> bool {
    text.get(end..).is_some_and(|after| ["MVA", "MWST", "TVA", "IVA"].iter().any(|name| after.starts_with(name)))
}

/// Signs after the country that its numbers may have, in rising order.
fn lengths(country: &str) -> &'static [usize] {
    match country {
        "AT" | "CY" | "DE" | "EE" | "EL" | "ES" | "PT" | "NO" | "CHE" => &[9],
        "DK" | "FI" | "HU" | "LU" | "MT" | "SI" => &[8],
        "BE" | "PL" | "SK" => &[10],
        "BG" => &[9, 10],
        "CZ" => &[8, 9, 10],
        "FR" | "HR" | "IT" | "LV" => &[11],
        "GB" | "LT" | "XI" => &[9, 12],
        "IE" => &[8, 9],
        "NL" | "SE" => &[12],
        "RO" => &[2, 3, 4, 5, 6, 7, 8, 9, 10],
        _ => &[],
    }
}

fn is_right(country: &str, body: &str) -> bool {
    if body.len() > BODY_MAX || !body.bytes().all(|sign| sign.is_ascii_digit() || sign.is_ascii_uppercase()) {
        return false;
    }
    let digits: Vec<u32> = body.bytes().filter(u8::is_ascii_digit).map(value_of).collect();
    let all_digits = digits.len() == body.len();
    match country {
        "AT" => body.starts_with('U') && digits.len() == 8 && austrian(&digits),
        "CY" => digits.len() == 8 && body.ends_with(cypriot(&digits)),
        "ES" => spanish(body),
        "FR" => french(body),
        "IE" => irish(body),
        "NL" => body.as_bytes().get(9) == Some(&b'B') && digits.len() == 11 && dutch(body, &digits),
        _ => all_digits && are_right(country, &digits),
    }
}

/// Numbers of nothing but digits.
fn are_right(country: &str, digits: &[u32]) -> bool {
    let (last, first) = digits.split_last().unwrap_or((&0, &[]));
    let number = || digits.iter().fold(0_u64, |number, digit| number * 10 + u64::from(*digit));
    let eleven = |weights: &[u32]| weighed(first, weights) % 11;
    match country {
        "BE" => digits[0] <= 1 && 97 - number() / 100 % 97 == number() % 100,
        "BG" => digits.len() == 10 || bulgarian(first) == *last,
        "CHE" => (11 - eleven(&[5, 4, 3, 2, 7, 6, 5, 4])) % 11 == *last,
        "CZ" => digits.len() != 8 || (11 - eleven(&[8, 7, 6, 5, 4, 3, 2])) % 10 == *last,
        "DE" | "HR" => mod_11_10(digits),
        "DK" => weighed(digits, &[2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11),
        "EE" => (10 - weighed(first, &[3, 7, 1, 3, 7, 1, 3, 7]) % 10) % 10 == *last,
        "EL" => eleven(&[256, 128, 64, 32, 16, 8, 4, 2]) % 10 == *last,
        "FI" => (11 - eleven(&[7, 9, 10, 5, 8, 4, 2])) % 11 == *last,
        "GB" | "XI" => british(digits),
        "HU" => (10 - weighed(first, &[9, 7, 3, 1, 9, 7, 3]) % 10) % 10 == *last,
        "IT" => luhn(digits),
        "LT" => lithuanian(digits),
        "LU" => number() / 100 % 89 == number() % 100,
        "LV" => digits[0] <= 3 || latvian(first) == *last,
        "MT" => 37 - u64::from(weighed(&digits[..6], &[3, 4, 6, 7, 8, 9]) % 37) == number() % 100,
        "NO" => (11 - eleven(&[3, 2, 7, 6, 5, 4, 3, 2])) % 11 == *last,
        "PL" => eleven(&[6, 5, 7, 2, 3, 4, 5, 6, 7]) == *last,
        "PT" => matches!(11 - eleven(&[9, 8, 7, 6, 5, 4, 3, 2]), check if check % 11 % 10 == *last),
        "RO" => weighed(first, &[7, 5, 3, 2, 1, 7, 5, 3, 2][9 - first.len()..]) * 10 % 11 % 10 == *last,
        "SE" => luhn(&digits[..10]) && (1..=94).contains(&(number() % 100)),
        "SI" => eleven(&[8, 7, 6, 5, 4, 3, 2]) != 0 && (11 - eleven(&[8, 7, 6, 5, 4, 3, 2])) % 10 == *last,
        "SK" => number().is_multiple_of(11),
        _ => false,
    }
}

fn weighed(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum()
}

/// ISO 7064, MOD 11,10.
fn mod_11_10(digits: &[u32]) -> bool {
    let Some((last, first)) = digits.split_last() else { return false };
    let product = first.iter().fold(10, |product, digit| {
        let sum = (product + digit) % 10;
        2 * if sum == 0 { 10 } else { sum } % 11
    });
    (11 - product) % 10 == *last
}

/// ISO 7812, the digits from the right doubled in turn.
fn luhn(digits: &[u32]) -> bool {
    let sum = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| if place % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { *digit });
    sum.sum::<u32>().is_multiple_of(10)
}

fn austrian(digits: &[u32]) -> bool {
    let doubled = |digit: u32| digit * 2 / 10 + digit * 2 % 10;
    let sum: u32 =
        digits[..7].iter().enumerate().map(|(place, digit)| if place % 2 == 1 { doubled(*digit) } else { *digit }).sum();
    (96 - sum) % 10 == digits[7]
}

fn bulgarian(first: &[u32]) -> u32 {
    match weighed(first, &[1, 2, 3, 4, 5, 6, 7, 8]) % 11 {
        10 => weighed(first, &[3, 4, 5, 6, 7, 8, 9, 10]) % 11 % 10,
        check => check,
    }
}

fn british(digits: &[u32]) -> bool {
    let sum = weighed(&digits[..7], &[8, 7, 6, 5, 4, 3, 2]) + digits[7] * 10 + digits[8];
    sum.is_multiple_of(97) || (sum + 55).is_multiple_of(97)
}

fn cypriot(digits: &[u32]) -> char {
    const ODD: [u32; 10] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21];
    let value = |(place, digit): (usize, &u32)| if place % 2 == 0 { ODD[*digit as usize % 10] } else { *digit };
    let sum: u32 = digits.iter().enumerate().map(value).sum();
    char::from(b'A' + u8::try_from(sum % 26).unwrap_or_default())
}

fn dutch(body: &str, digits: &[u32]) -> bool {
    let by_eleven = weighed(&digits[..8], &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 == digits[8];
    // Sole traders have had random numbers with another check since 2020.
    by_eleven || remainder_97(b"NL".iter().copied().chain(body.bytes())) == 1
}

fn french(body: &str) -> bool {
    let (key, siren) = body.split_at(2);
    let Ok(siren) = siren.parse::<u64>() else { return false };
    match key.parse::<u64>() {
        Ok(key) => key == (12 + 3 * (siren % 97)) % 97,
        // Keys with letters have a check of their own that is not published; the number itself has one.
        Err(_) => !key.contains(['I', 'O']) && luhn(&body[2..].bytes().map(value_of).collect::<Vec<_>>()),
    }
}

fn irish(body: &str) -> bool {
    const LETTERS: &[u8] = b"WABCDEFGHIJKLMNOPQRSTUV";
    let signs = body.as_bytes();
    if !signs[..7].iter().all(u8::is_ascii_digit) {
        // The old form has a letter or sign in second place and no common check.
        return signs[0].is_ascii_digit()
            && signs[1].is_ascii_uppercase()
            && signs[2..7].iter().all(u8::is_ascii_digit)
            && signs.len() == 8;
    }
    let second = signs.get(8).map_or(0, |letter| if *letter == b'W' { 0 } else { u32::from(letter.saturating_sub(b'@')) });
    let sum: u32 = signs[..7].iter().zip((2..=8).rev()).map(|(sign, weight)| value_of(*sign) * weight).sum();
    let is_letter = signs.get(8).is_none_or(u8::is_ascii_uppercase);
    is_letter && LETTERS.get(((sum + 9 * second) % 23) as usize) == Some(&signs[7])
}

fn latvian(first: &[u32]) -> u32 {
    // Ten has no digit of its own: such numbers are not given out.
    (14 - weighed(first, &[9, 1, 4, 8, 3, 10, 2, 5, 7, 6]) % 11) % 11
}

fn lithuanian(digits: &[u32]) -> bool {
    let Some((last, first)) = digits.split_last() else { return false };
    let weigh = |from: u32| {
        first.iter().zip((0..).map(|place| (place + from - 1) % 9 + 1)).map(|(digit, weight)| digit * weight).sum::<u32>()
    };
    let check = match weigh(1) % 11 {
        10 => weigh(3) % 11 % 10,
        check => check,
    };
    check == *last
}

/// NIF and NIE of persons, CIF of companies.
fn spanish(body: &str) -> bool {
    const LETTERS: &[u8] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let signs = body.as_bytes();
    let (first, last) = (signs[0], signs[8]);
    let middle = &body[1..8];
    if !middle.bytes().all(|sign| sign.is_ascii_digit()) {
        return false;
    }
    let person = match first {
        b'0'..=b'9' => Some(first),
        b'X' | b'Y' | b'Z' => Some(first - b'X' + b'0'),
        _ => None,
    };
    if let Some(person) = person {
        let number = format!("{}{middle}", char::from(person)).parse::<usize>().unwrap_or_default();
        return LETTERS.get(number % 23) == Some(&last);
    }
    let digits: Vec<u32> = middle.bytes().map(value_of).collect();
    let doubled = |digit: u32| digit * 2 / 10 + digit * 2 % 10;
    let sum: u32 = digits.iter().enumerate().map(|(place, digit)| if place % 2 == 0 { doubled(*digit) } else { *digit }).sum();
    let check = (10 - sum % 10) % 10;
    value_of(last) == check && last.is_ascii_digit() || b"JABCDEFGHI".get(check as usize) == Some(&last)
}

#[cfg(test)]
mod tests {
    use super::vat_ids;

    #[test]
    fn vat_ids_of_every_country_are_found_by_their_check_digits() {
        for id in [
            "ATU13585627",
            "BE0428759497",
            "BG175074752",
            "CHE107787577",
            "CY10259033P",
            "CZ25123891",
            "DE136695976",
            "DK13585628",
            "EE100931558",
            "EL094259216",
            "ESA13585625",
            "ES54362315K",
            "ESX2482300W",
            "FI20774740",
            "FR40303265045",
            "FRK7399859412",
            "GB980780684",
            "HR33392005961",
            "HU12892312",
            "IE6433435F",
            "IE6433435OA",
            "IT00743110157",
            "LT119511515",
            "LU15027442",
            "LV40003521600",
            "MT11679112",
            "NL004495445B01",
            "NO995525828",
            "PL8567346215",
            "PT501964843",
            "RO18547290",
            "SE123456789701",
            "SI50223054",
            "SK2022749619",
        ] {
            assert_eq!(vat_ids(&format!("VAT: {id}, thanks")), [id], "{id}");
            let sixth = id.as_bytes()[5] - b'0';
            let wrong = format!("{}{}{}", &id[..5], (sixth + 1) % 10, &id[6..]);
            assert_eq!(vat_ids(&wrong), Vec::<String>::new(), "{wrong}");
        }
    }

    #[test]
    fn blanks_dots_and_the_tax_s_name_may_stand_in_them() {
        let text =
            "USt-IdNr.: DE 136 695 976, BTW BE 0428.759.497, NO 995 525 828 MVA, CHE-107.787.577 MWST, CHE-107.787.577MWST";
        assert_eq!(vat_ids(text), ["DE136695976", "BE0428759497", "NO995525828", "CHE107787577"]);
    }

    #[test]
    fn words_are_no_vat_ids() {
        for text in ["DE", "IT 12", "RO 18547291", "Order DE1234567890", "SE-12345", "éDE136695976"] {
            assert_eq!(vat_ids(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn long_texts_cost_linear_time() {
        assert_eq!(vat_ids(&"RO 1 2 3 4 5 6 ".repeat(40_000)), Vec::<String>::new());
    }
}
