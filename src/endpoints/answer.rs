//! What an endpoint answers: read up to a limit, and never with a secret of ours in it.

use base64::Engine as _;
use reqwest::{Response, Url};
use serde_json::Value;

/// Most of a refusal that is told on, in characters.
const EXCERPT_MAX: usize = 300;
/// Most of a refusal that is read, in bytes: no character has more than four.
pub(super) const REFUSAL_MAX: usize = EXCERPT_MAX * 4;
/// A shorter text is no secret: to blot it out would only garble answers.
const SECRET_MIN: usize = 4;
const BLOT: &str = "***";

/// What came of a body, at most `max` bytes of it, and whether it broke off.
pub(super) async fn read(response: &mut Response, max: usize) -> (Vec<u8>, Result<(), reqwest::Error>) {
    let mut body = Vec::new();
    while body.len() < max {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk[..chunk.len().min(max - body.len())]),
            Ok(None) => break,
            Err(error) => return (body, Err(error)),
        }
    }
    (body, Ok(()))
}

/// The secrets of one endpoint, to blot them out of whatever it reflects.
#[derive(Clone, Default)]
pub(super) struct Blotter(Vec<String>);

impl Blotter {
    /// Takes one more secret, in the forms in which it may come back.
    pub fn add(&mut self, secret: &str) {
        if secret.len() < SECRET_MIN {
            return;
        }
        let quoted = Value::from(secret).to_string();
        let mut form = Url::parse("http://localhost/").ok();
        if let Some(form) = &mut form {
            form.query_pairs_mut().append_key_only(secret);
        }
        let forms = [
            secret.to_owned(),
            quoted.trim_matches('"').to_owned(),
            base64::engine::general_purpose::STANDARD.encode(secret),
            form.as_ref().and_then(Url::query).unwrap_or_default().to_owned(),
        ];
        self.0.extend(forms.into_iter().filter(|form| !form.is_empty() && !self.0.contains(form)).collect::<Vec<_>>());
        // A long one may hold a short one.
        self.0.sort_by_key(|form| std::cmp::Reverse(form.len()));
        self.0.dedup();
    }

    fn is_in(&self, text: &str) -> bool {
        self.0.iter().any(|secret| text.contains(secret.as_str()))
    }

    /// The text without the secrets.
    pub fn blot(&self, text: &str) -> String {
        let text = self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), BLOT));
        // A secret that the end of what was read cuts in two.
        let cut = self.0.iter().flat_map(|secret| (SECRET_MIN..secret.len()).rev().filter_map(|length| secret.get(..length)));
        match cut.filter(|beginning| text.ends_with(beginning)).max_by_key(|beginning| beginning.len()) {
            Some(beginning) => format!("{}{BLOT}", &text[..text.len() - beginning.len()]),
            None => text,
        }
    }

    /// The value without the secrets.
    pub fn blot_value(&self, value: Value) -> Value {
        match value {
            Value::String(text) if self.is_in(&text) => Value::String(self.blot(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.blot_value(item)).collect(),
            Value::Object(members) => members
                .into_iter()
                .map(|(name, value)| (if self.is_in(&name) { self.blot(&name) } else { name }, self.blot_value(value)))
                .collect(),
            other => other,
        }
    }

    /// The beginning of a refusal, as one line of plain text.
    pub fn excerpt(&self, body: &[u8]) -> String {
        let text: String = String::from_utf8_lossy(body).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let text: String = self.blot(&text).chars().take(EXCERPT_MAX).collect();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() { "the answer has no explanation".to_owned() } else { text }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn blotter() -> Blotter {
        let mut blotter = Blotter::default();
        for secret in ["hunter2", "hunter2-long", "a\"b\"c", "abc"] {
            blotter.add(secret);
        }
        blotter
    }

    #[test]
    fn a_secret_that_comes_back_is_blotted_out_in_every_form() {
        let excerpt = |text: &str| blotter().excerpt(text.as_bytes());
        assert_eq!(excerpt("no user hunter2"), "no user ***");
        assert_eq!(excerpt("hunter2-long and hunter2"), "*** and ***");
        assert_eq!(excerpt(r#"{"got":"a\"b\"c"}"#), r#"{"got":"***"}"#);
        assert_eq!(excerpt("aHVudGVyMg=="), "***");
        assert_eq!(excerpt("what was read ends in hunte"), "what was read ends in ***");
        assert_eq!(excerpt("abc is too short to be one"), "abc is too short to be one");
        assert_eq!(excerpt(" \r\n "), "the answer has no explanation");
        assert_eq!(excerpt(&"x".repeat(1_200)).len(), 300);
    }

    #[test]
    fn a_kept_answer_holds_no_secret_either() {
        let answer = json!({ "id": 7, "echo": ["Bearer hunter2", { "hunter2": null }], "text": "the end is hunt" });
        let expected = json!({ "id": 7, "echo": ["Bearer ***", { "***": null }], "text": "the end is hunt" });
        assert_eq!(blotter().blot_value(answer), expected);
    }
}
