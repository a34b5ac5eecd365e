//! A stretch of the run, for the charts: the requests that were due in it.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::LONGEST;
use crate::caps;

/// What became of the requests of one stretch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slice {
    /// Answers by status.
    pub(crate) statuses: BTreeMap<u16, u64>,
    pub(crate) failed: u64,
    pub(crate) not_sent: u64,
    /// Made with the first answer: most runs are short.
    latency: Option<Histogram<u32>>,
}

impl Slice {
    /// Adds a request: its status and latency in microseconds, or no answer.
    pub(super) fn add(&mut self, answer: Option<(u16, u64)>) {
        let Some((status, latency)) = answer else {
            self.failed += 1;
            return;
        };
        *self.statuses.entry(status).or_default() += 1;
        self.latency
            .get_or_insert_with(histogram)
            .saturating_record(latency);
    }

    /// A quantile of the latency in microseconds, if anything was answered.
    pub(crate) fn quantile(&self, quantile: f64) -> Option<u64> {
        self.latency
            .as_ref()
            .map(|histogram| histogram.value_at_quantile(quantile))
    }
}

/// Good to 1 %, in 13 KB: there are many.
pub(super) fn histogram() -> Histogram<u32> {
    Histogram::new_with_bounds(1, LONGEST, 2).expect("the bounds are fit")
}

/// Widths that people can read off an axis, in milliseconds.
const WIDTHS: [u64; 14] = [
    100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000,
    900_000,
];

/// Requests that a slice should hold on average: fewer make quantiles of nothing.
const FEWEST_REQUESTS: u32 = 20;

/// The narrowest width that needs no more slices than there may be, each with enough requests; but
/// some slices there are.
pub(crate) fn width_of(duration: Duration, requests: u64) -> Duration {
    let enough = duration.mul_f64((f64::from(FEWEST_REQUESTS) / requests.max(1) as f64).min(0.1));
    let fits = |width: &Duration| *width * caps::SLICES >= duration && *width >= enough;
    WIDTHS
        .map(Duration::from_millis)
        .into_iter()
        .find(fits)
        .unwrap_or(duration / caps::SLICES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_requests_make_wider_slices_and_still_some() {
        let width =
            |seconds, requests| width_of(Duration::from_secs(seconds), requests).as_millis();
        assert_eq!(
            (width(30, 1_500), width(30, 300), width(30, 3)),
            (500, 2_000, 5_000)
        );
    }

    #[test]
    fn no_run_needs_more_slices_than_there_may_be() {
        for (seconds, millis) in [
            (5, 100),
            (30, 500),
            (120, 1_000),
            (3_600, 30_000),
            (86_400, 900_000),
        ] {
            assert_eq!(
                width_of(Duration::from_secs(seconds), 1_000_000).as_millis(),
                millis
            );
        }
        assert!(width_of(caps::DURATION, u64::MAX) * caps::SLICES >= caps::DURATION);
    }
}
