//! The proof of the promise: whole runs in which processes die, connections break and people interfere, and what came of each effect.

pub mod points;
pub mod seeds;
pub mod simulated;
