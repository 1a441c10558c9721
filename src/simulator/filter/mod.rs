//! `$filter` and `$orderby` on messages: a small parser for the operators Outlook takes, and their meaning.

mod evaluate;
mod parse;
mod search;
mod tokens;

pub(crate) use evaluate::{check_filter, check_order, compare_by, matches};
pub(crate) use parse::{Filter, Literal, Operator, Ordering, parse_filter, parse_order};
pub(crate) use search::{FOUND_MAX, Search, finds, parse_search};
