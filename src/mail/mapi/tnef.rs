//! `winmail.dat`: TNEF (MS-OXTNEF), a list of attributes, two of which are lists of properties.

use super::item::{Attached, AttachedContent, Item, attribute_text};
use super::property::{Properties, id, kind};
use super::{ATTACHMENTS_MAX, NESTING_MAX, RECIPIENTS_MAX, TNEF};

/// Ids of attributes (§2.1.3.3), without their types.
mod attribute {
    pub const SUBJECT: u16 = 0x8004;
    pub const BODY: u16 = 0x800c;
    pub const ATTACHED_DATA: u16 = 0x800f;
    pub const ATTACHED_TITLE: u16 = 0x8010;
    pub const ATTACHMENT_BEGINS: u16 = 0x9002;
    pub const PROPERTIES: u16 = 0x9003;
    pub const RECIPIENTS: u16 = 0x9004;
    pub const ATTACHED_PROPERTIES: u16 = 0x9005;
    pub const CODE_PAGE: u16 = 0x9007;
}

/// What an embedded message's object begins with: IID_IMessage.
const MESSAGE_OBJECT: [u8; 16] = [0x07, 0x03, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];

/// Properties of a list that are read.
const PROPERTIES_MAX: u32 = 10_000;

/// Reads a file. What follows damage is left out where something was read before it.
pub(super) fn read(bytes: &[u8]) -> Result<Item, String> {
    read_within(bytes, 0)
}

fn read_within(bytes: &[u8], depth: u8) -> Result<Item, String> {
    let mut reader = Bytes(bytes.strip_prefix(TNEF).ok_or("it is no TNEF")?);
    reader.take(2).ok_or("it is cut off behind its first bytes")?;
    let mut item = Builder { item: Item::default(), open: None, code_page: None, depth };
    while let Some(found) = next_attribute(&mut reader) {
        item.take(&found)?;
    }
    item.close()?;
    let Builder { item, .. } = item;
    Ok(item)
}

struct Attribute<'b> {
    id: u16,
    data: &'b [u8],
}

/// Level, id, type, length, data, checksum (§2.1.3.2). Checksums are not compared: programs write wrong ones. Data that is cut off
/// is taken as far as it goes.
fn next_attribute<'b>(reader: &mut Bytes<'b>) -> Option<Attribute<'b>> {
    let [level, ..] = *reader.take(1)? else { return None };
    let (id, kind) = (reader.u16()?, reader.u16()?);
    if !matches!(level, 1 | 2) || kind > 9 {
        return None;
    }
    let length = usize::try_from(reader.u32()?).ok()?;
    let data = reader.take(length.min(reader.0.len()))?;
    let _ = reader.take(2);
    Some(Attribute { id, data })
}

/// An item while its attributes come in.
struct Builder {
    item: Item,
    open: Option<OpenAttachment>,
    code_page: Option<u32>,
    depth: u8,
}

/// The attachment whose attributes come in.
#[derive(Default)]
struct OpenAttachment {
    properties: Properties,
    data: Vec<u8>,
    title: Option<String>,
}

impl Builder {
    fn take(&mut self, found: &Attribute<'_>) -> Result<(), String> {
        match found.id {
            attribute::CODE_PAGE => self.code_page = Bytes(found.data).u32().filter(|page| *page != 0),
            attribute::SUBJECT => self.insert(id::SUBJECT, found.data),
            attribute::BODY => self.insert(id::BODY, found.data),
            attribute::PROPERTIES => {
                let mut properties = property_list(&mut Bytes(found.data), self.code_page);
                std::mem::swap(&mut self.item.properties, &mut properties);
                self.item.properties.fill_from(properties);
            }
            attribute::RECIPIENTS => {
                let mut reader = Bytes(found.data);
                let rows = reader.u32().map_or(0, |rows| usize::try_from(rows).unwrap_or(usize::MAX)).min(RECIPIENTS_MAX);
                for _ in 0..rows {
                    if reader.0.is_empty() {
                        break;
                    }
                    self.item.recipients.push(property_list(&mut reader, self.code_page));
                }
            }
            attribute::ATTACHMENT_BEGINS => {
                self.close()?;
                self.open = Some(OpenAttachment::default());
            }
            attribute::ATTACHED_DATA => self.open().data = found.data.to_vec(),
            attribute::ATTACHED_TITLE => {
                let title = self.text(found.data);
                self.open().title = Some(title).filter(|title| !title.is_empty());
            }
            attribute::ATTACHED_PROPERTIES => {
                self.open().properties = property_list(&mut Bytes(found.data), self.code_page);
            }
            _ => {}
        }
        Ok(())
    }

    fn insert(&mut self, id: u16, text: &[u8]) {
        self.item.properties.insert(id, kind::TEXT, &wide(&self.text(text)));
    }

    fn text(&self, bytes: &[u8]) -> String {
        attribute_text(bytes, self.code_page.unwrap_or(1252))
    }

    fn open(&mut self) -> &mut OpenAttachment {
        self.open.get_or_insert_default()
    }

    /// The attachment is whole: the next one begins, or the file ends.
    fn close(&mut self) -> Result<(), String> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        if self.item.attached.len() == ATTACHMENTS_MAX {
            return Err(format!("it has more than {ATTACHMENTS_MAX} attachments"));
        }
        let object = open.properties.take_bytes(id::ATTACHED_DATA);
        let embedded =
            object.as_deref().and_then(|object| object.strip_prefix(&MESSAGE_OBJECT)).filter(|it| it.starts_with(TNEF));
        let content = match embedded {
            Some(_) if self.depth == NESTING_MAX => {
                return Err(format!("it holds more than {NESTING_MAX} messages in each other"));
            }
            Some(embedded) => AttachedContent::Item(Box::new(read_within(embedded, self.depth + 1)?)),
            None if open.data.is_empty() => {
                let object = object.unwrap_or_default();
                AttachedContent::File(object.get(MESSAGE_OBJECT.len()..).unwrap_or_default().to_vec())
            }
            None => AttachedContent::File(open.data),
        };
        if let Some(title) = open.title {
            open.properties.insert(id::ATTACHED_SHORT_NAME, kind::TEXT, &wide(&title));
        }
        self.item.attached.push(Attached { properties: open.properties, content });
        Ok(())
    }
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A list of properties (§2.1.3.4), as far as it is whole.
fn property_list(reader: &mut Bytes<'_>, code_page: Option<u32>) -> Properties {
    let mut properties = Properties::in_code_page(code_page);
    let count = reader.u32().unwrap_or_default().min(PROPERTIES_MAX);
    for _ in 0..count {
        if property(reader, &mut properties).is_none() {
            break;
        }
    }
    properties
}

fn property(reader: &mut Bytes<'_>, properties: &mut Properties) -> Option<()> {
    let (kind, id) = (reader.u16()?, reader.u16()?);
    if id >= 0x8000 {
        // A named property: the name says nothing to us.
        reader.take(16)?;
        if reader.u32()? == 0 {
            reader.u32()?;
        } else {
            let length = usize::try_from(reader.u32()?).ok()?;
            reader.padded(length)?;
        }
    }
    let (single, is_multiple) = (kind & 0x0fff, kind & 0x1000 != 0);
    let has_length = matches!(single, kind::TEXT | kind::TEXT_8 | kind::BINARY | kind::OBJECT);
    let count = if is_multiple || has_length { reader.u32()? } else { 1 };
    for place in 0..count {
        let value = if has_length {
            let length = usize::try_from(reader.u32()?).ok()?;
            reader.padded(length)?
        } else {
            reader.padded(fixed_size(single)?)?
        };
        if place == 0 && !is_multiple && id < 0x8000 {
            properties.insert(id, single, value);
        }
    }
    Some(())
}

/// Bytes of a value of a fixed size; small ones fill up four.
fn fixed_size(kind: u16) -> Option<usize> {
    Some(match kind {
        0x0001 => 0,
        0x0002 | 0x0003 | 0x0004 | 0x000a | 0x000b => 4,
        0x0005 | 0x0006 | 0x0007 | 0x0014 | 0x0040 => 8,
        0x0048 => 16,
        _ => return None,
    })
}

/// Bytes that are taken from the front, little endian.
struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// So many bytes, and those that fill them up to a multiple of four.
    fn padded(&mut self, count: usize) -> Option<&'b [u8]> {
        let taken = self.take(count)?;
        let padding = count.next_multiple_of(4) - count;
        self.take(padding.min(self.0.len()))?;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }
}
