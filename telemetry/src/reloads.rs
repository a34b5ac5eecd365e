//! What is counted of reading the configuration again, under the names that operators know from
//! other servers.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// How reading the configuration again went. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Reloads {
    results: Family<[(&'static str, &'static str); 1], Counter>,
    last_successful: Gauge,
    last_success: Gauge<f64, AtomicU64>,
}

impl Reloads {
    /// Registers `<role>_config_…`; the configuration that was read at the start counts as the last
    /// success, but as no reload.
    pub fn register(&self, registry: &mut Registry, role: &str) {
        for result in ["success", "failure"] {
            drop(self.results.get_or_create(&[("result", result)]));
        }
        self.succeeded_now();
        let registry = registry.sub_registry_with_prefix(role);
        registry.register(
            "config_reloads",
            "Times the configuration was read again, by result",
            self.results.clone(),
        );
        registry.register(
            "config_last_reload_successful",
            "1 if the configuration was good when it was last read; 0: an older one still holds",
            self.last_successful.clone(),
        );
        registry.register(
            "config_last_reload_success_timestamp_seconds",
            "When the configuration that holds was read, in seconds since 1970",
            self.last_success.clone(),
        );
    }

    /// A new configuration holds.
    pub fn succeeded(&self) {
        self.results.get_or_create(&[("result", "success")]).inc();
        self.succeeded_now();
    }

    /// The old one still holds.
    pub fn failed(&self) {
        self.results.get_or_create(&[("result", "failure")]).inc();
        self.last_successful.set(0);
    }

    fn succeeded_now(&self) {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        self.last_success.set(now.as_secs_f64());
        self.last_successful.set(1);
    }
}
