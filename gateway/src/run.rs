//! The role: from a configuration and bound sockets to a served gateway.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use weir_telemetry::{Listeners, Ops, ReadinessHandle};

use crate::client_address::TrustedProxies;
use crate::config::Config;
use crate::gateway::{Gateway, Parts};
use crate::metrics::Exposition;
use crate::target::BadBase;

/// How often it is looked whether the signing keys have come, until they have.
const KEYS_POLL: Duration = Duration::from_millis(250);

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The limiter's addresses cannot be used.
    #[error("the limiter's address cannot be used: {0}")]
    Limiter(#[from] weir_limiter::ClientError),
    /// An OpenID provider cannot be used.
    #[error(transparent)]
    Provider(#[from] weir_token::ProvidersError),
    /// A key of `issuer-signing-keys` cannot be used.
    #[error("{file}:{position}: a key of validate-jwt cannot be used: {source}")]
    Key {
        /// The policy file.
        file: Arc<str>,
        /// The element.
        position: weir_policy::Position,
        /// What is wrong with the key.
        source: weir_token::InvalidKey,
    },
    /// A backend's URL cannot be used.
    #[error("the {place} cannot be used: `{url}`: {why}")]
    Base {
        /// What names the URL.
        place: String,
        /// The URL.
        url: String,
        /// What is wrong with it.
        why: BadBase,
    },
}

/// Serves `config` on `listeners.service` (and metrics and health on `listeners.ops`) until `shutdown`, then finishes
/// what is in progress.
///
/// # Errors
/// If the configuration cannot be put to work; nothing was served then.
pub async fn run(config: Config, listeners: Listeners, shutdown: CancellationToken) -> Result<(), Error> {
    let ops = Ops::new("gateway");
    let limiter = weir_limiter::Client::new(config.limiter, &ops)?;
    let providers = weir_token::Providers::new(config.providers, &ops)?;
    let gateway = Arc::new(Gateway::new(
        config.configuration,
        Parts {
            limiter,
            providers: providers.clone(),
            trusted: TrustedProxies::new(config.trusted_proxies),
            clients: config.clients.clone(),
            upstream: config.upstream,
        },
    )?);
    ops.registry(|registry| registry.register_collector(Box::new(Exposition(gateway.metrics()))));
    providers.spawn_refresh(shutdown.clone());
    let readiness = ops.readiness("configuration");
    tokio::spawn(announce(providers, readiness, shutdown.clone()));
    if let Some(listener) = listeners.ops {
        let (ops, shutdown) = (ops.clone(), shutdown.clone());
        tokio::spawn(async move {
            if let Err(error) = ops.serve(listener, shutdown).await {
                tracing::error!(%error, "the operations listener failed");
            }
        });
    }
    crate::listener::serve(listeners.service, gateway, &config.clients, shutdown).await;
    Ok(())
}

/// Ready as soon as it serves; degraded while a provider's keys have never been loaded. A gateway without keys still
/// answers preflights, open operations and 503s that say why, so taking it out of a load balancer would only hide that.
async fn announce(providers: weir_token::Providers, readiness: ReadinessHandle, shutdown: CancellationToken) {
    if !providers.all_loaded() {
        readiness.degraded("the signing keys of an OpenID provider have not been loaded yet");
    }
    while !providers.all_loaded() {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(KEYS_POLL) => {}
        }
    }
    readiness.ready();
}
