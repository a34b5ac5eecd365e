//! `weir.limiter.v1.Limiter`, the limiter's own protocol, over a [`Decider`].

use std::pin::pin;
use std::sync::Arc;

use tonic::{Request, Response, Status};
use weir_proto::limiter::v1;
use weir_proto::limiter::v1::limiter_server::{Limiter, LimiterServer};

use super::decider::Decider;
use super::top::{Report, TopKey};
use super::validate;
use crate::rpc::limiter;
use crate::store::{Admin, Decide, Inspect};
use crate::wire::{
    decision_to_wire, inspection_to_wire, limit_to_wire, millis, mode_to_wire, outcome_to_wire,
};

/// The largest request the service reads: the most checks of a batch with the longest keys and
/// names, and some.
const MAX_REQUEST_BYTES: usize = 2 * 1_024 * 1_024;

/// The service.
pub(crate) struct LimiterService<S>(Arc<Decider<S>>);

/// Serves what a decider decides.
pub(crate) fn serve<S: Decide + Admin + Inspect>(
    decider: Arc<Decider<S>>,
) -> LimiterServer<LimiterService<S>> {
    LimiterServer::new(LimiterService(decider)).max_decoding_message_size(MAX_REQUEST_BYTES)
}

#[tonic::async_trait]
impl<S: Decide + Admin + Inspect> Limiter for LimiterService<S> {
    async fn check(
        &self,
        request: Request<v1::CheckRequest>,
    ) -> Result<Response<v1::CheckResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let work = async {
            let outcome = self.0.decide_one(validate::list(message)?).await?;
            Ok(outcome_to_wire(&outcome))
        };
        self.0.serve(limiter::CHECK, &metadata, pin!(work)).await
    }

    async fn check_batch(
        &self,
        request: Request<v1::CheckBatchRequest>,
    ) -> Result<Response<v1::CheckBatchResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let work = async {
            let outcomes = self.0.decide(&validate::batch(message)?).await?;
            Ok(v1::CheckBatchResponse {
                responses: outcomes.iter().map(outcome_to_wire).collect(),
            })
        };
        self.0
            .serve(limiter::CHECK_BATCH, &metadata, pin!(work))
            .await
    }

    async fn peek(
        &self,
        request: Request<v1::PeekRequest>,
    ) -> Result<Response<v1::PeekResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let work = async {
            let outcome = self.0.decide_one(vec![validate::peek(message)?]).await?;
            let decision = outcome.decisions.first().map(decision_to_wire);
            Ok(v1::PeekResponse {
                decision,
                mode: mode_to_wire(outcome.mode).into(),
            })
        };
        self.0.serve(limiter::PEEK, &metadata, pin!(work)).await
    }

    async fn reset(
        &self,
        request: Request<v1::ResetRequest>,
    ) -> Result<Response<v1::ResetResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let work = async {
            let key = validate::reset(message)?;
            let existed = self.0.reset(key).await?;
            tracing::info!(existed, "a key was reset");
            Ok(v1::ResetResponse { existed })
        };
        self.0.serve(limiter::RESET, &metadata, pin!(work)).await
    }

    async fn inspect(
        &self,
        request: Request<v1::InspectRequest>,
    ) -> Result<Response<v1::InspectResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let work = async {
            let (key, limits) = validate::inspect(message)?;
            let inspection = self.0.inspect(key.clone()).await?;
            let limits = self.0.limits_of(&key, &inspection, limits);
            Ok(inspection_to_wire(&inspection, &limits))
        };
        self.0.serve(limiter::INSPECT, &metadata, pin!(work)).await
    }

    async fn top(
        &self,
        request: Request<v1::TopRequest>,
    ) -> Result<Response<v1::TopResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let work = async { Ok(report_to_wire(&self.0.top(validate::top(message)?)?)) };
        self.0.serve(limiter::TOP, &metadata, pin!(work)).await
    }

    async fn refund(
        &self,
        request: Request<v1::RefundRequest>,
    ) -> Result<Response<v1::RefundResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let work = async {
            let refunded = self.0.refund(validate::refund(message)?).await?;
            Ok(v1::RefundResponse { refunded })
        };
        self.0.serve(limiter::REFUND, &metadata, pin!(work)).await
    }
}

fn report_to_wire(report: &Report) -> v1::TopResponse {
    v1::TopResponse {
        window_ms: millis(report.window),
        busiest: report.busiest.iter().map(top_key_to_wire).collect(),
        most_refused: report.most_refused.iter().map(top_key_to_wire).collect(),
    }
}

fn top_key_to_wire(top: &TopKey) -> v1::TopKey {
    v1::TopKey {
        key: top.subject.key.clone(),
        limit_name: top.subject.limit_name.as_ref().to_owned(),
        limit: Some(limit_to_wire(&top.subject.limit)),
        checks: top.checks.seen,
        checks_missed: top.checks.missed,
        refused: top.refused.seen,
        refused_missed: top.refused.missed,
    }
}

#[cfg(test)]
mod tests;
