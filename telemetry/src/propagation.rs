//! W3C trace context (`traceparent`, `tracestate`) in HTTP headers.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

static ENABLED: AtomicBool = AtomicBool::new(false);

/// Whether this process exports spans. If not, everything here is idle work that a hot path may
/// skip.
pub fn enabled() -> bool {
    // Set once before any request; nothing else is published with it.
    ENABLED.load(Ordering::Relaxed)
}

pub(crate) fn set_enabled(enabled: bool) {
    ENABLED.store(enabled, Ordering::Relaxed);
}

/// The caller's trace context; an empty one if it sent none, several, or a malformed one.
pub fn extract(headers: &HeaderMap) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Incoming::of(headers))
}

/// Makes the caller's span, if it sent one, the parent of `span`. Has to come before `span` is
/// first entered: entering starts it, and a started span keeps the parent it has.
pub fn set_parent(span: &Span, headers: &HeaderMap) {
    if span.is_disabled() || !headers.contains_key(TRACEPARENT) {
        return;
    }
    let parent = extract(headers);
    if parent.span().span_context().is_valid() {
        // Fails only without an exporter, and then there is nothing to be the parent of.
        let _ = span.set_parent(parent);
    }
}

/// Writes the current span into `headers`, in place of what the caller sent. Outside a recorded
/// span nothing changes.
pub fn inject_current(headers: &mut HeaderMap) {
    let span = Span::current();
    if !span.is_disabled() {
        TraceContextPropagator::new().inject_context(&span.context(), &mut Outgoing(headers));
    }
}

/// Whether the span will be exported. Finer spans inside one that will not are not worth making.
pub fn is_sampled(span: &Span) -> bool {
    !span.is_disabled() && span.context().span().span_context().is_sampled()
}

/// Gives a span that has begun its name. Recording `otel.name` reaches only spans that have not.
pub fn rename(span: &Span, name: String) {
    if !span.is_disabled() {
        span.context().span().update_name(name);
    }
}

/// The span's trace id in lower-case hexadecimal, if the span is recorded.
pub fn trace_id(span: &Span) -> Option<String> {
    let context = span.context();
    let span = context.span();
    let context = span.span_context();
    context.is_valid().then(|| context.trace_id().to_string())
}

/// The two headers as the specification wants them read: one `traceparent`, all `tracestate` lines
/// as one list.
struct Incoming<'a> {
    traceparent: Option<&'a str>,
    tracestate: Option<Cow<'a, str>>,
}

impl<'a> Incoming<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        let lines = |name: HeaderName| headers.get_all(name).iter().map(|line| line.to_str());
        let mut parents = lines(TRACEPARENT);
        let traceparent = match (parents.next(), parents.next()) {
            (Some(Ok(value)), None) if is_traceparent(value.trim().as_bytes()) => {
                Some(value.trim())
            }
            _ => None,
        };
        let states: Vec<_> = lines(TRACESTATE).filter_map(Result::ok).collect();
        let tracestate = match states.as_slice() {
            [] => None,
            [one] => Some(Cow::Borrowed(*one)),
            several => Some(Cow::Owned(several.join(","))),
        };
        Self {
            traceparent,
            tracestate,
        }
    }
}

/// Whether a value is a `traceparent` (W3C Trace Context, section 3.2): version, trace id, parent id
/// and flags as `00-<32 hexadecimal digits>-<16>-<2>`, ids not zero. A later version may go on
/// after another `-`. The library's reader also takes shorter numbers.
#[must_use]
pub fn is_traceparent(value: &[u8]) -> bool {
    let hex = |range: std::ops::Range<usize>| {
        value[range]
            .iter()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let zero = |range: std::ops::Range<usize>| value[range].iter().all(|b| *b == b'0');
    let shape = value.len() >= 55 && value[2] == b'-' && value[35] == b'-' && value[52] == b'-';
    shape
        && hex(0..2)
        && &value[..2] != b"ff"
        && (value.len() == 55 || (&value[..2] != b"00" && value[55] == b'-'))
        && hex(3..35)
        && !zero(3..35)
        && hex(36..52)
        && !zero(36..52)
        && hex(53..55)
}

impl Extractor for Incoming<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => self.traceparent,
            "tracestate" => self.tracestate.as_deref(),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}

struct Outgoing<'a>(&'a mut HeaderMap);

impl Injector for Outgoing<'_> {
    fn set(&mut self, key: &str, value: String) {
        let (Ok(name), Ok(header)) = (HeaderName::try_from(key), HeaderValue::try_from(value))
        else {
            return;
        };
        // An empty tracestate says nothing; leaving the caller's would attribute it to our span.
        if header.is_empty() {
            self.0.remove(name);
        } else {
            self.0.insert(name, header);
        }
    }
}

#[cfg(test)]
mod tests;
