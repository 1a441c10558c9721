//! The links of an HTML body.

use super::is_invisible;
use super::tags::Event;

/// Links read of one message.
const LINKS_MAX: usize = 5_000;

/// One `<a href>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The text that is clicked, blanks folded; empty for a picture.
    pub text: String,
    /// The address as it was written.
    pub url: String,
}

/// Collects the links that a reader sees, in order.
#[derive(Default)]
pub(super) struct Links {
    found: Vec<Link>,
    open: Option<Link>,
}

impl Links {
    /// Takes the next step through the document.
    pub(super) fn see(&mut self, event: &Event<'_>) {
        match event {
            Event::Open(tag) if tag.name == "a" => {
                self.found.extend(self.open.take());
                let url = tag.attribute("href").map(str::trim).filter(|url| !url.is_empty() && self.found.len() < LINKS_MAX);
                self.open = url.map(|url| Link { text: String::new(), url: url.to_owned() });
            }
            Event::Open(tag) => {
                if let Some(link) = self.open.as_mut().filter(|_| matches!(tag.name.as_str(), "br" | "td" | "div" | "p")) {
                    link.text.push(' ');
                }
            }
            Event::Close("a") => self.found.extend(self.open.take()),
            Event::Close(_) => {}
            Event::Text(text) => {
                if let Some(link) = &mut self.open {
                    link.text.push_str(text);
                }
            }
        }
    }

    pub(super) fn finish(mut self) -> Vec<Link> {
        self.found.extend(self.open);
        for link in &mut self.found {
            link.text = folded(&link.text);
        }
        self.found
    }
}

/// Invisible characters dropped, blanks folded into one.
pub(super) fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars().filter(|&c| !is_invisible(c)) {
        if !c.is_whitespace() {
            folded.push(c);
        } else if !folded.is_empty() && !folded.ends_with(' ') {
            folded.push(' ');
        }
    }
    if folded.ends_with(' ') {
        folded.pop();
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_have_text_and_address() {
        let html = "<a href='https://contoso.com/?a=1&amp;b=2'>Track\n <b>parcel</b></a> <a name=x>no</a><a href=mailto:a@fabrikam.com>Write";
        let expected = vec![
            Link { text: "Track parcel".to_owned(), url: "https://contoso.com/?a=1&b=2".to_owned() },
            Link { text: "Write".to_owned(), url: "mailto:a@fabrikam.com".to_owned() },
        ];
        assert_eq!(super::super::read(html).links, expected);
    }
}
