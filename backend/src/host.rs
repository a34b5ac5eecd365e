//! One request from its head to its answer.
//!
//! The order of the checks is the platform's, and callers can tell: a wrong address learns nothing
//! but that, a missing token hides which functions exist, and a wrong route is 404 with or without
//! a key.

mod body;
mod capacity;
mod keys;
mod metrics;
mod path;
mod refusal;
pub(crate) mod routes;
mod trace;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;
use weir_serve::Peer;
use weir_telemetry::Ops;
use weir_token::Providers;

use crate::access::{AccessRestrictions, Rule};
use crate::config::Config;
use crate::easy_auth::{self, EasyAuth};
use crate::error::Error;
use crate::function::{Function, Invocation};
use capacity::Capacity;
use keys::Keys;
use metrics::Metrics;
pub(crate) use path::Path;
pub(crate) use refusal::Refusal;
use routes::Routes;

/// Everything a request needs; shared by all connections.
pub(crate) struct Host {
    access: AccessRestrictions,
    easy_auth: EasyAuth,
    routes: Routes,
    keys: Keys,
    capacity: Capacity,
    metrics: Metrics,
    body_limits: body::Limits,
    function_time: Duration,
}

impl Host {
    pub(crate) fn new(config: &Config, providers: &Providers, ops: &Ops) -> Result<Self, Error> {
        let mut rules = config.rules.clone();
        if !config.allow.is_empty() {
            rules.push(Rule::allow(config.allow.clone()));
        }
        let limits = &config.limits;
        Ok(Self {
            access: AccessRestrictions::new(rules, config.unmatched),
            easy_auth: EasyAuth::new(config, providers)?,
            routes: Routes::new(&config.functions)?,
            keys: Keys::new(&config.function_keys, config.master_key.as_ref())?,
            capacity: Capacity::new(limits.executing, limits.outstanding),
            metrics: Metrics::new(ops),
            body_limits: body::Limits {
                bytes: limits.body_bytes,
                time: limits.body_time,
            },
            function_time: limits.function_time,
        })
    }

    async fn handle(
        &self,
        peer: IpAddr,
        request: Request<Incoming>,
    ) -> Result<Response<Bytes>, Refusal> {
        let (mut parts, body) = request.into_parts();
        // Before anything else, on every path: what only the host may say.
        easy_auth::strip_identity(&mut parts.headers);
        if !self.access.allows(peer, &parts.headers) {
            return Err(Refusal::Address(peer));
        }
        let path = Path::decode(parts.uri.path());
        let principal = self.easy_auth.authenticate(path.as_ref(), &parts).await?;
        if let Some(principal) = &principal {
            principal.write_to(&mut parts.headers);
        }
        let path = path.ok_or(Refusal::NotFound)?;
        if path.is_root() {
            return Ok(refusal::empty(http::StatusCode::NO_CONTENT));
        }
        let (function, parameters) = self
            .routes
            .find(&parts.method, &path)
            .ok_or(Refusal::NotFound)?;
        trace::record_route(&parts.method, function);
        if !self.keys.open(function.level, &parts) {
            return Err(Refusal::Key);
        }
        let _place = self.capacity.enter().ok_or(Refusal::Overloaded)?;
        let body = body::read(body, &self.body_limits).await?;
        let _running = self.capacity.run().await;
        let Parts {
            method,
            uri,
            headers,
            ..
        } = parts;
        self.run(
            function,
            Invocation {
                method,
                uri,
                headers,
                parameters,
                principal,
                body,
            },
        )
        .await
    }

    /// Runs the function on a task of its own: a panic in it is its own 500, and a caller that goes
    /// away, or a function that takes too long, ends the task.
    async fn run(
        &self,
        function: &Function,
        invocation: Invocation,
    ) -> Result<Response<Bytes>, Refusal> {
        let started = Instant::now();
        let task =
            AbortOnDropHandle::new(tokio::spawn(function.call(invocation).in_current_span()));
        let ended = tokio::time::timeout(self.function_time, task).await;
        self.metrics.ran(function.name, started.elapsed());
        match ended {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                tracing::error!(function = function.name, %error, "the function panicked");
                Err(Refusal::Failed)
            }
            Err(_) => {
                tracing::warn!(function = function.name, limit = ?self.function_time, "the function took too long");
                Err(Refusal::TookTooLong)
            }
        }
    }
}

impl weir_serve::Service for Host {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<Incoming>, peer: &Peer) -> Response<Full<Bytes>> {
        let peer = peer.ip();
        let span = trace::request_span(&request, peer);
        let _in_flight = self.metrics.in_flight();
        let outcome = self.handle(peer, request).instrument(span.clone()).await;
        self.metrics.count(outcome.as_ref().err());
        let response = outcome.unwrap_or_else(|refusal| {
            tracing::debug!(parent: &span, %peer, %refusal, "refused");
            refusal.into_response()
        });
        trace::record_status(&span, response.status());
        response.map(Full::new)
    }
}
