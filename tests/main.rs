//! Stories on the whole program, one file a theme.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, missing_docs)]

mod children;
mod deaths;
mod faults;
mod house;
mod process;
mod questions;
mod trouble;
mod whole;
mod world;
