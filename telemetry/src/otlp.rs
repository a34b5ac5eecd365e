//! The span exporter: OTLP over gRPC, plain or in TLS, in batches, from a queue that drops when full
//! rather than grow.

mod tls;

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{SpanExporter, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SdkTracerProvider};
use tonic::transport::{Channel, Endpoint};

use crate::init::InitError;

const ENDPOINT: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];
const TIMEOUT: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
];

/// The specification's defaults.
const DEFAULT_ENDPOINT: &str = "http://localhost:4317";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The kernel asks for a sign of life on a connection that carries nothing, so that networks do not
/// forget it between two batches, hours apart perhaps. Not HTTP/2's own pings: many collectors hang
/// up on who pings while idle.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const KEEP_ALIVE_AGAIN: Duration = Duration::from_secs(2);
const KEEP_ALIVE_TRIES: u32 = 3;

const PROTOCOL: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
];

/// The samplers of the specification that the library has, and whether they take a ratio.
const SAMPLERS: [(&str, bool); 6] = [
    ("always_on", false),
    ("always_off", false),
    ("traceidratio", true),
    ("parentbased_always_on", false),
    ("parentbased_always_off", false),
    ("parentbased_traceidratio", true),
];

/// Whether the environment asks for an exporter: it names an endpoint, or asks for the default one
/// with `OTEL_TRACES_EXPORTER=otlp`. An error if it asks for something that does not exist here:
/// the library would fall back to something else, such as recording everything.
pub(crate) fn is_wanted(variable: &dyn Fn(&str) -> Option<String>) -> Result<bool, InitError> {
    let first = |names: [&str; 2]| names.into_iter().find_map(variable);
    let endpoint = first(ENDPOINT);
    let exporter = variable("OTEL_TRACES_EXPORTER");
    let named = |value: &str| {
        exporter
            .as_ref()
            .is_some_and(|given| given.trim().eq_ignore_ascii_case(value))
    };
    let disabled = variable("OTEL_SDK_DISABLED")
        .is_some_and(|given| given.trim().eq_ignore_ascii_case("true"));
    if disabled || named("none") || (endpoint.is_none() && exporter.is_none()) {
        return Ok(false);
    }
    if let Some(given) = exporter.as_ref().filter(|_| !named("otlp")) {
        return Err(InitError::Exporters {
            given: given.clone(),
        });
    }
    match first(PROTOCOL) {
        Some(given) if !given.trim().eq_ignore_ascii_case("grpc") => {
            return Err(InitError::Protocol { given });
        }
        _ => {}
    }
    check_sampler(variable)?;
    Ok(true)
}

fn check_sampler(variable: &dyn Fn(&str) -> Option<String>) -> Result<(), InitError> {
    let Some(given) = variable("OTEL_TRACES_SAMPLER") else {
        return Ok(());
    };
    let Some((_, takes_ratio)) = SAMPLERS.iter().find(|(name, _)| *name == given) else {
        return Err(InitError::Sampler { given });
    };
    let argument = variable("OTEL_TRACES_SAMPLER_ARG");
    let is_ratio = |text: &String| {
        text.parse::<f64>()
            .is_ok_and(|ratio| (0.0..=1.0).contains(&ratio))
    };
    if *takes_ratio && !argument.as_ref().is_some_and(is_ratio) {
        return Err(InitError::SamplerArgument {
            sampler: given,
            given: argument.unwrap_or_default(),
        });
    }
    Ok(())
}

/// The exporter; endpoint, headers, time limits, sampler and batch sizes are read from the
/// environment by the library. The connection is made when the first batch leaves: a collector that
/// is down does not keep a role from starting.
pub(crate) fn provider(
    service_name: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<SdkTracerProvider, InitError> {
    tokio::runtime::Handle::try_current().map_err(|_| InitError::NoRuntime)?;
    let mut exporter = SpanExporter::builder().with_tonic();
    if let Some(channel) = channel(variable)? {
        exporter = exporter.with_channel(channel);
    }
    let exporter = exporter.build()?;
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource(service_name))
        .build())
}

/// A connection to the collector that is kept alive. `None` if its address makes no sense: the
/// library says what is wrong.
fn channel(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Channel>, InitError> {
    let first = |names: [&str; 2]| names.into_iter().find_map(variable);
    let url = first(ENDPOINT).unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned());
    let Some((scheme, rest)) = url.trim().split_once("://") else {
        return Ok(None);
    };
    let scheme = scheme.to_ascii_lowercase();
    let Ok(endpoint) = Endpoint::from_shared(format!("{scheme}://{rest}")) else {
        return Ok(None);
    };
    let endpoint = match &*scheme {
        "http" => endpoint,
        "https" => endpoint.tls_config(tls::config(variable)?)?,
        _ => return Ok(None),
    };
    let timeout = first(TIMEOUT)
        .and_then(|millis| millis.trim().parse().ok())
        .map(Duration::from_millis);
    let endpoint = endpoint
        .timeout(timeout.unwrap_or(DEFAULT_TIMEOUT))
        .tcp_keepalive(Some(KEEP_ALIVE))
        .tcp_keepalive_interval(Some(KEEP_ALIVE_AGAIN))
        .tcp_keepalive_retries(Some(KEEP_ALIVE_TRIES));
    Ok(Some(endpoint.connect_lazy()))
}

/// What the spans say about this process. What the environment says wins.
fn resource(service_name: &str) -> Resource {
    let detected = Resource::builder().build();
    let given = |key: &'static str| detected.get(&key.into()).map(|value| value.to_string());
    let mut builder = Resource::builder();
    if given("service.name").is_none_or(|name| name.starts_with("unknown_service")) {
        builder = builder.with_service_name(service_name.to_owned());
    }
    // Tells replicas apart. Random, as the conventions ask for: nothing about the machine leaves.
    let instance = || RandomIdGenerator::default().new_trace_id().to_string();
    let own = [
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("service.instance.id", instance()),
    ];
    let missing = own.into_iter().filter(|(key, _)| given(key).is_none());
    builder
        .with_attributes(missing.map(|(key, value)| KeyValue::new(key, value)))
        .build()
}
