//! HTML as a stream of tags and text.

use std::borrow::Cow;
use std::convert::Infallible;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Emitter, ForwardingEmitter, Span, Tokenizer};

/// Attributes kept of one tag.
const ATTRIBUTES_MAX: usize = 50;

/// One step through a document.
pub(super) enum Event<'a> {
    Open(&'a Tag),
    Close(&'a str),
    /// Entities decoded.
    Text(&'a str),
}

/// A start tag, its buffers used again for the next one.
#[derive(Default)]
pub(super) struct Tag {
    /// In lower case.
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    used: usize,
}

impl Tag {
    /// The attribute's value; empty for one that has none.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let mut used = self.attributes.iter().take(self.used);
        used.find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// A small number such as `colspan`: between 1 and `max`, 1 where it is absent or none.
    pub(super) fn count(&self, name: &str, max: usize) -> usize {
        self.attribute(name).and_then(|value| value.trim().parse().ok()).unwrap_or(1).clamp(1, max)
    }

    /// Elements that have no content and no end tag.
    pub(super) fn is_void(&self) -> bool {
        matches!(
            self.name.as_str(),
            "area" | "base" | "br" | "col" | "embed" | "hr" | "img" | "input" | "link" | "meta" | "source" | "track" | "wbr"
        )
    }

    fn open(&mut self, name: &[u8]) {
        set(&mut self.name, name);
        self.used = 0;
    }

    fn add_attribute(&mut self, name: &[u8]) {
        if self.used == ATTRIBUTES_MAX {
            return;
        }
        if self.attributes.len() == self.used {
            self.attributes.push((String::new(), String::new()));
        }
        if let Some((own, value)) = self.attributes.get_mut(self.used) {
            set(own, name);
            value.clear();
            self.used += 1;
        }
    }

    fn set_value(&mut self, value: &[u8]) {
        if let Some((_, own)) = self.used.checked_sub(1).and_then(|last| self.attributes.get_mut(last))
            && own.is_empty()
        {
            set(own, value);
        }
    }
}

fn set(own: &mut String, bytes: &[u8]) {
    own.clear();
    own.push_str(&text(bytes));
}

/// The document was text; what the tokenizer gives of it is too.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Without the errors of the document: every letter is looked at once more for them.
struct Quiet<E>(E);

impl<E: Emitter> ForwardingEmitter for Quiet<E> {
    type Token = E::Token;

    fn inner(&mut self) -> &mut impl Emitter<Token = Self::Token> {
        &mut self.0
    }

    fn should_emit_errors(&mut self) -> bool {
        false
    }
}

/// Hands every tag and text of the document to `see`, in order. Comments, conditional ones among them, are left out.
pub(super) fn walk(html: &str, mut see: impl FnMut(Event<'_>)) {
    let mut tag = Tag::default();
    let mut is_open = false;
    let mut name = String::new();
    let callback = |event: CallbackEvent<'_>, _: Span<()>| -> Option<Infallible> {
        match event {
            CallbackEvent::OpenStartTag { name } => {
                tag.open(name);
                is_open = true;
            }
            // Attributes of end tags come outside of a start tag and mean nothing.
            CallbackEvent::AttributeName { name } if is_open => tag.add_attribute(name),
            CallbackEvent::AttributeValue { value } if is_open => tag.set_value(value),
            CallbackEvent::CloseStartTag { .. } => {
                is_open = false;
                see(Event::Open(&tag));
            }
            CallbackEvent::EndTag { name: bytes } => {
                set(&mut name, bytes);
                see(Event::Close(&name));
            }
            CallbackEvent::String { value } => see(Event::Text(&text(value))),
            _ => {}
        }
        None
    };
    let mut emitter = CallbackEmitter::new(callback);
    emitter.naively_switch_states(true);
    let Ok(()) = Tokenizer::new_with_emitter(html, Quiet(emitter)).finish();
}
