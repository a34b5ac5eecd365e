//! What the host counts.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use weir_telemetry::{Ops, buckets};

use super::Refusal;

type Label = [(&'static str, &'static str); 1];

pub(super) struct Metrics {
    requests: Family<Label, Counter>,
    in_flight: Gauge,
    durations: Family<Label, Histogram, fn() -> Histogram>,
}

impl Metrics {
    pub(super) fn new(ops: &Ops) -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(buckets::LATENCY_SECONDS);
        let durations = Family::new_with_constructor(histogram);
        let metrics = Self {
            requests: Family::default(),
            in_flight: Gauge::default(),
            durations,
        };
        ops.registry(|registry| {
            let requests = metrics.requests.clone();
            registry.register(
                "backend_requests",
                "Requests, by what became of them",
                requests,
            );
            let in_flight = metrics.in_flight.clone();
            registry.register(
                "backend_requests_in_flight",
                "Requests being answered",
                in_flight,
            );
            let durations = metrics.durations.clone();
            registry.register(
                "backend_function_duration_seconds",
                "Time a function ran",
                durations,
            );
        });
        metrics
    }

    pub(super) fn count(&self, refusal: Option<&Refusal>) {
        let result = refusal.map_or("ran", Refusal::label);
        self.requests.get_or_create(&[("result", result)]).inc();
    }

    pub(super) fn ran(&self, function: &'static str, time: Duration) {
        self.durations
            .get_or_create(&[("function", function)])
            .observe(time.as_secs_f64());
    }

    /// Counts a request as being answered until the value is dropped, also if its client goes away.
    pub(super) fn in_flight(&self) -> InFlight<'_> {
        self.in_flight.inc();
        InFlight(&self.in_flight)
    }
}

pub(super) struct InFlight<'a>(&'a Gauge);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
