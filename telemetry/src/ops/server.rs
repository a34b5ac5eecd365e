//! The operations listener.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Ops;

/// How long a scrape that is under way may go on after shutdown.
const DRAIN: Duration = Duration::from_secs(2);

/// Connections at a time: a few probes and scrapers, with room for the curious. More wait.
const CONNECTIONS: usize = 64;

/// How long a connection may stay idle or take to send a request's headers.
const HEADER_TIME: Duration = Duration::from_secs(30);

/// How long to wait after the system refused a connection, which is when it is out of file
/// descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// HTTP/1.1, which every probe and scraper speaks.
pub(super) async fn serve(
    ops: Ops,
    listener: TcpListener,
    extra: Router,
    shutdown: CancellationToken,
) {
    let service = TowerToHyperService::new(app(ops, extra));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME);
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let accepting = async {
        loop {
            let slot = Arc::clone(&slots)
                .acquire_owned()
                .await
                .expect("the semaphore is never closed");
            let stream = TokioIo::new(accept(&listener).await);
            while connections.try_join_next().is_some() {}
            let connection = graceful.watch(http.serve_connection(stream, service.clone()));
            connections.spawn(async move {
                // A probe that hangs up is no news.
                let _ = connection.await;
                drop(slot);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = shutdown.cancelled() => {}
    }
    drop(listener);
    let _ = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
    connections.shutdown().await;
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!(%error, "a connection to the operations port could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn app(ops: Ops, extra: Router) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(ops)
        .merge(extra)
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
}

async fn healthz() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

async fn readyz(State(ops): State<Ops>) -> Response {
    let (ready, body) = ops.inner.components.report();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(body)).into_response()
}

async fn metrics(State(ops): State<Ops>) -> Response {
    ([(header::CONTENT_TYPE, OPENMETRICS)], ops.render()).into_response()
}

async fn not_found() -> Response {
    let message = "There is /healthz, /readyz and /metrics.";
    (
        StatusCode::NOT_FOUND,
        Json(json!({ "statusCode": 404, "message": message })),
    )
        .into_response()
}
