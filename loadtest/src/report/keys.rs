//! What the judge says, for readers: per limit, and per key the fullest first.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr};

use serde::Serialize;

use super::round;
use crate::caps;
use crate::requests::Requests;
use crate::verify::{KeyKind, KeyVerdict, Verdict};

#[derive(Debug, Serialize)]
pub(crate) struct Verification {
    /// No limit was certainly broken.
    pub(crate) held: bool,
    /// Calls answered with 429 although none of the limits can have been used up.
    pub(crate) refused_early: u64,
    pub(crate) limits: Vec<LimitReport>,
}

#[derive(Debug, Serialize)]
pub(crate) struct LimitReport {
    pub(crate) calls: u64,
    pub(crate) period_seconds: f64,
    pub(crate) tolerance_ms: f64,
    pub(crate) key: &'static str,
    pub(crate) held: bool,
    /// How many keys were called with.
    pub(crate) keys: usize,
    pub(crate) violated_keys: usize,
    /// The most that was certainly admitted in one window of one key.
    pub(crate) worst_window: u64,
    /// Keys with exactly the limit in their fullest window.
    pub(crate) keys_at_limit: usize,
    /// The fullest keys, those with a broken limit first.
    pub(crate) fullest: Vec<KeyReport>,
}

#[derive(Debug, Serialize)]
pub(crate) struct KeyReport {
    pub(crate) name: String,
    pub(crate) admitted: u64,
    pub(crate) refused: u64,
    pub(crate) worst_window: u64,
    pub(crate) worst_window_from_seconds: f64,
    pub(crate) violated: bool,
    /// No single window is over, but together they cannot all have been within the limit; by this
    /// moment.
    pub(crate) contradiction_at_seconds: Option<f64>,
}

impl Verification {
    pub(super) fn of(verdicts: &[Verdict], refused_early: u64, requests: &Requests) -> Self {
        let limits: Vec<LimitReport> = verdicts
            .iter()
            .map(|verdict| LimitReport::of(verdict, requests))
            .collect();
        Self {
            held: limits.iter().all(|limit| limit.held),
            refused_early,
            limits,
        }
    }
}

impl LimitReport {
    fn of(verdict: &Verdict, requests: &Requests) -> Self {
        let limit = verdict.limit;
        let mut order: Vec<&KeyVerdict> = verdict.keys.iter().collect();
        order.sort_by_key(|key| {
            (
                Reverse(key.finding.is_violated()),
                Reverse(key.finding.worst),
                key.key,
            )
        });
        let violated_keys = verdict.violated_keys();
        let fullest = order
            .iter()
            .take(caps::LISTED_KEYS)
            .map(|key| KeyReport::of(key, limit.key, requests))
            .collect();
        Self {
            calls: limit.calls,
            period_seconds: limit.period.as_secs_f64(),
            tolerance_ms: limit.tolerance.as_secs_f64() * 1_000.0,
            key: limit.key.name(),
            held: violated_keys == 0,
            keys: verdict.keys.len(),
            violated_keys,
            worst_window: verdict
                .keys
                .iter()
                .map(|key| key.finding.worst)
                .max()
                .unwrap_or(0),
            keys_at_limit: verdict
                .keys
                .iter()
                .filter(|key| key.finding.worst == limit.calls)
                .count(),
            fullest,
        }
    }
}

impl KeyReport {
    fn of(verdict: &KeyVerdict, kind: KeyKind, requests: &Requests) -> Self {
        let seconds = |nanos: u64| round(nanos as f64 / 1e9);
        let finding = verdict.finding;
        Self {
            name: name(verdict.key, kind, requests),
            admitted: verdict.admitted,
            refused: verdict.refused,
            worst_window: finding.worst,
            worst_window_from_seconds: seconds(finding.worst_from),
            violated: finding.is_violated(),
            contradiction_at_seconds: finding
                .chain_broken
                .filter(|_| !finding.window_over)
                .map(seconds),
        }
    }
}

/// What a key is called in a report.
fn name(key: u32, kind: KeyKind, requests: &Requests) -> String {
    match kind {
        KeyKind::All => "all calls".to_owned(),
        KeyKind::Sub => {
            let subject = requests
                .subjects
                .iter()
                .find(|subject| subject.number == key);
            subject.map_or_else(
                || "the one subject".to_owned(),
                |subject| subject.label.clone(),
            )
        }
        KeyKind::Ip => {
            let family = requests
                .targets
                .first()
                .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |target| {
                    target.address.ip()
                });
            let address = requests.addresses.nth(key, family);
            address.map_or_else(|| "this machine".to_owned(), |address| address.to_string())
        }
    }
}
