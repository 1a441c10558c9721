//! One category of a mailbox's list.

/// A name with a colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Category {
    pub id: String,
    pub name: String,
    /// `none` or `preset0` to `preset24`.
    pub colour: String,
}
