//! By which elements mail programs tell that what is inside, or below, is an earlier message.

use super::tags::Tag;
use crate::mail::split::Marks;

/// Stand in a text that is being made where a quotation begins and ends, and where the trail begins.
pub(super) const CITED_FROM: char = '\u{3}';
pub(super) const CITED_TO: char = '\u{4}';
pub(super) const TRAIL: char = '\u{5}';

/// Elements above the trail of Outlook, Outlook on the web and on phones, Outlook for Mac, and others. A program that quotes
/// such a mail in turn puts `x_` before the names.
const TRAIL_IDS: [&str; 9] = [
    "divrplyfwdmsg",
    "appendonsend",
    "olk_src_body_section",
    "mail-editor-reference-message-container",
    "ms-outlook-mobile-reference-message",
    "outlookmessageheader",
    "replysplit",
    "isreplycontent",
    "zwchr",
];

const TRAIL_CLASSES: [&str; 6] = [
    "yahoo_quoted",
    "protonmail_quote",
    "tutanota_quote",
    "outlookmessageheader",
    "ms-outlook-mobile-reference-message",
    "zmail_extra",
];

/// The quotations open in a document.
#[derive(Default)]
pub(super) struct Quotations {
    /// For each open `blockquote`, whether it cites: some only indent.
    open: Vec<bool>,
}

impl Quotations {
    /// The mark to set inside of an element that was opened.
    pub(super) fn open(&mut self, tag: &Tag) -> Option<char> {
        match tag.name.as_str() {
            "blockquote" => {
                let cites = cites(tag);
                self.open.push(cites);
                cites.then_some(CITED_FROM)
            }
            "div" | "span" | "hr" | "a" | "section" => begins_trail(tag).then_some(TRAIL),
            _ => None,
        }
    }

    /// The mark to set before the end of an element that is closed.
    pub(super) fn close(&mut self, name: &str) -> Option<char> {
        (name == "blockquote" && self.open.pop() == Some(true)).then_some(CITED_TO)
    }
}

fn cites(tag: &Tag) -> bool {
    tag.attribute("type").is_some_and(|kind| kind.trim().eq_ignore_ascii_case("cite"))
        || tag.attribute("cite").is_some()
        || tag.attribute("class").is_some_and(|class| class.contains("quote") || class.contains("cite"))
        || tag.attribute("style").is_some_and(|style| style.contains("border-left"))
}

fn begins_trail(tag: &Tag) -> bool {
    let is_known = |name: &str, known: &[&str]| known.contains(&name.trim_start_matches("x_").to_ascii_lowercase().as_str());
    tag.attribute("id").is_some_and(|id| is_known(id, &TRAIL_IDS))
        || tag.attribute("class").is_some_and(|class| class.split_whitespace().any(|class| is_known(class, &TRAIL_CLASSES)))
        // Outlook's line above the quoted header; nothing else has this padding.
        || tag.attribute("style").is_some_and(|style| style.contains("border-top") && (style.contains("padding:3.0pt 0") || style.contains("padding:3pt 0")))
}

pub(super) fn is_mark(c: char) -> bool {
    matches!(c, CITED_FROM | CITED_TO | TRAIL)
}

/// The marks of a text, line by line.
#[derive(Default)]
pub(super) struct MarkedLines {
    depth: usize,
    is_trail_next: bool,
    marks: Marks,
}

impl MarkedLines {
    /// Takes the marks in a part of a line.
    pub(super) fn see(&mut self, part: &str) {
        for mark in part.chars() {
            match mark {
                CITED_FROM => self.depth += 1,
                CITED_TO => self.depth = self.depth.saturating_sub(1),
                TRAIL => self.is_trail_next = true,
                _ => {}
            }
        }
    }

    /// Counts a line with text whose leading marks were seen.
    pub(super) fn count(&mut self, line: usize) {
        if self.is_trail_next {
            self.marks.trail.get_or_insert(line);
        }
        if self.depth == 0 {
            return;
        }
        match self.marks.cited.last_mut() {
            Some(last) if last.end == line => last.end = line + 1,
            _ => self.marks.cited.push(line..line + 1),
        }
    }

    pub(super) fn into_marks(self) -> Marks {
        self.marks
    }
}
