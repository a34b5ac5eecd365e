//! What callers ask and what they are told.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::window::Terms;

/// At most `calls` admissions in every half-open interval of `renewal_period`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limit {
    /// The most calls admitted in any interval of the renewal period.
    pub calls: NonZeroU64,
    /// The window's length. Stores count in whole microseconds and take a part of one as a whole
    /// one.
    pub renewal_period: Duration,
}

impl Limit {
    /// The limit that a store counts by these terms; `None` for no calls.
    pub(crate) fn of_terms(terms: Terms) -> Option<Self> {
        Some(Self {
            calls: NonZeroU64::new(terms.calls)?,
            renewal_period: Duration::from_micros(terms.period),
        })
    }
}

/// One limit applied to one counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The limit's name, for metrics, logs and traces; does not select the counter.
    pub limit_name: Arc<str>,
    /// Selects the counter: equal keys share one counter, whatever their limits.
    pub key: Bytes,
    /// The limit to hold.
    pub limit: Limit,
    /// What the call costs. 0 asks whether one more call would be admitted, and charges nothing.
    pub cost: u64,
}

/// Checks in order: the first refusal ends the list, and what stands after it is not charged.
pub type CheckList = Vec<Check>;

/// Where a counter stands after a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether the call may go on; for cost 0, whether one more call would be admitted.
    pub allowed: bool,
    /// The limit's `calls`.
    pub limit: u64,
    /// Calls that would still be admitted now.
    pub remaining: u64,
    /// Zero if allowed; otherwise the wait until a call of this cost can be admitted, if nothing
    /// else is admitted meanwhile. A cost above `calls` is never admitted: then it equals
    /// `reset_after`, after which nothing changes.
    pub retry_after: Duration,
    /// The wait until the whole limit is available again, if nothing is admitted meanwhile.
    pub reset_after: Duration,
    /// Of a refusal that may end before `retry_after`, because another replica may give back what
    /// it leased: how long it holds for certain. Otherwise none.
    pub recheck_after: Option<Duration>,
}

/// Who decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The shared store: the promise of the sliding window holds over all replicas.
    Exact,
    /// The store did not answer; this replica enforced the limit in its own memory.
    Local,
    /// The store did not answer and the operator chose to admit meanwhile.
    Allow,
    /// The store did not answer and the operator chose to refuse meanwhile.
    Deny,
}

/// The answer to a [`CheckList`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// One decision per evaluated check, in order; only the last one can be a refusal.
    pub decisions: Vec<Decision>,
    /// Who decided.
    pub mode: Mode,
}

impl Outcome {
    /// Whether every check was admitted.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.decisions.last().is_none_or(|last| last.allowed)
    }
}
