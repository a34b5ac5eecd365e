//! A sketch that finds the most frequent keys of a stream in bounded memory.
//!
//! The Space-Saving algorithm (Metwally, Agrawal, El Abbadi, 2005) in small sets: a key's hash
//! chooses a set of eight places. A key that has none takes the place of the set's least frequent
//! one and inherits its count as what it may have missed. So a key whose share of its set's stream
//! is above an eighth cannot be pushed out, and a flood of keys seen once only replaces keys seen
//! about as seldom. Recording touches one set: no allocation once the buffers have grown, no search
//! through all keys.
//!
//! Sets are spread over shards, each behind a lock that is held for some ten nanoseconds.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::Subject;
use crate::check::{Check, Limit};

/// Places of a set: the hashes of one fit a cache line.
const WAYS: usize = 8;

/// More than cores usually meet in.
const MOST_SHARDS: usize = 16;

/// How often a key was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// For certain.
    pub(crate) seen: u64,
    /// At most so often more, before the key had a place.
    pub(crate) missed: u64,
}

impl Count {
    fn total(self) -> u64 {
        self.seen + self.missed
    }

    fn and(self, other: Self) -> Self {
        Self {
            seen: self.seen + other.seen,
            missed: self.missed + other.missed,
        }
    }
}

#[derive(Debug)]
pub(super) struct Sketch {
    shards: Box<[Mutex<Shard>]>,
    sets: usize,
}

#[derive(Debug)]
struct Shard {
    /// The epoch of `Slot::now`.
    epoch: u64,
    /// Looked through first: the place with the same number has the key.
    hashes: Box<[u64]>,
    /// Each place's count, what may have been missed included; beside each other, so that the least
    /// is found without touching the places.
    totals: Box<[u64]>,
    places: Box<[Slot]>,
}

/// One key, or none yet.
#[derive(Debug, Clone)]
struct Slot {
    key: Vec<u8>,
    limit_name: Arc<str>,
    limit: Option<Limit>,
    now: Count,
    before: Count,
}

impl Slot {
    fn count(&self) -> Count {
        self.now.and(self.before)
    }
}

impl Sketch {
    /// Room for at least `keys` keys.
    pub(super) fn new(keys: usize) -> Self {
        let sets = keys.div_ceil(WAYS).max(1);
        let shards = sets.min(MOST_SHARDS);
        let sets = sets.div_ceil(shards);
        Self {
            shards: (0..shards).map(|_| Mutex::new(Shard::new(sets))).collect(),
            sets,
        }
    }

    pub(super) fn record(&self, hash: u64, check: &Check, epoch: u64) {
        let (shard, first) = self.place_of(hash);
        let mut shard = self.shards[shard].lock();
        shard.turn_to(epoch);
        if let Some(way) = shard.find(first, hash, &check.key) {
            shard.totals[way] += 1;
            let place = &mut shard.places[way];
            place.now.seen += 1;
            if place.limit != Some(check.limit) {
                place.limit = Some(check.limit);
                place.limit_name = Arc::clone(&check.limit_name);
            }
        } else {
            shard.replace_least(first, hash, check);
        }
    }

    /// The most frequent keys, the most frequent first.
    pub(super) fn top(&self, keys: usize, epoch: u64) -> Vec<(Subject, Count)> {
        let mut top = Vec::new();
        for shard in &self.shards {
            let mut shard = shard.lock();
            shard.turn_to(epoch);
            top.extend(shard.places.iter().filter_map(|place| {
                let (limit, count) = (place.limit?, place.count());
                let key = Bytes::copy_from_slice(&place.key);
                (count.seen > 0).then(|| {
                    (
                        Subject {
                            key,
                            limit_name: Arc::clone(&place.limit_name),
                            limit,
                        },
                        count,
                    )
                })
            }));
        }
        // By what is certain: behind a flood of keys seen once, all that may have been missed is
        // alike.
        top.sort_by(|(a, first), (b, second)| {
            second.seen.cmp(&first.seen).then_with(|| a.key.cmp(&b.key))
        });
        top.truncate(keys);
        top
    }

    pub(super) fn count(&self, hash: u64, key: &[u8], epoch: u64) -> Count {
        self.look_up(hash, key, epoch, Slot::count)
            .unwrap_or_default()
    }

    pub(super) fn limit_of(&self, hash: u64, key: &[u8], epoch: u64) -> Option<Limit> {
        self.look_up(hash, key, epoch, |place| place.limit)
            .flatten()
    }

    fn look_up<T>(
        &self,
        hash: u64,
        key: &[u8],
        epoch: u64,
        read: impl FnOnce(&Slot) -> T,
    ) -> Option<T> {
        let (shard, first) = self.place_of(hash);
        let mut shard = self.shards[shard].lock();
        shard.turn_to(epoch);
        shard
            .find(first, hash, key)
            .map(|way| read(&shard.places[way]))
    }

    /// The shard and the first place of the set. Different bits of the hash, or a shard would fill
    /// only some of its sets.
    fn place_of(&self, hash: u64) -> (usize, usize) {
        let (high, low) = ((hash >> 32) as usize, hash as u32 as usize);
        (high % self.shards.len(), low % self.sets * WAYS)
    }
}

impl Shard {
    fn new(sets: usize) -> Self {
        let none = Slot {
            key: Vec::new(),
            limit_name: "".into(),
            limit: None,
            now: Count::default(),
            before: Count::default(),
        };
        let places = sets * WAYS;
        Self {
            epoch: 0,
            hashes: vec![0; places].into(),
            totals: vec![0; places].into(),
            places: vec![none; places].into(),
        }
    }

    /// Forgets what was before the last epoch. A slower thread may still be in the one before; it
    /// counts in this one.
    fn turn_to(&mut self, epoch: u64) {
        if epoch <= self.epoch {
            return;
        }
        let follows = epoch == self.epoch + 1;
        for (place, total) in self.places.iter_mut().zip(&mut self.totals) {
            let last = std::mem::take(&mut place.now);
            place.before = if follows { last } else { Count::default() };
            *total = place.before.total();
        }
        self.epoch = epoch;
    }

    fn find(&self, first: usize, hash: u64, key: &[u8]) -> Option<usize> {
        (first..first + WAYS).find(|&way| self.hashes[way] == hash && self.places[way].key == key)
    }

    fn replace_least(&mut self, first: usize, hash: u64, check: &Check) {
        let ways = first..first + WAYS;
        let least = ways
            .min_by_key(|&way| self.totals[way])
            .expect("a set has places");
        self.hashes[least] = hash;
        self.totals[least] += 1;
        let place = &mut self.places[least];
        place.key.clear();
        place.key.extend_from_slice(&check.key);
        // A place must not keep the largest buffer it ever had: a megabyte of long keys would stay
        // for short ones.
        place.key.shrink_to(2 * place.key.len().max(64));
        place.limit_name = Arc::clone(&check.limit_name);
        place.limit = Some(check.limit);
        place.now = Count {
            seen: 1,
            missed: place.now.total(),
        };
        place.before = Count {
            seen: 0,
            missed: place.before.total(),
        };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashMap;
    use std::hash::BuildHasher;

    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;
    use crate::scripted::limit;

    fn of(key: &str) -> Check {
        Check {
            limit_name: "test".into(),
            key: Bytes::copy_from_slice(key.as_bytes()),
            limit: limit(5, 60),
            cost: 1,
        }
    }

    /// Records a stream; gives the sketch and the true counts.
    fn record(sketch: &Sketch, stream: impl Iterator<Item = String>) -> HashMap<String, u64> {
        let hasher = foldhash::fast::FixedState::with_seed(7);
        let mut truth = HashMap::new();
        for key in stream {
            sketch.record(hasher.hash_one(&of(&key).key), &of(&key), 0);
            *truth.entry(key).or_insert(0) += 1;
        }
        truth
    }

    fn name(subject: &Subject) -> String {
        String::from_utf8(subject.key.to_vec()).unwrap()
    }

    #[test]
    fn few_keys_are_counted_exactly() {
        let sketch = Sketch::new(8);
        let truth = record(
            &sketch,
            (0..36).flat_map(|round| (0..=round % 8).map(|key| key.to_string())),
        );
        let top = sketch.top(100, 0);
        assert_eq!(top.len(), 8);
        assert!(top.windows(2).all(|pair| pair[0].1.seen >= pair[1].1.seen));
        for (subject, count) in top {
            assert_eq!(
                count,
                Count {
                    seen: truth[&name(&subject)],
                    missed: 0
                }
            );
        }
    }

    #[test]
    fn frequent_keys_are_found_in_a_flood_of_keys_seen_once() {
        let mut random = StdRng::seed_from_u64(1);
        let sketch = Sketch::new(256);
        // Ten keys take a hundredth of the stream each.
        let stream = (0..100_000).map(|n| match random.random_range(0..100) {
            hot @ 0..10 => format!("hot {hot}"),
            _ => format!("once {n}"),
        });
        let truth = record(&sketch, stream);
        let top = sketch.top(10, 0);
        for (subject, count) in &top {
            let (key, seen) = (name(subject), truth[&name(subject)]);
            assert!(key.starts_with("hot"), "{key} is no frequent key");
            assert!(
                count.seen <= seen && seen <= count.total(),
                "{key}: {count:?} does not enclose {seen}"
            );
        }
        assert_eq!(top.len(), 10);
    }

    #[test]
    fn memory_is_bounded_by_the_number_of_keys_and_their_length() {
        let sketch = Sketch::new(64);
        record(&sketch, (0..10_000).map(|n| format!("{n:01000}")));
        record(&sketch, (0..10_000).map(|n| n.to_string()));
        let places = sketch
            .shards
            .iter()
            .flat_map(|shard| shard.lock().places.to_vec())
            .collect::<Vec<_>>();
        assert_eq!(places.len(), 64);
        assert!(
            places.iter().all(|place| place.key.capacity() <= 128),
            "buffers of long keys are given back"
        );
    }
}
