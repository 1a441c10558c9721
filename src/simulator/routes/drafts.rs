//! New drafts, from JSON or from MIME.

use serde_json::{Map, Value, json};

use super::fields::{Occasion, write};
use super::messages::one;
use super::visit::Visit;
use crate::simulator::http::{Answer, GraphError};
use crate::simulator::mail_in;
use crate::simulator::people;
use crate::simulator::shape::View;
use crate::simulator::state::{Message, Recipient, WellKnown};

/// `POST /messages` (Drafts) and `POST /mailFolders/{id}/messages`.
pub(super) fn create(visit: &mut Visit<'_>, folder: Option<&str>) -> Result<Answer, GraphError> {
    let place = folder.map_or(Ok(WellKnown::Drafts.key()), |folder| visit.folder(folder))?;
    let message = if visit.call.is_mime() {
        if folder.is_some() {
            return Err(GraphError::bad_request("A message in MIME format can be created in Drafts only: POST to /messages."));
        }
        of_mime(visit)?
    } else {
        of_json(visit, &visit.call.object()?)?
    };
    let key = visit.mailbox()?.add(message, place);
    let path = visit.store()?.path(place);
    visit.note("draft_created", key, json!({"folder": path}))?;
    visit.made(key)?;
    people::meet(visit.tenant, visit.address, key, people::Occasion::Drafted);
    // Extended properties are not echoed.
    one(visit, &View::bare(visit.call), 201, key)
}

/// The mailbox as a sender.
pub(super) fn own_address(visit: &Visit<'_>) -> Result<Recipient, GraphError> {
    let mailbox = visit.store()?;
    Ok(Recipient { name: mailbox.name.clone(), address: mailbox.address.clone() })
}

/// A draft of base64 MIME.
pub(super) fn of_mime(visit: &Visit<'_>) -> Result<Message, GraphError> {
    let malformed = || GraphError::new(400, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content.");
    let raw = mail_in::decode_base64(&visit.call.body).filter(|raw| !raw.is_empty()).ok_or_else(malformed)?;
    let mut message = mail_in::draft(&raw, visit.now());
    complete(visit, &mut message)?;
    Ok(message)
}

/// A draft of a message resource.
pub(super) fn of_json(visit: &Visit<'_>, body: &Map<String, Value>) -> Result<Message, GraphError> {
    let now = visit.now();
    let mut message = Message::draft(now);
    write(&mut message, body, Occasion::Create, now)?;
    complete(visit, &mut message)?;
    Ok(message)
}

fn complete(visit: &Visit<'_>, message: &mut Message) -> Result<(), GraphError> {
    let own = own_address(visit)?;
    message.from.get_or_insert_with(|| own.clone());
    message.sender.get_or_insert(own);
    Ok(())
}
