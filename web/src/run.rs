//! Starting and stopping the role.

use tokio_util::sync::CancellationToken;
use weir_serve::{Http, Listeners, Protocols};
use weir_telemetry::Ops;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::server::Pages;
use crate::site::{NOT_BUILT, Site};

/// Serves the browser app until `shutdown`, then lets answers under way end. Without built files it
/// runs too, is not ready, and says how to build them.
pub async fn run(config: Config, listeners: Listeners, shutdown: CancellationToken) {
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
    let (sockets, ops_listener) = listeners.split(&ops);
    let operations = async {
        if let Some(listener) = ops_listener {
            weir_serve::operations(&ops, listener, shutdown.clone()).await;
        }
    };
    let how = Http::new(Protocols::Http1, config.connections);
    let pages = Pages { site, metrics };
    let serving = weir_serve::http(sockets, how, pages, shutdown.clone());
    tokio::join!(serving, operations);
}
