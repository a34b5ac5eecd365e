//! One trace spans gateway → limiter → Redis and gateway → backend: spans are received by a real OTLP receiver.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::trace::v1::Span;
use tonic::{Request, Response, Status};
use weir_testkit::{Redis, eventually};

use crate::support::{ConfigDir, PATIENCE, Provider, Role, client};

/// A span and the service that sent it.
#[derive(Clone, Debug)]
struct Received {
    service: String,
    span: Span,
}

#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Vec<Received>>>);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.unwrap_or_default().attributes;
            let service = attributes
                .into_iter()
                .find(|a| a.key == "service.name")
                .and_then(|a| match a.value?.value? {
                    any_value::Value::StringValue(name) => Some(name),
                    _ => None,
                })
                .unwrap_or_default();
            let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.0.lock().unwrap().extend(spans.map(|span| Received { service: service.clone(), span }));
        }
        Ok(Response::new(ExportTraceServiceResponse { partial_success: None }))
    }
}

impl Receiver {
    async fn start() -> (Self, String) {
        let receiver = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        let service = TraceServiceServer::new(receiver.clone());
        tokio::spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));
        (receiver, url)
    }

    fn of_trace(&self, trace_id: &str) -> Vec<Received> {
        let wanted = |r: &&Received| hex(&r.span.trace_id) == trace_id;
        self.0.lock().unwrap().iter().filter(wanted).cloned().collect()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The services on the way from the root to `span`, the span's own last; repeats left out.
fn path_of(spans: &[Received], span: &Received) -> Vec<String> {
    let by_id: HashMap<&[u8], &Received> = spans.iter().map(|r| (&r.span.span_id[..], r)).collect();
    let mut path = Vec::new();
    let mut at = Some(span);
    while let Some(received) = at {
        if path.last() != Some(&received.service) {
            path.push(received.service.clone());
        }
        at = by_id.get(&received.span.parent_span_id[..]).copied();
    }
    path.reverse();
    path
}

fn is_redis(received: &Received) -> bool {
    received.span.attributes.iter().any(|a| {
        let redis = any_value::Value::StringValue("redis".into());
        a.key.starts_with("db.system") && a.value.as_ref().is_some_and(|v| v.value == Some(redis))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_spans_every_role() {
    let (receiver, endpoint) = Receiver::start().await;
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "100")];
    let redis = Redis::start();
    let provider = Provider::start().await;
    let config = ConfigDir::scenario();
    let limiter = Role::start_with("limiter", &["--store", &redis.url()], &environment).await;
    let discovery = provider.discovery();
    let backend = Role::start_with("backend", &["--openid-config", &discovery], &environment).await;
    let arguments = [
        "--config",
        config.as_str(),
        "--limiter",
        limiter.url(),
        &format!("--named-value=backend-url={}/api", backend.url()),
        &format!("--named-value=openid-config-url={discovery}"),
    ];
    let gateway = Role::start_with("gateway", &arguments, &environment).await;

    // The caller's own trace goes on through weir.
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let response = client()
        .get(format!("{}/hello", gateway.url()))
        .bearer_auth(provider.sign(&provider.claims("alice")))
        .header("traceparent", format!("00-{trace_id}-00f067aa0ba902b7-01"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);

    let services = |spans: &[Received]| {
        let has = |service: &str| spans.iter().any(|r| r.service == service);
        has("weir-gateway") && has("weir-limiter") && has("weir-backend") && spans.iter().any(is_redis)
    };
    eventually(PATIENCE, || async { services(&receiver.of_trace(trace_id)) }).await;
    // The root ends last; wait for it too, so that every path is whole.
    let root = |r: &Received| hex(&r.span.parent_span_id) == "00f067aa0ba902b7";
    eventually(PATIENCE, || async { receiver.of_trace(trace_id).iter().any(root) }).await;

    let spans = receiver.of_trace(trace_id);
    let redis_span = spans.iter().find(|r| is_redis(r)).unwrap();
    assert_eq!(path_of(&spans, redis_span), ["weir-gateway", "weir-limiter"], "{spans:#?}");
    let backend_span = spans.iter().find(|r| r.service == "weir-backend").unwrap();
    assert_eq!(path_of(&spans, backend_span), ["weir-gateway", "weir-backend"], "{spans:#?}");
    // A counter key can be a credential or an address: no span carries one.
    let text = format!("{spans:?}");
    assert!(!text.contains("alice"), "{text}");
}
