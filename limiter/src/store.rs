//! Where counters live.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;

use crate::check::{CheckList, Outcome};

/// Keeps counters and decides. Layers (cache, batching, degraded mode) wrap a store and are stores themselves.
pub trait Store: Send + Sync + 'static {
    /// Evaluates independent lists, each atomically and in the given order. The answers are in the order of the lists.
    ///
    /// # Errors
    /// If not every list could be decided. Some may have been charged all the same: a lost answer is not a lost
    /// charge, so asking again can only count too much, never too little.
    fn check(&self, lists: Vec<CheckList>) -> impl Future<Output = Result<Vec<Outcome>, StoreError>> + Send;

    /// Forgets everything counted under `key`; says whether there was anything.
    ///
    /// # Errors
    /// If the store did not answer; the counter may be gone all the same.
    fn reset(&self, key: Bytes) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// Why a store did not decide.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No answer in time.
    #[error("the store did not answer within {0:?}: is it overloaded or unreachable? See --store-timeout")]
    Timeout(Duration),
    /// No connection, or one that broke.
    #[error("the store is unavailable: check that it runs at the configured address")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// No room for another counter. Redis says so when it is out of memory and may not evict.
    #[error("the store has no room for another counter: give it more memory")]
    Full,
    /// The store is there but does not serve: it is loading, read-only, or does not accept the credentials.
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
