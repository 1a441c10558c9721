//! Postroom works shared Microsoft 365 mailboxes by rules.
//!
//! *Mail becomes a snapshot; rules turn a snapshot into a plan; the plan is written down; only then is the world changed, one
//! recorded action at a time.*
//!
//! Three loops stand around one journal: [`intake`] writes what arrived, the [`decider`] writes what should happen, the [`executor`]
//! writes what did happen. They never call each other. `ARCHITECTURE.md` follows one message through the house.

// Leaves: names, time, what outgoing connections share, panics in words, who is served, when a loop looks, what a remote error means.
pub mod bulkhead;
pub mod clock;
pub mod ids;
pub mod looks;
pub mod outgoing;
pub mod panics;
pub mod roster;
pub mod verdict;

// Values: pure, without clock, without input and output.
pub mod mail;
pub mod plan;
pub mod templates;
pub mod text;

// The rules: pure functions from a message to a plan.
pub mod rules;

// Where content from outside is parsed.
pub mod parsing;

// What is remembered, and the two doors to the world.
pub mod endpoints;
pub mod graph;
pub mod journal;

// The three loops.
pub mod decider;
pub mod executor;
pub mod intake;

// Around them.
pub mod config;
pub mod daemon;
pub mod replay;
pub mod simulator;
pub mod web;

pub mod cli;
