//! The parsed MIME of a message; each view of it is worked out when first asked for, and kept.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::attachment::{Attachment, Reads};
use super::defect::Defect;
use super::envelope::{Envelope, Header};
use super::html::{self, Link};
use super::message::Message;
use super::parse::{self, Parsed, Part};
use super::source::Source;
use super::split::{Forwarded, Marks, Portion, Split, Subject};
use super::table::{Grid, Table, TableSearch};
use super::{ATTACHED_MAILS_MAX, language, plain_table};

/// A message's content: text, HTML, tables, attachments. `Send + Sync`; asking twice costs once.
pub struct Content {
    source: Arc<Source>,
    parsed: Parsed,
    defects: Vec<Defect>,
    /// How many mails this one is attached in.
    depth: u8,
    reads: Reads,
    headers: OnceLock<Vec<Header>>,
    html: OnceLock<Option<String>>,
    text: OnceLock<(String, Marks)>,
    split: OnceLock<Split>,
    forwarded: OnceLock<Option<Box<Message>>>,
    grids: OnceLock<Vec<Grid>>,
    tables: OnceLock<Vec<Table>>,
    links: OnceLock<Vec<Link>>,
    language: OnceLock<Option<&'static str>>,
    attachments: OnceLock<Vec<Attachment>>,
}

/// Gives the mail that the part at that place is, if it is one.
pub(super) type Attached<'a> = &'a mut dyn FnMut(usize, &Attachment) -> Option<Message>;

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").field("bytes", &self.raw().len()).field("defects", &self.defects).finish_non_exhaustive()
    }
}

impl PartialEq for Content {
    /// Content is its bytes.
    fn eq(&self, other: &Self) -> bool {
        self.raw() == other.raw()
    }
}

impl Content {
    /// Parses a raw message; its attachments are read here too, when somebody asks. Never fails: what cannot be read is a defect.
    pub fn parse(raw: Vec<u8>) -> Self {
        Self::parse_within(raw, 0, Reads::Here)
    }

    pub(super) fn parse_within(raw: Vec<u8>, depth: u8, reads: Reads) -> Self {
        let mut defects = Vec::new();
        let source = Source::new(raw, &mut defects);
        let parsed = parse::parse(&source, &mut defects);
        Self::of(source, (parsed, defects), depth, reads)
    }

    fn of(source: Source, (parsed, defects): (Parsed, Vec<Defect>), depth: u8, reads: Reads) -> Self {
        Self {
            source: Arc::new(source),
            parsed,
            defects,
            depth,
            reads,
            headers: OnceLock::new(),
            html: OnceLock::new(),
            text: OnceLock::new(),
            split: OnceLock::new(),
            forwarded: OnceLock::new(),
            grids: OnceLock::new(),
            tables: OnceLock::new(),
            links: OnceLock::new(),
            language: OnceLock::new(),
            attachments: OnceLock::new(),
        }
    }

    /// What [`Content::into_parsed`] gave, with its bytes and the mails attached in it: nothing is parsed again, and no attachment
    /// is read here.
    pub(super) fn from_parsed(raw: Vec<u8>, depth: u8, parsed: (Parsed, Vec<Defect>), attached: Attached<'_>) -> Self {
        // What is odd about the bytes was told when they were parsed; here they are only repaired the same way.
        let mut content = Self::of(Source::new(raw, &mut Vec::new()), parsed, depth, Reads::Elsewhere);
        let attachments = content.attachment_parts().map(|(index, part)| {
            let attachment = Attachment::new(Arc::clone(&content.source), part, depth, Reads::Elsewhere);
            attachment.keep_enclosed(attached(index, &attachment));
            attachment
        });
        content.attachments = OnceLock::from(attachments.collect::<Vec<_>>());
        content
    }

    /// What parsing found, without the bytes.
    pub(super) fn into_parsed(self) -> (Parsed, Vec<Defect>) {
        (self.parsed, self.defects)
    }

    /// One attachment after another, each read from scratch by `read` and forgotten, so that what all of them hold never adds up.
    pub(super) fn each_attachment(&self, mut read: impl FnMut(usize, Attachment)) {
        for (index, part) in self.attachment_parts() {
            read(index, Attachment::new(Arc::clone(&self.source), part, self.depth, self.reads));
        }
    }

    /// The bytes as they came.
    pub fn raw(&self) -> &[u8] {
        self.source.raw()
    }

    /// The envelope as the header gives it: without id, folder and preview, and without the header fields, which
    /// [`Content::headers`] has.
    pub fn envelope(&self) -> Envelope {
        Envelope { has_attachments: self.attached().any(|part| !part.is_inline()), ..self.parsed.fields.envelope() }
    }

    /// What is odd about the message.
    pub fn defects(&self) -> &[Defect] {
        &self.defects
    }

    /// All header fields, topmost first, unfolded and decoded.
    pub fn headers(&self) -> &[Header] {
        self.headers.get_or_init(|| parse::headers(self.source.header()))
    }

    /// The readable text, lines ended by `\n`: the plain text parts where one has content, else the HTML with table rows on
    /// one line each, cells joined by a tab.
    pub fn text(&self) -> &str {
        &self.marked_text().0
    }

    fn marked_text(&self) -> &(String, Marks) {
        self.text.get_or_init(|| {
            let plain: Vec<&str> = self.bodies(&self.parsed.text_body, is_plain).filter(|text| !is_blank(text)).collect();
            if !plain.is_empty() {
                return (unix_lines(&plain), Marks::default());
            }
            let html::Read { text, marks, links } = self.read_html();
            // They were read on the way.
            let _ = self.links.set(links);
            (text, marks)
        })
    }

    fn read_html(&self) -> html::Read {
        self.html().map(html::read).unwrap_or_default()
    }

    /// The HTML as it was sent; several HTML parts one after another.
    pub fn html(&self) -> Option<&str> {
        let mut found = self.bodies(&self.parsed.html_body, is_html);
        let first = found.next()?;
        let Some(second) = found.next() else { return Some(first) };
        self.html.get_or_init(|| Some([first, second].into_iter().chain(found).collect::<Vec<_>>().join("\n"))).as_deref()
    }

    /// What the sender wrote now: the text without the quoted trail, the signature and notices.
    pub fn top_text(&self) -> &str {
        &self.split().top
    }

    /// The quoted trail: earlier messages, with the lines that introduce them.
    pub fn quoted_text(&self) -> &str {
        &self.split().quoted
    }

    /// The signature below the top text, from the greeting, `--` or "Sent from my …" on; empty when there is none.
    pub fn signature(&self) -> &str {
        &self.split().signature
    }

    /// Notices around the text: confidentiality below, "this message came from outside" above; empty when there are none.
    pub fn notices(&self) -> &str {
        &self.split().notices
    }

    /// What each stretch of the text is, in bytes, from its beginning to its end without a gap.
    pub fn portions(&self) -> &[(Portion, Range<usize>)] {
        &self.split().spans
    }

    fn split(&self) -> &Split {
        self.split.get_or_init(|| {
            let (text, marks) = self.marked_text();
            Split::of(text, marks)
        })
    }

    /// The message that this one forwards in its text, opened: envelope and text as a mail of their own. In an answer (`RE:`)
    /// only one that words introduce as forwarded. Its date is the header field `Date`, as the mail program wrote it.
    pub fn forwarded(&self) -> Option<&Message> {
        let found = self.forwarded.get_or_init(|| {
            let (text, marks) = self.marked_text();
            let subject = Subject::of(self.parsed.fields.subject.as_deref());
            let found =
                Forwarded::find((text, marks), &self.split().spans, subject).filter(|_| self.depth < ATTACHED_MAILS_MAX)?;
            let content = Self::parse_within(found.to_raw(), self.depth + 1, Reads::Here);
            Some(Box::new(Message::of_forwarded(content, found)))
        });
        found.as_deref()
    }

    /// All tables with at least two columns and two rows: of the HTML, only the innermost; without HTML, those drawn in the text.
    pub fn tables(&self) -> &[Table] {
        self.tables.get_or_init(|| self.grids().iter().filter_map(Grid::table).collect())
    }

    /// The table that has all these columns; their names are compared without case, spaces, dots and colons. Total rows,
    /// empty rows and repeated headers are left out.
    pub fn table(&self, columns: &[&str]) -> TableSearch {
        // Looking for the words costs less than reading all tags, and most mail has no such table.
        let is_possible = || match self.html() {
            Some(html) => html::may_have_columns(html, columns),
            None => html::has_words_of(self.text(), columns),
        };
        if self.grids.get().is_none() && !is_possible() {
            return TableSearch::None;
        }
        Grid::search(self.grids(), columns)
    }

    fn grids(&self) -> &[Grid] {
        self.grids.get_or_init(|| match self.html() {
            Some(html) => html::grids(html),
            None => plain_table::grids(self.text()),
        })
    }

    /// The text of all elements that the CSS selector finds, in order. An error says in words what is wrong with the
    /// selector or why the HTML was not read (over 2 MB, over 256 levels).
    pub fn select(&self, css: &str) -> Result<Vec<String>, String> {
        html::select(self.html().unwrap_or_default(), css)
    }

    /// All links of the HTML (`<a href>`), in order.
    pub fn links(&self) -> &[Link] {
        self.links.get_or_init(|| self.read_html().links)
    }

    /// schema.org objects of that `@type` (`Order`, `Invoice`, `ParcelDelivery` …; case does not matter), from JSON-LD and microdata.
    pub fn data(&self, kind: &str) -> Vec<Value> {
        self.html().map(|html| html::data(html, kind)).unwrap_or_default()
    }

    /// The language of the top text as two letters (`en`, `de`, `no` …); `None` where there are fewer than
    /// [`language::WORDS_MIN`] words or the language is none we serve.
    pub fn language(&self) -> Option<&'static str> {
        *self.language.get_or_init(|| {
            let top = language::of(self.top_text());
            top.or_else(|| language::of(self.text()))
        })
    }

    /// All attachments and inline files, in document order.
    pub fn attachments(&self) -> &[Attachment] {
        let attachment = |part| Attachment::new(Arc::clone(&self.source), part, self.depth, self.reads);
        self.attachments.get_or_init(|| self.attached().map(attachment).collect())
    }

    /// The attachments, and the files in them as far as these are known, that have to be read elsewhere before they can be asked.
    pub fn unread(&self) -> Vec<&Attachment> {
        let mut unread = Vec::new();
        let mut known: Vec<&Attachment> = self.attachments().iter().collect();
        while let Some(file) = known.pop() {
            if file.is_unread() {
                unread.push(file);
                continue;
            }
            known.extend(file.files().unwrap_or_default());
            let mail = file.mail().unwrap_or_default().and_then(|mail| mail.content().ok());
            known.extend(mail.map(Content::attachments).unwrap_or_default());
        }
        unread
    }

    fn attached(&self) -> impl Iterator<Item = &Part> {
        self.attachment_parts().map(|(_, part)| part)
    }

    /// The parts that are attachments, each with its place among all parts.
    fn attachment_parts(&self) -> impl Iterator<Item = (usize, &Part)> {
        self.parsed.attachments.iter().filter_map(|&index| Some((index, self.parsed.parts.get(index)?)))
    }

    /// All parts, for what reads reports.
    pub(super) fn part_types(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.parsed.parts.iter().map(|part| (part.content_type.as_str(), part.detail.as_deref()))
    }

    fn bodies<'a>(&'a self, indices: &'a [usize], wanted: fn(&str) -> bool) -> impl Iterator<Item = &'a str> {
        indices
            .iter()
            .filter_map(|&index| self.parsed.parts.get(index))
            .filter(move |part| wanted(&part.content_type))
            .map(|part| part.text(&self.source))
    }
}

/// Text without a type is plain text (RFC 2045 §5.2); multipart types stand here when their boundary is missing.
fn is_plain(content_type: &str) -> bool {
    content_type.is_empty() || content_type == "text/plain" || content_type == "text" || content_type.starts_with("multipart/")
}

fn is_html(content_type: &str) -> bool {
    content_type == "text/html"
}

fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || html::is_invisible(c))
}

fn unix_lines(texts: &[&str]) -> String {
    let mut joined = String::with_capacity(texts.iter().map(|text| text.len() + 1).sum());
    for text in texts {
        if !joined.is_empty() && !joined.ends_with('\n') {
            joined.push('\n');
        }
        let mut rest = text.trim_start_matches('\u{feff}');
        while let Some(at) = memchr::memchr(b'\r', rest.as_bytes()) {
            joined.push_str(&rest[..at]);
            joined.push('\n');
            rest = &rest[at + 1..];
            rest = rest.strip_prefix('\n').unwrap_or(rest);
        }
        joined.push_str(rest);
    }
    joined
}
