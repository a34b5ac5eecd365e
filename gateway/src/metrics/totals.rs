//! All counters at one moment, summed over operations: what the live page compares from second to
//! second.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::histogram::BOUNDS_MICROS;
use super::{MODES, Metrics, REFUSING};

/// Sums since the start.
#[derive(Debug)]
pub(crate) struct Totals {
    /// Answers below 400, of 429, of another 4xx, and of 5xx.
    pub(crate) answers: [u64; 4],
    /// Answers by how long they took, in the buckets of [`Metrics::latency_bounds`] and one for all
    /// that are longer.
    pub(crate) took: [u64; BOUNDS_MICROS.len() + 1],
    /// In the order of [`Metrics::refusing`].
    pub(crate) refusals: Vec<u64>,
    pub(crate) in_progress: i64,
    pub(crate) connections: i64,
}

impl Metrics {
    /// The counters now.
    pub(crate) fn totals(&self) -> Totals {
        let (mut answers, mut took) = ([0; 4], [0; BOUNDS_MICROS.len() + 1]);
        for route in &self.routes {
            for (index, count) in route.statuses.iter().enumerate() {
                let class = match index + 100 {
                    ..400 => 0,
                    429 => 1,
                    400..500 => 2,
                    _ => 3,
                };
                answers[class] += count.load(Ordering::Relaxed);
            }
            route.seconds.add_to(&mut took);
        }
        let refusals = self
            .limits
            .values()
            .map(|count| &**count)
            .chain(&self.lasting.refusals)
            .map(|count| count.load(Ordering::Relaxed));
        Totals {
            answers,
            took,
            refusals: refusals.collect(),
            in_progress: self.lasting.in_flight.load(Ordering::Relaxed),
            connections: self.lasting.connections.count(),
        }
    }

    /// The names of what can refuse: limits, then other policies.
    pub(crate) fn refusing(&self) -> impl Iterator<Item = &str> {
        self.limits.keys().map(|name| &**name).chain(REFUSING)
    }

    /// The upper bounds of the latency buckets.
    pub(crate) fn latency_bounds() -> [Duration; BOUNDS_MICROS.len()] {
        BOUNDS_MICROS.map(Duration::from_micros)
    }

    /// Who decided the last answer to a rate limit check.
    pub(crate) fn last_mode(&self) -> &'static str {
        MODES
            .get(usize::from(self.lasting.last_mode.load(Ordering::Relaxed)))
            .map_or("unknown", |(_, name)| name)
    }
}
