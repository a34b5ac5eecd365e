//! A real OTLP receiver: what it was sent, by trace.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use tonic::{Request, Response, Status};
use weir_testkit::eventually;

use super::PATIENCE;

/// A span and the service that sent it.
#[derive(Clone, Debug)]
pub struct Received {
    pub service: String,
    pub span: Span,
}

impl Received {
    /// An attribute as text.
    pub fn get(&self, key: &str) -> Option<String> {
        text(&self.span.attributes, key)
    }

    /// Whether it carries an error.
    pub fn is_error(&self) -> bool {
        self.span
            .status
            .as_ref()
            .is_some_and(|status| status.code == 2)
    }
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    match attributes
        .iter()
        .find(|a| a.key == key)?
        .value
        .clone()?
        .value?
    {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        Value::BoolValue(flag) => Some(flag.to_string()),
        other => Some(format!("{other:?}")),
    }
}

/// Keeps every span it is sent.
#[derive(Clone, Default)]
pub struct Receiver(Arc<Mutex<Vec<Received>>>);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.unwrap_or_default().attributes;
            let service = text(&attributes, "service.name").unwrap_or_default();
            let spans = resource
                .scope_spans
                .into_iter()
                .flat_map(|scope| scope.spans);
            self.0.lock().unwrap().extend(spans.map(|span| Received {
                service: service.clone(),
                span,
            }));
        }
        Ok(Response::new(ExportTraceServiceResponse {
            partial_success: None,
        }))
    }
}

impl Receiver {
    /// Listens on a free port; the URL for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub async fn start() -> (Self, String) {
        let receiver = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        let service = TraceServiceServer::new(receiver.clone());
        tokio::spawn(
            tonic::transport::Server::builder()
                .add_service(service)
                .serve_with_incoming(incoming),
        );
        (receiver, url)
    }

    /// Whether anything was sent yet.
    pub fn has_any(&self) -> bool {
        !self.0.lock().unwrap().is_empty()
    }

    /// What there is of a trace, in the order in which spans began.
    pub fn spans(&self, trace: &str) -> Trace {
        let wanted = |r: &&Received| hex(&r.span.trace_id) == trace;
        let mut spans: Vec<Received> = self
            .0
            .lock()
            .unwrap()
            .iter()
            .filter(wanted)
            .cloned()
            .collect();
        spans.sort_by_key(|r| r.span.start_time_unix_nano);
        Trace(spans)
    }

    /// The trace, once `complete` holds for it.
    pub async fn trace(&self, trace: &str, complete: impl Fn(&Trace) -> bool) -> Trace {
        eventually(PATIENCE, || async { complete(&self.spans(trace)) }).await;
        self.spans(trace)
    }
}

/// The spans of one trace.
#[derive(Debug)]
pub struct Trace(pub Vec<Received>);

impl Trace {
    /// The only span of `service` of this kind (2: server, 3: client).
    pub fn only(&self, service: &str, kind: i32) -> &Received {
        let found: Vec<_> = self
            .0
            .iter()
            .filter(|r| r.service == service && r.span.kind == kind)
            .collect();
        assert_eq!(found.len(), 1, "{service} {kind} in {:#?}", self.0);
        found[0]
    }

    /// Whether `service` has sent its server span, which ends last.
    pub fn has(&self, service: &str) -> bool {
        self.0
            .iter()
            .any(|r| r.service == service && r.span.kind == 2)
    }

    /// Whether only the root's parent is missing: spans of one trace come in several batches.
    pub fn is_whole(&self) -> bool {
        let ids: Vec<&[u8]> = self.0.iter().map(|r| &r.span.span_id[..]).collect();
        self.0
            .iter()
            .filter(|r| !ids.contains(&&r.span.parent_span_id[..]))
            .count()
            == 1
    }

    /// The spans directly under `parent`.
    pub fn children(&self, parent: &Received) -> Vec<&Received> {
        self.0
            .iter()
            .filter(|r| r.span.parent_span_id == parent.span.span_id)
            .collect()
    }

    /// Names from the root to `span`, its own last.
    pub fn path(&self, span: &Received) -> Vec<&str> {
        let by_id: HashMap<&[u8], &Received> =
            self.0.iter().map(|r| (&r.span.span_id[..], r)).collect();
        let mut path = Vec::new();
        let mut at = by_id.get(&span.span.span_id[..]).copied();
        while let Some(received) = at {
            path.push(&*received.span.name);
            at = by_id.get(&received.span.parent_span_id[..]).copied();
        }
        path.reverse();
        path
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
