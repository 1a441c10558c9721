//! Word's DOCX: a streaming reading of its parts (ECMA-376, part 1).

use std::io::{Cursor, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;

use super::super::reading::Reading;
use super::{File, Format};

/// Bytes that one part may unfold to.
const PART_MAX: u64 = 64 << 20;
/// Bytes of text.
const TEXT_MAX: usize = 20 << 20;
/// Parts that are read.
const PARTS_MAX: usize = 200;

pub(super) struct Docx;

impl Format for Docx {
    fn is_content(&self, file: &File<'_>) -> bool {
        file.is_zip_with(b"word/document")
    }

    fn endings(&self) -> &'static [&'static str] {
        &["docx", "docm", "dotx"]
    }

    fn read(&self, file: &File<'_>) -> Result<Reading, String> {
        let damaged = |error: &dyn std::fmt::Display| format!("it is a damaged Word file: {error}");
        let mut archive = ZipArchive::new(Cursor::new(file.bytes)).map_err(|error| damaged(&error))?;
        let mut names: Vec<(u8, String)> = (0..archive.len())
            .filter_map(|index| Some(archive.name_for_index(index)?.ok()?.into_owned()))
            .filter_map(|name| Some((place_of(&name)?, name)))
            .collect();
        names.sort();
        let mut reading = Reading::text(String::new());
        for (_, name) in names.into_iter().take(PARTS_MAX) {
            let part = archive.by_name(&name).map_err(|error| damaged(&error))?;
            let mut xml = Vec::new();
            let unfolded = part.take(PART_MAX + 1).read_to_end(&mut xml);
            let problem = match unfolded {
                Ok(bytes) if bytes as u64 > PART_MAX => {
                    Some(format!("its part `{name}` unfolds to more than {} MB", PART_MAX >> 20))
                }
                Ok(_) => append(&xml, reading.text.get_or_insert_default()).err(),
                Err(error) => Some(damaged(&error)),
            };
            reading.problem = reading.problem.or(problem);
        }
        Ok(reading)
    }
}

/// In which order the parts are read: headers, the text, notes, footers.
fn place_of(name: &str) -> Option<u8> {
    let file = name.strip_prefix("word/")?.strip_suffix(".xml")?;
    let place = ["header", "document", "footnotes", "endnotes", "comments", "footer"];
    let kind = file.trim_end_matches(|sign: char| sign.is_ascii_digit());
    place.iter().position(|known| *known == kind).and_then(|place| u8::try_from(place).ok())
}

/// Appends a part's text: paragraphs and rows as lines, cells by tabs.
fn append(xml: &[u8], text: &mut String) -> Result<(), String> {
    let mut reader = Reader::from_reader(xml);
    let mut at = At::default();
    loop {
        if text.len() > TEXT_MAX {
            return Err(format!("it has more than {} MB of text: the rest was not read", TEXT_MAX >> 20));
        }
        match reader.read_event() {
            Ok(Event::Start(element)) => at.opens(&element, text),
            Ok(Event::Empty(element)) => at.empty(&element, text),
            Ok(Event::End(element)) => at.closes(element.local_name().as_ref(), text),
            Ok(Event::Text(found)) if at.is_text() => {
                text.push_str(&found.xml10_content());
            }
            Ok(Event::CData(found)) if at.is_text() => text.push_str(&found),
            Ok(Event::GeneralRef(named)) if at.is_text() => {
                let known = quick_xml::escape::resolve_predefined_entity(&named);
                let sign = named.resolve_char_ref().ok().flatten();
                text.extend(sign);
                text.push_str(known.unwrap_or_default());
            }
            Ok(Event::Eof) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(format!("it is a damaged Word file: {error}")),
        }
    }
}

/// Where in a part the reader is.
#[derive(Default)]
struct At {
    /// Open elements of the second version of something that was there already.
    skipped: usize,
    /// Open elements whose text counts.
    texts: usize,
    /// Open cells of tables in tables.
    cells: usize,
}

impl At {
    fn is_text(&self) -> bool {
        self.texts > 0 && self.skipped == 0
    }

    fn opens(&mut self, element: &BytesStart<'_>, text: &mut String) {
        let name = element.local_name();
        // A paragraph's tab stops are no tabs.
        if self.skipped > 0 || matches!(name.as_ref(), "Fallback" | "tabs") {
            self.skipped += 1;
            return;
        }
        match name.as_ref() {
            "t" => self.texts += 1,
            "tc" => self.cells += 1,
            _ => self.empty(element, text),
        }
    }

    fn empty(&self, element: &BytesStart<'_>, text: &mut String) {
        if self.skipped > 0 {
            return;
        }
        match element.local_name().as_ref() {
            "tab" | "ptab" => text.push('\t'),
            "br" | "cr" => text.push('\n'),
            "noBreakHyphen" => text.push('-'),
            "sym" => {
                let code = element.try_get_attribute("w:char").ok().flatten();
                let code = code.and_then(|code| u32::from_str_radix(&code.value, 16).ok());
                text.extend(code.and_then(|code| char::from_u32(if code > 0xF000 { code - 0xF000 } else { code })));
            }
            _ => {}
        }
    }

    fn closes(&mut self, name: &str, text: &mut String) {
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        match name {
            "t" => self.texts = self.texts.saturating_sub(1),
            // Within a cell paragraphs are one line: a row is one.
            "p" if self.cells > 0 => text.push(' '),
            "p" => text.push('\n'),
            "tc" => {
                self.cells = self.cells.saturating_sub(1);
                text.truncate(text.trim_end_matches(' ').len());
                text.push('\t');
            }
            "tr" => {
                text.truncate(text.trim_end_matches('\t').len());
                text.push('\n');
            }
            _ => {}
        }
    }
}
