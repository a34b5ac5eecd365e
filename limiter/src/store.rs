//! What a store can be asked, and what layers around one are asked in its place.

use std::ops::Deref;
use std::time::Duration;

use bytes::Bytes;

use crate::check::{CheckList, Limit, Outcome};
use crate::error::StoreError;
use crate::inspect::Inspection;
use crate::window::{self, Grant};

/// Decides checks. Layers (cache, batching, degraded mode) stand around a store and decide, too.
pub trait Decide: Send + Sync + 'static {
    /// Evaluates independent lists, each atomically and in the given order. The answers are in the
    /// order of the lists.
    ///
    /// # Errors
    /// If not every list could be decided. Some may have been charged all the same: a lost answer
    /// is not a lost charge, so asking again can only count too much, never too little.
    fn check(
        &self,
        lists: &[CheckList],
    ) -> impl Future<Output = Result<Vec<Outcome>, StoreError>> + Send;
}

/// Frees what is counted.
pub trait Admin: Send + Sync + 'static {
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
}

/// Tells where counters stand. Apart from [`Admin`], because a caller of limiters frees what they
/// count and cannot read it back: they tell an operator, in another form.
pub trait Inspect: Send + Sync + 'static {
    /// Everything known of `key`. Charges nothing.
    ///
    /// # Errors
    /// If the store did not answer.
    fn inspect(&self, key: Bytes) -> impl Future<Output = Result<Inspection, StoreError>> + Send;
}

/// Admits ahead.
pub trait Lease: Send + Sync + 'static {
    /// Admits up to `wanted` calls ahead, to be made within
    /// [`lease_span`](crate::window::lease_span): see
    /// [`Window::lease`](crate::window::Window::lease).
    ///
    /// # Errors
    /// If the store did not answer; some may count all the same.
    fn lease(&self, ask: LeaseAsk) -> impl Future<Output = Result<Grant, StoreError>> + Send;

    /// Takes back what was leased and not used; says how many.
    ///
    /// # Errors
    /// If the store did not answer. Then what was not given back counts as if it had been used.
    fn give_back(&self, unused: Unused) -> impl Future<Output = Result<u64, StoreError>> + Send;
}

/// Who keeps counters can do all of it.
pub trait Store: Decide + Admin + Inspect + Lease {}

impl<S: Decide + Admin + Inspect + Lease> Store for S {}

/// A layer that has to do with checks alone: whatever else it is asked, the store behind it is.
pub(crate) trait ChecksOnly: Send + Sync + 'static {
    /// The store behind it.
    type Store;

    /// The store that is asked now.
    fn store(&self) -> impl Deref<Target = Self::Store> + Send;
}

impl<L: ChecksOnly<Store: Admin>> Admin for L {
    async fn reset(&self, key: Bytes) -> Result<bool, StoreError> {
        self.store().reset(key).await
    }

    async fn refund(&self, refund: Refund) -> Result<u64, StoreError> {
        self.store().refund(refund).await
    }
}

impl<L: ChecksOnly<Store: Inspect>> Inspect for L {
    async fn inspect(&self, key: Bytes) -> Result<Inspection, StoreError> {
        self.store().inspect(key).await
    }
}

impl<L: ChecksOnly<Store: Lease>> Lease for L {
    async fn lease(&self, ask: LeaseAsk) -> Result<Grant, StoreError> {
        self.store().lease(ask).await
    }

    async fn give_back(&self, unused: Unused) -> Result<u64, StoreError> {
        self.store().give_back(unused).await
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
