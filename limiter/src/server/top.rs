//! Which keys are asked about most and refused most, in bounded memory: an answer for operators, no
//! part of any decision.
//!
//! Two sketches count by key: one all checks, one refusals, so that a few refused keys are found
//! among many busy ones. Counts are of the last one to two minutes: the minute that runs and the
//! one before it. What is told of a key did happen; how much more may have happened before the key
//! was noticed is told beside it.
//!
//! Keys may be credentials. They leave this module through the gRPC port only, never into metrics
//! or logs.

mod sketch;

use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::check::{Check, Limit};
use sketch::{Count, Sketch};

/// How long one epoch of counting takes. Counts are those of this epoch and the one before.
const EPOCH: Duration = Duration::from_secs(60);

/// Counts keys.
#[derive(Debug)]
pub(crate) struct TopKeys {
    checks: Sketch,
    refusals: Sketch,
    hasher: foldhash::fast::RandomState,
    started: Instant,
}

/// What checks were about.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) key: Bytes,
    pub(crate) limit_name: Arc<str>,
    pub(crate) limit: Limit,
}

/// One key's numbers.
#[derive(Debug, Clone)]
pub(crate) struct TopKey {
    pub(crate) subject: Subject,
    pub(crate) checks: Count,
    pub(crate) refused: Count,
}

/// The keys that stand out.
#[derive(Debug)]
pub(crate) struct Report {
    /// How far back the counts go.
    pub(crate) window: Duration,
    pub(crate) busiest: Vec<TopKey>,
    pub(crate) most_refused: Vec<TopKey>,
}

impl TopKeys {
    /// Keeps about `keys` keys of each kind.
    pub(crate) fn new(keys: usize) -> Self {
        Self {
            checks: Sketch::new(keys),
            refusals: Sketch::new(keys),
            hasher: foldhash::fast::RandomState::default(),
            started: Instant::now(),
        }
    }

    /// A check was decided at `now`.
    pub(crate) fn record(&self, check: &Check, refused: bool, now: Instant) {
        let (hash, epoch) = (self.hasher.hash_one(&check.key), self.epoch(now));
        self.checks.record(hash, check, epoch);
        if refused {
            self.refusals.record(hash, check, epoch);
        }
    }

    /// The first `keys` of each kind.
    pub(crate) fn report(&self, keys: usize, now: Instant) -> Report {
        let epoch = self.epoch(now);
        let busiest = self
            .checks
            .top(keys, epoch)
            .into_iter()
            .map(|(subject, checks)| {
                let refused =
                    self.refusals
                        .count(self.hasher.hash_one(&subject.key), &subject.key, epoch);
                TopKey {
                    subject,
                    checks,
                    refused,
                }
            });
        let most_refused = self
            .refusals
            .top(keys, epoch)
            .into_iter()
            .map(|(subject, refused)| {
                let checks =
                    self.checks
                        .count(self.hasher.hash_one(&subject.key), &subject.key, epoch);
                // A key that was pushed out of the one sketch still was checked as often as it was
                // refused.
                let seen = checks.seen.max(refused.seen);
                TopKey {
                    subject,
                    checks: Count { seen, ..checks },
                    refused,
                }
            });
        let running = now.saturating_duration_since(self.started);
        let into_epoch = Duration::from_nanos((running.as_nanos() % EPOCH.as_nanos()) as u64);
        Report {
            window: running.min(EPOCH + into_epoch),
            busiest: busiest.collect(),
            most_refused: most_refused.collect(),
        }
    }

    /// The limit a key was last checked under, if the key is one that stands out.
    pub(crate) fn limit_of(&self, key: &[u8], now: Instant) -> Option<Limit> {
        self.checks
            .limit_of(self.hasher.hash_one(key), key, self.epoch(now))
    }

    fn epoch(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.started).as_secs() / EPOCH.as_secs()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::scripted::{check, limit};

    fn of(key: &'static str) -> Check {
        check(key, limit(5, 60))
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_are_counted_apart_from_checks() {
        let top = TopKeys::new(64);
        let now = Instant::now();
        for _ in 0..100 {
            top.record(&of("busy"), false, now);
        }
        for call in 0..8 {
            top.record(&of("knocks"), call >= 5, now);
        }
        let report = top.report(10, now);
        let told = |keys: &[TopKey]| -> Vec<_> {
            keys.iter()
                .map(|top| (top.subject.key.clone(), top.checks.seen, top.refused.seen))
                .collect()
        };
        assert_eq!(
            told(&report.busiest),
            [("busy".into(), 100, 0), ("knocks".into(), 8, 3)]
        );
        assert_eq!(told(&report.most_refused), [("knocks".into(), 8, 3)]);
        assert_eq!(told(&top.report(1, now).busiest).len(), 1);
        assert_eq!(top.limit_of(b"knocks", now), Some(limit(5, 60)));
        assert_eq!(top.limit_of(b"nobody", now), None);
    }

    #[tokio::test(start_paused = true)]
    async fn counts_are_of_this_minute_and_the_one_before() {
        let top = TopKeys::new(64);
        top.record(&of("k"), true, Instant::now());
        tokio::time::advance(Duration::from_secs(70)).await;
        top.record(&of("k"), true, Instant::now());
        let report = top.report(10, Instant::now());
        assert_eq!(
            (report.window, report.busiest[0].checks.seen),
            (Duration::from_secs(70), 2)
        );
        tokio::time::advance(Duration::from_secs(60)).await;
        let report = top.report(10, Instant::now());
        assert_eq!(report.window, Duration::from_secs(70));
        assert_eq!(
            (
                report.busiest[0].checks.seen,
                report.most_refused[0].refused.seen
            ),
            (1, 1)
        );
        tokio::time::advance(Duration::from_secs(60)).await;
        let report = top.report(10, Instant::now());
        assert!(report.busiest.is_empty() && report.most_refused.is_empty());
    }
}
