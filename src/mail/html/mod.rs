//! What HTML bodies say: readable text, tables, links, schema.org data, elements by selector.
//!
//! All but `select` read a stream of tags and never build a tree, so that nesting costs nothing.

mod data;
mod links;
mod quotation;
mod select;
mod tables;
mod tags;
mod text;
mod visible;

pub(super) use data::data;
pub use links::Link;
pub(super) use select::select;
pub(super) use tables::{grids, has_words_of, may_have_columns};
pub(super) use text::{Read, read};

/// Characters without width that senders put into words and previews.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200c}' | '\u{ad}' | '\u{34f}' | '\u{feff}' | '\u{2060}')
}
