//! The names of things: one newtype each, so that no two kinds of name can be mixed up.
//!
//! A leaf: every module may use it, it uses none.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the name as it is written.
            pub fn new(name: impl Into<String>) -> Self {
                Self(name.into())
            }
            /// The name as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.to_owned())
            }
        }
    };
}

name! {
    /// A mailbox as the configuration calls it: `invoices` of `[mailbox.invoices]`.
    MailboxName
}
name! {
    /// A message's immutable id in Graph (`Prefer: IdType="ImmutableId"`); in a replay, `file:` and the file's name.
    MessageId
}
name! {
    /// A folder's id in Graph. Opaque; constant across moves (Graph, "immutable identifiers": containers).
    FolderId
}
name! {
    /// One action of one plan, 32 hexadecimal digits. Goes out as `Idempotency-Key`, `webhook-id` and draft marker.
    ActionId
}
name! {
    /// A rule's file name without `.rhai`: `10-supplier-invoices`.
    RuleName
}
name! {
    /// An endpoint as the configuration calls it: `erp` of `[endpoint.erp]`.
    EndpointName
}
name! {
    /// The SHA-256 of all files of a rule set, in hexadecimal.
    RuleSetHash
}
name! {
    /// A question's identity: the SHA-256 of its canonical JSON, in hexadecimal.
    QuestionKey
}

impl RuleSetHash {
    /// The first seven digits, as people see it.
    pub fn short(&self) -> &str {
        self.0.get(..7).unwrap_or(&self.0)
    }
}
