//! What the gRPC services count. `docs/metrics.md` lists the names; labels never hold a key, and
//! limit names are bounded in number.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Limit names counted apart; later ones share the name `other`. Names come from configuration,
/// where a hundred is many; the bound holds against a caller that makes names up.
const MAX_LIMIT_NAMES: usize = 100;

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

    /// Counts a decision under the limit of this name.
    pub(crate) fn decided(&self, name: &Arc<str>, allowed: bool) {
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
        LimitCounters {
            allowed: self.decisions_with(name, "allowed"),
            refused: self.decisions_with(name, "refused"),
        }
    }

    fn decisions_with(&self, name: &Arc<str>, result: &str) -> Counter {
        self.decisions
            .get_or_create_owned(&[("limit", Arc::clone(name)), ("result", result.into())])
    }
}
