//! `.msg` files (MS-OXMSG): a compound file (MS-CFB) whose streams are properties.

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use cfb::CompoundFile;

use super::item::{Attached, AttachedContent, Item};
use super::property::{Properties, id, kind};
use super::{ATTACHMENTS_MAX, NESTING_MAX, RECIPIENTS_MAX};

/// The stream of properties that have a fixed size.
pub(super) const FIXED: &str = "__properties_version1.0";
/// What streams of one property begin with; eight hexadecimal digits follow: id and type.
const ONE: &str = "__substg1.0_";

type Compound<'b> = CompoundFile<Cursor<&'b [u8]>>;

/// Reads a file; `Ok(None)` where it is a compound file of another kind.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Item>, String> {
    let mut file = CompoundFile::open(Cursor::new(bytes)).map_err(|error| format!("its compound file is damaged: {error}"))?;
    if !file.is_stream(Path::new("/").join(FIXED)) {
        return Ok(None);
    }
    // Streams of a damaged file may share their sectors; an honest one holds no more than it has bytes.
    let mut reader = Reader { file: &mut file, left: bytes.len() };
    reader.item(Path::new("/"), 32, 0).map(Some)
}

/// Whether it is a whole compound file of another kind, which may hold a message.
pub(super) fn is_another(bytes: &[u8]) -> bool {
    CompoundFile::open(Cursor::new(bytes)).is_ok_and(|file| !file.is_stream(Path::new("/").join(FIXED)))
}

struct Reader<'f, 'b> {
    file: &'f mut Compound<'b>,
    left: usize,
}

impl<'b> Reader<'_, 'b> {
    /// The item in a storage, whose fixed properties stand behind a header of that many bytes (§2.4.1).
    fn item(&mut self, storage: &Path, header: usize, depth: u8) -> Result<Item, String> {
        let properties = self.properties(storage, header, None)?;
        let code_page = Some(properties.code_page());
        let mut item = Item { properties, ..Item::default() };
        for recipient in self.storages(storage, "__recip_version1.0_", RECIPIENTS_MAX)? {
            item.recipients.push(self.properties(&recipient, 8, code_page)?);
        }
        for attachment in self.storages(storage, "__attach_version1.0_", ATTACHMENTS_MAX)? {
            let mut properties = self.properties(&attachment, 8, code_page)?;
            let embedded = attachment.join(format!("{ONE}{:04X}{:04X}", id::ATTACHED_DATA, kind::OBJECT));
            let content = if self.file.is_storage(&embedded) && self.file.is_stream(embedded.join(FIXED)) {
                if depth == NESTING_MAX {
                    return Err(format!("it holds more than {NESTING_MAX} messages in each other"));
                }
                AttachedContent::Item(Box::new(self.item(&embedded, 24, depth + 1)?))
            } else {
                AttachedContent::File(properties.take_bytes(id::ATTACHED_DATA).unwrap_or_default())
            };
            item.attached.push(Attached { properties, content });
        }
        Ok(item)
    }

    fn properties(&mut self, storage: &Path, header: usize, code_page: Option<u32>) -> Result<Properties, String> {
        let mut properties = Properties::in_code_page(code_page);
        let fixed = storage.join(FIXED);
        if self.file.is_stream(&fixed) {
            let bytes = self.stream(&fixed)?;
            for entry in bytes.get(header..).unwrap_or_default().chunks_exact(16) {
                let [kind_low, kind_high, id_low, id_high, ..] = *entry else { continue };
                let kind = u16::from_le_bytes([kind_low, kind_high]);
                // What has no fixed size has a stream of its own.
                if !matches!(kind, kind::TEXT | kind::TEXT_8 | kind::BINARY | kind::OBJECT) {
                    properties.insert(u16::from_le_bytes([id_low, id_high]), kind, entry.get(8..).unwrap_or_default());
                }
            }
        }
        for (path, id, kind) in self.single_properties(storage)? {
            let bytes = self.stream(&path)?;
            properties.insert(id, kind, &bytes);
        }
        Ok(properties)
    }

    /// The streams that are a property each.
    fn single_properties(&self, storage: &Path) -> Result<Vec<(PathBuf, u16, u16)>, String> {
        let property = |entry: cfb::Entry| {
            let digits = entry.name().strip_prefix(ONE).filter(|digits| digits.len() == 8 && entry.is_stream())?;
            let number = u32::from_str_radix(digits, 16).ok()?;
            let (id, kind) = (u16::try_from(number >> 16).ok()?, u16::try_from(number & 0xffff).ok()?);
            Some((entry.path().to_owned(), id, kind))
        };
        Ok(self.entries(storage)?.filter_map(property).collect())
    }

    fn storages(&self, storage: &Path, prefix: &str, most: usize) -> Result<Vec<PathBuf>, String> {
        let meant = self.entries(storage)?.filter(|entry| entry.is_storage() && entry.name().starts_with(prefix));
        let found: Vec<PathBuf> = meant.map(|entry| entry.path().to_owned()).take(most + 1).collect();
        if found.len() > most {
            return Err(format!("it has more than {most} attachments or recipients"));
        }
        Ok(found)
    }

    fn entries(&self, storage: &Path) -> Result<cfb::Entries<'_, Cursor<&'b [u8]>>, String> {
        self.file.read_storage(storage).map_err(|error| format!("its compound file is damaged: {error}"))
    }

    fn stream(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        let damaged = |error: std::io::Error| format!("its compound file is damaged: {error}");
        let stream = self.file.open_stream(path).map_err(damaged)?;
        let mut bytes = Vec::new();
        let most = u64::try_from(self.left).unwrap_or(u64::MAX).saturating_add(1);
        stream.take(most).read_to_end(&mut bytes).map_err(damaged)?;
        self.left =
            self.left.checked_sub(bytes.len()).ok_or("its compound file is damaged: its streams hold more than the file")?;
        Ok(bytes)
    }
}
