//! Files embedded in a PDF (ISO 32000-2 §7.11.4): where Factur-X and ZUGFeRD keep the invoice.

use lopdf::{Dictionary, Document, Object};

use super::invoice::{self, Invoice};

/// Embedded files that are looked at.
const FILES_MAX: usize = 100;
/// Bytes that all of them may have once they are unpacked.
const UNPACKED_MAX: usize = 40 * 1024 * 1024;

/// The invoice embedded in a PDF; `None` where there is none.
///
/// # Errors
/// There is one, but it cannot be read; the text says why.
pub(super) fn invoice(document: &Document) -> Option<Result<Invoice, String>> {
    embedded(document).iter().find_map(|file| invoice::read(file))
}

/// The embedded files, in the order of the PDF's objects. A file that cannot be unpacked is left out.
fn embedded(document: &Document) -> Vec<Vec<u8>> {
    let mut left = UNPACKED_MAX;
    let specified = document.objects.values().filter_map(|object| object.as_dict().ok());
    // A file's dictionary may stand in the list itself.
    let nested =
        document.objects.values().filter_map(|object| object.as_array().ok()).flatten().filter_map(|it| it.as_dict().ok());
    let files = specified.chain(nested).filter_map(|dictionary| stream(document, dictionary)).take(FILES_MAX);
    let mut found: Vec<Vec<u8>> = Vec::new();
    for file in files {
        let content = file.get_plain_content_with_limit(left).unwrap_or_default();
        let Some(rest) = left.checked_sub(content.len()) else { break };
        left = rest;
        // One that several entries name is one.
        if !content.is_empty() && !found.contains(&content) {
            found.push(content);
        }
    }
    found
}

/// The stream of a file specification.
fn stream<'d>(document: &'d Document, specification: &'d Dictionary) -> Option<&'d lopdf::Stream> {
    let files = resolved(document, specification.get(b"EF").ok()?)?.as_dict().ok()?;
    let file = files.get(b"UF").or_else(|_| files.get(b"F")).ok()?;
    resolved(document, file)?.as_stream().ok()
}

fn resolved<'d>(document: &'d Document, object: &'d Object) -> Option<&'d Object> {
    document.dereference(object).ok().map(|(_, object)| object)
}
