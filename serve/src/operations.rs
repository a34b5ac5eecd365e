//! The operations listener: what a role's operators read.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use weir_telemetry::Ops;

use crate::http::{Http, Protocols, Service, http};
use crate::limits::Limits;
use crate::peer::Peer;

/// For a few probes and scrapers, with room for the curious.
const LIMITS: Limits = Limits {
    connections: 64,
    // What no probe comes near; hyper's own defaults are ten times that.
    header_bytes: 32 * 1024,
    headers: 100,
    // A connection that says nothing gives its place back before the next probe.
    header_timeout: Duration::from_secs(30),
    // Scrapers come every 15 to 60 s, and a connection that waits for the next time costs nothing.
    idle_timeout: Duration::from_secs(75),
    stall_timeout: Duration::from_secs(30),
    // HTTP/2 is not spoken.
    streams: 1,
    // A scrape that is under way takes milliseconds.
    drain: Duration::from_secs(2),
};

/// Answers `/healthz` (200 while the process runs), `/readyz` (200 or 503, with the parts as JSON)
/// and `/metrics` until `shutdown`. For operators: neither authenticated nor limited, so never on a
/// public address. HTTP/1.1, which every probe and scraper speaks.
pub async fn operations(ops: &Ops, listener: TcpListener, shutdown: CancellationToken) {
    operations_with(ops, listener, Router::new(), shutdown).await;
}

/// Like [`operations`], with routes of the role's own beside. They must not be one of the three,
/// and `extra` must have no fallback.
pub async fn operations_with(
    ops: &Ops,
    listener: TcpListener,
    extra: Router,
    shutdown: CancellationToken,
) {
    let routes = Routes(ops.routes(extra));
    http(
        listener.into(),
        Http::new(Protocols::Http1, LIMITS),
        routes,
        shutdown,
    )
    .await;
}

struct Routes(Router);

impl Service for Routes {
    type Body = Body;

    async fn answer(&self, request: Request<Incoming>, _: &Peer) -> Response<Body> {
        match self.0.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
