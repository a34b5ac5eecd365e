//! The trace a request belongs to (W3C Trace Context).
//!
//! With an exporter there is a span per request, inside it one per policy that ran, and the limiter
//! and the backend become their children; `docs/tracing.md` lists them. Without one nothing is
//! recorded, but the chain is not broken: a valid `traceparent` goes on unchanged, otherwise a new
//! one is made, whose trace id is the request id. Either way the answer names the trace in
//! `x-trace-id`.

use bytes::Bytes;
use http::header::{HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::uri::Scheme;
use http::{Method, Uri};
use tracing::Span;
use tracing::field::Empty;
use uuid::Uuid;
use weir_policy::plan::Origin;
use weir_telemetry::{propagation, semconv};

/// Names the trace in every answer, as 32 hexadecimal digits.
pub(crate) const X_TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// A request's trace.
#[derive(Debug)]
pub(crate) struct Trace {
    /// The span of the request; disabled without an exporter.
    pub(crate) span: Span,
    /// Whether it will be exported. If not, the spans inside it are not made.
    sampled: bool,
    id: Option<HeaderValue>,
}

impl Trace {
    /// Continues the trace that `headers` name, or begins one and names it there.
    pub(crate) fn begin(
        request: &http::request::Parts,
        scheme: &Scheme,
        headers: &mut HeaderMap,
        request_id: Uuid,
    ) -> Self {
        if propagation::enabled() {
            let span = server_span(request, scheme, headers);
            propagation::set_parent(&span, headers);
            let id = propagation::trace_id(&span).and_then(|id| HeaderValue::from_str(&id).ok());
            return Self {
                sampled: propagation::is_sampled(&span),
                span,
                id,
            };
        }
        if let Some(parent) = headers.get(TRACEPARENT)
            && headers.get_all(TRACEPARENT).iter().count() == 1
            && propagation::is_traceparent(parent.as_bytes())
        {
            let id = HeaderValue::from_bytes(&parent.as_bytes()[3..35]).ok();
            return Self {
                span: Span::none(),
                sampled: false,
                id,
            };
        }
        headers.remove(TRACESTATE);
        let (parent, id) = fresh(request_id);
        headers.insert(TRACEPARENT, parent);
        Self {
            span: Span::none(),
            sampled: false,
            id: Some(id),
        }
    }

    /// Puts the trace id into an answer.
    pub(crate) fn name_in(&self, headers: &mut HeaderMap) {
        if let Some(id) = &self.id {
            headers.insert(X_TRACE_ID, id.clone());
        }
    }

    /// The span of one policy. What became of it is recorded by `pipeline::span`.
    pub(crate) fn policy_span(&self, at: &Origin) -> Span {
        if !self.sampled {
            return Span::none();
        }
        tracing::info_span!(
            parent: &self.span,
            "policy",
            otel.name = at.policy,
            otel.status_code = Empty,
            error.type = Empty,
            weir.policy.section = at.section.as_str(),
            weir.policy.scope = at.scope.as_str(),
            weir.policy.path = &*at.path,
            weir.policy.id = at.id.as_deref(),
            weir.policy.source = %format_args!("{}:{}", at.file, at.position),
            weir.policy.result = Empty,
            weir.policy.reason = Empty,
            weir.policy.branch = Empty,
            weir.limit.name = Empty,
            weir.limit.calls = Empty,
            weir.limit.remaining = Empty,
            weir.limit.retry_after_ms = Empty,
            weir.limiter.mode = Empty,
        )
    }

    /// The span of one call of a backend. Its address has no query: function keys stand there.
    pub(crate) fn upstream_span(&self, method: &Method, url: &Uri) -> Span {
        if !self.sampled {
            return Span::none();
        }
        let host = url.host().unwrap_or_default();
        let authority = url.authority().map_or(host, |authority| authority.as_str());
        let scheme = url.scheme_str().unwrap_or("http");
        let default_port = if scheme == "https" { 443 } else { 80 };
        tracing::info_span!(
            "forward",
            otel.name = semconv::http_span_name(method),
            otel.kind = "client",
            otel.status_code = Empty,
            http.request.method = semconv::http_method(method),
            http.response.status_code = Empty,
            url.full = %format_args!("{scheme}://{authority}{}", url.path()),
            server.address = host,
            server.port = url.port_u16().unwrap_or(default_port),
            network.protocol.version = "1.1",
            error.type = Empty,
        )
    }

    /// Makes what is called next a child of `span`, or of the request's span if that is all there
    /// is.
    pub(crate) fn propagate(&self, span: &Span, headers: &mut HeaderMap) {
        if !self.span.is_disabled() {
            let from = if span.is_disabled() { &self.span } else { span };
            from.in_scope(|| propagation::inject_current(headers));
        }
    }
}

fn server_span(request: &http::request::Parts, scheme: &Scheme, headers: &HeaderMap) -> Span {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    tracing::info_span!(
        "request",
        otel.name = semconv::http_span_name(&request.method),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = semconv::http_method(&request.method),
        http.route = Empty,
        http.response.status_code = Empty,
        url.path = request.uri.path(),
        url.scheme = scheme.as_str(),
        server.address = request.uri.authority().map(|a| a.as_str()).or_else(|| text(HOST)),
        client.address = Empty,
        user_agent.original = text(USER_AGENT),
        network.protocol.version = semconv::http_version(request.version),
        error.type = Empty,
        weir.request_id = Empty,
        weir.refused_by = Empty,
        weir.refused_reason = Empty,
        weir.refused_limit = Empty,
    )
}

/// A new trace: its parent header and its id. Not sampled, because nothing records it here.
fn fresh(request_id: Uuid) -> (HeaderValue, HeaderValue) {
    let mut text = *b"00-00000000000000000000000000000000-0000000000000001-00";
    request_id.simple().encode_lower(&mut text[3..35]);
    // The first half of the id is random too; a span id only has to be distinct within its trace.
    let (start, span) = text.split_at_mut(36);
    span[..16].copy_from_slice(&start[3..19]);
    let shared = Bytes::copy_from_slice(&text);
    let parent =
        HeaderValue::from_maybe_shared(shared.clone()).expect("hexadecimal digits and dashes");
    let id = HeaderValue::from_maybe_shared(shared.slice(3..35)).expect("hexadecimal digits");
    (parent, id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_trace_is_well_formed_and_has_the_id_of_the_request() {
        let id = Uuid::from_u128(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        let (parent, trace) = fresh(id);
        assert!(propagation::is_traceparent(parent.as_bytes()));
        assert_eq!(trace, id.simple().to_string());
        assert_eq!(parent.as_bytes()[3..35], *trace.as_bytes());
    }
}
