//! The links of an HTML body.

use super::is_invisible;
use super::tags::Event;
use super::visible::walk_visible;

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

/// All links that a reader sees, in order.
pub(in crate::mail) fn links(html: &str) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    let mut open: Option<Link> = None;
    walk_visible(html, |event| match event {
        Event::Open(tag) if tag.name == "a" => {
            links.extend(open.take());
            if let Some(url) = tag.attribute("href").map(str::trim).filter(|url| !url.is_empty() && links.len() < LINKS_MAX) {
                open = Some(Link { text: String::new(), url: url.to_owned() });
            }
        }
        Event::Open(tag) => {
            if let Some(link) = open.as_mut().filter(|_| matches!(tag.name.as_str(), "br" | "td" | "div" | "p")) {
                link.text.push(' ');
            }
        }
        Event::Close("a") => links.extend(open.take()),
        Event::Close(_) => {}
        Event::Text(text) => {
            if let Some(link) = &mut open {
                link.text.push_str(text);
            }
        }
    });
    links.extend(open);
    for link in &mut links {
        link.text = folded(&link.text);
    }
    links
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
        assert_eq!(links(html), expected);
    }
}
