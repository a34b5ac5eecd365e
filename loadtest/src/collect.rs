//! What happened, as it happens: counts, latencies, and where needed every call.
//!
//! One lock around all of it, held for a few additions per request. Memory is bounded: histograms
//! have a fixed size, there are at most 120 slices of time, and calls are remembered only for
//! limits to be judged by.

mod slice;

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

pub(crate) use slice::{Slice, width_of};

use crate::caps;
use crate::failure::Failure;
use crate::judge::{NEVER, Outcome};
use crate::traces::TraceId;
use crate::verify::Record;

/// The longest latency told apart, in microseconds: an hour.
const LONGEST: u64 = 3_600_000_000;

/// Everything about one request that left or should have. Moments from the start of the run.
#[derive(Debug)]
pub(crate) struct Sample<'a> {
    /// When it should have left.
    pub(crate) due: Duration,
    /// When the answer was complete, or it was clear that none comes.
    pub(crate) ended: Duration,
    pub(crate) subject: u32,
    pub(crate) address: u32,
    pub(crate) trace: TraceId,
    pub(crate) answer: Result<Answer, &'a Failure>,
    /// When it left; the start of the attempt if it is not known whether it did.
    pub(crate) sent: Duration,
}

/// What came back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// When its head was there.
    pub(crate) received: Duration,
}

/// How often a kind of failure happened, and how the first one reads.
#[derive(Debug, Clone)]
pub(crate) struct Failures {
    pub(crate) count: u64,
    pub(crate) example: String,
}

/// A request worth looking up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traced {
    pub(crate) trace: TraceId,
    pub(crate) status: u16,
    /// Microseconds from when it should have left.
    pub(crate) latency: u64,
}

/// How many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Left, or were tried to be sent.
    pub(crate) sent: u64,
    /// 2xx.
    pub(crate) served: u64,
    /// 429.
    pub(crate) refused: u64,
    /// Any other status.
    pub(crate) other: u64,
    /// No answer.
    pub(crate) failed: u64,
    /// Could not be sent in time.
    pub(crate) not_sent: u64,
}

/// What a run has found so far.
pub(crate) struct Collected {
    pub(crate) counts: Counts,
    pub(crate) statuses: BTreeMap<u16, u64>,
    pub(crate) failures: BTreeMap<&'static str, Failures>,
    /// Microseconds from when a request should have left to the end of its answer.
    pub(crate) latency: Histogram<u64>,
    /// Microseconds from when it left.
    pub(crate) service: Histogram<u64>,
    /// Microseconds from when it should have left to when it did.
    pub(crate) delay: Histogram<u64>,
    pub(crate) width: Duration,
    pub(crate) slices: Vec<Slice>,
    /// Only if limits are judged.
    pub(crate) records: Option<Vec<Record>>,
    pub(crate) slowest: Vec<Traced>,
    pub(crate) refused: Vec<Traced>,
    /// Latencies since the progress was last shown.
    recent: Histogram<u32>,
}

impl Collected {
    /// For a run of this length and so many requests; `remember` keeps every call.
    pub(crate) fn new(duration: Duration, requests: u64, remember: bool) -> Self {
        let precise = || Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are fit");
        Self {
            counts: Counts::default(),
            statuses: BTreeMap::new(),
            failures: BTreeMap::new(),
            latency: precise(),
            service: precise(),
            delay: precise(),
            width: width_of(duration, requests),
            slices: Vec::new(),
            records: remember.then(Vec::new),
            slowest: Vec::new(),
            refused: Vec::new(),
            recent: slice::histogram(),
        }
    }

    /// A request came to its end.
    pub(crate) fn add(&mut self, sample: &Sample<'_>) {
        let latency = micros(sample.ended.saturating_sub(sample.due));
        self.counts.sent += 1;
        self.delay
            .saturating_record(micros(sample.sent.saturating_sub(sample.due)));
        let outcome = match &sample.answer {
            Ok(answer) => {
                self.answered(answer.status, sample, latency);
                match answer.status {
                    200..=299 => Outcome::Admitted,
                    429 => Outcome::Refused,
                    _ => Outcome::Unknown,
                }
            }
            Err(failure) => {
                self.failed(failure);
                Outcome::Unknown
            }
        };
        self.slice(sample.due).add(
            sample
                .answer
                .as_ref()
                .ok()
                .map(|answer| (answer.status, latency)),
        );
        if let Some(records) = &mut self.records {
            let received = sample
                .answer
                .as_ref()
                .map_or(NEVER, |answer| nanos(answer.received));
            let (subject, address) = (sample.subject, sample.address);
            records.push(Record {
                sent: nanos(sample.sent),
                received,
                subject,
                address,
                outcome,
            });
        }
    }

    /// A request could not be sent in time.
    pub(crate) fn not_sent(&mut self, due: Duration) {
        self.counts.not_sent += 1;
        self.slice(due).not_sent += 1;
    }

    /// p50 and p99 since this was last called, in microseconds; `None` if nothing was answered
    /// meanwhile.
    pub(crate) fn take_recent(&mut self) -> Option<(u64, u64)> {
        let quantiles = (
            self.recent.value_at_quantile(0.5),
            self.recent.value_at_quantile(0.99),
        );
        let is_empty = self.recent.is_empty();
        self.recent.reset();
        (!is_empty).then_some(quantiles)
    }

    fn answered(&mut self, status: u16, sample: &Sample<'_>, latency: u64) {
        *self.statuses.entry(status).or_default() += 1;
        let traced = Traced {
            trace: sample.trace,
            status,
            latency,
        };
        match status {
            200..=299 => self.counts.served += 1,
            429 => {
                self.counts.refused += 1;
                if self.refused.len() < caps::LISTED_TRACES {
                    self.refused.push(traced);
                }
            }
            _ => self.counts.other += 1,
        }
        self.latency.saturating_record(latency);
        self.recent.saturating_record(latency);
        self.service
            .saturating_record(micros(sample.ended.saturating_sub(sample.sent)));
        let place = self.slowest.partition_point(|slow| slow.latency >= latency);
        if place < caps::LISTED_TRACES {
            self.slowest.insert(place, traced);
            self.slowest.truncate(caps::LISTED_TRACES);
        }
    }

    fn failed(&mut self, failure: &Failure) {
        self.counts.failed += 1;
        let example = || Failures {
            count: 0,
            example: failure.to_string(),
        };
        self.failures
            .entry(failure.kind())
            .or_insert_with(example)
            .count += 1;
    }

    fn slice(&mut self, due: Duration) -> &mut Slice {
        let at = (due.as_nanos() / self.width.as_nanos().max(1)) as usize;
        // The last moment of a run may round up into the next slice.
        let at = at.min(caps::SLICES as usize);
        while self.slices.len() <= at {
            self.slices.push(Slice::default());
        }
        &mut self.slices[at]
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros())
        .unwrap_or(u64::MAX)
        .max(1)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(due: u64, sent: u64, ended: u64, answer: Result<Answer, &Failure>) -> Sample<'_> {
        let at = Duration::from_millis;
        Sample {
            due: at(due),
            sent: at(sent),
            ended: at(ended),
            subject: 1,
            address: 2,
            trace: 3,
            answer,
        }
    }

    fn ok(status: u16, received: u64) -> Result<Answer, &'static Failure> {
        Ok(Answer {
            status,
            received: Duration::from_millis(received),
        })
    }

    #[test]
    fn latency_counts_from_when_a_request_was_due() {
        let mut collected = Collected::new(Duration::from_secs(10), 1_000, true);
        collected.add(&sample(0, 400, 500, ok(200, 450)));
        let near = |histogram: &Histogram<u64>, millis: u64| {
            histogram.max().abs_diff(millis * 1_000) <= millis
        };
        assert!(
            near(&collected.latency, 500)
                && near(&collected.service, 100)
                && near(&collected.delay, 400)
        );
        let record = collected.records.unwrap()[0];
        assert_eq!(
            (record.sent, record.received, record.outcome),
            (400_000_000, 450_000_000, Outcome::Admitted)
        );
    }

    #[test]
    fn every_request_is_counted_once() {
        let mut collected = Collected::new(Duration::from_secs(10), 1_000, false);
        let timeout = Failure::Timeout(Duration::from_secs(1));
        for answer in [
            ok(200, 1),
            ok(204, 1),
            ok(429, 1),
            ok(502, 1),
            Err(&timeout),
            Err(&timeout),
        ] {
            collected.add(&sample(0, 0, 2, answer));
        }
        collected.not_sent(Duration::from_millis(9_999));
        let expected = Counts {
            sent: 6,
            served: 2,
            refused: 1,
            other: 1,
            failed: 2,
            not_sent: 1,
        };
        assert_eq!(collected.counts, expected);
        assert_eq!(collected.failures["timeout"].count, 2);
        assert!(collected.records.is_none());
        let slices: u64 = collected
            .slices
            .iter()
            .map(|s| s.statuses.values().sum::<u64>() + s.failed + s.not_sent)
            .sum();
        assert_eq!(slices, 7);
    }

    #[test]
    fn the_slowest_are_kept_in_order() {
        let mut collected = Collected::new(Duration::from_secs(10), 1_000, false);
        for ended in [5, 900, 20, 700, 30, 40, 50, 800] {
            collected.add(&sample(0, 0, ended, ok(200, 1)));
        }
        let slowest: Vec<u64> = collected
            .slowest
            .iter()
            .map(|slow| slow.latency / 1_000)
            .collect();
        assert_eq!(slowest, [900, 800, 700, 50, 40]);
        assert!(collected.take_recent().is_some() && collected.take_recent().is_none());
    }
}
