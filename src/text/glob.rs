//! Wildcards for people: `*` and `?`.

use super::pattern::{PatternError, pattern};

/// Whether the whole text is like the wildcard expression: `*` stands for any characters, `?` for exactly one (line ends
/// included), everything else for itself, in any case. Used for words and attachment names alike; linear time.
///
/// # Errors
/// A wildcard expression of many thousand characters.
pub fn like(text: &str, glob: &str) -> Result<bool, PatternError> {
    let mut expression = String::with_capacity(glob.len() + 16);
    expression.push_str("(?is)^");
    let mut literal = [0_u8; 4];
    for sign in glob.chars() {
        match sign {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            other => expression.push_str(&regex::escape(other.encode_utf8(&mut literal))),
        }
    }
    expression.push('$');
    match pattern(&expression) {
        Ok(regex) => Ok(regex.is_match(text)),
        Err(error) => Err(PatternError { pattern: glob.chars().take(80).collect(), ..error }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::like;

    #[test]
    fn a_wildcard_matches_the_whole_text_in_any_case() {
        let cases = [
            ("Rechnung.PDF", "*.pdf", true),
            ("Rechnung.pdf.exe", "*.pdf", false),
            ("a.pdf", "?.pdf", true),
            ("ab.pdf", "?.pdf", false),
            ("aXpdf", "a.pdf", false),
            ("RE 2024\nline", "re*LINE", true),
            ("[x]+(1)", "[x]+(?)", true),
            ("ÄÖ", "äö", true),
            ("", "*", true),
        ];
        for (text, glob, expected) in cases {
            assert_eq!(like(text, glob).unwrap(), expected, "{text} like {glob}");
        }
    }

    #[test]
    fn many_stars_stay_linear() {
        assert!(!like(&"a".repeat(100_000), &"*a".repeat(40).replace('a', "ab")).unwrap());
    }
}
