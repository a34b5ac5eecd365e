//! Every admission by itself.

use std::collections::VecDeque;

use super::{Admitted, Reach};

/// Admission times, oldest first; equal times are admissions of one call or one microsecond.
#[derive(Debug, Clone, Default)]
pub(super) struct Exact {
    times: VecDeque<u64>,
}

impl Exact {
    /// A log as a store kept it, oldest first.
    pub(super) fn restored(times: Vec<u64>) -> Self {
        Self {
            times: times.into(),
        }
    }

    pub(super) fn newest(&self) -> Option<u64> {
        self.times.back().copied()
    }

    pub(super) fn used(&self, now: u64, period: u64) -> u64 {
        let gone = self.times.partition_point(|time| time + period <= now);
        (self.times.len() - gone) as u64
    }

    pub(super) fn nth_newest(&self, rank: u64) -> Option<u64> {
        let index = (self.times.len() as u64).checked_sub(rank)?;
        self.times.get(usize::try_from(index).ok()?).copied()
    }

    pub(super) fn times(&self) -> impl Iterator<Item = u64> {
        self.times.iter().copied()
    }

    /// `cost` is at most the limit's calls, so at most [`super::EXACT_CALLS`].
    pub(super) fn admit(&mut self, now: u64, cost: u64, reach: Reach) {
        self.forget_until(now, reach.longest);
        let (keep, cost) = (reach.calls as usize, cost as usize);
        for _ in keep..self.times.len() + cost {
            self.times.pop_front();
        }
        self.grow(cost, keep);
        self.times.extend(std::iter::repeat_n(now, cost));
    }

    /// Takes up to `units` admissions back; says how many.
    pub(super) fn take_back(
        &mut self,
        units: u64,
        admitted: Admitted,
        now: u64,
        longest: u64,
    ) -> u64 {
        self.forget_until(now, longest);
        let count = self.times.len();
        let units = usize::try_from(units).map_or(count, |units| units.min(count));
        let before = match admitted {
            Admitted::Last => count,
            Admitted::Since(moment) => self.times.partition_point(|time| *time < moment),
        };
        let first = before.min(count - units);
        self.times.drain(first..first + units);
        units as u64
    }

    /// Forgets what has left the longest period.
    fn forget_until(&mut self, now: u64, longest: u64) {
        while self.times.front().is_some_and(|time| time + longest <= now) {
            self.times.pop_front();
        }
    }

    /// Makes room for `more`, doubling, but never beyond what will ever be kept.
    fn grow(&mut self, more: usize, keep: usize) {
        let needed = self.times.len() + more;
        if needed > self.times.capacity() {
            let capacity = (2 * self.times.capacity()).clamp(needed, keep.max(needed));
            self.times.reserve_exact(capacity - self.times.len());
        }
    }

    pub(super) fn would_grow(&self, cost: u64, now: u64, reach: Reach) -> bool {
        let kept = (self.used(now, reach.longest) + cost).min(reach.calls);
        kept > self.times.capacity() as u64
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.times.capacity() * size_of::<u64>()
    }
}
