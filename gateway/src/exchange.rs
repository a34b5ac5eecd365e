//! Runs the plan of one request: inbound, backend, outbound; on-error after a failure anywhere.
//!

pub(crate) mod arrival;
pub(crate) mod cors;
mod describe;
mod finish;
pub(crate) mod forwarding;
mod span;
mod steps;
pub(crate) mod trace;

use std::sync::Arc;

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::body::Incoming;
use weir_policy::Context;
use weir_policy::context::{LastError, Response};
use weir_policy::plan::{Origin, Section};

use crate::compiled::Gateway;
use crate::compiled::route::Route;
use crate::compiled::router::Parameters;
use crate::exchange::arrival::{Arrival, only};
use crate::exchange::cors::Grant;
use crate::exchange::trace::Trace;
use crate::failure::Failure;
use crate::upstream::body::Payload;
use crate::upstream::target::Target;
use crate::upstream::tls::ClientCertificate;

/// The finished answer to a request.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// The reason phrase a policy chose.
    pub(crate) reason: Option<Arc<str>>,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Payload,
}

/// Why the steps of a section did not run to their end.
#[derive(Debug)]
enum Stop {
    /// A step answered the request; that is no error.
    Answered,
    /// A step failed; `Origin` says where.
    Failed(Box<Failure>),
}

impl From<Box<Failure>> for Stop {
    fn from(failure: Box<Failure>) -> Self {
        Self::Failed(failure)
    }
}

impl From<weir_policy::EvaluationError> for Stop {
    fn from(error: weir_policy::EvaluationError) -> Self {
        Self::Failed(error.into())
    }
}

/// One request while its plan runs.
pub(crate) struct Exchange<'g> {
    gateway: &'g Gateway,
    route: &'g Route,
    context: Context,
    /// The request's body until it is forwarded.
    body: Option<Incoming>,
    /// The answer's body; the rest of the answer is `context.response`.
    payload: Payload,
    target: Target,
    peer: std::net::IpAddr,
    /// The host that was asked for.
    host: Option<HeaderValue>,
    /// The certificate a policy chose to show to the backend.
    certificate: Option<Arc<ClientCertificate>>,
    /// The `Host` a policy chose for the backend.
    backend_host: Option<HeaderValue>,
    origin: Option<HeaderValue>,
    grant: Option<Grant<'g>>,
    limits: steps::LimitState<'g>,
    /// The step that runs, for errors.
    at: Option<&'g Origin>,
    trace: Trace,
}

impl<'g> Exchange<'g> {
    pub(crate) fn new(
        gateway: &'g Gateway,
        route: &'g Route,
        mut arrival: Arrival,
        target: Target,
        parameters: Parameters,
        body: Option<Incoming>,
        trace: Trace,
    ) -> Self {
        let headers = std::mem::take(&mut arrival.headers);
        let asked = arrival
            .parts
            .uri
            .authority()
            .and_then(|a| HeaderValue::from_str(a.as_str()).ok());
        let host = asked.or_else(|| headers.get(HOST).cloned());
        let origin = only(&headers, &ORIGIN).cloned();
        let path = arrival.parts.uri.path_and_query().cloned();
        let path = path.unwrap_or_else(|| http::uri::PathAndQuery::from_static("/"));
        let context = gateway.context(route, &arrival, headers, parameters, &path);
        Self {
            gateway,
            route,
            context,
            body,
            payload: Payload::Empty,
            target,
            peer: arrival.peer,
            host,
            certificate: None,
            backend_host: None,
            origin,
            grant: None,
            limits: steps::LimitState::default(),
            at: None,
            trace,
        }
    }

    /// Runs the plan to an answer.
    pub(crate) async fn run(mut self) -> Answer {
        let result = match self.prepare() {
            Ok(()) => self.sections().await,
            Err(stop) => Err(stop),
        };
        if let Err(Stop::Failed(failure)) = result {
            self.fail(failure).await;
        }
        self.finish().await
    }

    /// Answers with a failure that came before any policy.
    pub(crate) async fn run_failed(mut self, failure: Box<Failure>) -> Answer {
        // The failure at hand is the better news than one of the cors policy.
        let _ = self.prepare();
        self.fail(failure).await;
        self.finish().await
    }

    /// What holds before the first step: who may read the answer, and where the request would go.
    fn prepare(&mut self) -> Result<(), Stop> {
        if let (Some(cors), Some(origin)) = (&self.route.plan.cors, &self.origin) {
            self.grant = cors::grant(cors, origin, &self.context)?;
        }
        self.aim()
    }

    async fn sections(&mut self) -> Result<(), Stop> {
        let plan = &*self.route.plan;
        self.steps(&plan.inbound).await?;
        self.steps(&plan.backend).await?;
        // Nothing was forwarded: the answer is an empty 200.
        self.context.response.get_or_insert_with(empty_response);
        self.steps(&plan.outbound).await
    }

    /// Turns the answer into that of a failure, then lets `on-error` change it.
    async fn fail(&mut self, failure: Box<Failure>) {
        self.report(&failure);
        if !failure.keeps_response || self.context.response.is_none() {
            let response = self.context.response.get_or_insert_with(empty_response);
            response.status = failure.status;
            response.reason = None;
            self.payload =
                Payload::Full(failure.render(self.context.request_id, &mut response.headers));
        }
        let steps = &self.route.plan.on_error;
        if steps.is_empty() {
            return;
        }
        self.context.last_error = Some(last_error(&failure, self.at));
        if let Err(Stop::Failed(second)) = self.steps(steps).await {
            // The first error is the one to tell; the second goes to the operator.
            self.report(&second);
        }
    }

    fn report(&self, failure: &Failure) {
        let policy = self.at.map_or("configuration", |at| at.policy);
        let (activity, reason) = (self.context.request_id, &failure.reason);
        let limit = failure.limit.as_deref();
        if failure.limit.is_none() {
            self.gateway.counters().refused(policy);
        }
        if !self.trace.span.is_disabled() {
            let span = &self.trace.span;
            span.record("weir.refused_by", policy)
                .record("weir.refused_reason", &**reason);
            span.record("weir.refused_limit", limit);
        }
        if failure.status.is_server_error() {
            let (place, detail) = (self.at.map(|at| (&at.file, at.position)), &failure.detail);
            tracing::warn!(%activity, policy, ?place, %reason, %detail, "a request failed");
        } else {
            // Without the detail: it may repeat a header's or a claim's value.
            tracing::debug!(%activity, policy, %reason, limit, "a request was refused");
        }
    }
}

fn empty_response() -> Response {
    Response {
        status: StatusCode::OK,
        reason: None,
        headers: HeaderMap::new(),
    }
}

/// `context.LastError`. A failure before the first step is that of the built-in step
/// `configuration`.
fn last_error(failure: &Failure, at: Option<&Origin>) -> LastError {
    LastError {
        source: at.map_or("configuration", |at| at.policy).into(),
        reason: Some((&*failure.reason).into()),
        message: (&*failure.detail).into(),
        scope: at.map(|at| at.scope.as_str().into()),
        section: at.map(|at| at.section.as_str().into()),
        path: at.map(|at| at.path.clone()),
        policy_id: at.and_then(|at| at.id.clone()),
    }
}

/// Whether a section changes the answer rather than the request.
fn changes_response(section: Section) -> bool {
    matches!(section, Section::Outbound | Section::OnError)
}
