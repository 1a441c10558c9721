//! Which language a text is written in.

use std::sync::LazyLock;

use whatlang::{Detector, Lang};

/// Words a text must have: with four words one guess in eighteen is wrong, with eight one in fifty.
pub(super) const WORDS_MIN: usize = 5;

/// Letters a text must have.
const LETTERS_MIN: usize = 20;

/// Characters that are looked at: more does not change the answer.
const CHARACTERS_MAX: usize = 2_000;

const SERVED: [(Lang, &str); 19] = [
    (Lang::Eng, "en"),
    (Lang::Deu, "de"),
    (Lang::Fra, "fr"),
    (Lang::Nld, "nl"),
    (Lang::Ita, "it"),
    (Lang::Spa, "es"),
    (Lang::Pol, "pl"),
    (Lang::Por, "pt"),
    (Lang::Swe, "sv"),
    (Lang::Dan, "da"),
    (Lang::Nob, "no"),
    (Lang::Fin, "fi"),
    (Lang::Ces, "cs"),
    (Lang::Rus, "ru"),
    (Lang::Ukr, "uk"),
    (Lang::Hun, "hu"),
    (Lang::Ron, "ro"),
    (Lang::Tur, "tr"),
    (Lang::Ell, "el"),
];

/// Two letters for the language; `None` where the text is too short to tell or written in a script of none of these.
pub(super) fn of(text: &str) -> Option<&'static str> {
    static DETECTOR: LazyLock<Detector> =
        LazyLock::new(|| Detector::with_allowlist(SERVED.iter().map(|(language, _)| *language).collect()));
    let words: Vec<&str> = text
        .split_whitespace()
        .filter(|word| word.chars().any(char::is_alphabetic) && !word.contains(['@', '/']))
        .scan(0, |characters, word| {
            *characters += word.len();
            (*characters <= CHARACTERS_MAX).then_some(word)
        })
        .collect();
    if words.len() < WORDS_MIN || words.iter().flat_map(|word| word.chars()).filter(|c| c.is_alphabetic()).count() < LETTERS_MIN {
        return None;
    }
    let language = DETECTOR.detect_lang(&words.join(" "))?;
    SERVED.iter().find(|(served, _)| *served == language).map(|(_, letters)| *letters)
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn languages_are_told_apart_once_there_is_enough_text() {
        assert_eq!(of("Bitte senden Sie uns die Rechnung für die Lieferung noch einmal"), Some("de"));
        assert_eq!(of("Please send us the invoice for this delivery once more"), Some("en"));
        assert_eq!(of("Veuillez nous renvoyer la facture de cette livraison s'il vous plaît"), Some("fr"));
        assert_eq!(of("Просим выслать счет за поставку еще раз"), Some("ru"));
        assert_eq!(of("Прошу ще раз надіслати рахунок за цю поставку, дякую"), Some("uk"));
        assert_eq!(of("Kérjük, küldje el még egyszer a szállítás számláját"), Some("hu"));
        assert_eq!(of("Vă rugăm să ne trimiteți încă o dată factura pentru această livrare"), Some("ro"));
        assert_eq!(of("Lütfen bu teslimatın faturasını bize bir kez daha gönderin"), Some("tr"));
        assert_eq!(of("Παρακαλούμε στείλτε μας ξανά το τιμολόγιο για αυτή την παράδοση"), Some("el"));
        assert_eq!(of("Rechnung 4711"), None);
        assert_eq!(of(""), None);
    }
}
