//! Parts of a text by what stands around them.

use super::pattern::pattern;

/// Characters of a mark that [`text_between`] looks for.
const MARK_CHARS_MAX: usize = 500;

/// What stands between the first `start` and the first `end` after it, trimmed. Case does not matter, and a run of white
/// space in a mark stands for any run of white space. An empty mark is the text's beginning or end. `None` when one of them
/// is not there, or nothing stands between them.
pub fn text_between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let after = match phrase(start) {
        Some(mark) => text.get(pattern(&mark).ok()?.find(text)?.end()..)?,
        None => text,
    };
    let between = match phrase(end) {
        Some(mark) => after.get(..pattern(&mark).ok()?.find(after)?.start())?,
        None => after,
    };
    Some(between.trim()).filter(|part| !part.is_empty())
}

/// An expression for the words of a mark, or `None` for an empty one.
fn phrase(mark: &str) -> Option<String> {
    let cut: String = mark.chars().take(MARK_CHARS_MAX).collect();
    let words: Vec<String> = cut.split_whitespace().map(regex::escape).collect();
    (!words.is_empty()).then(|| format!("(?i){}", words.join(r"\s+")))
}

/// The lines that are not empty, without line ends and trailing blanks (leading blanks are layout and stay).
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim_end).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_between_takes_the_first_pair_in_any_case_and_spacing() {
        let text = "Hello\nYour  ORDER:\n 2 x Widget \nRegards, x Regards";
        assert_eq!(text_between(text, "your order:", "regards"), Some("2 x Widget"));
        assert_eq!(text_between(text, "", "your order"), Some("Hello"));
        assert_eq!(text_between(text, "Regards,", ""), Some("x Regards"));
        assert_eq!(text_between(text, "order:", "goodbye"), None);
        assert_eq!(text_between("a b", "a", "b"), None);
    }

    #[test]
    fn lines_leave_out_empty_ones_and_keep_layout() {
        assert_eq!(lines("a \r\n\n  b\tc\n   \n").collect::<Vec<_>>(), ["a", "  b\tc"]);
    }
}
