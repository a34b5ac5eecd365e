//! Where counters live.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;

use crate::check::{CheckList, Limit, Outcome};
use crate::window::{self, Grant};

/// Keeps counters and decides. Layers (cache, batching, degraded mode) wrap a store and are stores
/// themselves.
pub trait Store: Send + Sync + 'static {
    /// Evaluates independent lists, each atomically and in the given order. The answers are in the
    /// order of the lists.
    ///
    /// # Errors
    /// If not every list could be decided. Some may have been charged all the same: a lost answer
    /// is not a lost charge, so asking again can only count too much, never too little.
    fn check(
        &self,
        lists: Vec<CheckList>,
    ) -> impl Future<Output = Result<Vec<Outcome>, StoreError>> + Send;

    /// Forgets everything counted under `key`; says whether there was anything.
    ///
    /// # Errors
    /// If the store did not answer; the counter may be gone all the same.
    fn reset(&self, key: Bytes) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Takes admissions back that should not count after all; says how many. Never more than count.
    /// A cost of 0 takes nothing back, but whoever remembers refusals of the key forgets them.
    ///
    /// # Errors
    /// If the store did not answer; they may be taken back all the same, so asking again can take
    /// back others' too.
    fn refund(&self, refund: Refund) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Admits up to `wanted` calls ahead, to be made within
    /// [`lease_span`](crate::window::lease_span): see
    /// [`Window::lease`](crate::window::Window::lease). A store that does not lease grants nothing.
    ///
    /// # Errors
    /// If the store did not answer; some may count all the same.
    fn lease(&self, _ask: LeaseAsk) -> impl Future<Output = Result<Grant, StoreError>> + Send {
        async { Ok(Grant::default()) }
    }

    /// Takes back what was leased and not used; says how many.
    ///
    /// # Errors
    /// If the store did not answer. Then what was not given back counts as if it had been used.
    fn give_back(&self, _unused: Unused) -> impl Future<Output = Result<u64, StoreError>> + Send {
        async { Ok(0) }
    }
}

/// Admissions that should not count after all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// The counter.
    pub key: Bytes,
    /// How many.
    pub cost: u64,
    /// When they were admitted.
    pub admitted: Admitted,
}

/// When admissions that are taken back were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    /// Just now, or it does not matter: the newest are taken back. If others were admitted since,
    /// one of those leaves its window too early.
    Last,
    /// At most this long ago: the oldest of that time are taken back, which keeps the promise for
    /// those that are left. Nothing is taken back if they may have left the window since.
    Within(Duration),
}

impl Admitted {
    /// As the window knows it, at `now` of the store's clock.
    pub(crate) fn at(self, now: u64) -> window::Admitted {
        match self {
            Self::Last => window::Admitted::Last,
            Self::Within(age) => {
                let age = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
                window::Admitted::Since(now.saturating_sub(age))
            }
        }
    }
}

/// A question for admissions ahead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseAsk {
    /// The counter.
    pub key: Bytes,
    /// The limit to hold.
    pub limit: Limit,
    /// At most how many.
    pub wanted: u64,
}

/// Admissions ahead that were not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unused {
    /// The counter.
    pub key: Bytes,
    /// How many.
    pub units: u64,
    /// The moment their [`Grant`] says they are recorded at.
    pub recorded: u64,
}

/// Why a store did not decide.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No answer in time.
    #[error(
        "the store did not answer within {0:?}: is it overloaded or unreachable? See --store-timeout"
    )]
    Timeout(Duration),
    /// No connection, or one that broke.
    #[error("the store is unavailable: check that it runs at the configured address")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// No room for another counter. Redis says so when it is out of memory and may not evict.
    #[error("the store has no room for another counter: give it more memory")]
    Full,
    /// The store is there but does not serve: it is loading, read-only, or does not accept the
    /// credentials.
    #[error("the store does not serve: {0}")]
    Refused(String),
    /// An answer that makes no sense: a defect, or something else writes to the same keys.
    #[error("the store answered something unexpected: {0}")]
    Protocol(String),
    /// Settings with which no store can be opened.
    #[error("the store's settings are wrong: {0}")]
    Config(String),
}

impl StoreError {
    /// Whether the same question may well be answered later without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Timeout(_) | Self::Unavailable(_) | Self::Full | Self::Refused(_) => true,
            Self::Protocol(_) | Self::Config(_) => false,
        }
    }
}
