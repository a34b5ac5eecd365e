//! Round trips and malformed headers.

#![allow(clippy::unwrap_used)]

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt;

use super::*;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn traced(body: impl FnOnce()) {
    let provider = SdkTracerProvider::builder().build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), body);
}

#[test]
fn the_callers_trace_continues_through_a_span() {
    traced(|| {
        let incoming = headers(&[
            ("traceparent", PARENT),
            ("tracestate", "a=1"),
            ("tracestate", "b=2"),
        ]);
        let span = tracing::info_span!("request");
        set_parent(&span, &incoming);
        assert_eq!(
            trace_id(&span).as_deref(),
            Some("4bf92f3577b34da6a3ce929d0e0e4736")
        );

        let mut outgoing = incoming.clone();
        span.in_scope(|| inject_current(&mut outgoing));
        let sent = outgoing["traceparent"].to_str().unwrap();
        assert!(
            sent.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && sent.ends_with("-01"),
            "{sent}"
        );
        assert_ne!(
            sent, PARENT,
            "the span itself is the parent of what comes next"
        );
        assert_eq!(outgoing.get_all("traceparent").iter().count(), 1);
        assert_eq!(outgoing["tracestate"], "a=1,b=2");
    });
}

#[test]
fn a_caller_that_does_not_sample_is_not_sampled() {
    traced(|| {
        let span = tracing::info_span!("request");
        set_parent(
            &span,
            &headers(&[("traceparent", &PARENT.replace("-01", "-00"))]),
        );
        let mut outgoing = HeaderMap::new();
        span.in_scope(|| inject_current(&mut outgoing));
        assert!(outgoing["traceparent"].to_str().unwrap().ends_with("-00"));
    });
}

#[test]
fn a_malformed_parent_starts_a_new_trace() {
    let bad = [
        "",
        "00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf9-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ];
    for value in bad {
        let context = extract(&headers(&[("traceparent", value)]));
        assert!(!context.span().span_context().is_valid(), "{value}");
    }
    let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more";
    assert!(
        extract(&headers(&[("traceparent", later)]))
            .span()
            .span_context()
            .is_valid()
    );
}

#[test]
fn two_parents_are_none() {
    let context = extract(&headers(&[
        ("traceparent", PARENT),
        ("traceparent", PARENT),
    ]));
    assert!(!context.span().span_context().is_valid());
}

#[test]
fn outside_a_recorded_span_the_headers_stay_as_they_are() {
    let mut outgoing = headers(&[("traceparent", PARENT), ("tracestate", "a=1")]);
    let before = outgoing.clone();
    inject_current(&mut outgoing);
    assert_eq!(outgoing, before);
    assert_eq!(trace_id(&tracing::info_span!("request")), None);
}

const GOOD: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn only_well_formed_parents_are_continued() {
    assert!(is_traceparent(GOOD));
    assert!(is_traceparent(
        b"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"
    ));
    for bad in [
        &b""[..],
        &GOOD[..54],
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        b"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        b"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        b"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        b"00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ] {
        assert!(!is_traceparent(bad), "{}", String::from_utf8_lossy(bad));
    }
}
