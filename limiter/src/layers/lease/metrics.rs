//! What becomes of leased calls.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

/// Counts leases and the calls in them. Clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct LeaseMetrics {
    leases: Counter,
    granted: Counter,
    pub(super) used: Counter,
    pub(super) given_back: Counter,
}

impl LeaseMetrics {
    /// Registers them under the names of `docs/metrics.md`, behind the registry's prefix.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let used = "Leased calls that were handed out";
        registry.register(
            "leases",
            "Leases taken, those that granted nothing included",
            self.leases.clone(),
        );
        registry.register(
            "lease_calls",
            "Calls taken ahead in leases",
            self.granted.clone(),
        );
        registry.register("lease_calls_used", used, self.used.clone());
        registry.register(
            "lease_calls_given_back",
            "Leased calls that the store took back",
            self.given_back.clone(),
        );
    }

    pub(super) fn granted(&self, calls: u64) {
        self.leases.inc();
        self.granted.inc_by(calls);
    }
}
