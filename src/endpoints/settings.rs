//! What must be known of an endpoint.

use std::time::Duration;

use crate::ids::EndpointName;
use crate::outgoing::Secret;

/// One endpoint.
#[derive(Clone, Debug)]
pub struct EndpointSettings {
    /// Its name in the configuration.
    pub name: EndpointName,
    /// Where it is; plain http for loopback addresses only.
    pub url: String,
    /// Who we are there.
    pub auth: Option<Auth>,
    /// Limit of one call.
    pub timeout: Duration,
    /// Asking it changes nothing there.
    pub read_only: bool,
    /// How long it honours our key: a repeat within that time has no second effect.
    pub idempotent: Option<Duration>,
    /// Where it tells what became of a key: a URL that holds `{key}`; 404 means it never came.
    pub lookup: Option<String>,
    /// Networks (`10.1.0.0/16`) that its name may resolve to although they are not public.
    pub allow: Vec<String>,
}

/// Credentials.
#[derive(Clone, Debug)]
pub enum Auth {
    /// `Authorization: Bearer …` (RFC 6750).
    Bearer(Secret),
    /// `Authorization: Basic …` (RFC 7617).
    Basic {
        /// User name, without a colon.
        user: String,
        /// Password.
        password: Secret,
    },
}
