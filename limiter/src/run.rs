//! The limiter's role: a store and its layers, the gRPC service over them, and its operations
//! listener.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use weir_proto::limiter::v1::limiter_server::{LimiterServer, SERVICE_NAME};
use weir_serve::Listeners;
use weir_telemetry::{Ops, Reloads};

use crate::batch::{BatchConfig, Batched};
use crate::config::{Config, StoreConfig};
use crate::degraded::{Defects, Degraded, DegradedConfig};
use crate::inspect::Inspect;
use crate::lease::{LeaseMetrics, Leased};
use crate::memory::{MEMORY_FULL, MemoryStore};
use crate::metrics::{LayerMetrics, ReadGauge, ServiceMetrics};
use crate::redis::{RedisConfig, RedisStore};
use crate::refusal::RefusalCache;
use crate::reload::{self, Replaceable};
use crate::service::connections;
use crate::service::front::Front;
use crate::service::{LimiterService, MAX_REQUEST_BYTES};
use crate::store::StoreError;

/// Connections to Redis. Checks are pipelined on each, so two keep a Redis busy that uses one core.
const REDIS_CONNECTIONS: u32 = 2;

/// Lists that are worth a second round trip to Redis. Calls at half load wait a tenth less than
/// with the gateway's 32, and a busy Redis costs the same.
const WORTH_REDIS: usize = 8;

/// Redis keeps the time itself, because it has to part with a connection that was slow. This much
/// later a round trip is given up all the same.
const GRACE: Duration = Duration::from_millis(50);

/// Why a limiter ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store cannot be used, and waiting will not help.
    #[error("the store at {store} cannot be used: {source}")]
    Store {
        /// The store, without its password.
        store: String,
        /// What is wrong with it.
        #[source]
        source: StoreError,
    },
    /// The descriptors built into the program are damaged.
    #[error("the descriptors for gRPC reflection cannot be read: this is a defect of the build")]
    Reflection(#[source] tonic_reflection::server::Error),
}

/// Serves until `shutdown`, then lets calls in flight end.
///
/// A store that is down does not keep the limiter from starting: it starts in its degraded mode and
/// says so.
///
/// # Errors
/// If the store can never work as configured.
pub async fn run(
    config: Config,
    listeners: Listeners,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let ops = Ops::new("limiter");
    let description = config.store.describe();
    tracing::info!(
        store = description,
        on_store_failure = config.on_store_failure.as_str(),
        "the limiter starts"
    );
    match config.store.clone() {
        StoreConfig::Memory if config.lease_calls_above.is_some() => {
            tracing::warn!(
                "leases save round trips to Redis: with the store in memory they change nothing"
            );
            serve(memory(&config, &ops), &config, listeners, ops, shutdown).await
        }
        StoreConfig::Memory => {
            serve(memory(&config, &ops), &config, listeners, ops, shutdown).await
        }
        StoreConfig::Redis(url) => {
            let store = redis(&url, &config, &ops, &shutdown).await;
            let store = store.map_err(|source| Error::Store {
                store: description,
                source,
            })?;
            serve(store, &config, listeners, ops, shutdown).await
        }
    }
}

/// Nothing around it: it answers faster than any cache could, and does not fail.
fn memory(config: &Config, ops: &Ops) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new(&config.memory));
    let (read, most) = (Arc::clone(&store), config.memory.max_keys as u64);
    ops.registry(|registry| {
        ReadGauge::register(
            registry,
            "limiter_memory_keys",
            "Keys in the memory store",
            move || read.len() as u64,
        );
        ReadGauge::register(registry, "limiter_memory_max_keys", MAX_KEYS, move || most);
        registry.register(
            "limiter_memory_full_refusals",
            MEMORY_FULL,
            store.full_refusals().clone(),
        );
    });
    store
}

const MAX_KEYS: &str = "Keys that may be in this process's memory at once";

type RedisLayers = Leased<RefusalCache<Degraded<Batched<Replaceable<RedisStore>>>>>;

async fn redis(
    url: &SecretString,
    config: &Config,
    ops: &Ops,
    shutdown: &CancellationToken,
) -> Result<Arc<RedisLayers>, StoreError> {
    let metrics = LayerMetrics::default();
    ops.registry(|registry| metrics.register(registry.sub_registry_with_prefix("limiter")));
    let settings = RedisConfig {
        url: String::new(),
        authorities: config.store_authorities.clone(),
        wait_replicas: config.store_wait_replicas,
        timeout: config.store_timeout,
        connections: REDIS_CONNECTIONS,
    };
    // A store at a URL that starts to connect.
    let open = move |url: &SecretString| {
        RedisStore::new(RedisConfig {
            url: url.expose_secret().to_owned(),
            ..settings.clone()
        })
    };
    let store = Replaceable::new(open(url)?);
    let batches = BatchConfig {
        timeout: config.store_timeout + GRACE,
        worth: WORTH_REDIS,
        ..BatchConfig::default()
    };
    let batched = Batched::new(store.clone(), batches, metrics.batch_lists.clone());
    let watch = DegradedConfig {
        name: "store",
        mode: config.on_store_failure,
        timeout: config.store_timeout,
        defects: Defects::Report,
        memory: config.memory,
    };
    let degraded = Degraded::new(batched, watch, ops.readiness("store"), metrics.clone());
    degraded.probe().await?;
    if let Some(reload) = config.reload.clone() {
        let reloads = Reloads::default();
        ops.registry(|registry| reloads.register(registry, "limiter"));
        let reloading = reload::run(reload, store, url.clone(), reloads, open);
        let shutdown = shutdown.clone();
        tokio::spawn(async move { shutdown.run_until_cancelled(reloading).await });
    }

    let lease_calls_above = config.lease_calls_above.unwrap_or(u64::MAX);
    let cache = RefusalCache::new(
        degraded,
        config.refusals,
        metrics.refusal_cache_hits.clone(),
    );
    let lease_metrics = LeaseMetrics::default();
    let cache = cache.with_leases_above(lease_calls_above);
    let layers = Arc::new(Leased::new(cache, lease_calls_above, lease_metrics.clone()));
    let (refusals, local, most) = (
        Arc::clone(&layers),
        Arc::clone(&layers),
        config.memory.max_keys as u64,
    );
    ops.registry(|registry| {
        if config.lease_calls_above.is_some() {
            lease_metrics.register(registry.sub_registry_with_prefix("limiter"));
        }
        ReadGauge::register(registry, "limiter_memory_max_keys", MAX_KEYS, move || most);
        let full = layers.store().store().local_full_refusals().clone();
        registry.register("limiter_memory_full_refusals", MEMORY_FULL, full);
        let help = "Keys with a remembered refusal";
        ReadGauge::register(registry, "limiter_refusal_cache_keys", help, move || {
            refusals.store().len() as u64
        });
        let help = "Keys in this replica's memory, counted while the store did not answer";
        ReadGauge::register(registry, "limiter_memory_keys", help, move || {
            local.store().store().local_keys() as u64
        });
    });
    Ok(layers)
}

async fn serve<S: Inspect>(
    store: Arc<S>,
    config: &Config,
    listeners: Listeners,
    ops: Ops,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let ready = ops.readiness("grpc");
    let (reporter, health) = tonic_health::server::health_reporter();
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(weir_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(Error::Reflection)?;
    let metrics = ServiceMetrics::default();
    ops.registry(|registry| metrics.register(registry.sub_registry_with_prefix("limiter")));
    let service = LimiterService::new(
        store,
        config.calls_in_flight.get(),
        config.top_keys,
        metrics,
    );
    let limiter = LimiterServer::new(service).max_decoding_message_size(MAX_REQUEST_BYTES);

    let ops_stopped = CancellationToken::new();
    let _stop_ops = ops_stopped.clone().drop_guard();
    let (sockets, ops_listener) = listeners.split(&ops);
    if let Some(listener) = ops_listener {
        tokio::spawn(async move { weir_serve::operations(&ops, listener, ops_stopped).await });
    }

    let front = Front::new(
        limiter,
        Routes::new(health).add_service(reflection).prepare(),
    );
    let limits = &config.connections;
    let server = connections::serve(sockets, limits, front, shutdown.clone());
    set_health(&reporter, ServingStatus::Serving).await;
    ready.ready();

    let leaving = async {
        shutdown.cancelled().await;
        ready.not_ready("the limiter shuts down");
        set_health(&reporter, ServingStatus::NotServing).await;
    };
    tokio::join!(server, leaving);
    tracing::info!("the limiter has stopped");
    Ok(())
}

async fn set_health(reporter: &HealthReporter, status: ServingStatus) {
    // The empty name is the whole server's.
    for service in ["", SERVICE_NAME] {
        reporter.set_service_status(service, status).await;
    }
}
