//! The trace of each request (W3C Trace Context).
//!
//! With a collector each request is a client span, exported by `weir-telemetry`; the sampler is
//! that of the `OTEL_*` variables. Without one nothing is recorded here, but a `traceparent` is
//! sent all the same, so that the target's own spans can be found by the trace ids in the report.
//! Its sampled flag follows `OTEL_TRACES_SAMPLER` too.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use tracing::Span;
use tracing::field::Empty;
use weir_telemetry::propagation;

use crate::target::Target;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What weir answers with: the trace that the request really belongs to.
const X_TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

/// A trace id.
pub(crate) type TraceId = u128;

/// How many of the traces begun here ask to be recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sampling(f64);

impl Sampling {
    /// As the standard variables say; everything, as their default is.
    pub(crate) fn from_environment() -> Self {
        let variable = |name| std::env::var(name).ok();
        Self::of(
            variable("OTEL_TRACES_SAMPLER").as_deref(),
            variable("OTEL_TRACES_SAMPLER_ARG").as_deref(),
        )
    }

    fn of(sampler: Option<&str>, argument: Option<&str>) -> Self {
        let sampler = sampler.unwrap_or_default().trim();
        Self(
            match sampler.strip_prefix("parentbased_").unwrap_or(sampler) {
                "always_off" => 0.0,
                "traceidratio" => argument
                    .and_then(|a| a.trim().parse().ok())
                    .unwrap_or(1.0_f64)
                    .clamp(0.0, 1.0),
                _ => 1.0,
            },
        )
    }

    /// By the low bits of the trace id, as the OpenTelemetry libraries do, so that every service
    /// decides alike.
    fn takes(self, trace: TraceId) -> bool {
        self.0 >= 1.0 || (trace as u64 >> 1) < (self.0 * (1_u64 << 63) as f64) as u64
    }
}

/// The span of one request, disabled without a collector.
pub(crate) fn client_span(method: &http::Method, target: &Target) -> Span {
    if !propagation::enabled() {
        return Span::none();
    }
    tracing::info_span!(
        "request",
        otel.name = %method,
        otel.kind = "client",
        otel.status_code = Empty,
        http.request.method = %method,
        url.full = %target.url,
        server.address = target.url.host_str(),
        server.port = target.address.port(),
        http.response.status_code = Empty,
        error.type = Empty,
    )
}

/// Writes the request's trace into its headers; its id.
pub(crate) fn begin(span: &Span, sampling: Sampling, headers: &mut HeaderMap) -> TraceId {
    if !span.is_disabled() {
        span.in_scope(|| propagation::inject_current(headers));
        return propagation::trace_id(span)
            .and_then(|id| TraceId::from_str_radix(&id, 16).ok())
            .unwrap_or_default();
    }
    // A zero is not a valid id; the chance is one in 2^128, the fix costs nothing.
    let trace = rand::random::<TraceId>().max(1);
    let parent = rand::random::<u64>().max(1);
    let text = format!(
        "00-{trace:032x}-{parent:016x}-{:02x}",
        u8::from(sampling.takes(trace))
    );
    headers.insert(
        TRACEPARENT,
        HeaderValue::from_str(&text).expect("hexadecimal digits and dashes"),
    );
    trace
}

/// The trace that the answer names, if it names one.
pub(crate) fn named(headers: &HeaderMap) -> Option<TraceId> {
    let text = headers.get(X_TRACE_ID)?.to_str().ok()?;
    (text.len() == 32)
        .then(|| TraceId::from_str_radix(text, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampling_follows_the_standard_variables() {
        assert_eq!(Sampling::of(None, None), Sampling(1.0));
        assert_eq!(Sampling::of(Some("always_off"), None), Sampling(0.0));
        assert_eq!(
            Sampling::of(Some("parentbased_traceidratio"), Some("0.25")),
            Sampling(0.25)
        );
        assert_eq!(Sampling::of(Some("traceidratio"), Some("7")), Sampling(1.0));
        assert!(!Sampling(0.0).takes(1) && Sampling(1.0).takes(u128::MAX));
        assert!(Sampling(0.5).takes(1 << 61) && !Sampling(0.5).takes(3 << 62));
    }

    #[test]
    fn without_a_collector_the_trace_is_in_the_header() {
        let mut headers = HeaderMap::new();
        let trace = begin(&Span::none(), Sampling(1.0), &mut headers);
        let text = headers[TRACEPARENT].to_str().unwrap();
        assert_eq!(text.len(), 55);
        assert!(
            text.starts_with(&format!("00-{trace:032x}-")) && text.ends_with("-01"),
            "{text}"
        );
    }

    #[test]
    fn only_a_whole_trace_id_is_taken_from_an_answer() {
        let named = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(X_TRACE_ID, HeaderValue::from_str(value).unwrap());
            named(&headers)
        };
        assert_eq!(
            named("4bf92f3577b34da6a3ce929d0e0e4736"),
            Some(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736)
        );
        assert_eq!(
            (named("4bf9"), named("zzf92f3577b34da6a3ce929d0e0e4736")),
            (None, None)
        );
    }
}
