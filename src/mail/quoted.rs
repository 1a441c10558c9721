//! A text parted into what its sender wrote, the signature below, and the quoted trail.
//!
//! By lines, each looked at a fixed number of times. Every line ends up in exactly one of the three, so that nothing is lost.

use super::quoted_phrases::{FORWARDED, FROM, OPENERS, OTHER_FIELDS, RULED_OFF, SENT_FROM, WROTE};

/// A longer line introduces nothing; bytes.
const INTRODUCTION_MAX: usize = 400;

/// "On … wrote:" may be wrapped into so many lines.
const WRAPPED_MAX: usize = 4;

/// A quoted header has its fields within so many lines.
const FIELDS_WITHIN: usize = 10;

/// A signature has at most so many lines below `--`.
const SIGNATURE_MAX: usize = 25;

/// The three portions, blank lines around each left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) top: String,
    pub(super) signature: String,
    pub(super) quoted: String,
}

/// And at most so many below "Sent from my phone".
const SENT_FROM_MAX: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Top,
    Signature,
    Quoted,
}

impl Split {
    /// Parts a text whose lines end in `\n`.
    pub(super) fn of(text: &str) -> Self {
        let lines = Lines::of(text);
        let mut kinds = lines.find_quoted();
        lines.find_signature(&mut kinds);
        let portion = |wanted: Kind| {
            let mut portion = String::new();
            for (line, _) in lines.raw.iter().zip(&kinds).filter(|(_, kind)| **kind == wanted) {
                portion.push_str(line);
                portion.push('\n');
            }
            without_blank_edges(&portion).to_owned()
        };
        Self { top: portion(Kind::Top), signature: portion(Kind::Signature), quoted: portion(Kind::Quoted) }
    }
}

/// Leading blank lines and trailing white space go, indentation stays.
fn without_blank_edges(text: &str) -> &str {
    let text = text.trim_end();
    match text.find(|c: char| !c.is_whitespace()) {
        Some(first) => text.get(text[..first].rfind('\n').map_or(0, |end| end + 1)..).unwrap_or(text),
        None => "",
    }
}

struct Lines<'a> {
    raw: Vec<&'a str>,
    /// In lower case without marks of emphasis; empty for lines that are too long to introduce anything.
    folded: Vec<String>,
    /// Index of the first line at or below that is not blank.
    next_filled: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let raw: Vec<&str> = text.split('\n').collect();
        let folded: Vec<String> = raw.iter().map(|line| folded(line)).collect();
        let mut next_filled = vec![raw.len(); raw.len() + 1];
        for at in (0..raw.len()).rev() {
            let is_filled = raw.get(at).is_some_and(|line| !line.trim().is_empty());
            let below = next_filled.get(at + 1).copied().unwrap_or(raw.len());
            if let Some(slot) = next_filled.get_mut(at) {
                *slot = if is_filled { at } else { below };
            }
        }
        Self { raw, folded, next_filled }
    }

    fn folded(&self, at: usize) -> &str {
        self.folded.get(at).map_or("", String::as_str)
    }

    fn is_blank(&self, at: usize) -> bool {
        self.raw.get(at).is_none_or(|line| line.trim().is_empty())
    }

    fn is_marked(&self, at: usize) -> bool {
        self.raw.get(at).is_some_and(|line| line.trim_start().starts_with('>'))
    }

    /// The first line at or below that has text.
    fn filled_from(&self, at: usize) -> usize {
        self.next_filled.get(at).copied().unwrap_or(self.raw.len())
    }

    fn find_quoted(&self) -> Vec<Kind> {
        let mut kinds = vec![Kind::Top; self.raw.len()];
        let mut at = 0;
        while at < self.raw.len() {
            if self.is_marked(at) {
                mark(&mut kinds, at..at + 1);
                at += 1;
            } else if self.is_blank(at) {
                if at > 0 && kinds.get(at - 1) == Some(&Kind::Quoted) {
                    mark(&mut kinds, at..at + 1);
                }
                at += 1;
            } else if self.introduces_rest(at) {
                mark(&mut kinds, at..self.raw.len());
                break;
            } else if let Some(lines) = self.attribution(at) {
                if !self.is_marked(self.filled_from(at + lines)) {
                    // Without marks nothing tells where the quoted message ends.
                    mark(&mut kinds, at..self.raw.len());
                    break;
                }
                mark(&mut kinds, at..at + lines);
                at += lines;
            } else {
                at += 1;
            }
        }
        kinds
    }

    /// "-----Original Message-----", "Begin forwarded message:", a quoted header, with the rule above it.
    fn introduces_rest(&self, at: usize) -> bool {
        let line = self.folded(at);
        if line.is_empty() {
            return false;
        }
        if FORWARDED.contains(&line) {
            return true;
        }
        let inner = line.trim_matches(['-', '_', '=', '*', ' ', ':']);
        if line.starts_with("--") && RULED_OFF.iter().any(|phrase| inner.starts_with(phrase)) {
            return true;
        }
        let is_rule = line.len() >= 5 && line.chars().all(|c| matches!(c, '-' | '_' | '=' | '—' | '─'));
        self.is_quoted_header(if is_rule { self.filled_from(at + 1) } else { at })
    }

    /// `From:` with at least two of `Sent:`, `To:`, `Subject:` close below.
    fn is_quoted_header(&self, at: usize) -> bool {
        if !field_of(self.folded(at)).is_some_and(|name| FROM.contains(&name)) {
            return false;
        }
        let below = (at + 1..at + FIELDS_WITHIN).filter_map(|line| field_of(self.folded(line)));
        below.filter(|name| OTHER_FIELDS.contains(name)).count() >= 2
    }

    /// How many lines "On … wrote:" takes, if it begins here.
    fn attribution(&self, at: usize) -> Option<usize> {
        let first = self.folded(at);
        if first.is_empty() {
            return None;
        }
        let is_opened = is_opener(first);
        let mut joined = String::new();
        for lines in 1..=WRAPPED_MAX {
            let line = self.folded(at + lines - 1);
            if line.is_empty() || lines > 1 && self.is_marked(at + lines - 1) {
                return None;
            }
            if lines == 2 && !is_opened && is_opener(line) {
                // The line above only stands there; the introduction begins with this one.
                return None;
            }
            joined.push_str(line);
            joined.push(' ');
            if joined.len() > INTRODUCTION_MAX {
                return None;
            }
            let before_marks = self.is_marked(self.filled_from(at + lines));
            if is_attribution(joined.trim(), is_opened, before_marks) {
                return Some(lines);
            }
            if !is_opened && !before_marks && lines == 2 {
                return None;
            }
        }
        None
    }

    /// `-- `, or what mobile programs write, and all below it up to the quoted trail.
    fn find_signature(&self, kinds: &mut [Kind]) {
        // From the end upwards, with a count of what stands below in the same run, so that each line is looked at once.
        let (mut run_end, mut filled) = (kinds.len(), 0);
        let mut found = None;
        for at in (0..kinds.len()).rev() {
            if kinds.get(at) != Some(&Kind::Top) {
                fill(kinds, found.take(), run_end);
                (run_end, filled) = (at, 0);
                continue;
            }
            let is_short =
                if self.is_delimiter(at) { filled <= SIGNATURE_MAX } else { filled <= SENT_FROM_MAX && self.is_sent_from(at) };
            if is_short && !self.is_blank(at) {
                found = Some(at);
            }
            filled += usize::from(!self.is_blank(at));
        }
        fill(kinds, found, run_end);
    }

    fn is_sent_from(&self, at: usize) -> bool {
        let folded = self.folded(at);
        folded.len() < 120 && SENT_FROM.iter().any(|phrase| folded.starts_with(phrase)) && folded.split_whitespace().count() <= 12
    }

    fn is_delimiter(&self, at: usize) -> bool {
        let Some(line) = self.raw.get(at).map(|line| line.trim_end()) else { return false };
        matches!(line, "--" | "—" | "––") || line.len() >= 2 && line.len() < 80 && line.chars().all(|c| c == '_')
    }
}

/// Makes the lines from the signature's first one to the end of its run the signature.
fn fill(kinds: &mut [Kind], first: Option<usize>, end: usize) {
    if let Some(lines) = first.and_then(|first| kinds.get_mut(first..end)) {
        lines.fill(Kind::Signature);
    }
}

fn mark(kinds: &mut [Kind], lines: std::ops::Range<usize>) {
    if let Some(lines) = kinds.get_mut(lines) {
        lines.fill(Kind::Quoted);
    }
}

fn folded(line: &str) -> String {
    if line.len() > INTRODUCTION_MAX {
        return String::new();
    }
    let line = line.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '\u{feff}' | '\u{200e}' | '\u{200f}'));
    line.chars().map(|c| if c == '\u{a0}' { ' ' } else { c }).flat_map(char::to_lowercase).collect()
}

/// The name before the colon of a field line.
fn field_of(line: &str) -> Option<&str> {
    let (name, _) = line.split_once(':')?;
    let name = name.trim_matches(|c: char| c.is_whitespace() || c == '*');
    (name.len() <= 30).then_some(name)
}

/// Whether lines joined into one say who wrote what follows. Before marked lines an address and a date are enough.
fn is_attribution(line: &str, is_opened: bool, before_marks: bool) -> bool {
    let ends = line.ends_with(':') || line.ends_with("：");
    let plain = line.trim_end_matches([':', '：', ' ', '-', '*', '>', '.']);
    let plain = plain.strip_suffix("(a)").unwrap_or(plain);
    let has_verb = WROTE.iter().any(|verb| contains_word(plain, verb));
    let has_address = line.contains('@');
    let has_digit = line.contains(|c: char| c.is_ascii_digit());
    if before_marks {
        return ends && (has_verb || has_address || is_opened && has_digit)
            || has_verb && (has_address || has_digit)
            || has_address && has_digit && is_opened;
    }
    // Gmail and Yandex leave the verb out in some languages: "2 Dec 2024 10:00 Bob <bob@fabrikam.com>:".
    let ends_with_address =
        ends && plain.contains('@') && line.trim_end_matches([':', '：', ' ']).ends_with('>') && has_time(line);
    let ends_with_verb = WROTE.iter().any(|verb| plain.ends_with(verb));
    let is_ruled = line.starts_with("--") && line.ends_with("--");
    ends_with_address
        || is_opened && ends_with_verb && has_address && has_time(line)
        || (ends || is_ruled) && has_verb && (has_digit || has_address) && (is_opened || ends_with_verb || is_ruled)
}

fn is_opener(line: &str) -> bool {
    OPENERS.iter().any(|opener| line.starts_with(opener)) || line.starts_with(|c: char| c.is_ascii_digit() || c == '<')
}

/// Whether a time of day stands in it.
fn has_time(line: &str) -> bool {
    line.as_bytes()
        .windows(4)
        .any(|found| matches!(found, [a, b':' | b'.', b, c] if a.is_ascii_digit() && b.is_ascii_digit() && c.is_ascii_digit()))
}

fn contains_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        before.is_none_or(|c| !c.is_alphanumeric()) && after.is_none_or(|c| !c.is_alphanumeric() || word.ends_with("napisał"))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::print_stderr)]
    use super::*;

    fn split(text: &str) -> (String, String, String) {
        let split = Split::of(text);
        (split.top, split.signature, split.quoted)
    }

    fn parts(top: &str, signature: &str, quoted: &str) -> (String, String, String) {
        (top.to_owned(), signature.to_owned(), quoted.to_owned())
    }

    #[test]
    fn a_marked_trail_below_an_attribution_of_two_lines_is_quoted() {
        assert_eq!(
            split(
                "Yes.\n\n-- \nAnn\n\nOn Mon, 2 Dec 2024 at 10:00, Bob Example\n<bob@fabrikam.com> wrote:\n> Really?\n>\n> Bob\n"
            ),
            parts("Yes.", "-- \nAnn", "On Mon, 2 Dec 2024 at 10:00, Bob Example\n<bob@fabrikam.com> wrote:\n> Really?\n>\n> Bob")
        );
    }

    #[test]
    fn answers_between_quoted_lines_stay_on_top() {
        assert_eq!(
            split("Am 02.12.2024 um 10:00 schrieb Bob:\n> Eins?\n\nJa.\n\n> Zwei?\n\nNein.\n"),
            parts("Ja.\n\nNein.", "", "Am 02.12.2024 um 10:00 schrieb Bob:\n> Eins?\n\n> Zwei?")
        );
    }

    #[test]
    fn outlook_s_header_block_begins_the_trail_in_every_language() {
        for block in [
            "From: Bob <bob@fabrikam.com>\nSent: Monday\nTo: Ann\nSubject: Order",
            "________________________________\nVon: Bob\nGesendet: Montag\nAn: Ann\nBetreff: Auftrag",
            "De : Bob\nEnvoyé : lundi\nÀ : Ann\nObjet : Commande",
            "*De:* Bob\n*Enviado:* lunes\n*Para:* Ann\n*Asunto:* Pedido",
            "Da: Bob\nInviato: lunedì\nA: Ann\nOggetto: Ordine",
            "Van: Bob\nVerzonden: maandag\nAan: Ann\nOnderwerp: Bestelling",
            "Od: Bob\nWysłano: poniedziałek\nDo: Ann\nTemat: Zamówienie",
            "От: Bob\nОтправлено: понедельник\nКому: Ann\nТема: Заказ",
            "Från: Bob\nSkickat: måndag\nTill: Ann\nÄmne: Order",
            "Fra: Bob\nSendt: mandag\nTil: Ann\nEmne: Ordre",
            "Lähettäjä: Bob\nLähetetty: maanantai\nVastaanottaja: Ann\nAihe: Tilaus",
            "-----Ursprüngliche Nachricht-----\nVon: Bob",
            "---------- Forwarded message ---------\nFrom: Bob",
            "Begin forwarded message:\n\nanything",
        ] {
            assert_eq!(
                split(&format!("Hello\n\n{block}\n\nold text\n")),
                parts("Hello", "", &format!("{block}\n\nold text")),
                "{block}"
            );
        }
    }

    #[test]
    fn attributions_are_known_in_every_language() {
        for line in [
            "On Dec 2, 2024, at 10:00, Bob <bob@fabrikam.com> wrote:",
            "Am Mo., 2. Dez. 2024 um 10:00 Uhr schrieb Bob <bob@fabrikam.com>:",
            "Le lun. 2 déc. 2024 à 10:00, Bob <bob@fabrikam.com> a écrit :",
            "Op ma 2 dec. 2024 om 10:00 schreef Bob <bob@fabrikam.com>:",
            "Il giorno lun 2 dic 2024 alle ore 10:00 Bob <bob@fabrikam.com> ha scritto:",
            "El lun, 2 dic 2024 a las 10:00, Bob (<bob@fabrikam.com>) escribió:",
            "Em seg., 2 de dez. de 2024 às 10:00, Bob <bob@fabrikam.com> escreveu:",
            "pon., 2 gru 2024 o 10:00 Bob <bob@fabrikam.com> napisał(a):",
            "пн, 2 дек. 2024 г. в 10:00, Bob <bob@fabrikam.com>: написал:",
            "Den mån 2 dec. 2024 kl 10:00 skrev Bob <bob@fabrikam.com>:",
            "ma 2. jouluk. 2024 klo 10.00 Bob (bob@fabrikam.com) kirjoitti:",
        ] {
            assert_eq!(split(&format!("Hi\n\n{line}\n\nold\n")), parts("Hi", "", &format!("{line}\n\nold")), "{line}");
        }
    }

    #[test]
    fn ordinary_text_is_not_taken_for_a_trail() {
        let text = "On Monday we wrote:\nplease deliver.\n\nFrom: Hamburg\nwe ship daily\n\nTotal: 5";
        assert_eq!(split(text), parts(text, "", ""));
    }

    #[test]
    fn a_phone_s_signature_is_not_part_of_the_text() {
        assert_eq!(split("Ok\n\nVon meinem iPhone gesendet\n"), parts("Ok", "Von meinem iPhone gesendet", ""));
    }

    #[test]
    fn long_and_odd_texts_cost_linear_time() {
        let text = "on 1 a\n".repeat(100_000)
            + "x".repeat(5_000_000).as_str()
            + "\n".repeat(200_000).as_str()
            + "on 1 wrote:\n\n".repeat(50_000).as_str()
            + "--\n".repeat(200_000).as_str();
        let split = Split::of(&text);
        assert!(split.top.len() + split.quoted.len() > 5_000_000);
    }
}
