//! Keeps tokens out of error texts, which end in logs and in the journal.

/// What a secret's value follows, in lower case.
const BEFORE: [&str; 8] = [
    "authtoken=",
    "tempauth=",
    "access_token=",
    "refresh_token=",
    "client_secret=",
    "client_assertion=",
    "bearer ",
    "clientstate=",
];

/// The text with every token, secret or pre-authenticated address's key replaced by `***`.
pub(super) fn redact(text: &str) -> String {
    // ASCII alone changes case, so that positions in both agree.
    let lower = text.to_ascii_lowercase();
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        if let Some(word) = BEFORE.iter().find(|word| lower[at..].starts_with(**word)) {
            shown.push_str(&text[at..at + word.len()]);
            shown.push_str("***");
            at += word.len();
            at += token_len(&text[at..]);
        } else if text[at..].starts_with("eyJ") {
            // A JSON Web Token begins so: base64 of `{"`.
            shown.push_str("***");
            at += token_len(&text[at..]);
        } else {
            let next = text[at..].chars().next().map_or(1, char::len_utf8);
            shown.push_str(&text[at..at + next]);
            at += next;
        }
    }
    shown
}

fn token_len(text: &str) -> usize {
    text.find(|c: char| c.is_whitespace() || matches!(c, '&' | '"' | '\'' | ',' | ';' | '<' | '>' | ')')).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_replaced_and_the_rest_stays() {
        let told = "PUT https://outlook.office.com/x?authtoken=eyJ0&part=1 Bearer abc.def, façade eyJhbGciOi.x.y";
        assert_eq!(redact(told), "PUT https://outlook.office.com/x?authtoken=***&part=1 Bearer ***, façade ***");
        assert_eq!(redact("nothing secret"), "nothing secret");
    }
}
