//! Starting and stopping the role.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use weir_serve::{Http, Listeners, Protocols};
use weir_telemetry::Ops;

use crate::clock::Clock;
use crate::config::Config;
use crate::development;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::provider::Provider;
use crate::server::Pages;
use crate::tenant::Endpoint;
use crate::{routes, tenant};

/// Runs the provider until `shutdown`, then lets requests under way end.
///
/// # Errors
/// When the configuration makes no sense or is not safe for the listener, when accounts or the
/// signing key cannot be opened, and when a listener fails.
pub async fn run(
    config: Config,
    listeners: Listeners,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    run_with(config, listeners, shutdown, Clock::System).await
}

/// [`run`] with a clock that a test can move.
pub(crate) async fn run_with(
    config: Config,
    listeners: Listeners,
    shutdown: CancellationToken,
    clock: Clock,
) -> Result<(), Error> {
    refuse_beyond_loopback(&config, listeners.service.local_addr()?)?;
    if let Some(secure) = &listeners.tls {
        refuse_beyond_loopback(&config, secure.listener.local_addr()?)?;
    }
    let ops = Ops::new("identity");
    let (sockets, ops_listener) = listeners.split(&ops);
    let ready = ops.readiness("accounts");
    let metrics = Metrics::register(&ops);
    // Served from the start, so that an operator sees the role come up.
    let operations = async {
        match ops_listener {
            Some(listener) => weir_serve::operations(&ops, listener, shutdown.clone()).await,
            None => shutdown.cancelled().await,
        }
    };
    let serving = async {
        let provider = Arc::new(Provider::new(&config, metrics, clock).await?);
        announce(&config, &provider);
        ready.ready();
        let how = Http::new(Protocols::Http1, config.connections.clone());
        let pages = Pages(routes::router(provider));
        weir_serve::http(sockets, how, pages, shutdown.clone()).await;
        Ok::<_, Error>(())
    };
    tokio::pin!(operations, serving);
    tokio::select! {
        // The operations listener has nothing left to report on.
        served = &mut serving => served,
        () = &mut operations => serving.await,
    }
}

/// What is fine on one's own machine is not where others can reach it.
fn refuse_beyond_loopback(config: &Config, listener: std::net::SocketAddr) -> Result<(), Error> {
    if listener.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    let secrets = config.development_secrets();
    if secrets.is_empty() {
        Ok(())
    } else {
        Err(Error::DevelopmentSecretsBeyondLoopback { listener, secrets })
    }
}

fn announce(config: &Config, provider: &Provider) {
    tracing::warn!(
        "this identity provider is for development and tests: do not keep real accounts in it"
    );
    for name in config.development_secrets() {
        tracing::warn!("the {name} has its public development value");
    }
    if config.development_tokens {
        tracing::warn!(
            path = development::TOKEN_PATH,
            "development tokens are on: everybody on this machine, and nobody else, can have an access token in any name"
        );
    }
    if !tenant::is_secure(provider.tenant.public_url()) {
        tracing::warn!(
            public_url = provider.tenant.public_url(),
            "browsers keep nobody signed in here: their cookies for this provider need https, or http on localhost"
        );
    }
    let discovery = provider
        .tenant
        .url(Endpoint::Discovery, &provider.tenant.first_place());
    tracing::info!(discovery, accounts = %config.accounts, "the identity provider is ready");
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    #[test]
    fn development_secrets_stay_on_loopback() {
        let everywhere = "0.0.0.0:8090".parse().unwrap();
        let defaults = Config::default();
        let secrets = refuse_beyond_loopback(&defaults, everywhere).unwrap_err();
        assert!(
            matches!(secrets, Error::DevelopmentSecretsBeyondLoopback { .. }),
            "{secrets}"
        );
        let own = Config {
            backend_client_secret: SecretString::from("own"),
            ..Config::default()
        };
        assert!(refuse_beyond_loopback(&own, everywhere).is_ok());
        for loopback in [
            "127.0.0.1:1",
            "127.0.0.9:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(
                refuse_beyond_loopback(&defaults, loopback.parse().unwrap()).is_ok(),
                "{loopback}"
            );
        }
    }
}
