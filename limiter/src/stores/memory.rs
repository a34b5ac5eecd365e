//! Counters in this process: exact for everything that asks this process, gone when it ends.
//!
//! Bounded by a number of keys and by bytes. A key is forgotten once nothing it counted matters any
//! more, the oldest first. While every place is taken by a key that still counts, a fresh key is
//! *refused* and not an old one pushed out: otherwise anybody could clear a limit by flooding the
//! store with made-up keys. The refusal says when the next place may be free. For the same reason a
//! key that counts is refused, rather than forgotten, when its log has to grow and there are no
//! bytes left.
//!
//! Keys are spread over shards, each with a lock of its own; a list locks the shards of all its
//! keys, in order, so a list is as atomic here as in Redis. Existing keys are checked without
//! allocating.

mod shard;

use std::hash::BuildHasher;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use prometheus_client::metrics::counter::Counter;

use crate::check::{Check, CheckList, Mode, Outcome};
use crate::error::StoreError;
use crate::inspect::Inspection;
use crate::store::{Admin, Decide, Inspect, Lease, LeaseAsk, Refund, Unused};
use crate::stores::clock::{Clock, MonotonicClock};
use crate::stores::key::StoredKey;
use crate::window::{Admitted, Grant, Snapshot, Terms};
use shard::{Room, Shard};

/// Enough that a machine's cores seldom meet in one; as many as fit the bit mask that says which
/// ones a list needs.
const MOST_SHARDS: usize = 64;

/// A store smaller than this many keys per shard has fewer shards, so that uneven spreading costs
/// it no places.
const KEYS_PER_SHARD: usize = 1024;

/// What the counter of [`MemoryStore::full_refusals`] tells.
pub(crate) const MEMORY_FULL: &str =
    "Checks refused because this process's memory has no room for another key";

/// How much the memory store may hold.
#[derive(Debug, Clone, Copy)]
pub struct MemoryConfig {
    /// The most keys that may count at the same time.
    pub max_keys: usize,
    /// The most bytes all keys and what they remember may take, roughly.
    pub max_bytes: usize,
}

impl Default for MemoryConfig {
    /// A million callers, each with a few dozen remembered calls: a fraction of what a limiter's
    /// machine has.
    fn default() -> Self {
        Self {
            max_keys: 1_000_000,
            max_bytes: 512 << 20,
        }
    }
}

/// A [`Store`](crate::store::Store) in this process.
#[derive(Debug)]
pub struct MemoryStore<C = MonotonicClock> {
    shards: Vec<Mutex<Shard>>,
    /// Refusals for lack of room, of all shards.
    full: Counter,
    hasher: foldhash::fast::RandomState,
    clock: C,
}

impl MemoryStore {
    /// A store on the machine's monotonic clock.
    #[must_use]
    pub fn new(config: &MemoryConfig) -> Self {
        Self::with_clock(config, MonotonicClock::default())
    }
}

impl<C: Clock> MemoryStore<C> {
    /// A store on a clock of the caller's choice.
    #[must_use]
    pub fn with_clock(config: &MemoryConfig, clock: C) -> Self {
        let shards = (config.max_keys / KEYS_PER_SHARD).clamp(1, MOST_SHARDS);
        let room = Room {
            keys: config.max_keys.div_ceil(shards),
            bytes: config.max_bytes.div_ceil(shards),
        };
        let full = Counter::default();
        Self {
            shards: (0..shards)
                .map(|_| Mutex::new(Shard::new(room, full.clone())))
                .collect(),
            full,
            hasher: foldhash::fast::RandomState::default(),
            clock,
        }
    }

    /// How many keys it holds, those not yet forgotten included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Whether it holds no key at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts what was refused for lack of room and not by a limit.
    #[must_use]
    pub fn full_refusals(&self) -> &Counter {
        &self.full
    }

    fn decide(&self, list: &[Check]) -> Outcome {
        let mut shards = self.lock_for(list);
        let now = self.clock.now_micros();
        let mut decisions = Vec::with_capacity(list.len());
        for check in list {
            let key = StoredKey::new(&check.key);
            let shard = shards[self.shard_of(&key)]
                .as_mut()
                .expect("lock_for locked the shard of every key");
            let verdict = shard.check(key.as_bytes(), Terms::from(check.limit), check.cost, now);
            decisions.push(verdict.decision(check.limit));
            if !verdict.allowed {
                break;
            }
        }
        Outcome {
            decisions,
            mode: Mode::Exact,
        }
    }

    /// Locks the shards of all keys of a list. Always in the same order, so two lists never wait
    /// for each other.
    fn lock_for(&self, list: &[Check]) -> [Option<MutexGuard<'_, Shard>>; MOST_SHARDS] {
        let needed = list.iter().fold(0_u64, |mask, check| {
            mask | 1 << self.shard_of(&StoredKey::new(&check.key))
        });
        std::array::from_fn(|index| (needed >> index & 1 == 1).then(|| self.shards[index].lock()))
    }

    fn shard_of(&self, key: &StoredKey) -> usize {
        (self.hasher.hash_one(key.as_bytes()) % self.shards.len() as u64) as usize
    }
}

impl<C: Clock> Decide for MemoryStore<C> {
    /// Never fails.
    async fn check(&self, lists: &[CheckList]) -> Result<Vec<Outcome>, StoreError> {
        Ok(lists.iter().map(|list| self.decide(list)).collect())
    }
}

impl<C: Clock> Admin for MemoryStore<C> {
    /// Never fails.
    async fn reset(&self, key: Bytes) -> Result<bool, StoreError> {
        let key = StoredKey::new(&key);
        let mut shard = self.shards[self.shard_of(&key)].lock();
        Ok(shard.reset(key.as_bytes(), self.clock.now_micros()))
    }

    /// Never fails.
    async fn refund(&self, refund: Refund) -> Result<u64, StoreError> {
        let key = StoredKey::new(&refund.key);
        let mut shard = self.shards[self.shard_of(&key)].lock();
        let now = self.clock.now_micros();
        Ok(shard.refund(key.as_bytes(), refund.cost, refund.admitted.at(now), now))
    }
}

impl<C: Clock> Lease for MemoryStore<C> {
    /// Never fails.
    async fn lease(&self, ask: LeaseAsk) -> Result<Grant, StoreError> {
        let key = StoredKey::new(&ask.key);
        let mut shard = self.shards[self.shard_of(&key)].lock();
        Ok(shard.lease(
            key.as_bytes(),
            Terms::from(ask.limit),
            ask.wanted,
            self.clock.now_micros(),
        ))
    }

    /// Never fails.
    async fn give_back(&self, unused: Unused) -> Result<u64, StoreError> {
        let key = StoredKey::new(&unused.key);
        let mut shard = self.shards[self.shard_of(&key)].lock();
        let admitted = Admitted::Since(unused.recorded);
        Ok(shard.refund(
            key.as_bytes(),
            unused.units,
            admitted,
            self.clock.now_micros(),
        ))
    }
}

impl<C: Clock> Inspect for MemoryStore<C> {
    /// Never fails.
    async fn inspect(&self, key: Bytes) -> Result<Inspection, StoreError> {
        let key = StoredKey::new(&key);
        let window = self.shards[self.shard_of(&key)]
            .lock()
            .window(key.as_bytes());
        Ok(Inspection::exact(Snapshot::new(
            window.unwrap_or_default(),
            self.clock.now_micros(),
        )))
    }
}
