//! Counters in this process.

use bytes::Bytes;

use crate::check::{CheckList, Outcome};
use crate::store::{Store, StoreError};
use std::sync::Arc;

/// Where the memory store takes its time from.
pub trait Clock: Send + Sync + 'static {
    /// Microseconds since a moment of the clock's choice.
    fn now_micros(&self) -> u64;
}
/// The machine's monotonic clock.
#[derive(Debug, Clone, Default)]
pub struct MonotonicClock;
impl Clock for MonotonicClock {
    fn now_micros(&self) -> u64 {
        0
    }
}
/// A clock that stands still until it is told to move, for tests.
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<std::sync::atomic::AtomicU64>);
impl Clock for ManualClock {
    fn now_micros(&self) -> u64 {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}
impl ManualClock {
    /// Moves the clock to a moment, back if need be.
    pub fn set_micros(&self, now: u64) {
        self.0.store(now, std::sync::atomic::Ordering::SeqCst);
    }
    /// Moves the clock forward.
    pub fn advance(&self, by: std::time::Duration) {
        self.0.fetch_add(by.as_micros() as u64, std::sync::atomic::Ordering::SeqCst);
    }
}
/// How much the memory store may hold.
#[derive(Debug, Clone)]
pub struct MemoryConfig {
    /// The most keys that may count at the same time.
    pub max_keys: usize,
}
impl Default for MemoryConfig {
    fn default() -> Self {
        Self { max_keys: 1_000_000 }
    }
}
/// Counters in this process.
#[derive(Debug)]
pub struct MemoryStore<C = MonotonicClock> {
    _clock: C,
}
impl MemoryStore {
    /// A store on the machine's monotonic clock.
    #[must_use]
    pub fn new(_config: &MemoryConfig) -> Self {
        todo!()
    }
}
impl<C: Clock> MemoryStore<C> {
    /// A store on a clock of its own.
    #[must_use]
    pub fn with_clock(_config: &MemoryConfig, _clock: C) -> Self {
        todo!()
    }
}
impl<C: Clock> Store for MemoryStore<C> {
    async fn check(&self, _lists: Vec<CheckList>) -> Result<Vec<Outcome>, StoreError> {
        todo!()
    }
    async fn reset(&self, _key: Bytes) -> Result<bool, StoreError> {
        todo!()
    }
}
