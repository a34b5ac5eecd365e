//! The environment as people set it, right and wrong.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use super::*;

fn environment(pairs: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> + use<> {
    let map: HashMap<String, String> = pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    move |name| map.get(name).cloned()
}

fn refused(pairs: &[(&str, &str)]) -> String {
    let environment = environment(pairs);
    let outcome = otlp::is_wanted(&environment)
        .and_then(|_| subscriber_of(&environment, None, "test"))
        .map(|_| "accepted".to_owned());
    outcome.unwrap_or_else(|error| error.to_string())
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4317");
    let ratio = ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio");
    let cases: [(&[(&str, &str)], &str); 9] = [
        (
            &[endpoint, ("OTEL_TRACES_SAMPLER", "xray")],
            "parentbased_always_on is the default",
        ),
        (
            &[endpoint, ratio],
            "needs OTEL_TRACES_SAMPLER_ARG from 0 to 1",
        ),
        (
            &[endpoint, ratio, ("OTEL_TRACES_SAMPLER_ARG", "10%")],
            "\"10%\"",
        ),
        (
            &[endpoint, ratio, ("OTEL_TRACES_SAMPLER_ARG", "1.5")],
            "\"1.5\"",
        ),
        (&[("OTEL_TRACES_EXPORTER", "console")], "use \"otlp\""),
        (&[("WEIR_LOG", "weir_gateway=loud")], "WEIR_LOG="),
        (&[("RUST_LOG", "a=b=c")], "RUST_LOG="),
        (&[("WEIR_LOG_FORMAT", "xml")], "\"json\""),
        (
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318"),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ],
            "use \"grpc\"",
        ),
    ];
    for (pairs, expected) in cases {
        let message = refused(pairs);
        assert!(message.contains(expected), "{pairs:?}: {message}");
    }
    assert_eq!(
        refused(&[
            ("WEIR_LOG", "warn,weir_limiter=trace"),
            ("WEIR_LOG_FORMAT", "json")
        ]),
        "accepted"
    );
}

#[test]
fn an_exporter_is_there_when_it_is_asked_for() {
    let wanted = |pairs: &[(&str, &str)]| otlp::is_wanted(&environment(pairs)).unwrap();
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4317");
    assert!(!wanted(&[]));
    assert!(wanted(&[endpoint]));
    assert!(wanted(&[(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "http://localhost:4317"
    )]));
    assert!(wanted(&[("OTEL_TRACES_EXPORTER", "otlp")]));
    assert!(wanted(&[
        endpoint,
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25")
    ]));
    assert!(!wanted(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]));
    assert!(!wanted(&[
        endpoint,
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_TRACES_SAMPLER", "no matter")
    ]));
}

#[test]
fn weir_log_wins_over_rust_log() {
    let filter = log_filter(&environment(&[
        ("WEIR_LOG", "error"),
        ("RUST_LOG", "trace"),
    ]))
    .unwrap();
    assert_eq!(filter.max_level_hint(), Some(LevelFilter::ERROR));
    let filter = log_filter(&environment(&[])).unwrap();
    assert_eq!(filter.max_level_hint(), Some(LevelFilter::INFO));
}

#[test]
fn without_an_exporter_spans_are_off_and_logs_are_on() {
    let subscriber = subscriber_of(&environment(&[("WEIR_LOG", "trace")]), None, "test").unwrap();
    tracing::subscriber::with_default(subscriber, || {
        assert!(tracing::error_span!("request").is_disabled());
        assert!(tracing::enabled!(tracing::Level::TRACE));
    });
}

#[test]
fn with_an_exporter_spans_are_on_whatever_the_log_filter_says() {
    let provider = SdkTracerProvider::builder().build();
    let subscriber = subscriber_of(
        &environment(&[("WEIR_LOG", "off")]),
        Some(&provider),
        "test",
    )
    .unwrap();
    tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!("request");
        assert!(!span.is_disabled());
        assert!(propagation::trace_id(&span).is_some());
        assert!(tracing::debug_span!("detail").is_disabled());
    });
}

#[tokio::test]
async fn files_for_tls_that_cannot_be_used_are_refused_by_name() {
    let secure = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://localhost:4317");
    let certificates = weir_testkit::Certificates::new();
    let path = |path: std::path::PathBuf| path.to_str().unwrap().to_owned();
    let certificate = path(certificates.certificate_file());
    let cases = [
        (
            "OTEL_EXPORTER_OTLP_CERTIFICATE",
            "/nowhere/ca.pem",
            "\"/nowhere/ca.pem\" cannot be used",
        ),
        (
            "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
            "/dev/null",
            "it holds no certificate in PEM",
        ),
        (
            "OTEL_EXPORTER_OTLP_CLIENT_KEY",
            "/dev/null",
            "it holds no private key in PEM",
        ),
        (
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
            &certificate,
            "set both or none",
        ),
    ];
    for (name, file, expected) in cases {
        let environment = environment(&[secure, (name, file)]);
        let message = otlp::provider("test", &environment)
            .unwrap_err()
            .to_string();
        assert!(message.contains(expected), "{name}: {message}");
    }
}
