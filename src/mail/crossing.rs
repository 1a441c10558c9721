//! A parsed message on its way from the process that parsed it to the one that decides.
//!
//! What crosses is what the MIME parser found: parts as places in the bytes, their decoded texts, the envelope, the defects, the
//! same of attached mails. The bytes do not: the receiver has them. Views that are worked out when first asked for (tables,
//! links …) are worked out once before anything crosses and forgotten: a message with which that cannot be done within the limits
//! of its process never arrives, and the receiver's own reading of it is the same code on the same bytes.
//!
//! What stands in attached files crosses file by file, when somebody asks for it: one that is too much takes nothing with it.

use std::sync::OnceLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ATTACHED_MAILS_MAX;
use super::attachment::{Attachment, FileFacts, Reading, Reads};
use super::content::Content;
use super::defect::Defect;
use super::message::Message;
use super::parse::Parsed;

/// What parsing found in a message.
#[derive(Serialize, Deserialize)]
struct Crossing {
    parsed: Parsed,
    defects: Vec<Defect>,
    /// Attached mails that were opened, by their place among the parts.
    mails: Vec<(usize, Crossing)>,
}

/// What reading a file gave.
#[derive(Serialize, Deserialize)]
struct FileCrossing {
    reading: Reading,
    /// What parsing found in the mail that it is.
    mail: Option<Crossing>,
}

/// Parses a message and reads everything that can be asked of it; gives what [`received`] takes.
///
/// # Errors
/// It cannot be written down, in words.
pub fn read_everything(raw: Vec<u8>) -> Result<Vec<u8>, String> {
    serde_json::to_vec(&read(Content::parse_within(raw, 0, Reads::Elsewhere))?).map_err(|error| error.to_string())
}

/// Reads a file; gives what [`Attachment::keep`] takes.
///
/// # Errors
/// It cannot be written down, in words.
pub fn read_file(facts: &FileFacts, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let reading = facts.read(bytes);
    let parse = |raw: &Vec<u8>| read(Content::parse_within(raw.clone(), facts.depth() + 1, Reads::Elsewhere));
    let mail = reading.mail.as_ref().map(|raw| parse(&raw.0)).transpose()?;
    serde_json::to_vec(&FileCrossing { reading, mail }).map_err(|error| error.to_string())
}

/// What [`read_file`] gave, its mail at that depth.
pub(super) fn received_file(crossed: &[u8], depth: u8) -> Result<(Reading, Option<Content>), String> {
    let FileCrossing { mut reading, mail } = serde_json::from_slice(crossed).map_err(|error| error.to_string())?;
    let mail = reading.mail.take().zip(mail).map(|(raw, crossing)| content(raw.0, depth, crossing));
    Ok((reading, mail))
}

/// The content of `raw` from what [`read_everything`] gave for the same bytes.
///
/// # Errors
/// It is something else, in words.
pub fn received(raw: Vec<u8>, crossed: &[u8]) -> Result<Content, String> {
    let crossing = serde_json::from_slice(crossed).map_err(|error| error.to_string())?;
    Ok(content(raw, 0, crossing))
}

fn content(raw: Vec<u8>, depth: u8, crossing: Crossing) -> Content {
    let mut mails = crossing.mails;
    let mut attached = |index: usize, attachment: &Attachment| {
        let place = mails.iter().position(|(of, _)| *of == index).filter(|_| depth < ATTACHED_MAILS_MAX)?;
        let (_, inner) = mails.swap_remove(place);
        let inner = content(attachment.bytes().to_vec(), depth + 1, inner);
        Some(Message::of_attachment(inner, attachment))
    };
    Content::from_parsed(raw, depth, (crossing.parsed, crossing.defects), &mut attached)
}

/// Asks for everything there is; nothing of it is kept but what crosses.
fn read(content: Content) -> Result<Crossing, String> {
    let message = Message::from_content(content, "");
    // Each of these needs the content only where the header or the parts say so.
    let _ = (message.bounce(), message.authenticity(), message.reply_hazard(&[]), message.is_meeting());
    let content = message.into_content().ok_or("the content is held elsewhere")?;
    // The language is guessed from two thousand characters, whatever the message: that is never too much, and costs a tenth.
    let _ = (content.headers(), content.top_text(), content.forwarded(), content.links(), content.tables());
    // It is building the tree that may be too much, not walking it: the selector finds nothing.
    let _ = (content.data(""), content.select("nothing"));
    let mut mails = Vec::new();
    content.each_attachment(|index, attachment| {
        let mail = attachment.into_enclosed().and_then(Message::into_content);
        mails.extend(mail.map(|mail| Ok::<_, String>((index, read(mail)?))));
    });
    let mails = mails.into_iter().collect::<Result<_, _>>()?;
    let (parsed, defects) = content.into_parsed();
    Ok(Crossing { parsed, defects, mails })
}

/// A text that has been decoded crosses; one that has not is decoded when somebody asks.
#[allow(clippy::ref_option, reason = "serde hands in the field")]
pub(super) fn kept<S: Serializer>(text: &OnceLock<String>, serializer: S) -> Result<S::Ok, S::Error> {
    text.get().serialize(serializer)
}

pub(super) fn keep<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OnceLock<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map_or_else(OnceLock::new, OnceLock::from))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Everything that can be asked of a message, as text.
    fn told(content: &Content) -> String {
        let own = format!(
            "{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
            content.envelope(),
            content.headers(),
            content.defects(),
            content.text(),
            content.html(),
            (content.portions(), content.forwarded().map(|mail| (&mail.envelope, mail.content().map(Content::text)))),
            content.tables(),
            content.links(),
            content.language(),
            content.data("Order"),
            content.select("td, a"),
        );
        own + files_told(content.attachments()).as_str()
    }

    fn files_told(files: &[Attachment]) -> String {
        let told = files.iter().map(|file| {
            let facts = (file.name(), file.content_type(), file.is_inline(), file.sha256(), file.problem());
            let mail = file.mail().unwrap().map(|mail| format!("{:?} {}", mail.envelope, told(mail.content().unwrap())));
            let inside = files_told(file.files().unwrap());
            format!("{facts:?} {:?} {:?} {mail:?} {inside}", file.text(), file.reading())
        });
        told.collect::<Vec<_>>().join("\n")
    }

    /// What a message that was read to the end where it was parsed says is what one says that crossed, and whose files crossed.
    fn assert_same(raw: &[u8]) {
        let crossed = read_everything(raw.to_vec()).unwrap();
        let content = received(raw.to_vec(), &crossed).unwrap();
        loop {
            let unread = content.unread();
            if unread.is_empty() {
                break;
            }
            for file in unread {
                file.keep(&read_file(file.facts(), file.bytes()).unwrap()).unwrap();
            }
        }
        assert_eq!(told(&content), told(&Content::parse(raw.to_vec())));
    }

    #[test]
    fn a_message_that_crossed_answers_every_question_as_one_that_was_parsed_here() {
        let mut files = 0;
        let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        for mailbox in std::fs::read_dir(fixtures).unwrap() {
            for file in std::fs::read_dir(mailbox.unwrap().path()).unwrap() {
                let path = file.unwrap().path();
                if path.extension().is_some_and(|ending| ending == "eml") {
                    assert_same(&std::fs::read(path).unwrap());
                    files += 1;
                }
            }
        }
        assert!(files > 10, "{files} fixtures");
    }

    #[test]
    fn odd_mail_crosses_with_its_repairs_and_the_mails_attached_in_it() {
        let attached = |inner: &str| {
            format!(
                "Subject: outer\r\nContent-Type: multipart/mixed; boundary=b{0}\r\n\r\n--b{0}\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n--b{0}--\r\n",
                inner.len()
            )
        };
        let twelve = (0..12).fold("Subject: innermost\r\n\r\ntext\r\n".to_owned(), |inner, _| attached(&inner));
        for raw in [
            "",
            "From: a@b.example\rSubject: s\r\rbody\r",
            "\r\n\r\nFrom: a@b.example\nSubject: s\nContent-Type: multipart/mixed; boundary=\"bound\"\n--bound\n\nbody\n",
            "Subject: s\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe\n",
            &twelve,
        ] {
            assert_same(raw.as_bytes());
        }
    }

    #[test]
    fn what_is_no_crossing_is_refused_in_words() {
        assert!(received(Vec::new(), b"{}").unwrap_err().starts_with("missing field"));
        assert!(received(Vec::new(), b"\0\xff").is_err());
    }
}
