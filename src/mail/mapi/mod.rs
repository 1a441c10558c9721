//! Outlook's own forms of a mail: `.msg` files (MS-OXMSG) and `winmail.dat` (TNEF, MS-OXTNEF). Both hold the same properties
//! (MS-OXPROPS); both are written anew as a message of RFC 5322, so that everything that is read of mail is read of them.

mod compose;
mod item;
mod msg;
mod packed_rtf;
mod property;
mod tnef;

pub(super) use item::{AttachedFile, Item};

/// Items in items that are read.
const NESTING_MAX: u8 = 10;
/// Attachments of an item that are read.
const ATTACHMENTS_MAX: usize = 1_000;
/// Recipients of an item that are read.
const RECIPIENTS_MAX: usize = 5_000;

/// First bytes of a compound file (MS-CFB §2.2): a `.msg`, or an old Word or Excel file.
const COMPOUND_FILE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
/// First bytes of TNEF (MS-OXTNEF §2.1.3.1).
pub(super) const TNEF: &[u8] = b"\x78\x9f\x3e\x22";

/// Cheap: whether a compound file has a message's stream of properties in its directory.
pub(super) fn may_be_msg(bytes: &[u8]) -> bool {
    let name: Vec<u8> = msg::FIXED.encode_utf16().flat_map(u16::to_le_bytes).collect();
    bytes.starts_with(COMPOUND_FILE) && memchr::memmem::find(bytes, &name).is_some() && !msg::is_another(bytes)
}

/// The item of a `.msg` file; `None` where the bytes are something else, such as an old Excel file.
///
/// # Errors
/// It is an Outlook message, but cannot be read; the text says why.
fn msg(bytes: &[u8]) -> Option<Result<Item, String>> {
    bytes.starts_with(COMPOUND_FILE).then(|| msg::read(bytes)).and_then(Result::transpose)
}

/// The item of a `winmail.dat`; `None` where the bytes are something else.
///
/// # Errors
/// It is TNEF, but cannot be read; the text says why.
pub(super) fn tnef(bytes: &[u8]) -> Option<Result<Item, String>> {
    bytes.starts_with(TNEF).then(|| tnef::read(bytes))
}

/// The message of a `.msg` file as RFC 5322 has it; `None` where the bytes are something else.
///
/// # Errors
/// It is an Outlook message, but cannot be read; the text says why.
pub fn outlook_message(bytes: &[u8]) -> Option<Result<Vec<u8>, String>> {
    msg(bytes).map(|item| item.map(|item| item.to_message()))
}

#[cfg(test)]
mod tests;
