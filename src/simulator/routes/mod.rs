//! Microsoft Graph's paths: which operation a request means, and the functions that perform them.

mod attachments;
mod batch;
mod categories;
mod change;
mod delta;
mod drafts;
mod fields;
mod folder_delta;
mod folders;
mod grammar;
mod messages;
mod query;
mod replies;
mod send;
mod settings;
mod translate;
mod upload;
mod visit;

pub(crate) use batch::{batch_answer, batch_items};
pub(crate) use fields::write_patch;
pub(crate) use grammar::{Route, Target, pattern, route};
pub(crate) use query::encode;
pub(crate) use replies::reply_by_hand;
pub(crate) use send::Keep;
pub(crate) use upload::put as put_upload;
pub(crate) use visit::{Lens, Visit, message_facts};

use super::http::{Answer, GraphError};

/// Performs a call on the tenant.
pub(crate) fn perform(visit: &mut Visit<'_>, target: &Target) -> Result<Answer, GraphError> {
    match target {
        Target::User => folders::user(visit),
        Target::Folders(parent) => folders::list(visit, parent.as_deref()),
        Target::CreateFolder(parent) => folders::create(visit, parent.as_deref()),
        Target::Folder(id) => folders::get(visit, id),
        Target::ChangeFolder(id) => folders::change(visit, id),
        Target::DeleteFolder(id) => folders::delete(visit, id),
        Target::Messages(folder) => messages::list(visit, folder.as_deref()),
        Target::CountMessages(folder) => messages::count(visit, folder.as_deref()),
        Target::Delta(folder) => delta::delta(visit, folder.as_deref()),
        Target::Message(id) => messages::get(visit, id),
        Target::Mime(id) => messages::mime(visit, id),
        Target::CreateDraft(folder) => drafts::create(visit, folder.as_deref()),
        Target::Patch(id) => change::patch(visit, id),
        Target::Delete(id) => change::delete(visit, id),
        Target::DeleteForGood(id) => change::delete_for_good(visit, id),
        Target::Move(id) => change::relocate(visit, id),
        Target::Copy(id) => change::copy(visit, id),
        Target::CreateAnswer(id, kind) => replies::create(visit, id, *kind),
        Target::SendAnswer(id, kind) => replies::send(visit, id, *kind),
        Target::Send(id) => send::draft(visit, id),
        Target::SendMail => send::mail(visit),
        Target::Attachments(id) => attachments::list(visit, id),
        Target::Attach(id) => attachments::add(visit, id),
        Target::Attachment(id, attachment) => attachments::get(visit, id, attachment),
        Target::AttachmentBytes(id, attachment) => attachments::bytes(visit, id, attachment),
        Target::Detach(id, attachment) => attachments::delete(visit, id, attachment),
        Target::StartUpload(id) => upload::start(visit, id),
        Target::FolderDelta => folder_delta::delta(visit),
        Target::Categories => categories::list(visit),
        Target::CreateCategory => categories::create(visit),
        Target::Category(id) => categories::get(visit, id),
        Target::ChangeCategory(id) => categories::change(visit, id),
        Target::DeleteCategory(id) => categories::delete(visit, id),
        Target::Settings(name) => settings::get(visit, name.as_deref()),
        Target::ChangeSettings => settings::change(visit),
        Target::TranslateIds => translate::translate(visit),
    }
}
