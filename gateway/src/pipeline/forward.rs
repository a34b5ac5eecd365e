//! `forward-request`: asks the backend and takes its answer as `context.Response`.

use std::time::Instant;

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Request, StatusCode};
use tracing::Instrument as _;
use weir_policy::context::Response;
use weir_policy::plan::ForwardRequest;

use super::{Exchange, Stop};
use crate::errors::Failure;
use crate::forwarding::{self, Received};
use crate::proxy::body::{Payload, RequestBody};
use crate::trace::Trace;

impl Exchange<'_> {
    pub(super) async fn forward(&mut self, policy: &ForwardRequest) -> Result<(), Stop> {
        let timeout = *policy.timeout.get(&self.context)?;
        let Some(base) = self.target.base.clone() else {
            let detail = "no backend: set the API's serviceUrl or use set-backend-service";
            return Err(Failure::internal("BackendNotFound", detail).into());
        };
        self.check_length()?;
        let url = base.upstream_url(&self.context.request.url);
        let url = url.map_err(|error| Failure::internal("InvalidUrl", error.to_string()))?;
        let host = self.backend_host.as_ref().unwrap_or(&base.host);
        let span = self.trace.upstream_span(host);

        let seen = &mut self.context.request.headers;
        let mut headers = if self.route.reads_request_later { seen.clone() } else { std::mem::take(seen) };
        let received = Received { peer: self.peer, host: self.host.as_ref() };
        forwarding::to_backend(&mut headers, &received, host);
        for (name, value) in &base.headers {
            headers.insert(name.clone(), value.clone());
        }
        Trace::propagate(&span, &mut headers);

        let limits = &self.gateway.clients;
        let mut request = Request::new(RequestBody::new(self.body.take(), limits.body_bytes, limits.stall_timeout));
        *request.method_mut() = self.context.request.method.clone();
        *request.uri_mut() = url;
        *request.headers_mut() = headers;
        self.commit_deferred();
        let started = Instant::now();
        let answer = self.gateway.proxy.call(request, timeout).instrument(span.clone()).await;
        let counters = self.gateway.counters();
        let response = answer.map_err(|error| {
            counters.upstream_failed(error.fault);
            if !span.is_disabled() {
                span.record("error.type", tracing::field::debug(error.fault));
            }
            error.failure
        })?;
        counters.route(self.route.meter).upstream_answered(started.elapsed());
        if !span.is_disabled() {
            span.record("http.response.status_code", response.status().as_u16());
        }
        let (mut parts, body) = response.into_parts();
        forwarding::clean_response(&mut parts.headers);
        let status = parts.status;
        self.context.response = Some(Response { status, reason: None, headers: parts.headers });
        self.payload = Payload::Upstream(body);
        let failed = policy.fail_on_error_status && (status.is_client_error() || status.is_server_error());
        if failed { Err(unsuccessful(status).into()) } else { Ok(()) }
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
