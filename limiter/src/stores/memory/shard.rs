//! One shard of the memory store: its counters and the order in which to forget them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use prometheus_client::metrics::counter::Counter as Count;

use crate::window::{Admitted, Grant, Terms, Verdict, Window};

/// What a key costs besides its name and its log: the counter, its place in the table, its ticket.
const BYTES_PER_KEY: usize = 192;

/// Old keys looked at for every fresh one: more than one, so that the forgotten never pile up.
const RECLAIMED_PER_FRESH_KEY: usize = 2;

/// The shortest wait, in microseconds, that a refusal for lack of room announces.
const SHORTEST_WAIT: u64 = 1000;

/// What a shard may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) keys: usize,
    pub(super) bytes: usize,
}

#[derive(Debug)]
struct Counter {
    window: Window,
    /// The `due` of its ticket.
    due: u64,
}

/// A reminder to see whether a key can be forgotten. `due` is never after the key's end; admissions
/// that move the end do not touch the ticket: it is renewed when it comes up too early.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ticket {
    due: u64,
    key: Arc<[u8]>,
}

#[derive(Debug)]
pub(super) struct Shard {
    counters: HashMap<Arc<[u8]>, Counter, foldhash::fast::RandomState>,
    /// One valid ticket per counter, the next due on top. A reset leaves an invalid one behind.
    tickets: BinaryHeap<Reverse<Ticket>>,
    bytes: usize,
    room: Room,
    /// Whether the last fresh key was refused, so that the log hears of it once.
    refusing: bool,
    full: Count,
}

impl Shard {
    pub(super) fn new(room: Room, full: Count) -> Self {
        Self {
            counters: HashMap::default(),
            tickets: BinaryHeap::new(),
            bytes: 0,
            room,
            refusing: false,
            full,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.counters.len()
    }

    pub(super) fn check(&mut self, key: &[u8], terms: Terms, cost: u64, now: u64) -> Verdict {
        // Only fresh keys reclaim otherwise, and there may be none: the forgotten must not take a
        // counting key's bytes.
        while self.bytes >= self.room.bytes && self.reclaim_one(now) {}
        let Some(counter) = self.counters.get_mut(key) else {
            return self.check_fresh(key, terms, cost, now);
        };
        if self.bytes >= self.room.bytes && counter.window.would_grow(terms, cost, now) {
            return self.refuse(now);
        }
        let before = counter.window.heap_bytes();
        let verdict = counter.window.check(terms, cost, now);
        self.bytes = (self.bytes + counter.window.heap_bytes()).saturating_sub(before);
        verdict
    }

    /// What is counted under a key.
    pub(super) fn window(&self, key: &[u8]) -> Option<Window> {
        self.counters.get(key).map(|counter| counter.window.clone())
    }

    /// Forgets a key; says whether anything was counted.
    pub(super) fn reset(&mut self, key: &[u8], now: u64) -> bool {
        let existed = self
            .forget(key)
            .is_some_and(|counter| counter.window.ends_at() > now);
        if self.tickets.len() > 2 * self.counters.len() + 64 {
            let counters = &self.counters;
            self.tickets.retain(|Reverse(ticket)| {
                counters
                    .get(&ticket.key)
                    .is_some_and(|c| c.due == ticket.due)
            });
        }
        existed
    }

    /// Takes admissions back; a key of which nothing is left is forgotten.
    pub(super) fn refund(&mut self, key: &[u8], units: u64, admitted: Admitted, now: u64) -> u64 {
        let Some(counter) = self.counters.get_mut(key) else {
            return 0;
        };
        let before = counter.window.heap_bytes();
        let taken = counter.window.refund(units, admitted, now);
        self.bytes = (self.bytes + counter.window.heap_bytes()).saturating_sub(before);
        if counter.window.ends_at() == 0 {
            self.reset(key, now);
        }
        taken
    }

    /// Admits calls ahead on a key that counts already; a fresh one is not hot yet.
    pub(super) fn lease(&mut self, key: &[u8], terms: Terms, wanted: u64, now: u64) -> Grant {
        let full = self.bytes >= self.room.bytes;
        let Some(counter) = self.counters.get_mut(key) else {
            return Grant::default();
        };
        if full && counter.window.would_grow(terms, wanted, now) {
            return Grant::default();
        }
        let before = counter.window.heap_bytes();
        let grant = counter.window.lease(terms, wanted, now);
        self.bytes = (self.bytes + counter.window.heap_bytes()).saturating_sub(before);
        grant
    }

    fn check_fresh(&mut self, key: &[u8], terms: Terms, cost: u64, now: u64) -> Verdict {
        let mut window = Window::default();
        let verdict = window.check(terms, cost, now);
        if window.ends_at() == 0 {
            return verdict;
        }
        for _ in 0..RECLAIMED_PER_FRESH_KEY {
            self.reclaim_one(now);
        }
        while self.is_full() && self.reclaim_one(now) {}
        if self.is_full() {
            return self.refuse(now);
        }
        self.refusing = false;
        self.remember(key, window);
        verdict
    }

    fn is_full(&self) -> bool {
        self.counters.len() >= self.room.keys || self.bytes >= self.room.bytes
    }

    fn remember(&mut self, key: &[u8], window: Window) {
        let (key, due) = (Arc::<[u8]>::from(key), window.ends_at());
        self.bytes += bytes_of(&key, &window);
        self.tickets.push(Reverse(Ticket {
            due,
            key: Arc::clone(&key),
        }));
        self.counters.insert(key, Counter { window, due });
    }

    fn forget(&mut self, key: &[u8]) -> Option<Counter> {
        let counter = self.counters.remove(key)?;
        self.bytes = self.bytes.saturating_sub(bytes_of(key, &counter.window));
        Some(counter)
    }

    /// Handles the next ticket if it is due: forgets its key or renews it. False if none is due.
    fn reclaim_one(&mut self, now: u64) -> bool {
        if self
            .tickets
            .peek()
            .is_none_or(|Reverse(ticket)| ticket.due > now)
        {
            return false;
        }
        let Some(Reverse(ticket)) = self.tickets.pop() else {
            return false;
        };
        if let Some(counter) = self
            .counters
            .get_mut(&ticket.key)
            .filter(|counter| counter.due == ticket.due)
        {
            let ends_at = counter.window.ends_at();
            if ends_at <= now {
                self.forget(&ticket.key);
            } else {
                counter.due = ends_at;
                self.tickets.push(Reverse(Ticket {
                    due: ends_at,
                    ..ticket
                }));
            }
        }
        true
    }

    fn refuse(&mut self, now: u64) -> Verdict {
        self.full.inc();
        if !std::mem::replace(&mut self.refusing, true) {
            tracing::warn!(
                keys = self.counters.len(),
                bytes = self.bytes,
                "the memory store is full of keys that still count: \
                 fresh keys are refused until some expire"
            );
        }
        let next_place = self
            .tickets
            .peek()
            .map_or(0, |Reverse(ticket)| ticket.due.saturating_sub(now));
        let wait = next_place.max(SHORTEST_WAIT);
        Verdict {
            allowed: false,
            remaining: 0,
            retry_after: wait,
            reset_after: wait,
        }
    }
}

fn bytes_of(key: &[u8], window: &Window) -> usize {
    BYTES_PER_KEY + key.len() + window.heap_bytes()
}
