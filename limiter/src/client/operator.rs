//! An operator's side: asking one limiter at a time about its counters, and telling it to forget
//! one.
//!
//! Unlike the gateway's [`Client`](crate::Client) this hides nothing: every limiter is asked by
//! itself, because each has memories of its own, and one that does not answer is an error.

use std::time::Duration;

use bytes::Bytes;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status};
use weir_proto::limiter::v1;
use weir_proto::limiter::v1::limiter_client::LimiterClient;

use super::address::{EndpointError, parse};
use super::fit::fit_key;
use crate::check::Limit;
use crate::error::with_causes;
use crate::wire::limit_to_wire;

/// A limiter to ask.
#[derive(Debug, Clone)]
pub struct Operator {
    address: String,
    client: LimiterClient<Channel>,
    timeout: Duration,
}

/// Why a limiter did not answer as asked.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The address cannot be used.
    #[error(transparent)]
    Address(#[from] EndpointError),
    /// The name of the address is unknown.
    #[error("{address}: the name cannot be resolved: {source}")]
    Name {
        /// As it was given.
        address: String,
        /// What the resolver says.
        source: std::io::Error,
    },
    /// Nobody answers there.
    #[error(
        "{address}: no limiter answers: {why}\n\
         Is it running, and is this its gRPC address (port 8081 unless told otherwise)?"
    )]
    Unreachable {
        /// Where.
        address: String,
        /// What happened.
        why: String,
    },
    /// It answers, but not to this.
    #[error("{address}: {why}")]
    Refused {
        /// Where.
        address: String,
        /// What it said.
        why: String,
    },
}

impl Operator {
    /// The limiters at `address`, `http://host:port`: one for each address that the host's name
    /// stands for, because every one of several replicas behind a name has memories of its own.
    /// Connects when it is first asked.
    ///
    /// # Errors
    /// If the address is of another form or its name is unknown.
    pub async fn resolve(address: &str, timeout: Duration) -> Result<Vec<Self>, OperatorError> {
        let uri = parse(address)?;
        let (host, port) = (
            uri.host().unwrap_or_default(),
            uri.port_u16().unwrap_or_default(),
        );
        // An IPv6 address stands in brackets in a URL.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let found = tokio::net::lookup_host((host, port)).await;
        let mut found: Vec<_> = found
            .map_err(|source| OperatorError::Name {
                address: address.to_owned(),
                source,
            })?
            .collect();
        found.sort();
        found.dedup();
        found
            .into_iter()
            .map(|address| Self::at(&format!("http://{address}"), timeout))
            .collect()
    }

    fn at(address: &str, timeout: Duration) -> Result<Self, OperatorError> {
        let channel = Endpoint::from(parse(address)?)
            .connect_timeout(timeout)
            .connect_lazy();
        Ok(Self {
            address: address.to_owned(),
            client: LimiterClient::new(channel),
            timeout,
        })
    }

    /// `http://address:port`
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What is counted under a key, and where it stands under `limits` besides those the limiter
    /// knows of.
    ///
    /// # Errors
    /// If the limiter or its store did not answer.
    pub async fn inspect(
        &self,
        key: Bytes,
        limits: &[Limit],
    ) -> Result<v1::InspectResponse, OperatorError> {
        let limits = limits.iter().map(limit_to_wire).collect();
        let request = v1::InspectRequest {
            key: fit_key(key),
            limits,
        };
        self.call(async |mut client| client.inspect(request).await)
            .await
    }

    /// Forgets everything counted under a key, in the store and in this limiter's memory; says
    /// whether there was anything.
    ///
    /// # Errors
    /// If the limiter or its store did not confirm it.
    pub async fn reset(&self, key: Bytes) -> Result<bool, OperatorError> {
        let request = v1::ResetRequest { key: fit_key(key) };
        Ok(self
            .call(async |mut client| client.reset(request).await)
            .await?
            .existed)
    }

    /// The keys that this limiter saw and refused most.
    ///
    /// # Errors
    /// If the limiter did not answer, or does not count keys.
    pub async fn top(&self, keys: u32) -> Result<v1::TopResponse, OperatorError> {
        self.call(async |mut client| client.top(v1::TopRequest { keys }).await)
            .await
    }

    async fn call<T>(
        &self,
        make: impl AsyncFnOnce(LimiterClient<Channel>) -> Result<Response<T>, Status>,
    ) -> Result<T, OperatorError> {
        let address = self.address.clone();
        match tokio::time::timeout(self.timeout, make(self.client.clone())).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(failure(address, &status)),
            Err(_) => Err(OperatorError::Unreachable {
                address,
                why: format!("no answer within {:?}", self.timeout),
            }),
        }
    }
}

fn failure(address: String, status: &Status) -> OperatorError {
    let why = status.message().to_owned();
    match status.code() {
        Code::Unimplemented => {
            let why = "it does not know this question: it is an older limiter, or something else"
                .to_owned();
            OperatorError::Refused { address, why }
        }
        // Whoever made it up himself has a cause: a connection that failed.
        _ if std::error::Error::source(status).is_some() => OperatorError::Unreachable {
            address,
            why: with_causes(status),
        },
        _ => OperatorError::Refused { address, why },
    }
}
