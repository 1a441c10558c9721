//! Stories on the whole program, one file a theme.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, missing_docs)]

mod bad_files;
mod children;
mod clients;
mod completeness;
mod credentials;
mod deaths;
#[cfg(target_os = "linux")]
mod disk;
mod endpoints;
mod faults;
mod frauds;
mod graph;
mod house;
mod lease;
mod loops;
mod mailboxes;
mod model;
mod modelled;
mod notified;
mod old_mail;
mod people;
mod process;
mod promises;
mod proof;
mod proofs;
mod proven;
mod questions;
mod requests;
mod storage;
mod trouble;
mod tutorial;
mod whole;
mod workbench;
mod world;
mod wrong;
