//! Microsoft Graph's mail interface: the only place in the engine that knows its JSON.
//!
//! Owns the token, the one request path, the gate of each mailbox, folders, delta pages, messages and drafts.
//! Never repeats a call that changes something: it says by its [`GraphError::verdict`] what an error means and leaves
//! the next step to whoever keeps the journal. (One exception is no repeat: a call refused with 401 goes out once more
//! under a fresh token.)

mod advice;
mod assertion;
mod attach;
mod credential;
mod delta;
mod drafts;
mod error;
mod expiry;
mod folder_tree;
mod folders;
mod gate;
mod lease;
mod listing;
mod mailbox;
mod messages;
mod received;
mod redact;
mod request;
mod search;
mod sent;
mod settings;
mod sign_in;
mod subscriptions;
mod token;
mod transport;
mod wire;

#[cfg(test)]
mod stories;

pub use attach::{UPLOAD_MIN, UploadUrl};
pub use credential::{Credential, IdentityService, Kept};
pub use delta::DeltaPage;
pub use drafts::{Draft, DraftAttachment, DraftRef, Marked};
pub use error::{ErrorKind, GraphError};
pub use folders::Visibility;
pub use gate::{REQUESTS_MAX, Spending};
pub use lease::OurFolder;
pub use mailbox::{Graph, Mailbox};
pub use messages::{FollowUp, MessageState, Patch};
pub use sent::{SentCopy, Writer};
pub use settings::{Changes, GraphSettings};
pub use subscriptions::Subscription;
