//! When a fetch may start: one at a time, and not more often than its reason allows. Pure, with
//! time passed in.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{FIRST_RETRY, LAST_RETRY};

/// Why somebody wants a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The background refresh is due, or somebody asked for it.
    Schedule,
    /// A request needs keys and none were ever loaded.
    FirstLoad,
    /// A token names a key that is not published.
    UnknownKey,
}

/// The fetches of one provider.
#[derive(Debug, Default)]
pub(super) struct Flights {
    /// Cancelled when the newest fetch has ended; used as an event that also a panic sets off.
    newest: Option<CancellationToken>,
    /// When an unknown key last caused a fetch. Fetches for other reasons do not count, so that the
    /// first unknown key after a scheduled refresh, the likely sign of a rotation, is looked up at
    /// once.
    unknown_key: Option<Instant>,
    /// Failures since the last success.
    failures: u32,
    /// When the last fetch failed, if the last one did.
    failed: Option<Instant>,
}

impl Flights {
    /// The event to wait for and whether the caller must start the fetch that sets it off; `None`
    /// if none is under way and none may start.
    pub(super) fn board(
        &mut self,
        reason: Reason,
        now: Instant,
        unknown_key_interval: Duration,
    ) -> Option<(CancellationToken, bool)> {
        if let Some(newest) = &self.newest
            && !newest.is_cancelled()
        {
            return Some((newest.clone(), false));
        }
        // Times apart, not sums: an interval of any length may be configured.
        let may_start = match reason {
            Reason::Schedule => true,
            Reason::FirstLoad => self
                .failed
                .is_none_or(|failed| now.duration_since(failed) >= self.retry_pause()),
            Reason::UnknownKey => self
                .unknown_key
                .is_none_or(|last| now.duration_since(last) >= unknown_key_interval),
        };
        if !may_start {
            return None;
        }
        if reason == Reason::UnknownKey {
            self.unknown_key = Some(now);
        }
        let landed = CancellationToken::new();
        self.newest = Some(landed.clone());
        Some((landed, true))
    }

    /// Records how a fetch ended.
    pub(super) fn land(&mut self, succeeded: bool, now: Instant) {
        if succeeded {
            self.failures = 0;
            self.failed = None;
        } else {
            self.failures = self.failures.saturating_add(1);
            self.failed = Some(now);
        }
    }

    /// How long the background refresh rests after the last fetch.
    pub(super) fn pause(&self, refresh_interval: Duration) -> Duration {
        if self.failed.is_some() {
            self.retry_pause().min(refresh_interval)
        } else {
            refresh_interval
        }
    }

    fn retry_pause(&self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(16);
        FIRST_RETRY.saturating_mul(1 << doublings).min(LAST_RETRY)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(300);

    /// Boards and, if that starts a fetch, lands it at once. Whether a fetch started.
    fn fly(flights: &mut Flights, reason: Reason, now: Instant, succeeds: bool) -> bool {
        let Some((landed, takes_off)) = flights.board(reason, now, INTERVAL) else {
            return false;
        };
        flights.land(succeeds, now);
        landed.cancel();
        takes_off
    }

    #[test]
    fn those_who_come_during_a_fetch_join_it() {
        let (mut flights, now) = (Flights::default(), Instant::now());
        let (landed, takes_off) = flights.board(Reason::UnknownKey, now, INTERVAL).unwrap();
        assert!(takes_off);
        for reason in [Reason::Schedule, Reason::FirstLoad, Reason::UnknownKey] {
            let (same, takes_off) = flights.board(reason, now, INTERVAL).unwrap();
            assert!(!takes_off);
            assert!(!same.is_cancelled());
        }
        landed.cancel();
        assert!(flights.board(Reason::UnknownKey, now, INTERVAL).is_none());
    }

    #[test]
    fn unknown_keys_cause_one_fetch_per_interval_whatever_its_outcome() {
        for succeeds in [true, false] {
            let (mut flights, start) = (Flights::default(), Instant::now());
            let started = (0..900u64)
                .filter(|second| {
                    fly(
                        &mut flights,
                        Reason::UnknownKey,
                        start + Duration::from_secs(*second),
                        succeeds,
                    )
                })
                .collect::<Vec<_>>();
            assert_eq!(started, [0, 300, 600]);
        }
    }

    #[test]
    fn a_scheduled_fetch_does_not_delay_the_first_unknown_key() {
        let (mut flights, now) = (Flights::default(), Instant::now());
        assert!(fly(&mut flights, Reason::Schedule, now, true));
        assert!(fly(&mut flights, Reason::UnknownKey, now, true));
        assert!(!fly(&mut flights, Reason::UnknownKey, now, true));
    }

    #[test]
    fn failed_first_loads_are_retried_ever_more_slowly() {
        let (mut flights, start) = (Flights::default(), Instant::now());
        let started = (0..200u64)
            .filter(|second| {
                fly(
                    &mut flights,
                    Reason::FirstLoad,
                    start + Duration::from_secs(*second),
                    false,
                )
            })
            .collect::<Vec<_>>();
        assert_eq!(started, [0, 1, 3, 7, 15, 31, 63, 123, 183]);
    }

    #[test]
    fn a_success_ends_the_backing_off() {
        let (mut flights, now) = (Flights::default(), Instant::now());
        for _ in 0..9 {
            fly(&mut flights, Reason::Schedule, now, false);
        }
        assert_eq!(flights.pause(Duration::from_secs(3600)), LAST_RETRY);
        fly(&mut flights, Reason::Schedule, now, true);
        assert_eq!(
            flights.pause(Duration::from_secs(3600)),
            Duration::from_secs(3600)
        );
        fly(&mut flights, Reason::Schedule, now, false);
        assert_eq!(flights.pause(Duration::from_secs(3600)), FIRST_RETRY);
    }
}
