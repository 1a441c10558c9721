//! HTML as readable text: blocks on lines of their own, a table row on one line with its cells joined by a tab.

use super::is_invisible;
use super::links::{Link, Links};
use super::quotation::{MarkedLines, Quotations, is_mark};
use super::tags::{Event, Tag};
use super::visible::walk_visible;
use crate::mail::split::Marks;

/// Stands between the cells of a row until it is known whether the row is one of data or of layout.
const CELL: char = '\u{1}';

/// Stands for a blank that must stay (in `<pre>`).
const HARD_BLANK: char = '\u{2}';

/// A row with a cell of more characters and several lines is layout, not data.
const CELL_MAX: usize = 400;

/// What a reader sees of a document.
#[derive(Default)]
pub(in crate::mail) struct Read {
    /// Lines end with `\n`, at most one of two is blank.
    pub(in crate::mail) text: String,
    /// Which of its lines are quoted.
    pub(in crate::mail) marks: Marks,
    pub(in crate::mail) links: Vec<Link>,
}

/// Reads a document, in one pass.
pub(in crate::mail) fn read(html: &str) -> Read {
    let mut page = Page { out: String::with_capacity(html.len() / 4), ..Page::default() };
    let mut links = Links::default();
    walk_visible(html, |event| {
        links.see(&event);
        match event {
            Event::Open(tag) => page.open(tag),
            Event::Close(name) => page.close(name),
            Event::Text(text) => page.write(text),
        }
    });
    let (text, marks) = page.finish();
    Read { text, marks, links: links.finish() }
}

#[derive(Default)]
struct Page {
    out: String,
    rows: Vec<Row>,
    tables: usize,
    preformatted: usize,
    quotations: Quotations,
}

/// A row that is still open.
struct Row {
    /// Where its text begins.
    start: usize,
    /// Which of the open tables it belongs to.
    table: usize,
    cells: usize,
    has_inner_table: bool,
}

impl Page {
    fn open(&mut self, tag: &Tag) {
        match tag.name.as_str() {
            "br" => self.out_newline(),
            "table" => {
                if let Some(row) = self.rows.last_mut() {
                    row.has_inner_table = true;
                }
                self.tables += 1;
                self.end_line();
            }
            "tr" => {
                self.close_row();
                self.end_line();
                self.rows.push(Row { start: self.out.len(), table: self.tables, cells: 0, has_inner_table: false });
            }
            "td" | "th" => match self.rows.last_mut().filter(|row| row.table == self.tables) {
                Some(row) => {
                    row.cells += 1;
                    if row.cells > 1 {
                        self.trim_blanks();
                        self.out.push(CELL);
                    }
                }
                None => self.end_line(),
            },
            "li" => {
                self.end_line();
                self.out.push_str("- ");
            }
            "pre" => {
                self.end_line();
                self.preformatted += 1;
            }
            name => self.separate(name),
        }
        if let Some(mark) = self.quotations.open(tag) {
            self.out.push(mark);
        }
    }

    fn close(&mut self, name: &str) {
        if let Some(mark) = self.quotations.close(name) {
            self.end_line();
            self.out.push(mark);
        }
        match name {
            "br" => self.out_newline(),
            "table" => {
                self.close_row();
                self.tables = self.tables.saturating_sub(1);
                self.end_line();
            }
            "tr" => self.close_row(),
            "td" | "th" => self.trim_blanks(),
            "pre" => {
                self.preformatted = self.preformatted.saturating_sub(1);
                self.end_line();
            }
            name => self.separate(name),
        }
    }

    /// Ends the line for a block; leaves a blank line around paragraphs and headings.
    fn separate(&mut self, name: &str) {
        match name {
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "ul" | "ol" | "dl" | "blockquote" => {
                self.end_line();
                if !self.out.is_empty() && !self.out.ends_with("\n\n") && !self.out.ends_with(CELL) {
                    self.out.push('\n');
                }
            }
            "address" | "article" | "aside" | "body" | "caption" | "center" | "dd" | "details" | "div" | "dt" | "fieldset"
            | "figure" | "footer" | "form" | "header" | "hr" | "legend" | "li" | "main" | "nav" | "section" | "summary"
            | "tbody" | "tfoot" | "thead" => self.end_line(),
            _ => {}
        }
    }

    fn write(&mut self, text: &str) {
        let mut rest = text;
        loop {
            // Most of a text is plain letters, copied as they are.
            let plain = rest.bytes().take_while(u8::is_ascii_graphic).count();
            let (letters, others) = rest.split_at(plain);
            self.out.push_str(letters);
            let mut others = others.chars();
            let Some(c) = others.next() else { return };
            rest = others.as_str();
            if is_invisible(c) {
                continue;
            }
            if self.preformatted > 0 && (c == '\n' || c == ' ' || c == '\t') {
                if c == '\n' { self.out_newline() } else { self.out.push(HARD_BLANK) }
            } else if c.is_whitespace() {
                if !self.out.is_empty() && !self.out.ends_with(|c| matches!(c, ' ' | '\n' | CELL) || is_mark(c)) {
                    self.out.push(' ');
                }
            } else if !c.is_control() {
                self.out.push(c);
            }
        }
    }

    fn trim_blanks(&mut self) {
        while self.out.ends_with(' ') {
            self.out.pop();
        }
    }

    fn out_newline(&mut self) {
        self.trim_blanks();
        self.out.push('\n');
    }

    fn end_line(&mut self) {
        self.trim_blanks();
        if !self.out.is_empty() && !self.out.ends_with(['\n', CELL]) {
            self.out.push('\n');
        }
    }

    /// Ends the innermost row if it is one of the current table.
    fn close_row(&mut self) {
        if self.rows.last().is_none_or(|row| row.table != self.tables) {
            return;
        }
        let Some(row) = self.rows.pop() else { return };
        // Only a row without an inner table is read again, so that each character is read again at most once.
        if !row.has_inner_table && row.cells > 1 {
            let written = self.out.split_off(row.start);
            self.out.push_str(&joined(&written).unwrap_or(written));
        }
        self.end_line();
    }

    fn finish(mut self) -> (String, Marks) {
        self.trim_blanks();
        let mut text = String::with_capacity(self.out.len() + 1);
        let mut marked = MarkedLines::default();
        let (mut blank_lines, mut lines) = (0, 0);
        for marked_line in self.out.split(['\n', CELL]) {
            let start = marked_line.find(|c| !is_mark(c)).unwrap_or(marked_line.len());
            let (before, line) = marked_line.split_at(start);
            marked.see(before);
            let line = line.trim_end_matches(|c| matches!(c, ' ' | '\t' | HARD_BLANK) || is_mark(c));
            if line.is_empty() {
                blank_lines += usize::from(marked_line.is_empty());
                continue;
            }
            if !text.is_empty() {
                let ends = if blank_lines > 0 { "\n\n" } else { "\n" };
                lines += ends.len();
                text.push_str(ends);
            }
            blank_lines = 0;
            marked.count(lines);
            marked.see(&marked_line[start..]);
            text.extend(line.chars().filter(|&c| !is_mark(c)).map(|c| if c == HARD_BLANK { ' ' } else { c }));
        }
        if !text.is_empty() {
            text.push('\n');
        }
        (text, marked.into_marks())
    }
}

/// The row on one line; `None` where it only lays out a page: one cell with text, or a long one with lines of its own.
fn joined(row: &str) -> Option<String> {
    let cells: Vec<&str> = row.split(CELL).map(str::trim).collect();
    let filled = cells.iter().filter(|cell| !cell.is_empty()).count();
    let is_layout = cells.iter().any(|cell| cell.len() > CELL_MAX && cell.contains('\n'));
    if filled < 2 && row.contains('\n') || is_layout {
        return None;
    }
    let cells: Vec<String> = cells
        .into_iter()
        .map(|cell| {
            cell.split(|c: char| c.is_whitespace() || c == HARD_BLANK)
                .filter(|word| !word.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    Some(cells.join("\t"))
}

#[cfg(test)]
mod tests {
    fn text(html: &str) -> String {
        super::read(html).text
    }

    #[test]
    fn a_data_row_is_one_line_and_a_layout_row_keeps_its_lines() {
        let html = "<table><tr><td><p>Hello</p><p>your order:</p>\
            <table><tr><th>Article<th>Qty</tr><tr><td>Ball<br>valve</td><td>2</td></tr></table>\
            </td><td>&nbsp;</td></tr></table><p>Bye";
        assert_eq!(text(html), "Hello\n\nyour order:\n\nArticle\tQty\nBall valve\t2\n\nBye\n");
    }

    #[test]
    fn empty_cells_keep_their_column() {
        assert_eq!(text("<table><tr><td>A<td><td>C<tr><td><td>B<td></table>"), "A\t\tC\n\tB\n");
    }

    #[test]
    fn scripts_styles_titles_and_hidden_elements_are_not_text() {
        let html = "<html><head><title>T</title><style>p{}</style><body>\
            <div style='DISPLAY : none !important'>preview</div>a\u{200b}b&shy;c<script>x()</script>\
            <table><tr><td><span style='mso-hide:all'>never closed</td><td>shown</td></tr></table>";
        assert_eq!(text(html), "abc\n\tshown\n");
    }

    #[test]
    fn quotations_and_the_trail_are_told_by_their_lines() {
        let html = "<div>Yes.</div><div>On Monday Bob wrote:<blockquote type=cite><p>Really?</p><p>Bob</p></blockquote>\
            <blockquote>indented</blockquote></div><div>Ann</div><div id=x_appendonsend></div><hr>\
            <div id=divRplyFwdMsg><b>Frå:</b> Bob<br>more</div>";
        let super::Read { text, marks, .. } = super::read(html);
        let lines: Vec<&str> = text.split('\n').collect();
        assert_eq!(marks.cited.iter().flat_map(|range| &lines[range.clone()]).collect::<Vec<_>>(), [&"Really?", &"Bob"]);
        assert_eq!(marks.trail.map(|line| lines[line]), Some("Frå: Bob"));
        assert_eq!(text, "Yes.\nOn Monday Bob wrote:\n\nReally?\n\nBob\n\nindented\n\nAnn\nFrå: Bob\nmore\n");
    }

    #[test]
    fn preformatted_text_keeps_its_columns() {
        assert_eq!(text("<pre>a   1\n bb  2</pre>end"), "a   1\n bb  2\nend\n");
    }

    #[test]
    fn nesting_bombs_are_linear() {
        assert_eq!(text(&("<div>".repeat(200_000) + "x")), "x\n");
        assert_eq!(text(&("<table><tr><td>".repeat(100_000) + "x")), "x\n");
        assert_eq!(text(&("<table><tr><td>a<td>".repeat(50_000) + "x")).lines().last(), Some("x"));
        assert_eq!(text(&("<blockquote type=cite>".repeat(100_000) + "x")), "x\n");
    }
}
