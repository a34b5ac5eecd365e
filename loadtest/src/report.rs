//! What a run has found, as data: the JSON, and what the summary and the page are made of.
//!
//! It holds no token, no header and no subject's name: a report is made to be passed on.

pub(crate) mod format;
mod html;
mod keys;
mod summary;

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

pub(crate) use keys::{LimitReport, Verification};

use crate::addresses::AddressMode;
use crate::collect::{Collected, Traced};
use crate::config::Config;
use crate::requests::Requests;
use crate::verify::Verdict;

/// The version of the JSON. It changes when a field changes its meaning or goes away.
const FORMAT: u32 = 1;

/// The report of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    format: u32,
    weir: &'static str,
    /// RFC 3339, in UTC.
    begin: String,
    duration_seconds: f64,
    ended_early: bool,
    targets: Vec<String>,
    method: String,
    http: String,
    stages: Vec<StageReport>,
    users: usize,
    addresses: u32,
    requests: RequestsReport,
    statuses: BTreeMap<u16, u64>,
    failures: Vec<FailureReport>,
    latency_ms: LatencyReport,
    timeline: Timeline,
    verification: Option<Verification>,
    traces: TracesReport,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct StageReport {
    rate: f64,
    seconds: f64,
    ramp_seconds: f64,
}

/// Every request of the run is in exactly one of `served`, `refused`, `other`, `failed` and
/// `not_sent`.
#[derive(Debug, Serialize)]
struct RequestsReport {
    /// What the stages say for the whole run.
    planned: u64,
    sent: u64,
    sent_per_second: f64,
    /// 2xx
    served: u64,
    /// 429
    refused: u64,
    other: u64,
    failed: u64,
    not_sent: u64,
}

#[derive(Debug, Serialize)]
struct FailureReport {
    kind: &'static str,
    count: u64,
    /// The first one.
    example: String,
}

#[derive(Debug, Serialize)]
struct LatencyReport {
    /// From when a request should have left: what a user would have waited.
    from_due: Quantiles,
    /// From when it left: what the target took.
    from_sent: Quantiles,
    /// How late requests left.
    send_delay: Quantiles,
}

/// In milliseconds.
#[derive(Debug, Serialize)]
struct Quantiles {
    mean: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

#[derive(Debug, Serialize)]
struct Timeline {
    slice_seconds: f64,
    slices: Vec<SliceReport>,
}

/// The requests that were due in one stretch of the run.
#[derive(Debug, Serialize)]
struct SliceReport {
    from_seconds: f64,
    served: u64,
    refused: u64,
    other: u64,
    failed: u64,
    not_sent: u64,
    /// Every status that came back, those of the groups above, too.
    statuses: BTreeMap<u16, u64>,
    p50_ms: Option<f64>,
    p90_ms: Option<f64>,
    p99_ms: Option<f64>,
}

#[derive(Debug, Serialize)]
struct TracesReport {
    slowest: Vec<TraceReport>,
    refused: Vec<TraceReport>,
}

#[derive(Debug, Serialize)]
struct TraceReport {
    trace_id: String,
    status: u16,
    latency_ms: f64,
}

/// What the run itself says about itself.
pub(crate) struct Facts<'a> {
    pub(crate) begin: jiff::Timestamp,
    pub(crate) took: Duration,
    pub(crate) planned: u64,
    pub(crate) ended_early: bool,
    pub(crate) warnings: Vec<String>,
    pub(crate) config: &'a Config,
}

impl Report {
    pub(crate) fn of(
        facts: &Facts<'_>,
        collected: &Collected,
        verdicts: &[Verdict],
        refused_early: u64,
        requests: &Requests,
    ) -> Self {
        let Facts { config, .. } = facts;
        let counts = collected.counts;
        let own = config.addresses.mode == AddressMode::Own;
        Self {
            format: FORMAT,
            weir: env!("CARGO_PKG_VERSION"),
            begin: facts.begin.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            duration_seconds: round(facts.took.as_secs_f64()),
            ended_early: facts.ended_early,
            targets: config.targets.iter().map(ToString::to_string).collect(),
            method: config.method.to_string(),
            http: config.http.to_string(),
            stages: stages(config),
            users: requests.subjects.len(),
            addresses: if own { 1 } else { config.addresses.len() },
            requests: RequestsReport {
                planned: facts.planned,
                sent: counts.sent,
                sent_per_second: round(counts.sent as f64 / facts.took.as_secs_f64().max(1e-9)),
                served: counts.served,
                refused: counts.refused,
                other: counts.other,
                failed: counts.failed,
                not_sent: counts.not_sent,
            },
            statuses: collected.statuses.clone(),
            failures: failures(collected),
            latency_ms: LatencyReport {
                from_due: Quantiles::of(&collected.latency),
                from_sent: Quantiles::of(&collected.service),
                send_delay: Quantiles::of(&collected.delay),
            },
            timeline: timeline(collected),
            verification: (!verdicts.is_empty())
                .then(|| Verification::of(verdicts, refused_early, requests)),
            traces: TracesReport {
                slowest: traces(&collected.slowest),
                refused: traces(&collected.refused),
            },
            warnings: facts.warnings.clone(),
        }
    }

    /// Whether a limit was certainly broken.
    #[must_use]
    pub fn is_violated(&self) -> bool {
        self.verification
            .as_ref()
            .is_some_and(|verification| !verification.held)
    }

    /// Whether everything asked for was sent, answered with 2xx or 429, and admitted where there
    /// was room.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let RequestsReport {
            other,
            failed,
            not_sent,
            ..
        } = self.requests;
        let early = self
            .verification
            .as_ref()
            .map_or(0, |verification| verification.refused_early);
        !self.is_violated() && other == 0 && failed == 0 && not_sent == 0 && early == 0
    }

    /// Whether the target answered at all.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        !self.statuses.is_empty()
    }

    /// As JSON, for programs.
    ///
    /// # Panics
    /// Never: all of it can be written as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("numbers, text and lists only");
        text.push('\n');
        text
    }

    /// As text, for the terminal.
    #[must_use]
    pub fn to_summary(&self) -> String {
        summary::write(self)
    }

    /// As one page that needs nothing else.
    #[must_use]
    pub fn to_html(&self) -> String {
        html::write(self)
    }
}

impl Quantiles {
    fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| millis(histogram.value_at_quantile(quantile));
        Self {
            mean: round(histogram.mean() / 1_000.0),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: millis(histogram.max()),
        }
    }
}

fn stages(config: &Config) -> Vec<StageReport> {
    let stage = |stage: &crate::Stage| StageReport {
        rate: stage.rate,
        seconds: stage.duration.as_secs_f64(),
        ramp_seconds: stage.ramp.as_secs_f64(),
    };
    config.stages.iter().map(stage).collect()
}

fn failures(collected: &Collected) -> Vec<FailureReport> {
    let report = |(kind, failures): (&&'static str, &crate::collect::Failures)| FailureReport {
        kind,
        count: failures.count,
        example: failures.example.clone(),
    };
    collected.failures.iter().map(report).collect()
}

fn timeline(collected: &Collected) -> Timeline {
    let width = collected.width.as_secs_f64();
    let slices = collected
        .slices
        .iter()
        .enumerate()
        .map(|(n, slice)| SliceReport {
            from_seconds: round(n as f64 * width),
            served: answers(&slice.statuses, |status| matches!(status, 200..=299)),
            refused: answers(&slice.statuses, |status| status == 429),
            other: answers(&slice.statuses, |status| !matches!(status, 200..=299 | 429)),
            failed: slice.failed,
            not_sent: slice.not_sent,
            statuses: slice.statuses.clone(),
            p50_ms: slice.quantile(0.5).map(millis),
            p90_ms: slice.quantile(0.9).map(millis),
            p99_ms: slice.quantile(0.99).map(millis),
        });
    Timeline {
        slice_seconds: width,
        slices: slices.collect(),
    }
}

/// How many answers have such a status.
fn answers(statuses: &BTreeMap<u16, u64>, which: fn(u16) -> bool) -> u64 {
    statuses
        .iter()
        .filter(|(status, _)| which(**status))
        .map(|(_, count)| count)
        .sum()
}

fn traces(traced: &[Traced]) -> Vec<TraceReport> {
    let report = |traced: &Traced| TraceReport {
        trace_id: format!("{:032x}", traced.trace),
        status: traced.status,
        latency_ms: millis(traced.latency),
    };
    traced.iter().map(report).collect()
}

fn millis(micros: u64) -> f64 {
    round(micros as f64 / 1_000.0)
}

/// Three digits behind the point: microseconds of milliseconds, milliseconds of seconds.
fn round(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
