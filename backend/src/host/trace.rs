//! The span of a request, with the attribute names of OpenTelemetry's HTTP conventions. Never the
//! query: it may hold a function key.

use std::net::IpAddr;

use http::{Method, Request, StatusCode};
use tracing::{Span, field};
use weir_telemetry::semconv;

use crate::function::Function;

/// A span whose parent is the caller's, if it sent one.
pub(super) fn request_span<B>(request: &Request<B>, peer: IpAddr) -> Span {
    let span = tracing::info_span!(
        "request",
        otel.name = semconv::http_span_name(request.method()),
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = semconv::http_method(request.method()),
        http.route = field::Empty,
        http.response.status_code = field::Empty,
        error.type = field::Empty,
        url.path = request.uri().path(),
        url.scheme = "http",
        network.protocol.version = semconv::http_version(request.version()),
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
        weir_telemetry::propagation::rename(
            &span,
            format!("{} {route}", semconv::http_span_name(method)),
        );
        span.record("http.route", route);
        span.record("faas.name", function.name);
    }
}

pub(super) fn record_status(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", status.as_u16());
    // A refusal is the caller's error, not this server's.
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR")
            .record("error.type", status.as_str());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::format::FmtSpan;

    use super::*;
    use crate::functions;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// All that a span of this request says when it ends.
    fn spoken(request: &Request<()>, status: StatusCode) -> String {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_span_events(FmtSpan::CLOSE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let span = request_span(request, IpAddr::from([127, 0, 0, 1]));
            span.in_scope(|| record_route(request.method(), &functions::all()[0]));
            record_status(&span, status);
        });
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_span_names_route_and_status_and_never_the_key() {
        let request = Request::get("/API/Hello?code=top-secret").body(()).unwrap();
        let text = spoken(&request, StatusCode::OK);
        for part in [
            "http.route=\"/api/hello\"",
            "status_code=200",
            "url.path=\"/API/Hello\"",
            "127.0.0.1",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(
            !text.contains("top-secret") && !text.contains("ERROR"),
            "{text}"
        );
        assert!(spoken(&request, StatusCode::BAD_GATEWAY).contains("ERROR"));
    }

    #[test]
    fn an_invented_method_is_not_a_name() {
        let request = Request::builder()
            .method("BREW-9")
            .uri("/api/hello")
            .body(())
            .unwrap();
        let text = spoken(&request, StatusCode::NOT_FOUND);
        assert!(text.contains("_OTHER") && !text.contains("BREW"), "{text}");
    }
}
