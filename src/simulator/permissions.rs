//! Who may do what: application permissions, in the token or in Exchange, and the mailboxes they reach.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::http::{Call, GraphError};
use super::routes::Target;
use super::state::Tenant;

/// Where the permissions of the application were granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granted {
    /// By consent: tokens name them as `roles`. Mailboxes are limited by an application access policy.
    InToken,
    /// By Exchange (RBAC for Applications): tokens name none. Mailboxes are limited by the scope of the assignment.
    InExchange,
}

/// What the application may do, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Application permissions, such as `Mail.ReadWrite`.
    pub roles: Vec<String>,
    /// Where they were granted.
    pub granted: Granted,
    /// The mailboxes that they reach (addresses in lower case); `None` is all of them.
    pub mailboxes: Option<Vec<String>>,
}

impl Default for Access {
    fn default() -> Self {
        let roles = ["Mail.ReadWrite", "Mail.Send", "MailboxSettings.ReadWrite", "User.Read.All"];
        Self { roles: roles.map(str::to_owned).to_vec(), granted: Granted::InToken, mailboxes: None }
    }
}

impl Access {
    /// Refuses what is no permission; any of Microsoft's is one, whether or not something here needs it.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        let is_one = |role: &str| {
            let words: Vec<&str> = role.split('.').collect();
            let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            words.len() >= 2 && words.iter().all(is_word)
        };
        match self.roles.iter().find(|role| !is_one(role)) {
            None => Ok(()),
            Some(role) => Err(format!("\"{role}\" is no permission: it must be one such as Mail.ReadWrite or Mail.Send")),
        }
    }

    /// What a token says.
    pub(crate) fn roles_in_token(&self) -> &[String] {
        if self.granted == Granted::InToken { &self.roles } else { &[] }
    }
}

/// Reading messages without body, attachments and extended properties.
pub(crate) const READ_BASIC: &[&str] = &["Mail.ReadBasic.All", "Mail.ReadBasic", "Mail.Read", "Mail.ReadWrite"];
/// Reading messages.
pub(crate) const READ: &[&str] = &["Mail.Read", "Mail.ReadWrite"];
const WRITE: &[&str] = &["Mail.ReadWrite"];
/// Changing delivered mail.
pub(crate) const ADVANCED: &[&str] = &["Mail-Advanced.ReadWrite.All", "Mail-Advanced.ReadWrite"];
const SEND: &[&str] = &["Mail.Send"];
const SETTINGS_READ: &[&str] = &["MailboxSettings.Read", "MailboxSettings.ReadWrite"];
const SETTINGS_WRITE: &[&str] = &["MailboxSettings.ReadWrite"];
const USER: &[&str] = &["User.ReadBasic.All", "User.Read.All", "User.ReadWrite.All", "Directory.Read.All"];
const USER_FULL: &[&str] = &["User.Read.All", "User.ReadWrite.All", "Directory.Read.All"];

/// The permissions of which an operation needs one.
pub(crate) fn needed(target: &Target) -> &'static [&'static str] {
    match target {
        Target::User => USER,
        Target::Folders(_)
        | Target::Folder(_)
        | Target::FolderDelta
        | Target::Messages(_)
        | Target::CountMessages(_)
        | Target::Delta(_)
        | Target::Message(_) => READ_BASIC,
        Target::Mime(_) | Target::Attachments(_) | Target::Attachment(..) | Target::AttachmentBytes(..) => READ,
        Target::CreateFolder(_)
        | Target::ChangeFolder(_)
        | Target::DeleteFolder(_)
        | Target::CreateDraft(_)
        | Target::Patch(_)
        | Target::Delete(_)
        | Target::DeleteForGood(_)
        | Target::Move(_)
        | Target::Copy(_)
        | Target::CreateAnswer(..)
        | Target::Attach(_)
        | Target::Detach(..)
        | Target::StartUpload(_) => WRITE,
        Target::SendAnswer(..) | Target::Send(_) | Target::SendMail => SEND,
        Target::Categories | Target::Category(_) | Target::Settings(_) => SETTINGS_READ,
        Target::CreateCategory | Target::ChangeCategory(_) | Target::DeleteCategory(_) | Target::ChangeSettings => SETTINGS_WRITE,
        Target::TranslateIds => USER_FULL,
    }
}

/// What a token says of its bearer.
#[derive(Clone, Debug)]
pub(crate) struct Bearer {
    pub app: String,
    pub directory: String,
    roles: Vec<String>,
    /// The person that the application acts for.
    pub user: Option<String>,
}

impl Bearer {
    /// Of a call whose token was found to be ours.
    pub fn of(call: &Call) -> Self {
        let header = call.header("authorization").unwrap_or_default();
        let token = header.split_once(' ').map_or("", |(_, token)| token.trim());
        let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let claims: Value = claims.and_then(|claims| serde_json::from_slice(&claims).ok()).unwrap_or_default();
        let word = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
        let roles = claims["roles"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        let scopes = claims["scp"].as_str().unwrap_or_default().split_whitespace().map(str::to_owned);
        let roles = roles.chain(scopes).collect();
        Self { app: word("appid"), directory: word("tid"), roles, user: claims["upn"].as_str().map(str::to_owned) }
    }
}

/// A refusal for want of a permission.
pub(crate) fn denied(text: &str) -> GraphError {
    GraphError::new(403, "ErrorAccessDenied", text)
}

/// What the policy that limits an application to some mailboxes answers.
pub(crate) const OUT_OF_POLICY: &str =
    "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings.";

/// What Exchange answers to whoever lacks a permission.
pub(crate) const DENIED: &str = "Access is denied. Check credentials and try again.";

fn held(tenant: &Tenant, call: &Call) -> Vec<String> {
    let bearer = Bearer::of(call);
    match tenant.access.granted {
        Granted::InToken => bearer.roles,
        Granted::InExchange if bearer.user.is_some() => bearer.roles,
        Granted::InExchange => tenant.access.roles.clone(),
    }
}

/// Refuses a call without one of the needed permissions, or on a mailbox that they do not reach.
pub(crate) fn check(tenant: &Tenant, call: &Call, needed: &[&str], mailbox: Option<&str>) -> Result<(), GraphError> {
    if !held(tenant, call).iter().any(|role| needed.iter().any(|needed| needed.eq_ignore_ascii_case(role))) {
        return Err(denied(DENIED));
    }
    if let (Some(user), Some(mailbox)) = (Bearer::of(call).user, mailbox) {
        // People reach their own mailbox; that others are shared with them is not simulated.
        return if user.eq_ignore_ascii_case(mailbox) { Ok(()) } else { Err(denied(DENIED)) };
    }
    let Some((allowed, mailbox)) = tenant.access.mailboxes.as_ref().zip(mailbox) else { return Ok(()) };
    if allowed.iter().any(|own| own.eq_ignore_ascii_case(mailbox)) {
        return Ok(());
    }
    Err(denied(if tenant.access.granted == Granted::InToken { OUT_OF_POLICY } else { DENIED }))
}

/// Whether the call may read no more of a message than its headers.
pub(crate) fn is_basic(tenant: &Tenant, call: &Call) -> bool {
    !held(tenant, call).iter().any(|role| READ.iter().any(|needed| needed.eq_ignore_ascii_case(role)))
}
