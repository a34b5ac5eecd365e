//! What the operations listener answers.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::Ops;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) fn routes(ops: Ops, extra: Router) -> Router {
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
