//! What the finders of values have in common: candidates of a text, one after another, each once.

/// Values given back of one text.
pub(super) const FOUND_MAX: usize = 1_000;

/// Keeps each value once, in the order in which they stand.
pub(super) fn once<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    for value in values {
        if kept.len() == FOUND_MAX {
            break;
        }
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}

/// A digit's or letter's place in `0…9A…Z`, as check digits count it.
pub(super) fn value_of(sign: u8) -> u32 {
    char::from(sign).to_digit(36).unwrap_or_default()
}

/// The remainder by 97 of digits and letters read as one number, a letter as two digits (ISO 7064, MOD 97-10).
pub(super) fn remainder_97(signs: impl Iterator<Item = u8>) -> u32 {
    signs.map(value_of).fold(0, |rest, value| (rest * if value > 9 { 100 } else { 10 } + value) % 97)
}

/// The places at which a word of letters and digits begins.
pub(super) fn word_starts(text: &str) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    (0..bytes.len()).filter(move |&at| {
        bytes.get(at).is_some_and(u8::is_ascii_alphanumeric)
            && text.is_char_boundary(at)
            && !text.get(..at).is_some_and(|before| before.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

/// What signs a value may be written in groups with.
#[derive(Clone, Copy)]
pub(super) struct Grouping(pub(super) &'static [char]);

impl Grouping {
    /// The letters and digits from `at` on, up to `max` of them, a single separator between two left out; and where they end.
    pub(super) fn take(self, text: &str, at: usize, max: usize) -> (String, usize) {
        let (mut taken, mut end, mut was_separator) = (String::new(), at, true);
        for sign in text.get(at..).unwrap_or_default().chars() {
            if sign.is_ascii_alphanumeric() {
                taken.push(sign);
                was_separator = false;
            } else if was_separator || !self.0.contains(&sign) {
                break;
            } else {
                was_separator = true;
            }
            end += sign.len_utf8();
            if taken.len() == max {
                break;
            }
        }
        (taken, end)
    }
}

/// Whether a value that ends there is not the beginning of a longer word.
pub(super) fn is_end(text: &str, end: usize) -> bool {
    !text.get(end..).is_some_and(|after| after.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}
