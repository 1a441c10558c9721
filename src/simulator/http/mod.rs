//! HTTP as the tenant sees it: connections that can be cut, a request taken apart, an answer put together.

mod answer;
mod call;
mod tls;
mod wire;

pub(crate) use answer::{Answer, GraphError, Payload};
pub(crate) use call::{Call, Plus, call_of, percent_decode};
pub(crate) use tls::Encryption;
pub(crate) use wire::{Connection, Serving, stopped};
