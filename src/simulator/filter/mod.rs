//! `$filter` and `$orderby` on messages: a small parser for the operators Outlook takes, and their meaning.

mod evaluate;
mod parse;
mod tokens;

pub(crate) use evaluate::{compare_by, matches};
pub(crate) use parse::{Filter, Literal, Operator, Ordering, parse_filter, parse_order};
