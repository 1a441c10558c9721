//! The stream of tags without what a reader does not see.

use std::sync::LazyLock;

use regex::Regex;

use super::tags::{Event, Tag, walk};

/// Like [`walk`], without scripts, styles, titles and hidden elements.
pub(super) fn walk_visible(html: &str, mut see: impl FnMut(Event<'_>)) {
    let mut hidden: Option<Hidden> = None;
    walk(html, |event| {
        if let Some(inside) = &mut hidden {
            match inside.follow(&event) {
                Step::Inside => return,
                Step::Last => {
                    hidden = None;
                    return;
                }
                Step::Outside => hidden = None,
            }
        }
        if let Event::Open(tag) = &event
            && is_hidden(tag)
        {
            if !tag.is_void() {
                hidden = Some(Hidden::by(&tag.name));
            }
            return;
        }
        see(event);
    });
}

/// Words of a style that may hide.
static HIDING: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("(?i-u)none|mso-hide|hidden").ok());

fn is_hidden(tag: &Tag) -> bool {
    if matches!(tag.name.as_str(), "script" | "style" | "title" | "template") {
        return true;
    }
    if tag.attribute("hidden").is_some() {
        return true;
    }
    tag.attribute("style").is_some_and(|style| {
        // Most styles hide nothing: look for the words before folding blanks and case away.
        if !HIDING.as_ref().is_some_and(|hiding| hiding.is_match(style)) {
            return false;
        }
        let style: String = style.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect();
        style.split(';').any(|rule| {
            let rule = rule.trim_end_matches("!important");
            matches!(rule, "display:none" | "mso-hide:all" | "visibility:hidden")
        })
    })
}

/// A hidden element and what was opened inside of it.
struct Hidden {
    name: String,
    same: usize,
    rows: usize,
    cells: usize,
    tables: usize,
}

enum Step {
    /// Still hidden.
    Inside,
    /// The element's own end tag.
    Last,
    /// The element had no end tag; this already stands outside of it.
    Outside,
}

impl Hidden {
    fn by(name: &str) -> Self {
        Self { name: name.to_owned(), same: 1, rows: 0, cells: 0, tables: 0 }
    }

    fn follow(&mut self, event: &Event<'_>) -> Step {
        match event {
            Event::Text(_) => Step::Inside,
            Event::Open(tag) => self.open(tag),
            Event::Close(name) => self.close(name),
        }
    }

    fn open(&mut self, tag: &Tag) -> Step {
        let is_outer = self.tables == 0;
        let ends_itself = match self.name.as_str() {
            "p" => tag.name == "p",
            "td" | "th" => is_outer && matches!(tag.name.as_str(), "td" | "th" | "tr"),
            "tr" => is_outer && tag.name == "tr",
            _ => false,
        };
        if ends_itself {
            return Step::Outside;
        }
        match tag.name.as_str() {
            "table" => self.tables += 1,
            "tr" => self.rows += 1,
            "td" | "th" => self.cells += 1,
            _ => {}
        }
        if tag.name == self.name {
            self.same += 1;
        }
        Step::Inside
    }

    fn close(&mut self, name: &str) -> Step {
        if name == self.name {
            self.same -= 1;
            if self.same == 0 {
                return Step::Last;
            }
        }
        let opened_inside = match name {
            "table" => &mut self.tables,
            "tr" => &mut self.rows,
            "td" | "th" => &mut self.cells,
            "body" | "html" => return Step::Outside,
            _ => return Step::Inside,
        };
        if *opened_inside == 0 {
            return Step::Outside;
        }
        *opened_inside -= 1;
        Step::Inside
    }
}
