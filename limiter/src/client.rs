//! The gateway's side: a limiter that always answers.
//!
//! The client is the same layers as the limiter, around other limiters instead of a store: a
//! refusal cache, so that a flood does not even leave the gateway; degraded modes, so that a dead
//! limiter decides nothing by silence; and failover between several limiters in between, which may
//! come and go. Whoever decided is in the outcome's [`Mode`](crate::Mode).

mod connection;
mod endpoint;
mod fit;
mod grpc_store;
mod members;
pub(crate) mod operator;
mod resolve;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use weir_telemetry::Ops;

use crate::bounds::{MAX_CHECKS_PER_LIST, MAX_COST};
use crate::check::{Check, CheckList, Mode, Outcome};
use crate::config::FailureMode;
use crate::gauge::ReadGauge;
use crate::layers::batch::{BatchConfig, Batched};
use crate::layers::degraded::{Defects, Degraded, DegradedConfig};
use crate::layers::metrics::LayerMetrics;
use crate::layers::refusal::RefusalCache;
use crate::store::{Admitted, Refund, Store, StoreError};
use crate::stores::memory::{MEMORY_FULL, MemoryConfig};

use endpoint::EndpointMetrics;
use grpc_store::GrpcStore;

pub use endpoint::EndpointError;
pub use resolve::{Resolve, SystemResolver};

/// A limiter answers in a millisecond or two, and within its own store's time-out if that hangs;
/// this is above both.
const TIMEOUT: Duration = Duration::from_millis(250);

/// The store under [`Degraded`] keeps the time itself, because it has to know which limiter was
/// slow. This much later the layer above gives up on it.
const GRACE: Duration = Duration::from_millis(50);

/// Refused keys remembered, as in the limiter.
const REFUSALS: usize = 65_536;

/// Where the limiters are, and what holds while none answers.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// `http://host:port` of each limiter; a name stands for all its addresses, and is looked up
    /// again and again. They share one store, so it does not matter which one answers.
    pub endpoints: Vec<String>,
    /// How names are looked up.
    pub resolver: Arc<dyn Resolve>,
    /// What holds while none answers.
    pub on_failure: FailureMode,
    /// How long one check may take, trying another limiter included.
    pub timeout: Duration,
    /// How many refusals are remembered.
    pub refusals: usize,
    /// Whether checks that arrive while a call is under way leave together in the next one. Saves
    /// work on both sides when thousands of checks a second are made, and costs up to a round trip
    /// of delay.
    pub batching: bool,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            endpoints: vec!["http://127.0.0.1:8081".to_owned()],
            resolver: Arc::new(SystemResolver),
            on_failure: FailureMode::Local,
            timeout: TIMEOUT,
            refusals: REFUSALS,
            batching: true,
        }
    }
}

/// Why there is no client, or why a reset failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No limiter is configured.
    #[error("no limiter is configured: give at least one http://host:port")]
    NoEndpoints,
    /// A limiter's address cannot be used.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// No limiter confirmed the reset.
    #[error("no limiter confirmed the reset; the key may be reset all the same")]
    Reset(#[source] StoreError),
    /// No limiter confirmed the refund.
    #[error("no limiter confirmed the refund; it may be done all the same, so do not repeat it")]
    Refund(#[source] StoreError),
}

/// Asks limiters. Clones share everything.
#[derive(Debug, Clone)]
pub struct Client {
    layers: Arc<Layers>,
    timeout: Duration,
}

#[derive(Debug)]
enum Layers {
    Direct(RefusalCache<Degraded<GrpcStore>>),
    Batching(RefusalCache<Degraded<Batched<GrpcStore>>>),
}

impl Client {
    /// A client that connects when it is first asked. Registers its metrics under
    /// `weir_limiter_client_` and the readiness part `limiter`. Must be called within a Tokio
    /// runtime.
    ///
    /// # Errors
    /// If there is no endpoint, or one is not of the form `http://host:port`.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a role hands over the part of its configuration that is the client's"
    )]
    pub fn new(config: ClientConfig, ops: &Ops) -> Result<Self, ClientError> {
        if config.endpoints.is_empty() {
            return Err(ClientError::NoEndpoints);
        }
        let (metrics, endpoint_metrics) = (LayerMetrics::default(), EndpointMetrics::default());
        let resolver = Arc::clone(&config.resolver);
        let store = GrpcStore::new(
            &config.endpoints,
            config.timeout,
            resolver,
            endpoint_metrics.clone(),
        )?;
        ops.registry(|registry| {
            let registry = registry.sub_registry_with_prefix("limiter_client");
            metrics.register(registry);
            endpoint_metrics.register(registry);
        });
        let layers = if config.batching {
            let batches = BatchConfig {
                timeout: config.timeout + GRACE,
                ..BatchConfig::default()
            };
            let store = Batched::new(store, batches, metrics.batch_lists.clone());
            Layers::Batching(around(store, &config, &metrics, ops))
        } else {
            Layers::Direct(around(store, &config, &metrics, ops))
        };
        let client = Self {
            layers: Arc::new(layers),
            timeout: config.timeout + GRACE,
        };
        client.register_gauges(ops);
        Ok(client)
    }

    /// Decides an ordered list of checks. Never fails: without a limiter, the configured mode
    /// decides.
    ///
    /// Keys of more than 1,024 bytes are asked for by their hash, so that a long key is limited as
    /// exactly as a short one. An empty list is admitted.
    pub async fn check(&self, mut checks: CheckList) -> Outcome {
        checks.iter_mut().for_each(fit::fit);
        if checks.len() <= MAX_CHECKS_PER_LIST {
            return self.ask(checks).await;
        }
        // Longer than a limiter takes in one call. Only the atomicity over the whole list is lost.
        let mut all = Outcome {
            decisions: Vec::with_capacity(checks.len()),
            mode: Mode::Exact,
        };
        for part in checks.chunks(MAX_CHECKS_PER_LIST) {
            let outcome = self.ask(part.to_vec()).await;
            if outcome.mode != Mode::Exact {
                all.mode = outcome.mode;
            }
            all.decisions.extend(outcome.decisions);
            if !all.allowed() {
                break;
            }
        }
        all
    }

    /// Whether one more call would be admitted; charges nothing. Never fails, like
    /// [`Client::check`].
    pub async fn peek(&self, check: Check) -> Outcome {
        self.check(vec![Check { cost: 0, ..check }]).await
    }

    /// Forgets everything counted under `key`: in the store, and in the refusal caches of every
    /// limiter that can be reached and of this client. Says whether anything was counted.
    ///
    /// # Errors
    /// If no limiter confirmed it.
    pub async fn reset(&self, key: Bytes) -> Result<bool, ClientError> {
        let key = fit::fit_key(key);
        let answer = match &*self.layers {
            Layers::Direct(store) => store.reset(key).await,
            Layers::Batching(store) => store.reset(key).await,
        };
        answer.map_err(ClientError::Reset)
    }

    /// Takes `cost` admissions of `key` back that should not count after all; says how many were.
    /// Not for what a degraded mode admitted. With [`Admitted::Within`] give the time since before
    /// the check was asked; what the refund may take on its way is added here.
    ///
    /// This client and every limiter that can be reached forget the refusals of the key. Other
    /// clients hold to the waits they were told.
    ///
    /// # Errors
    /// If no limiter confirmed it. Do not repeat it then: twice is too much.
    pub async fn refund(
        &self,
        key: Bytes,
        cost: u64,
        admitted: Admitted,
    ) -> Result<u64, ClientError> {
        let admitted = match admitted {
            Admitted::Last => Admitted::Last,
            Admitted::Within(age) => Admitted::Within(age + self.timeout),
        };
        let refund = Refund {
            key: fit::fit_key(key),
            cost: cost.min(MAX_COST),
            admitted,
        };
        let answer = match &*self.layers {
            Layers::Direct(store) => store.refund(refund).await,
            Layers::Batching(store) => store.refund(refund).await,
        };
        answer.map_err(ClientError::Refund)
    }

    async fn ask(&self, list: CheckList) -> Outcome {
        if list.is_empty() {
            return Outcome {
                decisions: Vec::new(),
                mode: Mode::Exact,
            };
        }
        let answer = match &*self.layers {
            Layers::Direct(store) => store.check(vec![list]).await,
            Layers::Batching(store) => store.check(vec![list]).await,
        };
        let outcome = answer.ok().and_then(|mut outcomes| outcomes.pop());
        outcome.expect(
            "Defects::Absorb leaves no error, and every layer answers one list with one outcome",
        )
    }

    fn register_gauges(&self, ops: &Ops) {
        let (refusals, local) = (Arc::clone(&self.layers), Arc::clone(&self.layers));
        let refusals = move || match &*refusals {
            Layers::Direct(store) => store.len() as u64,
            Layers::Batching(store) => store.len() as u64,
        };
        let local = move || match &*local {
            Layers::Direct(store) => store.store().local_keys() as u64,
            Layers::Batching(store) => store.store().local_keys() as u64,
        };
        let full = match &*self.layers {
            Layers::Direct(store) => store.store().local_full_refusals().clone(),
            Layers::Batching(store) => store.store().local_full_refusals().clone(),
        };
        ops.registry(|registry| {
            registry.register("limiter_client_memory_full_refusals", MEMORY_FULL, full);
            let help = "Keys with a remembered refusal";
            ReadGauge::register(
                registry,
                "limiter_client_refusal_cache_keys",
                help,
                refusals,
            );
            let help = "Keys in this process's memory, counted while no limiter answered";
            ReadGauge::register(registry, "limiter_client_memory_keys", help, local);
        });
    }
}

fn around<S: Store>(
    store: S,
    config: &ClientConfig,
    metrics: &LayerMetrics,
    ops: &Ops,
) -> RefusalCache<Degraded<S>> {
    let watch = DegradedConfig {
        name: "limiter",
        mode: config.on_failure,
        timeout: config.timeout + GRACE + GRACE,
        defects: Defects::Absorb,
        memory: MemoryConfig::default(),
    };
    let degraded = Degraded::new(store, watch, ops.readiness("limiter"), metrics.clone());
    RefusalCache::new(
        degraded,
        config.refusals,
        metrics.refusal_cache_hits.clone(),
    )
}
