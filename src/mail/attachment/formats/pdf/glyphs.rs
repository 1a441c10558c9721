//! The pages of a PDF as characters with their positions. This folder is the only place that names the PDF library.

use lopdf::{Document, LoadOptions};

use super::layout::Glyph;
use super::page::{Left, Press};

/// Pages that are read.
const PAGES_MAX: usize = 500;
/// Characters that are read.
const GLYPHS_MAX: usize = 1_000_000;
/// Bytes that one stream of the file's own may unfold to, and all that pages print.
const UNFOLDED_MAX: usize = 64 << 20;

/// The pages that could be read.
pub(super) struct Pages {
    /// The characters of each, in the order of the file.
    pub(super) pages: Vec<Vec<Glyph>>,
    /// Why not all could, in words.
    pub(super) problem: Option<String>,
}

/// The document.
///
/// # Errors
/// Why it cannot be read, in words.
pub(super) fn open(bytes: &[u8]) -> Result<Document, String> {
    let options = LoadOptions { max_decompressed_size: Some(UNFOLDED_MAX), ..LoadOptions::default() };
    let document = Document::load_mem_with_options(bytes, options);
    let mut document = document.map_err(|error| format!("it is a damaged PDF: {error}"))?;
    if document.is_encrypted() && document.decrypt("").is_err() {
        return Err("it is protected: a password is needed to read it".to_owned());
    }
    Ok(document)
}

/// The pages of a document.
pub(super) fn pages(document: &Document) -> Pages {
    let mut read = Pages { pages: Vec::new(), problem: None };
    let mut left = Left { glyphs: GLYPHS_MAX, bytes: UNFOLDED_MAX };
    let all: Vec<_> = document.page_iter().take(PAGES_MAX + 1).collect();
    let mut press = Press::new(document, &mut left);
    for (place, &page) in all.iter().enumerate() {
        if place == PAGES_MAX || press.is_full() {
            read.problem = Some(format!("it is too long: only its first {place} pages were read"));
            break;
        }
        let printed = press.print(page).unwrap_or_else(|failed| {
            read.problem.get_or_insert_with(|| format!("page {} could not be read whole: {failed}", place + 1));
            press.take()
        });
        read.pages.push(printed);
    }
    read
}
