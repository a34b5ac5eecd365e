//! A map whose entries expire and whose size is bounded: pending sign-ins, sessions, codes, refresh
//! families and counted attempts all live in one of these.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::time::SystemTime;

/// A bounded map with a deadline per entry. When it is full, the entry closest to its deadline
/// makes room: those who flood it cost others at most a sign-in, and never memory.
pub(crate) struct Expiring<K, V> {
    capacity: usize,
    entries: HashMap<K, Entry<V>>,
    /// The same keys by deadline. The number tells entries with the same deadline apart.
    order: BTreeMap<(SystemTime, u64), K>,
    inserted: u64,
}

struct Entry<V> {
    value: V,
    place: (SystemTime, u64),
}

impl<K: Hash + Eq + Clone, V> Expiring<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            entries: HashMap::new(),
            order: BTreeMap::new(),
            inserted: 0,
        }
    }

    /// Sets the value of a key and its deadline, and drops what has expired by `now`.
    pub(crate) fn insert(&mut self, key: K, value: V, deadline: SystemTime, now: SystemTime) {
        self.remove(&key);
        self.drop_expired(now);
        if self.entries.len() >= self.capacity
            && let Some((_, nearest)) = self.order.pop_first()
        {
            self.entries.remove(&nearest);
        }
        self.inserted = self.inserted.wrapping_add(1);
        let place = (deadline, self.inserted);
        self.order.insert(place, key.clone());
        self.entries.insert(key, Entry { value, place });
    }

    /// The value of a key, unless it has expired.
    pub(crate) fn get_mut<Q>(&mut self, key: &Q, now: SystemTime) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.entries
            .get_mut(key)
            .filter(|entry| entry.place.0 > now)
            .map(|entry| &mut entry.value)
    }

    /// Gives an entry a new deadline.
    pub(crate) fn extend<Q>(&mut self, key: &Q, deadline: SystemTime)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if let Some(entry) = self.entries.get_mut(key)
            && let Some(owned) = self.order.remove(&entry.place)
        {
            entry.place.0 = deadline;
            self.order.insert(entry.place, owned);
        }
    }

    pub(crate) fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let entry = self.entries.remove(key)?;
        self.order.remove(&entry.place);
        Some(entry.value)
    }

    /// Keeps only the entries that the closure accepts.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&V) -> bool) {
        let order = &mut self.order;
        self.entries.retain(|_, entry| {
            let kept = keep(&entry.value);
            if !kept {
                order.remove(&entry.place);
            }
            kept
        });
    }

    fn drop_expired(&mut self, now: SystemTime) {
        while let Some(first) = self.order.first_entry() {
            if first.key().0 > now {
                return;
            }
            let key = first.remove();
            self.entries.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn an_entry_is_gone_at_its_deadline() {
        let mut map = Expiring::new(10);
        map.insert("a".to_owned(), 1, at(10), at(0));
        assert_eq!(map.get_mut("a", at(9)), Some(&mut 1));
        assert_eq!(map.get_mut("a", at(10)), None);
        map.extend("a", at(20));
        assert_eq!(map.get_mut("a", at(19)), Some(&mut 1));
    }

    #[test]
    fn a_full_map_gives_up_what_expires_first() {
        let mut map = Expiring::new(2);
        map.insert("long", 1, at(30), at(0));
        map.insert("short", 2, at(10), at(0));
        map.insert("new", 3, at(20), at(0));
        assert_eq!(map.get_mut("short", at(0)), None);
        assert_eq!(map.get_mut("long", at(0)), Some(&mut 1));
        assert_eq!(map.get_mut("new", at(0)), Some(&mut 3));
    }

    #[test]
    fn expired_entries_leave_no_trace() {
        let mut map = Expiring::new(100);
        for number in 0..50 {
            map.insert(number, (), at(10), at(0));
        }
        map.insert(50, (), at(20), at(10));
        assert_eq!((map.entries.len(), map.order.len()), (1, 1));
        map.insert(50, (), at(30), at(11));
        map.retain(|()| false);
        assert_eq!((map.entries.len(), map.order.len()), (0, 0));
    }
}
