//! Which operation a method and a path mean. Segment names in any case, ids as they are.

use axum::http::Method;

use super::replies::AnswerKind;
use crate::simulator::http::{Call, GraphError};

/// What a call is about; ids and folder names as the client wrote them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    User,
    Folders(Option<String>),
    CreateFolder(Option<String>),
    Folder(String),
    ChangeFolder(String),
    DeleteFolder(String),
    Messages(Option<String>),
    CountMessages(Option<String>),
    Delta(Option<String>),
    Message(String),
    Mime(String),
    CreateDraft(Option<String>),
    Patch(String),
    Delete(String),
    DeleteForGood(String),
    Move(String),
    Copy(String),
    CreateAnswer(String, AnswerKind),
    SendAnswer(String, AnswerKind),
    Send(String),
    SendMail,
    Attachments(String),
    Attach(String),
    Attachment(String, String),
    AttachmentBytes(String, String),
    Detach(String, String),
    StartUpload(String),
    FolderDelta,
    Categories,
    CreateCategory,
    Category(String),
    ChangeCategory(String),
    DeleteCategory(String),
    /// All settings, or the one of that name in lower case.
    Settings(Option<String>),
    ChangeSettings,
    TranslateIds,
}

/// A call understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// The name faults are scripted by.
    pub operation: &'static str,
    /// The mailbox as the client named it.
    pub mailbox: String,
    pub target: Target,
}

/// Segments that are names, in the spelling of patterns; all others are ids.
const NAMES: [&str; 32] = [
    "v1.0",
    "beta",
    "users",
    "me",
    "mailFolders",
    "childFolders",
    "messages",
    "attachments",
    "delta",
    "$count",
    "$value",
    "$batch",
    "move",
    "copy",
    "send",
    "sendMail",
    "reply",
    "replyAll",
    "forward",
    "createReply",
    "createReplyAll",
    "createForward",
    "permanentDelete",
    "createUploadSession",
    "oauth2",
    "token",
    "outlook",
    "masterCategories",
    "mailboxSettings",
    "translateExchangeIds",
    "subscriptions",
    "reauthorize",
];

/// Names that an id may follow.
const COLLECTIONS: [&str; 7] =
    ["users", "mailFolders", "childFolders", "messages", "attachments", "masterCategories", "subscriptions"];

/// The path with `{id}` in place of ids, for counting.
pub(crate) fn pattern(segments: &[String]) -> String {
    let mut pattern = String::new();
    let mut after_collection = false;
    for segment in segments {
        let plain = segment.strip_prefix("microsoft.graph.").unwrap_or(segment);
        let name = NAMES.iter().find(|name| name.eq_ignore_ascii_case(plain));
        let keyed = after_collection && !name.is_some_and(|name| matches!(*name, "delta" | "$count" | "createUploadSession"));
        pattern.push('/');
        pattern.push_str(if keyed { "{id}" } else { name.copied().unwrap_or("{id}") });
        after_collection = !keyed && name.is_some_and(|name| COLLECTIONS.contains(name));
    }
    pattern
}

/// The operation that a call below `/v1.0` means.
pub(crate) fn route(call: &Call) -> Result<Route, GraphError> {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let unknown = || GraphError::bad_request(format!("Resource not found for the segment '{}'.", segments.last().unwrap_or(&"")));
    let Some(([_version, users, mailbox], rest)) = segments.split_first_chunk() else { return Err(unknown()) };
    if !users.eq_ignore_ascii_case("users") {
        return Err(unknown());
    }
    let lower: Vec<String> = rest
        .iter()
        .map(|segment| {
            let lower = segment.to_lowercase();
            lower.strip_prefix("microsoft.graph.").map_or(lower.clone(), str::to_owned)
        })
        .collect();
    let names: Vec<&str> = lower.iter().map(String::as_str).collect();
    let (operation, target) = mail(&call.method, &names, rest).map_err(|why| match why {
        Unknown::Path => unknown(),
        Unknown::Method => GraphError::method_not_allowed(),
    })?;
    let operation = if of_property(call, &target) { "folder_property" } else { operation };
    Ok(Route { operation, mailbox: (*mailbox).to_owned(), target })
}

/// Whether a folder is asked for, or changed in, its extended properties: faults are set on that apart.
fn of_property(call: &Call, target: &Target) -> bool {
    match target {
        Target::Folder(_) => call.option("expand").is_some(),
        Target::ChangeFolder(_) => call.object().is_ok_and(|body| body.contains_key("singleValueExtendedProperties")),
        _ => false,
    }
}

/// What a message has below it beside attachments, in lower case.
const ACTIONS: [&str; 11] = [
    "$value",
    "move",
    "copy",
    "permanentdelete",
    "createreply",
    "createreplyall",
    "createforward",
    "reply",
    "replyall",
    "forward",
    "send",
];

/// Why a path means nothing.
enum Unknown {
    Path,
    Method,
}

type Understood = Result<(&'static str, Target), Unknown>;

fn mail(method: &Method, names: &[&str], raw: &[&str]) -> Understood {
    let id = |at: usize| raw[at].to_owned();
    match (method.as_str(), names) {
        ("GET", []) => Ok(("get", Target::User)),
        ("POST", ["sendmail"]) => Ok(("send", Target::SendMail)),
        (_, ["messages", tail @ ..]) => messages(method, None, tail, &raw[1..]),
        ("GET", ["mailfolders"]) => Ok(("folder", Target::Folders(None))),
        ("POST", ["mailfolders"]) => Ok(("folder", Target::CreateFolder(None))),
        ("GET", ["mailfolders", "delta"]) => Ok(("folder", Target::FolderDelta)),
        ("GET", ["mailfolders", _]) => Ok(("folder", Target::Folder(id(1)))),
        ("PATCH", ["mailfolders", _]) => Ok(("folder", Target::ChangeFolder(id(1)))),
        ("DELETE", ["mailfolders", _]) => Ok(("folder", Target::DeleteFolder(id(1)))),
        ("GET", ["mailfolders", _, "childfolders"]) => Ok(("folder", Target::Folders(Some(id(1))))),
        ("POST", ["mailfolders", _, "childfolders"]) => Ok(("folder", Target::CreateFolder(Some(id(1))))),
        (_, ["mailfolders", _, "childfolders", _, ..]) => {
            let inner: Vec<&str> = std::iter::once("mailfolders").chain(names[3..].iter().copied()).collect();
            mail(method, &inner, &raw[2..])
        }
        (_, ["mailfolders", _, "messages", tail @ ..]) => messages(method, Some(id(1)), tail, &raw[3..]),
        ("GET", ["outlook", "mastercategories"]) => Ok(("category", Target::Categories)),
        ("POST", ["outlook", "mastercategories"]) => Ok(("category", Target::CreateCategory)),
        ("GET", ["outlook", "mastercategories", _]) => Ok(("category", Target::Category(id(2)))),
        ("PATCH", ["outlook", "mastercategories", _]) => Ok(("category", Target::ChangeCategory(id(2)))),
        ("DELETE", ["outlook", "mastercategories", _]) => Ok(("category", Target::DeleteCategory(id(2)))),
        ("GET", ["mailboxsettings"]) => Ok(("settings", Target::Settings(None))),
        ("GET", ["mailboxsettings", name]) => Ok(("settings", Target::Settings(Some((*name).to_owned())))),
        ("PATCH", ["mailboxsettings"]) => Ok(("settings", Target::ChangeSettings)),
        ("POST", ["translateexchangeids"]) => Ok(("translate", Target::TranslateIds)),
        (
            _,
            []
            | ["sendmail" | "translateexchangeids" | "mailfolders" | "mailboxsettings"]
            | ["mailfolders" | "mailboxsettings", _]
            | ["mailfolders", _, "childfolders"]
            | ["outlook", "mastercategories"]
            | ["outlook", "mastercategories", _],
        ) => Err(Unknown::Method),
        _ => Err(Unknown::Path),
    }
}

fn messages(method: &Method, folder: Option<String>, names: &[&str], raw: &[&str]) -> Understood {
    let id = |at: usize| raw[at].to_owned();
    match (method.as_str(), names) {
        ("GET", []) => Ok(("list", Target::Messages(folder))),
        ("POST", []) => Ok(("create_draft", Target::CreateDraft(folder))),
        ("GET", ["$count"]) => Ok(("list", Target::CountMessages(folder))),
        ("GET", ["delta"]) => Ok(("delta", Target::Delta(folder))),
        ("GET", [_]) => Ok(("get", Target::Message(id(0)))),
        ("PATCH", [_]) => Ok(("patch", Target::Patch(id(0)))),
        ("DELETE", [_]) => Ok(("delete", Target::Delete(id(0)))),
        ("GET", [_, "$value"]) => Ok(("mime", Target::Mime(id(0)))),
        ("POST", [_, "move"]) => Ok(("move", Target::Move(id(0)))),
        ("POST", [_, "copy"]) => Ok(("copy", Target::Copy(id(0)))),
        ("POST", [_, "permanentdelete"]) => Ok(("delete", Target::DeleteForGood(id(0)))),
        ("POST", [_, "createreply"]) => Ok(("create_reply", Target::CreateAnswer(id(0), AnswerKind::Reply))),
        ("POST", [_, "createreplyall"]) => Ok(("create_reply", Target::CreateAnswer(id(0), AnswerKind::ReplyAll))),
        ("POST", [_, "createforward"]) => Ok(("create_forward", Target::CreateAnswer(id(0), AnswerKind::Forward))),
        ("POST", [_, "reply"]) => Ok(("send", Target::SendAnswer(id(0), AnswerKind::Reply))),
        ("POST", [_, "replyall"]) => Ok(("send", Target::SendAnswer(id(0), AnswerKind::ReplyAll))),
        ("POST", [_, "forward"]) => Ok(("send", Target::SendAnswer(id(0), AnswerKind::Forward))),
        ("POST", [_, "send"]) => Ok(("send", Target::Send(id(0)))),
        ("GET", [_, "attachments"]) => Ok(("get", Target::Attachments(id(0)))),
        ("POST", [_, "attachments"]) => Ok(("attach", Target::Attach(id(0)))),
        ("POST", [_, "attachments", "createuploadsession"]) => Ok(("attach", Target::StartUpload(id(0)))),
        ("GET", [_, "attachments", _]) => Ok(("get", Target::Attachment(id(0), id(2)))),
        ("GET", [_, "attachments", _, "$value"]) => Ok(("get", Target::AttachmentBytes(id(0), id(2)))),
        ("DELETE", [_, "attachments", _]) => Ok(("attach", Target::Detach(id(0), id(2)))),
        (_, [] | [_] | [_, "attachments"] | [_, "attachments", _] | [_, "attachments", _, "$value"]) => Err(Unknown::Method),
        (_, [_, word]) if ACTIONS.contains(word) => Err(Unknown::Method),
        _ => Err(Unknown::Path),
    }
}
