//! What the role counts.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use weir_telemetry::Ops;

/// How a request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With the content.
    Served,
    /// The client has it already.
    NotModified,
    /// With the address of the folder's page.
    Redirected,
    /// There is nothing at this address.
    NotFound,
    /// The method is not for reading.
    NotAllowed,
    /// The browser app is not part of this build.
    NotBuilt,
}

/// The role's counters. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Metrics {
    requests: Family<[(&'static str, &'static str); 1], Counter>,
}

impl Metrics {
    pub(crate) fn register(ops: &Ops) -> Self {
        let metrics = Self::default();
        // Every outcome is there from the start: a rate over a series that begins at 1 misses the
        // first.
        for outcome in [
            "served",
            "not_modified",
            "redirected",
            "not_found",
            "not_allowed",
            "not_built",
        ] {
            metrics
                .requests
                .get_or_create_owned(&[("outcome", outcome)]);
        }
        ops.registry(|registry| {
            let registry = registry.sub_registry_with_prefix("web");
            registry.register(
                "requests",
                "Requests, by how they were answered",
                metrics.requests.clone(),
            );
        });
        metrics
    }

    pub(crate) fn request(&self, outcome: Outcome) {
        let outcome = match outcome {
            Outcome::Served => "served",
            Outcome::NotModified => "not_modified",
            Outcome::Redirected => "redirected",
            Outcome::NotFound => "not_found",
            Outcome::NotAllowed => "not_allowed",
            Outcome::NotBuilt => "not_built",
        };
        self.requests.get_or_create(&[("outcome", outcome)]).inc();
    }
}
