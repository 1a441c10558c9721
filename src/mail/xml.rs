//! XML that came from outside: decoded by what it says of itself, without DTD and entities of its own, with a limit on its nodes.

use roxmltree::{Document, Node, ParsingOptions};

use super::decode;

/// Elements, texts and attributes of a document.
const NODES_MAX: u32 = 2_000_000;
/// Bytes at the beginning in which the declaration says the encoding.
const DECLARATION_MAX: usize = 256;

/// The document's text: UTF-8, UTF-16 with or without its mark, or what the declaration names.
pub(super) fn decoded(bytes: &[u8]) -> String {
    let utf_16 = match bytes {
        [b'<', 0, ..] => Some("utf-16le"),
        [0, b'<', ..] => Some("utf-16be"),
        _ => None,
    };
    let text = decode::text(bytes, utf_16.or_else(|| declared_encoding(bytes)));
    text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace()).to_owned()
}

/// `encoding="…"` of the XML declaration; one that says UTF-16 in bytes of one byte each is wrong.
fn declared_encoding(bytes: &[u8]) -> Option<&str> {
    let head = bytes.get(..DECLARATION_MAX).unwrap_or(bytes);
    let declaration = head.get(..memchr::memmem::find(head, b"?>")?)?;
    let after = declaration.get(memchr::memmem::find(declaration, b"encoding")? + 8..)?;
    let value = after.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, value) = value.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))?;
    let name = std::str::from_utf8(value.get(..memchr::memchr(*quote, value)?)?).ok()?;
    (!name.to_ascii_lowercase().starts_with("utf")).then_some(name)
}

/// Parses a document. The error completes "it cannot be read: …".
pub(super) fn parse(text: &str) -> Result<Document<'_>, String> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::DtdDetected => "its XML declares entities of its own (DTD), which are not read".to_owned(),
        roxmltree::Error::NodesLimitReached => format!("its XML has more than {NODES_MAX} nodes"),
        other => format!("its XML is not well-formed: {other}"),
    })
}

/// Looking for things below an element, by local names: senders mix namespaces and prefixes.
pub(super) trait Below<'a, 'i: 'a>: Sized {
    /// All elements at the path; a step may name several (`InvoiceLine|CreditNoteLine`).
    fn all(self, path: &str) -> Vec<Node<'a, 'i>>;

    /// The first element at the path.
    fn first(self, path: &str) -> Option<Node<'a, 'i>> {
        self.all(path).into_iter().next()
    }

    /// The text of the first element at the path that has one, trimmed.
    fn text_at(self, path: &str) -> Option<String> {
        self.all(path).into_iter().find_map(own_text)
    }
}

impl<'a, 'i: 'a> Below<'a, 'i> for Node<'a, 'i> {
    fn all(self, path: &str) -> Vec<Node<'a, 'i>> {
        path.split('/').fold(vec![self], |found, step| {
            let children = found.into_iter().flat_map(|node| node.children().filter(Node::is_element));
            children.filter(|child| step.split('|').any(|name| name == child.tag_name().name())).collect()
        })
    }
}

/// An element's own text, trimmed; `None` when it has none.
pub(super) fn own_text(node: Node<'_, '_>) -> Option<String> {
    let text: String = node.children().filter_map(|child| child.is_text().then(|| child.text()).flatten()).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn root_text(bytes: &[u8]) -> Option<String> {
        own_text(parse(&decoded(bytes)).unwrap().root_element())
    }

    #[test]
    fn a_document_is_decoded_as_it_says_and_as_its_bytes_show() {
        let utf_16: Vec<u8> =
            "<?xml version='1.0' encoding='UTF-16'?><a>Größe</a>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [
            b"<?xml version=\"1.0\" encoding=\"windows-1252\"?><a>Gr\xf6\xdfe</a>".as_slice(),
            "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?><a>Größe</a>".as_bytes(),
            "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a>Größe</a>".as_bytes(),
            b"<?xml version='1.0' encoding = 'iso-8859-1' ?><a>Gr\xf6\xdfe</a>",
            "\n <a> Größe </a>".as_bytes(),
            &utf_16,
        ] {
            assert_eq!(root_text(bytes).as_deref(), Some("Größe"), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn entities_of_its_own_are_refused_and_deep_nesting_is_read() {
        let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>";
        assert_eq!(parse(bomb).unwrap_err(), "its XML declares entities of its own (DTD), which are not read");
        let deep = format!("{}x{}", "<a>".repeat(200_000), "</a>".repeat(200_000));
        assert!(parse(&deep).is_ok());
        assert!(parse("<a>").unwrap_err().starts_with("its XML is not well-formed: "));
    }

    #[test]
    fn paths_go_by_local_names() {
        let text = "<r xmlns:c='urn:x'><c:L><c:N> </c:N></c:L><M><N>two</N></M></r>";
        let document = parse(text).unwrap();
        assert_eq!(document.root_element().text_at("L|M/N").as_deref(), Some("two"));
        assert_eq!(document.root_element().all("L").len(), 1);
        assert_eq!(document.root_element().text_at("L/X"), None);
    }
}
