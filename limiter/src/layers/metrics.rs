//! What the layers around a store count. `docs/metrics.md` lists the names; labels never hold a
//! key.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use weir_telemetry::buckets::{BATCH_SIZE, LATENCY_SECONDS};

use crate::check::Mode;
use crate::error::StoreError;

type Label = [(&'static str, &'static str); 1];

/// What the layers around a store count. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct LayerMetrics {
    pub(crate) refusal_cache_hits: Counter,
    pub(crate) store_seconds: Histogram,
    pub(crate) batch_lists: Histogram,
    pub(crate) circuit_open: Gauge,
    failures: Family<Label, Counter>,
    answers: Family<Label, Counter>,
    // One handle per mode, so that counting an answer needs no lookup.
    exact: Counter,
    local: Counter,
    allow: Counter,
    deny: Counter,
}

impl Default for LayerMetrics {
    fn default() -> Self {
        let answers = Family::<Label, Counter>::default();
        let failures = Family::<Label, Counter>::default();
        for cause in StoreError::KINDS {
            failures.get_or_create_owned(&[("cause", cause)]);
        }
        Self {
            refusal_cache_hits: Counter::default(),
            store_seconds: Histogram::new(LATENCY_SECONDS),
            batch_lists: Histogram::new(BATCH_SIZE),
            circuit_open: Gauge::default(),
            failures,
            exact: answers.get_or_create_owned(&[("mode", "exact")]),
            local: answers.get_or_create_owned(&[("mode", "local")]),
            allow: answers.get_or_create_owned(&[("mode", "allow")]),
            deny: answers.get_or_create_owned(&[("mode", "deny")]),
            answers,
        }
    }
}

impl LayerMetrics {
    /// Registers them under the names of `docs/metrics.md`, behind the registry's prefix.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "refusal_cache_hits",
            "Checks refused from memory, without asking the store",
            self.refusal_cache_hits.clone(),
        );
        registry.register(
            "store_seconds",
            "Time for one answer of the store in seconds, waiting for a batch included; \
             failures count too",
            self.store_seconds.clone(),
        );
        registry.register(
            "batch_lists",
            "Lists that left in one round trip to the store",
            self.batch_lists.clone(),
        );
        registry.register(
            "circuit_open",
            "1 while the store does not answer and is not asked",
            self.circuit_open.clone(),
        );
        registry.register(
            "store_failures",
            "Calls the store did not answer, by cause",
            self.failures.clone(),
        );
        registry.register(
            "answers",
            "Lists answered, by who decided: exact is the store",
            self.answers.clone(),
        );
    }

    pub(crate) fn answered(&self, mode: Mode, lists: usize) {
        let counter = match mode {
            Mode::Exact => &self.exact,
            Mode::Local => &self.local,
            Mode::Allow => &self.allow,
            Mode::Deny => &self.deny,
        };
        counter.inc_by(lists as u64);
    }

    pub(crate) fn failed(&self, error: &StoreError) {
        self.failures
            .get_or_create(&[("cause", error.kind())])
            .inc();
    }
}
