//! The role: its parts put together and run.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use weir_telemetry::{Listeners, Ops};
use weir_token::Providers;

use crate::config::Config;
use crate::error::Error;
use crate::host::Host;
use crate::server;

/// Serves the functions until `shutdown`, then lets requests under way end.
///
/// # Errors
/// If the configuration cannot work, or the operations listener fails. A provider that does not
/// answer is no error: the host is not ready, and answers 503 to every token, until its keys are
/// there.
pub async fn run(
    config: Config,
    listeners: Listeners,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let ops = Ops::new("backend");
    let providers = Providers::new(config.providers.clone(), &ops)?;
    let host = Arc::new(Host::new(&config, &providers, &ops)?);
    // After the host, which names the provider to refresh.
    providers.spawn_refresh(shutdown.clone());
    if let Some(requests) = config.refresh_keys.clone() {
        providers.refresh_when_asked(requests, shutdown.clone());
    }
    let operations = async {
        match listeners.ops {
            Some(listener) => ops
                .serve(listener, shutdown.clone())
                .await
                .map_err(Error::Operations),
            None => Ok(()),
        }
    };
    let functions = async {
        server::serve(listeners.service, host, &config.limits, shutdown.clone()).await;
        Ok(())
    };
    tokio::try_join!(functions, operations).map(|_| ())
}
