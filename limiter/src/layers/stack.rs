//! The layers around a store, put together from the inside out.
//!
//! Each step puts a layer around what is there and registers what that layer counts, so nobody has
//! to reach through the layers later. The order is the caller's: batching next to the store,
//! degraded mode around it, then the refusal cache, then leases.
//!
//! **Time limits nest by one rule**, for a limiter around Redis as for a client around limiters.
//! With a time limit of `t`:
//!
//! - whoever asks, Redis or limiters, ends by `t`. It knows which connection was slow, and has to
//!   be there to part with it;
//! - so whoever waits for it without a task in between gives up [`GRACE`] later, and only if it did
//!   not keep its time: a round trip of a batch, a reset, a refund, an inspection, a lease;
//! - a check waits for `t` altogether, its wait for a place in a batch included: then the failure
//!   mode decides. The round trip is a task of its own and ends by itself.

use std::time::Duration;

use prometheus_client::registry::Registry;
use weir_telemetry::{Ops, ReadinessHandle};

use super::batch::{BatchConfig, Batched};
use super::degraded::{Degraded, DegradedConfig};
use super::lease::{LeaseMetrics, Leased};
use super::metrics::LayerMetrics;
use super::refusal::RefusalCache;
use crate::error::StoreError;
use crate::gauge::ReadGauge;
use crate::store::{Decide, Lease};
use crate::stores::memory::MEMORY_FULL;

/// How much later than whoever asks those give up who wait for it.
pub(crate) const GRACE: Duration = Duration::from_millis(50);

/// A store with the layers it has so far.
pub(crate) struct Stack<'a, S> {
    store: S,
    ops: &'a Ops,
    /// Begins the names of what is registered.
    prefix: &'static str,
    metrics: LayerMetrics,
}

impl<'a, S> Stack<'a, S> {
    /// Nothing around `store` yet. What its layers count is registered with names that begin with
    /// `prefix`.
    pub(crate) fn of(store: S, ops: &'a Ops, prefix: &'static str) -> Self {
        let metrics = LayerMetrics::default();
        let stack = Self {
            store,
            ops,
            prefix,
            metrics,
        };
        stack.register(|registry| stack.metrics.register(registry));
        stack
    }

    /// The store with its layers.
    pub(crate) fn into_store(self) -> S {
        self.store
    }

    fn register(&self, register: impl FnOnce(&mut Registry)) {
        self.ops
            .registry(|registry| register(registry.sub_registry_with_prefix(self.prefix)));
    }

    fn with<T>(self, wrap: impl FnOnce(S, &LayerMetrics) -> T) -> Stack<'a, T> {
        Stack {
            store: wrap(self.store, &self.metrics),
            ops: self.ops,
            prefix: self.prefix,
            metrics: self.metrics,
        }
    }
}

impl<'a, S: Decide> Stack<'a, S> {
    /// Callers share round trips.
    pub(crate) fn batched(self, config: BatchConfig) -> Stack<'a, Batched<S>> {
        self.with(|store, metrics| Batched::new(store, config, metrics.batch_lists.clone()))
    }

    /// A mode holds while the store does not answer; `readiness` says so.
    pub(crate) fn degraded(
        self,
        config: DegradedConfig,
        readiness: ReadinessHandle,
    ) -> Stack<'a, Degraded<S>> {
        let stack =
            self.with(|store, metrics| Degraded::new(store, config, readiness, metrics.clone()));
        let local = stack.store.local().clone();
        let help = format!(
            "Keys in this process's memory, counted while the {} did not answer",
            config.name
        );
        stack.register(|registry| {
            registry.register(
                "memory_full_refusals",
                MEMORY_FULL,
                local.full_refusals().clone(),
            );
            ReadGauge::register(registry, "memory_keys", help, move || local.len() as u64);
        });
        stack
    }

    /// The refusals of about so many keys are remembered. Under limits of more calls than
    /// `leases_above` other replicas may take leases, if that is given.
    pub(crate) fn remembering(
        self,
        keys: usize,
        leases_above: Option<u64>,
    ) -> Stack<'a, RefusalCache<S>> {
        let stack = self.with(|store, metrics| {
            let cache = RefusalCache::new(store, keys, metrics.refusal_cache_hits.clone());
            cache.with_leases_above(leases_above.unwrap_or(u64::MAX))
        });
        stack.register(|registry| {
            let help = "Keys with a remembered refusal".to_owned();
            ReadGauge::register(registry, "refusal_cache_keys", help, stack.store.keys());
        });
        stack
    }
}

impl<S: Decide> Stack<'_, Degraded<S>> {
    /// Asks the store once, so that what somebody has to repair shows at the start.
    ///
    /// # Errors
    /// What that is.
    pub(crate) async fn probed(self) -> Result<Self, StoreError> {
        self.store.probe().await?;
        Ok(self)
    }
}

impl<'a, S: Lease> Stack<'a, S> {
    /// Hot keys under limits of more than `above` calls are leased; none without it.
    pub(crate) fn leased(self, above: Option<u64>) -> Stack<'a, Leased<S>> {
        let leases = LeaseMetrics::default();
        if above.is_some() {
            self.register(|registry| leases.register(registry));
        }
        self.with(|store, _| Leased::new(store, above.unwrap_or(u64::MAX), leases))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use super::*;
    use crate::check::{CheckList, Mode, Outcome};
    use crate::config::FailureMode;
    use crate::layers::degraded::Defects;
    use crate::scripted::{Behaviour, ScriptedStore, ask, check, limit};
    use crate::store::{ChecksOnly, Decide};
    use crate::stores::memory::MemoryConfig;

    /// Says how many copies of a check there are when it is asked.
    struct CopiesCounted(ScriptedStore, Arc<parking_lot::Mutex<Vec<usize>>>);

    impl Decide for CopiesCounted {
        async fn check(&self, lists: &[CheckList]) -> Result<Vec<Outcome>, StoreError> {
            let checks = lists.iter().flatten();
            let copies = checks.map(|check| Arc::strong_count(&check.limit_name));
            self.1.lock().extend(copies);
            self.0.check(lists).await
        }
    }

    impl ChecksOnly for CopiesCounted {
        type Store = ScriptedStore;

        fn store(&self) -> impl std::ops::Deref<Target = ScriptedStore> + Send {
            &self.0
        }
    }

    fn watch(timeout: Duration) -> DegradedConfig {
        DegradedConfig {
            name: "store",
            mode: FailureMode::Allow,
            timeout,
            defects: Defects::Report,
            memory: MemoryConfig::default(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_is_copied_once_on_its_way_through_all_layers() {
        let (ops, copies) = (Ops::new("test"), Arc::default());
        let timeout = Duration::from_millis(100);
        let store = CopiesCounted(ScriptedStore::new(), Arc::clone(&copies));
        let layers = Stack::of(store, &ops, "limiter")
            .batched(BatchConfig::within(timeout))
            .degraded(watch(timeout), ops.readiness("store"))
            .remembering(64, Some(1_000))
            .leased(Some(1_000))
            .into_store();
        let list = vec![check("a", limit(5, 60)), check("b", limit(5, 60))];
        let outcomes = layers.check(&[list]).await.unwrap();
        assert!(outcomes[0].allowed());
        assert_eq!(*copies.lock(), [2, 2], "the caller's and the round trip's");
    }

    /// The rule at the top of this file.
    #[tokio::test(start_paused = true)]
    async fn a_check_waits_for_the_time_limit_and_a_reset_for_a_little_longer() {
        let (ops, store) = (Ops::new("test"), ScriptedStore::new());
        let timeout = Duration::from_millis(100);
        let layers = Stack::of(store.clone(), &ops, "limiter")
            .batched(BatchConfig::within(timeout))
            .degraded(watch(timeout), ops.readiness("store"))
            .into_store();
        store.behave(Behaviour::Hang);
        let began = tokio::time::Instant::now();
        let outcome = ask(&layers, vec![check("k", limit(5, 60))]).await;
        assert_eq!(
            (outcome.mode, began.elapsed()),
            (Mode::Allow, Duration::from_millis(100))
        );
        let began = tokio::time::Instant::now();
        crate::store::Admin::reset(&layers, "k".into())
            .await
            .unwrap_err();
        assert_eq!(began.elapsed(), timeout + GRACE);
    }
}
