//! The rule set that is live, and the edit that was refused beside it.

use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;

use crate::rules::RuleSet;

/// Whether a compiled rule set may go live: the fixtures' cases, run by whoever knows them.
pub type Gate = Arc<dyn Fn(&RuleSet) -> Result<(), Vec<String>> + Send + Sync>;

/// The live rules of a mailbox. Clones show the same.
#[derive(Clone)]
pub struct LiveRules(Arc<RwLock<Loaded>>);

/// What is live, since when, and what was refused since.
#[derive(Clone)]
pub struct Loaded {
    /// The rule set that decides.
    pub set: Arc<RuleSet>,
    /// When it went live.
    pub since: Timestamp,
    /// The last edit, if it was refused.
    pub refused: Option<Refusal>,
}

/// An edit that did not go live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// When.
    pub at: Timestamp,
    /// Why, each with its place.
    pub faults: Vec<String>,
}

impl LiveRules {
    /// The first rule set.
    pub fn new(set: RuleSet, since: Timestamp) -> Self {
        Self(Arc::new(RwLock::new(Loaded { set: Arc::new(set), since, refused: None })))
    }

    /// The rule set that decides now.
    pub fn current(&self) -> Arc<RuleSet> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).set)
    }

    /// What is live and what was refused.
    pub fn loaded(&self) -> Loaded {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn exchange(&self, set: RuleSet, now: Timestamp) {
        let loaded = Loaded { set: Arc::new(set), since: now, refused: None };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = loaded;
    }

    pub(super) fn refuse(&self, faults: Vec<String>, at: Timestamp) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).refused = Some(Refusal { at, faults });
    }

    pub(super) fn forgive(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).refused = None;
    }
}
