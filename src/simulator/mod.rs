//! A Microsoft 365 tenant in memory that speaks Microsoft Graph v1.0: mailboxes, sign-in, transport between its
//! mailboxes, a ledger of every effect, scripted faults, moods for what Microsoft leaves open, and people who interfere.
//!
//! Owns its own reading of Graph's wire format, so that the engine and the tenant are two independent readings of one API.
//! Never uses the engine's Graph client or its mail parser's wrapper; never touches a disk.
//! Not here: calendars, contacts, files, directory.

mod agenda;
mod assertion;
mod delegated;
mod door;
mod faults;
mod filter;
mod flow;
mod http;
mod identity;
mod ledger;
mod limits;
mod luck;
mod mail_in;
mod mail_out;
mod moods;
mod people;
mod permissions;
mod receiver;
mod routes;
mod server;
mod shape;
mod sign_in;
mod state;
#[cfg(test)]
mod stories;
mod subscriptions;
mod tape;
mod transport;

pub use assertion::{Registered, Trust};
pub use limits::{Limits, Window};
pub use luck::{Chance, Span};
pub use moods::{Moods, SecondSend};
pub use people::{Deed, Habit};
pub use permissions::{Access, Granted};
pub use receiver::{AskReply, Received, Receiver, ReceiverOptions};
pub use server::{MailboxSeed, Options, Simulator, SimulatorError, Strangers};
pub use subscriptions::Webhooks;
pub use tape::Tape;
