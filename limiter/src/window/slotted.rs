//! Admissions close together share a slot.
//!
//! Time is cut into cells: two admissions share a slot only if they fall into the same cell. A cell
//! is a power of two of microseconds, at most 1/128 of the period, so cells of different periods
//! nest and a slot never spans more than one. A slot leaves the window with its latest admission:
//! too late for the others in it, never too early.
//!
//! A slot holds the running total up to and including it, so what a span of slots admitted is one
//! subtraction, and slots are merged by forgetting all but the last.

use std::collections::VecDeque;

use super::{Admitted, Reach};

/// One period needs at most 257 slots, several periods at most two sets of them (see
/// [`Slotted::coarsen`]); with this much above that, coarsening is rare.
const MAX_SLOTS: usize = 640;

/// Admissions that leave the window together.
#[derive(Debug, Clone, Copy)]
struct Slot {
    /// The last admission in it.
    latest: u64,
    /// Admissions so far, these included; wraps around.
    total: u64,
}

/// Slots, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Slotted {
    /// The total before the first slot.
    base: u64,
    slots: VecDeque<Slot>,
}

impl Slotted {
    /// A log as a store kept it, oldest first: each slot's latest time, and how many admissions it
    /// and those before it hold.
    pub(super) fn restored(slots: impl Iterator<Item = (u64, u64)>) -> Self {
        Self {
            base: 0,
            slots: slots
                .map(|(latest, total)| Slot { latest, total })
                .collect(),
        }
    }

    /// Takes over a log of single admissions, oldest first.
    pub(super) fn from_times(times: impl Iterator<Item = u64>, now: u64, reach: Reach) -> Self {
        let slots = (1..)
            .zip(times)
            .map(|(total, latest)| Slot { latest, total })
            .collect();
        let mut log = Self { base: 0, slots };
        log.coarsen(now, reach);
        log
    }

    pub(super) fn newest(&self) -> Option<u64> {
        self.slots.back().map(|slot| slot.latest)
    }

    pub(super) fn used(&self, now: u64, period: u64) -> u64 {
        let gone = self
            .slots
            .partition_point(|slot| slot.latest + period <= now);
        self.total().wrapping_sub(self.total_of(gone))
    }

    pub(super) fn nth_newest(&self, rank: u64) -> Option<u64> {
        let remembered = self.total().wrapping_sub(self.base);
        let nth_oldest = (remembered + 1).checked_sub(rank).filter(|nth| *nth > 0)?;
        let index = self
            .slots
            .partition_point(|slot| slot.total.wrapping_sub(self.base) < nth_oldest);
        self.slots.get(index).map(|slot| slot.latest)
    }

    /// Remembers a call that was decided at `now` as made at `moment`, which is not before the
    /// newest.
    pub(super) fn admit(&mut self, now: u64, moment: u64, cost: u64, reach: Reach) {
        self.forget_until(now, reach.longest);
        let total = self.total().wrapping_add(cost);
        let cell = cell_of(reach.shortest);
        if self
            .newest()
            .is_some_and(|newest| newest / cell == moment / cell)
        {
            self.slots.pop_back();
        } else if self.slots.len() >= MAX_SLOTS {
            self.coarsen(now, reach);
        }
        self.slots.push_back(Slot {
            latest: moment,
            total,
        });
    }

    /// Takes up to `units` admissions back; says how many. What is left in a slot keeps its latest
    /// moment: late, never early.
    pub(super) fn take_back(
        &mut self,
        units: u64,
        admitted: Admitted,
        now: u64,
        longest: u64,
    ) -> u64 {
        self.forget_until(now, longest);
        let count = self.total().wrapping_sub(self.base);
        let units = units.min(count);
        let before = match admitted {
            Admitted::Last => count,
            Admitted::Since(moment) => {
                // The slot that holds the moment's admissions is the first that ends with it or
                // later.
                let holder = self.slots.partition_point(|slot| slot.latest < moment);
                self.total_of(holder).wrapping_sub(self.base)
            }
        };
        let first = before.min(count - units);
        let (base, mut previous) = (self.base, self.base);
        self.slots.retain_mut(|slot| {
            let nth = slot.total.wrapping_sub(base);
            slot.total = slot
                .total
                .wrapping_sub(nth.saturating_sub(first).min(units));
            let holds_any = slot.total != previous;
            previous = slot.total;
            holds_any
        });
        units
    }

    /// Forgets what has left the longest period.
    fn forget_until(&mut self, now: u64, longest: u64) {
        while let Some(oldest) = self
            .slots
            .front()
            .filter(|slot| slot.latest + longest <= now)
        {
            self.base = oldest.total;
            self.slots.pop_front();
        }
    }

    /// Merges slots that share a cell: of the shortest period while they still matter to it, of the
    /// longest period afterwards. (A key with periods in between sees those refuse early by up to
    /// 1/128 of the longest.)
    fn coarsen(&mut self, now: u64, reach: Reach) {
        let (fine, coarse) = (cell_of(reach.shortest), cell_of(reach.longest));
        let mut next_cell = None;
        let mut merged = VecDeque::new();
        for slot in self.slots.iter().rev() {
            let size = if slot.latest + reach.shortest <= now {
                coarse
            } else {
                fine
            };
            let cell = Some((size, slot.latest / size));
            if cell != next_cell {
                merged.push_front(*slot);
            }
            next_cell = cell;
        }
        self.slots = merged;
    }

    fn total(&self) -> u64 {
        self.total_of(self.slots.len())
    }

    /// What the `count` oldest slots and everything before them admitted.
    fn total_of(&self, count: usize) -> u64 {
        count
            .checked_sub(1)
            .map_or(self.base, |last| self.slots[last].total)
    }

    pub(super) fn would_grow(&self) -> bool {
        self.slots.len() == self.slots.capacity()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }
}

/// The largest power of two of microseconds that is at most 1/128 of the period.
fn cell_of(period: u64) -> u64 {
    1 << (period / 128).max(1).ilog2()
}
