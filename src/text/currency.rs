//! How currencies are written beside an amount.

/// Codes of ISO 4217 that are in use, in order. In lower case only the few in [`LOWER_CASE`] count: `all`, `try`, `top` are words.
const CODES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD \
    CDF CHF CLF CLP CNH CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL \
    HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK \
    MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RMB RON RSD RUB RWF SAR SBD \
    SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV \
    WST XAF XCD XOF XPF YER ZAR ZMW ZWG";

/// Names and abbreviations, lower case, without a closing dot.
const LOWER_CASE: [&str; 44] = [
    "eur",
    "euro",
    "euros",
    "usd",
    "chf",
    "gbp",
    "sek",
    "nok",
    "dkk",
    "pln",
    "czk",
    "huf",
    "kč",
    "kc",
    "zł",
    "zl",
    "kr",
    "sfr",
    "fr",
    "ft",
    "lei",
    "din",
    "tl",
    "rs",
    "rp",
    "r",
    "руб",
    "рубль",
    "рубля",
    "рублей",
    "р",
    "грн",
    "лв",
    "dollar",
    "dollars",
    "pound",
    "pounds",
    "franken",
    "kronor",
    "kroner",
    "złotych",
    "us",
    "hk",
    "ca",
];

/// Whether the sign is one of the currency signs.
pub(super) fn is_sign(sign: char) -> bool {
    matches!(sign, '$' | '¢' | '£' | '¤' | '¥' | '฿' | '₠'..='⃀' | '﷼' | '＄' | '￡' | '￥')
}

/// Whether the word (letters only) is a currency's code or name.
pub(super) fn is_word(word: &str) -> bool {
    let upper_code = word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_uppercase());
    (upper_code && CODES.split_ascii_whitespace().any(|code| code == word)) || LOWER_CASE.contains(&word.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currencies_are_known_and_words_are_not() {
        for word in ["EUR", "eur", "Euro", "CHF", "ALL", "Kč", "руб"] {
            assert!(is_word(word), "{word}");
        }
        for word in ["all", "top", "Pos", "ABC", ""] {
            assert!(!is_word(word), "{word}");
        }
        assert!("$€£¥₹₽".chars().all(is_sign));
    }
}
