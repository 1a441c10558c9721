//! The proof of the promise: whatever dies, breaks or interferes, each effect comes about once, or a person is told.
//!
//! Used by `tests/proofs.rs` and `tests/proven.rs` for a short while, and by `benches/prove.rs` for as long as one likes.

#![allow(dead_code, reason = "tests and bench each use their part of this")]

pub mod checker;
pub mod crash;
pub mod flood;
pub mod kills;
pub mod points;
pub mod seeds;
pub mod simulated;
