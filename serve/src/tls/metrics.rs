//! What is counted of TLS.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::pairs::Pair;

type Label = [(&'static str, &'static str); 1];

/// How a handshake ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handshake {
    /// A connection came of it.
    Success,
    /// No agreement: a protocol that is too old, no certificate that is believed, no TLS at all.
    Failure,
    /// It took too long.
    Timeout,
    /// Too many were under way.
    Refused,
}

impl Handshake {
    const ALL: [Self; 4] = [Self::Success, Self::Failure, Self::Timeout, Self::Refused];

    fn label(self) -> Label {
        let result = match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
        };
        [("result", result)]
    }
}

/// The counters of one listener.
#[derive(Debug, Clone, Default)]
pub(super) struct Metrics {
    handshakes: Family<Label, Counter>,
    expiry: Family<[(&'static str, String); 1], Gauge<f64, AtomicU64>>,
    reloads: Family<Label, Counter>,
    last_reload_successful: Gauge,
}

impl Metrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        // All of them from the start: a rate over a series that begins at 1 misses the first.
        for handshake in Handshake::ALL {
            drop(self.handshakes.get_or_create(&handshake.label()));
        }
        for result in ["success", "failure"] {
            drop(self.reloads.get_or_create(&[("result", result)]));
        }
        self.last_reload_successful.set(1);
        let registry = registry.sub_registry_with_prefix("tls");
        registry.register(
            "handshakes",
            "TLS handshakes, by how they ended",
            self.handshakes.clone(),
        );
        registry.register(
            "certificate_expiry_timestamp_seconds",
            "When each certificate expires, in seconds since 1970",
            self.expiry.clone(),
        );
        registry.register(
            "reloads",
            "Times the certificates were read again, by result",
            self.reloads.clone(),
        );
        registry.register(
            "last_reload_successful",
            "1 if the certificates were good when they were last read; 0: older ones still hold",
            self.last_reload_successful.clone(),
        );
    }

    pub(super) fn handshake(&self, handshake: Handshake) {
        self.handshakes.get_or_create(&handshake.label()).inc();
    }

    /// These certificates hold now, and no others.
    pub(super) fn certificates(&self, pairs: &[Pair]) {
        self.expiry.clear();
        for pair in pairs {
            let label = [("certificate", pair.file.clone())];
            #[allow(clippy::cast_precision_loss)] // seconds since 1970 are far below 2^53
            self.expiry.get_or_create(&label).set(pair.expires.0 as f64);
        }
    }

    pub(super) fn reloaded(&self, good: bool) {
        let result = if good { "success" } else { "failure" };
        self.reloads.get_or_create(&[("result", result)]).inc();
        self.last_reload_successful.set(i64::from(good));
    }
}
