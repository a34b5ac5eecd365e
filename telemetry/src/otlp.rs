//! The span exporter: OTLP over gRPC, in batches, from a queue that drops when full rather than grow.

use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;

use crate::init::InitError;

const ENDPOINT: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
const PROTOCOL: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];

/// Whether the environment asks for an exporter. An error if it asks for one that does not exist here.
pub(crate) fn is_wanted(variable: &dyn Fn(&str) -> Option<String>) -> Result<bool, InitError> {
    let first = |names: [&str; 2]| names.into_iter().find_map(variable);
    let is = |name: &str, value: &str| variable(name).is_some_and(|given| given.trim().eq_ignore_ascii_case(value));
    let Some(endpoint) = first(ENDPOINT) else { return Ok(false) };
    if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
        return Ok(false);
    }
    match first(PROTOCOL) {
        Some(given) if !given.trim().eq_ignore_ascii_case("grpc") => return Err(InitError::Protocol { given }),
        _ => {}
    }
    if endpoint.trim_start().get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")) {
        return Err(InitError::Tls { given: endpoint });
    }
    Ok(true)
}

/// The exporter; endpoint, headers, time limits, sampler and batch sizes are read from the environment by the library.
/// The connection is made when the first batch leaves: a collector that is down does not keep a role from starting.
pub(crate) fn provider(service_name: &str) -> Result<SdkTracerProvider, InitError> {
    tokio::runtime::Handle::try_current().map_err(|_| InitError::NoRuntime)?;
    let exporter = SpanExporter::builder().with_tonic().build()?;
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource(service_name)).build())
}

/// What the spans say about this process. A name from the environment wins over `service_name`.
fn resource(service_name: &str) -> Resource {
    let detected = Resource::builder();
    let named = Resource::builder().build().get(&"service.name".into()).map(|name| name.to_string());
    match named {
        Some(name) if !name.starts_with("unknown_service") => detected,
        _ => detected.with_service_name(service_name.to_owned()),
    }
    .build()
}
