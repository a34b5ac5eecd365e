//! Where stores in this process take their time from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// A source of time. It need not be monotonic: a counter never runs backwards anyway.
pub trait Clock: Send + Sync + 'static {
    /// Microseconds since a moment of the clock's choice.
    fn now_micros(&self) -> u64;
}

/// The machine's monotonic clock (Tokio's, so that a test can pause it).
#[derive(Debug, Clone)]
pub struct MonotonicClock {
    start: Instant,
}

impl Default for MonotonicClock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Clock for MonotonicClock {
    fn now_micros(&self) -> u64 {
        // 64 bits of microseconds are half a million years.
        self.start.elapsed().as_micros() as u64
    }
}

/// A clock that stands still until it is told to move, for tests. Clones are the same clock.
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn at_micros(now: u64) -> Self {
        Self(Arc::new(AtomicU64::new(now)))
    }

    /// Sets the clock, back if need be.
    pub fn set_micros(&self, now: u64) {
        self.0.store(now, Ordering::SeqCst);
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_micros() as u64, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_micros(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}
