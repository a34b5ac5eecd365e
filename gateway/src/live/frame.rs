//! One second of the gateway, as the page gets it.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::refused::{LiveKeys, Refused};
use crate::metrics::{Metrics, Totals};

/// Makes the codes of keys. New with every process, so that codes cannot be looked up in a table.
static SECRET: LazyLock<[u8; 32]> = LazyLock::new(rand::random);

/// The counters at one moment.
pub(super) struct Reading {
    at: Instant,
    totals: Totals,
}

impl Reading {
    pub(super) fn of(metrics: &Metrics) -> Self {
        Self {
            at: Instant::now(),
            totals: metrics.totals(),
        }
    }
}

/// The difference between two readings. Counts, not rates: the reader divides by `seconds`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Frame<'m> {
    seconds: f64,
    /// Below 400.
    served: u64,
    /// 429.
    limited: u64,
    /// Other 4xx.
    denied: u64,
    /// 5xx.
    failed: u64,
    /// In milliseconds; absent without answers.
    p50: Option<f64>,
    p99: Option<f64>,
    in_progress: i64,
    connections: i64,
    /// Who decided last.
    mode: &'static str,
    /// By the name of the limit, or of the policy; only those that refused.
    refusals: BTreeMap<&'m str, u64>,
    #[serde(flatten)]
    keys: Keys,
}

/// The most refused keys, by the names the page shows.
#[derive(Debug, Serialize)]
pub(super) struct Keys {
    keys: Vec<Key>,
    plain: bool,
}

#[derive(Debug, Serialize)]
struct Key {
    key: String,
    limit: String,
    refused: u64,
}

impl Keys {
    pub(super) fn named(top: Vec<Refused>, show: &LiveKeys) -> Self {
        let name = |refused: Refused| Key {
            key: show.name(&refused.key, &*SECRET),
            limit: refused.limit.to_string(),
            refused: refused.times,
        };
        Self {
            keys: top.into_iter().map(name).collect(),
            plain: *show == LiveKeys::Plain,
        }
    }
}

impl<'m> Frame<'m> {
    pub(super) fn between(
        before: &Reading,
        now: &Reading,
        metrics: &'m Metrics,
        keys: Keys,
    ) -> Self {
        let (then, totals) = (&before.totals, &now.totals);
        let answers = |class: usize| totals.answers[class].saturating_sub(then.answers[class]);
        let took: Vec<u64> = totals
            .took
            .iter()
            .zip(&then.took)
            .map(|(now, then)| now.saturating_sub(*then))
            .collect();
        let refused = totals
            .refusals
            .iter()
            .zip(&then.refusals)
            .map(|(now, then)| now.saturating_sub(*then));
        Self {
            seconds: now.at.duration_since(before.at).as_secs_f64().max(0.001),
            served: answers(0),
            limited: answers(1),
            denied: answers(2),
            failed: answers(3),
            p50: quantile(&took, 0.5),
            p99: quantile(&took, 0.99),
            in_progress: totals.in_progress,
            connections: totals.connections,
            mode: metrics.last_mode(),
            refusals: metrics
                .refusing()
                .zip(refused)
                .filter(|(_, count)| *count > 0)
                .collect(),
            keys,
        }
    }
}

/// The quantile in milliseconds, evenly spread within its bucket.
fn quantile(buckets: &[u64], quantile: f64) -> Option<f64> {
    let bounds = Metrics::latency_bounds();
    let count: u64 = buckets.iter().sum();
    let rank = quantile * count as f64;
    let mut below = 0.0;
    for (index, inside) in buckets.iter().map(|count| *count as f64).enumerate() {
        if inside > 0.0 && below + inside >= rank {
            let bound = |index: usize| bounds[index.min(bounds.len() - 1)];
            let from = if index == 0 {
                Duration::ZERO
            } else {
                bound(index - 1)
            };
            let width = bound(index).saturating_sub(from);
            return Some(
                (from.as_secs_f64() + width.as_secs_f64() * (rank - below) / inside) * 1_000.0,
            );
        }
        below += inside;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_read_from_buckets() {
        let bounds = Metrics::latency_bounds();
        let mut buckets = vec![0; bounds.len() + 1];
        assert_eq!(quantile(&buckets, 0.5), None);
        buckets[3] = 100;
        let (from, to) = (bounds[2].as_secs_f64() * 1e3, bounds[3].as_secs_f64() * 1e3);
        let close = |found: Option<f64>, wanted: f64| {
            found.is_some_and(|found| (found - wanted).abs() < 1e-9)
        };
        assert!(close(quantile(&buckets, 0.5), (from + to) / 2.0));
        assert!(close(quantile(&buckets, 1.0), to));
        // What is longer than every bound is told as the last one: a lower bound.
        *buckets.last_mut().expect("there are buckets") = 1_000;
        let last = bounds[bounds.len() - 1].as_secs_f64() * 1e3;
        assert!(close(quantile(&buckets, 0.99), last));
    }
}
