//! Sets up logging and tracing for the whole process, once.

use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::filter::{EnvFilter, FilterExt, LevelFilter, ParseError, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::log::{LineFormat, Lines};
use crate::{otlp, propagation};

/// How long the last spans may take to leave at the end. Shorter than what supervisors wait before
/// they kill.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// What is logged unless `WEIR_LOG` or `RUST_LOG` says otherwise.
const DEFAULT_FILTER: &str = "info";

/// Why telemetry could not be set up. Every cause is something in the environment.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The log filter cannot be read.
    #[error(
        "{variable}={given:?} is not a log filter ({source}); an example is {variable}=info,weir_gateway=debug"
    )]
    Filter {
        /// The environment variable it came from.
        variable: &'static str,
        /// Its text.
        given: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// The log format is unknown.
    #[error("WEIR_LOG_FORMAT={given:?} is unknown; use \"human\" (the default) or \"json\"")]
    LogFormat {
        /// What was asked for.
        given: String,
    },
    /// A transport other than gRPC was asked for.
    #[error(
        "OTEL_EXPORTER_OTLP_PROTOCOL={given:?} is not supported; use \"grpc\", or leave it unset"
    )]
    Protocol {
        /// What was asked for.
        given: String,
    },
    /// An exporter other than OTLP was asked for.
    #[error(
        "OTEL_TRACES_EXPORTER={given:?} is not supported; use \"otlp\", \"none\", or leave it unset"
    )]
    Exporters {
        /// What was asked for.
        given: String,
    },
    /// The sampler is unknown.
    #[error(
        "OTEL_TRACES_SAMPLER={given:?} is not supported; use always_on, always_off, traceidratio, or one of these with \
         parentbased_ in front (parentbased_always_on is the default)"
    )]
    Sampler {
        /// What was asked for.
        given: String,
    },
    /// The sampler's ratio is missing or is none.
    #[error(
        "OTEL_TRACES_SAMPLER={sampler} needs OTEL_TRACES_SAMPLER_ARG from 0 to 1, e.g. 0.1; it is {given:?}"
    )]
    SamplerArgument {
        /// The sampler.
        sampler: String,
        /// Its argument.
        given: String,
    },
    /// A file for TLS to the collector cannot be used.
    #[error("{variable}={path:?} cannot be used: {why}; name a PEM file")]
    File {
        /// The environment variable.
        variable: &'static str,
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// A certificate needs its key.
    #[error(
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY belong together; set both or none"
    )]
    HalfIdentity,
    /// TLS to the collector cannot be set up.
    #[error(
        "TLS to the collector cannot be set up ({0}); name its authority with OTEL_EXPORTER_OTLP_CERTIFICATE, and a key \
         that belongs to OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"
    )]
    Tls(#[from] tonic::transport::Error),
    /// The exporter refused its settings.
    #[error("the OTEL_EXPORTER_OTLP_* settings were refused: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The exporter needs a Tokio runtime.
    #[error("spans can only be exported from inside a Tokio runtime; call init there")]
    NoRuntime,
    /// The process has a subscriber already.
    #[error("logging was set up already; init is called once per process")]
    AlreadyInitialised,
}

/// Keeps the exporter; give it back with [`Guard::shutdown`] so that the last spans leave.
#[derive(Debug)]
#[must_use = "the last spans are lost unless shutdown is called"]
pub struct Guard {
    provider: Option<SdkTracerProvider>,
}

impl Guard {
    /// Sends what is still queued and stops the exporter. Waits three seconds at most, and blocks
    /// its thread while it waits: for the end of `main`, on a runtime of several threads.
    pub fn shutdown(self) {
        if let Some(Err(error)) = self
            .provider
            .map(|provider| provider.shutdown_with_timeout(FLUSH_TIMEOUT))
        {
            tracing::warn!(%error, "the last spans could not be exported");
        }
    }
}

/// Installs the process's logging and, if the environment names a collector, its trace exporter.
///
/// Logs go to standard error: `WEIR_LOG` or else `RUST_LOG` is the filter (`info`),
/// `WEIR_LOG_FORMAT=json` writes one JSON object per line. A line written inside a sampled span
/// carries its trace and span id.
///
/// Spans go to `OTEL_EXPORTER_OTLP_ENDPOINT` (or `…_TRACES_ENDPOINT`; the default one with
/// `OTEL_TRACES_EXPORTER=otlp`) over gRPC, in batches. The other standard variables hold:
/// `OTEL_SERVICE_NAME` (default `service_name`), `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`
/// with `_ARG`, `OTEL_BSP_*`, `OTEL_SPAN_*_COUNT_LIMIT`, `OTEL_EXPORTER_OTLP_HEADERS`, `_TIMEOUT`,
/// `OTEL_SDK_DISABLED`, `OTEL_TRACES_EXPORTER=none`. An `https://` endpoint is believed if the
/// machine's authorities sign for it, or those in `OTEL_EXPORTER_OTLP_CERTIFICATE`; a collector that
/// asks is shown `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE`.
///
/// # Errors
/// If a variable makes no sense, or on the second call.
pub fn init(service_name: &str) -> Result<Guard, InitError> {
    let provider = otlp::is_wanted(&variable)?
        .then(|| otlp::provider(service_name, &variable))
        .transpose()?;
    install(subscriber_of(&variable, provider.as_ref(), service_name)?)?;
    propagation::set_enabled(provider.is_some());
    Ok(Guard { provider })
}

/// An environment variable; one that is set to nothing counts as unset.
fn variable(name: &str) -> Option<String> {
    std::env::var(name)
        .ok()
        .filter(|value| !value.trim().is_empty())
}

fn install(subscriber: Box<dyn Subscriber + Send + Sync>) -> Result<(), InitError> {
    subscriber
        .try_init()
        .map_err(|_| InitError::AlreadyInitialised)
}

/// Two types of subscriber, not one with an optional layer: an absent layer beside a filtered one
/// keeps every span's call site half enabled.
fn subscriber_of(
    variable: &dyn Fn(&str) -> Option<String>,
    provider: Option<&SdkTracerProvider>,
    scope: &str,
) -> Result<Box<dyn Subscriber + Send + Sync>, InitError> {
    let logs = log_layer(variable)?;
    Ok(match provider {
        None => Box::new(Registry::default().with(logs)),
        Some(provider) => {
            let spans =
                tracing_opentelemetry::layer().with_tracer(provider.tracer(scope.to_owned()));
            // The exporter talks about itself in log lines; as span events those would feed it its
            // own words.
            let own = filter_fn(|metadata| !metadata.target().starts_with("opentelemetry"));
            Box::new(
                Registry::default()
                    .with(logs)
                    .with(spans.with_filter(LevelFilter::INFO.and(own))),
            )
        }
    })
}

fn log_layer<S>(
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<impl Layer<S> + use<S>, InitError>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let format = match variable("WEIR_LOG_FORMAT").as_deref() {
        None | Some("human") => LineFormat::Human,
        Some("json") => LineFormat::Json,
        Some(given) => {
            return Err(InitError::LogFormat {
                given: given.to_owned(),
            });
        }
    };
    // Not `is_event`: a question such as `tracing::enabled!` is neither an event nor a span.
    let no_spans = filter_fn(|metadata| !metadata.is_span());
    Ok(tracing_subscriber::fmt::layer()
        .event_format(Lines::new(format, variable("NO_COLOR").is_none()))
        .with_writer(std::io::stderr)
        .with_filter(log_filter(variable)?.and(no_spans)))
}

fn log_filter(variable: &dyn Fn(&str) -> Option<String>) -> Result<EnvFilter, InitError> {
    for name in ["WEIR_LOG", "RUST_LOG"] {
        if let Some(given) = variable(name) {
            return EnvFilter::try_new(&given).map_err(|source| InitError::Filter {
                variable: name,
                given,
                source,
            });
        }
    }
    Ok(EnvFilter::new(DEFAULT_FILTER))
}

#[cfg(test)]
mod tests;
