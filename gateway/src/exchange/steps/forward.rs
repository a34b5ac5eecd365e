//! `forward-request`: asks the backend and takes its answer as `context.Response`.

use std::time::Instant;

use http::header::CONTENT_LENGTH;
use http::uri::Scheme;
use http::{HeaderMap, Request, StatusCode};
use tracing::{Instrument as _, Span};
use weir_policy::context::Response;
use weir_policy::plan::ForwardRequest;

use crate::exchange::forwarding::{self, Received};
use crate::exchange::{Exchange, Stop};
use crate::failure::Failure;
use crate::metrics::fault_name;
use crate::upstream::body::{Payload, RequestBody};
use crate::upstream::target::CallTerms;

impl Exchange<'_> {
    pub(in crate::exchange) async fn forward(
        &mut self,
        policy: &ForwardRequest,
    ) -> Result<(), Stop> {
        let timeout = *policy.timeout.get(&self.context)?;
        let Some(base) = self.target.base.clone() else {
            let detail = "no backend: set the API's serviceUrl or use set-backend-service";
            return Err(Failure::internal("BackendNotFound", detail).into());
        };
        self.check_length()?;
        let url = base.upstream_url(&self.context.request.url);
        let url = url.map_err(|error| Failure::internal("InvalidUrl", error.to_string()))?;
        let terms = CallTerms {
            certificate: self.certificate.clone(),
            only_http1: policy.only_http1,
        };
        let destination = base.destination(&self.gateway.client, &self.gateway.tls_files, &terms);
        let host = self.backend_host.as_ref().unwrap_or(&base.host);
        let span = self.trace.upstream_span(&self.context.request.method, &url);

        let seen = &mut self.context.request.headers;
        let mut headers = if self.route.reads_request_later {
            seen.clone()
        } else {
            std::mem::take(seen)
        };
        let received = Received {
            peer: self.peer,
            scheme: self
                .context
                .request
                .original_url
                .scheme()
                .unwrap_or(&Scheme::HTTP),
            host: self.host.as_ref(),
        };
        forwarding::to_backend(&mut headers, &received, host);
        for (name, value) in &base.headers {
            headers.insert(name.clone(), value.clone());
        }
        self.trace.propagate(&span, &mut headers);

        let limits = &self.gateway.clients;
        let mut request = Request::new(RequestBody::new(
            self.body.take(),
            limits.body_bytes,
            limits.connections.stall_timeout,
        ));
        *request.method_mut() = self.context.request.method.clone();
        *request.uri_mut() = url;
        *request.headers_mut() = headers;
        self.commit_deferred();
        let started = Instant::now();
        let answer = self
            .gateway
            .client
            .call(&destination, request, timeout)
            .instrument(span.clone())
            .await;
        let counters = self.gateway.counters();
        let response = answer.map_err(|error| {
            counters.upstream_failed(error.fault);
            span.record("error.type", fault_name(error.fault))
                .record("otel.status_code", "ERROR");
            error.failure
        })?;
        counters
            .route(self.route.meter)
            .upstream_answered(started.elapsed());
        record(&span, &response);
        drop(span);
        let (mut parts, body) = response.into_parts();
        forwarding::clean_response(&mut parts.headers);
        let status = parts.status;
        self.context.response = Some(Response {
            status,
            reason: None,
            headers: parts.headers,
        });
        self.payload = Payload::Upstream(body);
        let failed =
            policy.fail_on_error_status && (status.is_client_error() || status.is_server_error());
        if failed {
            Err(unsuccessful(status).into())
        } else {
            Ok(())
        }
    }

    /// A body that says that it is too long is refused before the backend hears of it.
    fn check_length(&self) -> Result<(), Box<Failure>> {
        let limit = self.gateway.clients.body_bytes;
        match content_length(&self.context.request.headers) {
            Some(length) if length > limit => Err(Failure::body_too_large()),
            _ => Ok(()),
        }
    }
}

/// What a client span says of an answer: unlike on the server's side, 4xx is an error as well.
fn record<B>(span: &Span, response: &http::Response<B>) {
    let status = response.status();
    if response.version() == http::Version::HTTP_2 {
        span.record("network.protocol.version", "2");
    }
    span.record("http.response.status_code", status.as_u16());
    if status.is_client_error() || status.is_server_error() {
        span.record("error.type", status.as_str())
            .record("otel.status_code", "ERROR");
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The answer of the backend stays as it is; `on-error` runs.
fn unsuccessful(status: StatusCode) -> Box<Failure> {
    let detail = format!("The backend answered with status {status}.");
    let mut failure = Failure::new(status, "BackendErrorStatus", detail);
    failure.keeps_response = true;
    failure
}
