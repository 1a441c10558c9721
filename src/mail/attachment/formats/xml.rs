//! XML: the invoice or the report that it is, and what it holds as lists and maps.

use roxmltree::Node;

use super::super::reading::Reading;
use super::{File, Format, READABLE_MAX};
use crate::mail::data::Data;
use crate::mail::xml::own_text;
use crate::mail::{invoice, report, xml};

pub(super) struct Xml;

/// Levels of elements that become maps.
const LEVELS_MAX: usize = 40;

impl Format for Xml {
    fn is_content(&self, file: &File<'_>) -> bool {
        matches!(file.bytes, [b'<', 0, b'?', 0, ..] | [0, b'<', 0, b'?', ..]) || file.beginning().starts_with("<?xml ")
    }

    fn endings(&self) -> &'static [&'static str] {
        &["xml"]
    }

    fn types(&self) -> &'static [&'static str] {
        &["text/xml", "application/xml", "+xml"]
    }

    fn read(&self, file: &File<'_>) -> Result<Reading, String> {
        if file.bytes.len() > READABLE_MAX {
            return Err(format!("it has {} bytes, more than {READABLE_MAX}: it is not read", file.bytes.len()));
        }
        let text = xml::decoded(file.bytes);
        let mut reading = Reading::default();
        match xml::parse(&text) {
            Err(reason) => reading.problem = Some(reason),
            Ok(document) => {
                let root = document.root_element();
                match invoice::of(root) {
                    Some(Ok(invoice)) => reading.invoice = Some(Box::new(invoice)),
                    Some(Err(reason)) => reading.problem = Some(reason),
                    None => reading.report = report::of_xml(root),
                }
                reading.xml = Some(Data::Map(vec![(root.tag_name().name().to_owned(), data(root, LEVELS_MAX))]));
            }
        }
        reading.text = Some(text);
        Ok(reading)
    }
}

/// An element as a value: a text where it holds nothing else, else a map of its attributes, its elements and its `text`. An element
/// that comes again is a list. What is deeper than the limit is left out.
fn data(node: Node<'_, '_>, levels: usize) -> Data {
    let text = own_text(node);
    let has_elements = node.children().any(|child| child.is_element());
    if !has_elements && node.attributes().len() == 0 || levels == 0 {
        return text.map_or(Data::Nothing, Data::Text);
    }
    let mut fields: Vec<(String, Data)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    let attributes = node.attributes().map(|attribute| (attribute.name(), Data::text(attribute.value())));
    let elements = node.children().filter(Node::is_element).map(|child| (child.tag_name().name(), data(child, levels - 1)));
    let text = text.map(|text| ("text", Data::Text(text)));
    for (name, value) in attributes.chain(elements).chain(text) {
        match places.get(name).and_then(|place: &usize| fields.get_mut(*place)) {
            None => {
                places.insert(name, fields.len());
                fields.push((name.to_owned(), value));
            }
            Some((_, Data::List(several))) => several.push(value),
            Some((_, one)) => *one = Data::List(vec![std::mem::take(one), value]),
        }
    }
    Data::Map(fields)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(bytes: &[u8]) -> Reading {
        super::super::read(&File { bytes, name: Some("a.xml"), content_type: "text/xml", charset: None, depth: 0 })
    }

    #[test]
    fn elements_are_texts_maps_and_lists() {
        let reading = read(b"<o:order xmlns:o='urn:x' id='7'><line>one</line><line n='2'>two</line><empty/></o:order>");
        let text = |text: &str| Data::Text(text.to_owned());
        let map =
            |fields: &[(&str, Data)]| Data::Map(fields.iter().map(|(name, data)| ((*name).to_owned(), data.clone())).collect());
        let lines = Data::List(vec![text("one"), map(&[("n", text("2")), ("text", text("two"))])]);
        let order = map(&[("id", text("7")), ("line", lines), ("empty", Data::Nothing)]);
        assert_eq!(reading.xml, Some(map(&[("order", order)])));
        assert_eq!(reading.problem, None);
    }

    #[test]
    fn damage_and_entities_are_a_problem_and_depth_is_none() {
        assert!(read(b"<a><b></a>").problem.unwrap().starts_with("its XML is not well-formed: "));
        assert!(read(b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>").problem.unwrap().starts_with("its XML declares entities"));
        let deep = ["<a>", "</a>"].map(|tag| tag.repeat(200_000)).concat();
        assert_eq!(read(deep.as_bytes()).problem, None);
    }
}
