//! Other people's HTTP services, by the names the configuration gives them: `post` a record, `ask` a question.
//!
//! Owns the credentials, the addresses that may be called, the time limits and what an answer means. A rule never holds a
//! URL. Nothing here is repeated: the [`EndpointError::verdict`] says whether a repeat under the same key is safe.

mod addresses;
mod client;
mod error;
mod settings;

#[cfg(test)]
mod stories;

pub use client::{Contract, Endpoints};
pub use error::{EndpointError, FailureKind};
pub use settings::{Auth, EndpointSettings};
