//! What the engine must know to reach a tenant.

use std::time::Duration;

use reqwest::Url;

use super::error::GraphError;
use crate::outgoing::{self, Secret};

/// Where Graph is and who we are there.
#[derive(Clone, Debug)]
pub struct GraphSettings {
    /// `https://graph.microsoft.com/v1.0`; plain http for loopback addresses only.
    pub base_url: String,
    /// `https://login.microsoftonline.com`; plain http for loopback addresses only.
    pub login_url: String,
    /// The tenant's id or one of its domains.
    pub tenant: String,
    /// The application's id.
    pub client_id: String,
    /// The application's client secret.
    pub secret: Secret,
    /// Limit of one call, and as long again for a mailbox that is closed; a message's content may take four times as long.
    pub timeout: Duration,
}

/// An address that a bearer token or a client secret may be sent to: https, or http to this machine.
pub(super) fn service_url(key: &str, text: &str) -> Result<Url, GraphError> {
    let url = outgoing::service_url(text.trim_end_matches('/')).map_err(|why| GraphError::settings(format!("{key} {why}")))?;
    if url.cannot_be_a_base() || url.query().is_some() || url.fragment().is_some() {
        return Err(GraphError::settings(format!("{key} must be scheme, host and path alone")));
    }
    Ok(url)
}
