//! The limiter's role: a store and its layers, the gRPC service over them, and its operations
//! listener.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use weir_proto::limiter::v1::limiter_server::SERVICE_NAME;
use weir_serve::Listeners;
use weir_telemetry::{Ops, Reloads};

use crate::config::{Config, StoreConfig};
use crate::error::StoreError;
use crate::gauge::ReadGauge;
use crate::layers::batch::BatchConfig;
use crate::layers::degraded::{Defects, DegradedConfig};
use crate::layers::replace::Replaceable;
use crate::layers::stack::Stack;
use crate::reload;
use crate::server::connections;
use crate::server::decider::Decider;
use crate::server::front::Front;
use crate::server::metrics::ServiceMetrics;
use crate::server::service;
use crate::store::{Admin, Decide, Inspect};
use crate::stores::memory::{MEMORY_FULL, MemoryStore};
use crate::stores::redis::{RedisConfig, RedisStore};

/// Begins the names of what a limiter counts.
const METRICS: &str = "limiter";

const MAX_KEYS: &str = "Keys that may be in this process's memory at once";

/// Connections to Redis. Checks are pipelined on each, so two keep a Redis busy that uses one core.
const REDIS_CONNECTIONS: u32 = 2;

/// Lists that are worth a second round trip to Redis. Calls at half load wait a tenth less than
/// with the gateway's 32, and a busy Redis costs the same.
const WORTH_REDIS: usize = 8;

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
            serve(in_memory(&config, &ops), &config, listeners, ops, shutdown).await
        }
        StoreConfig::Memory => {
            serve(in_memory(&config, &ops), &config, listeners, ops, shutdown).await
        }
        StoreConfig::Redis(url) => {
            let store = in_redis(&url, &config, &ops, &shutdown)
                .await
                .map_err(|source| Error::Store {
                    store: description,
                    source,
                })?;
            serve(store, &config, listeners, ops, shutdown).await
        }
    }
}

/// Nothing around it: it answers faster than any cache could, and does not fail.
fn in_memory(config: &Config, ops: &Ops) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new(&config.memory));
    let read = Arc::clone(&store);
    ops.registry(|registry| {
        let registry = registry.sub_registry_with_prefix(METRICS);
        let help = "Keys in the memory store".to_owned();
        ReadGauge::register(registry, "memory_keys", help, move || read.len() as u64);
        let full = store.full_refusals().clone();
        registry.register("memory_full_refusals", MEMORY_FULL, full);
    });
    store
}

/// Redis, and the layers that save it work and outlive it.
async fn in_redis(
    url: &SecretString,
    config: &Config,
    ops: &Ops,
    shutdown: &CancellationToken,
) -> Result<Arc<impl Decide + Admin + Inspect>, StoreError> {
    let redis = RedisConfig {
        url: url.expose_secret().to_owned(),
        authorities: config.store_authorities.clone(),
        wait_replicas: config.store_wait_replicas,
        timeout: config.store_timeout,
        connections: REDIS_CONNECTIONS,
    };
    let store = Replaceable::new(RedisStore::new(redis.clone())?);
    let batches = BatchConfig {
        worth: WORTH_REDIS,
        ..BatchConfig::within(config.store_timeout)
    };
    let watch = DegradedConfig {
        name: "store",
        mode: config.on_store_failure,
        timeout: config.store_timeout,
        defects: Defects::Report,
        memory: config.memory,
    };
    let stack = Stack::of(store.clone(), ops, METRICS)
        .batched(batches)
        .degraded(watch, ops.readiness("store"))
        .probed()
        .await?
        .remembering(config.refusals, config.lease_calls_above)
        .leased(config.lease_calls_above);
    if let Some(reload) = config.reload.clone() {
        let reloads = Reloads::default();
        ops.registry(|registry| reloads.register(registry, METRICS));
        let reloading = reload::run(reload, store, redis, reloads);
        let shutdown = shutdown.clone();
        tokio::spawn(async move { shutdown.run_until_cancelled(reloading).await });
    }
    Ok(Arc::new(stack.into_store()))
}

async fn serve<S: Decide + Admin + Inspect>(
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
    ops.registry(|registry| {
        let registry = registry.sub_registry_with_prefix(METRICS);
        metrics.register(registry);
        let (help, most) = (MAX_KEYS.to_owned(), config.memory.max_keys as u64);
        ReadGauge::register(registry, "memory_max_keys", help, move || most);
    });
    let decider = Arc::new(Decider::new(
        store,
        config.calls_in_flight.get(),
        config.top_keys,
        metrics,
    ));

    let ops_stopped = CancellationToken::new();
    let _stop_ops = ops_stopped.clone().drop_guard();
    let (sockets, ops_listener) = listeners.split(&ops);
    if let Some(listener) = ops_listener {
        tokio::spawn(async move { weir_serve::operations(&ops, listener, ops_stopped).await });
    }

    let looked_up = Routes::new(health).add_service(reflection).prepare();
    let front = Front::new(looked_up).with(service::serve(decider));
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
