//! What a limiter counts about itself. `docs/metrics.md` lists the names; labels never hold a key,
//! and limit names are bounded in number.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use weir_telemetry::buckets::{BATCH_SIZE, LATENCY_SECONDS};

use crate::check::{Check, Mode, Outcome};
use crate::store::StoreError;
use crate::top::Subject;

/// Limit names counted apart; later ones share the name `other`. Names come from configuration,
/// where a hundred is many; the bound holds against a caller that makes names up.
const MAX_LIMIT_NAMES: usize = 100;

type Label = [(&'static str, &'static str); 1];

/// What the layers around a store count. Clones count together.
#[derive(Debug, Clone)]
pub struct LayerMetrics {
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
        let mode = |name| answers.get_or_create_owned(&[("mode", name)]);
        // All causes are there from the start: a rate over a series that begins at 1 misses the
        // first failure.
        let failures = Family::<Label, Counter>::default();
        for cause in [
            "timeout",
            "unavailable",
            "full",
            "refused",
            "protocol",
            "config",
        ] {
            failures.get_or_create_owned(&[("cause", cause)]);
        }
        Self {
            refusal_cache_hits: Counter::default(),
            store_seconds: Histogram::new(LATENCY_SECONDS),
            batch_lists: Histogram::new(BATCH_SIZE),
            circuit_open: Gauge::default(),
            failures,
            exact: mode("exact"),
            local: mode("local"),
            allow: mode("allow"),
            deny: mode("deny"),
            answers,
        }
    }
}

impl LayerMetrics {
    /// Registers them under the names of `docs/metrics.md`, behind the registry's prefix.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "refusal_cache_hits",
            "Checks refused from memory, without asking the store",
            self.refusal_cache_hits.clone(),
        );
        registry.register(
            "store_seconds",
            "Time for one answer of the store in seconds, waiting for a batch included; failures count too",
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
        let cause = match error {
            StoreError::Timeout(_) => "timeout",
            StoreError::Unavailable(_) => "unavailable",
            StoreError::Full => "full",
            StoreError::Refused(_) => "refused",
            StoreError::Protocol(_) => "protocol",
            StoreError::Config(_) => "config",
        };
        self.failures.get_or_create(&[("cause", cause)]).inc();
    }
}

/// What the gRPC service counts.
#[derive(Debug, Clone)]
pub(crate) struct ServiceMetrics {
    requests: Family<[(&'static str, &'static str); 2], Counter>,
    /// The one nearly every call counts, so that it needs no lookup.
    checks_answered: Counter,
    decisions: Family<DecisionLabels, Counter>,
    by_limit: Arc<RwLock<HashMap<Arc<str>, LimitCounters, foldhash::fast::RandomState>>>,
}

const CHECKS_ANSWERED: [(&str, &str); 2] = [("method", "Check"), ("code", "OK")];

impl Default for ServiceMetrics {
    fn default() -> Self {
        let requests = Family::<[(&'static str, &'static str); 2], Counter>::default();
        let checks_answered = requests.get_or_create_owned(&CHECKS_ANSWERED);
        Self {
            requests,
            checks_answered,
            decisions: Family::default(),
            by_limit: Arc::default(),
        }
    }
}

type DecisionLabels = [(&'static str, Arc<str>); 2];

#[derive(Debug)]
struct LimitCounters {
    allowed: Counter,
    refused: Counter,
}

impl LimitCounters {
    fn count(&self, allowed: bool) {
        if allowed {
            &self.allowed
        } else {
            &self.refused
        }
        .inc();
    }
}

impl ServiceMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "requests",
            "Calls of the gRPC service, by method and status",
            self.requests.clone(),
        );
        registry.register(
            "decisions",
            "Checks decided, by limit and result; peeks are not counted",
            self.decisions.clone(),
        );
    }

    pub(crate) fn request(&self, method: &'static str, code: &'static str) {
        let labels = [("method", method), ("code", code)];
        if labels == CHECKS_ANSWERED {
            self.checks_answered.inc();
        } else {
            self.requests.get_or_create(&labels).inc();
        }
    }

    /// Counts the decisions of one list.
    pub(crate) fn decided(&self, names: &[Charged], outcome: &Outcome) {
        for (charged, decision) in names.iter().zip(&outcome.decisions) {
            if let Charged::Yes(subject) = charged {
                self.count(&subject.limit_name, decision.allowed);
            }
        }
    }

    fn count(&self, name: &Arc<str>, allowed: bool) {
        if let Some(counters) = self.by_limit.read().get(name) {
            counters.count(allowed);
            return;
        }
        let mut by_limit = self.by_limit.write();
        // The name `other` is reserved for what is over the bound, and may itself be the last one
        // in.
        let name = if by_limit.len() < MAX_LIMIT_NAMES {
            Arc::clone(name)
        } else {
            "other".into()
        };
        by_limit
            .entry(Arc::clone(&name))
            .or_insert_with(|| self.create(&name))
            .count(allowed);
    }

    fn create(&self, name: &Arc<str>) -> LimitCounters {
        let counter = |result: &str| {
            self.decisions
                .get_or_create_owned(&[("limit", Arc::clone(name)), ("result", result.into())])
        };
        LimitCounters {
            allowed: counter("allowed"),
            refused: counter("refused"),
        }
    }
}

/// Whose decision it is, if it counts.
#[derive(Debug)]
pub(crate) enum Charged {
    /// A call under this limit.
    Yes(Subject),
    /// A peek.
    No,
}

impl From<&Check> for Charged {
    fn from(check: &Check) -> Self {
        if check.cost == 0 {
            Self::No
        } else {
            Self::Yes(check.into())
        }
    }
}

/// A gauge that is read when it is scraped.
pub(crate) struct ReadGauge<F> {
    name: &'static str,
    help: &'static str,
    read: F,
}

impl<F: Fn() -> u64 + Send + Sync + 'static> ReadGauge<F> {
    /// Registers it under `name`, behind the registry's prefix.
    pub(crate) fn register(
        registry: &mut Registry,
        name: &'static str,
        help: &'static str,
        read: F,
    ) {
        registry.register_collector(Box::new(Self { name, help, read }));
    }
}

impl<F> std::fmt::Debug for ReadGauge<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadGauge")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<F: Fn() -> u64 + Send + Sync + 'static> Collector for ReadGauge<F> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let gauge = ConstGauge::new((self.read)());
        let metric = encoder.encode_descriptor(self.name, self.help, None, gauge.metric_type())?;
        gauge.encode(metric)
    }
}
