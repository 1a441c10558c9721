//! What the engine must know to reach a tenant.

use std::net::Ipv4Addr;
use std::num::NonZeroUsize;
use std::time::Duration;

use reqwest::Url;

use super::credential::Credential;
use super::error::GraphError;
use crate::outgoing;

/// Where Graph is and who we are there.
#[derive(Clone, Debug)]
pub struct GraphSettings {
    /// `https://graph.microsoft.com/v1.0`; plain http for loopback addresses only.
    pub base_url: String,
    /// `https://login.microsoftonline.com`; plain http for loopback addresses only.
    pub login_url: String,
    /// The tenant's id or one of its domains.
    pub tenant: String,
    /// The application's id; of a managed identity its own, or nothing where the machine has but one.
    pub client_id: String,
    /// How we prove who we are.
    pub credential: Credential,
    /// How it is found out what changed in a folder.
    pub changes: Changes,
    /// Limit of one call, and as long again for a mailbox that is closed; a message's content may take four times as long.
    pub timeout: Duration,
    /// Calls to one mailbox in ten minutes.
    pub requests_max: u32,
    /// Calls to all mailboxes together at the same time; `None` for as many as there are.
    pub concurrent_max: Option<NonZeroUsize>,
}

/// How it is found out what changed in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changes {
    /// By delta queries.
    Delta,
    /// By listing what was received lately, where the cloud has no delta queries for messages.
    Listing,
}

impl GraphSettings {
    /// Where Graph and the sign-in service are.
    pub(super) fn urls(&self) -> Result<[Url; 2], GraphError> {
        Ok([service_url("[graph] base_url", &self.base_url)?, service_url("[graph] login_url", &self.login_url)?])
    }
}

/// An address that a bearer token or a client secret may be sent to: https, or http to this machine.
fn service_url(key: &str, text: &str) -> Result<Url, GraphError> {
    let url = outgoing::service_url(text.trim_end_matches('/')).map_err(|why| GraphError::settings(format!("{key} {why}")))?;
    if url.cannot_be_a_base() || url.query().is_some() || url.fragment().is_some() {
        return Err(GraphError::settings(format!("{key} must be scheme, host and path alone")));
    }
    Ok(url)
}

/// The address of an identity service: like other services', or plain http to a link-local address, where the platform keeps it.
pub(super) fn identity_url(text: &str) -> Result<Url, GraphError> {
    let link_local = Url::parse(text).ok().filter(|url| {
        let address = url.host_str().and_then(|host| host.parse::<Ipv4Addr>().ok());
        url.scheme() == "http" && url.username().is_empty() && address.is_some_and(|address| address.is_link_local())
    });
    let url = link_local.map_or_else(|| outgoing::service_url(text), Ok);
    url.map_err(|why| GraphError::settings(format!("the managed identity's address: {why}")))
}
