//! A window read back from a store, for an operator who wants to know what is in it.
//!
//! It answers what [`Window::check`] would answer at the moment of the reading, for any limit, and
//! what no check tells: how old the admissions are and under which limits they were admitted.

use super::exact::Exact;
use super::slotted::Slotted;
use super::{EXACT_CALLS, Log, Reach, Terms, Window};

/// What is counted under a key, and the moment it was read at.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    window: Window,
    now: u64,
}

/// Where a key stands under one limit; waits are in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Admissions within the period.
    pub used: u64,
    /// Calls that would still be admitted.
    pub remaining: u64,
    /// 0 if one more call would be admitted; otherwise the wait until it would.
    pub retry_after: u64,
    /// The wait until the first of the admissions stops to count; 0 if there is none.
    pub next_slot: u64,
    /// The wait until none counts any more.
    pub reset_after: u64,
}

impl Snapshot {
    /// `window` as it was at `now`.
    #[must_use]
    pub fn new(window: Window, now: u64) -> Self {
        if window.ends_at() > now {
            Self { window, now }
        } else {
            Self {
                window: Window::default(),
                now,
            }
        }
    }

    /// A log of single admissions, oldest first, under limits of at most `most.calls`, in periods
    /// from `shortest` to `most.period`.
    pub(crate) fn of_times(times: Vec<u64>, most: Terms, shortest: u64, now: u64) -> Self {
        Self::new(
            Window {
                reach: reach(most, shortest),
                log: Log::Exact(Exact::restored(times)),
            },
            now,
        )
    }

    /// A log of slots, oldest first: the time of each one's latest admission, and how many
    /// admissions it and those before it hold.
    pub(crate) fn of_slots(
        slots: impl Iterator<Item = (u64, u64)>,
        most: Terms,
        shortest: u64,
        now: u64,
    ) -> Self {
        Self::new(
            Window {
                reach: reach(most, shortest),
                log: Log::Slotted(Slotted::restored(slots)),
            },
            now,
        )
    }

    /// Whether nothing counts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.window.log.newest().is_none()
    }

    /// The largest `calls` and the longest period under which anything was admitted; `None` if
    /// nothing counts.
    #[must_use]
    pub fn largest(&self) -> Option<Terms> {
        let Reach { calls, longest, .. } = self.window.reach;
        (!self.is_empty()).then_some(Terms {
            calls,
            period: longest,
        })
    }

    /// The shortest period under which anything was admitted; `None` if nothing counts.
    #[must_use]
    pub fn shortest_period(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.window.reach.shortest)
    }

    /// Whether admissions that fell close together were joined.
    #[must_use]
    pub fn is_slotted(&self) -> bool {
        self.window.reach.calls > EXACT_CALLS
    }

    /// Microseconds since the oldest admission that still counts, and since the newest.
    #[must_use]
    pub fn ages(&self) -> Option<(u64, u64)> {
        let newest = self.window.log.newest()?;
        let (oldest, _) = self.oldest(self.window.reach.longest)?;
        Some((
            self.now.saturating_sub(oldest),
            self.now.saturating_sub(newest),
        ))
    }

    /// Where the key stands under a limit.
    #[must_use]
    pub fn standing(&self, terms: Terms) -> Standing {
        let peek = self.window.clone().check(terms, 0, self.now);
        let (oldest, used) = self.oldest(terms.period).unzip();
        Standing {
            used: used.unwrap_or(0),
            remaining: peek.remaining,
            retry_after: peek.retry_after,
            next_slot: oldest.map_or(0, |oldest| (oldest + terms.period).saturating_sub(self.now)),
            reset_after: peek.reset_after,
        }
    }

    /// The oldest admission within the period, and how many there are.
    fn oldest(&self, period: u64) -> Option<(u64, u64)> {
        let log = &self.window.log;
        let used = log.used(self.window.now(self.now), period);
        log.nth_newest(used)
            .filter(|_| used > 0)
            .map(|oldest| (oldest, used))
    }
}

fn reach(most: Terms, shortest: u64) -> Reach {
    Reach {
        calls: most.calls,
        shortest,
        longest: most.period,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn terms(calls: u64, seconds: u64) -> Terms {
        Terms {
            calls,
            period: seconds * SECOND,
        }
    }

    #[test]
    fn a_snapshot_tells_ages_and_the_standing_under_any_limit() {
        let mut window = Window::default();
        for second in [100, 110, 130] {
            assert!(window.check(terms(3, 60), 1, second * SECOND).allowed);
        }
        let snapshot = Snapshot::new(window, 140 * SECOND);
        assert_eq!(snapshot.largest(), Some(terms(3, 60)));
        assert_eq!(snapshot.shortest_period(), Some(60 * SECOND));
        assert_eq!(snapshot.ages(), Some((40 * SECOND, 10 * SECOND)));
        let full = Standing {
            used: 3,
            remaining: 0,
            retry_after: 20 * SECOND,
            next_slot: 20 * SECOND,
            reset_after: 50 * SECOND,
        };
        assert_eq!(snapshot.standing(terms(3, 60)), full);
        // Lowered to two: the first slot that frees is not enough.
        assert_eq!(
            snapshot.standing(terms(2, 60)),
            Standing {
                retry_after: 30 * SECOND,
                ..full
            }
        );
        let shorter = Standing {
            used: 1,
            remaining: 4,
            retry_after: 0,
            next_slot: 10 * SECOND,
            reset_after: 10 * SECOND,
        };
        assert_eq!(snapshot.standing(terms(5, 20)), shorter);
    }

    #[test]
    fn what_has_ended_is_empty() {
        let mut window = Window::default();
        assert!(window.check(terms(3, 60), 1, 100 * SECOND).allowed);
        assert!(!Snapshot::new(window.clone(), 160 * SECOND - 1).is_empty());
        let ended = Snapshot::new(window, 160 * SECOND);
        assert!(ended.is_empty() && ended.largest().is_none() && ended.ages().is_none());
        let nothing = Standing {
            used: 0,
            remaining: 3,
            retry_after: 0,
            next_slot: 0,
            reset_after: 0,
        };
        assert_eq!(ended.standing(terms(3, 60)), nothing);
    }

    #[test]
    fn slots_tell_their_latest_admission() {
        let slots = [(100 * SECOND, 40), (101 * SECOND, 100)].into_iter();
        let snapshot = Snapshot::of_slots(slots, terms(2000, 60), 60 * SECOND, 120 * SECOND);
        assert!(snapshot.is_slotted());
        assert_eq!(snapshot.ages(), Some((20 * SECOND, 19 * SECOND)));
        let standing = snapshot.standing(terms(100, 60));
        assert_eq!(
            (standing.used, standing.remaining, standing.retry_after),
            (100, 0, 40 * SECOND)
        );
    }
}
