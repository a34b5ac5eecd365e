//! The span of a request, with the attribute names of OpenTelemetry's HTTP conventions. Never the query: it may hold a
//! function key.

use std::net::IpAddr;

use http::{Method, Request, StatusCode};
use tracing::{Span, field};

use crate::function::Function;

/// A span whose parent is the caller's, if it sent one.
pub(super) fn request_span<B>(request: &Request<B>, peer: IpAddr) -> Span {
    let method = name_of(request.method());
    let span = tracing::info_span!(
        "request",
        otel.name = method,
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = method,
        http.route = field::Empty,
        http.response.status_code = field::Empty,
        url.path = request.uri().path(),
        network.peer.address = %peer,
        faas.trigger = "http",
        faas.name = field::Empty,
    );
    weir_telemetry::propagation::set_parent(&span, request.headers());
    span
}

/// Names the current span after its function, as soon as that is known.
pub(super) fn record_route(method: &Method, function: &Function) {
    let span = Span::current();
    if !span.is_disabled() {
        let route = format!("/api/{}", function.route);
        span.record("otel.name", format!("{} {route}", name_of(method)));
        span.record("http.route", route);
        span.record("faas.name", function.name);
    }
}

pub(super) fn record_status(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", status.as_u16());
    // A refusal is the caller's error, not this server's.
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

/// The method, from a fixed set: callers can invent others.
fn name_of(method: &Method) -> &'static str {
    const KNOWN: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}
