//! Starting and stopping the role.

use tokio_util::sync::CancellationToken;
use weir_telemetry::{Listeners, Ops};

use crate::config::Config;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::server;
use crate::site::{NOT_BUILT, Site};

/// Serves the browser app until `shutdown`, then lets answers under way end. Without built files it
/// runs too, is not ready, and says how to build them.
///
/// # Errors
/// If the operations listener fails.
pub async fn run(
    config: Config,
    listeners: Listeners,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let ops = Ops::new("web");
    let metrics = Metrics::register(&ops);
    let site = Site::new(&config);
    let files = ops.readiness("files");
    if site.is_built() {
        tracing::info!(files = config.files.len(), "the browser app is ready");
        files.ready();
    } else {
        tracing::warn!("{NOT_BUILT}");
        files.not_ready(NOT_BUILT);
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
    let pages = async {
        server::serve(listeners.service, site, metrics, shutdown.clone()).await;
        Ok(())
    };
    tokio::try_join!(pages, operations).map(|_| ())
}
