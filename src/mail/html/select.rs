//! Elements by CSS selector: the one place that builds a tree, and therefore the one with a limit on size and nesting.

use scraper::{Html, Selector};

use super::links::folded;
use super::tags::{Event, walk};

/// Levels of elements: the tree builder is quadratic in them and ends in a stack overflow.
const LEVELS_MAX: usize = 256;

/// Bytes of HTML.
const HTML_MAX: usize = 2 * 1024 * 1024;

/// Elements of the tree, those counted that unclosed formatting repeats.
const ELEMENTS_MAX: usize = 400_000;

/// Elements given back.
const FOUND_MAX: usize = 2_000;

/// The text of every element that `css` finds, blanks folded. An error says what is wrong in words.
pub(in crate::mail) fn select(html: &str, css: &str) -> Result<Vec<String>, String> {
    let selector = Selector::parse(css).map_err(|error| format!("`{css}` is not a CSS selector: {error}"))?;
    if html.is_empty() {
        return Ok(Vec::new());
    }
    if html.len() > HTML_MAX {
        return Err(format!("the HTML has {} bytes, more than {HTML_MAX}: select does not read it", html.len()));
    }
    let outline = Outline::of(html);
    if outline.elements > ELEMENTS_MAX {
        return Err(format!("the HTML has more than {ELEMENTS_MAX} elements: select does not read it"));
    }
    if outline.is_too_deep {
        return Err(format!("the HTML is nested deeper than {LEVELS_MAX} levels: select does not read it"));
    }
    let page = Html::parse_document(html);
    Ok(page.select(&selector).take(FOUND_MAX).map(|element| folded(&element.text().collect::<Vec<_>>().join(""))).collect())
}

/// What the tree builder would make of the tags: an upper bound of levels and elements, counted without a tree.
#[derive(Default)]
struct Outline {
    open: Vec<String>,
    /// Formatting elements without an end tag: they are opened again in every block after them.
    formatting: usize,
    elements: usize,
    is_too_deep: bool,
}

impl Outline {
    fn of(html: &str) -> Self {
        let mut outline = Self::default();
        walk(html, |event| match event {
            _ if outline.is_too_deep => {}
            Event::Open(tag) if !tag.is_void() => outline.open(&tag.name),
            Event::Close(name) => outline.close(name),
            _ => {}
        });
        outline
    }

    fn open(&mut self, name: &str) {
        match name {
            "p" | "li" | "dt" | "dd" | "option" => {
                self.pop_to(&[name], |above| is_formatting(above) || above == "span" || above == "p");
            }
            "td" | "th" => self.pop_to(&["td", "th"], |above| !matches!(above, "table" | "tr" | "template")),
            "tr" => self.pop_to(&["tr"], |above| !matches!(above, "table" | "template")),
            _ => {}
        }
        self.open.push(name.to_owned());
        self.elements += 1 + self.formatting;
        self.formatting += usize::from(is_formatting(name));
        self.is_too_deep = self.open.len() + self.formatting > LEVELS_MAX;
    }

    /// An end tag closes what is open up to the next cell, table or object; others are ignored.
    fn close(&mut self, name: &str) {
        if is_formatting(name) {
            self.formatting = self.formatting.saturating_sub(1);
        }
        let is_barrier = |above: &str| {
            matches!(above, "table" | "td" | "th" | "caption" | "object" | "marquee" | "applet" | "template" | "svg" | "math")
        };
        match name {
            "table" | "tr" | "tbody" | "thead" | "tfoot" => self.pop_to(&[name], |above| !matches!(above, "table" | "template")),
            _ => self.pop_to(&[name], |above| !is_barrier(above)),
        }
    }

    /// Closes the nearest of `names` and all above it, if only elements that `may_pass` lets by stand above.
    fn pop_to(&mut self, names: &[&str], may_pass: impl Fn(&str) -> bool) {
        let found = self.open.iter().rposition(|open| names.contains(&open.as_str()) || !may_pass(open));
        if let Some(at) = found.filter(|&at| self.open.get(at).is_some_and(|open| names.contains(&open.as_str()))) {
            self.open.truncate(at);
        }
    }
}

fn is_formatting(name: &str) -> bool {
    matches!(name, "a" | "b" | "big" | "code" | "em" | "font" | "i" | "nobr" | "s" | "small" | "strike" | "strong" | "tt" | "u")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_text_of_every_element_that_is_found_comes_back() {
        let html = "<p class=a>One <b>two</b></p><p>no</p><p class='b a'>three</p>";
        assert_eq!(select(html, "p.a"), Ok(vec!["One two".to_owned(), "three".to_owned()]));
        assert_eq!(select("", "p.a"), Ok(Vec::new()));
    }

    #[test]
    fn a_bad_selector_and_a_nesting_bomb_are_refused_in_words() {
        assert!(select("<p>", "p..").unwrap_err().starts_with("`p..` is not a CSS selector"));
        let too_deep = Err("the HTML is nested deeper than 256 levels: select does not read it".to_owned());
        assert_eq!(select(&"<div>".repeat(100_000), "p"), too_deep);
        assert_eq!(select(&"<div></x>".repeat(100_000), "p"), too_deep);
        assert_eq!(select(&"<div><div><object></div></div>".repeat(10_000), "p"), too_deep);
        assert_eq!(select(&"<p><b id=1></p>".repeat(10_000), "p"), too_deep);
        assert_eq!(select(&"<p>x".repeat(10_000), "p").map(|found| found.len()), Ok(FOUND_MAX));
    }
}
