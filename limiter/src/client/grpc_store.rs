//! Limiters in the place of a store.
//!
//! Every call goes to the limiter with the fewest calls in flight, and to another one, up to two
//! more, if that brought no answer, unless it says that the request is wrong. When nothing is heard
//! of a limiter for half of the time, the call is made on a fresh connection as well, to another
//! limiter if there is one, and the first answer counts. Those that do not answer are left out
//! until a probe finds them back.

use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use weir_proto::limiter::v1;
use weir_proto::limiter::v1::limiter_client::LimiterClient;
use weir_telemetry::propagation;

use super::address::EndpointError;
use super::endpoint::{CallError, Endpoint, EndpointMetrics};
use super::members::Members;
use super::resolve::Resolve;
use crate::check::{Check, CheckList, Outcome};
use crate::error::StoreError;
use crate::rpc::{Method, limiter};
use crate::store::{Admin, Decide, Refund};
use crate::wire::{check_to_wire, outcome_from_wire, refund_to_wire};

/// Limiters one call may be made on: when several die together, a third may be well.
const MOST_TRIES: usize = 3;

/// The limiters to choose from.
#[derive(Debug)]
pub(super) struct GrpcStore {
    members: Members,
    timeout: Duration,
    /// Where the next choice starts to look, so that equally loaded limiters take turns.
    turn: AtomicUsize,
}

impl GrpcStore {
    pub(super) fn new(
        given: &[String],
        timeout: Duration,
        resolver: Arc<dyn Resolve>,
        metrics: EndpointMetrics,
    ) -> Result<Self, EndpointError> {
        let members = Members::new(given, timeout, resolver, metrics)?;
        Ok(Self {
            members,
            timeout,
            turn: AtomicUsize::new(0),
        })
    }

    /// The least loaded limiter that is up, if possible none of those `tried`, and none that is
    /// suspected.
    fn choose<'a>(
        &self,
        members: &'a [Arc<Endpoint>],
        tried: &[SocketAddr],
    ) -> Option<&'a Arc<Endpoint>> {
        let start = self.turn.fetch_add(1, Ordering::Relaxed) % members.len().max(1);
        let (before, after) = members.split_at(start);
        after
            .iter()
            .chain(before)
            .filter(|endpoint| endpoint.is_up())
            .min_by_key(|endpoint| {
                (
                    tried.contains(&endpoint.address()),
                    endpoint.is_suspected(),
                    endpoint.in_flight(),
                )
            })
    }

    /// Makes a call on one limiter, or on others if it brings no answer.
    async fn call<T, F>(
        &self,
        method: Method,
        make: impl Fn(LimiterClient<Channel>) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let started = Instant::now();
        let deadline = started + self.timeout;
        let members = self.members.known(deadline).await;
        let Some(endpoint) = self.choose(&members, &[]) else {
            return Err(CallError::nobody().error);
        };
        let mut first = pin!(endpoint.call(method, deadline, &make));
        // What is rare is boxed: it must not make every call's future larger.
        let answer = match timeout_at(started + self.timeout / 2, &mut first).await {
            Ok(Err(failure)) if failure.try_another => {
                Box::pin(self.others(method, deadline, endpoint.address(), &make)).await
            }
            Ok(answer) => answer,
            // Others are answered on it right now: it is only this one that takes long.
            Err(_) if endpoint.heard_since(Instant::now() - self.timeout / 4) => first.await,
            Err(_) => {
                endpoint.suspect(format!("nothing was heard for {:?}", started.elapsed()));
                let other = self
                    .choose(&members, &[endpoint.address()])
                    .unwrap_or(endpoint);
                let second = other.call_afresh(method, deadline, &make);
                Box::pin(first_answer(first, second)).await
            }
        };
        answer.map_err(|failure| failure.error)
    }

    /// Makes a call on up to two more limiters, in turn, after the one at `failed` said that it
    /// cannot answer, or its connection broke. The last one is asked on a fresh connection: what
    /// broke one may have broken all.
    async fn others<T, F>(
        &self,
        method: Method,
        deadline: Instant,
        failed: SocketAddr,
        make: impl Fn(LimiterClient<Channel>) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let mut tried = vec![failed];
        loop {
            // Anew each time: the limiters may have changed because one failed.
            let members = self.members.known(deadline).await;
            let Some(endpoint) = self.choose(&members, &tried) else {
                return Err(CallError::nobody());
            };
            // A single limiter is asked twice: its connection may have ended while it was idle.
            let is_last = tried.len() + 1 >= members.len().clamp(2, MOST_TRIES);
            let answer = if is_last {
                endpoint.call_afresh(method, deadline, &make).await
            } else {
                endpoint.call(method, deadline, &make).await
            };
            match answer {
                Err(failure) if !is_last && failure.try_another => tried.push(endpoint.address()),
                answer => return answer,
            }
        }
    }

    /// Makes a call on this limiter and no other, again on a fresh connection if need be.
    async fn insist<T, F>(
        &self,
        endpoint: &Endpoint,
        method: Method,
        make: impl Fn(LimiterClient<Channel>) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let started = Instant::now();
        let deadline = started + self.timeout;
        let mut first = pin!(endpoint.call(method, deadline, &make));
        match timeout_at(started + self.timeout / 2, &mut first).await {
            Ok(Err(failure)) if failure.try_another => {
                endpoint.call_afresh(method, deadline, &make).await
            }
            Ok(answer) => answer,
            Err(_) => first_answer(first, endpoint.call_afresh(method, deadline, &make)).await,
        }
    }

    async fn check_one(&self, list: &[Check]) -> Result<Outcome, StoreError> {
        let response = self
            .call(limiter::CHECK, |mut client| async move {
                client.check(request(request_of(list))).await
            })
            .await?;
        outcome_from_wire(response, list.len())
    }

    async fn check_many(&self, lists: &[CheckList]) -> Result<Vec<Outcome>, StoreError> {
        let response = self
            .call(limiter::CHECK_BATCH, |mut client| async move {
                client.check_batch(request(batch_of(lists))).await
            })
            .await?;
        if response.responses.len() != lists.len() {
            return Err(StoreError::Protocol(format!(
                "{} answers to {} lists",
                response.responses.len(),
                lists.len()
            )));
        }
        response
            .responses
            .into_iter()
            .zip(lists)
            .map(|(answer, list)| outcome_from_wire(answer, list.len()))
            .collect()
    }
}

impl Decide for GrpcStore {
    async fn check(&self, lists: &[CheckList]) -> Result<Vec<Outcome>, StoreError> {
        match lists {
            [] => Ok(Vec::new()),
            [list] => Ok(vec![self.check_one(list).await?]),
            lists => self.check_many(lists).await,
        }
    }
}

impl Admin for GrpcStore {
    /// Every limiter is told, because each remembers refusals. One that cannot be reached remembers
    /// them until their waits end; it is an error only if that is true of all.
    async fn reset(&self, key: Bytes) -> Result<bool, StoreError> {
        let deadline = Instant::now() + self.timeout;
        let members = self.members.known(deadline).await;
        if members.is_empty() {
            return Err(StoreError::Unavailable(
                "no limiter is known: does its name have an address?".into(),
            ));
        }
        let reset = |mut client: LimiterClient<Channel>| {
            let message = v1::ResetRequest { key: key.clone() };
            async move { client.reset(request(message)).await }
        };
        let resets = members
            .iter()
            .map(|endpoint| self.insist(endpoint, limiter::RESET, reset));
        let answers = join_all(resets).await;
        let confirmed = answers.iter().any(Result::is_ok);
        let mut existed = false;
        for answer in answers {
            match answer {
                Ok(response) => existed |= response.existed,
                Err(failure) if !confirmed => return Err(failure.error),
                Err(_) => {}
            }
        }
        Ok(existed)
    }

    /// One limiter is told, and told once: a refund whose answer was lost may have been carried
    /// out, and twice would be too much. Then the others are told to forget the key's refusals; one
    /// that cannot be reached remembers them until their waits end.
    async fn refund(&self, refund: Refund) -> Result<u64, StoreError> {
        let deadline = Instant::now() + self.timeout;
        let members = self.members.known(deadline).await;
        let first = self
            .choose(&members, &[])
            .ok_or_else(|| CallError::nobody().error)?;
        let message = refund_to_wire(&refund);
        let refunded = refund_at(first, message.clone(), deadline)
            .await
            .map_err(|failure| failure.error)?
            .refunded;
        let others = members
            .iter()
            .filter(|other| other.address() != first.address() && other.is_up());
        let forget = v1::RefundRequest {
            cost: Some(0),
            ..message
        };
        join_all(others.map(|other| refund_at(other, forget.clone(), deadline))).await;
        Ok(refunded)
    }
}

/// The answer that comes first. Whoever fails leaves it to the other, until its time is up.
async fn first_answer<T>(
    mut first: Pin<&mut impl Future<Output = Result<T, CallError>>>,
    second: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    let mut second = pin!(second);
    tokio::select! {
        biased;
        answer = &mut first => match answer {
            Ok(answer) => Ok(answer),
            Err(_) => second.await,
        },
        answer = &mut second => match answer {
            Ok(answer) => Ok(answer),
            Err(_) => first.await,
        },
    }
}

fn request_of(list: &[Check]) -> v1::CheckRequest {
    v1::CheckRequest {
        checks: list.iter().map(check_to_wire).collect(),
    }
}

fn batch_of(lists: &[CheckList]) -> v1::CheckBatchRequest {
    v1::CheckBatchRequest {
        requests: lists.iter().map(|list| request_of(list)).collect(),
    }
}

async fn refund_at(
    endpoint: &Endpoint,
    message: v1::RefundRequest,
    deadline: Instant,
) -> Result<v1::RefundResponse, CallError> {
    endpoint
        .call(limiter::REFUND, deadline, |mut client| async move {
            client.refund(request(message)).await
        })
        .await
}

/// The message with the current trace in its metadata.
fn request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    if propagation::enabled() {
        propagation::inject_current(request.metadata_mut().as_mut());
    }
    request
}
