//! Other people's HTTP services, by the names the configuration gives them: `post` a record, `ask` a question.
//!
//! Owns the credentials, the signatures, the addresses that may be called, the time limits, how many calls may be under way, and what an
//! answer means. A rule never holds a URL. Nothing here is repeated, but for a call whose token was refused: the
//! [`EndpointError::verdict`] says whether a repeat under the same key is safe.

mod addresses;
mod answer;
mod client;
mod endpoint;
mod error;
mod gate;
mod oauth;
mod record;
mod schema;
mod settings;
mod signature;
mod tls;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod tls_stories;

pub use client::Endpoints;
pub use endpoint::Contract;
pub use error::{EndpointError, FailureKind};
pub use gate::{Admission, PAUSES, Place};
pub use record::{Origin, Record};
pub use settings::{Auth, EndpointSettings, OAuth2, Profile, SchemaFile, Tls};
