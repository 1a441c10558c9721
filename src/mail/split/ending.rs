//! What stands around the words of a mail's sender without being meant for the reader: signatures below, notices below and above.

use super::Portion;
use super::lines::Lines;
use super::phrases::{BANNERS, DISCLAIMERS, SENT_FROM, SIGN_OFFS};

/// Lines of a signature below `--`.
const SIGNATURE_MAX: usize = 25;

/// Lines below "Best regards".
const SIGN_OFF_MAX: usize = 14;

/// Lines below "Sent from my phone".
const SENT_FROM_MAX: usize = 3;

/// Lines of contact data are no longer; characters.
const CONTACT_MAX: usize = 110;

/// Words of a line of contact data that ends like a sentence.
const CONTACT_WORDS_MAX: usize = 7;

/// Paragraphs above a mail among which a banner is looked for.
const BANNERS_WITHIN: usize = 3;

/// Bytes of a paragraph that are looked at.
const PARAGRAPH_MAX: usize = 1_500;

/// Bytes of a banner.
const BANNER_MAX: usize = 700;

/// Marks signatures and notices among the lines that are not quoted.
pub(super) fn find(lines: &Lines<'_>, portions: &mut [Portion]) {
    let mut start = 0;
    let mut is_first = true;
    while start < portions.len() {
        let is_quoted = |at: &usize| portions.get(*at) == Some(&Portion::Quoted);
        let end = (start..portions.len()).find(is_quoted).unwrap_or(portions.len());
        let run = Run { lines, start, end };
        if is_first && lines.filled_from(start) < end {
            run.find_banners(portions);
            is_first = false;
        }
        run.find_disclaimers(portions);
        run.find_signature(portions);
        start = (end..portions.len()).find(|at| portions.get(*at) != Some(&Portion::Quoted)).unwrap_or(portions.len());
    }
}

/// Lines between quoted ones.
struct Run<'l, 'a> {
    lines: &'l Lines<'a>,
    start: usize,
    end: usize,
}

impl Run<'_, '_> {
    /// The lines from `from` up to the next blank one, and that one's index.
    fn paragraph(&self, from: usize) -> (String, usize) {
        let end = (from..self.end).find(|at| self.lines.is_blank(*at)).unwrap_or(self.end);
        (self.joined(from, end), end)
    }

    fn joined(&self, from: usize, end: usize) -> String {
        let mut text = String::new();
        for line in (from..end).map(|at| self.lines.line(at)) {
            if text.len() > PARAGRAPH_MAX {
                break;
            }
            text.push_str(line.get(..line.floor_char_boundary(PARAGRAPH_MAX)).unwrap_or_default().trim());
            text.push(' ');
        }
        text.to_lowercase()
    }

    fn find_banners(&self, portions: &mut [Portion]) {
        let mut at = self.lines.filled_from(self.start);
        for _ in 0..BANNERS_WITHIN {
            let (text, end) = self.paragraph(at);
            if at >= self.end || text.len() > BANNER_MAX || !BANNERS.is_in(&text) {
                return;
            }
            let after = self.banner_end(at, end);
            mark(portions, at, after, Portion::Notice);
            if after < end {
                return;
            }
            at = self.lines.filled_from(end);
        }
    }

    /// The line after a banner: its text may follow directly below. A wrapped sentence belongs to it.
    fn banner_end(&self, from: usize, end: usize) -> usize {
        let last = (from..end).rev().find(|at| BANNERS.is_in(self.lines.folded(*at))).unwrap_or(end - 1);
        let is_closed = |at: &usize| {
            let line = self.lines.folded(*at).trim_end();
            line.ends_with(['.', '!', '>', ']', '*', '。']) || BANNERS.find(line).any(|found| found.end == line.len())
        };
        (last..end).find(is_closed).map_or(end, |at| at + 1)
    }

    /// Paragraphs at the end that are notices, with the rules around them.
    fn find_disclaimers(&self, portions: &mut [Portion]) {
        let mut end = self.end;
        let mut found = None;
        while let Some((from, to)) = self.last_paragraph(end) {
            if portions.get(from) != Some(&Portion::Top) {
                break;
            }
            if DISCLAIMERS.is_in(&self.joined(from, to)) {
                found = Some(from);
            } else if !(found.is_none() && self.is_decoration(from, to)) {
                break;
            }
            end = from;
        }
        if let Some(from) = found {
            mark(portions, self.disclaimed_from(from), self.end, Portion::Notice);
        }
    }

    /// A notice may stand directly below other lines: it begins with its own first sentence.
    fn disclaimed_from(&self, from: usize) -> usize {
        let (_, to) = self.paragraph(from);
        let is_long = |at: &usize| self.lines.line(*at).chars().count() > 45;
        let own = (from..to).find(|at| is_long(at) || DISCLAIMERS.is_in(self.lines.folded(*at)));
        own.unwrap_or(from)
    }

    /// First line of the last paragraph above `end`, and the line after it.
    fn last_paragraph(&self, end: usize) -> Option<(usize, usize)> {
        let last = (self.start..end).rev().find(|at| !self.lines.is_blank(*at))?;
        let above = (self.start..last).rev().find(|at| self.lines.is_blank(*at));
        Some((above.map_or(self.start, |at| at + 1), last + 1))
    }

    fn is_decoration(&self, from: usize, to: usize) -> bool {
        (from..to).all(|at| !self.lines.line(at).contains(char::is_alphanumeric))
    }

    /// `-- `, a greeting with a name, or what mobile programs write, and all below it.
    fn find_signature(&self, portions: &mut [Portion]) {
        // From the end upwards, with a count of what stands below, so that each line is looked at once.
        let (mut filled, mut is_contact) = (0, true);
        // The signature's first line so far, and the lines between it and the one looked at.
        let (mut found, mut between) = (None, 0);
        for at in (self.start..self.end).rev() {
            if portions.get(at) != Some(&Portion::Top) || self.lines.is_blank(at) {
                continue;
            }
            let begins = filled <= SIGNATURE_MAX && self.is_delimiter(at)
                || filled <= SENT_FROM_MAX && self.is_sent_from(at)
                || filled <= SIGN_OFF_MAX && is_contact && self.is_sign_off(at)
                || between == 0 && self.is_signed_name(at);
            if begins {
                (found, between) = (Some(at), 0);
            } else {
                between += 1;
            }
            is_contact &= begins || self.may_be_contact(at);
            filled += 1;
        }
        if let Some(found) = found {
            mark(portions, found, self.end, Portion::Signature);
        }
    }

    fn is_sent_from(&self, at: usize) -> bool {
        let folded = self.lines.folded(at).trim_start_matches(['<', '[', '(', '_']);
        let words = folded.split_whitespace().count();
        // "Sent from my desk, which is quieter." is a sentence of its own.
        let is_sentence = words > CONTACT_WORDS_MAX && (folded.contains(", ") || folded.ends_with('.'));
        folded.len() < 120 && words <= 12 && !is_sentence && SENT_FROM.begins(folded).is_some()
    }

    fn is_delimiter(&self, at: usize) -> bool {
        let line = self.lines.line(at).trim();
        matches!(line, "--" | "—" | "––" | "- -" | "---") || line.len() >= 2 && line.len() < 80 && line.chars().all(|c| c == '_')
    }

    /// "Best regards", alone on its line or with a name behind it.
    fn is_sign_off(&self, at: usize) -> bool {
        let folded = self.lines.folded(at);
        let Some(phrase) = SIGN_OFFS.begins(folded) else { return false };
        let rest = folded.get(phrase.len()..).unwrap_or_default();
        if rest.starts_with(char::is_alphanumeric) {
            return false;
        }
        let words = rest.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count();
        let is_name = || self.ends_with_name(at, words);
        words == 0 || words <= 4 && phrase.len() > 3 && rest.starts_with([',', ' ', '!']) && is_name()
    }

    /// Whether the last words of a line begin with capitals, as names and places do.
    fn ends_with_name(&self, at: usize, words: usize) -> bool {
        let line = self.lines.line(at).trim();
        let last = line.split_whitespace().rev().filter(|word| word.contains(char::is_alphanumeric)).take(words);
        let capital = |word: &str| word.trim_start_matches(['(', '"']).starts_with(|c: char| c.is_uppercase());
        last.clone().all(capital) && !line.ends_with(['.', '?'])
    }

    /// `-Ann`, `/Ann`, `– Ann Example` at the end, below a blank line.
    fn is_signed_name(&self, at: usize) -> bool {
        let line = self.lines.line(at).trim();
        let Some(name) = line.strip_prefix(['-', '–', '—', '/', '~']) else { return false };
        let is_dash = !line.starts_with('/');
        let below_blank = at == self.start || self.lines.is_blank(at - 1);
        let words = name.split_whitespace().count();
        let is_name = name.chars().all(|c| c.is_alphabetic() || matches!(c, ' ' | '.' | '-' | '\''));
        let is_close = name.starts_with(char::is_uppercase) || !is_dash && name.trim_start().starts_with(char::is_uppercase);
        below_blank
            && (1..=3).contains(&words)
            && is_name
            && is_close
            && name.split_whitespace().all(|word| word.starts_with(char::is_uppercase))
    }

    /// Names, roles, addresses and numbers are short and no sentences.
    fn may_be_contact(&self, at: usize) -> bool {
        let line = self.lines.line(at).trim();
        let folded = self.lines.folded(at);
        if line.chars().count() > CONTACT_MAX || folded.starts_with("ps") || folded.starts_with("p.s") {
            return false;
        }
        !line.ends_with(['.', '?', '!', ':']) || line.split_whitespace().count() <= CONTACT_WORDS_MAX
    }
}

/// Gives the lines that are still the sender's own words to another portion.
fn mark(portions: &mut [Portion], from: usize, end: usize, portion: Portion) {
    for own in portions.get_mut(from..end).unwrap_or_default().iter_mut().filter(|own| **own == Portion::Top) {
        *own = portion;
    }
}
