//! A Microsoft 365 tenant in memory that speaks Microsoft Graph v1.0: mailboxes, sign-in, transport between its
//! mailboxes, a ledger of every effect, and scripted faults.
//!
//! Owns its own reading of Graph's wire format, so that the engine and the tenant are two independent readings of one API.
//! Never uses the engine's Graph client or its mail parser's wrapper; never touches a disk.
//! Not here: subscriptions, calendars, contacts, files, `$search`, directory, delegated sign-in.

mod door;
mod faults;
mod filter;
mod flow;
mod http;
mod ledger;
mod mail_in;
mod mail_out;
mod receiver;
mod routes;
mod server;
mod shape;
mod sign_in;
mod state;
#[cfg(test)]
mod stories;
mod transport;

pub use receiver::{AskReply, Received, Receiver, ReceiverOptions};
pub use server::{MailboxSeed, Options, Simulator, SimulatorError, Strangers};
