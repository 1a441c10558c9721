//! What a subscription's `resource` means: messages of a folder or of a whole mailbox, and their query options.

use axum::http::{HeaderMap, Method};
use bytes::Bytes;

use super::Watched;
use crate::simulator::filter::parse_filter;
use crate::simulator::http::{GraphError, call_of};
use crate::simulator::shape::canonical;
use crate::simulator::state::Tenant;

/// A refusal that wraps what the mailbox itself says.
pub(super) fn extension_error(status: u16, inner: &str, reason: &str) -> GraphError {
    let text = format!("Operation: Create; Exception: [Status Code: {inner}; Reason: {reason}]");
    GraphError::new(status, "ExtensionError", text)
}

fn refused(text: impl Into<String>) -> GraphError {
    GraphError::new(400, "InvalidRequest", text)
}

/// Reads `users/{id}/mailFolders('inbox')/messages?$filter=…`, with or without a slash or a version before it.
pub(super) fn watched(tenant: &Tenant, resource: &str) -> Result<Watched, GraphError> {
    let path = format!("/{}", resource.trim_start_matches('/'));
    let call = call_of(Method::GET, &path, HeaderMap::new(), Bytes::new(), "");
    let mut segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    if segments.first().is_some_and(|first| first.eq_ignore_ascii_case("v1.0") || first.eq_ignore_ascii_case("beta")) {
        segments.remove(0);
    }
    let is = |at: usize, name: &str| segments.get(at).is_some_and(|segment| segment.eq_ignore_ascii_case(name));
    let (user, folder) = match segments.len() {
        3 if is(0, "users") && is(2, "messages") => (segments[1], None),
        5 if is(0, "users") && is(2, "mailFolders") && is(4, "messages") => (segments[1], Some(segments[3])),
        _ => {
            return Err(refused(format!(
                "The resource '{resource}' cannot be subscribed to here: it must be users/{{id}}/messages or \
                 users/{{id}}/mailFolders/{{id}}/messages."
            )));
        }
    };
    if let Some((name, _)) = call.options().iter().find(|(name, _)| !["filter", "select"].contains(&name.as_str())) {
        return Err(refused(format!("The query parameter '${name}' is not supported in a subscription's resource.")));
    }
    let unknown = || extension_error(404, "NotFound", &format!("The requested user '{user}' is invalid."));
    let mailbox = tenant.mailbox_address(user).ok_or_else(unknown)?;
    let store = tenant.mailboxes.get(&mailbox).ok_or_else(unknown)?;
    let missing = |_| extension_error(404, "NotFound", "The specified folder could not be found in the store.");
    let folder = folder.map(|folder| store.resolve_folder(folder).map_err(missing)).transpose()?;
    let filter = call.option("filter").map(parse_filter).transpose()?;
    let select = call.option("select").map(canonical).transpose()?;
    Ok(Watched { mailbox, folder, filter, select })
}
