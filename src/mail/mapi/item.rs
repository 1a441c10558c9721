//! One item of Outlook: its properties, recipients and attachments, and what of them a message says.

use super::packed_rtf;
use super::property::{Properties, decoded, id};
use crate::mail::rtf;

/// A mail, or whatever else Outlook kept as an item.
#[derive(Debug, Default)]
pub(in crate::mail) struct Item {
    pub(super) properties: Properties,
    pub(super) recipients: Vec<Properties>,
    pub(super) attached: Vec<Attached>,
}

/// What is attached to an item.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) properties: Properties,
    pub(super) content: AttachedContent,
}

/// The content of what is attached.
#[derive(Debug)]
pub(super) enum AttachedContent {
    File(Vec<u8>),
    Item(Box<Item>),
}

/// An attached file on its own.
#[derive(Debug)]
pub(in crate::mail) struct AttachedFile {
    pub(in crate::mail) name: Option<String>,
    pub(in crate::mail) content_type: Option<String>,
    pub(in crate::mail) content: Vec<u8>,
}

impl Item {
    /// Everything that is attached, as files; an attached item is a message.
    pub(in crate::mail) fn into_files(self) -> Vec<AttachedFile> {
        let file = |attached: Attached| {
            let (name, content_type) = (attached.name(), attached.content_type());
            match attached.content {
                AttachedContent::File(content) => AttachedFile { name, content_type, content },
                AttachedContent::Item(item) => {
                    AttachedFile { name, content_type: Some("message/rfc822".to_owned()), content: item.to_message() }
                }
            }
        };
        self.attached.into_iter().map(file).collect()
    }

    /// The HTML, be it on its own or within RTF.
    pub(super) fn html(&self) -> Option<String> {
        let page = self.properties.number(id::HTML_CODE_PAGE).unwrap_or_else(|| self.properties.code_page());
        self.properties.text_in(id::HTML, page).or_else(|| self.rtf()?.html)
    }

    /// The plain text; of RTF that holds no HTML, what it says.
    pub(super) fn text(&self) -> Option<String> {
        self.properties.text(id::BODY).or_else(|| self.rtf()?.text)
    }

    fn rtf(&self) -> Option<rtf::Rtf> {
        let bytes = self.properties.bytes(id::RTF)?;
        Some(rtf::read(&packed_rtf::decompressed(bytes)?))
    }
}

impl Attached {
    /// The file's name, the long one first.
    pub(super) fn name(&self) -> Option<String> {
        let names = [id::ATTACHED_NAME, id::ATTACHED_SHORT_NAME, id::DISPLAY_NAME];
        names.into_iter().find_map(|id| self.properties.text(id))
    }

    /// The MIME type, where it is stated.
    pub(super) fn content_type(&self) -> Option<String> {
        self.properties.text(id::ATTACHED_TYPE).filter(|kind| kind.contains('/'))
    }
}

/// A name and an address of SMTP; one of Exchange's own kind (`/O=…`) is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Correspondent {
    pub(super) name: Option<String>,
    pub(super) address: Option<String>,
}

impl Properties {
    /// Who stands in these properties.
    pub(super) fn correspondent(&self, name: u16, addresses: &[u16]) -> Option<Correspondent> {
        let name = self.text(name);
        let is_address = |text: &String| text.contains('@') && !text.starts_with('/');
        let address = addresses.iter().find_map(|id| self.text(*id).filter(is_address));
        let address = address.or_else(|| name.clone().filter(is_address));
        (name.is_some() || address.is_some()).then_some(Correspondent { name, address })
    }
}

impl Item {
    /// Who wrote it.
    pub(super) fn from(&self) -> Option<Correspondent> {
        self.properties.correspondent(id::FROM_NAME, &[id::FROM_SMTP_ADDRESS, id::FROM_ADDRESS]).or_else(|| self.sender())
    }

    /// Who sent it.
    pub(super) fn sender(&self) -> Option<Correspondent> {
        self.properties.correspondent(id::SENDER_NAME, &[id::SENDER_SMTP_ADDRESS, id::SENDER_ADDRESS])
    }

    /// Recipients of a type: 1 To, 2 Cc. Without a list of recipients, the names that Outlook shows.
    pub(super) fn recipients(&self, kind: u32, shown: u16) -> Vec<Correspondent> {
        let of_kind = |recipient: &&Properties| recipient.number(id::RECIPIENT_TYPE).unwrap_or(1) & 0xf == kind;
        let listed = self.recipients.iter().filter(of_kind);
        let listed: Vec<Correspondent> =
            listed.filter_map(|one| one.correspondent(id::DISPLAY_NAME, &[id::SMTP_ADDRESS, id::ADDRESS])).collect();
        if !self.recipients.is_empty() {
            return listed;
        }
        let shown = self.properties.text(shown).unwrap_or_default();
        let names = shown.split(';').map(str::trim).filter(|name| !name.is_empty());
        let correspondent = |name: &str| Correspondent {
            name: Some(name.to_owned()),
            address: Some(name.trim_matches('\'')).filter(|name| name.contains('@')).map(str::to_owned),
        };
        names.map(correspondent).collect()
    }

    /// The header with which it came, if it came from outside.
    pub(super) fn transport_headers(&self) -> Option<String> {
        self.properties.text(id::TRANSPORT_HEADERS)
    }
}

/// What a text of TNEF's own attributes says, in the code page that it states.
pub(super) fn attribute_text(bytes: &[u8], code_page: u32) -> String {
    decoded(bytes.split(|byte| *byte == 0).next().unwrap_or_default(), code_page)
}
