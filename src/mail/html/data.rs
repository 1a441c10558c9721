//! schema.org objects in HTML: JSON-LD in scripts, and microdata.

use serde_json::{Map, Value};

use super::links::folded;
use super::tags::{Event, Tag, walk};

/// Bytes of JSON-LD read of one message.
const JSON_MAX: usize = 1024 * 1024;

/// Objects given back.
const FOUND_MAX: usize = 1_000;

/// Levels of microdata items in each other.
const LEVELS_MAX: usize = 32;

/// All objects whose `@type` is `kind` (`Order`, or `https://schema.org/Order`; case ignored), in order, nested ones too.
pub(in crate::mail) fn data(html: &str, kind: &str) -> Vec<Value> {
    let mut found = Vec::new();
    for value in json_ld(html).iter().chain(&microdata(html)) {
        collect(value, &short_type(kind), &mut found);
    }
    found
}

fn collect(value: &Value, kind: &str, found: &mut Vec<Value>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, kind, found)),
        Value::Object(object) => {
            let is_it = match object.get("@type") {
                Some(Value::String(own)) => short_type(own) == kind,
                Some(Value::Array(own)) => own.iter().filter_map(Value::as_str).any(|own| short_type(own) == kind),
                _ => false,
            };
            if is_it && found.len() < FOUND_MAX {
                found.push(value.clone());
            } else {
                object.values().for_each(|value| collect(value, kind, found));
            }
        }
        _ => {}
    }
}

fn short_type(name: &str) -> String {
    name.trim().trim_end_matches('/').rsplit(['/', '#', ':']).next().unwrap_or_default().to_ascii_lowercase()
}

/// The contents of all `<script type="application/ld+json">` that are JSON; others are left out.
fn json_ld(html: &str) -> Vec<Value> {
    let mut values = Vec::new();
    let (mut is_inside, mut text, mut budget) = (false, String::new(), JSON_MAX);
    walk(html, |event| match event {
        Event::Open(tag) if tag.name == "script" => {
            is_inside =
                tag.attribute("type").is_some_and(|kind| kind.trim().to_ascii_lowercase().starts_with("application/ld+json"));
            text.clear();
        }
        Event::Text(part) if is_inside && part.len() <= budget => {
            budget -= part.len();
            text.push_str(part);
        }
        Event::Close("script") if is_inside => {
            is_inside = false;
            let json = text.trim().trim_start_matches("<!--").trim_end_matches("-->").trim();
            // serde_json refuses more than 128 levels by itself.
            values.extend(serde_json::from_str::<Value>(json));
        }
        _ => {}
    });
    values
}

/// Microdata (HTML standard, "Microdata"): `itemscope` opens an object, `itemprop` names a value of the innermost one.
fn microdata(html: &str) -> Vec<Value> {
    let mut reader = Microdata::default();
    walk(html, |event| match event {
        Event::Open(tag) => reader.open(tag),
        Event::Close(name) => reader.close(name),
        Event::Text(text) => reader.write(text),
    });
    while reader.close_item() {}
    reader.found
}

#[derive(Default)]
struct Microdata {
    items: Vec<Item>,
    /// A property whose value is the text inside its element.
    property: Option<Open>,
    found: Vec<Value>,
}

struct Item {
    /// The property of the outer item whose value this is.
    property: Option<String>,
    object: Map<String, Value>,
    element: String,
    /// Elements of the same name opened inside and not closed yet.
    inside: usize,
}

struct Open {
    name: String,
    text: String,
    element: String,
    inside: usize,
}

impl Microdata {
    fn open(&mut self, tag: &Tag) {
        if !tag.is_void() {
            if let Some(item) = self.items.last_mut().filter(|item| item.element == tag.name) {
                item.inside += 1;
            }
            if let Some(property) = self.property.as_mut().filter(|property| property.element == tag.name) {
                property.inside += 1;
            }
        }
        let name = tag.attribute("itemprop").map(str::trim).filter(|name| !name.is_empty());
        if tag.attribute("itemscope").is_some() && !tag.is_void() && self.items.len() < LEVELS_MAX {
            self.close_property();
            let mut object = Map::new();
            if let Some(kind) = tag.attribute("itemtype").map(str::trim).filter(|kind| !kind.is_empty()) {
                object.insert("@type".to_owned(), kind.rsplit('/').next().unwrap_or(kind).into());
            }
            self.items.push(Item { property: name.map(str::to_owned), object, element: tag.name.clone(), inside: 0 });
        } else if let Some(name) = name {
            self.close_property();
            let attribute = ["content", "datetime", "href", "src", "value"].into_iter().find_map(|of| tag.attribute(of));
            match attribute {
                Some(value) => self.set(name, value.trim().into()),
                None if tag.is_void() => self.set(name, "".into()),
                None => {
                    let element = tag.name.clone();
                    self.property = Some(Open { name: name.to_owned(), text: String::new(), element, inside: 0 });
                }
            }
        }
    }

    fn close(&mut self, name: &str) {
        if let Some(property) = self.property.as_mut().filter(|property| property.element == name) {
            if property.inside == 0 { self.close_property() } else { property.inside -= 1 }
        }
        if let Some(item) = self.items.last_mut().filter(|item| item.element == name) {
            if item.inside > 0 {
                item.inside -= 1;
            } else {
                self.close_item();
            }
        }
    }

    fn write(&mut self, text: &str) {
        if let Some(property) = &mut self.property {
            property.text.push_str(text);
        }
    }

    fn close_property(&mut self) {
        if let Some(property) = self.property.take() {
            self.set(&property.name, folded(&property.text).into());
        }
    }

    fn close_item(&mut self) -> bool {
        self.close_property();
        let Some(item) = self.items.pop() else { return false };
        let value = Value::Object(item.object);
        match item.property.filter(|_| !self.items.is_empty()) {
            Some(name) => self.set(&name, value),
            None if self.found.len() < FOUND_MAX => self.found.push(value),
            None => {}
        }
        true
    }

    /// Sets a property of the innermost item; a second value makes it a list.
    fn set(&mut self, name: &str, value: Value) {
        let Some(item) = self.items.last_mut() else { return };
        match item.object.get_mut(name) {
            None => {
                item.object.insert(name.to_owned(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_ld_objects_are_found_in_lists_and_graphs() {
        let html = r#"<script type="application/ld+json">{"@graph":[{"@type":"Order","orderNumber":"7"},{"@type":["Thing","order"]}]}</script>
            <script type="application/ld+json">not json</script><script>{"@type":"Order"}</script>"#;
        assert_eq!(data(html, "Order"), [json!({"@type": "Order", "orderNumber": "7"}), json!({"@type": ["Thing", "order"]})]);
        assert_eq!(data(html, "Invoice"), Vec::<Value>::new());
    }

    #[test]
    fn microdata_items_nest_and_repeat() {
        let html = r#"<div itemscope itemtype="http://schema.org/Order"><meta itemprop="orderNumber" content="42">
            <div itemprop="seller" itemscope itemtype="http://schema.org/Organization"><div><span itemprop="name">Fabrikam <b>Ltd</b></span></div></div>
            <span itemprop="item">A</span><span itemprop="item">B</span></div>"#;
        let seller = json!({"@type": "Organization", "name": "Fabrikam Ltd"});
        assert_eq!(data(html, "organization"), std::slice::from_ref(&seller));
        assert_eq!(data(html, "Order"), [json!({"@type": "Order", "orderNumber": "42", "seller": seller, "item": ["A", "B"]})]);
    }
}
