//! Spans and log lines of a real process, sent to a real gRPC collector.
//!
//! Telemetry is set up once per process and from its environment, so each case runs [`child`] in a
//! process of its own: this test binary again.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::process::{Output, Stdio};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};
use weir_testkit::Certificates;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PATIENCE: Duration = Duration::from_secs(60);

/// What a role does, in small: one request with a parent, one log line in it, one outgoing call.
#[test]
#[ignore = "the other tests run it, in processes of their own"]
fn child() {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let guard = weir_telemetry::init("weir-default-name").unwrap();
        assert!(matches!(
            weir_telemetry::init("twice"),
            Err(weir_telemetry::InitError::AlreadyInitialised)
        ));
        let mut headers = http::HeaderMap::new();
        headers.insert(
            "traceparent",
            format!("00-{TRACE}-00f067aa0ba902b7-01").parse().unwrap(),
        );
        let span = tracing::info_span!("request", otel.kind = "server", http.route = "/api/hello");
        weir_telemetry::propagation::set_parent(&span, &headers);
        span.in_scope(|| {
            tracing::info!(answer = 42, "inside {}", "braces {}");
            weir_telemetry::propagation::inject_current(&mut headers);
        });
        drop(span);
        let sent = headers["traceparent"].to_str().unwrap();
        tracing::info!(
            enabled = weir_telemetry::propagation::enabled(),
            "outside, sent {sent}"
        );
        guard.shutdown();
    });
}

async fn run_child(variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "child", "--nocapture"])
        .kill_on_drop(true)
        .stdin(Stdio::null());
    for (name, _) in
        std::env::vars().filter(|(name, _)| name.starts_with("OTEL_") || name.contains("_LOG"))
    {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    tokio::time::timeout(PATIENCE, command.output())
        .await
        .expect("the child ends by itself")
        .unwrap()
}

fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

struct Collector(mpsc::UnboundedSender<ExportTraceServiceRequest>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0
            .send(request.into_inner())
            .map_err(|_| Status::unavailable("the test has ended"))?;
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn collector() -> (
    SocketAddr,
    mpsc::UnboundedReceiver<ExportTraceServiceRequest>,
) {
    collector_on(Server::builder()).await
}

async fn collector_on(
    mut server: Server,
) -> (
    SocketAddr,
    mpsc::UnboundedReceiver<ExportTraceServiceRequest>,
) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::unbounded_channel();
    let server = server.add_service(TraceServiceServer::new(Collector(sender)));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    (address, receiver)
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match attributes
        .iter()
        .find(|attribute| attribute.key == key)?
        .value
        .as_ref()?
        .value
        .as_ref()?
    {
        any_value::Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The exporter's words: resource attributes and the one span.
fn only_span(mut exported: ExportTraceServiceRequest) -> (Vec<KeyValue>, Span) {
    let mut resource = exported.resource_spans.remove(0);
    let span = resource.scope_spans.remove(0).spans.remove(0);
    assert!(exported.resource_spans.is_empty() && resource.scope_spans.is_empty());
    (resource.resource.unwrap().attributes, span)
}

#[tokio::test]
async fn a_span_reaches_the_collector_before_the_process_ends() {
    let (address, mut received) = collector().await;
    let output = run_child(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}"))]).await;
    let (resource, span) = only_span(received.recv().await.unwrap());
    assert_eq!(text(&resource, "service.name"), Some("weir-default-name"));
    assert_eq!(span.name, "request");
    assert_eq!(hex(&span.trace_id), TRACE);
    assert_eq!(hex(&span.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(text(&span.attributes, "http.route"), Some("/api/hello"));

    let id = hex(&span.span_id);
    let lines = lines(&output);
    let inside = lines
        .iter()
        .find(|line| line.contains("inside braces {}"))
        .unwrap();
    assert!(
        inside.ends_with(&format!("answer=42 trace_id={TRACE} span_id={id}")),
        "{inside}"
    );
    let outside = lines.iter().find(|line| line.contains("outside")).unwrap();
    assert!(
        outside.contains(&format!("sent 00-{TRACE}-{id}-01")) && outside.contains("enabled=true"),
        "{outside}"
    );
    assert!(!outside.contains("trace_id="), "{outside}");
}

/// A collector in TLS; with `asks` it wants a certificate of the same authority.
async fn secure_collector(
    authority: &Certificates,
    asks: bool,
) -> (String, mpsc::UnboundedReceiver<ExportTraceServiceRequest>) {
    let server = authority.server(&["localhost"]);
    let mut tls =
        ServerTlsConfig::new().identity(Identity::from_pem(server.certificate, server.key));
    if asks {
        tls = tls.client_ca_root(Certificate::from_pem(authority.authority()));
    }
    let (address, received) = collector_on(Server::builder().tls_config(tls).unwrap()).await;
    (format!("https://localhost:{}", address.port()), received)
}

#[tokio::test]
async fn a_span_reaches_a_collector_in_tls_whose_authority_is_named() {
    let authority = Certificates::new();
    let file = authority.authority_file();
    for variable in [
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
    ] {
        let (url, mut received) = secure_collector(&authority, false).await;
        let believed = (variable, file.to_str().unwrap());
        let output = run_child(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &*url), believed]).await;
        lines(&output);
        assert_eq!(only_span(received.recv().await.unwrap()).1.name, "request");
    }
}

#[tokio::test]
async fn a_collector_that_asks_is_shown_the_certificate() {
    let authority = Certificates::new();
    let (url, mut received) = secure_collector(&authority, true).await;
    let client = authority.client("weir");
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (certificate, key) = (
        write("client.pem", &client.certificate),
        write("client.key", &client.key),
    );
    let file = authority.authority_file();
    let output = run_child(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*url),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", file.to_str().unwrap()),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", &*certificate),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", &*key),
    ])
    .await;
    lines(&output);
    assert_eq!(only_span(received.recv().await.unwrap()).1.name, "request");
}

/// The machine does not know the test's authority.
#[tokio::test]
async fn a_collector_of_an_unknown_authority_gets_no_span() {
    let (url, mut received) = secure_collector(&Certificates::new(), false).await;
    let other = Certificates::new();
    let file = other.authority_file();
    let output = run_child(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*url),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", file.to_str().unwrap()),
    ])
    .await;
    lines(&output);
    assert!(received.try_recv().is_err());
}

#[tokio::test]
async fn json_lines_are_json_and_the_environment_names_the_service() {
    let (address, mut received) = collector().await;
    let output = run_child(&[
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            &format!("http://{address}"),
        ),
        ("OTEL_SERVICE_NAME", "gateway-eu"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment.name=test",
        ),
        ("WEIR_LOG_FORMAT", "json"),
    ])
    .await;
    let (resource, span) = only_span(received.recv().await.unwrap());
    assert_eq!(text(&resource, "service.name"), Some("gateway-eu"));
    assert_eq!(text(&resource, "deployment.environment.name"), Some("test"));

    let lines: Vec<serde_json::Value> = lines(&output)
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let [inside, outside] = lines.as_slice() else {
        panic!("two lines in {output:?}")
    };
    assert_eq!(inside["message"], "inside braces {}");
    assert_eq!(inside["answer"], 42);
    assert_eq!(inside["level"], "INFO");
    assert_eq!(inside["trace_id"], TRACE);
    assert_eq!(inside["span_id"], hex(&span.span_id));
    assert!(outside.get("trace_id").is_none());
}

#[tokio::test]
async fn an_unsampled_span_is_neither_exported_nor_named_in_logs() {
    let (address, mut received) = collector().await;
    let output = run_child(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}")),
        ("OTEL_TRACES_SAMPLER", "always_off"),
    ])
    .await;
    let lines = lines(&output);
    assert!(
        lines
            .iter()
            .any(|line| line.ends_with("inside braces {} answer=42")),
        "{lines:?}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.contains(TRACE) && line.contains("-00")),
        "passed on as unsampled: {lines:?}"
    );
    assert!(received.try_recv().is_err());
}

#[tokio::test]
async fn without_a_collector_the_callers_trace_passes_untouched() {
    let lines = lines(&run_child(&[]).await);
    let outside = lines.iter().find(|line| line.contains("outside")).unwrap();
    assert!(
        outside.contains(&format!("sent 00-{TRACE}-00f067aa0ba902b7-01")),
        "{outside}"
    );
    assert!(outside.contains("enabled=false"), "{outside}");
}

#[tokio::test]
async fn a_collector_that_never_answers_does_not_hold_up_the_end() {
    // Accepted by the system, read by nobody.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let output = run_child(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "600000"),
    ])
    .await;
    let lines = lines(&output);
    assert!(
        lines
            .iter()
            .any(|line| line.contains("the last spans could not be exported")),
        "{lines:?}"
    );
}
