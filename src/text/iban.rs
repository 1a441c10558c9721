//! Bank account numbers: IBAN (ISO 13616), by their countries' lengths and check digits.

use super::found::{Grouping, is_end, once, remainder_97, word_starts};

/// Signs of an IBAN by country, of the IBAN registry.
const LENGTHS: &str = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 \
    ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 \
    LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 \
    SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30";

/// Blanks part the groups, in some mails hyphens.
const GROUPING: Grouping = Grouping(&[' ', '\u{a0}', '\u{202f}', '-']);

/// The IBANs of a text, without blanks, each once, in order. Only those whose check digits are right.
pub fn ibans(text: &str) -> Vec<String> {
    once(word_starts(text).filter_map(|at| iban_at(text, at)))
}

fn iban_at(text: &str, at: usize) -> Option<String> {
    let head = text.get(at..at + 4).filter(|head| {
        let (country, digits) = head.as_bytes().split_at(2);
        country.iter().all(u8::is_ascii_alphabetic) && digits.iter().all(u8::is_ascii_digit)
    })?;
    let country = head[..2].to_ascii_uppercase();
    let length = LENGTHS.split_ascii_whitespace().find_map(|entry| entry.strip_prefix(country.as_str()))?.parse().ok()?;
    let (iban, end) = GROUPING.take(text, at, length);
    let iban = iban.to_ascii_uppercase();
    let signs = iban.as_bytes();
    let is_right = signs.len() == length && is_end(text, end) && remainder_97(signs[4..].iter().chain(&signs[..4]).copied()) == 1;
    is_right.then_some(iban)
}

#[cfg(test)]
mod tests {
    use super::ibans;

    #[test]
    fn ibans_are_found_in_groups_and_in_one_piece_with_right_check_digits() {
        let text = "IBAN: DE89 3704 0044 0532 0130 00, BIC COBADEFF370\nGB29NWBK60161331926819; again de89370400440532013000.\n\
            NL91 ABNA 0417 1643 00\u{a0}- wrong: DE88 3704 0044 0532 0130 00, too long: NL91ABNA04171643000, XDE89370400440532013000";
        assert_eq!(ibans(text), ["DE89370400440532013000", "GB29NWBK60161331926819", "NL91ABNA0417164300"]);
    }

    #[test]
    fn an_iban_before_more_text_ends_where_its_country_says() {
        assert_eq!(ibans("FR14 2004 1010 0505 0001 3M02 606 BIC PSSTFRPP"), ["FR1420041010050500013M02606"]);
        assert_eq!(ibans(""), Vec::<String>::new());
    }

    #[test]
    fn long_texts_cost_linear_time() {
        assert_eq!(ibans(&"DE89 3704 0044 0532 0130 01 ".repeat(40_000)), Vec::<String>::new());
        assert_eq!(ibans(&"é".repeat(500_000)), Vec::<String>::new());
    }
}
