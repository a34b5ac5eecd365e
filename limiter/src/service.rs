//! `weir.limiter.v1.Limiter` over any [`Store`].

pub(crate) mod connections;
mod validate;

use std::sync::Arc;

use tokio::sync::Semaphore;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status};
use tracing::{Instrument, Span, field};
use weir_proto::limiter::v1;
use weir_proto::limiter::v1::limiter_server::Limiter;
use weir_telemetry::propagation;

use crate::check::{CheckList, Outcome};
use crate::degraded::describe;
use crate::metrics::{Charged, ServiceMetrics};
use crate::rpc::{code_name, full_name};
use crate::store::{Store, StoreError};
use crate::throttle::Throttle;
use crate::wire::{decision_to_wire, mode_to_wire, outcome_to_wire};

pub(crate) use validate::{MAX_CALLS, MAX_CHECKS_PER_LIST, MAX_COST, MAX_KEY_BYTES, MAX_LIMIT_NAME_BYTES};

/// The largest request the service reads: the most checks of a batch with the longest keys and names, and some.
pub(crate) const MAX_REQUEST_BYTES: usize = 2 * 1_024 * 1_024;

/// The service. Keys appear neither in its spans nor in its logs.
pub(crate) struct LimiterService<S> {
    store: Arc<S>,
    metrics: ServiceMetrics,
    /// One permit per call in flight.
    slots: Semaphore,
    complaints: Throttle,
}

impl<S: Store> LimiterService<S> {
    pub(crate) fn new(store: Arc<S>, calls_in_flight: usize, metrics: ServiceMetrics) -> Self {
        let slots = Semaphore::new(calls_in_flight.min(Semaphore::MAX_PERMITS));
        Self { store, metrics, slots, complaints: Throttle::default() }
    }

    /// What every call has in common: its place among those in flight, its span and its count.
    async fn serve<T>(
        &self,
        method: &'static str,
        metadata: &MetadataMap,
        work: impl Future<Output = Result<T, Status>>,
    ) -> Result<Response<T>, Status> {
        let span = span(method, metadata);
        let answer = match self.slots.try_acquire() {
            Ok(_slot) => work.instrument(span.clone()).await,
            // Not RESOURCE_EXHAUSTED: nothing was evaluated, and another limiter may have room.
            Err(_) => Err(Status::unavailable("too many calls in flight: try another limiter, or later")),
        };
        let code = answer.as_ref().map_or_else(Status::code, |_| Code::Ok);
        let name = code_name(code);
        self.metrics.request(method, name);
        span.record("rpc.response.status_code", name);
        if is_our_fault(code) {
            span.record("otel.status_code", "ERROR").record("error.type", name);
        }
        answer.map(Response::new)
    }

    async fn decide(&self, lists: Vec<CheckList>) -> Result<Vec<Outcome>, Status> {
        let charged: Vec<Vec<Charged>> = lists.iter().map(|list| list.iter().map(Charged::from).collect()).collect();
        let outcomes = self.store.check(lists).await.map_err(|error| self.status(&error))?;
        for (charged, outcome) in charged.iter().zip(&outcomes) {
            self.metrics.decided(charged, outcome);
        }
        Ok(outcomes)
    }

    async fn decide_one(&self, list: CheckList) -> Result<Outcome, Status> {
        let outcome = self.decide(vec![list]).await?.pop();
        outcome.ok_or_else(|| Status::internal("the store gave no answer to one list"))
    }

    /// A failed store's status. `UNAVAILABLE` and `RESOURCE_EXHAUSTED` say that asking again may help, `INTERNAL` that an
    /// operator has to look.
    fn status(&self, error: &StoreError) -> Status {
        match error {
            StoreError::Timeout(_) | StoreError::Unavailable(_) | StoreError::Refused(_) => {
                Status::unavailable(error.to_string())
            }
            StoreError::Full => Status::resource_exhausted(error.to_string()),
            StoreError::Protocol(_) | StoreError::Config(_) => {
                // The details are for the operator, not for the caller.
                if self.complaints.may_pass() {
                    tracing::error!(error = describe(error), "the store cannot be used");
                }
                Status::internal("the store cannot be used; the limiter's log says why")
            }
        }
    }
}

#[tonic::async_trait]
impl<S: Store> Limiter for LimiterService<S> {
    async fn check(&self, request: Request<v1::CheckRequest>) -> Result<Response<v1::CheckResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let work = async { Ok(outcome_to_wire(&self.decide_one(validate::list(message)?).await?)) };
        self.serve("Check", &metadata, work).await
    }

    async fn check_batch(
        &self,
        request: Request<v1::CheckBatchRequest>,
    ) -> Result<Response<v1::CheckBatchResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let work = async {
            let outcomes = self.decide(validate::batch(message)?).await?;
            Ok(v1::CheckBatchResponse { responses: outcomes.iter().map(outcome_to_wire).collect() })
        };
        self.serve("CheckBatch", &metadata, work).await
    }

    async fn peek(&self, request: Request<v1::PeekRequest>) -> Result<Response<v1::PeekResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let work = async {
            let outcome = self.decide_one(vec![validate::peek(message)?]).await?;
            let decision = outcome.decisions.first().map(decision_to_wire);
            Ok(v1::PeekResponse { decision, mode: mode_to_wire(outcome.mode).into() })
        };
        self.serve("Peek", &metadata, work).await
    }

    async fn reset(&self, request: Request<v1::ResetRequest>) -> Result<Response<v1::ResetResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let work = async {
            let key = validate::reset(message)?;
            let existed = self.store.reset(key).await.map_err(|error| self.status(&error))?;
            tracing::info!(existed, "a key was reset");
            Ok(v1::ResetResponse { existed })
        };
        self.serve("Reset", &metadata, work).await
    }
}

/// A server span in the caller's trace. Without an exporter there is none, and this costs nothing.
fn span(method: &'static str, metadata: &MetadataMap) -> Span {
    let span = tracing::info_span!(
        "rpc",
        otel.name = full_name(method),
        otel.kind = "server",
        otel.status_code = field::Empty,
        rpc.system.name = "grpc",
        rpc.method = full_name(method),
        rpc.response.status_code = field::Empty,
        error.type = field::Empty,
    );
    propagation::set_parent(&span, metadata.as_ref());
    span
}

fn is_our_fault(code: Code) -> bool {
    matches!(code, Code::Internal | Code::Unavailable | Code::ResourceExhausted | Code::Unknown)
}
