//! What is known of a key, for operators.

use std::time::Duration;

use crate::check::{Limit, Mode};
use crate::window::Snapshot;

/// What is known of a key.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// What is counted under it.
    pub snapshot: Snapshot,
    /// Who keeps the counter now.
    pub mode: Mode,
    /// Refusals that are answered from memory until they end.
    pub refusals: Vec<KnownRefusal>,
}

/// Calls of at least `cost` under `limit` are refused without asking the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownRefusal {
    /// The limit that refused.
    pub limit: Limit,
    /// The cost of the call that it refused.
    pub cost: u64,
    /// How much longer.
    pub retry_after: Duration,
}

impl Inspection {
    /// What the shared store holds.
    #[must_use]
    pub fn exact(snapshot: Snapshot) -> Self {
        Self {
            snapshot,
            mode: Mode::Exact,
            refusals: Vec::new(),
        }
    }
}
