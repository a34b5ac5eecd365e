//! What the crate counts, for Prometheus.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::TokenError;

type FetchLabels = [(&'static str, String); 2];
type ProviderLabel = [(&'static str, String); 1];

/// The counters of one role. Clones share the same counters; the default ones are registered
/// nowhere.
///
/// The `provider` label holds discovery URLs, which come from configuration only, so its values are
/// bounded.
#[derive(Debug, Clone)]
pub struct Metrics {
    validations: Family<[(&'static str, &'static str); 1], Counter>,
    /// The usual result's handle, so that counting it needs no lookup.
    valid: Counter,
    cache_hits: Counter,
    fetches: Family<FetchLabels, Counter>,
    last_success: Family<ProviderLabel, Gauge<f64, AtomicU64>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let validations = Family::<[(&'static str, &'static str); 1], Counter>::default();
        // All results are there from the start: a rate over a series that begins at 1 misses the
        // first.
        for result in TokenError::LABELS {
            validations.get_or_create_owned(&[("result", result)]);
        }
        let valid = validations.get_or_create_owned(&[("result", VALID)]);
        Self {
            validations,
            valid,
            cache_hits: Counter::default(),
            fetches: Family::default(),
            last_success: Family::default(),
        }
    }
}

/// The `result` of a token that holds.
const VALID: &str = "valid";

impl Metrics {
    /// A request came without a token where one is needed, so that no
    /// [`Validator`](crate::Validator) judged it.
    pub fn not_present(&self) {
        self.validated::<()>(&Err(TokenError::NotPresent));
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "token_validations",
            "Tokens judged, by result",
            self.validations.clone(),
        );
        registry.register(
            "token_cache_hits",
            "Tokens whose signature had been verified before and was not verified again",
            self.cache_hits.clone(),
        );
        registry.register(
            "token_key_fetches",
            "Fetches of a provider's keys, by result",
            self.fetches.clone(),
        );
        registry.register(
            "token_keys_last_success_timestamp_seconds",
            "When a provider's keys were last fetched, in seconds since 1970",
            self.last_success.clone(),
        );
    }

    pub(crate) fn validated<T>(&self, result: &Result<T, TokenError>) {
        match result {
            Ok(_) => self.valid.inc(),
            Err(error) => self
                .validations
                .get_or_create(&[("result", error.label())])
                .inc(),
        };
    }

    pub(crate) fn cache_hit(&self) {
        self.cache_hits.inc();
    }

    pub(crate) fn fetched(&self, provider: &str, result: &'static str) {
        self.fetches
            .get_or_create(&[
                ("provider", provider.to_owned()),
                ("result", result.to_owned()),
            ])
            .inc();
        if result == "ok" {
            let now = SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or(Duration::ZERO);
            self.last_success
                .get_or_create(&[("provider", provider.to_owned())])
                .set(now.as_secs_f64());
        }
    }
}
