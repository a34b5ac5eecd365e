//! The role: its parts put together and run.

use tokio_util::sync::CancellationToken;
use weir_serve::{Http, Listeners, Protocols};
use weir_telemetry::Ops;
use weir_token::Providers;

use crate::config::Config;
use crate::error::Error;
use crate::host::Host;

/// Serves the functions until `shutdown`, then lets requests under way end.
///
/// # Errors
/// If the configuration cannot work. A provider that does not answer is no error: the host is not
/// ready, and answers 503 to every token, until its keys are there.
pub async fn run(
    config: Config,
    listeners: Listeners,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let ops = Ops::new("backend");
    let providers = Providers::new(config.providers.clone(), &ops)?;
    let host = Host::new(&config, &providers, &ops)?;
    // After the host, which names the provider to refresh.
    providers.spawn_refresh(shutdown.clone());
    if let Some(requests) = config.refresh_keys.clone() {
        providers.refresh_when_asked(requests, shutdown.clone());
    }
    let (sockets, ops_listener) = listeners.split(&ops);
    let operations = async {
        if let Some(listener) = ops_listener {
            weir_serve::operations(&ops, listener, shutdown.clone()).await;
        }
    };
    let how = Http::new(Protocols::Http1AndHttp2, config.limits.connections);
    let functions = weir_serve::http(sockets, how, host, shutdown.clone());
    tokio::join!(functions, operations);
    Ok(())
}
