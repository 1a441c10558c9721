//! What a text has in place of a label that is not in it.

use super::similar;

/// Phrases of a text that are compared.
const PHRASES_MAX: usize = 4_000;
/// Characters of a line that are looked at.
const LINE_CHARS_MAX: usize = 400;
/// From this likeness on a phrase may be what was meant, in percent.
const LIKE: u8 = 70;

/// The phrase of a text that is most like one of the labels: `Rechnungs-Nr.` for `Rechnungsnr`. Lines are cut at tabs, runs of two
/// blanks and colons; the first words of each part are compared, as many as the label has, one more and one less. The first 4,000
/// parts are looked at.
pub fn nearest_label<'t>(text: &'t str, labels: &[&str]) -> Option<&'t str> {
    let parts = text.lines().flat_map(parts).filter(|part| part.contains(char::is_alphabetic)).take(PHRASES_MAX);
    let mut best: Option<(u8, &str)> = None;
    for part in parts {
        for label in labels {
            let words = label.split_whitespace().count();
            for count in [words, words + 1, words.saturating_sub(1)] {
                let Some(phrase) = first_words(part, count) else { continue };
                let likeness = similar(phrase, label);
                if likeness >= LIKE && best.is_none_or(|(most, _)| likeness > most) {
                    best = Some((likeness, phrase));
                }
            }
        }
    }
    best.map(|(_, phrase)| phrase)
}

fn parts(line: &str) -> impl Iterator<Item = &str> {
    let end = line.char_indices().nth(LINE_CHARS_MAX).map_or(line.len(), |(at, _)| at);
    line[..end].split(['\t', ':', '=', '|']).flat_map(|part| part.split("  ")).map(str::trim).filter(|part| !part.is_empty())
}

/// The first words of a part; none when it has fewer.
fn first_words(part: &str, count: usize) -> Option<&str> {
    if count == 0 {
        return None;
    }
    let mut end = 0;
    for (at, word) in part.split(' ').enumerate() {
        end += word.len() + usize::from(at > 0);
        if at + 1 == count {
            return part.get(..end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::nearest_label;

    #[test]
    fn a_label_that_is_written_otherwise_is_shown() {
        let text = "Sehr geehrte Damen,\nRechnungs-Nr.: 4711   Datum: 1.2.2024\nGesamt Betrag\t119,00";
        assert_eq!(nearest_label(text, &["Rechnungsnr"]), Some("Rechnungs-Nr."));
        assert_eq!(nearest_label(text, &["Gesamtbetrag"]), Some("Gesamt Betrag"));
        assert_eq!(nearest_label(text, &["Invoice date", "IBAN"]), None);
        assert_eq!(nearest_label("", &["x"]), None);
    }
}
