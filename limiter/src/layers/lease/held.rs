//! What this process holds of one key, and what it expects to need.
//!
//! The expectation is what was asked for in the last span, or in this one if that is more already:
//! so it grows several times within a span when a key becomes hot, and shrinks after one when it
//! cools. A quarter more than expected is taken, because what is left over only has to be given
//! back, and what is missing is a round trip for every call.

use std::time::Duration;

use tokio::time::Instant;

use crate::check::{Decision, Limit};
use crate::window::Grant;

/// Calls within a span that make a key hot: a lease costs two round trips, and batching makes
/// single checks cheap.
const HOT: u64 = 64;

/// Leases of one key at a time. A key that needs more within a span is growing faster than it is
/// measured, and is decided by the store meanwhile.
const MOST_LEASES: usize = 16;

/// What is held of one key.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// The limit that is leased under; another one on the same key is decided by the store.
    limit: Option<Limit>,
    span: Duration,
    leases: Vec<Lease>,
    /// Calls that would have been admitted besides, when the last lease was taken.
    remaining: u64,
    asking: bool,
    next_number: u64,
    /// Leases with a smaller number were taken before a reset.
    first_number: u64,
    /// Not worth asking before: there was no room for more.
    not_before: Option<Instant>,
    demand: Demand,
}

/// How much is asked for.
#[derive(Debug, Default)]
struct Demand {
    /// In the last span.
    before: u64,
    /// In this one.
    now: u64,
    since: Option<Instant>,
}

#[derive(Debug)]
struct Lease {
    number: u64,
    units: u64,
    until: Instant,
}

/// Calls taken out of a lease.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) units: u64,
    pub(super) decision: Decision,
    lease: u64,
}

/// A lease that should be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) units: u64,
    pub(super) number: u64,
    pub(super) span: Duration,
}

impl Held {
    /// Takes a call of `cost` from the lease that ends first, if one has as much.
    pub(super) fn take(&mut self, limit: Limit, cost: u64, now: Instant) -> Option<Taken> {
        if self.limit != Some(limit) {
            return None;
        }
        let lease = self
            .leases
            .iter_mut()
            .find(|lease| lease.until > now && lease.units >= cost.max(1))?;
        lease.units -= cost;
        let lease = lease.number;
        let unused: u64 = self
            .leases
            .iter()
            .filter(|lease| lease.until > now)
            .map(|lease| lease.units)
            .sum();
        let decision = Decision {
            allowed: true,
            limit: limit.calls.get(),
            remaining: self.remaining.saturating_add(unused),
            retry_after: Duration::ZERO,
            // Nothing that is held now is recorded later than a span from now.
            reset_after: limit.renewal_period + self.span,
            recheck_after: None,
        };
        Some(Taken {
            units: cost,
            decision,
            lease,
        })
    }

    /// Takes note of a call, and says whether it is time for a lease. Whoever is told so takes it,
    /// and tells [`Held::granted`].
    pub(super) fn expect(
        &mut self,
        limit: Limit,
        span: Duration,
        cost: u64,
        now: Instant,
    ) -> Option<Wanted> {
        if self.limit != Some(limit) {
            if self.asking || !self.leases.is_empty() {
                return None;
            }
            *self = Self {
                limit: Some(limit),
                span,
                next_number: self.next_number,
                ..Self::default()
            };
        }
        let expected = self.demand.note(cost, span, now);
        let waits = self.not_before.is_some_and(|moment| now < moment);
        if expected < HOT || self.asking || waits || self.leases.len() >= MOST_LEASES {
            return None;
        }
        // What ends soon is as good as used.
        let soon = now + span / 8;
        let held: u64 = self
            .leases
            .iter()
            .filter(|lease| lease.until > soon)
            .map(|lease| lease.units)
            .sum();
        if held > expected / 4 {
            return None;
        }
        self.asking = true;
        self.next_number += 1;
        Some(Wanted {
            units: expected + expected / 4 - held,
            number: self.next_number,
            span,
        })
    }

    /// Puts what was granted to use until `until`. False if there is nothing to end.
    pub(super) fn granted(
        &mut self,
        grant: Grant,
        wanted: Wanted,
        until: Instant,
        now: Instant,
    ) -> bool {
        self.asking = false;
        if grant.units < HOT.min(wanted.units) {
            self.not_before = Some(now + wanted.span);
        }
        // What was taken before a reset was forgotten with it.
        if grant.units == 0 || wanted.number < self.first_number {
            return false;
        }
        self.remaining = grant.remaining;
        self.leases.push(Lease {
            number: wanted.number,
            units: grant.units,
            until,
        });
        true
    }

    /// Puts back what was taken and not used. If its lease has ended meanwhile, it is lost.
    pub(super) fn put_back(&mut self, taken: &Taken) {
        if let Some(lease) = self
            .leases
            .iter_mut()
            .find(|lease| lease.number == taken.lease)
        {
            lease.units += taken.units;
        }
    }

    /// Ends a lease; says what is left of it.
    pub(super) fn end(&mut self, number: u64) -> u64 {
        let ended = self.leases.iter().position(|lease| lease.number == number);
        ended.map_or(0, |index| self.leases.remove(index).units)
    }

    /// Forgets everything, also what is still on its way.
    pub(super) fn forget(&mut self) {
        self.leases.clear();
        self.first_number = self.next_number + 1;
    }
}

impl Demand {
    /// Counts a call; says how many to expect within a span.
    fn note(&mut self, cost: u64, span: Duration, now: Instant) -> u64 {
        let since = *self.since.get_or_insert(now);
        let passed = now.saturating_duration_since(since);
        if passed >= span {
            let share = span.as_secs_f64() / passed.as_secs_f64();
            self.before = (self.now as f64 * share) as u64;
            self.now = 0;
            self.since = Some(now);
        }
        self.now = self.now.saturating_add(cost);
        self.before.max(self.now)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::scripted::limit;

    const SPAN: Duration = Duration::from_millis(64);

    fn grant(units: u64) -> Grant {
        Grant {
            units,
            recorded: 0,
            remaining: 5_000,
        }
    }

    /// Of a key that was called this often, what is wanted.
    fn called(held: &mut Held, calls: u64, now: Instant) -> Option<Wanted> {
        (0..calls)
            .filter_map(|_| held.expect(limit(100_000, 64), SPAN, 1, now))
            .last()
    }

    #[test]
    fn a_cold_key_is_not_leased() {
        let (mut held, now) = (Held::default(), Instant::now());
        for span in 0..10 {
            assert_eq!(called(&mut held, HOT - 1, now + SPAN * span), None);
        }
    }

    #[test]
    fn a_hot_key_is_leased_once_at_a_time_and_for_what_it_needs() {
        let (mut held, now) = (Held::default(), Instant::now());
        let wanted = called(&mut held, HOT, now).unwrap();
        assert_eq!(wanted.units, HOT + HOT / 4);
        assert_eq!(called(&mut held, 1_000, now), None, "one is on its way");
        assert!(held.granted(grant(80), wanted, now + SPAN, now));
        let next = called(&mut held, 1, now + SPAN / 4).unwrap();
        assert!(next.units > 1_000, "{next:?}");
    }

    #[test]
    fn a_lease_is_handed_out_until_it_ends_and_then_given_back() {
        let (mut held, now) = (Held::default(), Instant::now());
        let wanted = called(&mut held, HOT, now).unwrap();
        assert!(held.granted(grant(10), wanted, now + SPAN, now));
        let taken = held.take(limit(100_000, 64), 4, now).unwrap();
        assert_eq!(
            (taken.decision.allowed, taken.decision.remaining),
            (true, 5_006)
        );
        assert!(
            held.take(limit(100_000, 64), 7, now).is_none(),
            "more than is left"
        );
        assert!(
            held.take(limit(200_000, 64), 1, now).is_none(),
            "another limit"
        );
        held.put_back(&taken);
        assert_eq!(
            held.take(limit(100_000, 64), 0, now).unwrap().units,
            0,
            "a peek"
        );
        let last = now + SPAN - Duration::from_nanos(1);
        assert!(held.take(limit(100_000, 64), 1, last).is_some());
        assert!(held.take(limit(100_000, 64), 1, now + SPAN).is_none());
        assert_eq!(held.end(wanted.number), 9);
        assert_eq!(held.end(wanted.number), 0);
        held.put_back(&taken);
        assert_eq!(held.end(wanted.number), 0, "what comes back late is lost");
    }

    #[test]
    fn without_room_nobody_asks_again_at_once() {
        let (mut held, now) = (Held::default(), Instant::now());
        let wanted = called(&mut held, HOT, now).unwrap();
        assert!(!held.granted(Grant::default(), wanted, now + SPAN, now));
        assert_eq!(called(&mut held, 1_000, now + SPAN / 2), None);
        assert!(called(&mut held, 1_000, now + SPAN).is_some());
    }

    #[test]
    fn a_reset_forgets_what_is_held_and_what_is_on_its_way() {
        let (mut held, now) = (Held::default(), Instant::now());
        let wanted = called(&mut held, HOT, now).unwrap();
        held.forget();
        assert!(!held.granted(grant(100), wanted, now + SPAN, now));
        assert!(held.take(limit(100_000, 64), 1, now).is_none());
        let wanted = called(&mut held, HOT, now).unwrap();
        assert!(held.granted(grant(100), wanted, now + SPAN, now));
        held.forget();
        assert!(held.take(limit(100_000, 64), 1, now).is_none());
    }

    #[test]
    fn a_changed_limit_is_leased_once_the_old_one_has_ended() {
        let (mut held, now) = (Held::default(), Instant::now());
        let wanted = called(&mut held, HOT, now).unwrap();
        assert!(held.granted(grant(100), wanted, now + SPAN, now));
        let other = |held: &mut Held| {
            (0..HOT)
                .filter_map(|_| held.expect(limit(9_999, 64), SPAN, 1, now))
                .last()
        };
        assert_eq!(other(&mut held), None);
        held.end(wanted.number);
        assert!(other(&mut held).is_some());
    }
}
